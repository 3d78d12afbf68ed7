"""The one place where the parts meet: opened in order, run together, closed in reverse.

- `serve`: the whole daemon, a worker alone, a migration alone: what the commands of `z2d` run.
- `database`: our own server or a named one, waited for and brought to the newest schema.
- `places`: the listening sockets, bound before anything else so that a taken place is said at once.
- `state`: the state folder, its lock, the mark of the installation, the token.
- `life`: signals, exit codes, and services that must not end.
- `notify`, `logs`, `trouble`: words for systemd, for the journal, and for a person.

Rooms below take plain values; `Settings` ends here.
"""
