"""The exceptions of this room."""

from __future__ import annotations


class PostgresTrouble(Exception):
    """The embedded server cannot be prepared or started; the message is a sentence for the person who runs z2d."""


class ProgramsMissing(PostgresTrouble):
    """This machine has no pg_dump and pg_restore that fit the server."""


class ProgramFailed(PostgresTrouble):
    """pg_dump or pg_restore ended with an error; the message is what it said last."""


class ScratchRefused(PostgresTrouble):
    """The server does not let us make a database beside ours."""
