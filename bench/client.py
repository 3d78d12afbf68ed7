"""What `z2ctl list` costs, in a pipe and as a table (bar 12)."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping

from bench.ground import daemon
from bench.rounds import Row, interleaved
from tests.cli.terminal import in_terminal

TURNS = 9
UNWANTED = {"aiohttp", "asyncio", "textual", "rich", "yt_dlp"}
_LIST = """
import atexit, sys
atexit.register(lambda: print(*sys.modules, file=sys.stderr))
sys.argv = ["z2ctl", "list"]
from z2ctl.__main__ import main
main()
"""


async def commands() -> list[Row]:
    """Bar 12."""
    with daemon() as z2d:
        z2d.client().submit_batch([f"http://127.0.0.1:9/{number}" for number in range(25)], hold=True)
        found = await interleaved(
            {
                "click": lambda: _ms([sys.executable, "-c", "import click"], z2d.env),
                "piped": lambda: _ms([sys.executable, "-m", "z2ctl", "list"], z2d.env),
                "table": lambda: _table_ms(z2d.env),
            },
            rounds=TURNS,
        )
        told = subprocess.run(
            [sys.executable, "-c", _LIST], env=z2d.env, capture_output=True, text=True, timeout=30, check=True
        )
    loaded = UNWANTED & set(told.stderr.split())
    return [
        Row(12, "z2ctl list in a pipe", found["piped"], "ms", "import click", found["click"], most=2),
        Row(12, "z2ctl list as a table", found["table"], "ms", "import click", found["click"], most=3),
        Row(12, f"of {', '.join(sorted(UNWANTED))}: loaded in a pipe", len(loaded), "", "", 0),
    ]


def _ms(command: list[str], env: Mapping[str, str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, env=env, stdout=subprocess.PIPE, check=True, timeout=30)
    return (time.perf_counter() - began) * 1000


def _table_ms(env: dict[str, str]) -> float:
    began = time.perf_counter()
    code, _ = in_terminal("list", env=env)
    assert code == 0
    return (time.perf_counter() - began) * 1000
