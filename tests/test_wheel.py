"""The wheel, built and opened: all that a machine without a checkout needs is in it, and where the Debian package
expects it. The package itself is tried by make systemd-test.
"""

from __future__ import annotations

import runpy
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support import ROOT

pytest.importorskip("hatchling", reason="hatchling builds the wheel")

DATA = "z2-{}.data/data/share"
CARRIED = [
    "z2d/schema.sql",
    "z2ctl/sample/ask-not.mp4",
    "z2ctl/sample/SOURCE.md",
    "{share}/man/man1/z2ctl.1",
    "{share}/man/man1/z2d.1",
    "{share}/man/man5/z2.toml.5",
    "{share}/bash-completion/completions/z2ctl",
    "{share}/zsh/site-functions/_z2ctl",
    "{share}/fish/vendor_completions.d/z2ctl.fish",
    *[f"{{share}}/z2/systemd/{path.name}" for path in sorted((ROOT / "systemd").iterdir())],
]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=ROOT, capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    [found] = folder.glob("*.whl")
    return found


def test_it_carries_what_is_no_code(wheel: Path) -> None:
    version = wheel.name.split("-")[1]
    with zipfile.ZipFile(wheel) as opened:
        sizes = {one.filename: one.file_size for one in opened.infolist()}
    for name in CARRIED:
        assert sizes.get(name.format(share=DATA.format(version)), 0) > 0, name
    assert sizes["z2d/schema.sql"] == (ROOT / "schema.sql").stat().st_size


def test_it_carries_every_module_and_nothing_of_the_tests(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        names = set(opened.namelist())
    kept = {path.relative_to(ROOT).as_posix() for room in ("z2d", "z2ctl") for path in (ROOT / room).rglob("*.py")}
    assert kept <= names
    assert not [name for name in names if name.startswith(("tests", "docs", "bench"))]


def test_the_debian_package_finds_what_it_puts_elsewhere(wheel: Path) -> None:
    version = wheel.name.split("-")[1]
    with zipfile.ZipFile(wheel) as opened:
        names = set(opened.namelist())
    places = runpy.run_path(str(ROOT / "debian/build.py"))["PLACES"]
    for inside in places:
        assert inside.replace("opt/z2/share", DATA.format(version)) in names, inside
    carried = {name.rpartition("/")[2] for name in names if "/share/" in name}
    assert carried == {inside.rpartition("/")[2] for inside in places}, "the package would lose some of it"


@pytest.mark.parametrize("script", ["postinst", "prerm", "postrm"])
def test_the_debian_scripts_are_shell_and_stop_at_the_first_fault(script: str) -> None:
    path = ROOT / "debian" / script
    subprocess.run(["sh", "-n", path], check=True, timeout=10)
    assert "\nset -e\n" in path.read_text()
