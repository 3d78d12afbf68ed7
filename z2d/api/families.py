"""From numbers to the families of /metrics: here stand the names, the words that explain them, and their labels."""

from __future__ import annotations

import os
import re
import resource
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from z2d.api.counting import Ledger, LoopLag, Requests
from z2d.api.exposition import Family, Sample, counter, gauge
from z2d.api.sockets import FEEDS, Sockets
from z2d.store.database import PoolState
from z2d.store.log_writer import LogState
from z2d.store.metrics import Picture
from z2d.wire.control import QueueMode
from z2d.wire.jobs import JobStatus

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_STARTED_AT = datetime.now(UTC).timestamp()


def of_build(build: Mapping[str, str]) -> list[Family]:
    """What runs, and how old its yt-dlp is."""
    found = [gauge("z2_build_info", "Versions, as labels; always 1", Sample(1, build))]
    if (released := _release_day(build["yt_dlp"])) is not None:
        found.append(
            gauge("z2_yt_dlp_release_timestamp_seconds", "Day of yt-dlp's release, Unix time", Sample(released))
        )
    return found


def _release_day(version: str) -> float | None:
    """yt-dlp's version is its day."""
    numbers = [int(part) for part in re.findall(r"\d+", version)[:3]]
    try:
        year, month, day = numbers
        return datetime(year, month, day, tzinfo=UTC).timestamp()
    except ValueError:
        return None


def of_database(pool: PoolState, *, up: bool, listening: bool) -> list[Family]:
    """The database as this process has it."""
    return [
        gauge("z2_database_up", "1 if the database answered when it was last asked", Sample(up)),
        gauge("z2_listener_connected", "1 if the database's notifications arrive", Sample(listening)),
        gauge(
            "z2_database_connections",
            "Connections of the pool",
            Sample(pool.idle, {"state": "idle"}),
            Sample(pool.size - pool.idle, {"state": "busy"}),
        ),
        gauge("z2_database_connections_max", "The most connections that the pool may open", Sample(pool.largest)),
        gauge("z2_database_waiting", "Callers that wait for a connection of the pool", Sample(pool.waiting)),
        counter("z2_database_failures_total", "Calls that the database did not answer", Sample(pool.failures)),
    ]


def of_queue(picture: Picture | None) -> list[Family]:
    """The queue, and who works on it; nothing where it could not be read."""
    if picture is None:
        return []
    return [*_of_jobs(picture), *_of_crews(picture), *_of_outbox(picture)]


def _of_jobs(picture: Picture) -> list[Family]:
    unfinished = {(status.value, ""): (0, 0.0) for status in (JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.WAITING)}
    unfinished |= {(one.status, one.wait_reason): (one.jobs, one.oldest_s or 0.0) for one in picture.waiting}
    labels = {key: {"status": key[0], "wait_reason": key[1]} for key in unfinished}
    return [
        gauge(
            "z2_jobs",
            "Jobs by status, and by the reason why they wait",
            *(Sample(jobs, labels[key]) for key, (jobs, _) in unfinished.items()),
            *(Sample(jobs, {"status": status, "wait_reason": ""}) for status, jobs in picture.finished.items()),
        ),
        gauge(
            "z2_jobs_oldest_age_seconds",
            "Age of the oldest unfinished job since it was submitted",
            *(Sample(age, labels[key]) for key, (_, age) in unfinished.items()),
        ),
        gauge("z2_queue_due_jobs", "Jobs that could start now", Sample(sum(one.due for one in picture.waiting))),
        gauge(
            "z2_queue_due_oldest_age_seconds",
            "How long the job that has been due for longest waits to be started",
            Sample(max((one.due_s or 0.0 for one in picture.waiting), default=0.0)),
        ),
        gauge(
            "z2_queue_mode",
            "1 for the mode the queue is in",
            *(Sample(mode.value == picture.mode, {"mode": mode.value}) for mode in QueueMode),
        ),
        gauge("z2_site_gates", "Sites that are left alone for a while", Sample(picture.gates)),
    ]


def _of_crews(picture: Picture) -> list[Family]:
    alive = [crew for crew in picture.crews if crew.alive]
    busy = sum(one.jobs for one in picture.waiting if one.status == JobStatus.RUNNING)
    return [
        gauge("z2_workers", "Workers that gave a sign of life lately", Sample(sum(crew.workers for crew in alive))),
        gauge("z2_slots", "Jobs at once, of all living workers", Sample(sum(crew.slots for crew in alive))),
        gauge("z2_slots_busy", "Jobs that are running", Sample(busy)),
        gauge(
            "z2_worker_lease_age_seconds",
            "Time since the last heartbeat of a machine's workers (of the oldest, where it has several)",
            *(Sample(crew.lease_age_s, {"host": crew.hostname}) for crew in picture.crews),
        ),
        gauge(
            "z2_worker_has_room",
            "0 if the machine's disk is too full to begin anything",
            *(Sample(crew.has_room, {"host": crew.hostname}) for crew in picture.crews),
        ),
    ]


