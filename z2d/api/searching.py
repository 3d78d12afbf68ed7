"""Searching in everything that is known of the videos, the words spoken in them above all."""

from __future__ import annotations

from typing import Annotated

from aiohttp import web
from pydantic import Field, StringConstraints

from z2d.api.answers import answer
from z2d.api.keys import DB
from z2d.api.queries import DIGITS, FilterText, Words
from z2d.publish.clock import timed_url
from z2d.store.search import SearchQuery, search
from z2d.wire import filters
from z2d.wire.base import Wire


class SearchParams(Wire):
    """`GET /api/search`."""

    q: Words = Field(
        description='What is looked for: words, "words in a row", `or` between alternatives, a minus before what '
        "must not be there"
    )
    limit: Annotated[int, Field(ge=1, le=100), DIGITS] = Field(20, description="Jobs per page")
    cursor: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_=-]{1,200}$")] | None = Field(
        None, description="`next_cursor` of the page before, with the same words and filter"
    )
    moments: Annotated[int, Field(ge=1, le=100), DIGITS] = Field(3, description="At most so many moments of one job")
    filter: FilterText | None = Field(None, description="Only jobs that fit; the same language as in the list")


async def find(request: web.Request, query: SearchParams) -> web.Response:
    """A page of jobs in which the words are found, the best first, each with the seconds at which they are said."""
    asked = SearchQuery(
        q=query.q,
        limit=query.limit,
        cursor=query.cursor,
        moments=query.moments,
        filter=filters.parse(query.filter or ""),
    )
    return answer(await search(request.app[DB], asked, link=timed_url))
