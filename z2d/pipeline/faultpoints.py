"""Places where a test can kill the process: `Z2_CRASH_AT=stage:point`.

Points: `start` (before the stage does anything), `mid` (inside it, when there is something unfinished on disk) and
`done` (its files are in place, the database does not know yet). Speech to text has `chunk1`, `chunk2` ... besides:
that many are recognised and kept. The process gets SIGKILL, as from an out-of-memory killer, so nothing is cleaned
up. Unset, a call costs one dictionary look-up.
"""

from __future__ import annotations

import os
import signal

from z2d.wire.jobs import StageName

VARIABLE = "Z2_CRASH_AT"


def reached(stage: StageName, point: str) -> None:
    """Die here, if that is what the environment asks for."""
    if os.environ.get(VARIABLE) == f"{stage.value}:{point}":
        os.kill(os.getpid(), signal.SIGKILL)
