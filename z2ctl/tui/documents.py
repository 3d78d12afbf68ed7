"""The tabs of a job as paragraphs, made from a `JobDetail` whose texts are safe. Pure data: no widget, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from z2ctl import text as words
from z2ctl.origin import Facts, analysis_origin, library_folder, transcript_origin
from z2ctl.tui.job import Job
from z2ctl.tui.paint import Span, fit
from z2ctl.tui.widgets.doc_view import Doc, OpenJob, Publication, Second, StageLine, Take

Json = Mapping[str, Any]
BLANK = Doc()
_LABEL = 13


def heading(text: str) -> Doc:
    """The title of a section."""
    return Doc((Span(" "),), text, "primary bold")


def fact(label: str, text: object, *, role: str = "plain", target: Any = None) -> Doc:
    """A name and its value."""
    return Doc((Span(" " + fit(label, _LABEL), "dim"),), str(text), role, target)


def note(text: str) -> Doc:
    """A quiet sentence."""
    return Doc((Span(" "),), text, "dim")


def state_line(job: Job, now: float) -> Doc:
    """Glyph, word and reason of a job's state."""
    look = words.look(job.display)
    role = "primary" if look.style == "running" else look.style
    word = job.next_try(now) or look.word
    if job.running and job.stage and job.display == "RUNNING":
        word = f"{job.stage} {words.percent(job.progress)}"
    elif job.kind == "COLLECTION" and job.display == "WAITING":
        word = f"{word} for its entries, {words.percent(job.progress)}"
    spans = [Span(f" {look.glyph} ", role), Span(word, f"{role} bold")]
    if job.outcome and job.outcome != "FULL":
        spans.append(Span(f"  {job.outcome.lower()}", "warning"))
    if job.wait and not job.over:
        spans.append(Span(f"  waiting: {words.waits_for(job.wait, job.stage)}", "dim"))
    return Doc(tuple(spans))


def preview(job: Job, detail: Json | None, now: float) -> list[Doc]:
    """The short form beside the list."""
    docs = [state_line(job, now), Doc((Span(" "),), job.name, "bold")]
    if job.channel:
        docs.append(note(job.channel))
    docs.extend(_error(job))
    if detail:
        docs.append(BLANK)
        docs.extend(_stages(detail))
    docs.append(BLANK)
    docs.extend(_facts(job, short=True))
    if detail and (analysis := detail.get("analysis")):
        docs.append(BLANK)
        docs.append(heading("Summary"))
        docs.extend(_paragraphs(analysis.get("summary_short") or analysis.get("summary")))
    return docs


def overview(job: Job, detail: Json | None, now: float) -> list[Doc]:
    """The first tab: what it is, how far it came, what it said."""
    docs = [state_line(job, now), Doc((Span(" "),), job.name, "bold")]
    docs.extend(_error(job))
    docs.append(BLANK)
    if detail is None:
        return [*docs, *_facts(job, short=False), BLANK, note("Loading…")]
    if place := list(_place(job, detail)):
        docs += [*place, BLANK]
    if job.kind == "COLLECTION":
        docs.extend(_entries(detail))
    else:
        docs.append(heading("Stages"))
        docs.extend(_stages(detail))
    docs.append(BLANK)
    docs.extend(_facts(job, short=False))
    docs.extend(_metadata(detail.get("metadata") or {}))
    if detail.get("warnings"):
        docs.append(fact("Warnings", f"{words.count(detail['warnings'])} in the log", role="warning"))
    if head := detail.get("transcript"):
        docs += [BLANK, heading("Transcript"), *_origin(transcript_origin(head))]
    attempts = [each for each in detail.get("attempts") or () if isinstance(each, Mapping)]
    if len(attempts) > 1:
        docs.append(BLANK)
        docs.append(heading("Attempts"))
        docs.extend(_attempt(each) for each in attempts)
    description = (detail.get("metadata") or {}).get("description")
    if description:
        docs.append(BLANK)
        docs.append(heading("Description"))
        docs.extend(_paragraphs(description))
    return docs


