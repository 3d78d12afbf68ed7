"""What the daemon finds when it looks at itself: each thing that can be wrong is, and is named with a remedy."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.running import z2d
from tests.daemon.test_serving import folder
from tests.store.making import claimed, worker
from tests.support import ROOT
from z2d.config import Settings
from z2d.daemon import diagnosis
from z2d.daemon.diagnosis import Diagnosis
from z2d.store import health
from z2d.store.database import Database
from z2d.store.migrations import SCHEMA_VERSION
from z2d.wire.service import Finding

__all__ = ["folder"]


def settings(place: Path, **over: Any) -> Settings:
    return Settings(state_dir=place, library_dir=place / "library", min_free_bytes=0, **over)


async def look(db: Database, chosen: Settings, **more: Any) -> dict[str, Finding]:
    found = await Diagnosis(lambda: chosen, db, **{"ffmpeg": "7.1", **more}).look()
    assert len({one.name for one in found}) == len(found)
    for one in found:
        assert one.why, one
        assert (one.state == "ok") == (not one.remedy), one
    return {one.name: one for one in found}


async def test_a_machine_in_order(db: Database, tmp_path: Path) -> None:
    found = await look(db, settings(tmp_path, speech="off"))
    wrong = {name: one for name, one in found.items() if one.state == "wrong"}
    assert not wrong
    assert found["database"].detail == f"answers, schema {SCHEMA_VERSION}"
    assert found["pooler"].state == found["clock"].state == found["publishing"].state == "ok"


@pytest.mark.parametrize(("off", "words"), [(90, "s ahead of"), (-5, "s behind")])
async def test_a_clock_that_is_off(db: Database, tmp_path: Path, off: float, words: str) -> None:
    found = await look(db, settings(tmp_path), now=lambda: datetime.now(UTC) + timedelta(seconds=off))
    assert found["clock"].state == "warning"
    seconds, _, said = found["clock"].detail.partition(" ")
    assert (float(seconds), said) == (pytest.approx(abs(off), abs=2), f"{words} the database's")


async def test_an_old_ytdlp_and_no_ffmpeg(db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def at(version: str, day: datetime) -> str:
        return diagnosis._ytdlp(version, day).state

    day = datetime(2026, 12, 1, tzinfo=UTC)
    assert [at(one, day) for one in ("2026.11.1", "2026.8.19", "2026.7.3", "0")] == ["ok", "warning", "wrong", "wrong"]
    assert (await look(db, settings(tmp_path), ffmpeg=None))["ffmpeg"].state == "wrong"
    monkeypatch.setattr(diagnosis.shutil, "which", lambda *_, **__: None)
    assert (await look(db, settings(tmp_path)))["JavaScript"].state == "warning"


async def test_engines_that_are_configured_and_missing(db: Database, tmp_path: Path) -> None:
    found = await look(
        db,
        settings(
            tmp_path, speech="faster-whisper", speech_model_dir=tmp_path / "none", llm_url="http://127.0.0.1:9/v1",
            llm_model="tiny",
        ),
    )  # fmt: skip
    assert found["speech to text"].state == "wrong"
    assert found["language model"].state == "warning"
    assert "nobody answers at 127.0.0.1, port 9" in found["language model"].detail
    key = settings(tmp_path, llm_url="http://127.0.0.1:9/v1", llm_model="tiny", llm_key_file=tmp_path / "no-key")
    assert (await look(db, key))["language model"].state == "wrong"


async def test_a_library_that_is_full_or_closed(db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = Settings(state_dir=tmp_path, library_dir=tmp_path / "library", min_free_bytes=1 << 60)
    assert (await look(db, full))["library"].detail.endswith("nothing starts")
    closed = tmp_path / "library"
    closed.mkdir()
    real = os.access  # root may write everywhere, so the kernel's answer is given here
    monkeypatch.setattr(diagnosis.os, "access", lambda path, mode: path != closed and real(path, mode))
    found = (await look(db, settings(tmp_path)))["library"]
    assert (found.state, found.detail) == ("wrong", f"{closed} cannot be written")


async def test_what_is_stuck_is_counted(db: Database, tmp_path: Path) -> None:
    await worker(db, "silent")
    claim = await claimed(db, "silent")
    await db.execute("UPDATE workers SET heartbeat_at = now() - interval '1 hour' WHERE id = 'silent'")
    await db.execute(
        "INSERT INTO job_publishing (job_id, target, kind, idempotency_key, run_after)"
        " VALUES ($1, 'a', 'feed', 'a', now() - interval '2 hours')", claim.job_id,
    )  # fmt: skip
    await db.execute(
        "INSERT INTO job_publishing (job_id, target, kind, idempotency_key, status)"
        " VALUES ($1, 'b', 'feed', 'b', 'FAILED')",
        claim.job_id,
    )
    found = await look(db, settings(tmp_path))
    assert found["running jobs"].detail.startswith("1 jobs")
    assert found["publishing"].detail == "1 could not be published in the last 30 days, 1 have been due for an hour"


async def test_without_a_database_the_rest_is_told(db: Database, tmp_path: Path) -> None:
    await db._pool.close()
    found = await look(db, settings(tmp_path))
    assert found["database"].state == "wrong"
    assert "clock" not in found
    assert found["ffmpeg"].state == "ok"


@asynccontextmanager
async def pooler(dsn_socket: Path) -> AsyncIterator[int]:
    """What pgbouncer does at the start of a connection: it tells a process number that is not the server's."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_unix_connection(dsn_socket)

        async def up() -> None:
            while data := await reader.read(65536):
                server_writer.write(data)
            server_writer.close()

        async def down() -> None:
            changed = False
            while data := await server_reader.read(65536):
                at = data.find(b"K\x00\x00\x00\x0c")
                if not changed and at >= 0:
                    data, changed = data[: at + 5] + (4242).to_bytes(4, "big") + data[at + 9 :], True
                writer.write(data)
            writer.close()

        await asyncio.gather(up(), down(), return_exceptions=True)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield int(server.sockets[0].getsockname()[1])