def _of_outbox(picture: Picture) -> list[Family]:
    labels = [{"kind": one.kind, "status": one.status} for one in picture.outbox]
    return [
        gauge(
            "z2_publishing_waiting",
            "Entries and messages that are still to be brought to their targets",
            *(Sample(one.rows, label) for one, label in zip(picture.outbox, labels, strict=True)),
        ),
        gauge(
            "z2_publishing_oldest_due_seconds",
            "How long the oldest of them has been due",
            *(Sample(one.oldest_s, label) for one, label in zip(picture.outbox, labels, strict=True)),
        ),
        gauge(
            "z2_publishing_targets_disabled",
            "Targets that said they are gone for good",
            Sample(picture.disabled_targets),
        ),
    ]


def of_ledger(ledger: Ledger) -> list[Family]:
    """What finished since the start of this process."""
    stages = [sample for stage, took in ledger.stage_seconds.items() for sample in took.samples({"stage": stage})]
    return [
        counter(
            "z2_jobs_finished_total",
            "Jobs that finished, by outcome (of those that did not complete: the status) and error class",
            *(Sample(jobs, {"outcome": how, "error_class": why}) for (how, why), jobs in sorted(ledger.jobs.items())),
        ),
        Family(
            "z2_job_duration_seconds", "histogram", "Completed jobs: first start to end", ledger.job_seconds.samples()
        ),
        Family("z2_stage_duration_seconds", "histogram", "Stages of finished jobs: start to end", stages),
    ]


def of_logs(logs: LogState) -> list[Family]:
    """The log lines of jobs on their way into the database."""
    return [
        counter("z2_log_lines_total", "Log lines of jobs that were stored", Sample(logs.stored)),
        counter(
            "z2_log_lines_dropped_total",
            "Log lines that were not stored: a program flooded, or the database was away or refused them",
            *(Sample(lines, {"reason": reason}) for reason, lines in logs.dropped.items()),
        ),
        gauge("z2_log_buffer_bytes", "Memory that waiting log lines take", Sample(logs.waiting_bytes)),
    ]


def of_sockets(sockets: Sockets) -> list[Family]:
    """The WebSockets and their clients."""
    return [
        gauge(
            "z2_websocket_clients",
            "Open WebSockets",
            *(Sample(len(sockets.of(feed)), {"feed": feed}) for feed in FEEDS),
        ),
        gauge(
            "z2_websocket_lag",
            "Messages (status) or lines (logs) that the slowest client has still to take",
            *(Sample(max((one.lag for one in sockets.of(feed)), default=0), {"feed": feed}) for feed in FEEDS),
        ),
        counter(
            "z2_websocket_dropped_total",
            "Clients cut off because they did not read, or refused because there were too many",
            *(Sample(count, {"reason": reason}) for reason, count in sockets.dropped.items()),
        ),
        counter(
            "z2_websocket_lines_skipped_total",
            "Log lines that slow clients were told to fetch later",
            Sample(sockets.lines_skipped),
        ),
    ]


def of_disks(disks: Mapping[str, tuple[int, int] | None]) -> list[Family]:
    """The disks under the folders; one that does not answer is left out."""
    known = {name: usage for name, usage in disks.items() if usage is not None}
    return [
        gauge(
            "z2_disk_free_bytes",
            "Free bytes of the disk under a folder",
            *(Sample(usage[0], {"folder": name}) for name, usage in known.items()),
        ),
        gauge(
            "z2_disk_size_bytes",
            "All bytes of the disk under a folder",
            *(Sample(usage[1], {"folder": name}) for name, usage in known.items()),
        ),
    ]


def of_own_server(*, up: bool, restarts: int) -> list[Family]:
    """The embedded PostgreSQL."""
    return [
        gauge("z2_embedded_postgresql_up", "1 if the database server of our own runs", Sample(up)),
        counter("z2_embedded_postgresql_restarts_total", "How often it had to be started again", Sample(restarts)),
    ]


def of_process(requests: Requests, lag: LoopLag) -> list[Family]:
    """This process: what it answered and what it takes, under the names that every Prometheus client uses."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES
    return [
        counter("z2_http_requests_total", "Requests, by method, route and code of the answer", *requests.samples()),
        Family(
            "z2_http_request_duration_seconds",
            "histogram",
            "Time from a request's head to its answer, WebSockets apart",
            requests.seconds.samples(),
        ),
        Family("z2_event_loop_lag_seconds", "histogram", "How late the event loop was", lag.seconds.samples()),
        gauge("process_start_time_seconds", "Start of the process, Unix time", Sample(_STARTED_AT)),
        counter("process_cpu_seconds_total", "Processor time used", Sample(used.ru_utime + used.ru_stime)),
        gauge("process_resident_memory_bytes", "Memory in use", Sample(resident)),
        gauge("process_open_fds", "Open files and sockets", Sample(len(list(Path("/proc/self/fd").iterdir())))),
    ]