def analysis(detail: Json) -> list[Doc]:
    """Summary, key passages with their quotes and seconds, chapters, topics, keywords."""
    found = detail.get("analysis")
    if not found:
        return [_missing(detail, "There is no analysis", stage="analysis")]
    docs = [heading("Summary"), *_paragraphs(found.get("summary") or found.get("summary_short"))]
    if insights := found.get("insights"):
        docs += [BLANK, heading("Key passages")]
        for each in insights:
            docs.extend(_insight(each))
    if chapters := found.get("chapters"):
        docs += [BLANK, heading("Chapters")]
        docs.extend(_moment(each.get("start_ms"), each.get("title")) for each in chapters)
    if topics := found.get("topics"):
        docs += [BLANK, heading("Topics")]
        docs.extend(_topic(each) for each in topics)
    if keywords := found.get("keywords"):
        docs += [BLANK, heading("Keywords")]
        docs.extend(_moment(each.get("start_ms"), each.get("term")) for each in keywords)
    docs += [BLANK, heading("How it came about"), *_made_by(found)]
    return docs


def transcript(cues: Iterable[Json]) -> list[Doc]:
    """Each cue at its second."""
    docs = []
    for cue in cues:
        start = int(cue.get("start_ms") or 0)
        speaker = f"{cue['speaker']}: " if cue.get("speaker") else ""
        docs.append(
            Doc(
                (Span(f" {words.duration(start):>8}  ", "dim"),),
                f"{speaker}{cue.get('text') or ''}",
                "plain",
                Second(start),
            )
        )
    return docs


def no_transcript(detail: Json) -> list[Doc]:
    """Why there is none."""
    return [_missing(detail, "There is no transcript", stage="transcript")]


def files(detail: Json) -> list[Doc]:
    """What lies in the job's folder."""
    found = detail.get("files") or ()
    if not found:
        return [_missing(detail, "There are no files")]
    docs = []
    for each in found:
        gone = each.get("state") != "PRESENT"
        head = (
            Span(" " + fit(str(each.get("kind") or "").lower().replace("_", " "), 16), "dim"),
            Span(fit(words.size(each.get("size_bytes")), 9, right=True) + "  ", "plain"),
        )
        path = str(each.get("path") or "")
        tail = f"  ({str(each['state']).lower()})" if gone else ""
        docs.append(Doc(head, path + tail, "dim" if gone else "plain", Take("path", path)))
    total = sum(each.get("size_bytes") or 0 for each in found if each.get("state") == "PRESENT")
    return [*docs, BLANK, note(f"{words.plural(len(found), 'file')}, {words.size(total)}; enter copies a path")]


def publishing(detail: Json) -> list[Doc]:
    """Where it was published, and what became of each try."""
    found = detail.get("publishing") or ()
    if not found:
        return [_missing(detail, "It is not published", stage="publishing")]
    docs = [doc for each in found for doc in _publication(each)]
    return [*docs, BLANK, note("A publishes again: the target under the cursor, or every one; enter copies the place.")]


def _publication(each: Json) -> Iterator[Doc]:
    look = words.publication_look(each.get("status"))
    role = "primary" if look.style == "running" else look.style
    target, place = str(each.get("target") or ""), str(each.get("remote_url") or "")
    event = str(each.get("event") or "publish")
    head = (
        Span(f" {look.glyph} ", role),
        Span(fit(target if event == "publish" else f"{target}, {event}", 16), "bold"),
        Span(fit(look.word, 16), role),
    )
    yield Doc(head, place, "plain", Publication(target, place))
    if each.get("published_at"):
        yield fact("    at", words.day_and_time(each["published_at"]))
    if (each.get("attempt") or 0) > 1:
        again = f", again {words.day_and_time(each.get('run_after'))}" if each.get("status") == "PENDING" else ""
        yield fact("    tries", f"{each['attempt']} of {each.get('max_attempts')}{again}")
    if each.get("error_message"):
        yield fact("    because", each["error_message"], role="error")


def published_path(detail: Json) -> str:
    """Where it lies for a person: its folder in the library, else the first place it was published at."""
    first = (str(each["remote_url"]) for each in detail.get("publishing") or () if each.get("remote_url"))
    return library_folder(detail) or next(first, "")


