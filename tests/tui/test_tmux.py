"""The dashboard in tmux in front of the real z2d: what a person does with it, from the first paste to the last q."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.harness import Daemon
from tests.site import Site, site_in_thread
from tests.support import ROOT, eventually_sync, short_tmp

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not on this machine"),
]
SIZES = [(80, 24), (120, 40), (200, 60)]


class Tmux:
    """A tmux server of its own, with its default settings."""

    def __init__(self, folder: Path, size: tuple[int, int], command: list[str], env: dict[str, str]) -> None:
        self.folder = folder
        self.env = {name: value for name, value in os.environ.items() if name != "TMUX"} | {"TMUX_TMPDIR": str(folder)}
        settings = [f"{name}={value}" for name, value in env.items()]
        self.status = folder / "status"
        # tmux sometimes overlooks the end of its child, so the shell around it writes down how it ended
        shell = [
            "env",
            *settings,
            "sh",
            "-c",
            '"$@"; echo $? > "$0.part"; mv "$0.part" "$0"',
            str(self.status),
            *command,
        ]
        self("new-session", "-d", "-x", str(size[0]), "-y", str(size[1]), "-s", "z2", *shell)
        self("set-option", "-g", "remain-on-exit", "on")

    def __call__(self, *words: str, data: str | None = None) -> str:
        done = subprocess.run(
            ["tmux", "-f", "/dev/null", *words],
            env=self.env,
            input=data,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        assert done.returncode == 0, f"tmux {words}: {done.stderr}"
        return done.stdout

    def screen(self) -> str:
        return self("capture-pane", "-p", "-t", "z2")

    def shows(self, *words: str, within: float = 60.0) -> None:
        """Wait until the screen has all the words."""
        end = time.monotonic() + within
        while not all(word in (screen := self.screen()) for word in words):
            assert time.monotonic() < end, f"{words} did not come within {within} s:\n{screen}"
            time.sleep(0.1)

    def press(self, *keys: str) -> None:
        self("send-keys", "-t", "z2", *keys)

    def paste(self, text: str) -> None:
        self("load-buffer", "-", data=text)
        self("paste-buffer", "-p", "-t", "z2")

    def ended(self) -> int | None:
        """The exit status of the dashboard; None while it runs."""
        return int(self.status.read_text()) if self.status.exists() else None

    def child(self) -> int:
        """The process id of the dashboard."""
        shell = self("display-message", "-p", "-t", "z2", "#{pane_pid}").strip()
        return int(Path(f"/proc/{shell}/task/{shell}/children").read_text())

    def close(self) -> None:
        with contextlib.suppress(AssertionError):
            self("kill-server")


@contextmanager
def in_tmux(daemon: Daemon, size: tuple[int, int]) -> Iterator[Tmux]:
    """The dashboard in a new tmux, with a home of its own."""
    with short_tmp() as folder:
        (folder / "home").mkdir()
        env = {
            "XDG_CONFIG_HOME": str(folder / "home"), "XDG_STATE_HOME": str(folder / "home"), "PYTHONPATH": str(ROOT),
            "TERM": "tmux-256color", "COLORTERM": "truecolor",
        }  # fmt: skip
        command = [sys.executable, "-m", "tests.tui.start", str(daemon.socket)]
        os.chmod(folder, 0o700)  # noqa: PTH101 - tmux refuses a folder others may enter
        tmux = Tmux(folder, size, command, env)
        try:
            yield tmux
        finally:
            tmux.close()


@pytest.fixture(scope="module")
def world() -> Iterator[tuple[Daemon, Site]]:
    """One z2d and one site for all sizes."""
    with short_tmp() as folder, site_in_thread() as site:
        daemon = Daemon(folder)
        daemon.start()
        try:
            yield daemon, site
        finally:
            if daemon.process is not None and daemon.process.poll() is not None:
                daemon.start()
            daemon.stop()


def newest(daemon: Daemon, url: str) -> int | None:
    """The id of the newest job, once that is the one of this URL."""
    found = daemon.client().jobs(limit=1)["items"][0]
    return found["id"] if found["url"] == url else None


@pytest.mark.parametrize("size", SIZES)
def test_a_day_at_the_dashboard(world: tuple[Daemon, Site], size: tuple[int, int]) -> None:
    daemon, site = world
    mark = f"s{size[0]}"
    with in_tmux(daemon, size) as tmux:
        tmux.shows("● live", within=40)

        # a URL pasted anywhere becomes a job, with progress
        slow = site.url(f"/slow.mp4?rate=60000&{mark}")
        tmux.paste(slow + "\n")
        tmux.shows("New job", "can be submitted")
        tmux.press("Enter")
        tmux.shows("Queued ")
        tmux.shows("download", "━", "%", within=60)

        # its screen, and the log that goes on
        tmux.press("Enter")
        tmux.shows("overview", "Stages")
        tmux.press("]")
        tmux.shows("following", "INFO")
        tmux.press("Escape")
        tmux.shows("STATE")

        # cancel: the safe answer first, then the other
        tmux.press("c")
        tmux.shows("Cancel this job?", "Keep running")
        tmux.press("Enter")
        eventually_sync(lambda: "Keep running" not in tmux.screen(), 10, what="enter keeps it running")
        tmux.press("c")
        tmux.shows("Cancel this job?")
        tmux.press("y")
        eventually_sync(lambda: "Active" not in tmux.screen(), 30, what="the end of the job")
        eventually_sync(lambda: "Keep running" not in tmux.screen(), 10)
        tmux.shows("⊘ cancelled", within=30)

        # another one, to its end; then its transcript
        talk = site.url(f"/speech?{mark}")
        tmux.paste(talk + "\n")
        tmux.shows("can be submitted")
        tmux.press("Enter")
        eventually_sync(lambda: "New job" not in tmux.screen(), 20, what="the form is gone")
        job = eventually_sync(lambda: newest(daemon, talk), 20, what="the job")
        eventually_sync(lambda: daemon.client().job(job)["status"] == "COMPLETED", 120, every=0.5, what="the end")
        tmux.press("g")
        tmux.shows("✓ done", str(job))
        tmux.press("Enter")
        tmux.shows("overview", "following", "INFO")  # the tab of last time; a wide list has a log beside it too
        tmux.press("[")
        tmux.shows("✓ publishing")
        tmux.press("3")
        tmux.shows("0:0")
        tmux.press("Escape")
        eventually_sync(lambda: "overview" not in tmux.screen(), 10, what="the list is back")
        tmux.shows("STATE")

        # search, and back
        tmux.press("/")
        tmux.shows("title, URL")
        tmux("send-keys", "-t", "z2", "-l", "slow.mp4")
        tmux.press("Enter")
        tmux.shows("found", "⊘ cancelled")
        tmux.press("Escape")
        tmux.shows("✓ done")

        # retry what was cancelled
        tmux.press("6")
        tmux.shows("⊘ cancelled")
        tmux.press("r")
        tmux.shows("Queued 1 job again")
        tmux.press("1")
        tmux.shows("Active", within=60)
        tmux.press("2")
        eventually_sync(lambda: "✓ done" not in tmux.screen(), 10, what="the running jobs alone")
        # in the list, not beside it, where a wide screen still has the job of before
        eventually_sync(lambda: "\n ● download" in tmux.screen(), 60, what="the running job in the list")
        tmux.press("c")
        tmux.shows("Cancel this job?")
        tmux.press("y")
        tmux.press("1")
        tmux.shows("⊘ cancelled", within=30)

        # other sizes, and out
        for other in (*SIZES, size):
            tmux("resize-window", "-t", "z2", "-x", str(other[0]), "-y", str(other[1]))
            tmux.shows("STATE", "AGE")
        tmux.press("q")
        eventually_sync(lambda: tmux.ended() == 0, 40, what="the end")


def test_the_daemon_goes_and_comes_back_with_no_line_missing(world: tuple[Daemon, Site]) -> None:
    daemon, site = world
    with in_tmux(daemon, (120, 40)) as tmux:
        tmux.shows("● live", within=40)
        tmux.paste(site.url("/slow.mp4?rate=50000&away") + "\n")
        tmux.shows("can be submitted")
        tmux.press("Enter")
        tmux.shows("● download", within=60)
        job = eventually_sync(lambda: newest(daemon, site.url("/slow.mp4?rate=50000&away")), 20, what="the job")
        daemon.stop(signal.SIGTERM)
        tmux.shows("offline, retry in", "showing the last known state")
        tmux.press("c")
        tmux.shows("offline: cannot cancel")
        daemon.start()
        tmux.shows("● live", "● download", within=60)
        tmux.press("g", "L")
        tmux.shows(f"Log {job} · following")
        eventually_sync(lambda: daemon.client().logs(job, limit=500)["last_seq"] > 5, 30)
        tmux.shows("w Wrap", "Begun", "z2 stops")
        tmux.press("Home", "W")
        tmux.shows("Write to a file")
        target = daemon.folder / "seen.log"
        tmux.press("C-u")
        eventually_sync(lambda: "~/z2-job" not in tmux.screen(), 10, what="an empty line")
        tmux("send-keys", "-t", "z2", "-l", str(target))
        tmux.shows(target.name)
        tmux.press("Enter")
        tmux.shows("Written:")
        lines = target.read_text().splitlines()
        seen = [re.sub(r"^\S+ \S+ [A-Z]+ \S+ \S+ ?", "", line) for line in lines]
        stored = [line["message"] for line in daemon.client().logs(job, limit=500)["items"]][: len(seen)]
        assert [" ".join(line.split()) for line in seen] == [" ".join(line.split()) for line in stored]
        tmux.press("Escape")
        tmux.shows("STATE")
        tmux.press("c")
        tmux.shows("Cancel this job?")
        tmux.press("y")
        tmux.shows("⊘ cancelled", within=30)


def test_copying_works_in_tmux_as_it_comes(world: tuple[Daemon, Site]) -> None:
    daemon, site = world
    daemon.z2ctl("submit", site.url("/audio.mp3"))
    with in_tmux(daemon, (80, 24)) as tmux:
        tmux.shows("● live", "AGE", "audio", within=40)
        tmux.press("y")
        tmux.shows("Copied the url to tmux's buffer")
        assert tmux("show-buffer").startswith("http://127.0.0.1:")


def test_a_signal_gives_the_shell_its_screen_back(world: tuple[Daemon, Site]) -> None:
    daemon, _ = world
    with in_tmux(daemon, (80, 24)) as tmux:
        tmux.shows("● live", within=40)
        pid = tmux.child()
        assert tmux("display-message", "-p", "-t", "z2", "#{alternate_on}").strip() == "1"
        os.kill(pid, signal.SIGTERM)
        eventually_sync(lambda: tmux.ended() == 143, 40, what="the end")
        assert tmux("display-message", "-p", "-t", "z2", "#{alternate_on}").strip() == "0"
