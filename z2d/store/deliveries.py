"""Sending what is in the outbox: claim a due row for the time of a lease, and write down what became of it.

Every write names the row, its fencing token and the sender, so a sender that was frozen or cut off for longer than its
lease changes nothing any more: it gets `DeliveryLost`. Rows of a job that still runs wait for its end.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from z2d.store.clean import clean_json, clean_or_none, clean_text
from z2d.store.database import Database
from z2d.wire.reasons import ErrorClass

_NAME_LIMIT, _ERROR_LIMIT = 500, 4000


class DeliveryLost(Exception):
    """The row was queued again or is somebody else's: write nothing more about it."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """The right to send one row of the outbox, and what is known of it."""

    id: int
    run_token: int
    worker_id: str
    job_id: int
    target: str
    kind: str
    event: str
    attempt: int
    max_attempts: int
    idempotency_key: str
    content_hash: str | None
    check_first: bool
    payload: dict[str, Any] | None
    remote_id: str | None
    remote_url: str | None
    created_at: datetime

    @property
    def fence(self) -> tuple[int, int, str]:
        """$1, $2 and $3 of every statement that writes under this claim."""
        return self.id, self.run_token, self.worker_id


# A message may arrive twice only where the other side can tell: a person cannot, so a notification whose sender died
# in the middle is given up. The same goes for a row that outlived its sender too often.
_GIVE_UP = """
    UPDATE job_publishing SET status = 'FAILED', worker_id = NULL, lease_until = NULL, error_class = 'UNKNOWN',
        error_message = CASE WHEN kind = 'notification'
            THEN 'z2 was ended while this was sent; it may have arrived, so it is not sent again.'
            ELSE 'z2 was ended again and again while this was sent.' END
    WHERE status = 'RUNNING' AND target = $1 AND lease_until < clock_timestamp()
      AND (kind = 'notification' OR attempt >= max_attempts)
    RETURNING job_id
"""
_CLAIM = """
    WITH due AS (
        SELECT p.id FROM job_publishing p JOIN jobs j ON j.id = p.job_id
        WHERE p.target = $2 AND p.status IN ('PENDING', 'RUNNING') AND p.run_after <= clock_timestamp()
          AND (p.status = 'PENDING' OR p.lease_until < clock_timestamp())
          AND (p.installation IS NULL OR p.installation = $4)
          AND j.deleted_at IS NULL AND (p.event NOT IN ('publish', 'finished') OR j.status = 'COMPLETED')
        ORDER BY p.run_after, p.id
        LIMIT 1 FOR NO KEY UPDATE OF p SKIP LOCKED
    )
    UPDATE job_publishing p SET status = 'RUNNING', attempt = p.attempt + 1, run_token = p.run_token + 1,
        worker_id = $1, lease_until = clock_timestamp() + make_interval(secs => $3)
    FROM due WHERE p.id = due.id
    RETURNING p.id, p.run_token, p.worker_id, p.job_id, p.target, p.kind, p.event, p.attempt, p.max_attempts,
        p.idempotency_key, p.content_hash, p.check_first, p.payload, p.remote_id, p.remote_url, p.created_at
"""


async def claim_delivery(
    db: Database, worker_id: str, target: str, lease_s: float, *, installation: str
) -> Delivery | None:
    """Take the next due row of `target` that this installation can send, for `lease_s` seconds, or None.

    Uses up an attempt.
    """
    for given_up in await db.fetch(_GIVE_UP, target):
        await db.execute(_JUDGE, given_up["job_id"])
    row = await db.fetchrow(_CLAIM, worker_id, target, float(lease_s), installation)
    return None if row is None else Delivery(**row)


_NEXT_DUE = """
    SELECT extract(epoch FROM min(greatest(p.run_after, p.lease_until)) - clock_timestamp())::float8
    FROM job_publishing p JOIN jobs j ON j.id = p.job_id
    WHERE p.target = $1 AND p.status IN ('PENDING', 'RUNNING') AND (p.installation IS NULL OR p.installation = $2)
      AND j.deleted_at IS NULL AND (p.event NOT IN ('publish', 'finished') OR j.status = 'COMPLETED')
"""


