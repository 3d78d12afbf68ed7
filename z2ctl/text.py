"""How z2 speaks to a person: safe text, numbers with units, and the look of each status.

Said once, for the command line and for the dashboard. Standard library only and quick to import: every call of
`z2ctl` pays for it.

`safe()` is the one door between text from outside (titles, log lines, errors, URLs) and a terminal. Without it a
video's title could move the cursor, write the clipboard or turn the reading order around.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from math import ceil
from typing import Any, NamedTuple

# whole sequences first, so that "\x1b[31mred" becomes "red" and not "[31mred"
_SEQUENCES = re.compile(
    "(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor, erasing
    "|(?:\x1b[\\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\\\|\x9c)"  # OSC, DCS, SOS, PM, APC
    "|\x1b[ -/]*[0-~]"  # the short ones
)
_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # C0 without tab and line ends, DEL, C1
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"  # signs without width
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # zero-width, bidirectional, separators, annotation
    "\ud800-\udfff"  # lone surrogates: no terminal can be sent one
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"  # shorthand, music, tags
)
_LINE_ENDS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_FOLD = re.compile("[ \t\n]*[\t\n][ \t\n]*")


def safe(value: object, *, lines: bool = False) -> str:
    """`value` as text that cannot act on a terminal; None is the empty text.

    One record stays one line: line ends and tabs become one space. With `lines=True` (a transcript, a summary) both
    stay, every kind of line end as "\\n".
    """
    if value is None:
        return ""
    text = _LINE_ENDS.sub("\n", _SEQUENCES.sub("", str(value)))
    text = _UNSEEN.sub("", text)
    return text if lines else _FOLD.sub(" ", text).strip()


class Look(NamedTuple):
    """How one status is shown: a glyph, the glyph where only ASCII is possible, a word, and a style's name.

    The style is a role ("running", "success", "warning", "error", "dim"), not a colour: the command line and the
    dashboard each have their own colours for it.
    """

    glyph: str
    plain: str
    word: str
    style: str


LOOKS: dict[str, Look] = {
    "QUEUED": Look("○", ".", "queued", "dim"),
    "SCHEDULED": Look("○", ".", "scheduled", "dim"),
    "RETRYING": Look("↻", "~", "retrying", "warning"),
    "PAUSED": Look("○", ".", "paused", "dim"),
    "RUNNING": Look("●", "*", "running", "running"),
    "CANCELLING": Look("⊘", "-", "cancelling", "warning"),
    "PAUSING": Look("○", ".", "pausing", "warning"),
    "WAITING": Look("○", ".", "waiting", "dim"),
    "COMPLETED": Look("✓", "+", "done", "success"),
    "COMPLETED_PARTIAL": Look("✓", "+", "done in part", "warning"),
    "FAILED": Look("✗", "x", "failed", "error"),
    "CANCELLED": Look("⊘", "-", "cancelled", "dim"),
}
STAGE_LOOKS: dict[str, Look] = {
    "PENDING": Look("○", ".", "to do", "dim"),
    "RUNNING": Look("●", "*", "running", "running"),
    "DONE": Look("✓", "+", "done", "success"),
    "SKIPPED": Look("–", "-", "skipped", "warning"),
    "FAILED": Look("✗", "x", "failed", "error"),
    "CANCELLED": Look("⊘", "-", "cancelled", "dim"),
}
PUBLICATION_LOOKS: dict[str, Look] = {
    "PENDING": Look("○", ".", "to do", "dim"),
    "RUNNING": Look("●", "*", "being sent", "running"),
    "PUBLISHED": Look("✓", "+", "there", "success"),
    "FAILED": Look("✗", "x", "failed", "error"),
    "SKIPPED": Look("–", "-", "nothing to send", "dim"),
    "CANCELLED": Look("⊘", "-", "called off", "dim"),
    "RETRACTED": Look("⊘", "-", "taken back", "dim"),
}
WAITS: dict[str, str] = {
    "RETRY": "a fault that may pass",
    "LIVE_NOT_STARTED": "the stream, or its recording, is not ready",
    "RATE_LIMITED": "its site asked to slow down",
    "DISK_FULL": "the disk is full",
    "CHILDREN": "the jobs that came from it",
    "SHUTDOWN": "z2 was stopped while it ran",
    "QUEUE_PAUSED": "the queue was paused while it ran",
    "LANE_CLOSED": "the {stage} lane, which is closed",
    "LANE": "a place in its lane",
    "USER": "somebody paused it, or submitted it on hold",
}
LEVEL_STYLES: dict[str, str] = {
    "DEBUG": "dim",
    "INFO": "",
    "WARNING": "warning",
    "ERROR": "error",
    "CRITICAL": "error",
}
# the words of the contract, repeated here because z2d.wire.jobs loads pydantic; a test compares them
STATUSES = ("QUEUED", "RUNNING", "WAITING", "COMPLETED", "FAILED", "CANCELLED")
FINISHED = frozenset({"COMPLETED", "FAILED", "CANCELLED"})
STAGES = ("metadata", "download", "audio", "transcript", "analysis", "publishing")


def waits_for(reason: str | None, stage: object = None) -> str:
    """Why a job waits at `stage`, in words; of a reason that is not known here, its name."""
    return WAITS.get(reason, safe(reason)).replace("{stage}", safe(stage) or "next") if reason else ""


def look(status: object) -> Look:
    """The look of a `display_status`; a word this client does not know yet is shown as it came."""
    word = safe(status)
    return LOOKS.get(word) or Look("?", "?", word.lower(), "dim")


def stage_look(status: object) -> Look:
    """The look of a stage's status."""
    word = safe(status)
    return STAGE_LOOKS.get(word) or Look("?", "?", word.lower(), "dim")


