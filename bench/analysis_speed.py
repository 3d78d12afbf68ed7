"""The analysis without a model: 7,000 words, and whether 150,000 cost as much per word (bar 14).

The text is the gold transcripts of the fixtures, one after the other; where that is not enough words it begins again
with other words in place of the names, so that the vocabulary grows as that of real speech does. Times are seconds of
processor of one thread, without the import of the libraries.
"""

from __future__ import annotations

import re
import time
from functools import partial
from pathlib import Path

from bench.rounds import Row, interleaved
from bench.segmentation import FIXTURES, gold_in, read_markdown
from z2d.analysis import offline
from z2d.wire.library import Segment

TALK, LONG = 7_000, 150_000


def speech(folder: Path, words: int) -> list[Segment]:
    """A transcript of about `words` words."""
    source = [cue for path in gold_in(folder) for cue in read_markdown(path)[0]]
    cues: list[Segment] = []
    count = at = turn = 0
    while True:
        for cue in source:
            text = re.sub(r"\b(\w{8,})\b", rf"\g<1>{turn}", cue.text) if turn else cue.text
            size = len(text.split())
            cues.append(Segment(start_ms=at, end_ms=at + 400 * size, text=text))
            at += 400 * size
            count += size
            if count >= words:
                return cues
        turn += 1


def analyse(cues: list[Segment]) -> float:
    """CPU seconds of one analysis."""
    began = time.process_time()
    offline.analyse("A talk", None, cues, language="en", duration_ms=None, source_chapters=[], input_hash="bench")
    return time.process_time() - began


async def analysis() -> list[Row]:
    """Bar 14."""
    texts = {size: speech(FIXTURES, size) for size in (TALK, LONG)}
    analyse(texts[TALK])  # which also imports the libraries
    found = await interleaved({str(size): partial(analyse, cues) for size, cues in texts.items()}, warm=False)
    talk, long = found.values()
    return [
        Row(14, f"analysis of {TALK:,} words, of one core", talk, "s", "limit", 1.5),
        Row(14, f"a word of {LONG:,}", long / LONG * 1e6, "us", f"a word of {TALK:,}", talk / TALK * 1e6, most=1.3),
    ]
