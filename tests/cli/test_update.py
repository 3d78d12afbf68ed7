"""`z2ctl update-yt-dlp` in an environment of its own, with the real yt-dlp packed into wheels in a local folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from tests.cli.conftest import Z2ctl
from tests.support import ROOT
from z2ctl.cli import update
from z2ctl.cli.update import CannotUpdate, installer

OLD, NEW, BROKEN = "2026.7.4", "2099.1.1", "2099.2.2"


def test_where_nothing_should_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CannotUpdate, match="belong to its package manager"):
        installer(Path(sys.base_prefix))


def test_what_installs_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """pip of the environment, else uv, else a pip of the machine that is told of the environment."""
    own = tmp_path / "venv"
    monkeypatch.setattr(update, "find_spec", lambda name: object())
    assert installer(own)[:3] == [sys.executable, "-m", "pip"]
    monkeypatch.setattr(update, "find_spec", lambda name: None)
    monkeypatch.setattr(update.shutil, "which", lambda name: f"/usr/bin/{name}" if name == "uv" else None)
    assert installer(own)[:3] == ["/usr/bin/uv", "pip", "install"]
    assert sys.executable in installer(own)
    monkeypatch.setattr(update.shutil, "which", lambda name: sys.executable if name == "pip3" else None)
    monkeypatch.setattr(update, "_run", lambda argv, timeout_s: "")
    assert installer(own)[1:3] == ["--python", sys.executable]
    monkeypatch.setattr(update, "_run", lambda argv, timeout_s: "no such option: --python")
    with pytest.raises(CannotUpdate, match="neither pip nor uv"):
        installer(own)


def test_without_the_right_to_write_nothing_happens(monkeypatch: pytest.MonkeyPatch, z2ctl: Z2ctl) -> None:
    monkeypatch.setattr(update.os, "access", lambda path, mode: False)
    ended = z2ctl("update-yt-dlp")
    assert ended.code == 5
    assert "belongs to another account" in ended.err


def wheel(folder: Path, version: str, *, broken: bool = False) -> None:
    """The yt-dlp of this environment as a wheel that says it is `version`; `broken`: it cannot be imported."""
    found = metadata.distribution("yt-dlp")
    own = f"yt_dlp-{version}.dist-info"
    with zipfile.ZipFile(folder / f"yt_dlp-{version}-py3-none-any.whl", "w") as packed:
        for file in found.files or ():
            source = Path(str(found.locate_file(file)))
            if file.parts[0] != "yt_dlp" or source.suffix != ".py":
                continue
            text = source.read_text(encoding="utf-8")
            if str(file) == "yt_dlp/version.py":
                text = text.replace(f"'{text.split(chr(39))[1]}'", f"'{version}'", 1)
            if broken and str(file) == "yt_dlp/__init__.py":
                text = "raise ImportError('this release forgot a file')\n"
            packed.writestr(str(file), text)
        packed.writestr(
            f"{own}/METADATA", f"Metadata-Version: 2.1\nName: yt-dlp\nVersion: {version}\nProvides-Extra: default\n"
        )
        packed.writestr(
            f"{own}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        packed.writestr(f"{own}/RECORD", "")


@pytest.mark.slow
def test_forward_and_back(tmp_path: Path) -> None:
    """Old to new; a release that is broken is taken out again; what is newest stays."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    wheel(shelf, OLD)
    place = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True, timeout=60)
    [packages] = place.glob("lib/python*/site-packages")
    # what yt-dlp and z2 need comes from this environment, behind whatever is installed in the new one
    (packages / "beside.pth").write_text(
        "\n".join([str(ROOT), *[path for path in sys.path if "site-packages" in path]])
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("Z2_", "PIP_", "VIRTUAL_ENV"))}
    pip_settings = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(shelf), "PIP_NO_COMPILE": "1"}
    places = {"Z2_STATE_DIR": str(tmp_path / "state"), "Z2_SOCKET": str(tmp_path / "none.sock")}
    environment = kept | pip_settings | places

    def run(*words: str) -> dict[str, object]:
        ended = subprocess.run(
            [place / "bin/python", *words],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )
        assert ended.stdout, ended.stderr
        return {"code": ended.returncode, **json.loads(ended.stdout.splitlines()[-1])}

    def installed() -> list[str]:
        return sorted(path.name for path in packages.glob("*yt*dlp*"))

    pip = [place / "bin/python", "-m", "pip", "install", "--quiet", "--no-deps", "--ignore-installed", f"yt-dlp=={OLD}"]
    subprocess.run(pip, env=environment, check=True, timeout=100)
    update_it = ("-m", "z2ctl", "update-yt-dlp", "--json")
    assert run(*update_it) == {"code": 0, "before": OLD, "after": OLD, "error": "", "daemon": None}
    wheel(shelf, NEW)
    assert run(*update_it) == {"code": 0, "before": OLD, "after": NEW, "error": "", "daemon": None}
    wheel(shelf, BROKEN, broken=True)
    said = run(*update_it)
    assert (said["code"], said["before"], said["after"]) == (1, NEW, NEW)
    assert "this release forgot a file" in str(said["error"])
    assert installed() == ["yt_dlp", f"yt_dlp-{NEW}.dist-info"]
    assert run(*update_it, "--to", OLD)["after"] == OLD, "an older one, when a person names it"
    said = run(*update_it, "--to", "1999.1.1")
    assert (said["code"], said["after"]) == (1, OLD)
