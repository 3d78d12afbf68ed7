"""Why a job is where it is: the one reason that counts most, as a sentence for a person and a word for programs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from z2d.store.claims import SITE_IS_TRIED, parked
from z2d.store.database import Database
from z2d.store.queue import ALIVE_WITHIN_S, QUEUE_POSITION
from z2d.store.rows import kept_time
from z2d.wire.control import QueueMode, Why, WhyCode
from z2d.wire.errors import JobNotFound
from z2d.wire.jobs import FINISHED, DisplayStatus, JobStatus, WaitReason
from z2d.wire.reasons import hint

_FACTS = f"""
    SELECT j.id, j.status, j.display_status, j.outcome, j.wait_reason, j.stage, j.progress, j.attempt, j.max_attempts,
        {parked("j")} AS parked, st.lane, j.due_after,
        j.error_class, j.error_message, j.duplicate_of, j.cancel_requested_by, j.site, now() AS now,
        nullif(j.run_after, 'infinity') AS run_after, w.hostname, {QUEUE_POSITION} AS position,
        g.not_before AS gate_until, g.reason AS gate_reason, {SITE_IS_TRIED} AS site_tried,
        (SELECT count(*) FROM jobs r WHERE r.worker_id IS NOT NULL AND r.site = j.site) AS site_busy,
        (SELECT site_slots FROM queue_settings) AS site_slots,
        coalesce((SELECT mode FROM queue_settings), 'ACTIVE') AS mode,
        (SELECT count(*) FROM jobs c WHERE c.parent_id = j.id) AS children,
        (SELECT count(*) FROM jobs c WHERE c.parent_id = j.id AND c.finished_at IS NULL) AS unfinished,
        (SELECT count(*) FROM jobs r WHERE r.worker_id IS NOT NULL) AS busy,
        crew.*
    FROM job_list j
    LEFT JOIN workers w ON w.id = j.worker_id
    LEFT JOIN site_gates g ON g.site = j.site
    LEFT JOIN job_stages st ON st.job_id = j.id AND st.stage = j.stage AND st.status = 'RUNNING'
    CROSS JOIN (
        SELECT count(*) AS workers, coalesce(sum(capacity), 0) AS slots, coalesce(bool_or(has_room), true) AS room
        FROM workers WHERE state = 'ACTIVE' AND heartbeat_at > clock_timestamp() - make_interval(secs => $2)) crew
    WHERE j.id = $1
