"""The publisher: takes what is due out of the outbox and brings it to its targets, one lane per target.

A lane each, so that a receiver that hangs holds up nobody else. What is sent is held by a lease that is renewed while
the sending goes on; who loses it writes nothing more. Retries are the outbox's: here is only decided how long to wait.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import secrets
import socket
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from z2d import jobmark
from z2d.bus import Bus, JobChanged, Lagged, Resync, Subscription
from z2d.pipeline import faultpoints
from z2d.pipeline.entry import newest_of, read_entry
from z2d.pipeline.folders import JobFolder, job_folder
from z2d.pipeline.lanes import Lanes
from z2d.publish.library import Entry
from z2d.publish.target import NotDelivered, Parcel, Receipt, Target
from z2d.store import deliveries, outbox, reads
from z2d.store.database import Database
from z2d.store.deliveries import Delivery, DeliveryLost
from z2d.store.logs import LogWriter
from z2d.store.outbox import TargetRow
from z2d.wire.errors import DatabaseUnavailable, JobNotFound
from z2d.wire.jobs import FINISHED, JobDetail, JobKind, JobSummary, LogLevel, StageName
from z2d.wire.reasons import ErrorClass
from z2d.worker.patience import Bell, heard, pauses, persist

FIRST_WAIT_S = 30.0
LONGEST_WAIT_S = 24 * 3600.0
FAREWELL_S = 1.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Served:
    """A target, and the row under which the outbox knows it."""

    target: Target
    row: TargetRow


class Publisher:
    """Publishes until `run` is cancelled; what it was sending then is due again at once.

    `library` gets what the publishing stage could not write; `targets` are the configured ones. `lease_s`: after this
    long without a sign of life others may send; `scale` multiplies every wait before a retry; nothing is sent while the
    publishing lane of `lanes` is closed.
    """

    def __init__(
        self,
        db: Database,
        bus: Bus,
        logs: LogWriter,
        *,
        installation: str,
        jobs_dir: Path,
        library: Target,
        targets: Sequence[Served] = (),
        lease_s: float = 30.0,
        poll_s: float = 5.0,
        scale: float = 1.0,
        lanes: Lanes | None = None,
    ) -> None:
        self._db, self._bus, self._logs = db, bus, logs
        self._installation, self._jobs_dir = installation, jobs_dir
        self._library, self._served = library, list(targets)
        self._changed = Bell()
        self._lease_s, self._poll_s, self._scale = lease_s, poll_s, scale
        self._lanes = lanes or Lanes()
        self._id = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._bell = Bell()

    def adjust(self, targets: Sequence[Served], *, scale: float) -> None:
        """Serve these targets from now on; one that is as it was is not disturbed."""
        self._served, self._scale = list(targets), scale
        self._changed.ring()

    async def run(self) -> None:
        """Serve every target until cancelled."""
        with self._bus.subscribe() as events:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._listen(events), name="publisher ears")
                tasks.create_task(self._keep_lanes(tasks), name="publisher lanes")

    async def _keep_lanes(self, tasks: asyncio.TaskGroup) -> None:
        """A lane for each target that is served, for ever. What a closed lane was sending is due again at once."""
        lanes: dict[str, tuple[Target, asyncio.Task[None]]] = {}
        while True:
            changed = self._changed.listen()
            rows = [one.row for one in self._served]
            wanted = {target.name: target for target in (self._library, *(one.target for one in self._served))}
            await persist(partial(outbox.declare_targets, self._db, self._installation, rows))
            for name, (target, lane) in list(lanes.items()):
                if wanted.get(name) != target:
                    lane.cancel()
                    await asyncio.wait({lane})
                    del lanes[name]
            for name in wanted.keys() - lanes.keys():
                lane = tasks.create_task(self._lane(wanted[name]), name=f"publisher {name}")
                lanes[name] = wanted[name], lane
            await changed.wait()

    async def _listen(self, events: Subscription) -> None:
        while True:
            match await events.get(timeout=60):
                case JobChanged(status=status) if status in FINISHED:
                    self._bell.ring()
                case Resync() | Lagged():
                    self._bell.ring()
                case _:
                    pass

    async def _lane(self, target: Target) -> None:
        """Claim, send, and again; asleep while nothing is due."""
        tries, here = pauses(), self._installation
        while True:
            bell = self._bell.listen()
            if self._lanes.closed(StageName.PUBLISHING):
                await heard(bell, self._poll_s)
                continue
            try:
                delivery = await self._claim(target)
                due = None if delivery else await deliveries.next_due(self._db, target.name, installation=here)
            except DatabaseUnavailable as error:
                log.info("nothing can be published: %s", error)
                await asyncio.sleep(next(tries))
                continue
            tries = pauses()
            if delivery is None:
                await heard(bell, self._poll_s if due is None else min(self._poll_s, max(due, 0.01)))
                continue
            with suppress(DeliveryLost), jobmark.of_job(delivery.job_id):
                await self._carry(target, delivery)

    async def _claim(self, target: Target) -> Delivery | None:
        return await deliveries.claim_delivery(
            self._db, self._id, target.name, self._lease_s, installation=self._installation
        )

    async def _carry(self, target: Target, delivery: Delivery) -> None:
        """Send one row and write down what became of it. Stopped in the middle, the row is free for the next start.

        Raises DeliveryLost.
        """
        sending = asyncio.create_task(self._send(target, delivery), name=f"delivery {delivery.id}")
        try:
            while not sending.done():
                await asyncio.wait({sending}, timeout=self._lease_s / 3)
                if not sending.done():
                    with suppress(DatabaseUnavailable):
                        await deliveries.keep(self._db, delivery, self._lease_s)
            await sending
        except asyncio.CancelledError:
            sending.cancel()
            await asyncio.wait({sending}, timeout=FAREWELL_S)
            await self._give_back(delivery)
            raise
        finally:
            sending.cancel()

    async def _give_back(self, delivery: Delivery) -> None:
        """A message to a person may have gone out already: that row stays as it is, and is given up in the end."""
        if delivery.kind == "notification":
            return
        with suppress(DatabaseUnavailable, DeliveryLost, TimeoutError):
            async with asyncio.timeout(FAREWELL_S):
                await deliveries.give_back(self._db, delivery)

    async def _send(self, target: Target, delivery: Delivery) -> None:
        try:
            async with asyncio.timeout(target.deadline_s):
                parcel = await self._parcel(delivery)
                if parcel is None:
                    await persist(partial(deliveries.unchanged, self._db, delivery))
                    return
                receipt = await target.deliver(parcel)
        except (DeliveryLost, DatabaseUnavailable):
            raise DeliveryLost(f"delivery {delivery.id} is left to whoever comes next") from None
        except NotDelivered as error:
            await self._failed(target, delivery, error)
            return
        except TimeoutError:
            words = f"{target.name} took longer than {target.deadline_s:.0f} s."
            await self._failed(target, delivery, NotDelivered(ErrorClass.TIMEOUT, words))
            return
        except Exception as error:  # a bug in one target costs that delivery, never the others
            log.exception("publishing job %d to %s stumbled", delivery.job_id, target.name)
            words = f"An unexpected fault: {type(error).__name__}."
            await self._failed(target, delivery, NotDelivered(ErrorClass.UNKNOWN, words))
            return
        faultpoints.reached(StageName.PUBLISHING, "sent")
        await self._succeeded(target, delivery, parcel, receipt)

    async def _parcel(self, delivery: Delivery) -> Parcel | None:
        """What is to be sent; None when that is there already."""
        try:
            job = await reads.detail(self._db, delivery.job_id)
        except JobNotFound:
            raise NotDelivered(ErrorClass.NOT_FOUND, "The job is gone.", final=True) from None
        entry = None
        if delivery.event == "publish":
            entry = await self._entry(job)
        key, kept = delivery.idempotency_key, delivery.payload
        if delivery.check_first:
            content = entry.content_hash() if entry else await self._content_of(job)
            if content is None or content == delivery.content_hash:
                return None
            key, kept = await deliveries.renew(self._db, delivery, content), None
        message: Mapping[str, Any] | None = None
        if delivery.event != "publish":
            message = kept or await deliveries.keep_payload(self._db, delivery, message_of(job))
        return Parcel(
            key=key,
            event=delivery.event,
            at=delivery.created_at,
            entry=entry,
            message=message,
            so_far=delivery.remote_id,
        )

    async def _entry(self, job: JobDetail) -> Entry:
        folder = JobFolder(job_folder(self._jobs_dir, job.id))
        read = partial(read_entry, folder, newest_of(job.files), url=job.url, tags=tuple(job.tags))
        try:
            return await asyncio.to_thread(read)
        except (FileNotFoundError, LookupError) as error:
            raise NotDelivered(ErrorClass.NOT_FOUND, "The files of the job are gone.", final=True) from error

    async def _content_of(self, job: JobDetail) -> str | None:
        """The hash of the content a message is about. Where the files are elsewhere, that of the library's entry."""
        try:
            return (await self._entry(job)).content_hash()
        except NotDelivered:
            hashes = [one.content_hash for one in job.publishing if one.kind == "library"]
            return next(iter(hashes), None)

    async def _succeeded(self, target: Target, delivery: Delivery, parcel: Parcel, receipt: Receipt) -> None:
        if receipt.skipped:
            await persist(partial(deliveries.skip, self._db, delivery, receipt.skipped))
            self._say(delivery, f"Not published to {target.name}: {receipt.skipped}")
            return
        content = parcel.entry.content_hash() if parcel.entry else None
        await persist(
            partial(
                deliveries.sent,
                self._db,
                delivery,
                content_hash=content,
                remote_id=receipt.remote_id,
                remote_url=receipt.remote_url,
            )
        )
        where = f": {receipt.remote_url}" if receipt.remote_url else "."
        self._say(delivery, f"Published to {target.name} ({delivery.event}){where}")

    async def _failed(self, target: Target, delivery: Delivery, error: NotDelivered) -> None:
        delay = None if error.final else self._wait(delivery, error.after)
        again = await persist(
            partial(
                deliveries.not_sent,
                self._db,
                delivery,
                error.error_class,
                error.message,
                delay_s=delay,
                remote_id=error.so_far,
            )
        )
        if error.gone:
            await persist(partial(deliveries.disable_target, self._db, target.name, error.error_class, error.message))
        then = f"Try {delivery.attempt + 1} of {delivery.max_attempts} in {delay:.0f} s." if again else "Given up."
        level = LogLevel.WARNING if again else LogLevel.ERROR
        self._say(delivery, f"Not published to {target.name}: {error.message} {then}", level)

    def _wait(self, delivery: Delivery, after: float | None) -> float:
        """Half a minute, twice as long each time; never less than the other side asked for."""
        wait = FIRST_WAIT_S * 2.0 ** (delivery.attempt - 1) * random.uniform(1.0, 1.1) * self._scale
        return min(max(wait, after or 0.0), LONGEST_WAIT_S)

    def _say(self, delivery: Delivery, message: str, level: LogLevel = LogLevel.INFO) -> None:
        self._logs.write(delivery.job_id, level, StageName.PUBLISHING, "publish", message)


def message_of(job: JobDetail) -> dict[str, Any]:
    """What webhooks and notifications tell of a job: its summary, where its results are, of a list its entries."""
    summary = JobSummary.model_validate({name: getattr(job, name) for name in JobSummary.model_fields})
    places = {one.target: one.remote_url for one in job.publishing if one.remote_url}
    return {
        "job": summary.model_dump(mode="json"),
        "summary": job.analysis.summary_short if job.analysis else None,
        "places": places,
        **({"entries": entries_of(job)} if job.kind is JobKind.COLLECTION else {}),
    }


def entries_of(job: JobDetail) -> dict[str, int]:
    """How the entries of a list ended: FULL, PARTIAL, DUPLICATE, FAILED or CANCELLED -> how many."""
    return dict(Counter(str(child.outcome or child.status) for child in job.children))
