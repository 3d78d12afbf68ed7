"""The nursery: forked children are as good as programs of their own, whatever happens to them, to it or to us."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.support import eventually
from z2d.media.leash import session_members
from z2d.media.nursery import Nursery, NurseryGone
from z2d.media.process import Group, Limits, marked

PROGRAM = """
import os, resource, signal, subprocess, sys, time
from z2d.media import forks
exec(forks.request())
"""
NO_ROOM = """
import errno
fork, times = os.fork, []
def refuse_once():
    times.append(1)
    if len(times) == 1:
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    return fork()
os.fork = refuse_once
"""
ARGV = [sys.executable, "-c", PROGRAM]
SLEEP = b"print('ready', flush=True); time.sleep(1000)"
STUBBORN = (
    b"signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    b"subprocess.Popen(['sh', '-c', 'trap \\'\\' TERM; sleep 1000']); print('ready', flush=True); time.sleep(1000)"
)


@pytest.fixture
def installation() -> str:
    return f"test-{uuid4().hex}"


@pytest_asyncio.fixture(loop_scope="package")
async def nursery(installation: str) -> AsyncIterator[Nursery]:
    found = await Nursery.start(ARGV, installation=installation)
    try:
        yield found
    finally:
        await found.stop()
        await eventually(lambda: marked(installation) == [], what="nobody left")


async def child(nursery: Nursery, code: bytes, *, limits: Limits | None = None, grace_s: float = 5.0) -> Group:
    return await nursery.child(code, limits=limits or Limits(), grace_s=grace_s)


async def ready(group: Group) -> None:
    assert await asyncio.wait_for(group.stdout.readline(), 10) == b"ready\n"


async def test_each_child_gets_its_request_and_gives_back_its_words_and_its_status(nursery: Nursery) -> None:
    async def ask(number: int) -> tuple[bytes, bytes, int]:
        code = f"print('out', {number}); print('err', file=sys.stderr); sys.exit({number})".encode()
        async with await child(nursery, code) as group:
            return await group.stdout.read(), await group.stderr.read(), await group.wait()

    answers = await asyncio.gather(*(ask(number) for number in range(1, 9)))
    assert answers == [(f"out {number}\n".encode(), b"err\n", number) for number in range(1, 9)]


async def test_a_child_is_a_session_of_its_own_without_input(nursery: Nursery) -> None:
    code = b"print(os.getsid(0), os.getppid(), repr(sys.stdin.read()), sorted(map(int, os.listdir('/proc/self/fd'))))"
    async with await child(nursery, code) as group:
        said = (await group.stdout.read()).decode()
        assert said.startswith(f"{group.session} {group.session} '' [0, 1, 2, "), "nothing else is open but the listing"
        assert said.count(",") == 3


@pytest.mark.parametrize(("number", "status"), [("9", 128 + 9), ("15", 128 + 15)])
async def test_a_signal_has_its_status(nursery: Nursery, number: str, status: int) -> None:
    async with await child(nursery, f"os.kill(os.getpid(), {number})".encode()) as group:
        assert await group.wait() == status


async def test_limits_are_those_of_the_child_alone(nursery: Nursery, tmp_path: Path) -> None:
    code = f"open({str(tmp_path / 'file')!r}, 'wb').write(bytes(100_000))".encode()
    async with await child(nursery, code, limits=Limits(file_bytes=1000)) as group:
        assert b"File too large" in await group.stderr.read()
        assert await group.wait() == 1
    async with await child(nursery, code) as group:
        assert await group.wait() == 0


async def test_leaving_the_block_ends_even_those_who_ignore_term(nursery: Nursery, installation: str) -> None:
    async with await child(nursery, STUBBORN, grace_s=0.3) as group:
        await ready(group)
        assert len(session_members(group.session)) >= 2
    assert session_members(group.session) == []
    assert len(marked(installation)) == 2, "the program and its leash"


async def test_a_killed_leash_is_made_good(nursery: Nursery) -> None:
    async with await child(nursery, STUBBORN) as group:
        await ready(group)
        os.kill(group.session, signal.SIGKILL)
    assert session_members(group.session) == []


async def test_children_outlive_their_nursery_and_it_says_that_it_is_gone(installation: str) -> None:
    nursery = await Nursery.start(ARGV, installation=installation)
    async with await child(nursery, b"print('ready', flush=True); time.sleep(0.2); print('done')") as group:
        await ready(group)
        (program,) = session_members(nursery._program.session)
        os.kill(program, signal.SIGKILL)
        await eventually(lambda: not nursery.running, what="an end that is seen")
        with pytest.raises(NurseryGone):
            await child(nursery, SLEEP)
        assert await group.stdout.read() == b"done\n"
        assert await group.wait() == 0
    await nursery.stop()
    assert marked(installation) == []


async def test_a_program_that_cannot_start_says_why(installation: str) -> None:
    broken = [sys.executable, "-c", "raise SystemExit('no yt-dlp here')"]
    nursery = await Nursery.start(broken, installation=installation)
    with pytest.raises(NurseryGone, match="no yt-dlp here"):
        await child(nursery, SLEEP)
    await nursery.stop()
    assert marked(installation) == []


async def test_many_who_ask_at_once_hear_the_same_last_words(installation: str) -> None:
    broken = [sys.executable, "-c", "raise SystemExit('no yt-dlp here')"]
    nursery = await Nursery.start(broken, installation=installation)
    asked = [asyncio.create_task(child(nursery, SLEEP), name="asking") for _ in range(5)]
    await asyncio.wait(asked, timeout=20)
    assert [str(one.exception()) for one in asked] == ["no yt-dlp here"] * 5
    assert not nursery.running
    await nursery.stop()


async def test_a_program_that_hangs_is_given_up(
    nursery: Nursery, installation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("z2d.media.nursery._FORK_S", 0.2)
    monkeypatch.setattr("z2d.media.nursery._GIVE_UP_S", 0.1)
    async with await child(nursery, b"print('ready')") as group:
        await ready(group)
    (program,) = session_members(nursery.session)
    os.kill(program, signal.SIGSTOP)
    with pytest.raises(NurseryGone, match="does not answer"):
        await child(nursery, SLEEP)
    assert not nursery.running


async def test_a_machine_without_room_for_a_process_is_no_end_of_the_program(installation: str) -> None:
    argv = [sys.executable, "-c", PROGRAM.replace("exec(", NO_ROOM + "exec(")]
    nursery = await Nursery.start(argv, installation=installation)
    with pytest.raises(OSError, match="cannot fork: Resource temporarily unavailable") as caught:
        await child(nursery, SLEEP)
    assert not isinstance(caught.value, NurseryGone)
    async with await child(nursery, b"print('ready')") as group:
        await ready(group)
    await nursery.stop()


async def test_processor_time_has_an_end_that_says_so(nursery: Nursery) -> None:
    async with await child(nursery, b"while True: pass", limits=Limits(cpu_s=1)) as group:
        assert await asyncio.wait_for(group.wait(), 30) == 128 + signal.SIGXCPU


async def test_who_is_called_away_while_the_program_gets_warm_is_never_served(
    installation: str, tmp_path: Path
) -> None:
    warm, served = tmp_path / "warm", tmp_path / "served"
    slow = f"import os, time\nwhile not os.path.exists({str(warm)!r}): time.sleep(0.01)\n{PROGRAM}"
    nursery = await Nursery.start([sys.executable, "-c", slow], installation=installation)
    asking = asyncio.create_task(child(nursery, f"open({str(served)!r}, 'w')".encode()), name="asking")
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.sleep(0)
    warm.touch()
    with pytest.raises(asyncio.CancelledError):
        await asking
    async with await child(nursery, b"print('ready', flush=True)") as group:  # served after the one called away
        await ready(group)
    assert not served.exists()
    await nursery.stop()
    assert marked(installation) == []


async def test_a_request_that_is_too_long_is_an_error_and_no_harm(nursery: Nursery) -> None:
    with pytest.raises(OSError, match="long"):
        await child(nursery, b"#" * (8 << 20))
    async with await child(nursery, b"print('ready')") as group:
        await ready(group)


def open_files() -> set[str]:
    return {file.name for file in Path("/proc/self/fd").iterdir()}


async def test_nothing_stays_open_here(nursery: Nursery) -> None:
    async with await child(nursery, SLEEP) as group:
        await ready(group)
    before = open_files()
    for code in (SLEEP, b"print('x' * 1_000_000, flush=True)", b"os.kill(os.getpid(), 9)"):
        async with await child(nursery, code) as group:
            await group.stdout.read(1)
    with contextlib.suppress(OSError):
        await child(nursery, b"#" * (8 << 20))
    await eventually(lambda: open_files() == before, what="every pipe closed")


DAEMON = """
import asyncio, sys
from z2d.media.nursery import Nursery
from z2d.media.process import Limits
async def main():
    nursery = await Nursery.start([sys.executable, "-c", sys.argv[2]], installation=sys.argv[1])
    group = await nursery.child(sys.argv[3].encode(), limits=Limits())
    await group.stdout.readline()
    print("ready", flush=True)
    await asyncio.sleep(1000)