def _facts(job: Job, *, short: bool) -> Iterator[Doc]:
    yield fact("URL", job.url, target=Take("URL", job.url))
    if job.length_ms is not None:
        yield fact("Length", words.duration(job.length_ms))
    if job.started is not None and job.finished is not None:
        yield fact("Took", words.span((job.finished - job.started) * 1000))
    if short:
        return
    yield fact("Id", job.id, target=Take("id", str(job.id)))
    if job.channel:
        yield fact("Channel", job.channel)
    if job.tags:
        yield fact("Tags", ", ".join(job.tags))
    if job.priority:
        yield fact("Priority", job.priority)
    if job.attempt > 1:
        yield fact("Attempt", job.attempt)


def _place(job: Job, detail: Json) -> Iterator[Doc]:
    """Where it stands among others: in the queue, in a list, beside its original."""
    if detail.get("queue_position"):
        yield fact("In the queue", f"place {detail['queue_position']}")
    if detail.get("run_after") and job.display in ("SCHEDULED", "RETRYING"):
        yield fact("Not before", words.day_and_time(detail["run_after"]))
    if resumed := words.once_resumed(detail):
        yield fact("Once resumed", resumed)
    if detail.get("why") and not job.over and job.display != "RETRYING":  # the first line says it, and counts down
        yield fact("Why", detail["why"])
    if job.parent is not None:
        yield fact("Part of", f"job {job.parent}", target=OpenJob(job.parent))
    if detail.get("duplicate_of"):
        yield fact("Same as", f"job {detail['duplicate_of']}", target=OpenJob(int(detail["duplicate_of"])))


def _entries(detail: Json) -> Iterator[Doc]:
    """The entries of a list, each leading to its job."""
    entries = detail.get("children") or ()
    yield heading(words.plural(len(entries), "entry", "entries"))
    for each in entries:
        look = words.look(each.get("display_status"))
        role = "primary" if look.style == "running" else look.style
        percent = f" {words.percent(each.get('progress'))}" if each.get("display_status") == "RUNNING" else ""
        error = f"  {each['error'].get('message')}" if each.get("error") else ""
        same = f"  same as job {each['duplicate_of']}" if each.get("duplicate_of") else ""
        head = (
            Span(f" {look.glyph} ", role),
            Span(fit(f"{look.word}{percent}", 14), role),
            Span(fit(str(each.get("id") or ""), 7), "dim"),
        )
        title = str(each.get("title") or each.get("url") or "")
        yield Doc(head, f"{title}{error}{same}", "error" if error else "plain", OpenJob(int(each.get("id") or 0)))


def _metadata(data: Json) -> Iterator[Doc]:
    for label, name in (("Language", "language"), ("Licence", "license"), ("Uploader", "uploader")):
        if data.get(name):
            yield fact(label, data[name])
    if data.get("published_at"):
        yield fact("Published", words.day_and_time(data["published_at"]))
    if data.get("width") and data.get("height"):
        codecs = " ".join(str(data[name]) for name in ("vcodec", "acodec") if data.get(name))
        yield fact("Picture", f"{data['width']}×{data['height']} {codecs}".strip())


def _error(job: Job) -> Iterator[Doc]:
    if not job.error:
        return
    where = f"{job.error_stage}: " if job.error_stage else ""
    yield Doc((Span(" "),), f"{where}{job.error}", "error" if job.status == "FAILED" else "warning")
    if job.hint:
        yield note(job.hint)


def _stages(detail: Json) -> Iterator[Doc]:
    for each in detail.get("stages") or ():
        look = words.stage_look(each.get("status"))
        role = "primary" if look.style == "running" else look.style
        name = str(each.get("stage") or "")
        status = str(each.get("status") or "")
        took = _stage_took(each)
        said = ""
        if status == "RUNNING":
            parts = (words.percent(each.get("progress")), words.speed(each.get("speed_bps")), each.get("detail") or "")
            said = " ".join(str(part) for part in parts if part)
        elif status == "SKIPPED":
            said = f"skipped: {each.get('skip_reason') or ''}"
        elif status == "FAILED":
            said = str(each.get("error_message") or "")
        elif status == "DONE":
            said = words.size(each["bytes_total"]) if each.get("bytes_total") else str(each.get("detail") or "")
        head = (
            Span(f" {look.glyph} ", role),
            Span(fit(name, 11), role if status in ("RUNNING", "FAILED") else "plain" if status == "DONE" else "dim"),
            Span(fit(took, 8, right=True) + "  ", "dim"),
        )
        yield Doc(head, said, "error" if status == "FAILED" else "dim", StageLine(name))