def publication_look(status: object) -> Look:
    """The look of a publication's status."""
    word = safe(status)
    return PUBLICATION_LOOKS.get(word) or Look("?", "?", word.lower(), "dim")


def duration(ms: float | None) -> str:
    """A length in milliseconds as "0:05", "1:11" or "1:02:03"; "–" when it is not known."""
    if ms is None:
        return "–"
    minutes, seconds = divmod(int(ms) // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def span(ms: float | None) -> str:
    """How long something took, short ones exactly: "340 ms", "4.2 s", then like `duration`."""
    if ms is None:
        return "–"
    if ms < 1000:
        return f"{ms:.0f} ms"
    return f"{ms / 1000:.1f} s" if ms < 60_000 else duration(ms)


def size(count: float | None) -> str:
    """Bytes as "812 B", "5.1 MiB", "12 GiB"; "–" when not known."""
    if count is None:
        return "–"
    value, unit, larger = float(count), "B", iter(("KiB", "MiB", "GiB", "TiB"))
    while abs(value) >= 1000 and (next_unit := next(larger, "")):
        value, unit = value / 1024, next_unit
    return f"{value:.0f} {unit}" if unit == "B" or value >= 10 else f"{value:.1f} {unit}"


def speed(bytes_per_second: float | None) -> str:
    """A transfer's speed as "5.1 MiB/s"; empty when not known."""
    return "" if bytes_per_second is None else f"{size(bytes_per_second)}/s"


def count(number: int | None) -> str:
    """A whole number with its thousands apart: "1 142"."""
    return "–" if number is None else f"{number:,}".replace(",", " ")


def percent(share: float | None) -> str:
    """A share of 0-1 as "65%", never rounded up to 100%."""
    return "–" if share is None else f"{int(max(0.0, min(1.0, share)) * 100)}%"


def moment(text: object) -> datetime | None:
    """An RFC 3339 time of the API, or None where there is none."""
    try:
        return datetime.fromisoformat(str(text)) if text else None
    except ValueError:
        return None


def age(text: object, now: datetime | None = None) -> str:
    """How long ago an RFC 3339 time was: "12s", "5m", "3h", "2d", "7w"; "–" when not known."""
    at = moment(text)
    if at is None:
        return "–"
    left = max(0.0, ((now or datetime.now(UTC)) - at).total_seconds())
    for unit, seconds, until in (("s", 1, 60), ("m", 60, 3600), ("h", 3600, 86_400), ("d", 86_400, 30 * 86_400)):
        if left < until:
            return f"{int(left // seconds)}{unit}"
    return f"{int(left // (7 * 86_400))}w"


def took_ms(job: dict[str, object], now: datetime | None = None) -> float | None:
    """How long a job or a stage has run, or ran: from its start to its end, or to now; None before its start."""
    start = moment(job.get("started_at"))
    if start is None:
        return None
    end = moment(job.get("finished_at")) or now or datetime.now(UTC)
    return max(0.0, (end - start).total_seconds() * 1000)


def took(job: dict[str, object], now: datetime | None = None) -> str:
    """`took_ms` as "1:11"."""
    return duration(took_ms(job, now))


def left(seconds: float) -> str:
    """How long it is still: "12 s" in the last minute, before that no finer than "5 min", "3 h", "2 d"."""
    if seconds < 60:
        return f"{max(1, ceil(seconds))} s"
    for unit, size, until in (("min", 60, 7200), ("h", 3600, 172_800)):
        if seconds < until:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds // 86_400)} d"


def at_lane(status: object, wait_reason: object, stage: object) -> str:
    """What a job says that waits for a place in its lane, or before one that is closed; else nothing."""
    if (status, wait_reason) == ("QUEUED", "LANE_CLOSED"):
        return f"{safe(stage) or 'next'} lane closed"
    return "in line" if (status, wait_reason) == ("RUNNING", "LANE") else ""


def next_try(attempt: int, most: int | None, left_s: float | None) -> str:
    """What a job says that waits for its next attempt: "retry 2/3 in 12 s", "retry 2/3 due".

    `attempt` tries are used up, of `most`; what is not known is left out.
    """
    number = f"retry {attempt + 1}/{most}" if most else f"retry {attempt + 1}"
    if left_s is None:
        return number
    return f"{number} in {left(left_s)}" if left_s > 0 else f"{number} due"


def next_try_of(job: dict[str, Any], now: datetime | None = None) -> str:
    """`next_try` of a job of the API; empty for one that does not wait for a further attempt."""
    if job.get("display_status") != "RETRYING" or not job.get("attempt"):
        return ""
    due = moment(job.get("run_after"))
    left_s = (due - (now or datetime.now(UTC))).total_seconds() if due else None
    return next_try(int(job["attempt"]), job.get("max_attempts"), left_s)


def when_resumed(left_s: float | None) -> str:
    """What a held job says that keeps a time to come: "starts in 3 h when resumed"; else nothing."""
    return f"starts in {left(left_s)} when resumed" if left_s is not None and left_s > 0 else ""


def when_resumed_of(job: Mapping[str, Any], now: datetime | None = None) -> str:
    """`when_resumed` of a job of the API."""
    due = moment(job.get("due_after"))
    return when_resumed((due - (now or datetime.now(UTC))).total_seconds()) if due else ""


def once_resumed(job: Mapping[str, Any]) -> str:
    """When a held job of the API starts after it was resumed, where that is not at once; else nothing."""
    return f"not before {day_and_time(job['due_after'])}" if job.get("due_after") else ""


def clock(text: object) -> str:
    """The local time of day of an RFC 3339 time: "07:22:54"."""
    at = moment(text)
    return at.astimezone().strftime("%H:%M:%S") if at else "--:--:--"


def day_and_time(text: object) -> str:
    """An RFC 3339 time in local words: "2026-11-22 07:22:54"; "–" when there is none."""
    at = moment(text)
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S") if at else "–"


def plural(number: int, one: str, many: str | None = None) -> str:
    """A number and its noun: "1 job", "2 jobs"."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"
