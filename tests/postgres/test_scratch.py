"""A server for trying a backup out: gone with the block, and gone with the next one when its process was killed."""

from __future__ import annotations

import asyncio
import sys

import asyncpg
import pytest

from tests.support import ROOT, short_tmp
from z2d.postgres import processes
from z2d.postgres.scratch import scratch_server

KILLED = """
import asyncio, pathlib, sys
from z2d.postgres.scratch import scratch_server
async def main():
    async with scratch_server(pathlib.Path(sys.argv[1]), None):
        print("runs", flush=True)
        await asyncio.sleep(60)
asyncio.run(main())
"""


async def test_nothing_is_left_of_it_even_after_a_kill() -> None:
    with short_tmp() as root:
        folder = root / "scratch"
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", KILLED, folder, cwd=ROOT, stdout=asyncio.subprocess.PIPE
        )
        assert child.stdout
        assert await asyncio.wait_for(child.stdout.readline(), 60) == b"runs\n"
        with pytest.raises(BlockingIOError):
            async with scratch_server(folder, None):
                pytest.fail("two in one folder")
        child.kill()
        await asyncio.wait_for(child.communicate(), 10)
        left = processes.working_in(folder / "postgres/data")
        assert left
        async with scratch_server(folder, None) as dsn:
            assert not [pid for pid in left if processes.alive(pid)]
            connection = await asyncpg.connect(dsn)
            assert await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
            await connection.close()
        assert not folder.exists()