def _stage_took(stage: Json) -> str:
    start, end = words.moment(stage.get("started_at")), words.moment(stage.get("finished_at"))
    return words.span((end - start).total_seconds() * 1000) if start and end else ""


def _attempt(each: Json) -> Doc:
    head = (
        Span(f" {each.get('attempt', '')!s:>3}  ", "dim"),
        Span(fit(str(each.get("result") or "running").lower(), 12), "plain"),
    )
    said = f"{words.day_and_time(each.get('started_at'))}  {each.get('error_message') or ''}"
    return Doc(head, said.strip(), "dim")


def _insight(each: Json) -> Iterator[Doc]:
    start = int(each.get("start_ms") or 0)
    mark = Span("✓ ", "success") if each.get("verified") else Span("? ", "warning")
    yield Doc(
        (Span(f" {words.duration(start):>8} ", "accent"), mark), str(each.get("text") or ""), "bold", Second(start)
    )
    if each.get("quote") and each.get("quote") != each.get("text"):
        yield Doc((Span(" " * 12),), f"“{each['quote']}”", "dim", Second(start))


def _moment(start: object, text: object) -> Doc:
    if not isinstance(start, int):
        return Doc((Span(" " * 12),), str(text or ""))
    return Doc((Span(f" {words.duration(start):>8}   ", "accent"),), str(text or ""), "plain", Second(start))


def _topic(each: Json) -> Doc:
    spans = each.get("spans") or ()
    first = int(spans[0][0]) if spans else None
    keywords = ", ".join(str(word) for word in each.get("keywords") or ())
    doc = _moment(first, each.get("label"))
    return Doc(doc.head, f"{doc.text}{'  - ' + keywords if keywords else ''}", "plain", doc.target)


def _made_by(found: Json) -> Iterator[Doc]:
    total, good = found.get("grounding_total") or 0, found.get("grounding_verified") or 0
    yield note(f"{good} of {total} passages are the speaker's own words (✓).")
    if found.get("basis") == "description":
        yield Doc((Span(" "),), "There was no transcript: this rests on the description alone.", "warning")
    yield from _origin([(name, value) for name, value in analysis_origin(found) if name != "found again"])


def _origin(facts: Facts) -> Iterator[Doc]:
    for name, value in facts:
        yield fact(name.capitalize(), value, role="warning" if name == "note" else "plain")


def _paragraphs(text: object) -> list[Doc]:
    return [Doc((Span(" "),), line.replace("\t", "    ")) for line in str(text or "").split("\n")]


def _missing(detail: Json, said: str, *, stage: str = "") -> Doc:
    """Why something is not there, and where it is instead. "Yet" is said only of a job from which more can come."""
    for each in detail.get("stages") or ():
        if each.get("stage") == stage and each.get("status") == "SKIPPED":
            return note(f"Skipped: {each.get('skip_reason') or 'no reason given'}")
        if each.get("stage") == stage and each.get("status") == "FAILED":
            return note(f"Failed: {each.get('error_message') or 'no reason given'}")
    if original := detail.get("duplicate_of"):
        where = f"{said} here: the video is that of job {original}, and enter goes there."
        return Doc((Span(" "),), where, "dim", OpenJob(int(original)))
    if detail.get("kind") == "COLLECTION":
        return note(f"{said} of a list; its entries, on the overview, are jobs of their own.")
    ended = {"FAILED": ": the job failed before", "CANCELLED": ": the job was cancelled before", "COMPLETED": ""}
    return note(f"{said}{ended.get(str(detail.get('status')), ' yet')}.")
