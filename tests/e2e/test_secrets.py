"""A proxy's password and a site's cookies through the whole of z2: they do their work, and are found nowhere else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import harness
from tests.e2e.harness import Daemon
from tests.proxy import Proxy
from tests.site import Site

PASSWORD, COOKIE = "canary-7d1e-password", "canary-7d1e-cookie"
URL = "http://media.invalid/speech"


def command_lines() -> Iterator[bytes]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                yield (entry / "cmdline").read_bytes()
            except OSError:
                continue


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_secrets_are_used_and_never_told(daemon: Daemon) -> None:
    del daemon.env["Z2_ALLOW_PRIVATE_NETWORKS"]
    config = daemon.folder / "config" / "z2"
    config.mkdir(parents=True)
    jar = daemon.folder / "jar.txt"
    jar.write_text(f"media.invalid\tFALSE\t/\tFALSE\t4102444800\tsession\t{COOKIE}\n")
    seen: set[bytes] = set()
    async with Site() as site, Proxy({"*": ("127.0.0.1", site.port)}, login=f"somebody:{PASSWORD}") as proxy:
        (config / "z2.toml").write_text(f'[profiles.far]\nproxy = "{proxy.url()}"\naudio_only = false\n')
        daemon.env["XDG_CONFIG_HOME"] = str(config.parent)
        await asyncio.to_thread(daemon.start)
        said = [await asyncio.to_thread(daemon.z2ctl, "cookies", "set", "media.invalid", str(jar))]
        job = await asyncio.to_thread(daemon.json, "submit", URL, "--profile", "far")
        waiting = asyncio.create_task(
            asyncio.to_thread(daemon.z2ctl, "wait", str(job["id"]), "--timeout", "100"), name="wait"
        )
        while not waiting.done():
            seen |= set(command_lines())
            await asyncio.wait({waiting}, timeout=0.1)
        said.append(waiting.result())
        questions = ["show {}", "logs {}", "profiles", "cookies list"]
        said += [
            await asyncio.to_thread(daemon.z2ctl, *words.format(job["id"]).split(), "--json") for words in questions
        ]
        found = json.loads(said[2].stdout)
        assert (found["status"], found["outcome"], found["profile"]) == ("COMPLETED", "FULL", "far"), said[3].stdout
        assert {one.headers.get("Cookie") for one in site.seen} == {f"session={COOKIE}"}
        assert proxy.asked
    told = "\n".join([each.stdout + each.stderr for each in said] + [daemon.log.read_text(errors="replace")])
    assert PASSWORD not in told
    assert COOKIE not in told
    assert not [line for line in seen if PASSWORD.encode() in line or COOKIE.encode() in line]
    name = (await asyncio.to_thread(daemon.z2ctl, "backup", "create", "--media", "copy")).stdout.strip()
    await asyncio.to_thread(daemon.stop)
    dump = daemon.folder / "state/backups" / f"{name}.dump"
    backed_up = await asyncio.to_thread(harness.told, dump)
    assert b"COPY public.jobs" in backed_up
    assert PASSWORD.encode() not in backed_up
    assert COOKIE.encode() not in backed_up
    state = daemon.folder / "state"
    secrets = (PASSWORD.encode(), COOKIE.encode())
    holding = [
        path.relative_to(state).as_posix()
        for path in state.rglob("*")
        if path.is_file() and any(one in path.read_bytes() for one in secrets)
    ]
    assert holding == ["cookies/media.invalid.txt"]
