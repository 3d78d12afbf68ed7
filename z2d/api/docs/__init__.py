"""The readable page of the API, `GET /api/docs`: HTML made from the OpenAPI document, without a script and without a
second request. `page` puts it together, `shapes` says in words what a schema is, `style.css` is how it looks.
"""
