"""The app: what the feed says goes into the state, and the screen on top is told. `run` is the door.

What it asks the daemon for (pages, logs) is in `reading`, its list of all commands in `commands`.

It never leaves by itself: a daemon that is away, refuses or hangs is something to show. It leaves the terminal as it
was, also when it is ended by a signal or by a fault of its own.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from textual import events
from textual.filter import LineFilter
from textual.screen import Screen

from z2ctl.client import Endpoint
from z2ctl.tui import keymap, settings, terminal, themes, work
from z2ctl.tui.commands import Commands
from z2ctl.tui.feed import Feed
from z2ctl.tui.filters import LastNet
from z2ctl.tui.job import Job
from z2ctl.tui.jobs import Change, Query
from z2ctl.tui.messages import (
    Connected,
    Heard,
    JobCame,
    JobGone,
    JobMoved,
    Lost,
    Refused,
    Snapshot,
    StatsCame,
)
from z2ctl.tui.reading import Reading
from z2ctl.tui.screens.base import Z2Screen
from z2ctl.tui.screens.dashboard import Dashboard
from z2ctl.tui.screens.dialogs import Confirm, Dialog
from z2ctl.tui.state import Phase


class Z2App(Reading, Commands):
    """The wiring; see the module."""

    TITLE = "z2"
    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS = keymap.bindings("app")

    def __init__(
        self,
        find: Callable[[], Endpoint],
        *,
        wishes: settings.Settings | None = None,
        memory_path: Path | None = None,
        theme: str = "dark",
        clock: Callable[[], float] = time.time,
        slow_line: bool = False,
    ) -> None:
        remembered = settings.recall(memory_path) if memory_path else settings.Memory()
        super().__init__(settings=wishes or settings.Settings(), memory=remembered, clock=clock)
        self.feed = Feed(find, self.post_message, gather_s=0.5 if slow_line else 0.25)
        self.paint_every_s = 1.0 if slow_line else 0.5
        self.animation_level = "none"
        self._net = LastNet(ascii_only=self.ascii_only)
        self._memory_path = memory_path
        self._back = False
        for each in themes.themes():
            self.register_theme(each)
        self.theme = themes.NAMES[theme]
        self.state.window.query = Query(remembered.tab, "", remembered.sort, remembered.descending)
        self.state.selected = remembered.selected

    # -- starting and leaving --------------------------------------------------------------------------------------

    def get_default_screen(self) -> Screen[Any]:
        """The dashboard is the bottom of everything."""
        return Dashboard()

    def get_line_filters(self) -> list[LineFilter]:
        """The last net is always up."""
        return [*super().get_line_filters(), self._net]

    def on_mount(self) -> None:
        """Keys first; the network only after the first paint."""
        self.set_keymap(dict(self.settings.keys))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._signalled, number)
        self.set_interval(1.0, self._tick)
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        for fault in self.settings.faults:
            self.say(fault, "warning")
        self._connect()
        self.load_list()

    def _connect(self) -> None:
        work.start(self, self.feed.watch_status, "status")

    def _signalled(self, number: int) -> None:
        self.exit(128 + number)

    def on_unmount(self) -> None:
        """Write down what is to be remembered."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.remove_signal_handler(number)
        if self._memory_path is not None:
            self.memory.selected = self.state.selected
            settings.remember(self._memory_path, self.memory)

    def _tick(self) -> None:
        if not self.is_headless and not terminal.alive():
            terminal.die_soon()
            self.exit(128 + signal.SIGHUP)
        if self._top is None:
            return
        self._top.tick()
        held, self._held = self._held, []
        for event in held:
            self.on_log_came(event)

    # -- what the feed says ----------------------------------------------------------------------------------------

    def on_connected(self, event: Connected) -> None:
        """The line stands."""
        line = self.state.line
        again = line.ever and not line.live
        line.phase, line.version, line.api = Phase.LIVE, event.version, event.api
        line.reason, line.tries, line.ever, line.heard_at = "", 0, True, self.clock()
        if again:
            self._back = True
            self.say("Connected again")
        self._line_changed()

    def on_lost(self, event: Lost) -> None:
        """The line is gone."""
        line = self.state.line
        if line.phase in (Phase.LIVE, Phase.STARTING):
            line.lost_at = self.clock()
        line.phase, line.reason, line.tries = Phase.OFFLINE, event.reason, event.tries
        line.retry_at = self.clock() + event.retry_in
        self._line_changed()

    def on_refused(self, event: Refused) -> None:
        """The daemon does not want this client."""
        line = self.state.line
        line.phase, line.reason, line.retry_at = Phase.REFUSED, event.reason, self.clock() + event.retry_in
        self._line_changed()

    def on_heard(self, event: Heard) -> None:
        """An answer: the line is alive."""
        self.state.line.heard_at = self.clock()

    def on_snapshot(self, event: Snapshot) -> None:
        """All active jobs as they are: what the list holds may be older."""
        self._heard()
        first = self._table.first_visible() if self._table else None
        change = self.state.snapshot(event.jobs, event.stats, at_top=self._at_top)
        active = {job.id for job in event.jobs}
        window = self.state.window
        stale = window.total is None or any(not job.over and job.id not in active for job in window)
        if window.loading or self._back or stale:
            self.load_list()
        self._back = False
        if change is Change.ROWS and self._table and self._top is self._table.screen:
            self._table.rows_changed(first=first)
        if self._top:
            self._top.stats_changed()
            for job in event.jobs:
                self._top.job_changed(job)

    def on_job_came(self, event: JobCame) -> None:
        """A job was added or changed."""
        self._heard()
        self.job_came(event.job)

    def job_came(self, job: Job) -> None:
        """A job as the daemon has it now."""
        first = self._table.first_visible() if self._table else None
        change = self.state.job(job, at_top=self._at_top)
        if self._top:
            if change is Change.ROWS and self._table and self._table.screen is self._top:
                self._table.rows_changed(first=first)
            self._top.list_changed(change, job)
            self._top.job_changed(job)
            self._top.stats_changed()

    def on_job_moved(self, event: JobMoved) -> None:
        """Progress."""
        self._heard()
        moved = self.state.progress(event.job_id, event.stage, event.progress, event.speed, event.eta)
        if moved and self._top:
            self._top.moved(event.job_id)

    def on_stats_came(self, event: StatsCame) -> None:
        """New statistics."""
        self._heard()
        self.state.stats = event.stats
        if self._top:
            self._top.stats_changed()

    def on_job_gone(self, event: JobGone) -> None:
        """A job was deleted."""
        self._heard()
        if self.state.deleted(event.job_id) and self._top:
            self._top.list_changed(Change.ROWS)

    def _heard(self) -> None:
        self.state.line.heard_at = self.clock()

    def _line_changed(self) -> None:
        if self._top:
            self._top.line_changed()

    # -- other screens ---------------------------------------------------------------------------------------------

    def open_job(self, job_id: int, *, at_ms: int | None = None) -> None:
        """Show one job; with `at_ms` its transcript at that moment."""
        from z2ctl.tui.screens.detail import Detail

        self.push_screen(Detail(job_id, self.memory.detail_tab, at_ms))

    def open_log(self, job_id: int) -> None:
        """Show one log."""
        from z2ctl.tui.screens.log_screen import LogScreen

        self.push_screen(LogScreen(job_id))

    # -- keys of every screen --------------------------------------------------------------------------------------

    async def action_back(self) -> None:
        """Escape: the screen knows what to close or clear."""
        if isinstance(self.screen, Z2Screen):
            self.screen.go_back()

    def action_search_library(self) -> None:
        """Search what was said."""
        from z2ctl.tui.screens.search import Search

        if not isinstance(self.screen, Search):
            self.push_screen(Search())

    def copy_to_clipboard(self, text: str) -> None:
        """What the mouse selected (ctrl+c), the way everything else is copied."""
        self._clipboard = text
        self.copy(text, "the selection")

    def action_refresh(self) -> None:
        """Read everything again; without a line, try now instead of later."""
        if not self.state.line.live:
            self.state.line.retry_at = self.clock()
            self._connect()
        self.load_list()
        if isinstance(self.screen, Z2Screen):
            self.screen.refresh_all()

    async def action_quit(self) -> None:
        """Leave. A screen with a form has no such key: there q is a letter."""
        self.exit(0)

    def action_quit_now(self) -> None:
        """Leave; a form with something typed into it is not thrown away without a question."""
        typed = isinstance(self.screen, Dialog) and getattr(self.screen, "typed", False)
        if not typed:
            self.exit(0)
            return

        def answered(yes: str | None) -> None:
            if yes:
                self.exit(0)

        self.push_screen(Confirm("Quit?", ["What is typed here would be lost."], "Quit", "Stay"), answered)

    def on_key(self, event: events.Key) -> None:
        """A key that nobody took while a text field has the focus was on its way when the focus moved (a fast hand)."""
        focused = self.focused
        if focused is not None and focused.check_consume_key(event.key, event.character):
            focused.post_message(events.Key(event.key, event.character))

    def on_paste(self, event: events.Paste) -> None:
        """Text pasted where nobody types."""
        if isinstance(self.screen, Z2Screen):
            self.pasted(event.text)


