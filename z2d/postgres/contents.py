"""What is in a database: which schema z2 has there, every table's rows and digest, and what is somebody else's.

A digest is a sum over the hashes of all rows, each as text in fixed settings: the same on every machine and version of
the server, and whatever the order of the rows. Generated columns are left out: each server computes its own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg

# how values become text must not depend on the server's or the account's settings
_AS_TEXT = {
    "timezone": "UTC",
    "datestyle": "ISO, YMD",
    "intervalstyle": "iso_8601",
    "extra_float_digits": "1",
    "bytea_output": "hex",
}
_UNHURRIED = {"statement_timeout": "0", "idle_in_transaction_session_timeout": "0", "lock_timeout": "60000"}
APPLICATION = "z2d backup"


@dataclass(frozen=True)
class About:
    """A database of z2: its namespace, the version of its schema and the z2 that made that, server and size."""

    namespace: str
    schema_version: int
    made_by: str
    server: str
    server_major: int
    size_bytes: int


@dataclass(frozen=True)
class Table:
    """How many rows a table has, and the digest over them."""

    rows: int
    digest: str


@asynccontextmanager
async def connected(dsn: str) -> AsyncIterator[Any]:
    """One connection for work that takes as long as it takes."""
    connection = await asyncpg.connect(
        dsn, timeout=10, server_settings={"application_name": APPLICATION, **_AS_TEXT, **_UNHURRIED}
    )
    try:
        yield connection
    finally:
        await connection.close(timeout=5)


@asynccontextmanager
async def snapshot(dsn: str) -> AsyncIterator[tuple[Any, str]]:
    """A connection that sees the database as it is now, and the name by which pg_dump sees the very same."""
    async with connected(dsn) as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        yield connection, await connection.fetchval("SELECT pg_export_snapshot()")


_SERVER = "SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS number"
_NAMESPACE = """
    SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid = to_regclass('schema_migrations')
"""
_VERSION = "SELECT version, app_version FROM schema_migrations ORDER BY version DESC LIMIT 1"
_SIZE = "SELECT pg_database_size(current_database())"


async def server_version(connection: Any) -> tuple[str, int]:
    """Such as ("18.4", 18)."""
    row = await connection.fetchrow(_SERVER)
    return str(row["version"]).split(" ")[0], row["number"] // 10_000


async def about(connection: Any) -> About | None:
    """What z2 has in this database; None where it has nothing."""
    namespace = await connection.fetchval(_NAMESPACE)
    row = await connection.fetchrow(_VERSION) if namespace else None
    if row is None:
        return None
    version, major = await server_version(connection)
    return About(namespace, row["version"], row["app_version"], version, major, await connection.fetchval(_SIZE))


_TABLES = """
    SELECT c.relname AS name, array_agg(quote_ident(a.attname) ORDER BY a.attname) AS columns
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
    WHERE n.nspname = $1 AND c.relkind = 'r'
    GROUP BY c.relname ORDER BY c.relname
"""
_CENSUS = """
    SELECT count(*) AS rows, coalesce(sum(('x' || left(hash, 14))::bit(56)::bigint), 0) AS first,
        coalesce(sum(('x' || right(hash, 14))::bit(56)::bigint), 0) AS second
    FROM (SELECT encode(sha256(convert_to(ROW({columns})::text, 'UTF8')), 'hex') AS hash FROM {table}) AS hashed
"""


async def census(connection: Any, namespace: str) -> dict[str, Table]:
    """Every table of the namespace, by name."""
    found = {}
    for row in await connection.fetch(_TABLES, namespace):
        name = f"{_quoted(namespace)}.{_quoted(row['name'])}"
        sums = await connection.fetchrow(_CENSUS.format(columns=", ".join(row["columns"]), table=name))
        found[row["name"]] = Table(sums["rows"], f"{int(sums['first']):x}-{int(sums['second']):x}")
    return found


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


_RELATIONS = """
    SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
      AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype IN ('e', 'i'))
    ORDER BY 1
"""


async def relations(connection: Any) -> list[str]:
    """Every table, view and free sequence in the database that belongs to no extension."""
    return [row[0] for row in await connection.fetch(_RELATIONS)]


_DAEMONS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name IN ('z2d', 'z2d listen')
"""


async def daemons(connection: Any) -> int:
    """How many connections of running daemons this database has."""
    return int(await connection.fetchval(_DAEMONS))


_FUNCTIONS = """
    SELECT i.type, i.identity
    FROM (
        SELECT 'pg_proc'::regclass AS catalog, oid FROM pg_proc
        WHERE pronamespace = $1::text::regnamespace AND starts_with(proname, $2)
        UNION ALL SELECT 'pg_ts_config'::regclass, oid FROM pg_ts_config
        WHERE cfgnamespace = $1::text::regnamespace AND starts_with(cfgname, $2)
        UNION ALL SELECT 'pg_ts_dict'::regclass, oid FROM pg_ts_dict
        WHERE dictnamespace = $1::text::regnamespace AND starts_with(dictname, $2)
    ) AS o, pg_identify_object(o.catalog, o.oid, 0) AS i
"""
_IS_VIEW = "SELECT relkind = 'v' FROM pg_class WHERE oid = to_regclass($1)"


async def clear(connection: Any, namespace: str, relations: Iterable[str], prefix: str) -> None:
    """Remove these tables and views, and all functions and search configurations whose names begin with `prefix`."""
    async with connection.transaction():
        for name in relations:
            kind = "VIEW" if await connection.fetchval(_IS_VIEW, name) else "TABLE"
            await connection.execute(f"DROP {kind} IF EXISTS {name} CASCADE")
        for row in await connection.fetch(_FUNCTIONS, _quoted(namespace), prefix):
            await connection.execute(f"DROP {row['type']} IF EXISTS {row['identity']} CASCADE")
