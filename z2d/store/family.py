"""A collection and its children: whoever ends a child holds the parent, and the last one completes it.

The parent's row is locked before the child's, always. Without that lock two children that end together each see the
other one unfinished, and the parent waits for ever; taken in the other order the locks meet those of a cancel, which
goes from the parent down, and PostgreSQL has to kill one of the two.
"""

from __future__ import annotations

from typing import Any

from z2d.store import outbox
from z2d.store.lines import append_lines, line, notify
from z2d.wire.jobs import FINISHED, JobStatus, LogLevel, Outcome

_HOLD_PARENT = """
    SELECT id FROM jobs WHERE id = (SELECT parent_id FROM jobs WHERE id = $1) FOR NO KEY UPDATE
"""


async def hold_parent(connection: Any, job_id: int) -> int | None:
    """Lock the collection that a job belongs to, before anything about the job is locked; None: it has none."""
    parent: int | None = await connection.fetchval(_HOLD_PARENT, job_id)
    return parent


_CHILDREN = """
    SELECT count(*) AS total,
        count(*) FILTER (WHERE status IN ('QUEUED', 'RUNNING', 'WAITING')) AS unfinished,
        count(*) FILTER (WHERE outcome = 'FULL') AS "full",
        count(*) FILTER (WHERE outcome = 'PARTIAL') AS partial,
        count(*) FILTER (WHERE outcome = 'DUPLICATE') AS duplicate,
        count(*) FILTER (WHERE status = 'FAILED') AS failed,
        count(*) FILTER (WHERE status = 'CANCELLED') AS cancelled,
        mode() WITHIN GROUP (ORDER BY error_class) FILTER (WHERE status = 'FAILED') AS error_class,
        (array_agg(error_message ORDER BY position, id) FILTER (WHERE status = 'FAILED'))[1] AS error_message
    FROM jobs WHERE parent_id = $1
"""
_STATE = "SELECT status, outcome, run_token FROM jobs WHERE id = $1"
# naming the status, which stays, makes the trigger tell everybody who watches
_PROGRESS = "UPDATE jobs SET progress = $2, status = 'WAITING' WHERE id = $1 AND status = 'WAITING'"
_END = """
    UPDATE jobs SET status = $2, outcome = $3, error_class = $4, error_message = $5, progress = 1
    WHERE id = $1
"""


async def settle(connection: Any, parent_id: int) -> None:
    """Let the state of a collection follow from that of its children. The caller holds the collection's row.

    A WAITING one moves on, and ends with its last child. One that had completed gets the outcome that its children
    have now: a person may have retried one. What failed or was cancelled stays so until a person wants it again.
    """
    state = await connection.fetchrow(_STATE, parent_id)
    if state["status"] not in (JobStatus.WAITING, JobStatus.COMPLETED):
        return
    children = await connection.fetchrow(_CHILDREN, parent_id)
    if children["unfinished"]:
        await connection.execute(_PROGRESS, parent_id, 1 - children["unfinished"] / children["total"])
        return
    status, outcome = verdict(children)
    if state["status"] == JobStatus.COMPLETED and (status != JobStatus.COMPLETED or state["outcome"] == outcome):
        return
    failed = status == JobStatus.FAILED
    said = f"None of the {children['total']} entries could be had. The first: {children['error_message']}"
    await connection.execute(
        _END, parent_id, status, outcome, children["error_class"] if failed else None, said if failed else None
    )
    if state["status"] == JobStatus.WAITING:
        await outbox.note_end(connection, parent_id, state["run_token"], status, outcome, children["error_class"])
    level = LogLevel.INFO if outcome == Outcome.FULL else LogLevel.WARNING
    last = await append_lines(connection, parent_id, [line(level, None, "z2", farewell(children))])
    await notify(connection, {parent_id: last})


def verdict(children: Any) -> tuple[JobStatus, Outcome | None]:
    """How a collection ends whose children have ended. One without children is complete: nothing was wanted."""
    good = children["full"] + children["duplicate"]
    if good == children["total"]:
        return JobStatus.COMPLETED, Outcome.FULL
    if good or children["partial"]:
        return JobStatus.COMPLETED, Outcome.PARTIAL
    return (JobStatus.FAILED if children["failed"] else JobStatus.CANCELLED), None


def farewell(children: Any) -> str:
    """The last line of a collection's log."""
    words = {
        "full": "complete",
        "partial": "not complete",
        "duplicate": "already there",
        "failed": "failed",
        "cancelled": "cancelled",
    }
    parts = [f"{children[name]} {word}" for name, word in words.items() if children[name]]
    return f"All {children['total']} entries are finished: {', '.join(parts) or 'there were none'}."


async def end_child(connection: Any, parent_id: int | None, status: JobStatus) -> None:
    """To be called after a job got `status`, with what `hold_parent` gave before."""
    if parent_id is not None and status in FINISHED:
        await settle(connection, parent_id)
