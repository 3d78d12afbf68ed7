"""The quote verifier: every honest variant is found, nothing that was not said is."""

from __future__ import annotations

import random
import re

import pytest

from tests.support import fixture
from z2d.analysis.timeline import Timeline
from z2d.analysis.verify import Quotes, find_quote
from z2d.wire.library import Segment, Word

SAID = [
    "And so, my fellow Americans: ask not",
    "what your country can do for you, ask what you can do for your country.",
    "We should not raise the fee by 2.5% in 1,000 blocks.",
    "It isn't a good idea. Um, it costs $25, not $52.",
    "The twenty-five blocks came on 7 May; that was fine.",
    "I like it. I like it very much.",
]
CUES = [Segment(start_ms=1000 * at, end_ms=1000 * at + 900, text=text) for at, text in enumerate(SAID)]


@pytest.mark.parametrize(
    ("quote", "cues", "text"),
    [
        ("ask NOT what your country can do for you", (0, 1), "ask not what your country can do for you"),
        ("ask not,\n  what your country   can do - for you", (0, 1), "ask not what your country can do for you"),
        ("“It isn’t a good idea”", (3, 3), "It isn't a good idea."),
        ("by 2.5 % in 1000 blocks", (2, 2), "by 2.5% in 1,000 blocks."),
        ("good idea. It costs $25", (3, 3), "good idea. Um, it costs $25"),
        ("the twenty five blocks", (4, 4), "The twenty-five blocks"),
        ("that was fine", (4, 4), "that was fine."),
    ],
)
def test_true_variants(quote: str, cues: tuple[int, int], text: str) -> None:
    match = find_quote(quote, CUES)
    assert match is not None
    assert (match.segment_from, match.segment_to) == cues
    assert match.text == text
    assert (match.start_ms, match.end_ms) == (1000 * cues[0], 1000 * cues[1] + 900)


@pytest.mark.parametrize(
    "quote",
    [
        "We should raise the fee by 2.5%",  # negation left out
        "raise the fee by 2.5%",  # ... or cut off in front
        "It is a good idea",
        "It isn't a bad idea",
        "by 25% in 1,000 blocks",
        "by 2.5% in 10,000 blocks",
        "it costs $52, not $25",
        "it costs €25",
        "We should not raise the fee ... it costs $25",  # stitched
        "ask what you can do for you",
        "what your country can do",  # the transcript says 'ask not' right before
        "ask not what America can do for you",
        "blocks came on 8 May",
        "completely invented",
        "",
        "...",
    ],
)
def test_false_quotes(quote: str) -> None:
    assert find_quote(quote, CUES) is None


def test_near_chooses_among_repeats_and_excludes_none() -> None:
    cues = [
        Segment(start_ms=at, end_ms=at + 1, text="stop it right now" if at % 3 == 0 else "words") for at in range(10)
    ]
    assert [find_quote("Stop it, right now!", cues, near).segment_from for near in (None, 0, 4, 8, 99)] == [
        0,
        0,
        3,
        9,
        9,
    ]  # type: ignore[union-attr]


def test_word_times_are_used_where_a_cue_has_them() -> None:
    text = "we ask what you can do"
    words = [Word(start_ms=100 * at, text=word) for at, word in enumerate(text.split())]
    match = find_quote("what you can", [Segment(start_ms=0, end_ms=900, text=text, words=words)])
    assert match is not None
    assert (match.start_ms, match.end_ms) == (200, 500)


def test_scripts_without_spaces() -> None:
    cues = [
        Segment(start_ms=0, end_ms=9, text="我们今天不讨论光影。"),
        Segment(start_ms=9, end_ms=20, text="下次再说三个方法"),
    ]
    found = find_quote("我们今天不讨论光影", cues)
    assert found is not None and found.text == "我们今天不讨论光影。"
    assert find_quote("我们今天讨论光影", cues) is None
    assert find_quote("下次再说四个方法", cues) is None


def test_variants_and_forgeries_of_many_random_quotes() -> None:
    rng = random.Random(7)
    vocabulary = [f"w{n}" for n in range(400)] + ["is", "not", "can", "we", "they"]
    words = [rng.choice(vocabulary).translate(str.maketrans("0123456789", "abcdefghij")) for _ in range(3000)]
    cues = [Segment(start_ms=at, end_ms=at + 7, text=" ".join(words[at : at + 7])) for at in range(0, 3000, 7)]
    quotes = Quotes(Timeline(cues))
    for _ in range(200):
        at, length = rng.randrange(10, 2900), rng.randrange(5, 25)
        part = words[at : at + length]
        if words[at - 1] == "not":
            continue
        loud = re.sub(" ", lambda _: rng.choice([" ", "  ", ", ", "\n", " - "]), " ".join(part)).title()
        assert quotes.find(loud) is not None
        assert quotes.find(" ".join([*part[:2], "not", *part[2:]])) is None
        assert quotes.find(" ".join(part[:2] + part[3:])) is None
        assert quotes.find(" ".join([*part[:-1], "zzz"])) is None


def test_variants_and_forgeries_of_real_speech() -> None:
    """Every honest variant of a spoken passage is found, none of the forged ones is."""
    rng = random.Random(3)
    speech = re.sub(r"\s+", " ", fixture("captions-manual/en_epidemics.transcript.txt").read_text("utf-8"))
    other = fixture("captions-auto-vtt/en_ksp2_2023.en.vtt").read_text("utf-8")
    foreign = re.findall(r"[a-z']+", re.sub(r"<[^>]*>|[\d:.]+ --> .*", " ", other))
    words = speech.split()
    cues = [Segment(start_ms=at, end_ms=at + 9, text=" ".join(words[at : at + 9])) for at in range(0, len(words), 9)]
    quotes = Quotes(Timeline(cues))
    accepted = refused = forged = 0
    for _ in range(300):
        at, length = rng.randrange(len(words) - 60), rng.randrange(6, 25)
        part = words[at : at + length]
        if re.search(r"(?i)(not|never|n['’]t)$", words[at - 1]):
            continue
        variants = [" ".join(part).upper(), re.sub(r"[^\w\s'’%$.,]|[.,](?!\d)", " ", " ".join(part)), "  \n".join(part)]
        accepted += sum(quotes.find(variant) is not None for variant in variants)
        refused += sum(quotes.find(variant) is None for variant in variants)
        middle = length // 2
        far = (at + 40 + length) % (len(words) - 30)
        start = rng.randrange(len(foreign) - 40)
        forgeries = [
            [*part[:middle], "not", *part[middle:]],
            [*part[:middle], "17", *part[middle + 1 :]],
            part[:middle] + words[far : far + middle],
            part[: middle - 1] + part[middle:],
            [*part[:middle], part[middle + 1], part[middle], *part[middle + 2 :]],
            foreign[start : start + 12],
        ]
        if any(re.search(r"(?i)^(not|never)$", word) for word in part[1:]):
            forgeries.append([part[0], *(word for word in part[1:] if word.lower() not in ("not", "never"))])
        forged += sum(
            quotes.find(" ".join(forgery)) is not None
            for forgery in forgeries
            if " ".join(forgery).lower() not in speech.lower()
        )
    assert (refused, forged) == (0, 0)
    assert accepted > 700
