"""Full-text search: in which job, and at which second.

Two steps. The first finds candidates in the indexes of cues, descriptions and summaries, and ranks jobs by them. The
second looks at a few cues of each job on the page and settles where the words begin: a cue is indexed together with
what follows it, so a phrase across the border is found, and a word is found in the cue before its own too.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from z2d.store.asking import Asked, ask
from z2d.store.database import Database
from z2d.store.filtering import where
from z2d.store.rows import job_summary
from z2d.wire.errors import InvalidRequest
from z2d.wire.filters import Filter
from z2d.wire.search import Marks, Moment, SearchHit, SearchPage

MOST_CUES = 5000  # of a more frequent word no more places are looked at: ranking them would cost more than it tells
MOST_TEXTS = 2000  # likewise of descriptions, and of summaries
_OPEN, _CLOSE, _APART = "\x02", "\x03", "\x1f"
_SIGNS = re.compile(f"([{_OPEN}{_CLOSE}])")
_SHOWN_WHOLE = f"HighlightAll=true,StartSel={_OPEN},StopSel={_CLOSE}"
_SHOWN_PART = f"MaxFragments=1,MaxWords=32,MinWords=16,StartSel={_OPEN},StopSel={_CLOSE}"

Link = Callable[[str, int], str | None]
Field = Literal["transcript", "summary", "description", "title", "channel"]


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """What to search. `moments` is the most places to show of one job, `filter` leaves other jobs out."""

    q: str
    limit: int = 20
    cursor: str | None = None
    moments: int = 3
    filter: Filter = ()


# ------------------------------------------------------------------ which jobs


def ranked_sql(query: SearchQuery, asked: Asked) -> tuple[str, list[Any]]:
    """The statement that ranks jobs, and its values. It asks for one job more than the page has.

    The score is rounded, because the cursor is made of it. A title that holds the words weighs about as much as the
    best moment; many moments weigh a little more than one.
    """
    # up to two cues before a word's own are found by it too, so as many more are looked at
    args: list[Any] = [asked.all, 3 * query.moments + 2]
    conditions, args = where(query.filter, args)
    within = f"AND EXISTS (SELECT FROM jobs j WHERE j.id = s.job_id AND {conditions})" if query.filter else ""
    if query.cursor is not None:
        score, job_id = _read_cursor(query.cursor)
        conditions += f" AND (f.score, f.job_id) < (${len(args) + 1}::text::numeric, ${len(args) + 2}::bigint)"
        args += [score, job_id]
    text = f"""
        WITH cue AS MATERIALIZED (
            SELECT s.transcript_id, s.seq, ts_rank_cd(s.tsv, $1::tsquery) AS rank
            FROM transcript_segments s
            WHERE s.tsv @@ $1::tsquery {within} LIMIT {MOST_CUES}
        ), described AS MATERIALIZED (
            SELECT s.job_id, ts_rank(s.tsv, $1::tsquery) AS rank
            FROM job_metadata s
            WHERE s.tsv @@ $1::tsquery {within} LIMIT {MOST_TEXTS}
        ), summed AS MATERIALIZED (
            SELECT s.job_id, ts_rank(s.tsv, $1::tsquery) AS rank
            FROM job_analysis s
            WHERE s.is_current AND s.tsv @@ $1::tsquery {within} LIMIT {MOST_TEXTS}
        ), spoken AS (
            SELECT transcript_id, max(rank) AS rank, count(*) AS found,
                (array_agg(seq ORDER BY rank DESC, seq))[1:$2] AS seqs
            FROM cue GROUP BY transcript_id
        ), found AS (
            SELECT t.job_id, 2 * s.rank + 0.02 * ln(s.found) AS score, s.transcript_id, s.seqs, s.found
            FROM spoken s JOIN transcripts t ON t.id = s.transcript_id AND t.is_primary
            UNION ALL SELECT job_id, rank, NULL, NULL, NULL FROM described
            UNION ALL SELECT job_id, rank / 2, NULL, NULL, NULL FROM summed
        ), scored AS (
            SELECT job_id, round(sum(score)::numeric, 6) AS score, max(transcript_id) AS transcript_id,
                max(seqs) AS seqs, coalesce(max(found), 0) AS found
            FROM found GROUP BY job_id
        )
        SELECT f.*, f.score::text AS mark, (SELECT count(*) FROM cue) >= {MOST_CUES}
            OR (SELECT count(*) FROM described) >= {MOST_TEXTS} OR (SELECT count(*) FROM summed) >= {MOST_TEXTS} AS cut
        FROM scored f JOIN jobs j ON j.id = f.job_id
        WHERE {conditions}
        ORDER BY f.score DESC, f.job_id DESC
        LIMIT {int(query.limit) + 1}
    """  # noqa: S608 - put together from words of this module and of filtering; what was given is a parameter
    return text, args


_SCORE = re.compile(r"\d{1,6}\.\d{6}", re.ASCII)


def _read_cursor(cursor: str) -> tuple[str, int]:
    try:
        score, job_id = json.loads(base64.urlsafe_b64decode(cursor))
        if not (isinstance(score, str) and _SCORE.fullmatch(score) and type(job_id) is int and 0 < job_id < 1 << 63):
            raise ValueError("of something else")
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidRequest("The cursor does not belong to a search; begin without one.") from error
    return score, job_id


def _cursor_of(row: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps([row["mark"], row["job_id"]]).encode()).decode()


# ------------------------------------------------------------------ which moments

_LOOKED_AT = f"""
    SELECT s.transcript_id, s.seq, s.job_id, s.start_ms, s.end_ms,
        coalesce(after_next.end_ms, next.end_ms, s.end_ms) AS until_ms,
        s.tsv @@ asked.query AS found,
        z2_words(t.language, s.text) @@ asked.query AS in_own,
        z2_words(t.language, rest.text) @@ asked.query AS in_rest,
        ts_headline(z2_ts_exact(t.language), z2_apart(s.text), asked.query, '{_SHOWN_WHOLE}') AS own,
        ts_headline(z2_ts_exact(t.language), z2_apart(concat_ws(' ', s.text, rest.text)), asked.query,
            '{_SHOWN_WHOLE}') AS whole
    FROM (SELECT DISTINCT * FROM unnest($1::bigint[], $2::int[]) wanted(transcript_id, seq)) wanted
    JOIN transcript_segments s USING (transcript_id, seq)
    JOIN transcripts t ON t.id = s.transcript_id
    CROSS JOIN LATERAL (
        SELECT query::tsquery AS query FROM unnest($3::text[], $4::text[]) question(config, query)
        WHERE config = z2_ts_config(t.language)::text OFFSET 0
    ) asked
    LEFT JOIN transcript_segments next ON next.transcript_id = s.transcript_id AND next.seq = s.seq + 1
    LEFT JOIN transcript_segments after_next ON after_next.transcript_id = s.transcript_id
        AND after_next.seq = s.seq + 2 AND length(next.text) < 24
    CROSS JOIN concat_ws(' ', next.text, after_next.text) rest(text)
