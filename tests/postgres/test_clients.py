"""How pg_dump and pg_restore are found, and how they are told where the database is."""

from __future__ import annotations

from pathlib import Path

import pytest

from z2d.postgres import clients
from z2d.postgres.clients import Clients, environment, find, other_database
from z2d.postgres.faults import PostgresTrouble, ProgramFailed, ProgramsMissing


def programs(folder: Path, major: int) -> Path:
    folder.mkdir()
    for name in clients.NEEDED:
        (folder / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {major}.3 (Some 1)'\n")
        (folder / name).chmod(0o755)
    return folder


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[int, Path]:
    made = {major: programs(tmp_path / str(major), major) for major in (18, 15, 17)}
    monkeypatch.setattr(clients, "folders", lambda configured, needed: [configured] if configured else made.values())
    return made


@pytest.mark.parametrize(("server", "chosen"), [(15, 15), (16, 17), (17, 17), (18, 18), (13, 15)])
def test_the_servers_own_version_or_the_oldest_that_is_newer(places: dict[int, Path], server: int, chosen: int) -> None:
    assert find(None, server) == Clients(places[chosen], chosen)


def test_none_that_fits_is_said_with_what_is_there(places: dict[int, Path]) -> None:
    with pytest.raises(ProgramsMissing, match=r"found 15 in .*install postgresql-client-19"):
        find(None, 19)
    with pytest.raises(ProgramsMissing):
        find(places[15], 18)


def test_a_configured_folder_without_them_is_named(tmp_path: Path) -> None:
    with pytest.raises(PostgresTrouble, match="has no programs pg_dump and pg_restore"):
        find(tmp_path, 15)


@pytest.mark.parametrize(
    ("dsn", "expected"),
    [
        (
            "postgresql://me:p%40ss%3A%2F@db.example:6543/z%202?sslmode=verify-full&application_name=x",
            {
                "PGUSER": "me",
                "PGPASSWORD": "p@ss:/",
                "PGHOST": "db.example",
                "PGPORT": "6543",
                "PGDATABASE": "z 2",
                "PGSSLMODE": "verify-full",
                "PGAPPNAME": "x",
            },
        ),
        (
            "postgresql://z2@/z2?host=/var/lib/z2/postgres/run&port=5432&passfile=/p",
            {"PGUSER": "z2", "PGHOST": "/var/lib/z2/postgres/run", "PGPORT": "5432", "PGPASSFILE": "/p"},
        ),
        ("postgres://[::1]:1,two,three:3/d", {"PGHOST": "::1,two,three", "PGPORT": "1,5432,3", "PGDATABASE": "d"}),
        ("postgresql://%2Frun%2Fpg/d?user=u&password=s", {"PGHOST": "/run/pg", "PGUSER": "u", "PGPASSWORD": "s"}),
        ("postgresql:///d?search_path=a%20b&work_mem=8MB", {"PGOPTIONS": "-c search_path=a\\ b -c work_mem=8MB"}),
    ],
)
def test_an_address_becomes_variables(dsn: str, expected: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGOPTIONS", raising=False)
    found = environment(dsn)
    assert {name: found.get(name) for name in expected} == expected


def test_nothing_else_of_ours_goes_along(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("Z2_DATABASE_URL", "Z2_TOKEN", "NOTIFY_SOCKET", "LD_PRELOAD"):
        monkeypatch.setenv(name, "canary")
    monkeypatch.setenv("PGSSLMODE", "require")
    found = environment("postgresql:///d")
    assert "canary" not in found.values()
    assert found["PGSSLMODE"] == "require"


@pytest.mark.parametrize(
    ("dsn", "expected"),
    [
        ("postgresql://u:p@h:1/a?x=y", "postgresql://u:p@h:1/b%20c?x=y"),
        ("postgresql://u@/a?host=/s&dbname=a&port=1", "postgresql://u@/b%20c?host=/s&port=1"),
        ("postgresql:///a", "postgresql:///b%20c"),
    ],
)
def test_the_address_of_a_neighbour(dsn: str, expected: str) -> None:
    assert other_database(dsn, "b c") == expected


async def test_a_program_tells_its_last_words_and_no_password_is_in_its_arguments(tmp_path: Path) -> None:
    folder = programs(tmp_path / "bin", 18)
    (folder / "pg_dump").write_text(
        "#!/bin/sh\ntr '\\0' ' ' < /proc/$$/cmdline >&2; echo; echo \"password: $PGPASSWORD\" > $2; exit 3\n"
    )
    with pytest.raises(ProgramFailed, match="pg_dump failed: ") as caught:
        await Clients(folder, 18).run("pg_dump", tmp_path / "got", dsn="postgresql://u:canary@h/d")
    assert "canary" not in str(caught.value)
    assert (tmp_path / "got").read_text() == "password: canary\n"
    (folder / "pg_dump").write_text("#!/bin/sh\nexit 4\n")
    with pytest.raises(ProgramFailed, match="pg_dump failed: exit code 4"):
        await Clients(folder, 18).run("pg_dump", dsn="postgresql:///d")
