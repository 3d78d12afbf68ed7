"""How fast the search is over a million cues (bar 15).

Words follow each other as in the English fixtures (a chain of word pairs), so that rare and frequent ones are mixed as
in speech, and phrases repeat as little as they do there. The bare query is the lookup in the index with the same
limit, grouped by job and ranked, in one statement.
"""

from __future__ import annotations

import random
import statistics
from collections import defaultdict
from itertools import pairwise
from typing import Any

from bench.ground import new_database, postgres
from bench.rounds import ROUNDS, Row, ms_of
from tests.store.spoken import transcripts
from z2d.store.asking import ask
from z2d.store.database import Database
from z2d.store.search import MOST_CUES, SearchQuery, search

CUES, QUERIES = 1_000_000, 60
CUES_PER_JOB = 1000
_JOBS = """
    INSERT INTO jobs (url, title) SELECT 'https://example.org/' || n, 'Film ' || n FROM generate_series(1, $1) n
"""
_DESCRIPTIONS = """
    INSERT INTO job_metadata (job_id, extractor, source_id, media_key, media_key_at, webpage_url, title, description,
                              language)
    SELECT id, 'x', id, id, now(), url, title, 'About something', 'en' FROM jobs
"""
_TRANSCRIPTS = """
    INSERT INTO transcripts (job_id, language, source, is_primary) SELECT id, 'en', 'ASR', true FROM jobs ORDER BY id
"""
_CUES = """
    INSERT INTO transcript_segments (transcript_id, seq, job_id, start_ms, end_ms, text, tsv)
    SELECT t.id, n - 1, t.job_id, n * 2000, n * 2000 + 1900, said,
        z2_words('en', said || ' ' || coalesce(lead(said) OVER (ORDER BY n), ''))
    FROM unnest($2::text[]) WITH ORDINALITY cue(said, n), transcripts t WHERE t.id = $1
"""
_BARE = f"""
    SELECT j.id, j.title, best.start_ms, ts_headline('z2_english', best.text, $1::tsquery)
    FROM (
        SELECT transcript_id, max(rank) AS rank, (array_agg(seq ORDER BY rank DESC))[1] AS seq
        FROM (SELECT transcript_id, seq, ts_rank_cd(tsv, $1::tsquery) AS rank FROM transcript_segments
              WHERE tsv @@ $1::tsquery LIMIT {MOST_CUES}) found
        GROUP BY transcript_id ORDER BY 2 DESC, 1 DESC LIMIT 20
    ) ranked
    JOIN transcript_segments best USING (transcript_id, seq) JOIN jobs j ON j.id = best.job_id
"""


class Speech:
    """Endless speech: each word follows the one before as it did somewhere in the fixtures."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.following: dict[str, list[str]] = defaultdict(list)
        for one in transcripts():
            if one.language == "en":
                words = " ".join(cue.text for cue in one.cues).split()
                for word, after in pairwise(words):
                    self.following[word].append(after)
        self.word = "the"

    def cue(self) -> str:
        """The next six to nine words."""
        words = []
        for _ in range(self.chance.randint(6, 9)):
            words.append(self.word)
            self.word = self.chance.choice(self.following.get(self.word) or ["the"])
        return " ".join(words)


async def fill(db: Database, cues: int, speech: Speech) -> list[list[str]]:
    """Store so many cues; a sample of what was said."""
    sample = []
    async with db.connection() as connection:
        await connection.execute("SET statement_timeout = 0")
        await connection.execute(_JOBS.replace("$1", str(cues // CUES_PER_JOB)))
        await connection.execute(_DESCRIPTIONS)
        await connection.execute(_TRANSCRIPTS)
        for row in await connection.fetch("SELECT id FROM transcripts"):
            said = [speech.cue() for _ in range(CUES_PER_JOB)]
            sample.append(said[:20])
            await connection.execute(_CUES, row["id"], said, timeout=60)
        await connection.execute("VACUUM ANALYZE", timeout=600)
    return sample


def queries(kind: str, sample: list[list[str]], count: int, chance: random.Random) -> list[str]:
    """Search lines of one kind, made of what was said."""
    found: list[str] = []
    while len(found) < count:
        words = " ".join(chance.choice(sample)).split()
        at = chance.randrange(len(words) - 4)
        match kind:
            case "phrase of 3":
                found.append('"{}"'.format(" ".join(words[at : at + 3]).replace('"', "")))
            case "two words":
                found.append(f"{words[at]} {words[at + 3]}".replace('"', "").replace("-", ""))
            case "one word":
                found.append(words[at].replace('"', "").replace("-", ""))
    return found


async def million() -> list[Row]:
    """The first half of bar 15."""
    async with postgres() as server, Database.open(await new_database(server, "cues")) as db:
        sample = await fill(db, CUES, Speech(seed=1))
        chance = random.Random(2)
        kinds = ("phrase of 3", "two words", "one word")
        return [await _measured(db, kind, queries(kind, sample, QUERIES, chance)) for kind in kinds]


async def _measured(db: Database, kind: str, lines: list[str]) -> Row:
    """All lines in each round, by the search and by the bare query in turn."""
    whole: list[float] = []
    bare: list[float] = []
    for turn in range(ROUNDS):
        for line in lines:
            async with db.connection() as connection:
                question = (await ask(connection, line)).of_transcripts
                ways: list[Any] = [
                    (whole, lambda line=line: search(db, SearchQuery(line))),
                    (bare, lambda question=question, connection=connection: connection.fetch(_BARE, question)),
                ]
                for times, way in ways if turn % 2 else reversed(ways):  # who comes second finds pages in memory
                    times.append(await ms_of(way))
    p95 = [statistics.quantiles(times, n=20)[18] for times in (whole, bare)]
    return Row(15, f"search over a million cues, {kind}, p95", p95[0], "ms", "the bare query", p95[1], most=1.5,
               why="what is found is looked at again to settle where the words begin")  # fmt: skip