"""  # noqa: S608


class _Place(NamedTuple):
    """A cue in which the words begin."""

    seq: int
    start_ms: int
    end_ms: int
    shown: str


def _places(seqs: Sequence[int], rows: dict[int, Any]) -> list[_Place]:
    """Where the words begin, best first. A cue that was found only by what follows it stands for the next one."""
    places: dict[int, _Place] = {}
    for seq in seqs:
        at = seq
        while (row := rows.get(at)) is not None and row["found"]:
            if row["in_own"]:
                places.setdefault(at, _Place(at, row["start_ms"], row["end_ms"], row["own"]))
                break
            if not row["in_rest"]:
                places.setdefault(at, _Place(at, row["start_ms"], row["until_ms"], row["whole"]))
                break
            at += 1
    return list(places.values())


# ------------------------------------------------------------------ what else was found

_TEXTS = f"""
    SELECT m.job_id,
        ts_headline(z2_ts_exact(a.language), z2_apart(a.summary_short || ' ' || left(a.summary, 50000)),
            in_summary.query, '{_SHOWN_PART}') AS summary,
        ts_headline(z2_ts_exact(m.language), z2_apart(left(m.description, 20000)), $2::tsquery, '{_SHOWN_PART}')
            AS description,
        ts_headline(z2_ts_exact(m.language), z2_apart(m.title), $2::tsquery, '{_SHOWN_WHOLE}') AS title,
        ts_headline('pg_catalog.simple', z2_apart(coalesce(m.channel, m.uploader)), $2::tsquery, '{_SHOWN_WHOLE}')
            AS channel
    FROM job_metadata m
    LEFT JOIN job_analysis a ON a.job_id = m.job_id AND a.is_current
    LEFT JOIN LATERAL (
        SELECT query::tsquery AS query FROM unnest($3::text[], $4::text[]) question(config, query)
        WHERE config = z2_ts_config(a.language)::text OFFSET 0
    ) in_summary ON true
    WHERE m.job_id = ANY($1)
