"""The units as they are shipped: systemd understands them, and they keep the service as shut in as they say."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support import ROOT

UNITS = ROOT / "systemd"
SERVICES = sorted(UNITS.glob("*.service"))
HIGHEST_EXPOSURE = 12  # tenths; what Debian's redis has, the best of its well-known services

needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not here")


def directives(unit: Path) -> dict[str, list[str]]:
    """The values of each directive of `[Service]`, in their order."""
    [section] = re.findall(r"^\[Service\]\n(.*?)(?=^\[|\Z)", unit.read_text(), re.MULTILINE | re.DOTALL)
    found: dict[str, list[str]] = {}
    for line in section.splitlines():
        if line and not line.startswith("#"):
            name, value = line.split("=", 1)
            found.setdefault(name, []).append(value)
    return found


@needs_systemd
@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_a_service_is_exposed_no_more_than_it_must_be(unit: Path) -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", f"--threshold={HIGHEST_EXPOSURE}", "--no-pager", str(unit)],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert "Overall exposure level" in done.stdout, done.stderr
    assert done.returncode == 0, done.stdout.splitlines()[-1]


@needs_systemd
def test_systemd_finds_nothing_wrong_with_them(tmp_path: Path) -> None:
    """It looks for the program of each service too, so one that is on this machine stands in for z2d."""
    names = []
    for unit in UNITS.glob("z2d*"):
        if unit.suffix in {".service", ".timer"}:
            named = tmp_path / unit.name.replace("@.", "@1.")
            named.write_text(unit.read_text().replace("ExecStart=z2d", f"ExecStart={shutil.which('true')}"))
            names.append(str(named))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *names],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert len(names) == 4


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_all_are_shut_in_alike(unit: Path) -> None:
    """Only how they run differs, not what they may touch."""
    own = {"Type", "NotifyAccess", "ExecStart", "ExecReload", "Restart", "RestartSec", "RestartPreventExitStatus",
           "TimeoutStartSec", "WatchdogSec", "TimeoutAbortSec", "StateDirectory", "RuntimeDirectory", "ReadWritePaths",
           "RuntimeDirectoryMode", "ConfigurationDirectory", "Environment", "Nice", "IOSchedulingClass"}  # fmt: skip
    main, other = directives(UNITS / "z2d.service"), directives(unit)
    assert {name: value for name, value in other.items() if name not in own} == {
        name: value for name, value in main.items() if name not in own
    }


def test_a_stop_tells_the_daemon_alone_and_leaves_nothing() -> None:
    for unit in SERVICES:
        assert directives(unit)["KillMode"] == ["mixed"]
        assert "SendSIGKILL" not in directives(unit)


def test_wrong_settings_are_not_tried_again_and_again() -> None:
    for unit in SERVICES:
        assert "78" in directives(unit)["RestartPreventExitStatus"][0].split()
