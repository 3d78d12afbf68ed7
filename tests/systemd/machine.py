"""A machine to try z2 on: a Debian with a real systemd as its first process, in a container without a network.

Its folder is made once (`base`), and every machine is a writable layer over it, thrown away at the end; within the
layer's life it can be switched off and on again. Needs root, systemd-container and mmdebstrap.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from tests.support import ROOT

T = TypeVar("T")
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "z2"
CARRIED = CACHE / "carried"  # what one machine leaves for the next
PACKAGES = (
    "systemd", "systemd-sysv", "dbus", "libpam-systemd", "libnss-systemd", "procps", "iproute2", "sudo", "python3",
    "python3-venv", "postgresql", "ffmpeg", "nginx-light", "curl", "openssl", "man-db", "bash-completion", "zsh",
    "fish",
)  # fmt: skip
SOURCES = ("/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list")
# without these two, IPAddressDeny= would be accepted and not enforced
ENFORCE_ADDRESSES = ("--capability=all", "--system-call-filter=bpf @keyring")
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root",
               "LANG": "C.UTF-8", "TERM": "xterm"}  # fmt: skip
BOOT_S = 180.0
OFF_S = 60.0


class NotHere(Exception):
    """This computer lacks what the machine needs; the message says what."""


def base() -> Path:
    """The folder of the plain Debian, made when it is missing (about two minutes)."""
    for program in ("mmdebstrap", "systemd-nspawn", "nsenter", "ar"):
        if not shutil.which(program):
            raise NotHere(f"{program} is missing: install mmdebstrap, systemd-container, binutils")
    if os.geteuid():
        raise NotHere("only root can start a container")
    release = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line).get(
        "VERSION_CODENAME", ""
    )
    sources = next((path for path in map(Path, SOURCES) if path.exists()), None)
    if not release or sources is None:
        raise NotHere("the packages come from Debian's archive, and this computer has no sources for it")
    mark = hashlib.sha256(" ".join((release, *PACKAGES)).encode()).hexdigest()[:12]
    folder = CACHE / f"systemd-root-{mark}"
    if not folder.exists():
        part = folder.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        part.parent.mkdir(parents=True, exist_ok=True)
        print(f"making {folder} ...", flush=True)
        command = ["mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", f"--include={','.join(PACKAGES)}"]
        subprocess.run([*command, release, part, sources], check=True, timeout=1200)
        for service in ("postgresql", "nginx"):  # there, but not before a test wants them
            (part / f"etc/systemd/system/{service}.service").symlink_to("/dev/null")
        part.rename(folder)
    return folder


def wheels() -> Path:
    """A folder with the wheels of everything that z2[standalone] stands on: the machine has no network."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = [project["dependencies"], *[project["optional-dependencies"][name] for name in ("standalone", "publish")]]
    constraints = ROOT / "constraints.txt"
    [version] = [path.name.removeprefix("python") for path in (base() / "usr/bin").glob("python3.[0-9]*[0-9]")]
    mark = hashlib.sha256(f"{version} {needed} {constraints.read_text()}".encode()).hexdigest()[:12]
    folder = CACHE / f"wheels-{mark}"
    if not folder.exists():
        part = folder.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        print(f"collecting wheels in {folder} ...", flush=True)
        pip = [sys.executable, "-m", "pip", "download", "-qqq", "--only-binary=:all:", "--python-version", version]
        own = f"{wheel()}[standalone]"
        subprocess.run([*pip, "--constraint", constraints, "--dest", part, own], check=True, timeout=1200)
        (part / wheel().name).unlink()  # that of this moment is what is tried
        part.rename(folder)
    return folder


def wheel() -> Path:
    """The wheel that is tried: `make wheel` has put it there."""
    found = sorted((ROOT / "dist").glob("z2-*.whl"))
    if len(found) != 1:
        raise NotHere("there must be one wheel in dist: make wheel")
    return found[0]


def package() -> Path:
    """The Debian package that is tried: `make deb` has put it there."""
    found = sorted((ROOT / "dist").glob("z2_*-1_*.deb"))
    if len(found) != 1:
        raise NotHere("there must be one Debian package in dist: make deb")
    return found[0]