"""  # noqa: S608
_FIELDS: tuple[Field, ...] = ("summary", "description", "title", "channel")


def _best_text(row: Any | None) -> tuple[Field, str]:
    """The field that shows what was looked for, and its text."""
    for name in _FIELDS:
        if row is not None and row[name] and _OPEN in row[name]:
            return name, row[name]
    return "title", (row and row["title"]) or ""


_GAP = re.compile(r"\W*")


def _unmarked(shown: str, least: int) -> tuple[str, Marks]:
    """The text for people, and the stretches of it that were looked for.

    Neighbouring words make one stretch. A stretch of fewer words than `least` is left out (the "the" beside the phrase
    "the end"), unless all are.
    """
    text = ""
    stretches: list[tuple[int, int, int]] = []  # from, to, words
    start = 0
    for piece in _SIGNS.split(shown.replace(_APART, "")):
        if piece == _OPEN:
            start = len(text)
        elif piece == _CLOSE:
            begun, end, words = stretches[-1] if stretches else (0, 0, 0)
            if stretches and _GAP.fullmatch(text, end, start):
                stretches[-1] = (begun, len(text), words + 1)
            else:
                stretches.append((start, len(text), 1))
        else:
            text += piece
    long = [one for one in stretches if one[2] >= least] or stretches
    return text, [(begun, end) for begun, end, _ in long]


# ------------------------------------------------------------------ the answer

_JOBS = """
    SELECT j.*, m.webpage_url FROM job_list j LEFT JOIN job_metadata m ON m.job_id = j.id WHERE j.id = ANY($1)
"""


@dataclass(slots=True)
class _Found:
    """What was read for one page."""

    least: int  # words of the shortest phrase that is wanted
    ranked: list[Any] = field(default_factory=list)
    jobs: dict[int, Any] = field(default_factory=dict)
    cues: dict[int, dict[int, Any]] = field(default_factory=dict)  # by transcript and seq
    texts: dict[int, Any] = field(default_factory=dict)


async def search(db: Database, query: SearchQuery, *, link: Link = lambda url, ms: None) -> SearchPage:
    """A page of jobs, the best first. `link` makes the address of a second in a video.

    Words that no language knows as words ("!?") find nothing. Raises `InvalidRequest` for a cursor of elsewhere.
    """
    async with db.connection() as connection:
        asked = await ask(connection, query.q)
        if not asked.by_config:
            return SearchPage(items=[], next_cursor=None, limit=query.limit, complete=True)
        text, args = ranked_sql(query, asked)
        ranked = await connection.fetch(text, *args)
        found = await _read_page(connection, asked, ranked[: query.limit])
    hits = [_hit(row, found, query, link) for row in found.ranked if row["job_id"] in found.jobs]
    shown = [hit for hit in hits if hit.marks]  # without a mark it was found by the rules of another language only
    return SearchPage(
        items=shown,
        next_cursor=_cursor_of(found.ranked[-1]) if len(ranked) > query.limit else None,
        limit=query.limit,
        complete=not (ranked and ranked[0]["cut"]),
    )


async def _read_page(connection: Any, asked: Asked, ranked: Sequence[Any]) -> _Found:
    found = _Found(asked.least, list(ranked))
    ids = [row["job_id"] for row in ranked]
    found.jobs = {row["id"]: row for row in await connection.fetch(_JOBS, ids)}
    wanted = {(row["transcript_id"], seq + step) for row in ranked for seq in row["seqs"] or () for step in (0, 1, 2)}
    questions = [list(asked.by_config), list(asked.by_config.values())]
    if wanted:
        for row in await connection.fetch(_LOOKED_AT, *map(list, zip(*wanted, strict=True)), *questions):
            found.cues.setdefault(row["transcript_id"], {})[row["seq"]] = row
    found.texts = {row["job_id"]: row for row in await connection.fetch(_TEXTS, ids, asked.all, *questions)}
    return found


def _hit(row: Any, found: _Found, query: SearchQuery, link: Link) -> SearchHit:
    job = found.jobs[row["job_id"]]
    places = _places(row["seqs"] or (), found.cues.get(row["transcript_id"], {}))
    moments = []
    for place in places[: query.moments]:
        snippet, marks = _unmarked(place.shown, found.least)
        address = link(job["webpage_url"] or job["url"], place.start_ms)
        moments.append(Moment(start_ms=place.start_ms, end_ms=place.end_ms, snippet=snippet, marks=marks, link=address))
    name, shown = _best_text(found.texts.get(row["job_id"]))
    snippet, marks = (moments[0].snippet, moments[0].marks) if moments else _unmarked(shown, found.least)
    return SearchHit(
        job=job_summary(job),
        score=float(row["score"]),
        field="transcript" if moments else name,
        snippet=snippet,
        marks=marks,
        start_ms=moments[0].start_ms if moments else None,
        moments=moments,
        more_moments=len(places) > query.moments or row["found"] > len(row["seqs"] or ()),
    )
