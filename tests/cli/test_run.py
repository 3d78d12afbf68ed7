"""`z2ctl run`: the sample's site, the daemon of its own, and what is printed when it is over."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.conftest import Z2ctl
from tests.cli.fake import FakeDaemon, Json, job, line
from tests.support import ROOT, eventually_sync
from z2ctl.cli import follow
from z2ctl.sample import site
from z2d.wire import errors

pytestmark = pytest.mark.xdist_group("sample port")


def entry(job_id: int, **over: object) -> Json:
    """A finished job with everything a result shows."""
    return job(
        job_id,
        status="COMPLETED",
        title="Ask not",
        duration_ms=11_000,
        publishing=[{"target": "library", "kind": "library", "status": "PUBLISHED", "remote_url": "/lib/Ask not"}],
        analysis={
            "backend": "offline",
            "input_hash": "",
            "summary_short": "short",
            "summary": "What it is about.",
            "insights": [
                {
                    "text": "t",
                    "quote": "ask not what your country",
                    "start_ms": 3240,
                    "end_ms": 7600,
                    "segment_from": 1,
                    "segment_to": 2,
                    "score": 1.0,
                    "verified": True,
                }
            ],
            "chapters": [{"start_ms": 0, "end_ms": 11_000, "title": "Opening"}],
        },
        stages=[
            {"stage": "metadata", "status": "DONE", "attempt": 1, "progress": 1.0},
            {"stage": "transcript", "status": "SKIPPED", "attempt": 1, "progress": 0, "skip_reason": "no captions"},
        ],
        **over,
    )


def test_the_sample_site_serves_its_files_and_ranges_of_them() -> None:
    clip = (site.FOLDER / "ask-not.mp4").read_bytes()
    base = site.URL.rsplit("/", 1)[0]
    with site.serve() as url:
        page = urllib.request.urlopen(url, timeout=5).read().decode()
        for name in ("ask-not.mp4", "ask-not.en.vtt", "poster.jpg"):
            assert name in page
            with urllib.request.urlopen(f"{base}/{name}", timeout=5) as whole:
                assert whole.read() == (site.FOLDER / name).read_bytes()
        for asked, part in (("bytes=100-199", clip[100:200]), ("bytes=-5", clip[-5:]), ("bytes=9-", clip[9:])):
            request = urllib.request.Request(f"{base}/ask-not.mp4", headers={"Range": asked})
            with urllib.request.urlopen(request, timeout=5) as answer:
                assert (answer.status, answer.read()) == (206, part)
        for path, code in (("/../client.py", 404), ("/__init__.py", 404), ("/", 404)):
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(base + path, timeout=5)
            with refused.value:
                assert refused.value.code == code
        beyond = urllib.request.Request(f"{base}/ask-not.mp4", headers={"Range": f"bytes={len(clip)}-"})
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(beyond, timeout=5)
        with refused.value:
            assert refused.value.code == 416


@given(st.one_of(st.none(), st.text(max_size=40), st.from_regex(r"bytes=\d{0,13}-\d{0,13}", fullmatch=True)))
def test_a_range_lies_within_the_file(header: str | None) -> None:
    first, last = site.span(header, 1000)
    assert first > last or 0 <= first <= last < 1000


def test_the_captions_are_the_words_in_rising_times() -> None:
    cues = (site.FOLDER / "ask-not.en.vtt").read_text().split("\n\n")[1:]
    times = [moment for cue in cues for moment in cue.splitlines()[0].split(" --> ")]
    assert times == sorted(times)
    said = " ".join(cue.strip().splitlines()[1] for cue in cues)
    assert said == (
        "And so, my fellow Americans: ask not what your country can do for you, ask what you can do for your country."
    )


def test_the_port_may_be_taken(place: Path, z2ctl: Z2ctl) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind((site.HOST, site.PORT))
        other.listen()
        ended = z2ctl("run")
    assert ended.code == 1
    assert "another program uses that port" in ended.err


def test_a_daemon_that_refuses_the_sample(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    daemon.refuse[site.URL] = errors.UrlPrivateAddress()
    ended = z2ctl("run")
    assert (ended.code, ended.out) == (5, "")
    assert "Z2_ALLOW_PRIVATE_NETWORKS=true" in ended.err


def test_what_is_in_the_library_is_shown_again(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    daemon.jobs[1] = entry(1, url="http://a")
    ended = z2ctl("run", "http://a")
    assert ended.code == 0
    assert "already in the library (job 1)" in ended.err
    for words in ("Ask not", "What it is about.", "0:03  ask not what your country", "0:00  Opening", "/lib/Ask not"):
        assert words in ended.out
    assert json.loads(z2ctl("run", "http://a", "--json").out)["id"] == 1


def test_run_follows_a_job_and_shows_its_stages(
    daemon: FakeDaemon, z2ctl: Z2ctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "DETAILS_EVERY_S", 0.01)

    def act() -> None:
        eventually_sync(daemon.watched)
        stage = {"stage": "metadata", "status": "RUNNING", "attempt": 1, "progress": 0.1}
        daemon.logs[1] = [line(1, "first words")]
        for _ in range(2):  # the first reading may have been on its way already
            seen = daemon.paths().count("/api/jobs/1")
            daemon.put(job(1, url="http://a", status="RUNNING", stage="metadata", stages=[stage]))
            eventually_sync(lambda seen=seen: daemon.paths().count("/api/jobs/1") > seen)
        daemon.logs[1] += [line(2, "last words")]
        daemon.put(entry(1, url="http://a", outcome="PARTIAL"))

    thread = threading.Thread(target=act)
    thread.start()
    ended = z2ctl("run", "http://a")
    thread.join()
    assert ended.code == 0
    said = ended.err
    for words in ("metadata: running", "first words", "last words", "metadata: done", "transcript: skipped"):
        assert words in said
    assert "transcript: no captions" in said
    assert "What it is about." in ended.out


def test_a_failed_job(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    error = {"code": "GEO", "stage": "metadata", "message": "not here", "hint": "A proxy may help."}

    def act() -> None:
        eventually_sync(daemon.watched)
        daemon.put(job(1, url="http://a", status="FAILED", error=error))

    thread = threading.Thread(target=act)
    thread.start()
    ended = z2ctl("run", "http://a")
    thread.join()
    assert ended.code == 1
    assert "metadata: not here" in ended.out
    assert "A proxy may help." in ended.out


def test_the_same_video_under_another_address(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    daemon.jobs[1] = entry(1, url="http://a")

    def act() -> None:
        eventually_sync(daemon.watched)
        daemon.put(job(2, url="http://b", status="COMPLETED", outcome="DUPLICATE", duplicate_of=1))

    thread = threading.Thread(target=act)
    thread.start()
    ended = z2ctl("run", "http://b")
    thread.join()
    assert ended.code == 0
    assert "already in the library" in ended.err
    assert "What it is about." in ended.out


def test_a_daemon_elsewhere_is_not_started(place: Path, z2ctl: Z2ctl) -> None:
    assert z2ctl("--url", "http://127.0.0.1:9", "run", "http://a").code == 3
    assert z2ctl("--url", "http://127.0.0.1:9", "run").code == 2


def test_a_daemon_that_does_not_start_says_why(place: Path, z2ctl: Z2ctl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("Z2_SLOTS", "many")
    ended = z2ctl("run", "http://a")
    assert (ended.code, ended.out) == (1, "")
    assert "z2d ended at once" in ended.err
    assert "Z2_SLOTS" in ended.err
    assert (place / "z2d.log").stat().st_mode & 0o777 == 0o600


def processes_of(folder: Path) -> list[str]:
    """Programs that were started with this state folder, or work in it."""
    mark = os.fsencode(folder)
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_bytes()
            where = os.fsencode((entry / "cwd").readlink())
            if words and mark in b"\0".join([words, where, (entry / "environ").read_bytes()]):
                found.append(words.replace(b"\0", b" ").decode())
    return found


@pytest.mark.parametrize(
    ("number", "seen"), [(signal.SIGTERM, "z2d serve"), (signal.SIGINT, "initdb"), (signal.SIGHUP, "checkpointer")]
)
def test_an_own_daemon_never_stays_behind(place: Path, number: signal.Signals, seen: str) -> None:
    """The real daemon, and a run that is ended while it starts."""
    run = subprocess.Popen(
        [sys.executable, "-m", "z2ctl", "run", "http://127.0.0.1:9/x.mp4"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert run.stdout is not None
    with run.stdout:
        eventually_sync(lambda: any(seen in each for each in processes_of(place)), 30, what=seen)
        run.send_signal(number)
        said = run.stdout.read()
        assert run.wait(60) == 130
    assert "Interrupted." in said
    eventually_sync(lambda: not processes_of(place), 30, what=f"nothing left: {processes_of(place)}")


def test_an_own_daemon_is_stopped_when_it_is_done(place: Path, z2ctl: Z2ctl) -> None:
    ended = z2ctl("run", "http://127.0.0.1:9/x.mp4")
    assert ended.code == 5
    assert "Starting z2d" in ended.err
    assert not (place / "z2d.sock").exists()
    assert not [each for each in processes_of(place) if "z2d" in each or "postgres" in each]
