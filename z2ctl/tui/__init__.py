"""The dashboard: a full-screen view of z2 that one keeps open all day, over SSH, on any size of terminal.

`app.run()` is its only door. State flows down, messages flow up: `feed` speaks to the daemon and posts messages,
`state` holds what is known without knowing Textual, screens and widgets draw it. Nothing moves unless data changed.
"""
