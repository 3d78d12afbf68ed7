"""The server's processes as /proc shows them: who of them is alive, and whether a pid still means what a file says.

Every process of a PostgreSQL server works inside its data folder, which tells a server that was left running from
a stranger that has got the same pid.
"""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path


def alive(pid: int) -> bool:
    """Say whether there is such a process, more than an exit status that waits to be collected."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return False
    return state not in "ZX"


def working_in(folder: Path) -> list[int]:
    """The pids of all processes whose working folder is `folder`: the folder itself, not one of the same name.

    Paths prove nothing here: a container's server works in a folder that is called like ours, and is in our /proc.
    """
    try:
        wanted = folder.stat()
    except OSError:
        return []
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if os.path.samestat((entry / "cwd").stat(), wanted) and alive(int(entry.name)):
                found.append(int(entry.name))
        except OSError:  # gone meanwhile, or another user's
            continue
    return found


def send(pid: int, sig: signal.Signals) -> None:
    """Signal a process that may be gone."""
    try:
        os.kill(pid, sig)
    except ProcessLookupError:
        return


async def gone(pid: int, within: float | None) -> bool:
    """Wait until the process has ended; False when `within` seconds (None: any time) were not enough."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(handle, ended.set)  # readable from the moment the process ends, whoever its parent is
    try:
        async with asyncio.timeout(within):
            await ended.wait()
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(handle)
        os.close(handle)
    return True


async def kill_all(folder: Path) -> None:
    """End every process that works in `folder`, also stopped ones, and wait until none is left (at most 5 s)."""
    for pid in (pids := working_in(folder)):
        send(pid, signal.SIGKILL)
    for pid in pids:
        await gone(pid, 5)
