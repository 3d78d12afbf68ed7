"""Submitting: one URL with a live check, or many at once.

The check is the daemon's own (`dry_run`), asked when the typing rests; a first look at the text is done here, so that
a slip is said at once. What was typed is never lost by a refusal. Options are a line that `options` opens.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.screen import ScreenResultType
from textual.widgets import Input, TextArea

from z2ctl import given
from z2ctl import text as words
from z2ctl.batches import misfit
from z2ctl.tui import work
from z2ctl.tui.options import Options
from z2ctl.tui.screens.dialogs import Confirm, Dialog, Words, hint, note
from z2ctl.tui.screens.options import OptionsForm, Profiles
from z2ctl.tui.screens.probing import Probing
from z2ctl.tui.throttle import Debounce
from z2d.wire import errors

CHECK_AFTER_S = 0.4
MOST = 1000
MANY = 3
"""Lines that nobody types or pastes again gladly: escape asks before it throws them away."""
Json = dict[str, Any]
Check = Callable[[list[str], Options], Awaitable[list[Json]]]


class Asks(NamedTuple):
    """What the forms ask: what would become of URLs, which profiles there are, what is at a URL, what time it is."""

    check: Check
    profiles: Profiles
    probe: Callable[[str, Options], Awaitable[Json]]
    clock: Callable[[], float]


def first_look(text: str) -> str:
    """Why a text cannot be a URL to submit; empty when it can."""
    text = text.strip()
    if text.startswith(("/", "./", "../", "~")):
        return "Not a URL: only what has an address can be looked at"
    if any(sign.isspace() for sign in text):
        return "Not a URL: it has a space in it"
    if trouble := misfit(text):
        return trouble
    try:
        parts = urlsplit(text)
        host = parts.hostname
    except ValueError:
        return "Not a URL"
    if parts.scheme not in ("http", "https"):
        return "Not a URL: it must start with http:// or https://"
    return "" if host else "Not a URL: there is no host in it"


def file_here(text: str) -> tuple[str, str] | None:
    """What is to be said of a file of this machine, as words and the name of a colour; None where none is meant."""
    try:
        if path := given.local_file(text):
            return f"✓ a file of this machine, {words.size(path.stat().st_size)}: enter sends it to z2d", "success"
    except (ValueError, OSError) as error:
        return f"✗ {error.strerror if isinstance(error, OSError) else error}", "error"
    return None


def verdict(result: Json, *, force: bool) -> tuple[str, str]:
    """What the daemon says to one URL, as words and the name of a colour."""
    match result.get("result"):
        case "queued":
            return "✓ can be submitted, not in the library yet", "success"
        case "duplicate" if force:
            return f"≡ job {result.get('job_id')} has this video: enter submits it again", "warning"
        case "duplicate":
            return f"≡ job {result.get('job_id')} has this video: enter opens it, ctrl+r submits it again", "warning"
    return f"✗ {result.get('detail') or result.get('code') or 'refused'}", "error"


def coloured(text: str, colour: str) -> Content:
    """Words in a colour of the theme; the words are never read as markup."""
    return Content.styled(text, f"$text-{colour}") if colour else Content(text)


class Form(Dialog[ScreenResultType]):
    """What both forms have: the words about what is typed, and the options."""

    BINDINGS = [
        Binding("ctrl+o,f4", "options", "Options", priority=True),
        Binding("ctrl+t,f3", "probe", "Look", priority=True),
    ]

    def __init__(self, asks: Asks, options: Options) -> None:
        super().__init__()
        self._asks, self.options = asks, options
        # kept and not looked up: an answer of the daemon may come while the form goes
        self._verdict = Words("verdict", "note")
        self._chosen = Words("options")

    def say(self, text: str, colour: str = "") -> None:
        """Other words about what is typed."""
        self._verdict.say(coloured(text, colour))

    def foot(self, keys: str) -> ComposeResult:
        """The last lines of both: the words, the options, the keys."""
        self._say_options()
        yield self._verdict
        yield self._chosen
        yield hint(keys)

    def _say_options(self) -> None:
        said = f"options: {self.options.words()}"
        colour = "dim" if self.options == Options() else "$text-accent"
        self._chosen.say(Content.assemble((said, colour), (" · ctrl+o", "dim")))

    def look(self) -> None:
        """Look at what is typed."""
        raise NotImplementedError

    def here(self) -> str:
        """The URL that is typed, or that the cursor is in."""
        raise NotImplementedError

    def action_probe(self) -> None:
        """Look at what is there; nothing is queued, and what is typed stays."""
        url = self.here()
        if trouble := "only what has an address can be looked at" if file_here(url) else first_look(url):
            self.say(f"✗ {trouble}", "error")
        else:
            self.app.push_screen(Probing(url, partial(self._asks.probe, url, self.options), "enter goes back"))

    @on(events.Click, "#options")
    def action_options(self) -> None:
        """Ask for the options."""

        def answered(options: Options | None) -> None:
            if options is not None:
                self.options = options
                self._say_options()
                self.look()

        self.app.push_screen(OptionsForm(self._asks.profiles, self.options, self._asks.clock), answered)


class Submit(Form[tuple[str, Any, Options]]):
    """One URL. Answers ("submit", url, options) or ("open", job id, options)."""

    BINDINGS = [Binding("ctrl+r", "force", "Submit again", priority=True)]

    def __init__(self, asks: Asks, options: Options, text: str = "", trouble: str = "") -> None:
        super().__init__(asks, options)
        self._text, self._trouble = text, trouble
        self._field = Input(text, placeholder="https://", select_on_focus=False, max_length=4096)
        self._field.cursor_blink = False
        self._duplicate: int | None = None
        self._rest = Debounce(self, self._look_closer, CHECK_AFTER_S)

    def compose(self) -> ComposeResult:
        """The line and what is said about it."""
        with self.box("New job"):
            yield note("The address of a video or of a page with one, or a file:")
            yield self._field
            yield from self.foot("enter submits · ctrl+t looks first · esc closes · N in the list: many")

    def on_mount(self) -> None:
        """Ready to type or to paste."""
        self.set_focus(self._field)
        self._field.cursor_position = len(self._field.value)
        if self._trouble:
            self.say(f"✗ {self._trouble}", "error")

    @property
    def typed(self) -> bool:
        """Whether there is something to lose."""
        return bool(self._field.value.strip())

    @on(Input.Changed)
    def look(self) -> None:
        """Look at what is typed, and let the daemon look when the typing rests."""
        url = self._field.value.strip()
        self._duplicate = None
        self._rest.cancel()
        if self._trouble and url == self._text:
            return
        if not url:
            self.say("")
        elif said := file_here(url):
            self.say(*said)
        elif trouble := first_look(url):
            if len(url) > 7 or not "https://".startswith(url):
                self.say(f"✗ {trouble}", "error")
        else:
            self.say("… checking")
            self._rest.ask()

    def _look_closer(self) -> None:
        work.start(self, partial(self._ask, self._field.value.strip()), "check")

    async def _ask(self, url: str) -> None:
        try:
            results = await self._asks.check([url], self.options)
        except errors.Z2Error as error:
            self.say(f"? cannot be checked: {error.detail}", "warning")
            return
        if results and url == self._field.value.strip():
            self._duplicate = results[0].get("job_id") if results[0].get("result") == "duplicate" else None
            self.say(*verdict(results[0], force=self.options.force))

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        url = event.value.strip()
        if self._duplicate is not None and not self.options.force:
            self.answer(("open", self._duplicate, self.options))
        else:
            self._submit(url, self.options)

    def action_force(self) -> None:
        """Submit although the video is in the library."""
        self._submit(self._field.value.strip(), replace(self.options, force=True))

    def _submit(self, url: str, options: Options) -> None:
        said = file_here(url) or (f"✗ {trouble}" if (trouble := first_look(url)) else "", "error")
        if said[0].startswith("✗"):
            self.say(*said)
        else:
            self.answer(("submit", url, options))

    def here(self) -> str:
        """The line."""
        return self._field.value.strip()


def urls_in(text: str) -> list[tuple[int, str]]:
    """The lines that are not empty and no comment, each once, with their numbers."""
    seen: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if line and not line.startswith("#"):
            seen.setdefault(line, number)
    return [(number, line) for line, number in seen.items()]


class Lines(NamedTuple):
    """Lines of text by what they are: addresses with their numbers, files of this machine, numbers and reasons of the
    others.
    """

    urls: list[tuple[int, str]]
    files: int
    bad: list[tuple[int, str]]


def sort_out(lines: Sequence[tuple[int, str]]) -> Lines:
    """What each line is."""
    found = Lines([], 0, [])
    for number, line in lines:
        try:
            is_file = given.local_file(line) is not None
            trouble = "" if is_file else first_look(line)
        except (ValueError, OSError) as error:
            is_file, trouble = False, str(error)
        if trouble:
            found.bad.append((number, trouble))
        elif is_file:
            found = found._replace(files=found.files + 1)
        else:
            found.urls.append((number, line))
    return found


class SubmitMany(Form[tuple[list[str], Options]]):
    """Many URLs and files, one a line. Answers the lines to submit and their options; the daemon's refusals come back
    with the lines, below what became of the others (`head`).
    """

    BINDINGS = [Binding("ctrl+s,ctrl+enter,f2", "submit", "Submit", priority=True)]

    def __init__(
        self, asks: Asks, options: Options, text: str = "", trouble: Sequence[str] = (), head: str = ""
    ) -> None:
        super().__init__(asks, options)
        self._text, self._trouble = text, trouble
        self._head = head or "One address or file a line; lines that begin with # are passed over."
        self._area = TextArea(text, soft_wrap=False, tab_behavior="focus")
        self._area.cursor_blink = False
        self._rest = Debounce(self, self._look_closer, CHECK_AFTER_S)

    def compose(self) -> ComposeResult:
        """The lines and what is said about them."""
        with self.box("New jobs"):
            yield note(self._head)
            yield self._area
            yield from self.foot("ctrl+s submits · ctrl+t looks at a line · esc closes")

    def on_resize(self, event: events.Resize) -> None:
        """What is said about the lines, the options and the keys stay visible."""
        self._area.styles.height = max(3, min(10, self.size.height - 13))

    def on_mount(self) -> None:
        """Ready to type or to paste."""
        self.set_focus(self._area)
        if self._trouble:
            self.say("\n".join(f"✗ {line}" for line in self._trouble[:6]), "error")
        elif self._text:
            self.look()

    @property
    def typed(self) -> bool:
        """Whether there is something to lose."""
        return bool(self._area.text.strip())

    def action_leave(self) -> None:
        """Close; many lines are not thrown away by one key."""
        if len(urls_in(self._area.text)) < MANY:
            super().action_leave()
            return

        def answered(yes: str | None) -> None:
            if yes:
                self.answer(None)

        self.app.push_screen(Confirm("Close?", ["What is typed here would be lost."], "Close", "Stay"), answered)

    @on(TextArea.Changed)
    def look(self) -> None:
        """Count what is typed, and let the daemon look when the typing rests."""
        found = sort_out(urls_in(self._area.text))
        self._sum_up(found, len(found.urls), 0, checking=bool(found.urls))
        self._rest.ask() if found.urls else self._rest.cancel()

    def _look_closer(self) -> None:
        work.start(self, partial(self._ask, urls_in(self._area.text)), "check")

    async def _ask(self, lines: list[tuple[int, str]]) -> None:
        found = sort_out(lines)
        if len(found.urls) > MOST:
            self._too_many(len(found.urls))
            return
        try:
            results = await self._asks.check([url for _, url in found.urls], self.options)
        except errors.Z2Error as error:
            self.say(f"? {len(found.urls)} cannot be checked: {error.detail}", "warning")
            return
        if lines != urls_in(self._area.text):
            return
        new = sum(1 for result in results if result.get("result") == "queued")
        same = sum(1 for result in results if result.get("result") == "duplicate")
        found.bad.extend(
            (number, str(result.get("detail") or result.get("code")))
            for (number, _), result in zip(found.urls, results, strict=False)
            if result.get("result") == "rejected"
        )
        self._sum_up(found, new, same, checking=False)

    def _too_many(self, number: int) -> None:
        self.say(f"✗ {number} at once are too many: {MOST} at most", "error")

    def _sum_up(self, found: Lines, new: int, same: int, *, checking: bool) -> None:
        bad = sorted(found.bad)
        parts = [
            f"✓ {new} new" if new or not found.files else "",
            f"✓ {words.plural(found.files, 'file')} to send" if found.files else "",
            f"≡ {words.plural(same, 'duplicate')}{', submitted again' if self.options.force else ''}" if same else "",
            f"✗ {len(bad)} invalid" if bad else "",
        ]
        lines = ["  ".join(part for part in parts if part) + ("  … checking" if checking else "")]
        lines += [f"  line {number}: {reason}" for number, reason in bad[:3]]
        self.say("\n".join(lines), "error" if bad else "success" if new or found.files else "")

    def here(self) -> str:
        """The line with the cursor."""
        return self._area.document.get_line(self._area.cursor_location[0]).strip()

    def action_submit(self) -> None:
        """Submit every line that can be one."""
        lines = urls_in(self._area.text)
        if not lines:
            self.say("✗ There is no address here yet", "error")
            return
        if len(lines) > MOST:
            self._too_many(len(lines))
            return
        self.answer(([url for _, url in lines], self.options))
