"""The daemon's HTTP and WebSocket face: what programs and people on this machine and elsewhere may ask.

`table.py` is the one list of what can be called; the routes and the OpenAPI document are both made from it.
Entry points: `app.create_app(...)` makes the application, `serve.py` gives it listening places with limits.
"""