async def test_a_pooler_before_the_database_is_noticed(dsn: str, pg_server: Any) -> None:
    passwords = pg_server.folder / "pgpass"
    async with pooler(pg_server.sockets / ".s.PGSQL.5432") as port:
        name = dsn.partition("?")[0].rpartition("/")[2]
        through = f"postgresql://z2@127.0.0.1:{port}/{name}?passfile={passwords}&sslmode=disable"
        async with Database.open(through) as db:
            assert (await health.session(db)).pooled
    async with Database.open(dsn) as db:
        assert not (await health.session(db)).pooled


@pytest.mark.slow
def test_doctor_on_a_daemon_that_works(folder: Path) -> None:
    """The whole of it: a real daemon, everything in order, the sample clip through every stage and gone again."""
    with z2d(folder, "serve") as own:
        own.says("is ready at")
        environment = {**os.environ, "Z2_SOCKET": str(own.socket), "Z2_STATE_DIR": str(folder / "state")}
        ended = subprocess.run(
            [sys.executable, "-m", "z2ctl", "doctor", "--self-test", "--json"],
            cwd=ROOT, env=environment, capture_output=True, text=True, timeout=110, check=False,
        )  # fmt: skip
        said = json.loads(ended.stdout)
        assert said["ok"], [one for one in said["checks"] if one["state"] == "wrong"]
        assert ended.returncode == 0
        done = [one["name"] for one in said["checks"] if one["name"].startswith("self-test: ") and one["state"] == "ok"]
        assert {"self-test: download", "self-test: audio", "self-test: analysis", "self-test: publishing"} <= set(done)
        assert own.get("/api/jobs")[1]["total"] == 0
        assert own.stop() == 0
