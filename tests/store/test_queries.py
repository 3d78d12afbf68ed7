"""Every statement of the store is understood by the newest schema."""

from __future__ import annotations

import importlib
import itertools
import pkgutil
import re
from collections.abc import Iterator
from datetime import UTC, datetime

import asyncpg
import pytest

import z2d.store
from z2d.store import logs
from z2d.store.database import Database
from z2d.store.listing import ListQuery, count_sql, cursor_of, page_sql
from z2d.wire.jobs import JobStatus

from .making import claimed

STATEMENT = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH|SHOW|SET)\s")


def statements() -> Iterator[tuple[str, str]]:
    """Every string constant of a module of the store that begins like a statement."""
    for module in pkgutil.iter_modules(z2d.store.__path__):
        for name, value in vars(importlib.import_module(f"z2d.store.{module.name}")).items():
            if isinstance(value, str) and STATEMENT.match(value):
                yield f"{module.name}.{name}", value


def test_they_are_found() -> None:
    names = {name for name, _ in statements()}
    assert len(names) > 50
    assert {"claims._CLAIM", "claims._END", "reads._DETAIL", "stages._PROGRESS", "rescue._HELD_BY_GONE"} <= names


async def test_every_constant_can_be_prepared(db: Database) -> None:
    async with db.connection() as connection:
        for name, text in statements():
            try:
                await connection.prepare(text)
            except asyncpg.PostgresError as error:
                pytest.fail(f"{name}: {error}")


FILTERS: dict[str, object] = {
    "status": [JobStatus.FAILED, JobStatus.QUEUED],
    "q": "some words",
    "site": "youtube",
    "channel": "a channel",
    "tag": "a tag",
    "since": datetime(2024, 1, 1, tzinfo=UTC),
    "until": datetime(2030, 1, 1, tzinfo=UTC),
}


@pytest.mark.parametrize("sort", ["created_at", "finished_at", "title", "status", "priority"])
async def test_every_combination_of_the_list_can_be_prepared(db: Database, sort: str) -> None:
    chosen = [names for size in range(len(FILTERS) + 1) for names in itertools.combinations(FILTERS, size)]
    marks = {"mark_0": "0", "mark_1": "2", "mark_2": "3"}
    if sort in {"created_at", "finished_at"}:
        marks["mark_0"] = "infinity"
    elif sort in {"status", "priority"}:
        marks["mark_1"] = "2026-01-01 00:00:00+00"
    async with db.connection() as connection:
        for names in chosen:
            for order in ("asc", "desc"):
                fields = {name: FILTERS[name] for name in names}
                first = ListQuery(sort=sort, order=order, **fields)  # type: ignore[arg-type]
                later = ListQuery(sort=sort, order=order, cursor=cursor_of(first, marks), **fields)  # type: ignore[arg-type]
                for text, args in (page_sql(first), page_sql(later), count_sql(first)):
                    prepared = await connection.prepare(text)
                    assert len(prepared.get_parameters()) == len(args)


async def test_every_combination_of_a_log_page_answers(db: Database) -> None:
    claim = await claimed(db)
    filters: dict[str, object] = {"after": 0, "before": 9, "level": "WARNING", "stage": "download", "q": "50%_\\"}
    for size in range(len(filters) + 1):
        for names in itertools.combinations(filters, size):
            page = await logs.page(db, claim.job_id, **{name: filters[name] for name in names})  # type: ignore[arg-type]
            assert page.items == []
