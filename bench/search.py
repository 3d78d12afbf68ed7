"""How fast the search is over a million cues (bar 15), and what it finds of random phrases.

    python -m bench.search [--cues N] [--queries N] [--rounds N] [--dsn DSN]

Words follow each other as in the English fixtures (a chain of word pairs), so that rare and frequent ones are mixed as
in speech, and phrases repeat as little as they do there. The bare query is the lookup in the index with the same
limit, grouped by job and ranked, in one statement. Ratios are of percentiles from interleaved rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import time
from collections import defaultdict
from itertools import pairwise
from typing import Any

from bench.logs import server
from tests.store.spoken import transcripts
from z2d.store.asking import ask
from z2d.store.database import Database
from z2d.store.migrations import migrate
from z2d.store.search import MOST_CUES, SearchQuery, search

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


async def timed(work: Any) -> tuple[float, Any]:
    began = time.perf_counter()
    answer = await work
    return (time.perf_counter() - began) * 1000, answer


async def measure(db: Database, kind: str, lines: list[str], rounds: int) -> None:
    whole: list[float] = []
    bare: list[float] = []
    incomplete = 0
    for turn in range(rounds):
        for line in lines:
            async with db.connection() as connection:
                question = (await ask(connection, line)).of_transcripts
                for of_bare in (True, False) if turn % 2 else (False, True):  # who comes second finds pages in memory
                    if of_bare:
                        bare.append((await timed(connection.fetch(_BARE, question)))[0])
                    else:
                        took, page = await timed(search(db, SearchQuery(line)))
                        whole.append(took)
                        incomplete += not page.complete
    cut = [statistics.quantiles(times, n=20) for times in (whole, bare)]
    print(
        f"{kind:12} search p50 {cut[0][9]:7.1f} ms, p95 {cut[0][18]:7.1f} ms, longest {max(whole):7.1f}; "
        f"bare query p50 {cut[1][9]:7.1f} ms, p95 {cut[1][18]:7.1f} ms; ratio of p95 {cut[0][18] / cut[1][18]:.2f} "
        f"(bar 15: <= 1.5); {incomplete / len(whole):.0%} cut at {MOST_CUES} places"
    )


async def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--cues", type=int, default=1_000_000)
    options.add_argument("--queries", type=int, default=100)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--dsn", help="an empty database; it is written to")
    given = options.parse_args()
    async with server(given.dsn) as dsn:
        await migrate(dsn)
        async with Database.open(dsn) as db:
            began = time.perf_counter()
            sample = await fill(db, given.cues, Speech(seed=1))
            size = await db.fetchval("SELECT pg_size_pretty(pg_total_relation_size('transcript_segments'))")
            print(f"{given.cues:,} cues stored in {time.perf_counter() - began:.0f} s, {size} with indexes")
            chance = random.Random(2)
            for kind in ("phrase of 3", "two words", "one word"):
                await measure(db, kind, queries(kind, sample, given.queries, chance), given.rounds)


if __name__ == "__main__":
    asyncio.run(main())