class Machine:
    """One machine, switched off. What is done to it stays until the `with` that made it ends."""

    def __init__(self, folder: Path, binds: Mapping[Path, str]) -> None:
        self.root = folder / "root"
        self._folder = folder
        self._binds = binds
        self._leader = 0
        self._nspawn: subprocess.Popen[bytes] | None = None

    # ------------------------------------------------------------------ on and off

    def on(self) -> None:
        """Switch it on, and wait until it has started everything it starts by itself."""
        binds = [f"--bind-ro={outside}:{inside}" for outside, inside in self._binds.items()]
        with (self._folder / "console").open("ab") as console:
            self._nspawn = subprocess.Popen(
                ["systemd-nspawn", "--quiet", "--directory", self.root, "--boot", "--register=no", "--keep-unit",
                 f"--machine=z2-{os.getpid()}", "--console=pipe", "--private-network", *ENFORCE_ADDRESSES, *binds],
                stdin=subprocess.DEVNULL, stdout=console, stderr=console,
            )  # fmt: skip
        self.wait(self._started, "a started system", BOOT_S)

    def _started(self) -> bool:
        """Whether its systemd has done its work. The first children of nspawn only prepare the container."""
        assert self._nspawn is not None
        for child in Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children").read_text().split():
            with suppress(OSError):
                if Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
                    self._leader = int(child)
        if not self._leader:
            return False
        return self.try_run("systemctl is-system-running").stdout.strip() in {"running", "degraded"}

    def off(self) -> None:
        """Switch it off as a person would; pull the plug where it does not go off."""
        if self._nspawn is None:
            return
        try:
            if self._leader:
                self.try_run("systemctl --no-block poweroff")
            self._nspawn.wait(OFF_S)
        except subprocess.TimeoutExpired:
            os.kill(self._leader or self._nspawn.pid, signal.SIGKILL)
            self._nspawn.wait(OFF_S)
        self._nspawn, self._leader = None, 0

    # ------------------------------------------------------------------ use

    def try_run(
        self, command: str, *, user: str = "root", folder: str = "/", within: float = 120, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a line of shell on it; what came of it, whatever that is."""
        words = ["bash", "-c", f"cd {folder} || exit\n{command}"]
        if user != "root":
            words = ["runuser", "-u", user, "--", "env", f"HOME=/home/{user}", *words]
        return subprocess.run(
            ["nsenter", "--target", str(self._leader), "--all", *words],
            env=ENVIRONMENT, input=stdin, stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True, text=True, errors="replace", timeout=within, check=False,
        )  # fmt: skip

    def run(
        self, command: str, *, user: str = "root", folder: str = "/", within: float = 120, stdin: str | None = None
    ) -> str:
        """Run a line of shell that must succeed; what it printed."""
        done = self.try_run(command, user=user, folder=folder, within=within, stdin=stdin)
        assert done.returncode == 0, f"{command!r} ended with {done.returncode}: {(done.stderr or done.stdout)[-2000:]}"
        return done.stdout.strip()

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Put a file on it."""
        self.run(f"install -D -m {mode:o} /dev/stdin {shlex.quote(path)}", stdin=text)

    def shows(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self.run(f"systemctl show --value --property={name} {unit}")

    def journal(self, unit: str) -> str:
        """All that a unit has said since it was switched on."""
        return self.run(f"journalctl --no-pager --output=cat --boot --unit={unit}")

    @staticmethod
    def wait(ask: Callable[[], T], what: str, within: float = 60.0) -> T:
        """Ask until the answer is true."""
        end = time.monotonic() + within
        while not (answer := ask()):
            assert time.monotonic() < end, f"{what} did not come within {within:.0f} s"
            time.sleep(0.1)
        return answer


@contextmanager
def machine(binds: Mapping[Path, str]) -> Iterator[Machine]:
    """A fresh machine for the time of the block. `binds`: folders of ours that it sees, and where."""
    lower = base()
    folder = Path(tempfile.mkdtemp(prefix="z2-machine-", dir=CACHE))
    try:
        for name in ("root", "upper", "work"):
            (folder / name).mkdir()
        layers = f"lowerdir={lower},upperdir={folder}/upper,workdir={folder}/work"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", layers, folder / "root"], check=True, timeout=30)
        try:
            made = Machine(folder, binds)
            try:
                made.on()
                yield made
            finally:
                made.off()
        finally:
            subprocess.run(["umount", folder / "root"], check=True, timeout=30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
