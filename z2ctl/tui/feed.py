"""The dashboard's one line to the daemon: calls, the status socket, the socket of the log that is open.

Everything that comes in passes `clean` here, so that no text from outside reaches a widget as it came. The feed
holds no state of the dashboard and touches no widget: what it learns it posts as messages.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from textual.message import Message

from z2ctl.client import Client, Endpoint
from z2ctl.oneshot import Line
from z2ctl.text import safe
from z2ctl.tui.job import Job
from z2ctl.tui.messages import (
    Connected,
    Heard,
    JobCame,
    JobGone,
    JobMoved,
    LogCame,
    LogEnded,
    Lost,
    Refused,
    Snapshot,
    StatsCame,
)
from z2ctl.tui.widgets.log_view import Entry
from z2d.wire import errors

T = TypeVar("T")
Json = dict[str, Any]

PARAGRAPHS = frozenset({"summary", "summary_short", "description"})
"""Fields whose line ends mean something; every other text is one line."""
PROBE_S = 5.0
"""Quiet for which the daemon is asked whether it is there; well below `state.SILENT_S`."""
PROBE_TIMEOUT_S = 4.0
REFUSED_S = 15.0
TAIL = 500
"""Lines of a log that are fetched at first; older ones come when a person scrolls up."""


def clean(value: Any, *, lines: bool = False) -> Any:
    """A value of the API with every text in it made safe for a terminal, names included."""
    if isinstance(value, str):
        return safe(value, lines=lines)
    if isinstance(value, dict):
        return {safe(name): clean(each, lines=name in PARAGRAPHS) for name, each in value.items()}
    if isinstance(value, list):
        return [clean(each) for each in value]
    return value


async def in_thread(call: Callable[[], T]) -> T:
    """Run a blocking call beside the loop. The thread is a daemon: a hanging daemon must not keep the app open."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result: T | None = None
        failed: BaseException | None = None
        try:
            result = call()
        except BaseException as error:  # noqa: BLE001 - it is handed over whole to the one who waits
            failed = error
        try:
            loop.call_soon_threadsafe(settle, result, failed)
        except RuntimeError:
            return  # the loop is closed: nobody waits any more

    threading.Thread(target=run, name="z2-call", daemon=True).start()
    return await done


class Feed:
    """See the module. `find` names the daemon's place anew for every connection: a token file may have changed."""

    def __init__(self, find: Callable[[], Endpoint], post: Callable[[Message], object], *, gather_s: float) -> None:
        self._find = find
        self._post = post
        self._gather_s = gather_s
        self._heard = 0.0
        self._connected = False

    def place(self) -> str:
        """Where the daemon is looked for, in words."""
        try:
            return safe(self._find().words())
        except errors.Z2Error as error:
            return safe(error.detail)

    async def call(self, ask: Callable[[Client], T], *, within_s: float = 15.0) -> T:
        """One call of the API; the answer's texts are safe. Cancelled, it hangs up: a look at a site ends with that.

        Raises:
            Z2Error: what the daemon refused, or why it cannot be reached; its words are safe too.
        """
        line = Line()
        try:
            answer = await in_thread(lambda: ask(Client(self._find(), timeout=within_s, line=line)))
        except errors.Z2Error as error:
            raise type(error)(safe(error.detail), errors=clean(error.errors)) from None
        finally:
            line.cut()
        self._heard = asyncio.get_running_loop().time()
        self._post(Heard())
        return clean(answer)  # type: ignore[no-any-return]

    # -- the status socket -----------------------------------------------------------------------------------------

    async def watch_status(self) -> None:
        """Post what the status socket says, for ever; while it is quiet, ask now and then whether it still stands."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._probe(), name="probe")
            group.create_task(self._status(), name="status")

    async def _status(self) -> None:
        from z2ctl.feeds import status_feed

        loop = asyncio.get_running_loop()
        while True:
            try:
                async for message in status_feed(self._find()):
                    if message.get("type") != "offline":
                        self._heard = loop.time()
                    self._status_message(message)
            except errors.Z2Error as error:
                self._connected = False
                self._post(Refused(safe(error.detail), REFUSED_S))
            await asyncio.sleep(REFUSED_S)

    def _status_message(self, raw: Mapping[str, Any]) -> None:
        kind = raw.get("type")
        if kind == "offline":
            self._connected = False
            self._post(Lost(safe(raw["reason"]), float(raw["retry_in_s"]), int(raw["tries"])))
            return
        message = clean(dict(raw))
        try:
            posted = _meaning(message)
        except (KeyError, TypeError, ValueError):
            return  # a message of another version that does not fit is not worth a crash
        if posted is not None:
            self._connected = self._connected or isinstance(posted, Connected)
            self._post(posted)

    async def _probe(self) -> None:
        """A socket can be silent because nothing happens or because the daemon hangs: a question tells them apart."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(PROBE_S / 2)
            if not self._connected or loop.time() - self._heard < PROBE_S:
                continue
            try:
                await self.call(lambda client: client.version(), within_s=PROBE_TIMEOUT_S)
            except errors.Z2Error:
                continue  # no answer is what the top bar shows as silence

    # -- a log -----------------------------------------------------------------------------------------------------

    async def watch_log(self, job_id: int, after: int) -> None:
        """Post the lines of a job's log after `after` (0: its last ones), gathered so that a flood costs few paints."""
        from z2ctl.feeds import log_feed

        packet = _Packet(job_id, self._post, self._gather_s)
        reason = ""
        try:
            async for message in log_feed(self._find(), job_id, after=after or None, tail=None if after else TAIL):
                if message.get("type") == "hello":
                    self._post(LogCame(job_id, [], int(message.get("first_seq") or 0)))
                elif message.get("type") == "lines":
                    packet.add([Entry.from_wire(clean(line)) for line in message.get("lines") or ()])
        except errors.Z2Error as error:
            reason = safe(error.detail)
        finally:
            packet.flush()
        self._post(LogEnded(job_id, reason))


class _Packet:
    """Lines on their way: the first at once, then what came together, one message each `gather_s` seconds."""

    def __init__(self, job_id: int, post: Callable[[Message], object], gather_s: float) -> None:
        self._job_id, self._post, self._gather_s = job_id, post, gather_s
        self._entries: list[Entry] = []
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def add(self, entries: list[Entry]) -> None:
        self._entries.extend(entries)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_at(self._due, self.flush)

    def flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._due = asyncio.get_running_loop().time() + self._gather_s
        if self._entries:
            self._post(LogCame(self._job_id, self._entries))
            self._entries = []


def _meaning(message: Mapping[str, Any]) -> Message | None:
    """A message of the status socket as one of ours; None for what this client does not know."""
    match message.get("type"):
        case "hello":
            return Connected(str(message.get("version") or ""), message.get("api"))
        case "snapshot":
            return Snapshot([Job.from_wire(job) for job in message["jobs"]], message.get("stats") or {})
        case "job":
            return JobCame(Job.from_wire(message["job"]))
        case "progress":
            return JobMoved(
                int(message["id"]),
                message.get("stage"),
                float(message.get("progress") or 0.0),
                message.get("speed_bps"),
                message.get("eta_s"),
            )
        case "stats":
            return StatsCame(message.get("stats") or {})
        case "deleted":
            return JobGone(int(message["id"]))
    return None
