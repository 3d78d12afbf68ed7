"""Following a job's log: each line once and in order, from wherever the client stopped, for as long as it likes.

The rows are the truth. A follower is a number (the last line it has sent) and reads what comes after it, a page at a
time; news from the bus only says that looking again is worth while. So history and live lines are the same thing,
there is no seam at which a line could be lost or doubled, and neither a restart of the daemon nor a lost
notification matters: a slow look from time to time finds what nobody announced. Followers that look for the same at
the same time look together: a hundred of them cost the database as much as one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from z2d.api.queries import LogSocketParams
from z2d.api.sockets import GONE, Closed, Socket
from z2d.bus import Bus, JobChanged, Lagged, LogsAppended, Resync
from z2d.store import logs
from z2d.store.database import Database
from z2d.wire.errors import DatabaseUnavailable, JobNotFound
from z2d.wire.events import End, Gap, LogHello
from z2d.wire.jobs import FINISHED, JobStatus, LogLine

PAGE = 500
MESSAGE_BYTES = 256 * 1024
LOOK_AGAIN_S = 15.0
REST_S = 0.02  # at most, between two looks: lines that come together are sent together
LOOK_SHARE = 0.25  # of the time may go into looking: where it is quick, lines are there sooner
LAST_WORDS_S = 0.5  # a job's last lines may be committed a moment after its end
PAUSES_S = (0.1, 0.25, 0.5, 1.0, 2.0)
LONGEST_LAG = 10_000  # lines a live client may fall behind
KEPT_OF_LAG = 1_000

T = TypeVar("T")
Looks = dict[Hashable, "asyncio.Task[Any]"]


class LogFeed:
    """Tells followers of a job's log when to look again, and has them look together: one subscription for all."""

    def __init__(self, db: Database, bus: Bus) -> None:
        self.db = db
        self._bus = bus
        self._followers: dict[int, set[asyncio.Event]] = {}
        self._looks: dict[int, Looks] = {}  # of each job, those that began since the last news of it

    async def run(self) -> None:
        """Pass on news from the bus until cancelled."""
        with self._bus.subscribe(maxsize=10_000) as news:
            async for event in news:
                if isinstance(event, LogsAppended):
                    self._wake(event.job_id)
                elif isinstance(event, JobChanged):
                    self._wake(event.id)
                elif isinstance(event, Resync | Lagged):
                    for job_id in self._followers:
                        self._wake(job_id)

    async def together(self, job_id: int, what: Hashable, look: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What `look` finds, or what the same look of another follower finds, if it began since the last news.

        One that began before may have seen less than what the news is about, and there may be no more news.
        """
        looks = self._looks.setdefault(job_id, {})
        if what not in looks:
            looks[what] = asyncio.create_task(look(), name=f"look at log {job_id}")
            looks[what].add_done_callback(partial(self._looked, job_id, looks, what))
        found: T = await asyncio.shield(looks[what])  # whoever leaves, leaves the others their look
        return found

    def _looked(self, job_id: int, looks: Looks, what: Hashable, look: asyncio.Task[Any]) -> None:
        del looks[what]
        if not looks and self._looks.get(job_id) is looks:
            del self._looks[job_id]
        if not look.cancelled():
            look.exception()  # all who waited may be gone

    def _wake(self, job_id: int) -> None:
        self._looks.pop(job_id, None)
        for follower in self._followers.get(job_id, ()):
            follower.set()

    @contextmanager
    def news_of(self, job_id: int) -> Iterator[asyncio.Event]:
        """An event that is set whenever the job or its log has changed."""
        event = asyncio.Event()
        self._followers.setdefault(job_id, set()).add(event)
        try:
            yield event
        finally:
            self._followers[job_id].discard(event)
            if not self._followers[job_id]:
                del self._followers[job_id]


@dataclass(frozen=True, slots=True)
class Head:
    """What exists of a log, and whether more can come."""

    first: int
    last: int
    status: JobStatus

    @property
    def finished(self) -> bool:
        """Whether the job is over: no line but its very last ones can follow."""
        return self.status in FINISHED


@dataclass(frozen=True, slots=True)
class Found:
    """A page of a log as messages; `last`: the seq of its last line, 0 without any; `full`: there may be more."""

    messages: Sequence[str]
    last: int
    full: bool


class Follower:
    """One client's way through one log. `skipped` is told of lines that it has to fetch later."""

    def __init__(
        self,
        feed: LogFeed,
        job_id: int,
        wanted: LogSocketParams,
        socket: Socket,
        *,
        skipped: Callable[[int], None],
    ) -> None:
        self._feed, self._skipped = feed, skipped
        self._job_id = job_id
        self._wanted = wanted
        self._socket = socket
        self._seen = 0  # everything up to here was sent, or is not wanted
        self._live = False  # has been at the end once: from now on falling behind is the client's doing
        self._look_again_at = 0.0  # on the loop's clock

    async def run(self) -> None:
        """Send hello, every wanted line, and `end` when the job is over.

        Raises: Closed (4404) for an unknown job, ConnectionError when the client is gone.
        """
        with self._feed.news_of(self._job_id) as news:  # first of all, so that nothing falls between
            head = await self._head()
            await self._say(LogHello(job_id=self._job_id, first_seq=head.first, last_seq=head.last))
            await self._start(head)
            last_look = head.finished
            while True:
                news.clear()
                begun = asyncio.get_running_loop().time()
                head = await self._head()
                await self._send_up_to(head)
                took = asyncio.get_running_loop().time() - begun
                self._look_again_at = begun + min(REST_S, took / LOOK_SHARE)
                if head.finished and last_look:
                    await self._say(End(status=head.status))
                    return
                last_look = head.finished
                await self._wait(news, LAST_WORDS_S if head.finished else LOOK_AGAIN_S)

    async def _start(self, head: Head) -> None:
        self._seen = self._wanted.after or 0
        if self._wanted.tail is not None:
            self._seen = max(self._seen, await self._before_tail(head, self._wanted.tail))

    async def _before_tail(self, head: Head, tail: int) -> int:
        """The seq after which exactly `tail` wanted lines come."""
        before = head.last + 1
        while tail > 0:
            found = await self._page(before=before, limit=min(PAGE, tail))
            if not found:
                break
            before = found[0].seq
            tail -= len(found)
        return before - 1

    async def _send_up_to(self, head: Head) -> None:
        """Everything wanted up to `head.last`; a live client that fell too far behind gets a gap in its place."""
        if self._live and head.last - self._seen > LONGEST_LAG:
            to = head.last - KEPT_OF_LAG
            self._skipped(to - self._seen)
            await self._say(Gap.model_validate({"from": self._seen + 1, "to": to}))
            self._seen = to
        while self._seen < head.last:
            # the head's last is part of what is asked: the page of an older head may know less
            what = (head.last, self._seen, self._wanted.level, self._wanted.stage)
            found = await self._feed.together(self._job_id, what, partial(self._messages, self._seen))
            self._socket.lag = head.last - self._seen
            for text in found.messages:
                await self._socket.send(text)
            # a page that is not full has looked at everything that existed when the head was read
            self._seen = found.last if found.full else max(head.last, found.last)
        self._socket.lag = 0
        self._live = True

    async def _wait(self, news: asyncio.Event, longest: float) -> None:
        try:
            async with asyncio.timeout(longest):
                await news.wait()
        except TimeoutError:
            return
        await asyncio.sleep(self._look_again_at - asyncio.get_running_loop().time())

    async def _messages(self, after: int) -> Found:
        lines = await self._page(after=after, limit=PAGE)
        return Found(list(messages_of(lines)), lines[-1].seq if lines else 0, len(lines) == PAGE)

    async def _head(self) -> Head:
        """What exists now; waits as long as the database is away."""
        return await self._feed.together(self._job_id, "head", self._look_at_head)

    async def _look_at_head(self) -> Head:
        tries = 0
        while True:
            try:
                first, last, status = await logs.head(self._feed.db, self._job_id)
            except JobNotFound:
                raise Closed(GONE, JobNotFound.title()) from None
            except DatabaseUnavailable:
                await asyncio.sleep(PAUSES_S[min(tries, len(PAUSES_S) - 1)])
                tries += 1
            else:
                return Head(first, last, status)

    async def _page(self, *, after: int | None = None, before: int | None = None, limit: int) -> list[LogLine]:
        tries = 0
        while True:
            try:
                page = await logs.page(
                    self._feed.db,
                    self._job_id,
                    after=after,
                    before=before,
                    limit=limit,
                    level=self._wanted.level,
                    stage=self._wanted.stage,
                )
            except DatabaseUnavailable:
                await asyncio.sleep(PAUSES_S[min(tries, len(PAUSES_S) - 1)])
                tries += 1
            else:
                return page.items

    async def _say(self, message: LogHello | Gap | End) -> None:
        await self._socket.send(message.model_dump_json(by_alias=True))


def messages_of(given: list[LogLine]) -> Iterator[str]:
    """`given` as `lines` messages of at most `MESSAGE_BYTES` each (or one line, if that is longer)."""
    texts: list[str] = []
    size = 0
    for line in given:
        text = line.model_dump_json(exclude={"data"} if line.data is None else None)
        if texts and size + len(text) > MESSAGE_BYTES:
            yield _message(texts)
            texts, size = [], 0
        texts.append(text)
        size += len(text)
    if texts:
        yield _message(texts)


def _message(texts: list[str]) -> str:
    return '{"type":"lines","lines":[' + ",".join(texts) + "]}"
