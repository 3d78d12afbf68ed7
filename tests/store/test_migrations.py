from __future__ import annotations

import asyncio

import asyncpg
import pytest

from tests.support import ROOT
from z2d.store.migrations import SCHEMA_VERSION, Migration, Plan, SchemaRefused, load_plan, migrate
from z2d.wire.errors import DatabaseUnavailable


async def tell(dsn: str, text: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetch(text)
    finally:
        await connection.close()


async def test_five_daemons_at_once_on_an_empty_database(empty_dsn: str) -> None:
    assert await asyncio.gather(*(migrate(empty_dsn) for _ in range(5))) == [SCHEMA_VERSION] * 5
    rows = await tell(empty_dsn, "SELECT version, checksum FROM schema_migrations ORDER BY version")
    assert [row["version"] for row in rows] == list(range(1, SCHEMA_VERSION + 1))
    assert {len(row["checksum"]) for row in rows} == {64}


def test_the_version_is_that_of_the_newest_file() -> None:
    plan = load_plan()
    assert plan.version == SCHEMA_VERSION
    assert [step.version for step in plan.steps] == list(range(1, SCHEMA_VERSION + 1))
    assert plan.whole == (ROOT / "schema.sql").read_text(encoding="utf-8")


async def test_a_file_that_changed_after_it_was_applied_is_refused(dsn: str) -> None:
    await tell(dsn, "UPDATE schema_migrations SET checksum = repeat('0', 64)")
    with pytest.raises(SchemaRefused, match="another file"):
        await migrate(dsn)


async def test_a_newer_schema_is_refused_with_the_version_to_start(dsn: str) -> None:
    await tell(dsn, "INSERT INTO schema_migrations VALUES (99, 'future', 'x', '9.8.7', now())")
    with pytest.raises(SchemaRefused, match=r"99.*9\.8\.7"):
        await migrate(dsn)


def upgraded(sql: str) -> Plan:
    plan = load_plan()
    number = plan.version + 1
    return Plan(f"{plan.whole}\n{sql}", (*plan.steps, Migration(number, "more", sql)))


async def test_an_older_database_gets_the_missing_steps_and_ends_like_a_new_one(dsn: str, empty_dsn: str) -> None:
    plan = upgraded("CREATE TABLE more (id int PRIMARY KEY)")
    await asyncio.gather(*(migrate(dsn, plan) for _ in range(3)))
    await migrate(empty_dsn, plan)
    columns = """
        SELECT table_name, column_name, data_type FROM information_schema.columns
        WHERE table_schema = 'public' ORDER BY 1, 2
    """
    assert await tell(dsn, columns) == await tell(empty_dsn, columns)
    versions = "SELECT version, name, checksum FROM schema_migrations ORDER BY version"
    assert await tell(dsn, versions) == await tell(empty_dsn, versions)
    with pytest.raises(SchemaRefused):
        await migrate(dsn)


async def test_a_step_that_fails_changes_nothing(dsn: str) -> None:
    with pytest.raises(asyncpg.PostgresError):
        await migrate(dsn, upgraded("CREATE TABLE half (id int); SELECT 1 / 0"))
    assert await tell(dsn, "SELECT to_regclass('half') AS half") == [(None,)]
    assert await migrate(dsn) == SCHEMA_VERSION


async def test_no_database_is_trouble_like_any_other(dsn: str) -> None:
    with pytest.raises(DatabaseUnavailable):
        await migrate(dsn.replace("z2_test", "z2_absent"))