async def next_due(db: Database, target: str, *, installation: str) -> float | None:
    """Seconds until this installation may claim a row of `target`, or None when none waits."""
    seconds: float | None = await db.fetchval(_NEXT_DUE, target, installation)
    return None if seconds is None else max(0.0, seconds)


_KEEP = """
    UPDATE job_publishing SET lease_until = clock_timestamp() + make_interval(secs => $4)
    WHERE id = $1 AND run_token = $2 AND worker_id = $3 AND status = 'RUNNING'
    RETURNING true
"""


async def keep(db: Database, delivery: Delivery, lease_s: float) -> None:
    """Go on holding it for `lease_s` seconds from now. Raises `DeliveryLost`."""
    if not await db.fetchval(_KEEP, *delivery.fence, float(lease_s)):
        raise _lost(delivery)


_KEEP_PAYLOAD = """
    UPDATE job_publishing SET payload = coalesce(payload, $4)
    WHERE id = $1 AND run_token = $2 AND worker_id = $3 AND status = 'RUNNING'
    RETURNING payload
"""


async def keep_payload(db: Database, delivery: Delivery, payload: dict[str, Any]) -> dict[str, Any]:
    """Fix what the message says before it is sent for the first time; gives what is fixed. Raises `DeliveryLost`."""
    kept: dict[str, Any] | None = await db.fetchval(_KEEP_PAYLOAD, *delivery.fence, clean_json(payload))
    if kept is None:
        raise _lost(delivery)
    return kept


_RENEW = """
    UPDATE job_publishing SET content_hash = $4, check_first = false, payload = NULL,
        idempotency_key = gen_random_uuid()::text
    WHERE id = $1 AND run_token = $2 AND worker_id = $3 AND status = 'RUNNING'
    RETURNING idempotency_key
"""


async def renew(db: Database, delivery: Delivery, content_hash: str) -> str:
    """The content is another one than was sent: a new message with a key of its own. Raises `DeliveryLost`."""
    key: str | None = await db.fetchval(_RENEW, *delivery.fence, content_hash)
    if key is None:
        raise _lost(delivery)
    return key


# The job's row first, as everywhere: its outcome may change with this.
_LOCK_JOB = "SELECT true FROM jobs WHERE id = $1 FOR NO KEY UPDATE"
_SENT = """
    UPDATE job_publishing SET status = 'PUBLISHED', worker_id = NULL, lease_until = NULL, error_class = NULL,
        error_message = NULL, check_first = false, content_hash = coalesce($4, content_hash),
        remote_id = coalesce($5, remote_id), remote_url = coalesce($6, remote_url), published_at = clock_timestamp()
    WHERE id = $1 AND run_token = $2 AND worker_id = $3 AND status = 'RUNNING'
    RETURNING true
"""
_UNCHANGED = """
    UPDATE job_publishing SET status = 'PUBLISHED', worker_id = NULL, lease_until = NULL, check_first = false,
        attempt = 1
    WHERE id = $1 AND run_token = $2 AND worker_id = $3 AND status = 'RUNNING'
    RETURNING true
"""
_SKIP = """
    UPDATE job_publishing SET status = 'SKIPPED', worker_id = NULL, lease_until = NULL, error_class = NULL,
        error_message = $4
    WHERE id = $1 AND run_token = $2 AND worker_id = $3 AND status = 'RUNNING'
    RETURNING true
"""
_NOT_SENT = """
    UPDATE job_publishing SET worker_id = NULL, lease_until = NULL, error_class = $4, error_message = $5,
        remote_id = coalesce($7, remote_id),
        status = CASE WHEN $6::float8 IS NULL OR attempt >= max_attempts THEN 'FAILED' ELSE 'PENDING' END,
        run_after = clock_timestamp() + make_interval(secs => coalesce($6::float8, 0))
    WHERE id = $1 AND run_token = $2 AND worker_id = $3 AND status = 'RUNNING'
    RETURNING status = 'PENDING'
"""
_GIVE_BACK = """
    UPDATE job_publishing SET status = 'PENDING', worker_id = NULL, lease_until = NULL, attempt = attempt - 1
    WHERE id = $1 AND run_token = $2 AND worker_id = $3 AND status = 'RUNNING'
    RETURNING true
"""
# A completed job is whole when its stages are and every target has it. `status = status` tells everybody.
_JUDGE = """
    UPDATE jobs j SET status = status, outcome = CASE
        WHEN j.kind <> 'MEDIA' OR j.outcome = 'DUPLICATE' THEN j.outcome
        WHEN EXISTS (SELECT FROM job_publishing p WHERE p.job_id = j.id AND p.kind <> 'notification'
                     AND p.event IN ('publish', 'finished')
                     AND (p.status = 'FAILED' OR p.status IN ('PENDING', 'RUNNING') AND p.error_class IS NOT NULL))
            THEN 'PARTIAL'
        WHEN EXISTS (SELECT FROM job_stages s WHERE s.job_id = j.id AND s.stage = 'publishing' AND s.status = 'DONE')
            AND NOT EXISTS (SELECT FROM job_stages s WHERE s.job_id = j.id AND s.status IN ('SKIPPED', 'FAILED'))
            THEN 'FULL'
        ELSE j.outcome END
    WHERE j.id = $1 AND j.status = 'COMPLETED'
"""


