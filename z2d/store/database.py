"""The pool of connections, and the one way in which trouble with the database is told.

Whatever goes wrong between z2 and PostgreSQL - refused, cut, frozen, restarted, full - surfaces as
`DatabaseUnavailable`, so callers decide once what to do about it: the API answers 503, a worker waits and tries again.
Faults of the statement itself (a broken constraint, a type) stay asyncpg's own errors.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any, NamedTuple

import asyncpg

from z2d.wire.errors import DatabaseUnavailable

# A frozen server must not hold an API request longer than six seconds: waiting for a connection, then the command,
# then giving the connection back (asyncpg waits for the end of what it cancelled, as long as for the acquire).
ACQUIRE_S = 1.5
COMMAND_S = 3.0
STATEMENT_MS = 2900  # the server gives up first: a cancelled statement leaves its connection usable
SLOW_STATEMENT_S = 60.0  # in `transaction`, where no request waits: a long transcript takes its time to be indexed
LOCK_MS = 2500
IDLE_IN_TRANSACTION_MS = 15_000
CLOSE_S = 2.0

AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InsufficientResourcesError,  # disk full, out of memory, too many connections
    asyncpg.OperatorInterventionError,  # shutdown, starting up, statement timeout
    asyncpg.TransactionRollbackError,  # deadlock
    asyncpg.LockNotAvailableError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.PostgresSystemError,  # I/O errors of the server
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)


@contextmanager
def trouble_is_unavailable() -> Iterator[None]:
    """Turns every kind of connection trouble inside the block into `DatabaseUnavailable`."""
    try:
        yield
    except asyncpg.DataError:  # a value that does not fit is the caller's fault, though it is an InterfaceError
        raise
    except AWAY as error:
        raise DatabaseUnavailable(f"The database does not answer: {_words(error)}") from error


def _words(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


async def set_codecs(connection: Any) -> None:
    """Let json and jsonb travel as Python values on this connection."""
    for name in ("json", "jsonb"):
        await connection.set_type_codec(name, encoder=json.dumps, decoder=json.loads, schema="pg_catalog")


async def _nothing_to_reset(_: Any) -> None:
    """In place of asyncpg's RESET ALL, a round trip for each statement; a statement that had been done failed with it.

    Nothing here outlives its transaction: settings are SET LOCAL, advisory locks those of transactions.
    """


def session_settings(application: str) -> dict[str, str]:
    """The server-side limits of every connection of the pool."""
    return {
        "application_name": application,
        "statement_timeout": str(STATEMENT_MS),
        "lock_timeout": str(LOCK_MS),
        "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION_MS),
        "jit": "off",  # every statement here is short: compiling it costs more than running it
        "timezone": "UTC",
    }


class _Patient:
    """A connection whose statements are waited for longer: what the server allows, the client has to allow too."""

    def __init__(self, connection: Any, timeout_s: float) -> None:
        self._connection, self._timeout_s = connection, timeout_s

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._connection, name)
        return partial(found, timeout=self._timeout_s) if name in _STATEMENTS else found


_STATEMENTS = frozenset({"execute", "executemany", "fetch", "fetchrow", "fetchval"})


class PoolState(NamedTuple):
    """The pool at this moment: open connections, those in nobody's hands, the most there may be, who waits for one.

    `failures`: how many calls ended with `DatabaseUnavailable` so far.
    """

    size: int
    idle: int
    largest: int
    waiting: int
    failures: int


class Database:
    """A pool of connections to one database. Every method raises `DatabaseUnavailable` on connection trouble."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._waiting = self._failures = 0

    def state(self) -> PoolState:
        """How the pool is doing."""
        pool = self._pool
        return PoolState(pool.get_size(), pool.get_idle_size(), pool.get_max_size(), self._waiting, self._failures)

    @classmethod
    @asynccontextmanager
    async def open(cls, dsn: str, *, size: int = 10, application: str = "z2d") -> AsyncIterator[Database]:
        """A database for the time of the block, with at most `size` connections (one is opened at once)."""
        with trouble_is_unavailable():
            pool = await asyncpg.create_pool(
                dsn,
                min_size=1,
                max_size=size,
                timeout=ACQUIRE_S,
                command_timeout=COMMAND_S,
                init=set_codecs,
                reset=_nothing_to_reset,
                server_settings=session_settings(application),
            )
        try:
            yield cls(pool)
        finally:
            try:
                async with asyncio.timeout(CLOSE_S):
                    await pool.close()
            except AWAY:
                pool.terminate()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        """One connection for several statements in a row, without a transaction."""
        try:
            with trouble_is_unavailable():
                connection = await self._acquire()
                try:
                    yield connection
                finally:
                    await self._pool.release(connection)
        except DatabaseUnavailable:
            self._failures += 1
            raise

    async def _acquire(self) -> Any:
        self._waiting += 1
        try:
            return await self._pool.acquire(timeout=ACQUIRE_S)
        finally:
            self._waiting -= 1

    @asynccontextmanager
    async def transaction(self, *, statement_s: float | None = None) -> AsyncIterator[Any]:
        """One connection inside a transaction: commits at the end of the block, rolls back when it raises.

        `statement_s`: how long each of its statements may take, where they have more to do than usual.
        """
        async with self.connection() as connection, connection.transaction():
            if statement_s is None:
                yield connection
            else:
                await connection.execute(f"SET LOCAL statement_timeout = {round(statement_s * 1000)}")
                yield _Patient(connection, statement_s + COMMAND_S)

    async def fetch(self, query: str, *args: Any) -> list[Any]:
        """All rows of `query`."""
        async with self.connection() as connection:
            rows: list[Any] = await connection.fetch(query, *args)
            return rows

    async def fetchrow(self, query: str, *args: Any) -> Any | None:
        """The first row of `query`, or None."""
        async with self.connection() as connection:
            return await connection.fetchrow(query, *args)

    async def fetchval(self, query: str, *args: Any) -> Any:
        """The first value of the first row of `query`, or None."""
        async with self.connection() as connection:
            return await connection.fetchval(query, *args)

    async def execute(self, query: str, *args: Any) -> str:
        """Run `query`; its command tag, such as 'UPDATE 1'."""
        async with self.connection() as connection:
            tag: str = await connection.execute(query, *args)
            return tag
