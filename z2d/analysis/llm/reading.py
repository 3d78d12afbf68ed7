"""What a model found in one piece of transcript, and what of it stands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from z2d.analysis.llm.grounding import Ground, Place
from z2d.analysis.llm.prompt import Reading, Said, tokens
from z2d.analysis.sentences import Sentence

# of one piece; a model that pours out more is cut off
MOST_POINTS = 12
_MOST_STATEMENTS, _MOST_CHAPTERS, _MOST_TOPICS, _MOST_PLACES = 10, 12, 8, 12
CLAIM, TITLE, LABEL = 400, 100, 60  # characters


@dataclass(frozen=True, slots=True)
class Claim:
    """Something that is said at a place, in the model's words; `weight` from 0 to 1."""

    text: str
    place: Place
    weight: float = 0.0


@dataclass
class Found:
    """What has been found and verified, and how much was offered. `offline`: pieces that the model did not read."""

    statements: list[Claim] = field(default_factory=list)
    points: list[Claim] = field(default_factory=list)
    chapters: list[Claim] = field(default_factory=list)
    topics: list[tuple[str, list[Place]]] = field(default_factory=list)
    offline: list[range] = field(default_factory=list)
    offered: int = 0
    kept: int = 0
    reworded: int = 0
    read: int = 0

    def add(self, other: Found) -> None:
        """What was found in the piece after this one."""
        self.statements += other.statements
        self.points += other.points
        self.chapters += other.chapters
        self.topics += other.topics
        self.offline += other.offline
        self.offered += other.offered
        self.kept += other.kept
        self.reworded += other.reworded
        self.read += other.read


def pieces(sentences: Sequence[Sentence], most_tokens: int) -> list[range]:
    """The sentences in pieces of at most about so many tokens, cut between sentences, all of about the same size."""
    sizes = [tokens(sentence.text) + 4 for sentence in sentences]
    total = sum(sizes)
    count = -(-total // most_tokens)
    starts: list[int] = []
    before = 0
    for at, size in enumerate(sizes):
        if (before + size / 2) * count / total >= len(starts):
            starts.append(at)
        before += size
    return [range(first, stop) for first, stop in zip(starts, [*starts[1:], len(sizes)], strict=True)]


def halves(piece: range) -> tuple[range, range]:
    """A piece of at least two sentences as two."""
    middle = (piece.start + piece.stop) // 2
    return range(piece.start, middle), range(middle, piece.stop)


def verified(answer: Reading, piece: range, ground: Ground) -> Found:
    """Of an answer about the sentences of `piece`, what is said there."""
    found = Found(read=1)

    def place_of(said: Said) -> Place | None:
        found.offered += 1
        place = ground.find(said, piece.start, piece.stop - 1)
        found.kept += place is not None
        return place

    for statement in answer.summary[:_MOST_STATEMENTS]:
        text, place = ground.plain(statement.text, CLAIM), place_of(statement)
        if text and place and ground.bears(text, [place]):
            found.statements.append(Claim(text, place))
    for point in answer.points[:MOST_POINTS]:
        text, place = ground.plain(point.text, CLAIM), place_of(point)
        if place is None:
            continue
        if not text or not ground.bears(text, [place]):
            text, found.reworded = ground.own_words(place), found.reworded + 1
        found.points.append(Claim(text, place, min(5, max(1, point.weight)) / 5))
    for heading in answer.chapters[:_MOST_CHAPTERS]:
        text, place = ground.plain(heading.title, TITLE), place_of(heading)
        if text and place and ground.bears(text, [place]):
            found.chapters.append(Claim(text, place))
    for subject in answer.topics[:_MOST_TOPICS]:
        label = ground.plain(subject.label, LABEL)
        places = [place for said in subject.places[:_MOST_PLACES] if (place := place_of(said))]
        if label and places and ground.bears(label, places):
            found.topics.append((label, places))
    return found


def distinct(points: Iterable[Claim]) -> list[Claim]:
    """The weightiest claim of each place, in the order in which they are said."""
    best: dict[tuple[int, int], Claim] = {}
    for point in points:
        key = (point.place.span.segment_from, point.place.span.start_ms)
        if key not in best or point.weight > best[key].weight:
            best[key] = point
    return sorted(best.values(), key=lambda point: (point.place.span.start_ms, point.place.first))
