"""One raw record as a job of z2: names, statuses, times, results."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.importer.old import record
from z2d.importer import fields
from z2d.importer.files import read_data
from z2d.importer.record import Found, Rejected, understand
from z2d.wire.jobs import JobStatus, Outcome
from z2d.wire.reasons import ErrorClass


async def made(value: dict[str, Any]) -> Found:
    (raw,) = read_data(json.dumps(value).encode(), "a.json")
    return await understand(raw)


async def test_all_that_there_can_be() -> None:
    found = await made(record(7))
    assert (found.legacy_id, found.status, found.outcome) == ("job-7", JobStatus.COMPLETED, Outcome.FULL)
    assert (found.admitted.site, found.admitted.dedup_key) == (
        "media.example",
        "url:https://media.example/talks/7.mp4",
    )
    assert found.created_at == datetime(2024, 3, 1, 10, tzinfo=UTC)
    assert found.finished_at - found.created_at == timedelta(minutes=7)
    assert (found.metadata.channel, found.metadata.duration_ms, found.metadata.language) == (
        "Night school",
        183_500,
        "en",
    )
    assert found.transcript is not None
    assert [(cue.start_ms, cue.end_ms, cue.text) for cue in found.transcript.cues] == [
        (0, 1500, "Owls fly without"),
        (1500, 3000, "a sound"),
    ]
    assert found.analysis is not None
    assert (found.analysis.summary_short, found.analysis.backend) == ("Owls hunt at night.", "imported")
    assert [(one.text, one.start_ms, one.verified) for one in found.analysis.insights] == [
        ("Owls are silent", 0, False),
        ("Mice are heard", 1000, False),
    ]
    assert [topic.label for topic in found.analysis.topics] == ["owls", "mice"]
    assert [(line.message, line.level) for line in found.lines] == [("slow server", 30), ("done", 20)]
    assert found.warnings == []


async def test_names_in_any_spelling_and_one_level_down() -> None:
    found = await made(
        {
            "_id": {"$oid": "65e1"},
            "video": {"Video-URL": "https://www.youtube.com/watch?v=dQw4w9WgXcQ", "videoTitle": "A"},
            "State": "DONE",
            "createdAt": {"$date": "2024-03-01T10:00:00Z"},
            "tags": "a, b,a",
            "length": "PT1M5S",
        }
    )
    assert (found.legacy_id, found.status, found.tags) == ("65e1", JobStatus.COMPLETED, ["a", "b"])
    assert found.admitted.dedup_key == "youtube:dQw4w9WgXcQ"
    assert (found.metadata.title, found.metadata.extractor) == ("A", "youtube")
    assert found.created_at.year == 2024


@pytest.mark.parametrize(
    ("status", "expected", "error"),
    [
        ("completed", JobStatus.COMPLETED, None),
        ("Success", JobStatus.COMPLETED, None),
        ("JobStatus.DONE", JobStatus.COMPLETED, None),
        (True, JobStatus.COMPLETED, None),
        ("error", JobStatus.FAILED, ErrorClass.UNKNOWN),
        ("timed out", JobStatus.FAILED, ErrorClass.UNKNOWN),
        ("canceled", JobStatus.CANCELLED, None),
        ("running", JobStatus.FAILED, ErrorClass.IMPORTED_INTERRUPTED),
        ("in-progress", JobStatus.FAILED, ErrorClass.IMPORTED_INTERRUPTED),
        ("pending", JobStatus.FAILED, ErrorClass.IMPORTED_INTERRUPTED),
        ({"state": "x", "value": "queued"}, JobStatus.FAILED, ErrorClass.IMPORTED_INTERRUPTED),
    ],
)
async def test_statuses(status: Any, expected: JobStatus, error: ErrorClass | None) -> None:
    found = await made(record(status=status))
    assert (found.status, found.error_class) == (expected, error)
    assert (found.outcome is not None) == (expected == JobStatus.COMPLETED)


async def test_a_status_nobody_knows_is_guessed_and_said() -> None:
    bare = {"url": "https://a.example/1"}
    for value, expected in (
        ({**bare, "status": "wibble", "summary": "x"}, JobStatus.COMPLETED),
        ({**bare, "status": "wibble", "error": {"message": "boom"}}, JobStatus.FAILED),
        ({**bare, "finished_at": 1709287200}, JobStatus.COMPLETED),
        ({**bare, "status": 3}, JobStatus.FAILED),
        (bare, JobStatus.FAILED),
    ):
        found = await made(value)
        assert found.status == expected, value
        assert any("status" in warning for warning in found.warnings), value


async def test_times_without_offset_count_as_utc_and_are_said() -> None:
    found = await made(record(created_at="2024-03-01 10:00:00", started_at=None))
    assert found.created_at == datetime(2024, 3, 1, 10, tzinfo=UTC)
    assert "times without an offset: taken for UTC" in found.warnings
    found = await made({"url": "https://a.example/1"})
    assert any("no time at all" in warning for warning in found.warnings)
    assert found.finished_at >= found.created_at


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1709287200, datetime(2024, 3, 1, 10, tzinfo=UTC)),
        (1709287200000, datetime(2024, 3, 1, 10, tzinfo=UTC)),
        ("1709287200000000", datetime(2024, 3, 1, 10, tzinfo=UTC)),
        (1709287200.5, datetime(2024, 3, 1, 10, 0, 0, 500_000, tzinfo=UTC)),
        ("20240301", datetime(2024, 3, 1, tzinfo=UTC)),
        ("2024-03-01T12:00:00+02:00", datetime(2024, 3, 1, 10, tzinfo=UTC)),
        ("Fri, 01 Mar 2024 10:00:00 GMT", datetime(2024, 3, 1, 10, tzinfo=UTC)),
        ("0001-01-01T00:00:00", None),
        ("9999-12-31T23:59:59-23:00", None),
        (0, None),
        (-5, None),
        (1e300, None),
        (float("nan"), None),
        (True, None),
        ([], None),
        ("soon", None),
    ],
)
def test_moments(value: Any, expected: datetime | None) -> None:
    found = fields.moment(value)
    assert (found and found.at) == expected


@pytest.mark.parametrize(
    ("value", "ms"),
    [(90, 90_000), ("90.5", 90_500), ("1:30", 90_000), ("01:02:03,500", 3_723_500), ("PT1H2M", 3_720_000), ("x", None),
     (-1, None), (1e20, None), (None, None), ("P", None)],
)  # fmt: skip
def test_lengths(value: Any, ms: int | None) -> None:
    assert fields.length_ms(value) == ms


@pytest.mark.parametrize(
    ("transcript", "starts"),
    [
        ("WEBVTT\n\n00:01.000 --> 00:02.000\nhello\n\n00:02.000 --> 00:03.000\nworld", [1000, 2000]),
        ("1\n00:00:01,000 --> 00:00:02,000\nhello\n", [1000]),
        ("Running text. " * 60, [0] * 3),
        ([{"text": "a", "start": 1.5, "duration": 2}], [1500]),
        ([{"content": "a", "start_ms": 1500}], [1500]),
        ({"chunks": [{"text": "a", "timestamp": [2.0, 3.0]}]}, [2000]),
        ({"text": "only text"}, [0]),
        (["a", "b"], [0, 0]),
    ],
)
async def test_transcripts(transcript: Any, starts: list[int]) -> None:
    found = await made(record(transcript=transcript))
    assert found.transcript is not None
    assert [cue.start_ms for cue in found.transcript.cues] == starts


async def test_a_transcript_in_no_known_form_is_said() -> None:
    found = await made(record(transcript={"wibble": 3}))
    assert found.transcript is None
    assert found.outcome == Outcome.PARTIAL
    assert any("no form that can be read" in warning for warning in found.warnings)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (None, "no URL"),
        (7, "no URL"),
        ("", "no URL"),
        ("file:///etc/passwd", "no usable URL"),
        ("hello", "no usable URL"),
    ],
)
async def test_without_a_url_there_is_no_job(url: Any, reason: str) -> None:
    with pytest.raises(Rejected, match=reason):
        await made(record(url=url))


async def test_another_name_may_have_the_url() -> None:
    found = await made({"source": "upload", "link": {"x": 1}, "href": "https://a.example/1"})
    assert found.admitted.url == "https://a.example/1"
