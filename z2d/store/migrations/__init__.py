"""Brings a database to the schema this program was written for, or says why not.

An empty database gets `schema.sql`; an older one gets the numbered files beside this module, all in one transaction
under an advisory lock, so any number of daemons may start at once. A file that changed after it was applied, and a
database newer than this program, are refused.

A numbered file, `NNNN_name.sql`, brings a database from version NNNN - 1 to NNNN and never changes; schema.sql is
always the whole current schema. tests/store/test_released.py proves, with rows, that all steps together are schema.sql:
so new columns stand at the end of their table.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from importlib import metadata, resources
from typing import Any

import asyncpg

from z2d.store.database import trouble_is_unavailable

SCHEMA_VERSION = 2  # the newest version this program knows
_LOCK_KEY = 0x7A32_6D69  # "z2mi"
_WAIT_FOR_OTHERS_MS = 120_000
_OLDEST_SERVER = 150_000  # PostgreSQL 15, in its own numbering
_RELATION = re.compile(r"^CREATE (?:TABLE|VIEW) (\w+)", re.MULTILINE)
_FILE_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")


class SchemaRefused(Exception):
    """The database cannot be used by this program; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One step: `sql` brings version - 1 to `version`."""

    version: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """The sha256 of the file, in hex."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Plan:
    """`whole` makes the newest schema in an empty database; `steps` are all versions in rising order, from 1."""

    whole: str
    steps: tuple[Migration, ...]

    @property
    def version(self) -> int:
        """The newest version."""
        return self.steps[-1].version

    @property
    def relations(self) -> frozenset[str]:
        """The names of all tables and views of the newest schema."""
        return frozenset(_RELATION.findall(self.whole))


def load_plan() -> Plan:
    """The schema and the steps that come with this program."""
    whole = resources.files("z2d").joinpath("schema.sql").read_text(encoding="utf-8")
    steps = {}
    for file in resources.files(__name__).iterdir():
        if named := _FILE_NAME.fullmatch(file.name):
            version = int(named[1])
            steps[version] = Migration(version, named[2], file.read_text(encoding="utf-8"))
    return Plan(whole, tuple(steps[version] for version in sorted(steps)))


async def migrate(dsn: str, plan: Plan | None = None) -> int:
    """Make or upgrade the schema of the database at `dsn`; gives its version. Safe to call from many daemons at once.

    Raises `SchemaRefused` when the database must not be touched, `DatabaseUnavailable` when it does not answer.
    """
    plan = plan or load_plan()
    with trouble_is_unavailable():
        connection = await asyncpg.connect(
            dsn,
            timeout=10,
            command_timeout=300,
            server_settings={"application_name": "z2d migrate", "lock_timeout": str(_WAIT_FOR_OTHERS_MS)},
        )
        try:
            await _check_server(connection)
            async with connection.transaction():
                await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK_KEY)
                await _apply(connection, plan)
        finally:
            await connection.close(timeout=5)
    return plan.version


async def _check_server(connection: Any) -> None:
    if int(await connection.fetchval("SHOW server_version_num")) < _OLDEST_SERVER:
        found = await connection.fetchval("SHOW server_version")
        raise SchemaRefused(f"z2 needs PostgreSQL 15 or newer; this server is {found}.")
    if (encoding := await connection.fetchval("SHOW server_encoding")) != "UTF8":
        raise SchemaRefused(f"z2 needs a database in UTF8; this one is in {encoding}. Make one with ENCODING 'UTF8'.")


async def _apply(connection: Any, plan: Plan) -> None:
    if await connection.fetchval("SELECT to_regclass('schema_migrations')") is None:
        await connection.execute(plan.whole)
        todo = plan.steps
    else:
        todo = await _missing(connection, plan)
        for step in todo:
            await connection.execute(step.sql)
    for step in todo:
        await connection.execute(_RECORD, step.version, step.name, step.checksum, metadata.version("z2"))


_RECORD = "INSERT INTO schema_migrations (version, name, checksum, app_version) VALUES ($1, $2, $3, $4)"

_APPLIED = "SELECT version, name, checksum, app_version FROM schema_migrations ORDER BY version"


async def _missing(connection: Any, plan: Plan) -> tuple[Migration, ...]:
    """The steps the database lacks, after a check that those it has are ours."""
    applied = {row["version"]: row for row in await connection.fetch(_APPLIED)}
    if (newest := max(applied, default=0)) > plan.version:
        raise SchemaRefused(
            f"The database has schema version {newest}, made by z2 {applied[newest]['app_version']}; this z2 knows "
            f"version {plan.version}. Start z2 {applied[newest]['app_version']} or newer."
        )
    for step in plan.steps:
        if (row := applied.get(step.version)) and row["checksum"] != step.checksum:
            raise SchemaRefused(
                f"Schema version {step.version} ({row['name']}) of this database was made from another file than the "
                f"one this z2 has (sha256 {row['checksum'][:12]}..., here {step.checksum[:12]}...). Start the z2 that "
                f"made it ({row['app_version']}), or use an empty database."
            )
    return tuple(step for step in plan.steps if step.version not in applied)
