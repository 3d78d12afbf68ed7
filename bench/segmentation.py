"""Chapter borders against human ones: Pk on the gold transcripts of the fixtures, beside even spacing.

    .venv/bin/python -m bench.segmentation [FIXTURES]

Pk (Beeferman): the share of pairs of words, half a mean chapter apart, of which it is wrongly said whether they lie in
one chapter. 0 is perfect; even spacing shows what knowing nothing but the number gives. `given` lets z2 know the number
of chapters, `own` has it choose. The last rows join whole episodes into one and ask for the joints.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from statistics import mean

from z2d.analysis import segmentation, sentences
from z2d.analysis.timeline import Timeline
from z2d.analysis.words import Lexicon
from z2d.wire.library import Segment

FIXTURES = Path(__file__).parents[2] / "shared" / "fixtures"
Gold = tuple[list[Segment], list[int]]
"""The cues, and the numbers of the cues that begin a chapter."""


def gold_in(folder: Path, kind: str = "md") -> list[Path]:
    """The transcripts of one kind with human chapters. Leaves with one line where there are none."""
    found = sorted((folder / "segmentation-gold").glob(f"*.{kind}"))
    return found or sys.exit(f"no *.{kind} in {folder / 'segmentation-gold'}: name the folder of the fixtures")


def read_markdown(path: Path) -> Gold:
    """A transcript of headings, 'Speaker: hh:mm:ss' marks and text; times between marks are spread by words."""
    body = path.read_text("utf-8").split("---\n", 2)[2]
    turns: list[tuple[int, list[str]]] = []
    heads: set[int] = set()
    for line in body.splitlines():
        if line.startswith("## "):
            heads.add(len(turns))
        elif found := re.match(r"^[^\n]{0,60}?:\s+(\d+):(\d\d):(\d\d)\s*$", line):
            hours, minutes, seconds = map(int, found.groups())
            turns.append(((hours * 60 + minutes) * 60 + seconds, []))
        elif line.strip() and turns:
            turns[-1][1].append(re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", line.strip()))
    cues: list[Segment] = []
    starts: list[int] = []
    for number, (start, lines) in enumerate(turns):
        if number in heads or number == 0:
            starts.append(len(cues))
        words = sum(len(line.split()) for line in lines)
        end = turns[number + 1][0] if number + 1 < len(turns) else start + words // 2.5
        at = float(start)
        for line in lines:
            until = at + (max(end, start) - start) * len(line.split()) / max(words, 1)
            cues.append(Segment(start_ms=int(at * 1000), end_ms=int(until * 1000), text=line))
            at = until
    return cues, sorted(set(starts))


def read_slides(path: Path) -> Gold:
    """Subtitles in which 'N # slide' stands where a new slide is shown."""
    cues: list[Segment] = []
    starts = [0]
    time = r"(\d+):(\d\d):(\d\d)[,.](\d{3})"
    for block in re.split(r"\n\s*\n", path.read_text("utf-8-sig")):
        found = re.search(f"{time} --> {time}\n(.*)", block, re.DOTALL)
        if not found:
            continue
        numbers = [int(group) for group in found.groups()[:8]]
        start, end = (((h * 60 + m) * 60 + s) * 1000 + ms for h, m, s, ms in (numbers[:4], numbers[4:]))
        if "# slide" in block and cues:
            starts.append(len(cues))
        cues.append(Segment(start_ms=start, end_ms=end, text=found.groups()[8]))
    return cues, starts


def labels(borders: list[int], weights: list[int]) -> list[int]:
    """The chapter of each word, from the cues that begin chapters and the words of each cue."""
    chapter, out, marks = 0, [], set(borders)
    for number, weight in enumerate(weights):
        chapter += number in marks
        out += [chapter] * weight
    return out


def pk(gold: list[int], guess: list[int]) -> float:
    """Beeferman's Pk of two labellings of the same words."""
    window = max(2, round(len(gold) / len(set(gold)) / 2))
    pairs = range(len(gold) - window)
    return mean((gold[at] == gold[at + window]) != (guess[at] == guess[at + window]) for at in pairs)


def measure(gold: Gold) -> tuple[int, int, float, float, float]:
    """Chapters of the gold, chapters z2 chooses, and Pk of even spacing, of z2 given the number, of z2 alone."""
    cues, starts = gold
    weights = [max(1, len(cue.text.split())) for cue in cues]
    truth = labels(starts, weights)
    timeline = Timeline(cues)
    parts = sentences.split(timeline)
    lexicon = Lexicon(timeline.text, None)
    own_count = segmentation.chapter_count(cues[-1].end_ms, lexicon.count(timeline.text))
    scores = []
    for count in (len(starts), own_count):
        found = segmentation.borders(parts, lexicon, count)
        scores.append(pk(truth, labels([parts[at].span.segment_from for at in found], weights)))
    even = [len(truth) * at // len(starts) for at in range(len(starts))]
    spaced = labels(even, [1] * len(truth))
    return len(starts), own_count, pk(truth, spaced), scores[0], scores[1]


def join(golds: list[Gold]) -> Gold:
    """Whole episodes one after the other: every border is the beginning of an episode."""
    cues: list[Segment] = []
    starts = []
    for part, _ in golds:
        starts.append(len(cues))
        shift = cues[-1].end_ms if cues else 0
        cues += [
            cue.model_copy(update={"start_ms": cue.start_ms + shift, "end_ms": cue.end_ms + shift}) for cue in part
        ]
    return cues, starts


def main() -> None:
    """Print the table."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FIXTURES
    golds = {path.stem: read_markdown(path) for path in gold_in(folder)}
    golds |= {path.stem: read_slides(path) for path in gold_in(folder, "srt")}
    print(f"{'text':48} {'gold':>4} {'own':>4} {'even':>7} {'given':>7} {'own':>7}")
    rows = []
    for name, gold in golds.items():
        row = measure(gold)
        rows.append(row)
        print(f"{name[:48]:48} {row[0]:4} {row[1]:4} {row[2]:7.3f} {row[3]:7.3f} {row[4]:7.3f}")
    means = [mean(row[column] for row in rows) for column in (2, 3, 4)]
    print(f"{'mean':48} {'':4} {'':4} {means[0]:7.3f} {means[1]:7.3f} {means[2]:7.3f}")
    episodes = [gold for name, gold in golds.items() if not name.startswith("de_")]
    row = measure(join(episodes))
    print(f"{'whole episodes joined':48} {row[0]:4} {'':4} {row[2]:7.3f} {row[3]:7.3f}")


if __name__ == "__main__":
    main()
