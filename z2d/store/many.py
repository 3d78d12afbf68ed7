"""Which jobs an action by filter is about: those that the filter finds and that the action fits."""

from __future__ import annotations

from collections.abc import Mapping

from z2d.store.database import Database
from z2d.store.filtering import where
from z2d.wire.control import JobAction
from z2d.wire.filters import Filter

_FITS: Mapping[JobAction, str] = {
    "cancel": "j.status IN ('QUEUED', 'RUNNING', 'WAITING') AND j.cancel_requested_at IS NULL",
    "pause": "j.cancel_requested_at IS NULL AND (j.status = 'RUNNING' AND j.pause_requested_at IS NULL "
    "OR j.status = 'QUEUED' AND j.wait_reason IS DISTINCT FROM 'USER')",
    "resume": "j.cancel_requested_at IS NULL AND (j.status = 'RUNNING' AND j.pause_requested_at IS NOT NULL "
    "OR j.status = 'QUEUED' AND j.wait_reason = 'USER')",
    "retry": "j.status IN ('FAILED', 'CANCELLED')",
    "delete": "j.status IN ('COMPLETED', 'FAILED', 'CANCELLED')",
    "restore": "false",  # what is deleted is in no list
}
# Everything goes on that somebody paused. Who submitted a job on hold has a reason of their own, and means it.
_PAUSED_BY_A_PERSON = " AND NOT (j.status = 'QUEUED' AND j.on_hold)"
_RERUN = "j.status IN ('COMPLETED', 'FAILED', 'CANCELLED')"


async def matching(
    db: Database, terms: Filter, action: JobAction, *, rerun: bool = False, after: int = 0, limit: int
) -> list[int]:
    """The ids of the next `limit` jobs above `after`, in rising order.

    `rerun`: a retry from a stage on, which fits completed jobs too.
    """
    conditions, args = where(terms)
    fits = _RERUN if rerun and action == "retry" else _FITS[action]
    if action == "resume" and not terms:
        fits += _PAUSED_BY_A_PERSON
    args.append(after)
    text = f"SELECT j.id FROM jobs j WHERE {conditions} AND {fits} AND j.id > ${len(args)}"  # noqa: S608
    return [row["id"] for row in await db.fetch(f"{text} ORDER BY j.id LIMIT {int(limit)}", *args)]
