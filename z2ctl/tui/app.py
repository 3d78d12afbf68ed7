"""The app: what the feed says goes into the state, and the screen on top is told. `run` is the door.

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
from functools import partial
from pathlib import Path
from typing import Any

from textual import events
from textual.filter import LineFilter
from textual.screen import Screen

from z2ctl.client import Endpoint
from z2ctl.tui import keymap, settings, terminal, themes, work
from z2ctl.tui.desk import Desk
from z2ctl.tui.feed import Feed
from z2ctl.tui.filters import LastNet
from z2ctl.tui.jobs import Change, Job, Query
from z2ctl.tui.messages import (
    Connected,
    Heard,
    JobCame,
    JobGone,
    JobMoved,
    LogCame,
    LogEnded,
    Lost,
    Refused,
    Snapshot,
    StatsCame,
)
from z2ctl.tui.screens.base import Z2Screen
from z2ctl.tui.screens.dashboard import Dashboard
from z2ctl.tui.screens.dialogs import Choice, Confirm, Dialog, Help, Menu
from z2ctl.tui.state import Phase
from z2ctl.tui.widgets.job_table import JobTable
from z2ctl.tui.widgets.log_view import Entry, LogView
from z2d.wire import errors

PAGE = 100
MOST_AGAIN = 500
"""Rows that are read again after the line was lost; older history does not change."""


class Z2App(Desk):
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
        self._mouse_on = True
        self._back = False
        self._held: list[LogCame] = []
        self._following: LogView | None = None
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

    @property
    def _top(self) -> Z2Screen | None:
        """The screen to tell; a dialog on top stops the telling, and with it every repaint below."""
        return self.screen if self._screen_is_ready else None  # type: ignore[return-value]

    @property
    def _screen_is_ready(self) -> bool:
        return bool(self.screen_stack) and isinstance(self.screen, Z2Screen) and self.screen.is_mounted

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

    # -- the list --------------------------------------------------------------------------------------------------

    @property
    def _table(self) -> JobTable | None:
        base = self.screen_stack[0] if self.screen_stack else None
        return base.query_one(JobTable) if isinstance(base, Dashboard) and base.is_mounted else None

    @property
    def _at_top(self) -> bool:
        return self._table is None or self._table.at_top

    def load_list(self, query: Query | None = None) -> None:
        """Read the list, or another one; the answer to an older question is dropped."""
        window = self.state.window
        fresh = query is not None or not window.rows
        number = window.ask(query)
        limit = PAGE if fresh else min(MOST_AGAIN, max(PAGE, len(window.rows)))
        work.start(self, partial(self._read_page, number, limit, None, fresh=fresh), "list")

    def load_more(self) -> None:
        """Read the next page."""
        window = self.state.window
        if window.cursor is not None and not window.loading:
            window.loading = True
            read = partial(self._read_page, window.generation, PAGE, window.cursor, fresh=False)
            work.start(self, read, "list")

    async def _read_page(self, number: int, limit: int, cursor: str | None, *, fresh: bool) -> None:
        window = self.state.window
        query: dict[str, Any] = {"limit": limit, **_params(window.query)}
        if cursor:
            query["cursor"] = cursor
        try:
            page = await self.feed.call(lambda client: client.jobs(**query))
            jobs = [Job.from_wire(item) for item in page["items"]]
        except errors.Z2Error as error:
            window.loading = False
            if self.state.line.live:
                self.say(error.detail, "error")
            return
        if number != window.generation:
            return
        first = self._table.first_visible() if self._table else None
        if cursor:
            window.append(jobs, page["total"], page["next_cursor"])
        elif fresh:
            window.fill(jobs, page["total"], page["next_cursor"])
        else:
            window.renew(jobs, page["total"], page["next_cursor"])
        if self._table and isinstance(self.screen, Dashboard):
            self._table.rows_changed(first=first)
            self.screen.list_changed(Change.WAITING)
            if fresh:
                self.screen.post_message(JobTable.Selected(self.state.selected or 0))

    def select_job(self, job_id: int) -> None:
        """Put the list's cursor on a job; it is brought in if it waits."""
        window = self.state.window
        if job_id in window.waiting and window.query.live:
            window.surface()
        if self._table is None:
            return
        self._table.rows_changed()
        self._table.reveal(job_id)
        if isinstance(self.screen, Dashboard):
            self.screen.list_changed(Change.WAITING)

    # -- logs ------------------------------------------------------------------------------------------------------

    def watch_log(self, view: LogView) -> None:
        """Live lines for a view, from its last one on."""
        if view.job_id is None:
            return
        worker = self.log_worker
        name = f"log {view.job_id}"
        if self._following is view and worker is not None and worker.is_running and worker.name == name:
            return
        self._following = view
        self.log_worker = work.start(self, partial(self.feed.watch_log, view.job_id, view.last_seq), "log", name)

    def unwatch_log(self) -> None:
        """No log is on the screen."""
        self._following = None
        if self.log_worker is not None:
            self.log_worker.cancel()
            self.log_worker = None

    def on_log_came(self, event: LogCame) -> None:
        """Lines for the view that is on the screen."""
        if self._top is None:
            self._held.append(event)  # a dialog is open: what is below it stays still
            return
        view = self._following
        if view is None or view.job_id != event.job_id or not view.is_attached:
            return
        if event.first_seq is not None:
            view.first_seq = event.first_seq
        view.add(event.entries)

    def on_log_ended(self, event: LogEnded) -> None:
        """Nothing more will come; a reason is said."""
        if event.reason and self.state.line.live:
            self.say(f"Log of job {event.job_id}: {event.reason}", "warning")

    def on_log_view_older_wanted(self, event: LogView.OlderWanted) -> None:
        """Lines before the oldest one that is here."""
        work.start(self, partial(self._read_older, event.view, event.before), "older")

    async def _read_older(self, view: LogView, before: int) -> None:
        job_id = view.job_id
        try:
            page = await self.feed.call(lambda client: client.logs(int(job_id or 0), before=before, limit=500))
        except errors.Z2Error as error:
            view.asking = False
            self.say(error.detail, "error")
            return
        if view.is_attached and view.job_id == job_id:
            view.add_older([Entry.from_wire(line) for line in page["items"]], int(page["first_seq"]))

    # -- other screens ---------------------------------------------------------------------------------------------

    def open_job(self, job_id: int) -> None:
        """Show one job."""
        from z2ctl.tui.screens.detail import Detail

        self.push_screen(Detail(job_id, self.memory.detail_tab))

    def open_log(self, job_id: int) -> None:
        """Show one log."""
        from z2ctl.tui.screens.log_screen import LogScreen

        self.push_screen(LogScreen(job_id))

    # -- keys of every screen --------------------------------------------------------------------------------------

    async def action_back(self) -> None:
        """Escape: the screen knows what to close or clear."""
        if isinstance(self.screen, Z2Screen):
            self.screen.go_back()

    def action_refresh(self) -> None:
        """Read everything again; without a line, try now instead of later."""
        if not self.state.line.live:
            self.state.line.retry_at = self.clock()
            self._connect()
        self.load_list()
        if isinstance(self.screen, Z2Screen):
            self.screen.refresh_all()

    def _actions(self) -> list[tuple[keymap.Key, str, list[str]]]:
        """The actions that work here with their keys as they are bound now, in the order of the table."""
        keys: dict[str, list[str]] = {}
        for active in self.screen.active_bindings.values():
            if active.binding.id:
                keys.setdefault(active.binding.id, []).append(self.get_key_display(active.binding))
        return [(key, key.action, keys[key.id]) for key in keymap.KEYS if key.id in keys]

    def action_help(self) -> None:
        """The keys that work here."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for key, _action, shown in self._actions():
            groups.setdefault(keymap.SCOPES[key.scope], []).append((" ".join(shown), key.words))
        self.push_screen(Help(f"Keys - rebind them in {settings.config_file()}", list(groups.items())))

    def action_palette(self) -> None:
        """Every action by its words, and jobs by their title."""
        choices = [
            Choice(("act", action), key.words, " ".join(shown), self.why_not(action))
            for key, action, shown in self._actions()
        ]
        recent = self.state.window.rows[:50]
        choices.extend(Choice(("open", job.id), f"Open {job.id}  {job.name}") for job in recent)
        below = self.screen

        def answered(value: tuple[str, Any] | None) -> None:
            if value is None:
                return
            kind, what = value
            if kind == "open":
                self.open_job(int(what))
            else:
                self.run_worker(self._act(str(what), below), group="palette")

        self.push_screen(
            Menu("All commands", choices, search="type to find a command or a job; a number opens it"), answered
        )

    async def _act(self, action: str, below: Screen[Any]) -> None:
        node = below.focused or below
        chain = [node, *node.ancestors] if node is not None else [below]
        for each in (*chain, self):
            if hasattr(each, f"action_{action.split('(', 1)[0]}"):
                await self.run_action(action, default_namespace=each)
                return

    def action_theme(self) -> None:
        """Ask for the colours."""
        words = {
            "dark": "Dark",
            "light": "Light",
            "terminal": "The terminal's own colours",
            "terminal-light": "The terminal's own colours, on light",
        }
        now = next((name for name, theme in themes.NAMES.items() if theme == self.theme), "")
        choices = [Choice(name, said, "now" if name == now else "") for name, said in words.items()]

        def answered(name: str | None) -> None:
            if name:
                self.theme = themes.NAMES[name]
                self.memory.theme = name

        self.push_screen(Menu("Theme", choices), answered)

    def action_mouse(self) -> None:
        """Give the mouse to the terminal, or take it back."""
        if not self.settings.mouse:
            self.say("The mouse was left to the terminal at the start (--no-mouse)")
            return
        self._mouse_on = not self._mouse_on
        if self._driver is not None:
            self._driver.write(terminal.MOUSE_ON if self._mouse_on else terminal.MOUSE_OFF)
            self._driver.flush()
        self.say(
            "The mouse works here again"
            if self._mouse_on
            else "The mouse is the terminal's: select as usual, m takes it back"
        )

    async def action_quit(self) -> None:
        """Leave. A screen with a form has no such key: there q is a letter."""
        self.exit(0)

    def action_quit_now(self) -> None:
        """Leave; a form with something typed into it is not thrown away without a question."""
        typed = isinstance(self.screen, Dialog) and getattr(self.screen, "typed", False)
        if not typed:
            self.exit(0)
            return

        def answered(yes: bool | None) -> None:
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


def _params(query: Query) -> dict[str, Any]:
    out: dict[str, Any] = {"sort": query.sort, "order": "desc" if query.descending else "asc"}
    if query.statuses:
        out["status"] = list(query.statuses)
    if query.words:
        out["q"] = query.words
    return out


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
