"""The list of jobs as a question: filters, order and place, and the SQL that answers it.

There is one SQL text per combination of filters and order. An optional condition such as `$1 IS NULL OR status = $1`
inside one text makes PostgreSQL choose a plan for all cases, measured a thousand times slower at a million jobs. Pages
go on by keyset (the last row's sort key), which costs the same at any depth. The texts are put together from words of
this module alone; whatever a caller gives is a parameter.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

from z2d.store.clean import clean_text
from z2d.store.filtering import Where, where
from z2d.wire.errors import InvalidRequest
from z2d.wire.filters import Filter, Term
from z2d.wire.jobs import JobStatus

COUNT_LIMIT = 10_000  # a filtered list is counted no further

Sort = Literal["created_at", "finished_at", "title", "status", "priority"]


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What to list. Empty or None filters nothing; `since` <= created_at < `until`; `cursor` comes from a page before.

    `q`: every word of it begins a word of the title or the URL. `filter`: a person's line, as
    z2d.wire.filters reads it.
    """

    limit: int = 50
    offset: int = 0
    cursor: str | None = None
    status: list[JobStatus] | tuple[JobStatus, ...] = ()
    sort: Sort = "created_at"
    order: Literal["asc", "desc"] = "desc"
    q: str | None = None
    site: str | None = None
    channel: str | None = None
    tag: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    parent: int | None = None
    filter: Filter = ()

    def terms(self) -> Filter:
        """All filters of this list in one form."""
        fields = {
            "site": self.site,
            "channel": self.channel,
            "tag": self.tag,
            "since": self.since,
            "until": self.until,
            "parent": self.parent,
        }
        status = (Term("status", tuple(sorted(set(map(str, self.status))))),) if self.status else ()
        given = tuple(Term(key, (value,)) for key, value in fields.items() if value is not None)
        return (*status, *given, *((Term("words", (self.q,)),) if self.q is not None else ()), *self.filter)


class _Key(NamedTuple):
    """A part of a sort key: the expression as its index has it, and its type."""

    sql: str
    type: str


_CREATED = _Key("j.created_at", "timestamptz")
_ID = _Key("j.id", "bigint")
_KEYS: Mapping[str, tuple[_Key, ...]] = {
    "created_at": (_CREATED, _ID),
    "finished_at": (_Key("coalesce(j.finished_at, 'infinity'::timestamptz)", "timestamptz"), _ID),
    "title": (_Key("lower(left(coalesce(j.title, j.url), 100))", "text"), _ID),
    "status": (_Key("j.status", "text"), _CREATED, _ID),
    "priority": (_Key("j.priority", "smallint"), _CREATED, _ID),
}


def filter_of(query: ListQuery) -> Where:
    """The conditions of everything but the place in the list."""
    return where(query.terms())


def page_sql(query: ListQuery) -> tuple[str, list[Any]]:
    """The statement for one page and its values. It asks for one row more than the page has, to know of a next one."""
    conditions, args = filter_of(query)
    keys = _KEYS[query.sort]
    descending = query.order == "desc"
    order = ", ".join(f"{key.sql} {'DESC' if descending else 'ASC'}" for key in keys)
    if query.cursor is not None:
        values = _read_cursor(query, keys)
        places = ", ".join(f"${len(args) + number}::text::{key.type}" for number, key in enumerate(keys, 1))
        conditions += f" AND ({', '.join(key.sql for key in keys)}) {'<' if descending else '>'} ({places})"
        args += values
    place = f"LIMIT {int(query.limit) + 1}"  # in the text: a plan for an unknown limit reads a tenth of the table
    if query.offset and query.cursor is None:
        args.append(query.offset)
        place += f" OFFSET ${len(args)}"
    marks = ", ".join(f"({key.sql})::text AS mark_{number}" for number, key in enumerate(keys))
    # the page is picked from an index alone; whole rows are read for its few jobs only
    picked = f"SELECT j.id FROM jobs j WHERE {conditions} ORDER BY {order} {place}"  # noqa: S608
    return f"SELECT j.*, now() AS now, {marks} FROM ({picked}) p JOIN job_list j ON j.id = p.id ORDER BY {order}", args  # noqa: S608


def count_sql(query: ListQuery) -> tuple[str, list[Any]]:
    """The statement that counts the list (up to COUNT_LIMIT where filters go beyond the status) and its values."""
    terms = query.terms()
    if not terms:
        return "SELECT coalesce(sum(jobs), 0)::bigint FROM job_counts", []
    if terms == ListQuery(status=query.status).terms():
        return "SELECT coalesce(sum(jobs), 0)::bigint FROM job_counts WHERE status = ANY($1)", [list(query.status)]
    conditions, args = filter_of(query)
    return f"SELECT count(*) FROM (SELECT FROM jobs j WHERE {conditions} LIMIT {COUNT_LIMIT}) counted", args  # noqa: S608


def cursor_of(query: ListQuery, row: Mapping[str, Any]) -> str:
    """The cursor that goes on after `row`."""
    marks = [row[f"mark_{number}"] for number in range(len(_KEYS[query.sort]))]
    text = json.dumps([query.sort, query.order, *marks], ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode()


def _read_cursor(query: ListQuery, keys: tuple[_Key, ...]) -> list[str]:
    try:
        sort, order, *marks = json.loads(base64.urlsafe_b64decode(query.cursor or ""))
        if (sort, order) != (query.sort, query.order) or len(marks) != len(keys):
            raise ValueError("of another list")
        return [_checked(key, mark) for key, mark in zip(keys, marks, strict=True)]
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidRequest("The cursor does not belong to this list; begin without one.") from error


def _checked(key: _Key, mark: Any) -> str:
    """`mark` if PostgreSQL can read it as a value of the key's type; raises ValueError."""
    if not isinstance(mark, str):
        raise TypeError("not a text")
    match key.type:
        case "timestamptz" if mark != "infinity":
            datetime.fromisoformat(mark)
        case "bigint" | "smallint":
            bits = 63 if key.type == "bigint" else 15
            if not -(1 << bits) <= int(mark) < 1 << bits:
                raise ValueError("too large")
    return clean_text(mark)
