"""The route table's part on searching."""

from __future__ import annotations

from z2d.api.searching import SearchParams, find
from z2d.api.table import Answer, Example, Route
from z2d.wire import errors
from z2d.wire.search import SearchPage

_EXAMPLES = (
    Example(name="phrase", summary="Words in a row, over the border of two captions too",
            query={"q": '"without a sound"'}),
    Example(name="words", summary="Loose words, in some of the jobs, up to ten moments of each",
            query={"q": "owl sound -fox", "filter": "site:media.example age<7d", "moments": 10}),
    Example(name="nothing", summary="What nobody said", query={"q": "hippopotamus"},
            answer={"items": [], "next_cursor": None, "limit": 20, "complete": True}),
    Example(name="wrong_filter", summary="A filter that cannot be understood", query={"q": "owl", "filter": "sit:x"},
            status=400),
)  # fmt: skip


def routes() -> tuple[Route, ...]:
    """Every call on searching."""
    return (
        Route(
            method="GET",
            path="/api/search",
            handler=find,
            summary="Search in titles, descriptions, transcripts and summaries",
            tag="search",
            query=SearchParams,
            answers={200: Answer(model=SearchPage, description="A page of jobs, the best first")},
            errors=(errors.FilterInvalid,),
            examples=_EXAMPLES,
        ),
    )
