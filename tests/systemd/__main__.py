"""`make systemd-test`: z2 on machines of its own; prints what held, and ends with 1 if something did not.

python -m tests.systemd [NAME ...]    only these parts: service, package, elsewhere
"""

from __future__ import annotations

import signal
import sys

from tests.support import ROOT
from tests.systemd import steps_around, steps_package, steps_service
from tests.systemd.machine import CARRIED, NotHere, machine, wheels
from tests.systemd.server import Server
from tests.systemd.table import Table

PARTS = {
    "service": (steps_service.STEPS, steps_around.STEPS),
    "package": (steps_package.STEPS,),
    "elsewhere": (steps_package.ELSEWHERE,),
}
PIP = "[global]\nno-index = true\nfind-links = /wheels\n"


def main(wanted: list[str]) -> int:
    """Run the parts; the exit code."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # a machine must not stay behind
    table = Table()
    try:
        CARRIED.mkdir(parents=True, exist_ok=True)
        binds = {ROOT: "/z2", ROOT / "dist": "/packages", wheels(): "/wheels", CARRIED: "/carried"}
        for name, groups in PARTS.items():
            if wanted and name not in wanted:
                continue
            with machine(binds) as made:
                made.write("/etc/pip.conf", PIP)
                server = Server(made)
                for steps in groups:
                    table.run(steps, server)
    except NotHere as missing:
        print(f"make systemd-test cannot run here: {missing}", file=sys.stderr)
        return 2
    return 0 if table.show() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
