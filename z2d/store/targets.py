"""The publishing targets as a whole: what each wants, how much it has, and which jobs can be brought to it again."""

from __future__ import annotations

from typing import Any

from z2d.store.database import Database
from z2d.store.filtering import where
from z2d.store.outbox import LIBRARY
from z2d.wire.filters import Filter
from z2d.wire.publishing import TargetInfo

_CONFIGURED = """
    SELECT name, min(kind) AS kind, array_agg(DISTINCT event ORDER BY event) AS events, min(filter) AS filter,
        array_agg(DISTINCT installation ORDER BY installation) AS installations,
        min(disabled_at) AS disabled_at, min(disabled_why) AS disabled_why
    FROM publish_targets, unnest(events) AS event
    GROUP BY name
"""
# of deleted jobs there are few, and nothing of them is shown anywhere
_COUNTED = """
    SELECT p.target AS name, min(p.kind) AS kind, p.status, count(*) AS jobs, max(p.published_at) AS last,
        count(*) FILTER (WHERE p.status IN ('PENDING', 'RUNNING') AND p.attempt > 0 AND p.error_message <> '') AS again,
        (array_agg(p.error_message ORDER BY p.run_after DESC) FILTER (
            WHERE p.status IN ('PENDING', 'RUNNING', 'FAILED') AND p.error_message <> ''))[1] AS error
    FROM job_publishing p
    WHERE p.job_id NOT IN (SELECT id FROM jobs WHERE deleted_at IS NOT NULL)
    GROUP BY p.target, p.status
"""


async def overview(db: Database) -> list[TargetInfo]:
    """The library, then every target by name: those configured, and those that published something once."""
    found: dict[str, dict[str, Any]] = {LIBRARY: {"kind": "library", "events": ["publish"], "configured": True}}
    for row in await db.fetch(_CONFIGURED):
        found[row["name"]] = {**row, "configured": True}
    for row in await db.fetch(_COUNTED):
        target = found.setdefault(row["name"], {"kind": row["kind"], "configured": False})
        target.setdefault("counts", {})[row["status"]] = row["jobs"]
        target["retrying"] = target.get("retrying", 0) + row["again"]
        if row["error"] and (row["again"] or not target.get("last_error")):  # what is tried again says how it is now
            target["last_error"] = row["error"]
        moments = (target.get("last_published_at"), row["last"])
        target["last_published_at"] = max((at for at in moments if at is not None), default=None)
    in_order = sorted(found, key=lambda name: (name != LIBRARY, name))
    return [TargetInfo(**{**found[name], "name": name}) for name in in_order]


_PUBLISHABLE = "j.kind = 'MEDIA' AND j.status = 'COMPLETED' AND j.outcome IS DISTINCT FROM 'DUPLICATE'"


async def publishable(
    db: Database, terms: Filter, *, target: str | None, failed: bool, after: int = 0, limit: int
) -> list[int]:
    """The next `limit` jobs above `after` in rising order that fit the filter and can be published again.

    `failed`: those alone that could not be brought to `target`, or to any target when none is named.
    """
    conditions, args = where(terms)
    args += [after, target]
    text = f"SELECT j.id FROM jobs j WHERE {conditions} AND {_PUBLISHABLE} AND j.id > ${len(args) - 1}"  # noqa: S608
    if failed:
        text += (
            " AND EXISTS (SELECT FROM job_publishing p WHERE p.job_id = j.id AND p.status = 'FAILED'"
            f" AND p.kind <> 'notification' AND p.event IN ('publish', 'finished')"
            f" AND (${len(args)}::text IS NULL OR p.target = ${len(args)}))"
        )
    else:
        args.pop()
    return [row["id"] for row in await db.fetch(f"{text} ORDER BY j.id LIMIT {int(limit)}", *args)]


_KNOWN = "SELECT $1 = 'library' OR EXISTS (SELECT FROM publish_targets WHERE name = $1)"


async def known(db: Database, name: str) -> bool:
    """Whether a target of this name is configured."""
    return bool(await db.fetchval(_KNOWN, name))
