"""The outbox: what is to be published, written in the very transaction in which there came to be something to publish.

So nothing is forgotten when a process dies, and nothing is announced that did not happen. Who sends the rows, and how
often it is tried, is in `z2d.store.deliveries`. A row is known by job, target and event; as long as its content is the
same it keeps its idempotency key, through every retry and every re-publication.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from z2d.store.clean import clean_text
from z2d.store.database import Database
from z2d.store.filtering import where
from z2d.store.rows import pick
from z2d.wire.errors import Conflict, JobNotFound, TargetNotFound
from z2d.wire.filters import parse
from z2d.wire.jobs import JobKind, JobStatus, Outcome
from z2d.wire.library import Publication
from z2d.wire.reasons import ErrorClass

LIBRARY = "library"
# what only a person can mend, while the job itself goes on waiting
NEEDS_A_PERSON = frozenset({ErrorClass.BOT_CHECK, ErrorClass.DISK_FULL})


@dataclass(frozen=True, slots=True)
class TargetRow:
    """A target as the database needs to know it. `settings_hash` changes with its configuration."""

    name: str
    kind: str
    events: tuple[str, ...]
    settings_hash: str
    filter: str = ""


_FORGET_TARGETS = "DELETE FROM publish_targets WHERE installation = $1 AND name <> ALL($2)"
_DECLARE_TARGET = """
    INSERT INTO publish_targets AS t (installation, name, kind, events, settings_hash, filter)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (installation, name) DO UPDATE SET kind = $3, events = $4, settings_hash = $5, filter = $6,
        disabled_at = CASE WHEN t.settings_hash = $5 THEN t.disabled_at END,
        disabled_why = CASE WHEN t.settings_hash = $5 THEN t.disabled_why END
"""


async def declare_targets(db: Database, installation: str, targets: Sequence[TargetRow]) -> None:
    """These are the targets of this installation now. One that was disabled stays so until its settings change."""
    async with db.transaction() as connection:
        await connection.execute(_FORGET_TARGETS, installation, [one.name for one in targets])
        for one in sorted(targets, key=lambda target: target.name):
            await connection.execute(
                _DECLARE_TARGET,
                installation,
                one.name,
                one.kind,
                list(one.events),
                one.settings_hash,
                clean_text(one.filter),
            )


# where the files of a job are: with the installation that works on it, later with that which published it
_PLACE_OF = """
    SELECT coalesce(
        (SELECT w.installation FROM jobs j JOIN workers w ON w.id = j.worker_id WHERE j.id = $1),
        (SELECT min(installation) FROM job_publishing WHERE job_id = $1))
"""
_WANTED_BY = """
    SELECT DISTINCT ON (name) name, kind, filter
    FROM publish_targets
    WHERE $1 = ANY(events) AND disabled_at IS NULL AND ($2::text IS NULL OR name = $2)
      AND ($3::text IS NULL OR installation = $3)
    ORDER BY name, installation
"""
_ENQUEUE = """
    INSERT INTO job_publishing AS p (job_id, target, kind, event, content_hash, installation, idempotency_key)
    VALUES ($1, $2, $3, $4, $5, $6, gen_random_uuid()::text)
    ON CONFLICT (job_id, target, event) DO UPDATE SET status = 'PENDING', attempt = 0, run_after = clock_timestamp(),
        kind = excluded.kind, installation = excluded.installation, run_token = p.run_token + 1, worker_id = NULL,
        lease_until = NULL, check_first = false,
        payload = NULL, error_class = NULL, error_message = NULL, content_hash = excluded.content_hash,
        idempotency_key = CASE WHEN p.content_hash = excluded.content_hash THEN p.idempotency_key
                               ELSE excluded.idempotency_key END
        WHERE p.content_hash IS DISTINCT FROM excluded.content_hash
           OR p.status NOT IN ('PENDING', 'RUNNING', 'PUBLISHED', 'SKIPPED')
