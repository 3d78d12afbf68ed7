"""The published contract: what travels between the daemon, the command line and anybody's program.

This room imports nothing of z2, so a client may depend on it alone. Importing the package costs nothing:
`errors`, `reasons` and `places` use the standard library only; the models (`jobs`, `library`, `events`,
`service`) load pydantic.
"""
