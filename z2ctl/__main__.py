"""`z2ctl`, and `python -m z2ctl`: the one place where command line and dashboard meet."""

from __future__ import annotations

import sys
from typing import Any


def main() -> int:
    """Run one command; the exit code is that of the contract (see `z2ctl.cli.app`)."""
    from z2ctl.cli.app import Neighbour, run

    return run(neighbour=Neighbour(_dashboard, _keys))


def _dashboard(*args: Any, **options: Any) -> int:
    """The dashboard, loaded when it is asked for: a command in a pipe must not pay for it."""
    from z2ctl.tui.app import run

    return run(*args, **options)


def _keys() -> tuple[list[tuple[str, str, str, str]], list[str]]:
    """The keys of the dashboard, likewise."""
    from z2ctl.tui.settings import key_table

    return key_table()


if __name__ == "__main__":
    sys.exit(main())
