"""How results came about, and where they lie, in words: names and values, the same in command line and dashboard.

What is not known of a result is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from z2ctl import text

Json = Mapping[str, Any]
Facts = list[tuple[str, str]]


def analysis_origin(analysis: Json) -> Facts:
    """How an analysis came about."""
    came = analysis.get("provenance") or {}
    use = came.get("use") or {}
    total = analysis.get("grounding_total")
    return _known(
        ("by", _joined(analysis.get("backend"), analysis.get("model"))),
        ("prompt", _joined(analysis.get("prompt_version"), came.get("prompt_hash"))),
        ("endpoint", came.get("endpoint")),
        ("language", analysis.get("language")),
        ("found again", f"{analysis.get('grounding_verified')} of {total}" if total else ""),
        ("tokens", _tokens(use) if use else ""),
        ("cost", "" if use.get("cost") is None else f"{use['cost']:.4f}"),
        ("took", text.span(analysis.get("duration_ms")) if analysis.get("duration_ms") else ""),
        *_made_on(came),
        *(("note", warning) for warning in analysis.get("warnings") or []),
    )


def transcript_origin(transcript: Json) -> Facts:
    """How a transcript came about."""
    came = transcript.get("provenance") or {}
    engine = _joined(transcript.get("engine"), transcript.get("model"))
    source = str(transcript.get("source") or "").lower().replace("_", " ")
    coverage = transcript.get("coverage")
    return _known(
        ("from", f"speech, by {engine}" if engine else source),
        ("language", transcript.get("language")),
        ("words", transcript.get("words")),
        ("covers", "" if coverage is None else f"{coverage:.0%}"),
        ("endpoint", came.get("endpoint")),
        *_made_on(came),
        *(("note", warning) for warning in transcript.get("warnings") or []),
    )


def library_folder(job: Json) -> str | None:
    """Where the entry of a `JobDetail` lies in the library, if it is published."""
    for publication in job.get("publishing") or []:
        if publication.get("kind") == "library" and publication.get("remote_url"):
            place = str(publication["remote_url"])
            return unquote(urlsplit(place).path) if place.startswith("file:") else place
    return None


def _known(*facts: tuple[str, object]) -> Facts:
    return [(name, str(value)) for name, value in facts if value not in (None, "", 0)]


def _joined(*parts: object) -> str:
    return " ".join(str(part) for part in parts if part)


def _made_on(came: Json) -> list[tuple[str, object]]:
    versions = [("z2", came.get("z2")), ("Python", came.get("python")), *sorted((came.get("tools") or {}).items())]
    return [
        ("on", came.get("machine")),
        ("with", ", ".join(f"{name} {version}" for name, version in versions if version)),
    ]


def _tokens(use: Json) -> str:
    about = "about " if use.get("estimated") else ""
    said = f"{about}{use.get('prompt_tokens')} asked, {about}{use.get('completion_tokens')} answered"
    return f"{said}, {text.plural(int(use.get('calls') or 0), 'call')}, {use.get('cached')} kept from before"
