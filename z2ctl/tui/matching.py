"""Whether a job fits a filter, for jobs that arrive while a filtered list is open.

The daemon answers the filter language for the history; a job that was just added or changed is judged here, by what
its summary says, so that the list stays live. What a summary does not say (a profile) never fits.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache

from z2ctl.tui.job import Job
from z2d.wire import filters
from z2d.wire.filters import Filter, Term

_WORD = re.compile(r"[^\W_]+")


@lru_cache(maxsize=64)
def conditions(line: str) -> Filter:
    """The conditions of a line. Raises `FilterInvalid`."""
    return filters.parse(line)


def fits(job: Job, terms: Filter, now: float) -> bool:
    """Whether every condition holds; `now` in seconds since 1970."""
    return all(_holds(job, term, now) != term.negated for term in terms)


def _holds(job: Job, term: Term, now: float) -> bool:
    if term.key in ("words", "phrase"):
        wanted = [word for value in term.values for word in _WORD.findall(str(value).casefold())]
        found = _WORD.findall(f"{job.url} {job.title}".casefold())
        return _in_a_row(wanted, found) if term.key == "phrase" else _all_begin(wanted, found)
    if term.key in ("since", "until"):
        at = [_moment(value, now) for value in term.values]
        return all(job.created >= each if term.key == "since" else job.created < each for each in at)
    if term.key == "age":
        return any(_compare(now - job.created, term.op, _seconds(value)) for value in term.values)
    if term.key == "duration":
        length = job.length_ms
        return length is not None and any(_compare(length / 1000, term.op, _seconds(value)) for value in term.values)
    if term.key in ("id", "priority"):
        number = job.id if term.key == "id" else job.priority
        return any(_compare(number, term.op, value) for value in term.values if isinstance(value, int))
    return any(value in _said(job, term.key) for value in term.values)


def _said(job: Job, key: str) -> tuple[object, ...]:
    match key:
        case "status":
            return (job.status, job.display)
        case "outcome":
            return (job.outcome,)
        case "stage":
            return (job.stage or job.error_stage,)
        case "error":
            return (job.error_code,)
        case "site":
            return (job.site,)
        case "channel":
            return (job.channel,)
        case "tag":
            return job.tags
        case "parent":
            return (job.parent,)
    return ()


def _all_begin(wanted: Sequence[str], found: Sequence[str]) -> bool:
    return bool(wanted) and all(any(word.startswith(each) for word in found) for each in wanted)


def _in_a_row(wanted: Sequence[str], found: Sequence[str]) -> bool:
    return bool(wanted) and any(
        all(word.startswith(each) for each, word in zip(wanted, found[at:], strict=False))
        for at in range(len(found) - len(wanted) + 1)
    )


def _compare(given: float, op: str, wanted: float) -> bool:
    return {
        ":": given == wanted,
        "<": given < wanted,
        "<=": given <= wanted,
        ">": given > wanted,
        ">=": given >= wanted,
    }[op]


def _seconds(value: object) -> float:
    return value.total_seconds() if isinstance(value, timedelta) else 0.0


def _moment(value: object, now: float) -> float:
    return value.timestamp() if isinstance(value, datetime) else now - _seconds(value)
