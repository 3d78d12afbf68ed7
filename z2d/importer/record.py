"""One raw record as a job of z2, or the reason why it cannot be one."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlsplit

from z2d.importer import contents, fields
from z2d.importer.fields import Fields, Moment
from z2d.importer.files import Raw
from z2d.media.admission import Admitted, admit, normalised
from z2d.store.lines import Line
from z2d.wire.errors import UrlUnsupported, Z2Error
from z2d.wire.jobs import JobStatus, Outcome
from z2d.wire.library import Analysis, Metadata, Transcript
from z2d.wire.reasons import ErrorClass

_STATUSES = {
    JobStatus.COMPLETED: "completed complete done success successful succeeded finished ok published ready processed "
    "available true",
    JobStatus.FAILED: "failed failure fail error errored dead rejected timeout timed_out false",
    JobStatus.CANCELLED: "cancelled canceled aborted stopped killed skipped",
    JobStatus.RUNNING: "running processing in_progress inprogress active started working downloading downloaded "
    "transcribing transcribed analyzing analysing analyzed summarizing publishing uploading converting extracting "
    "retrying",
    JobStatus.QUEUED: "queued pending waiting new created scheduled submitted paused on_hold idle",
}
_BY_WORD = {word: status for status, known in _STATUSES.items() for word in known.split()}
_MOST_TAGS = 32


class Rejected(Exception):
    """This record cannot become a job; the text says why."""


@dataclass(slots=True)
class Found:
    """What a record says, in z2's words."""

    raw: Raw
    legacy_id: str
    admitted: Admitted
    status: JobStatus
    outcome: Outcome | None
    error_class: ErrorClass | None
    error_message: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime
    tags: list[str]
    priority: int
    metadata: Metadata
    transcript: Transcript | None
    analysis: Analysis | None
    lines: list[Line]
    paths: list[str]
    warnings: list[str] = field(default_factory=list)


async def understand(raw: Raw) -> Found:
    """The job in a record. Raises `Rejected`."""
    if raw.fields is None:
        raise Rejected(raw.fault)
    record, warnings = Fields(raw.fields), list(raw.warnings)
    admitted = await _admitted(record)
    language = (record.find("language", fields.text) or "und")[:35]
    duration_ms = record.find("duration_ms", fields.milliseconds) or record.find("duration", fields.length_ms)
    transcript, said = contents.transcript(record, language, duration_ms)
    warnings += said
    known_language = None if language == "und" else language
    analysis = contents.analysis(record, known_language, raw.sha256, has_transcript=transcript is not None)
    times = _Times(record, warnings)
    status, error_class, message = _ending(record, times, warnings, has_results=bool(transcript or analysis))
    outcome = (Outcome.FULL if transcript and analysis else Outcome.PARTIAL) if status == JobStatus.COMPLETED else None
    title = record.find("title", fields.text) or admitted.url
    created = times.created or times.started or times.finished or times.updated or Moment(datetime.now(UTC))
    finished = times.finished or times.updated or times.started or created
    return Found(
        raw=raw,
        legacy_id=_legacy_id(raw, record),
        admitted=admitted,
        status=status,
        outcome=outcome,
        error_class=error_class,
        error_message=message,
        created_at=created.at,
        started_at=times.started and times.started.at,
        finished_at=max(finished.at, created.at),
        tags=list(dict.fromkeys(tag[:64] for tag in record.find("tags", fields.texts) or []))[:_MOST_TAGS],
        priority=max(-100, min(100, round(record.find("priority", fields.number) or 0))),
        metadata=_metadata(record, admitted, title, known_language, duration_ms),
        transcript=transcript,
        analysis=analysis,
        lines=contents.log_lines(record, created),
        paths=record.paths(),
        warnings=warnings,
    )


def _legacy_id(raw: Raw, record: Fields) -> str:
    """The record's own id, its key in a map, or else its content's checksum."""
    return (raw.key or record.find("id", fields.key) or f"sha256:{raw.sha256}")[:400]


async def _admitted(record: Fields) -> Admitted:
    """The URL and its key, without asking any name server: what is old is not fetched."""
    reasons: list[str] = []
    for url in dict.fromkeys(record.every("url")):
        try:
            return await admit(url, allow_private=True)
        except UrlUnsupported:
            return Admitted(url, (urlsplit(url).hostname or "").removeprefix("www."), f"url:{normalised(url)}")
        except Z2Error as error:
            reasons.append(error.detail)
    raise Rejected(f"no usable URL: {reasons[0]}" if reasons else "no URL")


class _Times:
    """The moments of a record. What is written down without an offset counts as UTC, and that is said."""

    def __init__(self, record: Fields, warnings: list[str]) -> None:
        self.created = record.find("created", fields.moment)
        self.started = record.find("started", fields.moment)
        self.finished = record.find("finished", fields.moment)
        self.updated = record.find("updated", fields.moment)
        every = [self.created, self.started, self.finished, self.updated]
        if any(one is not None and one.naive for one in every):
            warnings.append("times without an offset: taken for UTC")
        if not any(every):
            warnings.append("no time at all: the time of the import stands in")


def _ending(
    record: Fields, times: _Times, warnings: list[str], *, has_results: bool
) -> tuple[JobStatus, ErrorClass | None, str | None]:
    """How the job ended. One that had not ended never will: it was interrupted."""
    message = record.find("error", fields.words)
    word = record.find("status", _word)
    status = _BY_WORD.get(word or "")
    if status is None:
        if word or not record.given("status"):
            warnings.append(f'unknown status "{word[:40]}"' if word else "no status")
        if message:
            status = JobStatus.FAILED
        elif has_results or times.finished:
            status = JobStatus.COMPLETED
        else:
            status = JobStatus.RUNNING
    match status:
        case JobStatus.COMPLETED | JobStatus.CANCELLED:
            return status, None, None
        case JobStatus.FAILED:
            return status, ErrorClass.UNKNOWN, (message or "The program before z2 gave no reason.")[:4000]
    was = f'It was "{word[:40]}"' if word else "It had not ended"
    return JobStatus.FAILED, ErrorClass.IMPORTED_INTERRUPTED, f"{was} when it was imported from the program before z2."


def _word(value: object) -> str | None:
    """A status as one lower-case word, also where it is wrapped or a flag."""
    if isinstance(value, bool):
        return str(value).lower()
    found = fields.words(value)
    return found.lower().rpartition(".")[2].replace(" ", "_").replace("-", "_") if found else None


def _metadata(
    record: Fields, admitted: Admitted, title: str, language: str | None, duration_ms: int | None
) -> Metadata:
    extractor, _, source_id = admitted.dedup_key.partition(":")
    published = record.find("published", fields.moment)
    return Metadata(
        extractor="generic" if extractor == "url" else extractor,
        source_id=source_id,
        media_key=admitted.dedup_key,
        webpage_url=admitted.url,
        title=title,
        description=record.find("description", fields.text),
        channel=record.find("channel", fields.words),
        published_at=published and published.at,
        published_precision=published and "day",
        duration_ms=duration_ms,
        language=language,
        thumbnail_url=record.find("thumbnail", fields.text),
    )
