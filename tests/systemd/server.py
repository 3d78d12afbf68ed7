"""z2 on a machine, used as a person uses it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tests.support import ROOT
from tests.systemd.machine import Machine

PERSON = "alice"  # a member of the group z2
STRANGER = "bob"
SITE = "http://127.0.0.1:8641/ask-not.html"
SITE_PROGRAM = """import time
from z2ctl.sample import site
with site.serve():
    time.sleep(1e9)
"""
SITE_UNIT = """[Service]
ExecStart=/opt/z2/bin/python /usr/local/lib/sample-site.py
[Install]
WantedBy=multi-user.target
"""
STAGES = ["metadata", "download", "audio", "transcript", "analysis", "publishing"]


class Server:
    """A machine on which z2 is, or is about to be, installed."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        for name in (PERSON, STRANGER):
            machine.run(f"useradd --create-home {name}")

    def open_site(self) -> None:
        """Serve the sample clip on this machine, and let z2 fetch from it."""
        self.machine.write("/usr/local/lib/sample-site.py", SITE_PROGRAM)
        self.machine.write("/etc/systemd/system/sample-site.service", SITE_UNIT)
        self.machine.run("systemctl daemon-reload && systemctl enable --now sample-site")
        self.machine.wait(lambda: not self.machine.try_run(f"curl -sf {SITE}").returncode, "the sample's site")

    def settings(self, text: str) -> None:
        """Write z2.toml."""
        self.machine.write("/etc/z2/z2.toml", f"allow_private_networks = true\n{text}")

    def z2ctl(self, words: str, *, user: str = PERSON) -> str:
        """What `z2ctl words` prints to somebody."""
        return self.machine.run(f"z2ctl {words}", user=user)

    def submit(self) -> int:
        """A new job for the sample clip; its id."""
        return int(json.loads(self.z2ctl(f"submit --json --force {SITE}"))["id"])

    def job(self, number: int) -> dict[str, Any]:
        """All that is known of a job."""
        return dict(json.loads(self.z2ctl(f"show --json {number}")))

    def running(self, number: int) -> None:
        """Wait until the job has been begun."""
        self.machine.wait(lambda: self.job(number)["status"] == "RUNNING", f"the beginning of job {number}")

    def completed(self, number: int, within: float = 120) -> dict[str, Any]:
        """Wait until the job is done; it must have gone well."""
        final = {"COMPLETED", "FAILED", "CANCELLED"}
        job = self.machine.wait(lambda: found if (found := self._seen(number))["status"] in final else None,
                                f"the end of job {number}", within)  # fmt: skip
        assert job is not None
        assert job["status"] == "COMPLETED", json.dumps(job["error"])
        return job

    def _seen(self, number: int) -> dict[str, Any]:
        """The job, or nothing of it while the daemon starts."""
        done = self.machine.try_run(f"z2ctl show --json {number}", user=PERSON)
        return dict(json.loads(done.stdout)) if done.returncode == 0 else {"status": "?"}

    def pid(self, unit: str = "z2d") -> int:
        """The daemon's process."""
        return int(self.machine.shows(unit, "MainPID"))

    def active(self, unit: str = "z2d", within: float = 60) -> None:
        """Wait until the service is ready."""
        self.machine.wait(lambda: self.machine.shows(unit, "ActiveState") == "active", f"{unit} active", within)

    def processes(self) -> list[str]:
        """The programs that run as z2."""
        return self.machine.try_run("ps -u z2 -o pid=,args=").stdout.splitlines()

    def restart_marks(self) -> int:
        """How often the embedded PostgreSQL found that it had not been stopped in order."""
        return self.machine.run("cat /var/lib/z2/postgres/server.log*").count("automatic recovery")


def readme_commands() -> list[str]:
    """The lines that README tells to type on a server, in their order: those of the block that makes /opt/z2."""
    section = (ROOT / "README.md").read_text().split("## On a server", 1)[1].split("\n## ", 1)[0]
    [block] = [block for block in re.findall(r"```sh\n(.*?)```", section, re.DOTALL) if "venv /opt/z2" in block]
    return [line for line in block.splitlines() if line.strip()]


def unit(name: str) -> str:
    """The text of a unit as it is shipped."""
    return Path(ROOT / "systemd" / name).read_text()
