"""The transcripts of the fixtures, stored as the pipeline stores them, and phrases taken out of them at random."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from pathlib import Path

from tests.support import fixture
from z2d.media import captions
from z2d.store import results
from z2d.store.database import Database
from z2d.wire.library import Segment, Transcript, TranscriptSource

from . import making

FOLDERS = ("captions-auto-vtt", "captions-json3", "captions-manual")
_WITHOUT_BLANKS = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]")


@dataclass(frozen=True)
class Spoken:
    """A transcript and the job it was stored with."""

    name: str
    language: str
    cues: list[Segment]
    job_id: int = 0


def transcripts() -> list[Spoken]:
    """Every caption file of some length among the fixtures. A track of one file is not taken twice."""
    files: list[Path] = [path for folder in FOLDERS for path in sorted(fixture(folder).iterdir())]
    found = []
    for path in files:
        if path.suffix in {".vtt", ".srt", ".json3"}:
            cues = captions.read(path.read_bytes())
            if sum(len(cue.text) for cue in cues) > 200:
                found.append(Spoken(path.name, path.name[:2], cues))
    assert len(found) > 8
    return found


async def store(db: Database, spoken: Spoken) -> Spoken:
    """The same with the job in whose transcript it stands now."""
    job_id = (await making.job(db)).id
    async with db.transaction() as connection:
        found = making.metadata(f"Film {job_id}", key=f"site:{job_id}")
        await results.save_metadata(connection, job_id, found.model_copy(update={"language": spoken.language}))
        transcript = Transcript(language=spoken.language, source=TranscriptSource.MANUAL_SUBS, cues=spoken.cues)
        await results.save_transcript(connection, job_id, transcript)
    return Spoken(spoken.name, spoken.language, spoken.cues, job_id)


@dataclass(frozen=True)
class Phrase:
    """Three words that are said one after the other, and when the first is."""

    text: str
    job_id: int
    start_ms: int


def phrases(spoken: list[Spoken], count: int, seed: int) -> list[Phrase]:
    """`count` phrases of three words, every place of every transcript being equally likely.

    Where words have no blanks between them a phrase is five signs.
    """
    chance = random.Random(seed)
    words = [list(_words(one)) for one in spoken]
    places = [(at, start) for at, one in enumerate(words) for start in range(len(one) - 4)]
    found = []
    for at, start in chance.sample(places, count):
        length, between = (5, "") if _WITHOUT_BLANKS.search(words[at][start][0]) else (3, " ")
        text = between.join(word for word, _ in words[at][start : start + length])
        found.append(Phrase(text, spoken[at].job_id, words[at][start][1]))
    return found


def _words(spoken: Spoken) -> list[tuple[str, int]]:
    found = []
    for cue in spoken.cues:
        for word in cue.text.split():
            word = word.strip(".,;:!?()[]\"'«»“”„…—-♪>")
            if _WITHOUT_BLANKS.search(word):
                found += [(sign, cue.start_ms) for sign in re.findall(r"[0-9A-Za-z]+|[^\W_]", word)]
            elif any(sign.isalnum() for sign in word):
                found.append((word, cue.start_ms))
    return found
