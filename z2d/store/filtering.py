"""The filter language as SQL: each term becomes one condition on `jobs j`, each value a parameter.

The texts are put together from words of this module alone, so there is one statement per combination of keys and
PostgreSQL plans each for itself. Whatever a caller gave is a parameter, apart from words that are compared with a
list first (states), whose frequency the planner should know.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from z2d.store.clean import clean_text
from z2d.wire.filters import DERIVED, NO_PARENT, STORED, Filter, Term


class Where(NamedTuple):
    """Conditions on `jobs j`, and the values of $1, $2 ... in them."""

    text: str
    args: list[Any]


# as the view job_list derives them
_STATES: Mapping[str, str] = {
    "SCHEDULED": "j.status = 'QUEUED' AND j.run_after > now() AND j.wait_reason IS DISTINCT FROM 'RETRY' "
    "AND j.wait_reason IS DISTINCT FROM 'USER'",
    "RETRYING": "j.status = 'QUEUED' AND j.run_after > now() AND j.wait_reason = 'RETRY'",
    "PAUSED": "j.status = 'QUEUED' AND j.wait_reason = 'USER'",
    "CANCELLING": "j.status = 'RUNNING' AND j.cancel_requested_at IS NOT NULL",
    "PAUSING": "j.status = 'RUNNING' AND j.pause_requested_at IS NOT NULL AND j.cancel_requested_at IS NULL",
    "COMPLETED_PARTIAL": "j.status = 'COMPLETED' AND j.outcome = 'PARTIAL'",
}
# {} is one parameter, compared with one value; {any} is one that holds an array of several
_COLUMNS: Mapping[str, tuple[str, str]] = {
    "outcome": ("j.outcome", "text"),
    "stage": ("j.stage", "text"),
    "error": ("j.error_class", "text"),
    "site": ("j.site", "text"),
    "profile": ("j.profile", "text"),
    "id": ("j.id", "bigint"),
    "priority": ("j.priority", "smallint"),
}
_CHANNEL = "EXISTS (SELECT FROM job_metadata c WHERE c.job_id = j.id AND c.channel {})"
_DURATION = "EXISTS (SELECT FROM job_metadata c WHERE c.job_id = j.id AND c.duration_ms {} {})"
_WORDS = "z2_job_words(j.url, j.title) @@ to_tsquery('pg_catalog.simple', {})"
_WORD = re.compile(r"[^\W_]+")
_OLDER = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}  # a smaller age is a later time


def where(terms: Filter, args: list[Any] | None = None) -> Where:
    """All conditions of a filter, without those of deleted jobs. `args` are the statement's first parameters."""
    values = [] if args is None else list(args)
    conditions = ["j.deleted_at IS NULL", *(_condition(term, values) for term in terms)]
    return Where(" AND ".join(conditions), values)


def _condition(term: Term, args: list[Any]) -> str:
    text = _positive(term, args)
    return f"({text}) IS NOT TRUE" if term.negated else text


def _positive(term: Term, args: list[Any]) -> str:
    match term.key:
        case "status":
            return _state(term)
        case "channel":
            return _CHANNEL.format(_equals(term, "text", args))
        case "tag":
            tags = [clean_text(str(value)) for value in term.values]
            return f"(j.tags && {_given(tags, args)}::text[] AND j.tags <> '{{}}')"
        case "words" | "phrase":
            return _WORDS.format(_given(asked_words(term), args))
        case "parent":
            lists = [value for value in term.values if value != NO_PARENT]
            single = ["j.parent_id IS NULL"] * (NO_PARENT in term.values)
            several = [f"j.parent_id = ANY({_given(lists, args)}::bigint[])"] if lists else []
            return f"({' OR '.join(single + several)})"
        case "age":
            return f"j.created_at {_OLDER[term.op]} now() - {_given(term.values[0], args)}::interval"
        case "since" | "until":
            return f"j.created_at {'>=' if term.key == 'since' else '<'} {_moment(term, args)}"
        case "duration":
            length = _given(round(term.values[0].total_seconds() * 1000), args)  # type: ignore[union-attr]
            return _DURATION.format(term.op, f"{length}::bigint")
    column, kind = _COLUMNS[term.key]
    if term.op != ":":
        return f"{column} {term.op} {_given(term.values[0], args)}::{kind}"
    return f"{column} {_equals(term, kind, args)}"


def _equals(term: Term, kind: str, args: list[Any]) -> str:
    """A comparison with the term's values: one of them by `=`, which lets an index keep its order, several by ANY."""
    values = [clean_text(value) if isinstance(value, str) else value for value in term.values]
    if len(values) == 1:
        return f"= {_given(values[0], args)}::{kind}"
    return f"= ANY({_given(values, args)}::{kind}[])"


def _state(term: Term) -> str:
    conditions = [f"({_STATES[word]})" for word in DERIVED if word in term.values]
    if stored := ", ".join(f"'{word}'" for word in STORED if word in term.values):
        conditions.insert(0, f"j.status IN ({stored})")
    return conditions[0] if len(conditions) == 1 else f"({' OR '.join(conditions)})"


def _moment(term: Term, args: list[Any]) -> str:
    value = term.values[0]
    if isinstance(value, datetime):
        return f"{_given(value, args)}::timestamptz"
    return f"now() - {_given(value, args)}::interval"


def asked_words(term: Term) -> str:
    """A text search query: every word as the beginning of a word, or all of them in a row; none finds nothing."""
    words = [word for value in term.values for word in _WORD.findall(clean_text(str(value)))]
    return (" <-> " if term.key == "phrase" else " & ").join(f"{word}:*" for word in words)


def _given(value: Any, args: list[Any]) -> str:
    args.append(value)
    return f"${len(args)}"
