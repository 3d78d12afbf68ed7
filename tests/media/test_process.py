"""Child programs: whatever happens to them or to us, nothing is left behind and nothing grows."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from uuid import uuid4

import pytest

from tests.support import eventually
from z2d.media import process
from z2d.media.faults import MediaFault
from z2d.media.leash import session_members
from z2d.media.process import Group, Limits, LineCutter, marked, run
from z2d.wire.reasons import ErrorClass

STUBBORN = "trap '' TERM; (trap '' TERM; sleep 1000) & echo ready; sleep 1000"


@pytest.fixture
def installation() -> str:
    return f"test-{uuid4().hex}"


async def ready(group: Group) -> None:
    assert await asyncio.wait_for(group.stdout.readline(), 10) == b"ready\n"


async def test_lines_and_status_come_back(installation: str) -> None:
    out: list[str] = []
    errors: list[str] = []
    argv = ["sh", "-c", "echo one; printf 'two\\rthree'; echo oops >&2; exit 7"]
    code = await run(argv, installation=installation, deadline_s=10, on_stdout=out.append, on_stderr=errors.append)
    assert (code, out, errors) == (7, ["one", "two", "three"], ["oops"])


async def test_a_signal_and_a_missing_program_have_their_status(installation: str) -> None:
    assert await run(["sh", "-c", "kill -9 $$"], installation=installation, deadline_s=10) == 128 + 9
    said: list[str] = []
    code = await run(["/nonexistent/program"], installation=installation, deadline_s=10, on_stderr=said.append)
    assert code == 127
    assert said == ["cannot start /nonexistent/program: No such file or directory"]


async def test_leaving_the_block_ends_even_those_who_ignore_term(installation: str) -> None:
    async with await Group.start(["sh", "-c", STUBBORN], installation=installation, grace_s=0.3) as group:
        await ready(group)
        assert len(session_members(group.session)) >= 2
    assert session_members(group.session) == []
    assert marked(installation) == []


async def test_the_polite_are_given_time(installation: str, tmp_path: Path) -> None:
    script = f"trap 'sleep 0.3; echo bye > {tmp_path}/bye; exit 0' TERM; echo ready; while :; do sleep 0.05; done"
    async with await Group.start(["sh", "-c", script], installation=installation) as group:
        await ready(group)
    assert (tmp_path / "bye").read_text() == "bye\n"


async def test_what_a_program_leaves_behind_is_ended_with_it(installation: str) -> None:
    group = await Group.start(["sh", "-c", "sleep 1000 >/dev/null 2>&1 & echo ready"], installation=installation)
    async with group:
        await ready(group)
        assert await asyncio.wait_for(group.wait(), 10) == 0
        assert session_members(group.session) == []


async def test_cancelling_leaves_nothing_running(installation: str) -> None:
    task = asyncio.create_task(run(["sh", "-c", STUBBORN], installation=installation, deadline_s=60), name="stubborn")
    await eventually(lambda: len(marked(installation)) >= 3)
    started = time.monotonic()
    while not task.done():  # the second arrives while the first is carried out: the leash is dropped, and kills at once
        task.cancel()
        await asyncio.sleep(0.05)
    with pytest.raises(asyncio.CancelledError):
        await task
    await eventually(lambda: not marked(installation), within=5)
    assert time.monotonic() - started < 4


async def test_a_deadline_is_a_fault(installation: str) -> None:
    with pytest.raises(MediaFault) as caught:
        await run(["sleep", "1000"], installation=installation, deadline_s=0.2)
    assert caught.value.error_class is ErrorClass.TIMEOUT
    assert marked(installation) == []


async def test_a_killed_leash_is_made_good(installation: str) -> None:
    async with await Group.start(["sh", "-c", STUBBORN], installation=installation) as group:
        await ready(group)
        os.kill(group.session, signal.SIGKILL)
    assert session_members(group.session) == []


DAEMON = """
import asyncio, sys
from z2d.media.process import Group
async def main():
    group = await Group.start(["sh", "-c", sys.argv[2]], installation=sys.argv[1])
    await group.stdout.readline()
    print("ready", flush=True)
    await asyncio.sleep(1000)
