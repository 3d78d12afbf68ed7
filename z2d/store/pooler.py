"""Whether the address of the database can be used: that it asks for nothing that cannot be, and that nothing between us
and PostgreSQL shares out its connections in a way that z2 cannot live with.

A pooler such as pgbouncer is of no use to z2, which has a pool of its own, and in transaction mode it breaks it: what
is listened for never arrives, and a prepared statement is looked for in a connection that never saw it.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any

import asyncpg

from z2d.store.database import session_settings, trouble_is_unavailable

_TIMES = 5  # other clients of the pooler may come in between
_REMEDY = "Let Z2_DATABASE_URL name PostgreSQL itself (z2 has a pool of its own)"
_PID = "SELECT pg_backend_pid()"
# said by the driver or by the server of what the address asks for: an sslmode that there is not, an unknown parameter
_NEVER = (
    ValueError,
    asyncpg.UndefinedObjectError,
    asyncpg.CantChangeRuntimeParamError,
    asyncpg.InvalidParameterValueError,
)


class AddressRefused(Exception):
    """The address of the database asks for what cannot be; the text says what."""


class PoolerRefused(Exception):
    """The pooler before the database cannot be used; the text says why and what to do."""


async def is_pooled(connection: Any) -> bool:
    """Whether a pooler is at the other end: it tells a process number of its own, not that of the server's process."""
    return bool(connection.get_server_pid() != await connection.fetchval(_PID))


async def refuse_pooler(dsn: str) -> None:
    """Make sure that no pooler is in the way, or one that leaves a connection to us as long as we have it.

    Raises PoolerRefused, AddressRefused, and `DatabaseUnavailable` when nobody answers.
    """
    with trouble_is_unavailable():
        async with AsyncExitStack() as opened:
            try:
                one = await _connected(dsn, opened)
                if not await is_pooled(one):
                    return
                shared = await _share_a_process(one, await _connected(dsn, opened))
            except asyncpg.ProtocolViolationError as refused:  # PostgreSQL itself has no reason to say so
                raise PoolerRefused(_not_taken(str(refused))) from None
            except asyncpg.ConnectionDoesNotExistError as refused:
                if "pooling mode" not in str(refused):  # else nobody knows why it went away
                    raise
                raise PoolerRefused(_not_taken(str(refused))) from None
        if shared:
            raise PoolerRefused(
                "a pooler such as pgbouncer stands before the database and gives each transaction another connection: "
                f"notifications never arrive, and prepared statements fail. {_REMEDY}, or set pool_mode = session."
            )


async def _connected(dsn: str, opened: AsyncExitStack) -> Any:
    try:
        connection = await asyncpg.connect(
            dsn, timeout=10, command_timeout=10, statement_cache_size=0, server_settings=session_settings("z2d looks")
        )
    except _NEVER as error:
        raise AddressRefused(f"the database's address cannot be used: {error}; correct Z2_DATABASE_URL") from None
    opened.push_async_callback(connection.close, timeout=5)
    return connection


async def _share_a_process(one: Any, other: Any) -> bool:
    """Whether two connections that are both open had the same process of the server, one after the other."""
    for _ in range(_TIMES):
        pids = []
        for connection in (one, other):
            async with connection.transaction():  # else even this question could be torn apart
                pids.append(await connection.fetchval(_PID))
        if pids[0] == pids[1]:
            return True
    return False


def _not_taken(why: str) -> str:
    wanted = ", ".join(name for name in session_settings("") if name not in ("application_name", "timezone"))
    return (
        f"a pooler such as pgbouncer stands before the database and refuses z2's connections ({why}). {_REMEDY}, "
        f"or set pool_mode = session and ignore_startup_parameters = {wanted}."
    )
