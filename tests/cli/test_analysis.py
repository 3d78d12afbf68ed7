"""`z2ctl analyze`, and how an analysis says where it comes from."""

from __future__ import annotations

import json
from typing import Any

from tests.cli.conftest import Z2ctl
from tests.cli.fake import FakeDaemon, job

HOSTILE = "\x1b[31mred\x1b[0m\u202eevil"
ANALYSIS: dict[str, Any] = {
    "backend": "openai-compatible",
    "model": "small" + HOSTILE,
    "prompt_version": "1",
    "input_hash": "h",
    "language": "de",
    "basis": "transcript",
    "summary_short": "Kurz gesagt.",
    "summary": "Kurz gesagt.",
    "insights": [],
    "topics": [],
    "chapters": [],
    "keywords": [],
    "stats": {},
    "grounding_total": 12,
    "grounding_verified": 11,
    "duration_ms": 61_000,
    "warnings": ["1 of 12 statements of the model were dropped: nobody says that there."],
    "provenance": {
        "z2": "0.1.0",
        "python": "3.11.7",
        "tools": {"aiohttp": "3.14"},
        "machine": "box (Linux x86_64)",
        "endpoint": "http://localhost:11434/v1",
        "prompt_hash": "abcd",
        "options": {},
        "use": {
            "calls": 2, "cached": 1, "prompt_tokens": 3000, "completion_tokens": 200, "cost": 0.25, "estimated": True,
        },
    },
}  # fmt: skip
VERSION = {**ANALYSIS, "id": 7, "is_current": True, "created_at": "2026-11-22T07:00:00.000Z"}


def test_jobs_are_analysed_again_by_filter_page_by_page(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    daemon.canned["/api/analyze"] = [
        {"done": [1, 2], "refused": [], "next_after": 2},
        {"done": [5], "refused": [], "next_after": None},
    ]
    assert z2ctl("analyze", "--filter", "tag:talk", "--language", "de") == (0, "1\n2\n5\n", "")
    bodies = [body for method, path, body in daemon.asked if path == "/api/analyze"]
    assert bodies == [
        {"priority": -10, "dry_run": False, "filter": "tag:talk", "language": "de"},
        {"priority": -10, "dry_run": False, "filter": "tag:talk", "language": "de", "after": 2},
    ]


def test_a_refusal_is_said_and_gives_the_exit_code(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    daemon.canned["/api/analyze"] = [
        {"done": [1], "refused": [{"id": 4, "code": "conflict", "detail": f"no {HOSTILE}"}], "next_after": None}
    ]
    ended = z2ctl("analyze", 1, 4)
    assert (ended.code, ended.out) == (5, "1\n")
    assert ended.err.startswith("Job 4: no ") and "\x1b" not in ended.err and "\u202e" not in ended.err


def test_ids_or_a_filter(z2ctl: Z2ctl) -> None:
    assert z2ctl("analyze").code == 2
    assert z2ctl("analyze", 1, "--filter", "tag:talk").code == 2
    assert z2ctl("analyze", 1, "--analysis", "magic").code == 2


def test_a_job_kept_from_the_model_can_be_given_to_it(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    daemon.canned["/api/analyze"] = [{"done": [1], "refused": [], "next_after": None}]
    assert z2ctl("analyze", 1, "--analysis", "auto").code == 0
    assert daemon.asked[-1][2] == {"priority": -10, "dry_run": False, "ids": [1], "analysis": "auto"}


def test_a_job_shows_where_its_analysis_comes_from(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    daemon.put(job(id=1, status="COMPLETED", analysis={**ANALYSIS}))
    out = z2ctl("show", 1).out
    for words in (
        "by           openai-compatible small",
        "prompt       1 abcd",
        "endpoint     http://localhost:11434/v1",
        "found again  11 of 12",
        "tokens       about 3000 asked, about 200 answered, 2 calls, 1 kept from before",
        "cost         0.2500",
        "on           box (Linux x86_64)",
        "with         z2 0.1.0, Python 3.11.7, aiohttp 3.14",
        "note         1 of 12 statements",
    ):
        assert words in out, out
    assert "\x1b" not in out and "\u202e" not in out


def test_a_stage_says_what_it_was_done_with(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    tools = {"z2": "0.1.0", "yt-dlp": "2026.7.4", "ffmpeg": "7.1\x1b[31m"}
    stage = {"stage": "download", "status": "DONE", "attempt": 1, "progress": 1, "bytes_done": 1024, "tools": tools}
    daemon.put(job(id=1, status="COMPLETED", stages=[{**stage, "bytes_total": 1024}]))
    assert "  1.0 KiB, yt-dlp 2026.7.4, ffmpeg 7.1\n" in z2ctl("show", 1).out
    daemon.put(job(id=1, status="RUNNING", stages=[{**stage, "status": "RUNNING", "bytes_total": 2048}]))
    assert "  1.0 KiB of 2.0 KiB, yt-dlp 2026.7.4, ffmpeg 7.1\n" in z2ctl("show", 1).out


def test_two_versions_are_compared(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    daemon.put(job(id=1, status="COMPLETED"))
    chapter = {"start_ms": 61_000, "end_ms": 90_000, "title": f"Owls {HOSTILE}", "summary": None, "origin": "analysis"}
    former = {**VERSION, "id": 3, "is_current": False, "backend": "offline", "model": None, "chapters": [chapter]}
    daemon.canned["/api/jobs/1/analyses"] = [{"items": [VERSION, {**VERSION, "id": 4, "is_current": False}, former]}]
    assert "They say the same" in z2ctl("show", 1, "--diff").out
    ended = z2ctl("show", 1, "--diff", "--with", 3)
    lines = ended.out.splitlines()
    assert (ended.code, lines[0]) == (0, "Analysis 3 (-) and 7 (+)")
    assert "-by: offline" in lines and "+by: openai-compatible smallredevil" in lines
    assert "-chapter 1:01: Owls redevil" in lines
    assert not any("summary" in line for line in lines if line[0] in "+-")
    assert json.loads(z2ctl("show", 1, "--diff", "--json").out) == {"before": 4, "after": 7, "lines": []}
    assert z2ctl("show", 1, "--diff", "--with", 9).code == 2
    assert z2ctl("show", 1, "--with", 3).code == 2
    daemon.canned["/api/jobs/1/analyses"] = [{"items": [VERSION]}]
    assert z2ctl("show", 1, "--diff").code == 4


def test_every_version_is_shown(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    daemon.put(job(id=1, status="COMPLETED"))
    former = {**VERSION, "id": 3, "is_current": False, "backend": "offline", "model": None, "provenance": None}
    daemon.canned["/api/jobs/1/analyses"] = [{"items": [VERSION, former]}]
    out = z2ctl("show", 1, "--analyses").out
    assert "Analysis 7, the current one" in out and "Analysis 3\n" in out and "Kurz gesagt." in out
    found = [json.loads(line) for line in z2ctl("show", 1, "--analyses", "--json").out.splitlines()]
    assert [one["id"] for one in found] == [7, 3]
    daemon.canned["/api/jobs/1/analyses"] = [{"items": []}]
    assert "not been analysed" in z2ctl("show", 1, "--analyses").err
    assert z2ctl("show", 9, "--analyses").code == 4
