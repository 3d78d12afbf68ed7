from __future__ import annotations

import os
import shutil
from pathlib import Path

import asyncpg
import pytest

from tests.support import short_tmp
from z2d.postgres import binaries
from z2d.postgres.account import choose
from z2d.postgres.binaries import find, wheel_folder
from z2d.postgres.faults import PostgresTrouble
from z2d.postgres.server import EmbeddedPostgres


def wheel() -> Path:
    folder = wheel_folder()
    if folder is None:
        pytest.skip("the wheel with PostgreSQL's programs is not installed")
    return folder


def program_of(pg: EmbeddedPostgres) -> Path:
    return Path(f"/proc/{pg.pid}/exe").readlink()


def test_the_wheel_comes_before_the_distribution() -> None:
    with short_tmp() as short:
        found = find(None, major=None, account=choose(short / "data"), copies=short)
        assert found.folder == wheel() / "pginstall18/bin"
        assert found.major == 18
        assert found.version.startswith("18.")
        assert list(short.iterdir()) == [], "nothing is copied while the wheel can be reached"


def test_a_configured_folder_comes_first_and_must_be_complete() -> None:
    with short_tmp() as short:
        account = choose(short / "data")
        older = wheel() / "pginstall/bin"
        assert find(older, major=None, account=account, copies=short).folder == older
        with pytest.raises(PostgresTrouble, match=r"Z2_POSTGRES_BIN=.* has no programs postgres and initdb"):
            find(short, major=None, account=account, copies=short)


async def test_a_data_folder_gets_the_programs_it_was_made_by() -> None:
    older = wheel() / "pginstall/bin"
    with short_tmp() as short:
        folder = short / "postgres"
        async with EmbeddedPostgres(folder, binaries=older) as pg:
            connection = await asyncpg.connect(pg.dsn)
            assert await connection.fetchval("SELECT lower('ÄΣ')") == "äσ"
            await connection.close()
        async with EmbeddedPostgres(folder) as pg:
            connection = await asyncpg.connect(pg.dsn)
            assert connection.get_server_version().major == int((folder / "data/PG_VERSION").read_text())
            await connection.close()


async def test_a_data_folder_of_an_unknown_version_is_not_touched() -> None:
    with short_tmp() as short:
        data = short / "postgres/data"
        data.mkdir(parents=True)
        (data / "PG_VERSION").write_text("9\n")
        with pytest.raises(PostgresTrouble, match=r"made by PostgreSQL 9, whose programs are not here \(found 18\."):
            await EmbeddedPostgres(short / "postgres").start()
        assert [path.name for path in data.iterdir()] == ["PG_VERSION"]


def test_nothing_found_says_what_can_be_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "folders", lambda configured, needed: iter(()))
    with (
        short_tmp() as short,
        pytest.raises(PostgresTrouble, match=r"found none\): install z2\[standalone\] .* or set Z2_DATABASE_URL"),
    ):
        find(None, major=None, account=choose(short / "data"), copies=short)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root lends the server an account")
async def test_a_wheel_in_a_closed_folder_is_copied_once(monkeypatch: pytest.MonkeyPatch) -> None:
    package = wheel()
    with short_tmp() as short:
        closed = short / "closed"
        closed.mkdir(mode=0o700)
        for source in (package / "pginstall18", package.with_name(f"{package.name}.libs")):
            target = closed / source.relative_to(package.parent)
            shutil.copytree(source, target, symlinks=True)
        monkeypatch.setattr(binaries, "wheel_folder", lambda: closed / package.name)
        async with EmbeddedPostgres(short / "postgres") as pg:
            program = program_of(pg)
        assert program.is_relative_to(short / "postgres/programs")
        made = program.stat().st_mtime_ns, program.stat().st_ino
        assert program.stat().st_uid == 0, "who runs the programs cannot change them"
        async with EmbeddedPostgres(short / "postgres") as pg:
            again = program_of(pg)
        assert (again.stat().st_mtime_ns, again.stat().st_ino) == made
