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
    # the cue before a word's own is found by it too, so twice as many are looked at
    args: list[Any] = [asked.of_transcripts, 2 * query.moments + 2, asked.of_texts]
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
            SELECT s.job_id, ts_rank(s.tsv, $3::tsquery) AS rank
            FROM job_metadata s
            WHERE s.tsv @@ $3::tsquery {within} LIMIT {MOST_TEXTS}
        ), summed AS MATERIALIZED (
            SELECT s.job_id, ts_rank(s.tsv, $3::tsquery) AS rank
            FROM job_analysis s
            WHERE s.is_current AND s.tsv @@ $3::tsquery {within} LIMIT {MOST_TEXTS}
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
        SELECT best.*, best.score::text AS mark, job.*, now() AS now, m.webpage_url,
            (SELECT count(*) FROM cue) >= {MOST_CUES} OR (SELECT count(*) FROM described) >= {MOST_TEXTS}
                OR (SELECT count(*) FROM summed) >= {MOST_TEXTS} AS cut
        FROM (
            SELECT f.* FROM scored f JOIN jobs j ON j.id = f.job_id WHERE {conditions}
            ORDER BY f.score DESC, f.job_id DESC LIMIT {int(query.limit) + 1}
        ) best
        JOIN job_list job ON job.id = best.job_id LEFT JOIN job_metadata m ON m.job_id = best.job_id
        ORDER BY best.score DESC, best.job_id DESC
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

_LOOKED_AT = """
    SELECT s.transcript_id, s.seq, s.tsv @@ asked.query AS found, in_own,
        NOT in_own AND z2_words(t.language, concat_ws(' ', next.text, after_next.text)) @@ asked.query AS only_in_rest
    FROM unnest($1::bigint[], $2::int[]) wanted(transcript_id, seq)
    JOIN transcript_segments s USING (transcript_id, seq)
    JOIN transcripts t ON t.id = s.transcript_id
    CROSS JOIN LATERAL (
        SELECT query::tsquery AS query FROM unnest($3::text[], $4::text[]) question(config, query)
        WHERE config = z2_ts_config(t.language)::text OFFSET 0
    ) asked
    CROSS JOIN LATERAL (SELECT z2_words(t.language, s.text) @@ asked.query AS in_own OFFSET 0) own
    LEFT JOIN transcript_segments next ON next.transcript_id = s.transcript_id AND next.seq = s.seq + 1
    LEFT JOIN transcript_segments after_next ON after_next.transcript_id = s.transcript_id
        AND after_next.seq = s.seq + 2 AND length(next.text) < 24
"""


class _Place(NamedTuple):
    """A cue in which the words begin; `across`: they go on in the next one."""

    transcript_id: int
    seq: int
    across: bool


async def _places(connection: Any, ranked: Sequence[Any], questions: Sequence[list[str]]) -> dict[int, list[_Place]]:
    """Where the words begin, by job, best first. A cue that was found by what follows it stands for the next one."""
    seen: dict[tuple[int, int], Any] = {}
    wanted = {(row["transcript_id"], seq) for row in ranked for seq in row["seqs"] or ()}
    while wanted:
        rows = await connection.fetch(_LOOKED_AT, *map(list, zip(*wanted, strict=True)), *questions)
        seen |= {(row["transcript_id"], row["seq"]): row for row in rows}
        wanted = {
            (row["transcript_id"], row["seq"] + 1) for row in rows if row["found"] and row["only_in_rest"]
        } - seen.keys()
    found: dict[int, list[_Place]] = {}
    for row in ranked:
        places: dict[_Place, None] = {}
        for seq in row["seqs"] or ():
            at = (row["transcript_id"], seq)
            while (cue := seen.get(at)) is not None and cue["found"] and cue["only_in_rest"]:
                at = (at[0], at[1] + 1)
            if cue is not None and cue["found"]:
                places.setdefault(_Place(*at, across=not cue["in_own"]))
        found[row["job_id"]] = list(places)
    return found


_SHOWN = f"""
    SELECT s.transcript_id, s.seq, s.start_ms,
        CASE WHEN across THEN coalesce(after_next.end_ms, next.end_ms, s.end_ms) ELSE s.end_ms END AS end_ms,
        ts_headline(z2_ts_exact(t.language),
            z2_apart(CASE WHEN across THEN concat_ws(' ', s.text, next.text, after_next.text) ELSE s.text END),
            $4::tsquery, '{_SHOWN_WHOLE}') AS shown
    FROM unnest($1::bigint[], $2::int[], $3::bool[]) wanted(transcript_id, seq, across)
    JOIN transcript_segments s USING (transcript_id, seq)
    JOIN transcripts t ON t.id = s.transcript_id
    LEFT JOIN transcript_segments next ON across AND next.transcript_id = s.transcript_id AND next.seq = s.seq + 1
    LEFT JOIN transcript_segments after_next ON across AND after_next.transcript_id = s.transcript_id
        AND after_next.seq = s.seq + 2 AND length(next.text) < 24
"""  # noqa: S608


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


@dataclass(slots=True)
class _Found:
    """What was read for one page."""

    least: int  # words of the shortest phrase that is wanted
    places: dict[int, list[_Place]]
    cues: dict[tuple[int, int], Any] = field(default_factory=dict)  # what is said at a transcript's seq
    texts: dict[int, Any] = field(default_factory=dict)  # of jobs that have no place in a transcript


async def search(db: Database, query: SearchQuery, *, link: Link = lambda url, ms: None) -> SearchPage:
    """A page of jobs, the best first. `link` makes the address of a second in a video.

    Words that no language knows as words ("!?") find nothing. Raises `InvalidRequest` for a cursor of elsewhere.
    """
    async with db.connection() as connection:
        asked = await ask(connection, query.q)
        if not asked.by_config:
            return SearchPage(items=[], next_cursor=None, limit=query.limit, complete=True)
        text, args = ranked_sql(query, asked)
        rows = await connection.fetch(text, *args)
        ranked = rows[: query.limit]
        found = await _read_page(connection, asked, ranked, query.moments)
    hits = [_hit(row, found, query, link) for row in ranked]
    return SearchPage(
        # without a mark it was found by the rules of another language only
        items=[hit for hit in hits if hit.marks],
        next_cursor=_cursor_of(ranked[-1]) if len(rows) > query.limit else None,
        limit=query.limit,
        complete=not (rows and rows[0]["cut"]),
    )


async def _read_page(connection: Any, asked: Asked, ranked: Sequence[Any], moments: int) -> _Found:
    questions = [list(asked.by_config), list(asked.by_config.values())]
    found = _Found(asked.least, await _places(connection, ranked, questions))
    if shown := [place for places in found.places.values() for place in places[:moments]]:
        rows = await connection.fetch(_SHOWN, *map(list, zip(*shown, strict=True)), asked.of_transcripts)
        found.cues = {(row["transcript_id"], row["seq"]): row for row in rows}
    if silent := [job_id for job_id, places in found.places.items() if not places]:
        rows = await connection.fetch(_TEXTS, silent, asked.of_texts, *questions)
        found.texts = {row["job_id"]: row for row in rows}
    return found


def _hit(row: Any, found: _Found, query: SearchQuery, link: Link) -> SearchHit:
    places = found.places[row["job_id"]]
    moments = []
    for place in places[: query.moments]:
        cue = found.cues.get((place.transcript_id, place.seq))
        if cue is None:  # this transcript has been replaced in this very moment
            continue
        snippet, marks = _unmarked(cue["shown"], found.least)
        address = link(row["webpage_url"] or row["url"], cue["start_ms"])
        moments.append(
            Moment(start_ms=cue["start_ms"], end_ms=cue["end_ms"], snippet=snippet, marks=marks, link=address)
        )
    name, shown = _best_text(found.texts.get(row["job_id"]))
    snippet, marks = (moments[0].snippet, moments[0].marks) if moments else _unmarked(shown, found.least)
    return SearchHit(
        job=job_summary(row),
        score=float(row["score"]),
        field="transcript" if moments else name,
        snippet=snippet,
        marks=marks,
        start_ms=moments[0].start_ms if moments else None,
        moments=moments,
        more_moments=len(places) > query.moments or row["found"] > len(row["seqs"] or ()),
    )
