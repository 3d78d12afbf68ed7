"""Pages that are about no single job, as paragraphs: statistics, queue, targets, what was found. Pure data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from z2ctl import lanes
from z2ctl import text as words
from z2ctl.tui.documents import BLANK, fact, heading, note
from z2ctl.tui.paint import Span, fit
from z2ctl.tui.widgets.doc_view import Doc, OpenJob, Take

Json = Mapping[str, Any]
_LABEL = 13
MODES = {
    "ACTIVE": ("active", "success"),
    "DRAINING": ("draining: what runs is finished, nothing starts", "warning"),
    "PAUSED": ("paused: nothing runs, nothing starts", "warning"),
}


def queue(state: Json) -> list[Doc]:
    """The queue as a whole (`QueueState`): how it stands, what holds it up, who is next."""
    mode, role = MODES.get(str(state.get("mode")), (str(state.get("mode")).lower(), "plain"))
    each = f", {state['slots_per_worker']} set for each worker" if state.get("slots_per_worker") else ""
    each += f", at most {state['site_slots']} of one site" if state.get("site_slots") else ""
    docs = [
        fact("Queue", mode, role=role),
        fact("Slots", f"{state.get('busy')} of {state.get('slots')} busy{each}"),
        fact("Lanes", lanes.say(state)),
        fact("Workers", state.get("workers"), role="plain" if state.get("workers") else "error"),
        fact("Ready", words.count(state.get("ready"))),
    ]
    for label, name in (("Scheduled", "scheduled"), ("Paused", "paused"), ("Wait for others", "waiting")):
        if state.get(name):
            docs.append(fact(label, words.count(state[name])))
    if gates := state.get("gates"):
        docs += [BLANK, heading("Sites that are left alone")]
        docs.extend(_gate(gate) for gate in gates)
    docs += [BLANK, heading("Next")]
    docs.extend(_next(place, job) for place, job in enumerate(state.get("next") or (), 1))
    return docs if state.get("next") else [*docs, note(_nobody(state))]


def _nobody(state: Json) -> str:
    """Why no job is listed as the next: those that wait for a time, or for a person, are not in the line."""
    if state.get("scheduled"):
        return "Nothing is ready to start; what is scheduled comes when its time has come."
    return "Nothing is ready to start; what is paused waits to be resumed." if state.get("paused") else "Nothing waits."


def _gate(gate: Json) -> Doc:
    head = (
        Span(" " + fit(str(gate.get("site") or ""), 22), "warning"),
        Span(f"until {words.clock(gate.get('until'))}  "),
    )
    return Doc(head, str(gate.get("reason") or ""), "dim")


def _next(place: int, job: Json) -> Doc:
    head = (
        Span(f" {place:>4}  ", "dim"),
        Span(fit(str(job.get("id") or ""), 7), "dim"),
        Span(fit(f"{job['priority']:+d}" if job.get("priority") else "", 5), "accent"),
    )
    return Doc(head, str(job.get("title") or job.get("url") or ""), "plain", OpenJob(int(job.get("id") or 0)))


def found(hits: Sequence[Json]) -> Iterator[Doc]:
    """What a search found (`SearchHit`s): each job, then its moments."""
    for hit in hits:
        job = hit.get("job") or {}
        number = int(job.get("id") or 0)
        about = " · ".join(str(part) for part in (job.get("channel") or job.get("site"), f"job {number}") if part)
        yield Doc((Span(" "),), str(job.get("title") or job.get("url") or ""), "bold", OpenJob(number))
        yield Doc((Span(" "),), about, "dim", OpenJob(number))
        moments = hit.get("moments") or ()
        for each in moments:
            start = int(each.get("start_ms") or 0)
            head = (Span(f" {words.duration(start):>8}  ", "accent"),)
            yield Doc(head, str(each.get("snippet") or ""), "plain", OpenJob(number, start), _marks(each))
        if not moments:
            head = (Span(f" {fit(str(hit.get('field') or ''), 11)} ", "accent"),)
            text = " ".join(str(hit.get("snippet") or "").split("\n"))
            yield Doc(head, text, "plain", OpenJob(number), _marks(hit))
        yield BLANK


def _marks(each: Json) -> tuple[tuple[int, int], ...]:
    return tuple((int(start), int(end)) for start, end in each.get("marks") or ())


def probed(answer: Json) -> list[Doc]:
    """What is at a URL (`ProbeAnswer`): what a job of it would find, or why it would fail."""
    if error := answer.get("error"):
        said = f"{error.get('message') or ''} {error.get('hint') or ''}".strip()
        return [Doc((Span(" ✗ ", "error"),), f"{said} ({error.get('code')})", "error")]
    entries = answer.get("entries") or ()
    captions = answer.get("subtitles") or {}
    same = answer.get("duplicate_of")
    length, size = answer.get("duration_ms"), answer.get("size_bytes")
    is_list = answer.get("kind") == "COLLECTION"
    unsaid = "" if is_list else "not said by the site"
    docs = [
        Doc((Span(" "),), str(answer.get("title") or answer.get("url") or ""), "bold"),
        fact(
            "Library", f"job {same} has it already" if same else "not there yet", role="warning" if same else "success"
        ),
        fact("Length", words.duration(length) if length else unsaid),
        fact("Size", f"about {words.size(size)}" if size else unsaid),
        fact("Picture", f"{answer.get('width') or '?'}x{answer['height']}" if answer.get("height") else ""),
        fact("Subtitles", ", ".join(map(str, captions.get("manual") or ()))),
        fact("Captions", ", ".join(map(str, (captions.get("auto") or ())[:8]))),
        fact("Channel", answer.get("channel") or answer.get("site") or ""),
        fact("Published", str(answer.get("published_at") or "")[:10]),
        fact("Stream", "" if answer.get("live_status") in (None, "not_live") else answer["live_status"]),
        fact("Entries", f"{len(entries)} wanted of {answer.get('seen')} looked at" if is_list else ""),
    ]
    shown = [doc for doc in docs if doc.text]
    return [*shown, *([BLANK, heading("Entries")] if entries else ()), *map(_entry, entries)]


def _entry(each: Json) -> Doc:
    """One entry of a list: what it is, and what would become of it."""
    same, trouble = each.get("duplicate_of"), each.get("message")
    length = words.duration(each["duration_ms"]) if each.get("duration_ms") else ""
    head = (Span(f" {str(each.get('published_at') or '')[:10]:10} {length:>8}  ", "dim"),)
    said = f"  {trouble}" if trouble else f"  there already: job {same}" if same else ""
    return Doc(head, f"{each.get('title') or each.get('url') or ''}{said}", "error" if trouble else "plain")


def targets(found: Sequence[Json]) -> list[Doc]:
    """The publishing targets (`TargetInfo`s): how each stands, what it has, what waits, what could not be sent."""
    if not found:
        return [note("There are no publishing targets.")]
    docs = [doc for each in found for doc in _target(each)]
    if len(found) == 1:
        docs.append(note("No others are set up: z2.toml names them, in tables [targets.NAME]."))
    return docs


def _target(each: Json) -> Iterator[Doc]:
    counts = each.get("counts") or {}
    there, waits, failed = (
        sum(int(counts.get(status) or 0) for status in statuses)
        for statuses in (("PUBLISHED",), ("PENDING", "RUNNING"), ("FAILED",))
    )
    name, last = str(each.get("name") or ""), each.get("last_published_at")
    again = int(each.get("retrying") or 0)
    glyph, role, state = _target_state(each, failed + again)
    head = (
        Span(f" {glyph} ", role),
        Span(fit(name, 16) + " ", "bold"),
        Span(fit(str(each.get("kind") or ""), _LABEL), "dim"),
    )
    yield Doc(head, state, role if role != "success" else "dim", Take("name", name))
    yield fact("  Has", f"{words.count(there)}, the last {words.day_and_time(last)}" if last else words.count(there))
    if waits:
        tried = f", {words.count(again)} of them tried before" if again else ""
        yield fact("  To be sent", f"{words.count(waits)}{tried}", role="warning" if again else "plain")
    if failed:
        verb = f"z2ctl publish --failed --target {name}"
        yield fact("  Failed", f"{words.count(failed)}; {verb}", role="error", target=Take("command", verb))
    if each.get("last_error"):
        yield fact("  Because", each["last_error"], role="error" if failed else "warning")
    if skipped := int(counts.get("SKIPPED") or 0):
        yield fact("  Skipped", f"{words.count(skipped)}, nothing to send", role="dim")
    if (events := [str(event) for event in each.get("events") or ()]) not in ([], ["publish"]):
        yield fact("  Is sent", ", ".join(events))
    if each.get("filter"):
        yield fact("  Only", each["filter"])
    if len(installations := each.get("installations") or ()) > 1:
        yield fact("  Named by", ", ".join(map(str, installations)))
    yield BLANK


def _target_state(each: Json, troubled: int) -> tuple[str, str, str]:
    """Glyph, role and words of how a target stands."""
    if each.get("disabled_at"):
        since = words.day_and_time(each["disabled_at"])
        return "✗", "error", f"off since {since}: {each.get('disabled_why') or 'gone for good'}"
    if not each.get("configured"):
        return "⊘", "dim", "no longer in z2.toml; what it has is kept"
    return ("▲", "warning", "on, but not everything arrives") if troubled else ("✓", "success", "on")


def statistics(stats: Json, width: int) -> list[Doc]:
    """The statistics screen: totals, how long things take, what each day brought."""
    counts = stats.get("counts") or {}
    duration = stats.get("duration") or {}
    docs = [heading("Jobs")]
    docs += [fact(name.lower(), words.count(int(number))) for name, number in counts.items()]
    docs.append(fact("total", words.count(stats.get("total"))))
    rate = stats.get("success_rate")
    docs += [
        fact("success", words.percent(rate) if rate is not None else "–"),
        fact("stored", words.size(stats.get("bytes_total"))),
        fact("disk free", f"{words.size(stats.get('disk_free_bytes'))} of {words.size(stats.get('disk_total_bytes'))}"),
        fact("slots", f"{stats.get('running', 0)} of {stats.get('slots', 0)} busy"),
        BLANK,
        heading("How long it takes (30 days): typical, slow"),
    ]
    rows = [("a whole job", duration), ("waiting", stats.get("queue_wait") or {}), *(stats.get("stages") or {}).items()]
    longest = max((each.get("p95_ms") or 0 for _, each in rows), default=0) or 1
    room = max(10, min(60, width - 44))
    for name, each in rows:
        typical, slow = each.get("p50_ms"), each.get("p95_ms")
        docs.append(
            Doc(
                (
                    Span(" " + fit(name, _LABEL), "dim"),
                    Span(fit(words.span(typical), 9, right=True), "plain"),
                    Span(fit(words.span(slow), 9, right=True) + "  ", "dim"),
                    Span("━" * round((typical or 0) / longest * room), "bar"),
                    Span("─" * round(((slow or 0) - (typical or 0)) / longest * room), "rail"),
                )
            )
        )
    days = list(stats.get("days") or ())[-21:]
    if days:
        docs += [BLANK, heading("Finished per day: done, failed")]
        most = max((each["completed"] + each["failed"] for each in days), default=0) or 1
        docs.extend(_day(each, most, room) for each in days)
    return docs


def _day(each: Json, most: int, room: int) -> Doc:
    done, failed = int(each.get("completed") or 0), int(each.get("failed") or 0)
    return Doc(
        (
            Span(f" {each.get('day', ''):<{_LABEL}}", "dim"),
            Span(fit(words.count(done), 9, right=True), "plain"),
            Span(fit(words.count(failed) if failed else "", 9, right=True) + "  ", "error"),
            Span("━" * round(done / most * room), "bar"),
            Span("━" * (max(1, round(failed / most * room)) if failed else 0), "error"),
        )
    )