async def _settle(db: Database, delivery: Delivery, statement: str, *values: Any) -> Any:
    async with db.transaction() as connection:
        await connection.fetchval(_LOCK_JOB, delivery.job_id)
        answer = await connection.fetchval(statement, *delivery.fence, *values)
        if answer is None:
            raise _lost(delivery)
        await connection.execute(_JUDGE, delivery.job_id)
    return answer


async def sent(
    db: Database,
    delivery: Delivery,
    *,
    content_hash: str | None = None,
    remote_id: str | None = None,
    remote_url: str | None = None,
) -> None:
    """It is there. Raises `DeliveryLost`."""
    texts = (clean_or_none(remote_id), clean_or_none(remote_url))
    await _settle(db, delivery, _SENT, clean_or_none(content_hash, _NAME_LIMIT), *texts)


async def unchanged(db: Database, delivery: Delivery) -> None:
    """It had been there all the time, with this very content. Raises `DeliveryLost`."""
    await _settle(db, delivery, _UNCHANGED)


async def skip(db: Database, delivery: Delivery, reason: str) -> None:
    """There is nothing to send, for a reason that people will read. Raises `DeliveryLost`."""
    await _settle(db, delivery, _SKIP, clean_text(reason, _ERROR_LIMIT))


async def not_sent(
    db: Database,
    delivery: Delivery,
    error_class: ErrorClass,
    message: str,
    *,
    delay_s: float | None,
    remote_id: str | None = None,
) -> bool:
    """It did not work; to be tried again in `delay_s` seconds, or never (None). Gives whether it will be.

    After the last attempt it will not. `remote_id`: how far this try came, for the next. Raises `DeliveryLost`.
    """
    text = clean_text(message, _ERROR_LIMIT)
    return bool(await _settle(db, delivery, _NOT_SENT, error_class, text, delay_s, clean_or_none(remote_id)))


async def give_back(db: Database, delivery: Delivery) -> None:
    """It was not tried, because z2 stops: due at once, no attempt used. Raises `DeliveryLost`."""
    if not await db.fetchval(_GIVE_BACK, *delivery.fence):
        raise _lost(delivery)


_DISABLE = "UPDATE publish_targets SET disabled_at = clock_timestamp(), disabled_why = $2 WHERE name = $1"
_CLOSE_ROWS = """
    UPDATE job_publishing SET status = 'FAILED', error_class = $2, error_message = $3, run_token = run_token + 1,
        worker_id = NULL, lease_until = NULL
    WHERE target = $1 AND status = 'PENDING'
    RETURNING job_id, event
"""


async def disable_target(db: Database, target: str, error_class: ErrorClass, why: str) -> None:
    """The other side does not want anything any more: what waits for it is given up, and nothing new is queued."""
    async with db.transaction() as connection:
        await connection.execute(_DISABLE, target, clean_text(why, _ERROR_LIMIT))
        closed = await connection.fetch(_CLOSE_ROWS, target, error_class, clean_text(why, _ERROR_LIMIT))
    for job_id in sorted({row["job_id"] for row in closed if row["event"] in ("publish", "finished")}):
        await db.execute(_JUDGE, job_id)


def _lost(delivery: Delivery) -> DeliveryLost:
    return DeliveryLost(f"delivery {delivery.id} is no longer held by {delivery.worker_id}")
