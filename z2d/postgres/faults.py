"""The one exception of this room."""

from __future__ import annotations


class PostgresTrouble(Exception):
    """The embedded server cannot be prepared or started; the message is a sentence for the person who runs z2d."""