def run(
    find: Callable[[], Endpoint],
    *,
    theme: str = "",
    ascii_only: bool = False,
    mouse: bool = True,
    read_only: bool = False,
    plain: bool = False,
    env: Mapping[str, str] = os.environ,
) -> int:
    """Open the dashboard and stay until a person leaves it.

    `find` names the daemon's place; it is called for every connection. The flags are laid over tui.toml. `plain`
    prints one line for each change instead of drawing, for screen readers and terminals that cannot be drawn on.

    Returns the exit code: 0 left by a person, 1 a fault of its own (the reason is on stderr), 128 + n ended by
    a signal.
    """
    wishes = settings.read_settings(settings.config_file(env))
    wishes = replace(
        wishes,
        theme=theme or wishes.theme,
        ascii=ascii_only or wishes.ascii,
        mouse=mouse and wishes.mouse,
        read_only=read_only or wishes.read_only,
    )
    if plain or not themes.is_terminal():
        from z2ctl.tui.plain import follow

        for fault in wishes.faults:
            print(fault, file=sys.stderr)  # noqa: T201 - there is no screen to say it on
        return follow(find)
    terminal.says_its_own_size()
    memory_path = settings.memory_file(env)
    wanted = wishes.theme if theme or wishes.theme != "auto" else settings.recall(memory_path).theme or "auto"
    app = Z2App(
        find,
        wishes=wishes,
        memory_path=memory_path,
        theme=themes.choose(wanted, env),
        slow_line=bool(env.get("SSH_CONNECTION")),
    )
    try:
        code = app.run(mouse=wishes.mouse)
    finally:
        terminal.restore()
    return code if isinstance(code, int) else (app.return_code or 0)