asyncio.run(main())
"""


async def test_a_killed_daemon_takes_its_children_along(installation: str, tmp_path: Path) -> None:
    grows = tmp_path / "grows"
    script = f"trap '' TERM; (while :; do echo x >> {grows}; sleep 0.01; done) & echo ready; sleep 1000"
    daemon = subprocess.Popen([sys.executable, "-c", DAEMON, installation, script], stdout=subprocess.PIPE)  # noqa: ASYNC220 - killed below
    try:
        assert daemon.stdout is not None
        assert await asyncio.to_thread(daemon.stdout.readline) == b"ready\n"
        await eventually(grows.exists)
        assert len(marked(installation)) >= 3
    finally:
        daemon.kill()
        daemon.communicate()
    await eventually(lambda: not marked(installation), within=2)
    size = grows.stat().st_size
    await asyncio.sleep(0.1)
    assert grows.stat().st_size == size


async def test_sweep_finds_what_carries_the_mark_and_nothing_else(installation: str) -> None:
    environment = process.environment(os.environ, installation=installation, job_id=9)
    ours = subprocess.Popen(["sleep", "1000"], env=environment, start_new_session=True)  # noqa: ASYNC220 - killed below
    other = subprocess.Popen(["sleep", "1000"], env=environment | {"Z2_INSTALLATION": "other"})  # noqa: ASYNC220 - killed below
    try:
        await eventually(lambda: marked(installation) == [ours.pid])
        task = asyncio.create_task(process.sweep(installation), name="sweep")
        assert await asyncio.to_thread(ours.wait, 10) == -signal.SIGKILL
        assert await task == 1
        assert other.poll() is None
    finally:
        for child in (ours, other):
            child.kill()
            child.wait()


def test_no_secret_reaches_a_child() -> None:
    ours = {
        "PATH": "/bin", "LANG": "de_DE.UTF-8", "HOME": "/root", "NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "1",
        "Z2_TOKEN": "canary", "Z2_DATABASE_URL": "canary", "CREDENTIALS_DIRECTORY": "/run/c", "PGPASSWORD": "canary",
        "AWS_SECRET_ACCESS_KEY": "canary", "LISTEN_FDS": "1", "PYTHONPATH": "/tmp", "LD_PRELOAD": "x.so",
    }  # fmt: skip
    assert process.environment(ours, installation="i", job_id=3) == {
        "PATH": "/bin", "LANG": "de_DE.UTF-8", "HOME": "/root", "Z2_INSTALLATION": "i", "Z2_JOB_ID": "3"
    }  # fmt: skip


async def test_limits_hold(installation: str, tmp_path: Path) -> None:
    async def status(script: str, limits: Limits) -> int:
        argv = [sys.executable, "-I", "-S", "-c", script]
        return await run(argv, installation=installation, limits=limits, deadline_s=30, cwd=tmp_path)

    write = "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_DFL); open('big', 'wb').write(bytes(5_000_000))"
    assert await status(write, Limits(file_bytes=1_000_000)) == 128 + signal.SIGXFSZ
    assert (tmp_path / "big").stat().st_size == 1_000_000
    assert await status("bytearray(300_000_000)", Limits(memory_bytes=100 << 20)) == 1
    assert await status("while True: pass", Limits(cpu_s=1)) in (128 + signal.SIGXCPU, 128 + signal.SIGKILL)
    # Python ignores SIGPIPE; what it starts must not
    assert await run(["sh", "-c", "kill -PIPE $$"], installation=installation, deadline_s=10) == 128 + signal.SIGPIPE


async def test_a_flood_costs_no_memory_and_lets_others_run(installation: str) -> None:
    flood = (
        "import sys; w = sys.stdout.buffer.write\n"
        "for _ in range(200): w(b'a' * 1_000_000)\n"
        "w(b'\\n'); w(b'line\\n' * 300_000)"
    )
    lines = 0
    longest = ""
    late = 0.0

    def take(line: str) -> None:
        nonlocal lines, longest
        lines += 1
        longest = max(longest, line, key=len)

    async def clock() -> None:
        nonlocal late
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.01)
            late = max(late, time.monotonic() - before - 0.01)

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with asyncio.TaskGroup() as tasks:
        ticking = tasks.create_task(clock(), name="clock")
        argv = [sys.executable, "-I", "-S", "-c", flood]
        assert await run(argv, installation=installation, deadline_s=60, on_stdout=take) == 0
        ticking.cancel()
    assert lines == 300_001
    assert longest.endswith("… [199991808 more bytes]")
    assert len(longest) < 8300
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # KiB
    assert late < 0.5  # generous: the machine is shared; a blocked loop would be seconds


def test_lines_are_cut_not_buffered() -> None:
    cutter = LineCutter(limit=10)
    assert cutter.feed(b"0123456") == []
    assert cutter.feed(b"789abcdef") == []
    assert cutter.feed(b"g\nnext\n\n\r\nlast \xff") == ["0123456789 … [7 more bytes]", "next"]
    assert cutter.finish() == ["last \ufffd"]
    assert cutter.finish() == []
