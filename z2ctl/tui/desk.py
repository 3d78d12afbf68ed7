"""What every screen may ask of the app: what is known, why something is not possible, and to do it.

`Desk` is the app without its wiring: cancel, retry, copy, submit are the same wherever they are asked for. Screens
are given it and nothing else.
"""

from __future__ import annotations

from z2ctl.tui.deeds import Deeds
from z2ctl.tui.queueing import Queueing
from z2ctl.tui.submitting import Submitting
from z2ctl.tui.taking import Taking


class Desk(Submitting, Deeds, Queueing, Taking):
    """See the module."""
