"""Opens the dashboard at a socket, as `z2ctl tui` does: `python -m tests.tui.start SOCKET [flags of run]`."""

from __future__ import annotations

import sys
from pathlib import Path

from z2ctl.client import Endpoint
from z2ctl.tui.app import run

if __name__ == "__main__":
    flags = {name.lstrip("-").replace("-", "_"): True for name in sys.argv[2:]}
    if flags.pop("no_mouse", False):
        flags["mouse"] = False
    sys.exit(run(lambda: Endpoint(socket=Path(sys.argv[1])), **flags))  # type: ignore[arg-type]
