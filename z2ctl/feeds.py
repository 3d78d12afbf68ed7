"""The two live sockets as async iterators that outlive the connection.

A feed ends only when there is nothing more to come, or when the daemon refuses it for good (the job is unknown, the
token is wrong). When the connection or the daemon goes away it says so once with `{"type": "offline", ...}`, tries
again with growing, jittered pauses, and goes on where it stopped: the status feed by `since=`, a log feed by
`after=`, so that each line arrives exactly once and in order.

aiohttp is loaded when a feed is opened, not with this module.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from z2ctl.client import Endpoint, Json, explained, unreachable
from z2d.wire import errors

if TYPE_CHECKING:
    import aiohttp

PAUSES_S = (1.0, 2.0, 4.0, 8.0, 15.0)
SPREAD = (0.3, 1.7)
"""Of a pause: wide, so that all clients of a daemon that was restarted do not come at once, not even with the first."""
HEARTBEAT_S = 20.0
CONNECT_S = 10.0
LARGEST_MESSAGE = 32 * 1024 * 1024
GONE = 4404  # the close code for an unknown job
REFUSALS: dict[int, type[errors.Z2Error]] = {
    400: errors.InvalidRequest,
    401: errors.Unauthorized,
    403: errors.Forbidden,
    404: errors.JobNotFound,
}


class Offline(Exception):
    """The connection is gone; the sentence says why."""


async def status_feed(endpoint: Endpoint) -> AsyncGenerator[Json, None]:
    """The messages of `/ws/jobs/status`, for ever, with `offline` messages in between.

    After a reconnection the server goes on at the last `seq`, or begins again with a `snapshot`.
    """
    since: int | None = None

    async def once(session: aiohttp.ClientSession) -> AsyncGenerator[Json, None]:
        nonlocal since
        async for message in _messages(session, endpoint, "/ws/jobs/status", {"since": since}):
            # the number of hello is the newest event's, which this client may not have seen yet
            if message.get("type") != "hello" and isinstance(message.get("seq"), int):
                since = message["seq"]
            yield message

    async for message in _again_and_again(endpoint, once):
        yield message


async def log_feed(
    endpoint: Endpoint,
    job_id: int,
    *,
    after: int | None = None,
    tail: int | None = None,
    level: str | None = None,
    stage: str | None = None,
) -> AsyncGenerator[Json, None]:
    """The messages of a job's log socket until `end`: each line once, in rising order of `seq`.

    A `gap` (this client was too slow) is filled from the stored log before anything newer is given.

    Raises:
        JobNotFound: there is no such job.
    """
    seen = after

    async def once(session: aiohttp.ClientSession) -> AsyncGenerator[Json, None]:
        nonlocal seen
        query = {"after": seen, "level": level, "stage": stage, "tail": tail if seen is None else None}
        async for message in _messages(session, endpoint, f"/ws/jobs/{job_id}/logs", query):
            batches = [message]
            if message.get("type") == "gap":
                batches = await _stored(session, endpoint, job_id, message, level, stage)
            for batch in batches:
                if batch.get("type") == "lines":
                    batch["lines"] = [line for line in batch["lines"] if line["seq"] > (seen or 0)]
                    if not batch["lines"]:
                        continue
                    seen = batch["lines"][-1]["seq"]
                yield batch

    async for message in _again_and_again(endpoint, once):
        yield message
        if message.get("type") == "end":
            return


async def _again_and_again(endpoint: Endpoint, once: Any) -> AsyncGenerator[Json, None]:
    """Run `once(session)` again after each loss; a connection that brought a message starts the pauses afresh."""
    tries = 0
    async with _session(endpoint) as session:
        while True:
            try:
                async for message in once(session):
                    tries = 0
                    yield message
                reason = "z2d closed the connection"
            except Offline as offline:
                reason = str(offline)
            pause = PAUSES_S[min(tries, len(PAUSES_S) - 1)] * random.uniform(*SPREAD)
            tries += 1
            yield {"type": "offline", "reason": reason, "retry_in_s": pause, "tries": tries}
            await asyncio.sleep(pause)


@asynccontextmanager
async def _session(endpoint: Endpoint) -> AsyncIterator[aiohttp.ClientSession]:
    import aiohttp

    connector = aiohttp.UnixConnector(str(endpoint.socket)) if endpoint.socket else aiohttp.TCPConnector()
    headers = {"Authorization": f"Bearer {endpoint.token}"} if endpoint.token else None
    timeout = aiohttp.ClientTimeout(total=60, sock_connect=CONNECT_S)
    async with aiohttp.ClientSession(connector=connector, headers=headers, timeout=timeout) as session:
        yield session


async def _messages(
    session: aiohttp.ClientSession, endpoint: Endpoint, path: str, query: dict[str, Any]
) -> AsyncGenerator[Json, None]:
    """The messages of one connection; ends when the server closes it, raises Offline when it breaks."""
    import aiohttp

    try:
        async with asyncio.timeout(CONNECT_S):
            socket = await session.ws_connect(
                _address(endpoint, path, query), heartbeat=HEARTBEAT_S, max_msg_size=LARGEST_MESSAGE
            )
    except aiohttp.WSServerHandshakeError as error:
        refusal = REFUSALS.get(error.status)
        if refusal is not None:
            raise explained(refusal(), endpoint) from None
        raise Offline(f"z2d answers {error.status}") from None
    except aiohttp.ClientConnectorError as error:
        raise Offline(unreachable(endpoint, error.os_error).detail) from None
    except (aiohttp.ClientError, OSError) as error:
        raise Offline(str(error) or type(error).__name__) from None
    async with socket:
        async for frame in socket:
            if frame.type is aiohttp.WSMsgType.TEXT and (message := _message(frame.data)) is not None:
                yield message
            elif frame.type is aiohttp.WSMsgType.ERROR:
                raise Offline(f"the connection broke ({safe_reason(frame.data)})")
        if socket.close_code == GONE:
            raise errors.JobNotFound


async def _stored(
    session: aiohttp.ClientSession, endpoint: Endpoint, job_id: int, gap: Json, level: str | None, stage: str | None
) -> list[Json]:
    """The lines of a gap, as `lines` messages, read from the stored log."""
    import aiohttp

    batches: list[Json] = []
    after, last = gap["from"] - 1, gap["to"]
    while after < last:
        query = {"after": after, "limit": 500, "level": level, "stage": stage}
        try:
            async with session.get(_address(endpoint, f"/api/jobs/{job_id}/logs", query)) as answer:
                answer.raise_for_status()
                items = (await answer.json())["items"]
        except (aiohttp.ClientError, OSError) as error:
            raise Offline(str(error) or type(error).__name__) from None
        lines = [line for line in items if line["seq"] <= last]
        if not lines:
            break
        batches.append({"type": "lines", "lines": lines})
        after = lines[-1]["seq"]
    return batches


def safe_reason(reason: object) -> str:
    """Why a socket broke, in a word."""
    return str(reason) or type(reason).__name__


def _address(endpoint: Endpoint, path: str, query: dict[str, Any]) -> str:
    given = urlencode({name: value for name, value in query.items() if value is not None})
    return (endpoint.url or "http://localhost") + path + ("?" + given if given else "")


def _message(data: str) -> Json | None:
    try:
        message = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None