asyncio.run(main())
"""


async def test_a_killed_daemon_takes_nursery_and_children_along(installation: str) -> None:
    argv = [sys.executable, "-c", DAEMON, installation, PROGRAM, STUBBORN.decode()]
    daemon = subprocess.Popen(argv, stdout=subprocess.PIPE)  # noqa: ASYNC220 - killed below
    try:
        assert daemon.stdout is not None
        assert await asyncio.to_thread(daemon.stdout.readline) == b"ready\n"
        assert len(marked(installation)) >= 5
    finally:
        daemon.kill()
        daemon.communicate()
    await eventually(lambda: not marked(installation), within=3)


WAITING = """
import asyncio, sys
from z2d.media.nursery import Nursery
from z2d.media.process import Limits
async def main():
    nursery = await Nursery.start([sys.executable, "-c", "import time; time.sleep(1000)"], installation=sys.argv[1])
    print("ready", flush=True)
    await nursery.child(b"", limits=Limits())
asyncio.run(main())
"""


async def test_a_killed_daemon_leaves_nothing_of_a_program_that_is_not_warm_yet(installation: str) -> None:
    daemon = subprocess.Popen([sys.executable, "-c", WAITING, installation], stdout=subprocess.PIPE)  # noqa: ASYNC220 - killed below
    try:
        assert daemon.stdout is not None
        assert await asyncio.to_thread(daemon.stdout.readline) == b"ready\n"
        await eventually(lambda: len(marked(installation)) == 2, what="the program and its leash")
    finally:
        daemon.kill()
        daemon.communicate()
    await eventually(lambda: not marked(installation), within=3)
