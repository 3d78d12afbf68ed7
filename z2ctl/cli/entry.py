"""What a finished job brought, for a person: summary, key passages and chapters with their times, and where it lies."""

from __future__ import annotations

from pathlib import Path

from z2ctl import text
from z2ctl.cli.app import App
from z2ctl.cli.jobs import failure, last_words, state_cell
from z2ctl.cli.output import Cell, Page
from z2ctl.client import Json
from z2ctl.origin import library_folder


def show_entry(app: App, page: Page, job: Json) -> None:
    """Print the result of a `JobDetail`."""
    page.heading(job.get("title") or job.get("url"))
    about = [text.safe(job.get("channel") or job.get("site")), text.duration(job.get("duration_ms"))]
    page.write(state_cell(app, job), Cell(" · ".join(["", *[word for word in about if word]]), "dim"))
    failure(page, job)
    last_words(app, page, job)
    _analysis(page, job.get("analysis") or {})
    _places(page, job)


def _analysis(page: Page, analysis: Json) -> None:
    if summary := analysis.get("summary") or analysis.get("summary_short"):
        basis = "" if analysis.get("basis") == "transcript" else " (from title and description: there is no transcript)"
        page.heading("Summary" + basis)
        page.paragraph(summary)
    if insights := analysis.get("insights"):
        page.heading("Key passages")
        page.pairs([(text.duration(insight["start_ms"]), Cell(insight["quote"])) for insight in insights])
    if chapters := analysis.get("chapters"):
        page.heading("Chapters")
        page.pairs([(text.duration(chapter["start_ms"]), Cell(chapter["title"])) for chapter in chapters])
    if topics := analysis.get("topics"):
        page.heading("Topics")
        page.write(Cell(", ".join(text.safe(topic["label"]) for topic in topics)))


def _places(page: Page, job: Json) -> None:
    """Where the entry lies. Its files are looked up on this machine; a daemon elsewhere names the folder only."""
    folder = library_folder(job)
    if folder is None:
        return
    page.heading("Where it lies")
    page.place("folder", folder)
    media = {Path(file["path"]).suffix for file in job.get("files") or [] if file["kind"] == "media"}
    try:
        names = sorted(path.name for path in Path(folder).iterdir())
    except (OSError, ValueError):  # elsewhere, not for this account, or no path at all
        names = []
    for name in names:
        kind = "note" if name.endswith(".md") else "media" if Path(name).suffix in media else None
        if kind:
            page.place(kind, Path(folder) / name)
    page.write(
        Cell(f"z2ctl transcript {job['id']}, z2ctl show {job['id']} and z2ctl logs {job['id']} say more.", "dim")
    )
