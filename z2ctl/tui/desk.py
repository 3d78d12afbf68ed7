"""What every screen may ask of the app: what is known, why something is not possible, and to do it.

`Desk` is the app without its wiring: cancel, retry, copy, submit are the same wherever they are asked for. Screens
are given it and nothing else.
"""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from textual.app import App
from textual.worker import Worker

from z2ctl import text as words
from z2ctl.client import Client
from z2ctl.tui import documents, terminal
from z2ctl.tui.feed import Feed, Json, in_thread
from z2ctl.tui.jobs import Job, Query
from z2ctl.tui.screens.dialogs import Choice, Confirm, Menu, Prompt, Reader
from z2ctl.tui.settings import Memory, Settings
from z2ctl.tui.state import Phase, State
from z2ctl.tui.widgets.log_view import LogView
from z2d.wire import errors

API = 1
MISSING = {"pause": "this z2d cannot pause a job yet"}
"""Actions whose call the API does not have, and the words for it."""
CHANGING = {
    "new": "submit",
    "many": "submit",
    "cancel": "cancel",
    "retry": "retry",
    "retry_from": "retry",
    "pause": "pause",
}
"""Actions that change something at the daemon, as verbs."""


class Desk(App[int]):
    """See the module."""

    def __init__(self, *, settings: Settings, memory: Memory, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self.settings = settings
        self.memory = memory
        self.clock = clock
        self.state = State()
        self.feed: Feed
        self.ascii_only = settings.ascii
        self.read_only = settings.read_only
        self.paint_every_s = 0.5
        self.log_worker: Worker[None] | None = None

    # -- asked of the wiring ---------------------------------------------------------------------------------------

    @abstractmethod
    def load_list(self, query: Query | None = None) -> None:
        """Read the list, or another one."""

    @abstractmethod
    def load_more(self) -> None:
        """Read the next page."""

    @abstractmethod
    def open_job(self, job_id: int) -> None:
        """Show one job on its screen."""

    @abstractmethod
    def open_log(self, job_id: int) -> None:
        """Show one log on the full screen."""

    @abstractmethod
    def watch_log(self, view: LogView) -> None:
        """Bring the live lines of a view's job to it; the view before gets no more."""

    @abstractmethod
    def unwatch_log(self) -> None:
        """No log is on the screen."""

    # -- saying ----------------------------------------------------------------------------------------------------

    def say(self, text: str, kind: str = "information") -> None:
        """A toast. The text is never read as markup."""
        severity = {"warning": "warning", "error": "error"}.get(kind, "information")
        self.notify(text, severity=severity, markup=False, timeout=6 if severity == "error" else 4)  # type: ignore[arg-type]

    # -- may it be -------------------------------------------------------------------------------------------------

    def why_not(self, action: str) -> str:
        """Why an action is not possible now; empty when it is. `action` may be written as in a binding."""
        name = action.split("(", 1)[0].rsplit(".", 1)[-1]
        if name not in CHANGING:
            return ""
        if name in MISSING:
            return MISSING[name]
        if self.read_only:
            return f"read-only: cannot {CHANGING[name]}"
        line = self.state.line
        if line.api not in (None, API):
            return f"z2d {line.version} speaks another API ({line.api}): cannot {CHANGING[name]}"
        if not line.live:
            where = "not connected" if line.phase is Phase.STARTING else "offline"
            return f"{where}: cannot {CHANGING[name]}"
        return ""

    def allowed(self, action: str) -> bool:
        """Whether an action is possible; if not, the reason is said."""
        if reason := self.why_not(action):
            self.say(reason, "warning")
        return not reason

    # -- submitting ------------------------------------------------------------------------------------------------

    async def check_urls(self, urls: list[str]) -> list[Json]:
        """What would become of each URL; nothing is queued."""
        return await self.feed.call(lambda client: client.submit_batch(urls, dry_run=True))

    def ask_new(self, text: str = "", trouble: str = "") -> None:
        """The dialog for one URL."""
        if not self.allowed("new"):
            return
        from z2ctl.tui.screens.submit import Submit  # its text fields are slow to import and not needed to begin

        def answered(answer: tuple[str, Any] | None) -> None:
            if answer is None:
                return
            kind, value = answer
            if kind == "open":
                self.open_job(int(value))
            else:
                self.run_worker(self._submit(str(value), force=kind == "force"), group="submit")

        self.push_screen(Submit(self.check_urls, text, trouble), answered)

    def ask_many(self, text: str = "", trouble: Sequence[str] = ()) -> None:
        """The dialog for many URLs."""
        if not self.allowed("many"):
            return
        from z2ctl.tui.screens.submit import SubmitMany

        def answered(urls: list[str] | None) -> None:
            if urls:
                self.run_worker(self._submit_many(urls), group="submit")

        self.push_screen(SubmitMany(self.check_urls, text, trouble), answered)

    def pasted(self, text: str) -> None:
        """Text pasted where nobody types: the dialog for one URL, or for many."""
        lines = [line.strip() for line in words.safe(text, lines=True).splitlines() if line.strip()]
        if len(lines) == 1:
            self.ask_new(lines[0][:4096])
        elif lines:
            self.ask_many("\n".join(lines))

    async def _submit(self, url: str, *, force: bool) -> None:
        try:
            answer = await self.feed.call(lambda client: client.submit(url, force=force))
        except errors.Z2Error as error:
            self.ask_new(url, error.detail)
            return
        job = Job.from_wire(answer)
        if answer.get("deduplicated"):
            self.say(f"Job {job.id} has this video already ({words.look(job.display).word})")
        else:
            self.say(f"Queued as job {job.id}")
        self.job_came(job)
        self.select_job(job.id)

    async def _submit_many(self, urls: list[str]) -> None:
        try:
            results = await self.feed.call(lambda client: client.submit_batch(urls))
        except errors.Z2Error as error:
            self.ask_many("\n".join(urls), [error.detail])
            return
        kinds = [str(result.get("result")) for result in results]
        said = [f"{kinds.count('queued')} queued", f"{words.plural(kinds.count('duplicate'), 'duplicate')}"]
        bad = [result for result in results if result.get("result") == "rejected"]
        self.say(", ".join([*said, f"{len(bad)} refused"] if bad else said), "warning" if bad else "information")
        if bad:
            self.ask_many(
                "\n".join(str(result.get("url")) for result in bad),
                [f"{result.get('url')}: {result.get('detail') or result.get('code')}" for result in bad],
            )

    # -- changing jobs ---------------------------------------------------------------------------------------------

    def ask_cancel(self, jobs: Sequence[Job]) -> None:
        """The question before a cancel. The safe answer has the focus."""
        if not self.allowed("cancel"):
            return
        live = [job for job in jobs if not job.over]
        if not live:
            self.say("Already finished: there is nothing to cancel" if jobs else "No job is selected", "warning")
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self.run_worker(self._each(live, "cancel", lambda client, job: client.cancel(job.id)), group="change")

        if len(live) == 1:
            job = live[0]
            where = (
                f"in stage {job.stage}, {words.percent(job.progress)}" if job.running else words.look(job.display).word
            )
            since = (
                f", for {words.duration((self.clock() - job.started) * 1000)}" if job.running and job.started else ""
            )
            kept = "Finished stages are kept: a retry goes on from there."
            lines = [job.name, f"Job {job.id} is {where}{since}.", kept]
            self.push_screen(Confirm("Cancel this job?", lines, "Cancel it", "Keep running"), answered)
        else:
            lines = [f"{job.id}  {job.name}" for job in live[:5]]
            lines += [f"and {len(live) - 5} more"] if len(live) > 5 else []
            self.push_screen(Confirm(f"Cancel {len(live)} jobs?", lines, "Cancel them", "Keep running"), answered)

    def ask_retry(self, jobs: Sequence[Job], from_stage: str | None = None) -> None:
        """Retry at once what failed or was cancelled; ask first for what is done."""
        if not self.allowed("retry"):
            return
        over = [job for job in jobs if job.over]
        if not over:
            self.say("Still on its way: there is nothing to retry" if jobs else "No job is selected", "warning")
            return

        def go(yes: bool | None = True) -> None:
            if yes:
                self.run_worker(
                    self._each(over, "retry", lambda client, job: client.retry(job.id, from_stage)), group="change"
                )

        done = [job for job in over if job.status == "COMPLETED"]
        if not done and (len(over) == 1 or from_stage):
            go()
            return
        where = f"from {from_stage} on" if from_stage else "again"
        lines = [f"{job.id}  {job.name}" for job in over[:5]]
        lines += [f"and {len(over) - 5} more"] if len(over) > 5 else []
        if done:
            lines.append("What is done is reused where its input has not changed.")
        title = f"Run {words.plural(len(over), 'job')} {where}?"
        self.push_screen(Confirm(title, lines, "Run", "Leave"), go)

    def ask_stage(self, jobs: Sequence[Job]) -> None:
        """Ask from which stage to retry."""
        if not self.allowed("retry_from"):
            return
        choices = [Choice(stage, f"{number} {stage}") for number, stage in enumerate(words.STAGES, 1)]

        def answered(stage: str | None) -> None:
            if stage:
                self.ask_retry(jobs, stage)

        self.push_screen(Menu("Retry from which stage?", choices), answered)

    async def _each(self, jobs: Sequence[Job], verb: str, call: Callable[[Client, Job], Json]) -> None:
        """Do something to each job; one sentence about all of it."""
        done, trouble = 0, ""
        for job in jobs:
            try:
                answer = await self.feed.call(lambda client, job=job: call(client, job))  # type: ignore[misc]
            except errors.Z2Error as error:
                trouble = trouble or f"{verb} {job.id}: {error.detail}"
                continue
            done += 1
            self.job_came(Job.from_wire(answer))
        self.state.marks.clear()
        if trouble:
            self.say(trouble if not done else f"{done} done; {trouble}", "error")
        elif verb == "cancel":
            self.say("Cancelling; r retries later" if done == 1 else f"Cancelling {done} jobs")
        else:
            self.say(f"Queued {words.plural(done, 'job')} again")

    @abstractmethod
    def job_came(self, job: Job) -> None:
        """A job as the daemon just answered it, before the socket says so too."""

    @abstractmethod
    def select_job(self, job_id: int) -> None:
        """Put the list's cursor on a job."""

    # -- taking away -----------------------------------------------------------------------------------------------

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
                self.run_worker(self._save(text, Path(path).expanduser()), group="save")

        lines = words.plural(text.count("\n"), "line")
        self.push_screen(Prompt("Write to a file", f"{lines}, to:", f"~/{name}"), answered)

    async def _save(self, text: str, path: Path) -> None:
        def write() -> None:
            with path.open("x", encoding="utf-8", errors="replace") as file:
                file.write(text)

        try:
            await in_thread(write)
        except FileExistsError:
            self.say(f"{path} is there already: nothing was written", "error")
        except OSError as error:
            self.say(f"{path}: {error.strerror or error}", "error")
        else:
            self.say(f"Written: {path}")
