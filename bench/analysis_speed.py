"""Bar 14: offline analysis of 7,000 words in 1.5 s of one core, and linear to 150,000 words within 1.3x per word.

    .venv/bin/python -m bench.analysis_speed [FIXTURES]

The text is the gold transcripts of the fixtures, one after the other; where that is not enough words it begins again
with other words in place of the names, so that the vocabulary grows as that of real speech does. Rounds alternate
between the sizes; times are CPU seconds of one thread, without the import of the libraries, which is given apart.
"""

from __future__ import annotations

import platform
import re
import sys
import time
from pathlib import Path
from statistics import median

from bench.segmentation import FIXTURES, gold_in, read_markdown
from z2d.analysis import offline
from z2d.wire.library import Segment

SIZES = (7_000, 20_000, 50_000, 150_000)
ROUNDS = 5


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


def main() -> None:
    """Print the table."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FIXTURES
    texts = {size: speech(folder, size) for size in SIZES}
    first = analyse(texts[SIZES[0]])
    times: dict[int, list[float]] = {size: [] for size in SIZES}
    for _ in range(ROUNDS):
        for size, cues in texts.items():
            times[size].append(analyse(cues))
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}; {ROUNDS} rounds, medians")
    print(f"{'words':>8} {'seconds':>9} {'us/word':>9} {'ratio':>7}")
    base = median(times[SIZES[0]]) / SIZES[0]
    for size in SIZES:
        each = median(times[size]) / size
        print(f"{size:8} {median(times[size]):9.2f} {each * 1e6:9.1f} {each / base:7.2f}")
    print(f"first run with the import of the libraries: {first:.2f} s")


if __name__ == "__main__":
    main()
