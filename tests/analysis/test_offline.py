"""Offline analysis: grounded in the words and times of the transcript, for any length and language."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import fixture
from z2d.analysis import summary
from z2d.analysis.models import AnalysisRequest
from z2d.analysis.offline import analyse_request
from z2d.analysis.sentences import split
from z2d.analysis.terms import Terms
from z2d.analysis.timeline import Timeline
from z2d.analysis.verify import find_quote
from z2d.analysis.words import Lexicon
from z2d.media import captions
from z2d.wire.library import Analysis, Chapter, Segment, Word

JFK = [
    Segment(start_ms=300, end_ms=3_500, text="And so, my fellow Americans,"),
    Segment(start_ms=3_500, end_ms=7_800, text="ask not what your country can do for you,"),
    Segment(start_ms=8_000, end_ms=10_800, text="ask what you can do for your country."),
]


def run(cues: list[Segment], title: str = "A talk", **values: object) -> Analysis:
    request = AnalysisRequest.model_validate({"title": title, "cues": cues, "input_hash": "abc"} | values)
    return analyse_request(request)


def subtitles(name: str) -> list[Segment]:
    """The cues of a well-formed SubRip fixture."""
    cues = []
    time = r"(\d+):(\d\d):(\d\d)[,.](\d{3})"
    for block in re.split(r"\n\s*\n", fixture(name).read_text("utf-8-sig")):
        if found := re.search(f"{time} --> {time}\n(.*)", block, re.DOTALL):
            n = [int(group) for group in found.groups()[:8]]
            start, end = (((h * 60 + m) * 60 + s) * 1000 + ms for h, m, s, ms in (n[:4], n[4:]))
            cues.append(Segment(start_ms=start, end_ms=end, text=found.groups()[8]))
    return cues


def assert_grounded(found: Analysis, cues: list[Segment], duration_ms: int) -> None:
    """What holds for every analysis of a transcript."""
    assert found.basis == "transcript"
    assert found.summary_short.strip() and found.summary.strip()
    assert found.grounding_total == found.grounding_verified == len(found.insights)
    for insight in found.insights:
        first, last = insight.segment_from, insight.segment_to
        said = " ".join(" ".join(cue.text.split()) for cue in cues[first : last + 1])
        assert insight.quote in said, "the transcript's own words"
        assert cues[first].start_ms <= insight.start_ms <= insight.end_ms <= cues[last].end_ms
        assert insight.verified and find_quote(insight.quote, cues, near=first) is not None
    assert [one.start_ms for one in found.insights] == sorted(one.start_ms for one in found.insights)
    for topic in found.topics:
        assert topic.label in topic.keywords
        assert topic.spans == sorted(topic.spans)
        assert all(0 <= start <= end <= duration_ms for start, end in topic.spans)
    for keyword in found.keywords:
        assert keyword.start_ms is not None and 0 <= keyword.start_ms <= duration_ms
        assert 0 < keyword.weight <= 1
    if found.chapters:
        assert found.chapters[0].start_ms == 0 and found.chapters[-1].end_ms == duration_ms
        assert all(chapter.title.strip() for chapter in found.chapters)
        for one, two in zip(found.chapters, found.chapters[1:], strict=False):
            assert one.end_ms == two.start_ms > one.start_ms


def test_a_clip_of_seconds_is_its_sentence_and_no_more() -> None:
    found = run(JFK, "Kennedy", language="en", duration_ms=11_000)
    assert_grounded(found, JFK, 11_000)
    words = (
        "And so, my fellow Americans, ask not what your country can do for you, ask what you can do for your country."
    )
    assert found.summary_short == f"“{words}”"
    assert found.summary == f"[00:00] “{words}”"
    assert [(one.text, one.quote) for one in found.insights] == [(words.replace("And so, my", "My"), words)]
    assert (found.insights[0].start_ms, found.insights[0].end_ms) == (300, 10_800)
    assert found.topics == [] and found.chapters == []
    assert [keyword.term for keyword in found.keywords] == ["country", "fellow Americans"]
    assert found.stats["words"] == 22


def test_a_talk_of_minutes() -> None:
    cues = subtitles("captions-manual/en_epidemics.captions.srt")
    found = run(cues, "Exponential growth and epidemics", language="en", duration_ms=513_000)
    assert_grounded(found, cues, 513_000)
    labels = [topic.label for topic in found.topics]
    assert labels[0] == "exponential growth"
    assert "logistic curve" in labels
    assert 2 <= len(found.chapters) <= 6
    assert all(chapter.origin == "analysis" for chapter in found.chapters)
    assert 3 <= len(found.insights) <= 8
    assert found.summary_short.startswith("9 minutes on exponential growth")
    assert re.search(r"^- \[00:00\] ", found.summary, re.MULTILINE)
    assert found.stats["words"] == pytest.approx(1514, abs=5)
    assert found == run(cues, "Exponential growth and epidemics", language="en", duration_ms=513_000), "deterministic"


@pytest.mark.parametrize(
    ("name", "language", "topic"),
    [
        ("de_epidemics.community.srt", "de", "exponentielles Wachstum"),
        ("es_epidemics.community.srt", "es", "crecimiento exponencial"),
        ("ja_epidemics.community.srt", "ja", "指数関数"),
    ],
)
def test_other_languages_name_their_topics_too(name: str, language: str, topic: str) -> None:
    cues = subtitles(f"captions-manual/{name}")
    found = run(cues, "Epidemics", language=language)
    assert_grounded(found, cues, max(cue.end_ms for cue in cues))
    assert topic in [label.label for label in found.topics[:4]]
    if language != "ja":
        assert run(cues, "Epidemics").language == language, "the language is guessed where it is not given"


def test_source_chapters_are_the_chapters() -> None:
    cues = subtitles("captions-manual/en_epidemics.captions.srt")
    given = [
        Chapter(start_ms=0, end_ms=200_000, title="One"),
        Chapter(start_ms=200_000, end_ms=513_000, title="Two"),
    ]
    found = run(cues, duration_ms=513_000, source_chapters=given)
    assert [(one.start_ms, one.end_ms, one.title, one.origin) for one in found.chapters] == [
        (0, 200_000, "One", "source"),
        (200_000, 513_000, "Two", "source"),
    ]
    assert all(chapter.summary for chapter in found.chapters)


def test_speech_without_punctuation_is_cut_by_pauses() -> None:
    text = "we talk about fee estimation today because the mempool is full and every block leaves transactions behind"
    cues, at = [], 0
    for turn in range(60):
        words = []
        for word in text.split():
            words.append(Word(start_ms=at, text=word))
            at += 300
        cues.append(Segment(start_ms=words[0].start_ms, end_ms=at, text=f"{text}", words=words))
        at += 900 if turn % 2 else 0
    found = run(cues, "Fees", language="en")
    assert_grounded(found, cues, at - 900)
    assert max(len(one.quote.split()) for one in found.insights) <= 60
    assert found.stats["sentences"] > 10


def test_sentences_of_automatic_captions_begin_and_end_where_people_do() -> None:
    """Without punctuation there are silences, and words that open a sentence or cannot end one."""
    timeline = Timeline(captions.read(fixture("captions-json3/en_air_temperature_asr.json3").read_bytes()))
    found = [sentence.text for sentence in split(timeline)]
    assert 15 <= sum(len(text.split()) for text in found) / len(found) <= 25
    hanging = [text for text in found if text.split()[-1] in {"the", "a", "of", "to", "in", "and", "from", "is"}]
    assert len(hanging) <= len(found) // 50
    for whole in (
        "i'm sweating already but air temperatures influence so much more than what we wear",
        "as geographers one of our fundamental goals is to answer the question why is that happening here",
        "actually humans have lived in siberia for the last 40 000 years",
        "so we get a daily and annual air temperature cycle",
    ):
        assert whole in found


def test_how_things_are_is_not_what_they_are() -> None:
    texts = ["The exposed turbine was easily fixed.", "An exposed turbine is fixed, and easily so."] * 4
    chosen = [term.key for term, _ in Terms(texts, Lexicon(" ".join(texts), "en"), "Repairs").best(3)]
    assert "turbine" in chosen[0]


def test_two_forms_of_one_phrase_are_one_term() -> None:
    texts = ["Финансовый директор отвечает за отчет.", "Без финансового директора нет бюджета."] * 6
    chosen = [term.key for term, _ in Terms(texts, Lexicon(" ".join(texts), "ru"), "Лекция").best(6)]
    assert len([key for key in chosen if "финансов" in key]) == 1


def test_title_and_description_alone() -> None:
    description = (
        "A tour of the fee market of Bitcoin. We look at fee estimation and at the mempool.\n"
        "https://example.org/links\n0:00 Intro\n2:30 Fee estimation\n#bitcoin #fees\nFollow me on https://example.org"
    )
    found = run([], "How fee estimation works", description=description)
    assert found.basis == "description"
    assert found.warnings
    assert found.summary_short == "How fee estimation works. A tour of the fee market of Bitcoin."
    assert "https" not in found.summary and "0:00" not in found.summary
    assert found.insights == [] and found.grounding_total == 0
    assert "fee estimation" in [keyword.term for keyword in found.keywords]
    assert all(keyword.start_ms is None for keyword in found.keywords)


@pytest.mark.parametrize(
    ("cues", "description"),
    [
        ([], None),
        ([], ""),
        ([Segment(start_ms=0, end_ms=0, text="")], None),
        ([Segment(start_ms=0, end_ms=1000, text="[Music]")], "Just music here, nothing is said at all."),
        ([Segment(start_ms=0, end_ms=1000, text="♪ ♪"), Segment(start_ms=0, end_ms=10, text="...")], None),
    ],
)
def test_nothing_said_is_no_error(cues: list[Segment], description: str | None) -> None:
    found = run(cues, "Silence", description=description)
    assert found.basis == "description"
    assert found.summary_short.startswith("Silence")


@pytest.mark.parametrize(
    "text",
    [
        "Yes.",
        "the the the",
        "42",
        "one two three four five six seven eight nine ten",
        "Сегодня мы поговорим о сознании человека и о памяти",
        "我们今天讨论三个方法和它们的光影效果",
        "สวัสดีครับวันนี้เราจะพูดถึง",
        "안녕하세요 오늘은 메모리에 대해 이야기합니다",
        "مرحبا اليوم نتحدث عن الذاكرة",
        "a. b. c. d. e. f. g.",
        "?!?! word ?!",
    ],
)
def test_ten_words_of_any_script(text: str) -> None:
    cues = [Segment(start_ms=0, end_ms=4_000, text=text)]
    found = run(cues, text)
    assert_grounded(found, cues, 4_000)
    assert found.chapters == []
    assert len(found.insights) == 1
    assert found.topics == []


def test_every_sentence_the_same_does_not_crash() -> None:
    cues = [Segment(start_ms=4_000 * n, end_ms=4_000 * n + 3_500, text="All work and no play.") for n in range(400)]
    found = run(cues)
    assert len(found.insights) >= 1
    assert found.summary_short


def test_where_nothing_stands_out_the_beginning_is_the_summary() -> None:
    said = summary.short(topics=[], passage=None, minutes=0, language="und", title="", beginning="“It begins.”")
    assert said == "“It begins.”"


words = st.text(st.characters(categories=["L", "N", "P", "Zs", "So"]), max_size=30)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 5_000), words), max_size=40), words, st.text(max_size=80)
)
def test_any_text_is_analysed(parts: list[tuple[int, int, str]], title: str, description: str) -> None:
    cues, at = [], 0
    for gap, length, text in parts:
        cues.append(Segment(start_ms=at + gap, end_ms=at + gap + length, text=text))
        at += gap + length
    found = run(cues, title, description=description)
    if found.basis == "transcript":
        assert_grounded(found, cues, max(cue.end_ms for cue in cues))
    assert Analysis.model_validate_json(found.model_dump_json()) == found


def child(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-m", "z2d.analysis.child", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_child_writes_what_the_function_returns(tmp_path: Path) -> None:
    request = AnalysisRequest(title="Kennedy", cues=JFK, language="en", duration_ms=11_000, input_hash="abc")
    source, target = tmp_path / "in.json", tmp_path / "out.json"
    source.write_text(request.model_dump_json())
    done = child(str(source), str(target))
    assert (done.returncode, done.stderr) == (0, "")
    made = Analysis.model_validate_json(target.read_bytes())
    assert made.provenance is not None and made.provenance.tools["numpy"] and made.duration_ms is not None
    assert made.model_copy(update={"provenance": None, "duration_ms": None}) == analyse_request(request)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.json", "out.json"]


def test_where_nobody_speaks_the_child_loads_no_numeric_library(tmp_path: Path) -> None:
    request = AnalysisRequest(title="A rabbit wakes", description="It stretches. It walks.", input_hash="abc")
    source, target = tmp_path / "in.json", tmp_path / "out.json"
    source.write_text(request.model_dump_json())
    code = (
        "import sys; from z2d.analysis.child import main; assert main(sys.argv[1:]) == 0;"
        " print({'numpy', 'scipy'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", code, str(source), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "set()"
    made = Analysis.model_validate_json(target.read_bytes())
    assert made.provenance is not None and made.provenance.tools == {}
    assert made.model_copy(update={"provenance": None, "duration_ms": None}) == analyse_request(request)


@pytest.mark.parametrize(
    "content", [None, "", "{}", "not json", json.dumps({"title": "x", "input_hash": "y", "extra": 1})]
)
def test_the_child_says_in_one_line_what_is_wrong(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "in.json").write_text(content)
    done = child(str(tmp_path / "in.json"), str(tmp_path / "out.json"))
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out.json").exists()


def test_the_verifier_and_the_models_need_no_numeric_library() -> None:
    code = "import sys, z2d.analysis.verify, z2d.analysis.models; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "False"
