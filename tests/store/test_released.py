"""From what was to what is: the first schema, with rows in it, and all migrations give schema.sql.

`released/0001.data.sql` are rows for version 1.
"""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import asyncpg
import pytest

from z2d.postgres import clients, contents
from z2d.postgres.contents import Table
from z2d.store import search
from z2d.store.database import Database
from z2d.store.migrations import Migration, Plan, SchemaRefused, load_plan, migrate
from z2d.wire.errors import DatabaseUnavailable

FROZEN = {
    "initial": "0da6069e3db23b7c5c3fd33066bef1a878f27355762199e716595e789e682ae4",
    "lanes": "e8e14e6167758db696f7e57e400740e6af000ab73cc52f2d156dd9d31b942379",
}
"""The sha256 of every step in its order. A database remembers those it was made with, and refuses another."""
FIRST = load_plan().steps[0].sql
ROWS = (Path(__file__).parent / "released" / "0001.data.sql").read_text(encoding="utf-8")


async def run(dsn: str, script: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(script)
    finally:
        await connection.close()


@pytest.fixture
async def first(empty_dsn: str) -> str:
    """A database as the first release made it, with rows in every table."""
    step = Migration(1, "initial", FIRST)
    await run(empty_dsn, FIRST)
    await run(empty_dsn, f"INSERT INTO schema_migrations VALUES (1, 'initial', '{step.checksum}', '0.1.0')")
    await run(empty_dsn, ROWS)
    return empty_dsn


async def census(dsn: str) -> dict[str, Table]:
    async with contents.connected(dsn) as connection:
        return await contents.census(connection, "public")


async def schema_of(dsn: str) -> str:
    """The schema as PostgreSQL tells it, without what differs from dump to dump."""

    def dump() -> str:
        return subprocess.run(
            [clients.find(None, 18).folder / "pg_dump", "--schema-only", "--no-owner", "--no-privileges"],
            env=clients.environment(dsn), capture_output=True, text=True, check=True, timeout=60,
        ).stdout  # fmt: skip

    lines = (await asyncio.to_thread(dump)).splitlines()
    return "\n".join(line for line in lines if not line.startswith(("--", "\\")))


def test_a_step_that_people_have_stays_as_it_is() -> None:
    told = {step.name: step.checksum for step in load_plan().steps}
    assert told == FROZEN, "put the old step back and write a new one; the checksum of a new one belongs into FROZEN"


async def test_every_table_of_it_has_rows(first: str) -> None:
    assert [name for name, table in (await census(first)).items() if table.rows == 0] == []


async def test_the_first_release_and_all_migrations_are_schema_sql(first: str, dsn: str) -> None:
    before = await census(first)
    await migrate(first)
    assert await schema_of(first) == await schema_of(dsn)
    after = await census(first)
    assert {name: after[name].rows for name in before if name != "schema_migrations"} == {
        name: table.rows for name, table in before.items() if name != "schema_migrations"
    }
    async with Database.open(first) as db:
        found = await search.search(db, search.SearchQuery(q='"it is what it is"'))
        assert [hit.job.id for hit in found.items] == [1], "what was there is found"


def upgrade(whole: str, step: str) -> Plan:
    """A next version: what its schema.sql says more, and what its migration does."""
    plan = load_plan()
    return Plan(f"{plan.whole}\n{whole}", (*plan.steps, Migration(plan.version + 1, "next", step)))


ADDED = "ALTER TABLE jobs ADD COLUMN mood text NOT NULL DEFAULT 'calm'; CREATE INDEX jobs_mood_idx ON jobs (mood);"


async def test_a_migration_that_forgets_something_is_noticed(first: str, dsn: str) -> None:
    """The comparison can fail: without the index, the one differs from the other by just that."""
    await migrate(first, upgrade(ADDED, ADDED.partition(";")[0]))
    await run(dsn, ADDED)
    migrated, new = await schema_of(first), await schema_of(dsn)
    assert "CREATE INDEX jobs_mood_idx" in new
    assert "CREATE INDEX jobs_mood_idx" not in migrated
    await run(first, ADDED.partition(";")[2])
    assert await schema_of(first) == new


async def test_an_upgrade_with_rows_keeps_them_and_shuts_the_old_version_out(first: str) -> None:
    await migrate(first)
    before = await census(first)
    plan = upgrade(ADDED, ADDED)
    assert await migrate(first, plan) == plan.version
    after = await census(first)
    assert after["jobs"].rows == before["jobs"].rows
    assert {name: after[name] for name in before if name not in ("jobs", "schema_migrations")} == {
        name: table for name, table in before.items() if name not in ("jobs", "schema_migrations")
    }
    with pytest.raises(SchemaRefused, match=rf"has schema version {plan.version}, made by z2 .* Start z2 .* or newer"):
        await migrate(first)


async def test_a_migration_that_fails_on_the_rows_changes_nothing(first: str) -> None:
    before = await census(first)
    step = f"{ADDED} ALTER TABLE jobs ADD CONSTRAINT no_jobs CHECK (id < 0);"
    with pytest.raises((asyncpg.PostgresError, DatabaseUnavailable)):
        await migrate(first, upgrade(step, step))
    assert await census(first) == before
    assert "mood" not in await schema_of(first)
