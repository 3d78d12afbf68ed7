"""Taking something away: to the clipboard of the person's own machine, to the screen as text, to a file."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

from z2ctl import text as words
from z2ctl.tui import documents, terminal
from z2ctl.tui.feed import in_thread
from z2ctl.tui.ground import Ground
from z2ctl.tui.job import Job
from z2ctl.tui.screens.dialogs import Prompt, Reader
from z2ctl.tui.widgets.log_view import Entry
from z2d.wire import errors

LOG_PAGE = 500
"""Lines of one call, as the API has it."""


class Taking(Ground):
    """See the module."""

    def copy(self, text: str, what: str) -> None:
        """Put a text on the clipboard and say how."""
        if not text:
            self.say("There is nothing to copy", "warning")
            return

        async def go() -> None:
            driver = self._driver
            write = driver.write if driver is not None else lambda _text: None
            try:
                how = await in_thread(lambda: terminal.copy(text, write))
            except OSError as error:
                how = ""
                self.log(error)
            self.say(f"Copied {what} {how}" if how else f"Too long for the clipboard: W writes {what} to a file")

        self.run_worker(go(), group="copy")

    def copy_of(self, job: Job | None, what: str) -> None:
        """Copy something of a job: url, id, title, or the path where it was published."""
        if job is None:
            self.say("No job is selected", "warning")
        elif what == "path":
            self.run_worker(self._copy_path(job.id), group="copy")
        else:
            self.copy({"url": job.url, "id": str(job.id), "title": job.name}[what], f"the {what}")

    async def _copy_path(self, job_id: int) -> None:
        try:
            detail = await self.feed.call(lambda client: client.job(job_id))
        except errors.Z2Error as error:
            self.say(error.detail, "error")
            return
        path = documents.published_path(detail)
        if path:
            self.copy(path, "the path")
        else:
            self.say(f"Job {job_id} is not published yet", "warning")

    def show_url(self, job: Job | None) -> None:
        """The URL as text, for the terminal's own selection."""
        if job is not None:
            self.push_screen(Reader(f"Job {job.id}", job.url))

    def ask_save(self, text: str, name: str) -> None:
        """Ask where to write a text."""
        if not text.strip():
            self.say("There is nothing to write", "warning")
            return

        def answered(path: str | None) -> None:
            if path:
                self.run_worker(self._write(_whole(text), Path(path).expanduser()), group="save")

        lines = words.plural(text.count("\n"), "line")
        self.push_screen(Prompt("Write to a file", f"{lines}, to:", f"~/{name}", check=unfit), answered)

    def ask_save_log(self, job_id: int, lines: int) -> None:
        """Ask where to write the whole log of a job, whatever part of it is loaded."""
        if not lines:
            self.say("There is nothing to write", "warning")
            return

        def answered(path: str | None) -> None:
            if path:
                self.run_worker(self._write(self._log_lines(job_id), Path(path).expanduser()), group="save")

        said = f"{words.plural(lines, 'line')}, to:"
        self.push_screen(Prompt("Write to a file", said, f"~/z2-job-{job_id}.log", check=unfit), answered)

    async def _log_lines(self, job_id: int) -> AsyncIterator[str]:
        """All lines of a job's log, page by page."""
        after = 0
        while True:
            page = await self.feed.call(lambda client, after=after: client.logs(job_id, after=after, limit=LOG_PAGE))  # type: ignore[misc]
            entries = [Entry.from_wire(line) for line in page["items"]]
            yield "".join(f"{entry.text()}\n" for entry in entries)
            if len(entries) < LOG_PAGE:
                return
            after = entries[-1].seq

    async def _write(self, pieces: AsyncIterator[str], path: Path) -> None:
        """Write a new file, whole or not at all."""
        try:
            file = await in_thread(lambda: path.open("x", encoding="utf-8", errors="replace"))
        except FileExistsError:
            self.say(f"{path} is there already: nothing was written", "error")
            return
        except OSError as error:
            self.say(f"{path}: {error.strerror or error}", "error")
            return
        try:
            with file:
                async for piece in pieces:
                    await in_thread(lambda piece=piece: file.write(piece))  # type: ignore[misc]
        except (OSError, errors.Z2Error) as error:
            await in_thread(lambda: path.unlink(missing_ok=True))
            self.say(f"{path}: {getattr(error, 'detail', None) or error}", "error")
        else:
            self.say(f"Written: {path}")


def unfit(name: str) -> str:
    """Why no new file can be written under a name; empty when it can. Said while the name can still be mended."""
    path = os.path.expanduser(name)  # noqa: PTH111 - leaves what it cannot expand, where Path raises
    folder = os.path.dirname(path) or "."  # noqa: PTH120
    if os.path.isdir(path):  # noqa: PTH112
        return f"{name} is a folder: name a file in it."
    if os.path.lexists(path):
        return f"{name} is there already, and nothing is written over."
    if not os.path.isdir(folder):  # noqa: PTH112
        return f"There is no folder {folder}."
    return "" if os.access(folder, os.W_OK) else f"This account may not write in {folder}."


async def _whole(text: str) -> AsyncIterator[str]:
    yield text
