"""One job: overview, log, transcript, analysis, files, publishing, each read when it is first looked at."""

from __future__ import annotations

import json
import re
from functools import partial
from typing import Any

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import ContentSwitcher

from z2ctl import text as words
from z2ctl.client import Client
from z2ctl.tui import documents, keymap, work
from z2ctl.tui.feed import clean
from z2ctl.tui.job import Job
from z2ctl.tui.jobs import Change
from z2ctl.tui.paint import Span
from z2ctl.tui.screens.acting import Acting
from z2ctl.tui.screens.dialogs import Prompt
from z2ctl.tui.throttle import Throttle
from z2ctl.tui.widgets.bars import TabBar
from z2ctl.tui.widgets.doc_view import Doc, OpenJob, Publication, Second, StageLine, Take
from z2ctl.tui.widgets.lines import LineView
from z2ctl.tui.widgets.panes import LogPane, TextPane, ViewPane
from z2d.wire import errors

TABS = ("overview", "log", "transcript", "analysis", "files", "publishing")
READ_AGAIN_S = 1.0


class Detail(Acting):
    """See the module."""

    BINDINGS = keymap.bindings("detail")
    AUTO_FOCUS = ""
    DEFAULT_CSS = """
    Detail #tabs-space { height: 1fr; }
    Detail ContentSwitcher { height: 1fr; }
    """

    def __init__(self, job_id: int, tab: str = "overview", at_ms: int | None = None) -> None:
        super().__init__()
        self.job_id = job_id
        self.tab = "transcript" if at_ms is not None else tab if tab in TABS else "overview"
        self._detail: dict[str, Any] | None = None
        self._cues: list[Doc] | None = None
        self._trouble = ""
        self._wanted_ms = at_ms
        self._again: Throttle

    def compose(self) -> ComposeResult:
        """The tabs and what they show."""
        yield from self.frame_top()
        self.tab_bar, self.switcher = TabBar(TABS), ContentSwitcher(initial=self.tab)
        self.log_pane = LogPane(node_id="log")
        self.texts = {tab: TextPane(node_id=tab, placeholder="Loading…") for tab in TABS if tab != "log"}
        yield self.tab_bar
        with Vertical(id="tabs-space"), self.switcher:
            yield self.log_pane
            yield from self.texts.values()
        yield from self.frame_bottom()

    def on_mount(self) -> None:
        """Show what the list knew; read the rest."""
        self._again = Throttle(self, self._read, READ_AGAIN_S)
        self.log_pane.view.set_wrap(self.desk.memory.wrap)
        self._job_shown()
        self._again.ask()
        self._tab_shown()

    @property
    def job(self) -> Job | None:
        """What is known of the job now."""
        if self._detail is not None:
            read, listed = Job.from_wire(self._detail), self.desk.state.find(self.job_id)
            return listed if listed is not None and listed.rev >= read.rev else read
        return self.desk.state.find(self.job_id)

    def pane(self, tab: str) -> ViewPane:
        """The pane of a tab."""
        return self.log_pane if tab == "log" else self.texts[tab]

    # -- told by the app -------------------------------------------------------------------------------------------

    def refresh_all(self) -> None:
        """Back on top."""
        super().refresh_all()
        self._job_shown()
        self._again.ask()
        self._tab_shown()

    def list_changed(self, change: Change, job: Job | None = None) -> None:
        """The job may have been in a page that just came."""
        if self._detail is None:
            self._job_shown()

    def job_changed(self, job: Job) -> None:
        """This job changed: read it again, and its log goes on when it runs again."""
        if job.id != self.job_id:
            return
        self._again.ask()
        if self.tab == "log":
            self.desk.watch_log(self.log_pane.view)

    def moved(self, job_id: int) -> None:
        """It moved on: read the stages again, now and then."""
        if job_id == self.job_id and self.tab == "overview":
            self._again.ask()

    def tick(self) -> None:
        """The time to the next attempt."""
        super().tick()
        job, now = self.job if self.tab == "overview" else None, self.desk.clock()
        if job is not None and job.next_try(now):
            self.texts["overview"].view.show(documents.overview(job, self._detail, now))

    def line_changed(self) -> None:
        """Back again: read what may have changed."""
        super().line_changed()
        if self.desk.state.line.live:
            self._again.ask()

    # -- reading ---------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        work.start(self, partial(self._read_detail, self.job_id), "detail")

    def _wants(self, job_id: int) -> bool:
        """Whether an answer is still of use: the screen is open, and shows that job."""
        return self.is_attached and job_id == self.job_id

    async def _read_detail(self, job_id: int) -> None:
        try:
            detail = await self.desk.feed.call(lambda client: _all_of(client, job_id))
        except errors.Z2Error as error:
            if self._wants(job_id):
                self._trouble = error.detail
                self._job_shown()
            return
        if self._wants(job_id):
            self._detail, self._trouble = detail, ""
            self._job_shown()

    async def _read_transcript(self, job_id: int) -> None:
        pane = self.texts["transcript"]
        try:
            text = await self.desk.feed.call(lambda client: {"raw": json.loads(client.transcript(job_id, "json"))})
        except (errors.Z2Error, ValueError) as error:
            if self._wants(job_id):
                said = [documents.note(clean(str(error)))]
                missing = isinstance(error, errors.TranscriptNotFound) and self._detail
                pane.view.show(documents.no_transcript(self._detail) if missing and self._detail else said)
            return
        if self._wants(job_id):
            self._cues = documents.transcript(text["raw"].get("cues") or ())
            pane.view.show(self._cues or [documents.note("The transcript is empty.")])
            self._retitle()
            if self._wanted_ms is not None:
                self.call_after_refresh(pane.view.go_to, self._wanted_ms)
                self._wanted_ms = None

    # -- showing ---------------------------------------------------------------------------------------------------

    def _job_shown(self) -> None:
        job, detail = self.job, self._detail
        bar = self.tab_bar
        if job is None:
            title = self._trouble or "Loading…"
            bar.say(self.tab, f"Job {self.job_id}", title, self._counts())
            if self._trouble:
                self.texts["overview"].view.show([Doc((Span(" "),), self._trouble, "error")])
            return
        bar.say(self.tab, f"{job.id}", job.name, self._counts())
        self.texts["overview"].view.show(documents.overview(job, detail, self.desk.clock()))
        if detail is not None:
            self.texts["analysis"].view.show(documents.analysis(detail))
            self.texts["files"].view.show(documents.files(detail))
            self.texts["publishing"].view.show(documents.publishing(detail))
            self.log_pane.view.origin = job.started
        self._retitle()
        self.key_bar.changed()

    def _counts(self) -> dict[str, int]:
        detail = self._detail or {}
        counts = {"files": len(detail.get("files") or ()), "publishing": len(detail.get("publishing") or ())}
        return {tab: number for tab, number in counts.items() if number}

    def _retitle(self) -> None:
        detail = self._detail or {}
        head = detail.get("transcript") or {}
        said = f"{words.count(head.get('words'))} words · {head.get('language')} · {head.get('source')}" if head else ""
        for tab, pane in self.texts.items():
            pane.name_of_file = f"z2-job-{self.job_id}-{tab}.txt"
            pane.words = [Span(said.lower().replace("_", " "), "dim")] if said and tab == "transcript" else []
            pane.retitle()

    def _tab_shown(self) -> None:
        self.switcher.current = self.tab
        self.desk.memory.detail_tab = self.tab
        pane = self.pane(self.tab)
        pane.focus_view()
        if self.tab == "log":
            log = self.log_pane
            if log.view.job_id != self.job_id:
                job = self.job
                log.view.clear(self.job_id, job.started if job else None)
            self.desk.watch_log(log.view)
        else:
            self.desk.unwatch_log()
        if self.tab == "transcript" and self._cues is None:
            work.start(self, partial(self._read_transcript, self.job_id), "transcript")
        job = self.job
        self.tab_bar.say(self.tab, f"{self.job_id}", job.name if job else "Loading…", self._counts())
        pane.retitle()

    # -- keys ------------------------------------------------------------------------------------------------------

    def action_turn_tab(self, by: int) -> None:
        """The next or previous tab."""
        self.tab = TABS[(TABS.index(self.tab) + by) % len(TABS)]
        self._tab_shown()

    @on(TabBar.Chosen)
    def _tab_clicked(self, event: TabBar.Chosen) -> None:
        self.tab = event.tab
        self._tab_shown()

    def action_neighbour(self, by: int) -> None:
        """The next or previous job of the list, without closing."""
        state = self.desk.state
        at = state.window.index_of(self.job_id)
        if at is None or not 0 <= at + by < len(state.window.rows):
            self.desk.say("No further job is loaded" if by > 0 else "This is the first job")
            return
        job = state.select(at + by)
        if job is not None:
            self._turn_to(job.id)

    def _turn_to(self, job_id: int) -> None:
        """Show another job."""
        self.job_id, self._detail, self._cues, self._trouble = job_id, None, None, ""
        for pane in self.texts.values():
            pane.view.show([documents.note("Loading…")])
        self._job_shown()
        self._read()
        self._tab_shown()

    def targets(self) -> list[Job]:
        """This job."""
        job = self.job
        return [job] if job else []

    def action_retry_from(self) -> None:
        """Retry from the stage under the cursor, or from one of all."""
        target = self.texts["overview"].view.target() if self.tab == "overview" else None
        if isinstance(target, StageLine):
            if self.desk.allowed("retry_from"):
                self.desk.ask_retry(self.targets(), target.stage)
        else:
            self.desk.ask_stage(self.targets())

    def action_copy(self, what: str) -> None:
        """Copy something of this job."""
        if what == "path" and self._detail is not None:
            self.desk.copy(documents.published_path(self._detail), "the path")
        else:
            super().action_copy(what)

    def action_publish(self) -> None:
        """Publish again: to the target under the cursor, or to all."""
        target = self.texts["publishing"].view.target() if self.tab == "publishing" else None
        name = target.target if isinstance(target, Publication) else ""
        self.desk.ask_publish(self.job, name, self._again.ask)

    def action_log_full(self) -> None:
        """The log on the full screen."""
        self.desk.open_log(self.job_id)

    def go_back(self) -> None:
        """Escape: forget the words that are looked for, then close."""
        if not self.pane(self.tab).clear_find():
            self.app.pop_screen()

    # -- lines that lead somewhere ---------------------------------------------------------------------------------

    @on(LineView.Chosen)
    def _chosen(self, event: LineView.Chosen) -> None:
        item = event.view.items[event.index]
        target = item.target if isinstance(item, Doc) else None
        if isinstance(target, Take):
            self.desk.copy(target.text, f"the {target.what}")
        elif isinstance(target, Publication) and target.place:
            self.desk.copy(target.place, "the place")
        elif isinstance(target, OpenJob):
            self._turn_to(target.job_id)
        elif isinstance(target, Second) and self.tab != "transcript":
            self.tab = "transcript"
            self._tab_shown()
            self._go_when_read(target.ms)

    def _go_when_read(self, ms: int) -> None:
        """To a second of the transcript, as soon as it is there."""
        if self._cues is None:
            self._wanted_ms = ms
        else:
            self.call_after_refresh(self.texts["transcript"].view.go_to, ms)

    @on(TextPane.JumpWanted)
    def _jump(self, event: TextPane.JumpWanted) -> None:
        def check(text: str) -> str:
            return "" if moment_of(text) is not None else f"“{text}” is not a time: 1:23, 1:02:03 or seconds"

        def answered(text: str | None) -> None:
            if text is not None and (ms := moment_of(text)) is not None:
                self.tab = "transcript"
                self._tab_shown()
                self._go_when_read(ms)

        said = "Minutes and seconds, as 12:34 or 1:02:03:"
        self.app.push_screen(Prompt("Go to a time", said, check=check), answered)

    def on_key(self, event: events.Key) -> None:
        """Digits choose a tab, where the log does not use them for levels."""
        if self.tab != "log" and event.character and event.character in "123456":
            self.tab = TABS[int(event.character) - 1]
            self._tab_shown()
            event.stop()


def _all_of(client: Client, job_id: int) -> dict[str, Any]:
    """A `JobDetail`; of a job that waits with the sentence that says why."""
    detail = client.job(job_id)
    if detail.get("status") in ("QUEUED", "WAITING"):
        detail["why"] = client.why(job_id)["sentence"]
    return detail


def moment_of(text: str) -> int | None:
    """Milliseconds of "83", "1:23" or "1:02:03"; None for anything else."""
    if not re.fullmatch(r"\s*\d{1,6}(:\d{1,2}){0,2}\s*", text):
        return None
    total = 0
    for part in text.strip().split(":"):
        total = total * 60 + int(part)
    return total * 1000