"""  # noqa: S608  made of texts of this module


async def why(db: Database, job_id: int) -> Why:
    """The reason that counts most now. Raises `JobNotFound`."""
    row = await db.fetchrow(_FACTS, job_id, ALIVE_WITHIN_S)
    if row is None:
        raise JobNotFound(f"There is no job {job_id}.")
    code, sentence, until = explain(row)
    return Why(
        id=row["id"],
        status=DisplayStatus(row["display_status"]),
        code=code,
        sentence=sentence,
        until=until,
        queue_position=row["position"],
    )


Reason = tuple[WhyCode, str, datetime | None]


def explain(facts: Any) -> Reason:
    """What the facts about a job mean."""
    status = JobStatus(facts["status"])
    if status in FINISHED:
        return WhyCode.FINISHED, _how_it_ended(facts), None
    if status == JobStatus.RUNNING:
        return _running(facts)
    if status == JobStatus.WAITING:
        many = facts["children"]
        return WhyCode.CHILDREN, f"It waits for {facts['unfinished']} of the {many} jobs that came from it.", None
    if facts["wait_reason"] == WaitReason.USER:
        then = f", and it may start {_in(due, facts['now'])}" if (due := kept_time(facts)) else ""
        held = f"It is paused, or was submitted on hold; 'z2ctl resume {facts['id']}' lets it go on{then}."
        return WhyCode.HELD, held, None
    if facts["parked"]:
        lane = facts["stage"]
        opens = f"'z2ctl queue lanes {lane}=default' opens it"
        return WhyCode.LANE_CLOSED, f"The {lane} lane is closed; {opens}.", None
    if facts["run_after"] is not None and facts["run_after"] > facts["now"]:
        return _waits_for_a_time(facts)
    return _could_start(facts)


def _how_it_ended(facts: Any) -> str:
    match facts["status"]:
        case JobStatus.FAILED:
            where = f" in the {facts['stage']} stage" if facts["stage"] else ""
            cause = facts["error_message"] or facts["error_class"]
            return f"It failed{where}: {cause} {hint(facts['error_class'], facts['site'])}"
        case JobStatus.CANCELLED:
            return f"It was cancelled; 'z2ctl retry {facts['id']}' runs it again."
    if facts["outcome"] == "DUPLICATE":
        return f"It is done: the video is that of job {facts['duplicate_of']}."
    return "It is done, in part: 'z2ctl show' says what is missing." if facts["outcome"] == "PARTIAL" else "It is done."


def _running(facts: Any) -> Reason:
    match facts["display_status"]:
        case DisplayStatus.CANCELLING:
            return WhyCode.ENDING, "It is being cancelled: what it has started is being ended.", None
        case DisplayStatus.PAUSING:
            return (
                WhyCode.ENDING,
                "It is being paused: what it has started is being ended, what is finished is kept.",
                None,
            )
    if facts["lane"] == "WAITING":
        lane = f"the {facts['stage']} lane, which is full"
        return WhyCode.LANE, f"It is running on {facts['hostname']}, and waits for a place in {lane}.", None
    where = f"the {facts['stage']} stage" if facts["stage"] else "its beginning"
    share = int(facts["progress"] * 100)
    return WhyCode.RUNNING, f"It is running on {facts['hostname']}: {where}, {share} % of the whole job.", None


_UNTIL_THEN = {
    WaitReason.LIVE_NOT_STARTED: "the stream is not ready",
    WaitReason.RATE_LIMITED: "its site asked to slow down",
    WaitReason.DISK_FULL: "the disk was full",
}


def _waits_for_a_time(facts: Any) -> Reason:
    until: datetime = facts["run_after"]
    when = _in(until, facts["now"])
    if facts["wait_reason"] == WaitReason.RETRY:
        tried = f"attempt {facts['attempt']} of {facts['max_attempts']}"
        return WhyCode.RETRY, f"It tries again {when}: {tried} ended with {facts['error_class']}.", until
    if (because := _UNTIL_THEN.get(facts["wait_reason"])) is None:
        return WhyCode.SCHEDULED, f"It is scheduled: it may start {when}.", until
    code = {WaitReason.RATE_LIMITED: WhyCode.SITE, WaitReason.DISK_FULL: WhyCode.DISK_FULL}
    return code.get(facts["wait_reason"], WhyCode.SCHEDULED), f"It starts {when}: {because}.", until


def _could_start(facts: Any) -> Reason:
    """It is due: what stands between it and a slot, the widest reason first."""
    match facts["mode"]:
        case QueueMode.PAUSED:
            return WhyCode.QUEUE_PAUSED, "The whole queue is paused; 'z2ctl queue resume' lets it go on.", None
        case QueueMode.DRAINING:
            return WhyCode.QUEUE_DRAINING, "The queue is draining: nothing starts before 'z2ctl queue resume'.", None
    if facts["workers"] == 0:
        return (
            WhyCode.NO_WORKER,
            "No worker has given a sign of life lately: is 'z2d serve' or 'z2d worker' running?",
            None,
        )
    if facts["gate_until"] is not None:
        until, said = facts["gate_until"], f"{facts['site']} ({facts['gate_reason']})"
        if until > facts["now"]:
            return WhyCode.SITE, f"Its site is left alone and is tried again {_in(until, facts['now'])}: {said}.", until
        if facts["site_tried"]:
            return WhyCode.SITE, f"Its site is tried with one job at a time until one succeeds: {said}.", None
    if not facts["room"]:
        return WhyCode.DISK_FULL, "The disk is too full to begin anything; free some room and the queue goes on.", None
    if facts["site_slots"] is not None and facts["site_busy"] >= facts["site_slots"]:
        most = f"{facts['site']} has {facts['site_busy']} running, and not more than {facts['site_slots']} are to"
        return WhyCode.SITE_SLOTS, f"It waits for other jobs of its site: {most}.", None
    if facts["busy"] >= facts["slots"]:
        ahead = facts["position"] - 1
        before = "it is the next" if ahead == 0 else f"{ahead} before it"
        return WhyCode.SLOTS, f"It waits for a free slot: all {facts['slots']} are busy, {before}.", None
    return WhyCode.STARTING, "It is about to start.", None


def _in(moment: datetime, now: datetime) -> str:
    seconds = round((moment - now).total_seconds())
    for unit, length in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"in {seconds / length:.0f} {unit}"
    return f"in {max(1, seconds)} s"
