"""`z2ctl update-yt-dlp`: a newer yt-dlp into the environment that z2 runs in, and back where it does not work.

The daemon needs no restart: it looks at the disk before each step of a job, and children that were warmed with the
former one are replaced. What runs ends with what it began with.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import click

from z2ctl.cli.app import DONE, FAILED, REFUSED, App, leave
from z2ctl.cli.output import say
from z2ctl.cli.parameters import json_option
from z2d.wire import errors

INSTALL_S = 900
TRY_S = 60
PARTS = ("yt_dlp", "yt_dlp-*.dist-info", "yt_dlp_ejs", "yt_dlp_ejs-*.dist-info")
_PIP = ("--disable-pip-version-check", "install", "--quiet", "--upgrade")
_VERSION = "import importlib.metadata as m; print(m.version('yt-dlp'))"
_TRY = (
    "import yt_dlp, yt_dlp.extractor\n"
    "with yt_dlp.YoutubeDL({'quiet': True}) as ydl:\n"
    "    ydl.get_info_extractor('Generic')\n"
    "print(yt_dlp.version.__version__)"
)


class CannotUpdate(Exception):
    """Nothing was changed; the message says why, and what helps."""


@click.command("update-yt-dlp")
@click.option("--to", "wanted", metavar="VERSION", help="Exactly this version, also an older one. Default: the newest.")
@json_option
@click.pass_obj
def update_yt_dlp_command(app: App, wanted: str | None) -> None:
    """Install the newest yt-dlp beside z2. One that does not work is taken out again. No job is disturbed."""
    try:
        with _alone(_folder()) as folder:
            before = _asked(_VERSION)
            error = _replace(folder, wanted)
            after = _asked(_VERSION)
    except CannotUpdate as refused:
        say(refused)
        leave(REFUSED)
    daemon = _of_daemon(app)
    if app.out.as_json:
        app.out.json({"before": before, "after": after, "error": error, "daemon": daemon})
    elif error:
        say(f"yt-dlp {before} stays: {error}")
    elif before == after:
        say(f"yt-dlp {after} is the newest already." if wanted is None else f"yt-dlp {after} is what is installed.")
    else:
        say(f"yt-dlp {before} -> {after}. Jobs that start now use it; z2d goes on.")
    if not error and daemon not in (None, after):
        say(f"The z2d that answers has yt-dlp {daemon}: it runs in another environment. Update it there.")
    leave(FAILED if error else DONE)


def _replace(folder: Path, wanted: str | None) -> str:
    """Install and try it; where it does not work everything is as before. Gives what went wrong, or nothing."""
    argv = [*installer(Path(sys.prefix)), f"yt-dlp[default]{f'=={wanted}' if wanted else ''}"]
    with tempfile.TemporaryDirectory(prefix=".z2-yt-dlp-", dir=folder) as name:
        kept = Path(name)
        for part in _parts(folder):
            shutil.copytree(part, kept / part.name, symlinks=True)
        error = _run(argv, INSTALL_S) or _run([sys.executable, "-I", "-c", _TRY], TRY_S)
        if error:
            for part in _parts(folder):
                shutil.rmtree(part)
            for part in kept.iterdir():
                part.rename(folder / part.name)
    return error


def installer(prefix: Path) -> list[str]:
    """The words before a package's name that install the newest of it beside this program.

    Raises CannotUpdate where nothing can, or where nothing should.
    """
    if prefix == Path(sys.base_prefix):
        raise CannotUpdate(
            "z2 lies in the Python of the system, whose packages belong to its package manager: update yt-dlp with "
            "that, or install z2 by pipx or uv."
        )
    if find_spec("pip"):
        return [sys.executable, "-m", "pip", *_PIP]
    # neither uv's tools nor the Debian package have a pip of their own
    if uv := shutil.which("uv"):
        return [uv, "pip", "install", "--quiet", "--python", sys.executable, "--upgrade-package", "yt-dlp"]
    if (pip := shutil.which("pip3")) and not _run([pip, "--python", sys.executable, "--version"], TRY_S):
        return [pip, "--python", sys.executable, *_PIP]
    raise CannotUpdate("There is neither pip nor uv to do it with: apt install python3-pip, or install uv.")


def _folder() -> Path:
    """Where yt-dlp lies. Raises CannotUpdate where it is missing, or belongs to somebody else."""
    spec = find_spec("yt_dlp")
    if spec is None or spec.origin is None:
        raise CannotUpdate("yt-dlp is not installed beside z2ctl: it is part of z2, so install z2 again.")
    folder = Path(spec.origin).parent.parent
    if not os.access(folder, os.W_OK):
        raise CannotUpdate(f"{folder} belongs to another account: run it as that account, or with sudo.")
    return folder


def _parts(folder: Path) -> list[Path]:
    """yt-dlp and the scripts it brings for YouTube: what an update replaces."""
    return [path for pattern in PARTS for path in folder.glob(pattern)]


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[Path]:
    """Only one update at a time. Raises CannotUpdate."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield folder
    except BlockingIOError:
        raise CannotUpdate("Another update is under way.") from None
    finally:
        os.close(handle)


def _asked(program: str) -> str:
    """What another Python of this environment prints: this one remembers what it has seen of packages."""
    ended = subprocess.run(
        [sys.executable, "-I", "-c", program], capture_output=True, text=True, timeout=TRY_S, check=False
    )
    return ended.stdout.strip() or "missing"


def _run(argv: list[str], timeout_s: float) -> str:
    """Run a program; what it complained of last where it failed, else nothing."""
    try:
        ended = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired:
        return f"{Path(argv[0]).name} took longer than {timeout_s:g} s"
    except OSError as error:
        return f"{argv[0]}: {error.strerror}"
    lines = (ended.stderr.strip() or ended.stdout.strip() or "it failed without a word").splitlines()
    return lines[-1] if ended.returncode else ""


def _of_daemon(app: App) -> str | None:
    """The yt-dlp that the daemon's next job will use; None where no daemon answers."""
    try:
        return str(app.client.version()["yt_dlp"])
    except errors.Z2Error:
        return None