"""


async def enqueue(connection: Any, job_id: int, event: str, content_hash: str, *, target: str | None = None) -> None:
    """Within a transaction: every target that wants this event of this job is to be sent it.

    What needs the job's files goes to targets of the installation alone that has them; messages go to everybody's.
    With `target` it goes to that one alone, whether its filter would have chosen the job or not. What was sent
    already, or is about to be, is left alone as long as `content_hash` is the same.
    """
    place = await connection.fetchval(_PLACE_OF, job_id) if event == "publish" else None
    for row in await connection.fetch(_WANTED_BY, event, target, place):
        if target is not None or await _chooses(connection, job_id, row["filter"]):
            await connection.execute(_ENQUEUE, job_id, row["name"], row["kind"], event, content_hash, place)


async def _chooses(connection: Any, job_id: int, text: str) -> bool:
    """Whether a target with this filter wants the job."""
    if not text.strip():
        return True
    condition, args = where(parse(text), [job_id])
    return bool(await connection.fetchval(f"SELECT EXISTS (SELECT FROM jobs j WHERE j.id = $1 AND {condition})", *args))  # noqa: S608 - made of the store's own words


_CONTENT = "SELECT content_hash FROM job_publishing WHERE job_id = $1 AND target = $2 AND event = 'publish'"
_CALL_OFF = """
    UPDATE job_publishing SET status = 'CANCELLED', run_after = clock_timestamp(), run_token = run_token + 1,
        worker_id = NULL, lease_until = NULL
    WHERE job_id = ANY($1) AND event IN ('publish', 'finished') AND status IN ('PENDING', 'RUNNING')
"""


async def call_off(connection: Any, job_ids: Sequence[int]) -> None:
    """Within the transaction that ends these jobs without success: what of theirs was still to be sent, is not."""
    await connection.execute(_CALL_OFF, list(job_ids))


# one call for a person, however many jobs wait for the same thing
_LOCK_ATTENTION = "SELECT pg_advisory_xact_lock(hashtextextended('z2:attention:' || $1, 0))"
_CALLED_LATELY = """
    SELECT true FROM job_publishing
    WHERE event = 'attention' AND content_hash = $1 AND created_at > clock_timestamp() - interval '12 hours'
    LIMIT 1
"""
_SITE_OF = "SELECT coalesce(site, '') FROM jobs WHERE id = $1"


async def note_end(
    connection: Any, job_id: int, run_token: int, status: JobStatus, outcome: Outcome | None, error_class: str | None
) -> None:
    """Within the transaction that ends a run: who is to hear of it."""
    if status in (JobStatus.FAILED, JobStatus.CANCELLED):
        await call_off(connection, [job_id])
    if status is JobStatus.COMPLETED and outcome is not Outcome.DUPLICATE:
        content = await connection.fetchval(_CONTENT, job_id, LIBRARY)
        await enqueue(connection, job_id, "finished", content or f"run {run_token}")
    elif status is JobStatus.FAILED:
        await enqueue(connection, job_id, "failed", f"run {run_token}")
    elif status is JobStatus.QUEUED and error_class in NEEDS_A_PERSON:
        what = f"{error_class} {await connection.fetchval(_SITE_OF, job_id)}"
        await connection.execute(_LOCK_ATTENTION, what)
        if not await connection.fetchval(_CALLED_LATELY, what):
            await enqueue(connection, job_id, "attention", what)


_LOCK = "SELECT status, kind, outcome, duplicate_of FROM jobs WHERE id = $1 AND deleted_at IS NULL FOR NO KEY UPDATE"
_KNOWN_TARGET = """
    SELECT $2 = 'library' OR EXISTS (SELECT FROM publish_targets WHERE name = $2)
        OR EXISTS (SELECT FROM job_publishing WHERE job_id = $1 AND target = $2)
