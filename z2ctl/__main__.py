"""`z2ctl`, and `python -m z2ctl`."""

from __future__ import annotations

import sys


def main() -> int:
    """Run one command; the exit code is that of the contract (see `z2ctl.cli.app`)."""
    from z2ctl.cli.app import run

    return run()


if __name__ == "__main__":
    sys.exit(main())
