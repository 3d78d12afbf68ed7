"""Backups with proof: made from one snapshot, verified by restoring them, restored on any machine.

A backup is a dump and a manifest beside it. This room works on the address of a database, whoever runs the server, and
on folders of this machine; `z2d.daemon.backups` finds both.

- `folder`: where backups lie, what they are called, and which of them go.
- `manifest`: what was in the database, said so that no changed byte goes unnoticed.
- `media`: the files that belong to it: listed, copied or linked.
- `create`, `verify`, `restore`: what a person asks for.
"""