"""
_OPEN_AGAIN = "UPDATE publish_targets SET disabled_at = NULL, disabled_why = NULL WHERE name = $1"
# a job whose publishing stage had failed has no row for the library, though it may have all that belongs there
_LIBRARY_TOO = """
    INSERT INTO job_publishing (job_id, target, kind, installation, idempotency_key)
    SELECT $1, 'library', 'library', (SELECT min(installation) FROM job_publishing WHERE job_id = $1),
        gen_random_uuid()::text
    WHERE EXISTS (SELECT FROM job_files WHERE job_id = $1 AND kind = 'metadata_json' AND state = 'PRESENT')
    ON CONFLICT (job_id, target, event) DO NOTHING
"""
_SEND_AGAIN = """
    UPDATE job_publishing SET status = 'PENDING', attempt = 0, run_after = clock_timestamp(),
        run_token = run_token + 1, worker_id = NULL, lease_until = NULL, error_class = NULL, error_message = NULL,
        check_first = NOT $3 AND (status = 'PUBLISHED' OR check_first)
    WHERE job_id = $1 AND event IN ('publish', 'finished') AND ($2::text IS NULL OR target = $2)
      AND kind <> 'notification'
      AND NOT EXISTS (SELECT FROM publish_targets t WHERE t.name = target AND t.disabled_at IS NOT NULL)
"""
# naming a column of its trigger tells everybody that the job has changed
_TELL = "UPDATE jobs SET status = status WHERE id = $1"
_PUBLICATIONS = "SELECT to_jsonb(p) AS row FROM job_publishing p WHERE job_id = $1 ORDER BY id"


async def republish(db: Database, job_id: int, *, target: str | None, force: bool) -> list[Publication]:
    """Send a completed job to its targets again, or to the one that is named; gives all its publications.

    Where the content is still what was sent, nothing happens, unless `force`. Targets that came into the configuration
    after the job had ended get it now. Naming a target that had been disabled opens it again. Messages to people are
    never repeated. Raises `JobNotFound`, `TargetNotFound`, and `Conflict` when the job is not completed.
    """
    name = None if target is None else clean_text(target, 200)
    async with db.transaction() as connection:
        row = await connection.fetchrow(_LOCK, job_id)
        if row is None:
            raise JobNotFound(f"There is no job {job_id}.")
        if row["status"] != JobStatus.COMPLETED:
            raise Conflict(f"Job {job_id} is {row['status']}; only a completed job can be published.")
        if row["kind"] == JobKind.COLLECTION:
            raise Conflict(f"Job {job_id} is a list: publish its entries, which `parent:{job_id}` finds.")
        if row["outcome"] == Outcome.DUPLICATE:
            raise Conflict(f"Job {job_id} is the same video as job {row['duplicate_of']}: publish that one.")
        if name is not None:
            if not await connection.fetchval(_KNOWN_TARGET, job_id, name):
                raise TargetNotFound(f"There is no target {name!r}.")
            await connection.execute(_OPEN_AGAIN, name)
        if name in (None, LIBRARY):
            await connection.execute(_LIBRARY_TOO, job_id)
        await connection.execute(_SEND_AGAIN, job_id, name, force)
        content = await connection.fetchval(_CONTENT, job_id, LIBRARY) or f"job {job_id}"
        await _enqueue_new(connection, job_id, content, name)
        await connection.execute(_TELL, job_id)
        rows = await connection.fetch(_PUBLICATIONS, job_id)
    return [pick(Publication, one["row"]) for one in rows]


_UNSENT = """
    SELECT DISTINCT t.name, e.event FROM publish_targets t, unnest(t.events) AS e(event)
    WHERE t.kind <> 'notification' AND e.event IN ('publish', 'finished') AND ($2::text IS NULL OR t.name = $2)
      AND NOT EXISTS (SELECT FROM job_publishing p WHERE p.job_id = $1 AND p.target = t.name AND p.event = e.event)
"""


async def _enqueue_new(connection: Any, job_id: int, content: str, name: str | None) -> None:
    """Targets that have no row of this job yet; without a name those alone that would have chosen it."""
    unsent = await connection.fetch(_UNSENT, job_id, name)
    for event in sorted({row["event"] for row in unsent}):
        await enqueue(connection, job_id, event, content, target=name)
