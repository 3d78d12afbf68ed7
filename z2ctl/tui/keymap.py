"""Every key of the dashboard in one table: screens make their bindings from it, help and key bar are made from the
bindings, and `tui.toml` may name other keys by id. Textual would accept unknown ids, impossible keys and clashes in
silence, so they are checked here, with words that say what is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from textual.binding import Binding, BindingType


class Key(NamedTuple):
    """One action: where it works, its default keys, what it is called, and whether the key bar shows it."""

    scope: str
    id: str
    keys: str
    action: str
    words: str
    bar: str = ""


SCOPES = {
    "app": "everywhere",
    "list": "in the list",
    "detail": "in a job",
    "queue": "in the queue",
    "log": "in a log",
    "text": "in a text",
}

KEYS: tuple[Key, ...] = (
    Key("list", "list.new", "n", "new", "Submit a URL (or paste it anywhere)", "New"),
    Key("list", "list.many", "N", "many", "Submit many URLs"),
    Key("list", "list.probe", "ctrl+t", "probe", "Look at a URL before it is submitted"),
    Key("list", "list.open", "enter", "open", "Open the job"),
    Key("list", "list.search", "slash", "search", "Search, or filter: status:failed age<7d", "Search"),
    Key("list", "list.tab.next", "f", "turn_tab(1)", "Next status tab", "Filter"),
    Key("list", "list.tab.previous", "F", "turn_tab(-1)", "Previous status tab"),
    Key("list", "list.tab.all", "1", "tab('all')", "All jobs"),
    Key("list", "list.tab.running", "2", "tab('running')", "Running jobs"),
    Key("list", "list.tab.queued", "3", "tab('queued')", "Queued jobs"),
    Key("list", "list.tab.done", "4", "tab('done')", "Done jobs"),
    Key("list", "list.tab.failed", "5", "tab('failed')", "Failed jobs"),
    Key("list", "list.tab.cancelled", "6", "tab('cancelled')", "Cancelled jobs"),
    Key("list", "list.sort", "s", "sort", "Sort by…"),
    Key("list", "list.reverse", "S", "reverse", "Turn the order around"),
    Key("list", "list.top", "g,home", "top", "To the top; shows new jobs"),
    Key("list", "list.bottom", "G,end", "bottom", "To the end"),
    Key("list", "list.down", "j,down", "step(1)", "Down"),
    Key("list", "list.up", "k,up", "step(-1)", "Up"),
    Key("list", "list.page.down", "pagedown,ctrl+d", "page(1)", "A page down"),
    Key("list", "list.page.up", "pageup,ctrl+u", "page(-1)", "A page up"),
    Key("list", "list.mark", "space", "mark", "Mark for a bulk action"),
    Key("list", "list.mark.all", "asterisk", "mark_all", "Mark all that are loaded"),
    Key("list", "list.mark.none", "minus", "mark_none", "Clear the marks"),
    Key("list", "list.cancel", "c", "cancel", "Cancel…", "Cancel"),
    Key("list", "list.retry", "r", "retry", "Retry", "Retry"),
    Key("list", "list.retry.from", "b", "retry_from", "Retry from a stage…"),
    Key("list", "list.pause", "P", "pause", "Pause or resume", "Pause"),
    Key("list", "list.delete", "d", "delete", "Delete…"),
    Key("list", "list.restore", "u", "restore", "Restore what was deleted last"),
    Key("list", "list.edit", "e", "edit", "Edit: priority, tags, options, place…"),
    Key("list", "list.move.first", "less_than_sign", "move('first')", "Move to the front of the queue"),
    Key("list", "list.move.last", "greater_than_sign", "move('last')", "Move to the end of the queue"),
    Key("list", "list.why", "w", "why", "Why is it where it is?"),
    Key("list", "list.copy.url", "y", "copy('url')", "Copy the URL"),
    Key("list", "list.copy.id", "Y", "copy('id')", "Copy the id"),
    Key("list", "list.copy.path", "p", "copy('path')", "Copy where it was published"),
    Key("list", "list.copy.title", "t", "copy('title')", "Copy the title"),
    Key("list", "list.url", "o", "show_url", "Show the URL as text"),
    Key("list", "list.log", "l", "log_pane", "Log pane on or off", "Log"),
    Key("list", "list.log.full", "L", "log_full", "The log on the full screen"),
    Key("list", "list.preview", "v", "preview", "Preview on or off (wide terminals)"),
    Key("list", "list.zoom", "plus", "zoom", "The focused pane alone"),
    Key("list", "list.stats", "i", "stats", "Statistics"),
    Key("list", "list.queue", "Q", "queue", "The queue: pause, drain, slots, who is next"),
    Key("list", "list.targets", "D", "targets", "Where finished jobs go: the publishing targets"),
    Key("detail", "detail.tab.next", "right_square_bracket,right", "turn_tab(1)", "Next tab", "Tab"),
    Key("detail", "detail.tab.previous", "left_square_bracket,left", "turn_tab(-1)", "Previous tab"),
    Key("detail", "detail.next", "J", "neighbour(1)", "Next job"),
    Key("detail", "detail.previous", "K", "neighbour(-1)", "Previous job"),
    Key("detail", "detail.cancel", "c", "cancel", "Cancel…", "Cancel"),
    Key("detail", "detail.retry", "r", "retry", "Retry", "Retry"),
    Key("detail", "detail.retry.from", "b", "retry_from", "Retry from a stage…"),
    Key("detail", "detail.pause", "P", "pause", "Pause or resume"),
    Key("detail", "detail.delete", "d", "delete", "Delete…"),
    Key("detail", "detail.restore", "U", "restore", "Restore what was deleted last"),
    Key("detail", "detail.edit", "e", "edit", "Edit: priority, tags, options, place…"),
    Key("detail", "detail.move.first", "less_than_sign", "move('first')", "Move to the front of the queue"),
    Key("detail", "detail.move.last", "greater_than_sign", "move('last')", "Move to the end of the queue"),
    Key("detail", "detail.why", "w", "why", "Why is it where it is?"),
    Key("detail", "detail.publish", "A", "publish", "Publish again…"),
    Key("detail", "detail.copy.url", "u", "copy('url')", "Copy the URL"),
    Key("detail", "detail.copy.id", "i", "copy('id')", "Copy the id"),
    Key("detail", "detail.copy.path", "p", "copy('path')", "Copy where it was published"),
    Key("detail", "detail.copy.title", "t", "copy('title')", "Copy the title"),
    Key("detail", "detail.url", "o", "show_url", "Show the URL as text"),
    Key("detail", "detail.log.full", "L", "log_full", "The log on the full screen"),
    Key("queue", "queue.pause", "p", "pause_queue", "Pause the whole queue, or resume it", "Pause"),
    Key("queue", "queue.drain", "d", "drain_queue", "Drain: finish what runs, start nothing", "Drain"),
    Key("queue", "queue.slots", "s", "slots('slots')", "Slots: how many jobs at once…", "Slots"),
    Key("queue", "queue.slots.site", "S", "slots('site_slots')", "Slots of one site…"),
    Key("queue", "queue.lanes", "L", "lanes", "Lanes: how many do the same at once…", "Lanes"),
    Key("queue", "queue.move.first", "less_than_sign", "move('first')", "Move to the front", "First"),
    Key("queue", "queue.move.last", "greater_than_sign", "move('last')", "Move to the end", "Last"),
    Key("queue", "queue.move.up", "K,shift+up", "move('up')", "Move up by one", "Up"),
    Key("queue", "queue.move.down", "J,shift+down", "move('down')", "Move down by one", "Down"),
    Key("queue", "queue.edit", "e", "edit", "Edit: priority, tags, options…"),
    Key("queue", "queue.cancel", "c", "cancel", "Cancel…"),
    Key("queue", "queue.why", "w", "why", "Why is it where it is?"),
    Key("log", "log.follow", "space", "follow", "Follow or pause", "Follow"),
    Key("log", "log.end", "end,G", "end", "To the end and follow"),
    Key("log", "log.top", "home,g", "top", "To the oldest line that is here"),
    Key("log", "log.down", "j,down", "step(1)", "Down"),
    Key("log", "log.up", "k,up", "step(-1)", "Up"),
    Key("log", "log.page.down", "pagedown,ctrl+d", "page(1)", "A page down"),
    Key("log", "log.page.up", "pageup,ctrl+u", "page(-1)", "A page up"),
    Key("log", "log.left", "left,h", "sideways(-8)", "To the left"),
    Key("log", "log.right", "right", "sideways(8)", "To the right"),
    Key("log", "log.find", "slash", "find", "Find", "Find"),
    Key("log", "log.find.next", "n", "match(1)", "Next match"),
    Key("log", "log.find.previous", "N", "match(-1)", "Previous match"),
    Key("log", "log.only", "ampersand", "only", "Matches only"),
    Key("log", "log.level.debug", "1", "level('DEBUG')", "Everything"),
    Key("log", "log.level.info", "2", "level('INFO')", "Info and worse"),
    Key("log", "log.level.warning", "3", "level('WARNING')", "Warnings and worse"),
    Key("log", "log.level.error", "4", "level('ERROR')", "Errors only"),
    Key("log", "log.stage", "s", "stage", "One stage…"),
    Key("log", "log.error", "e", "error", "Next error", "Error"),
    Key("log", "log.wrap", "w", "wrap", "Wrap long lines", "Wrap"),
    Key("log", "log.stamp", "T", "stamp", "Times: clock, elapsed, off"),
    Key("log", "log.copy", "y", "copy_line", "Copy the line"),
    Key("log", "log.copy.all", "Y", "copy_visible", "Copy what is on the screen"),
    Key("log", "log.save", "W", "save", "Write to a file"),
    Key("text", "text.down", "j,down", "step(1)", "Down"),
    Key("text", "text.up", "k,up", "step(-1)", "Up"),
    Key("text", "text.page.down", "pagedown,ctrl+d,space", "page(1)", "A page down"),
    Key("text", "text.page.up", "pageup,ctrl+u", "page(-1)", "A page up"),
    Key("text", "text.top", "home,g", "top", "To the top"),
    Key("text", "text.end", "end,G", "end", "To the end"),
    Key("text", "text.choose", "enter", "choose", "Go where the line leads, or copy it", "Go"),
    Key("text", "text.find", "slash", "find", "Find", "Find"),
    Key("text", "text.find.next", "n", "match(1)", "Next match"),
    Key("text", "text.find.previous", "N", "match(-1)", "Previous match"),
    Key("text", "text.jump", "at,colon", "jump", "Go to a time"),
    Key("text", "text.copy", "y", "copy_line", "Copy the line"),
    Key("text", "text.copy.all", "Y", "copy_visible", "Copy what is on the screen"),
    Key("text", "text.save", "W", "save", "Write to a file"),
    Key("app", "help", "question_mark", "help", "Keys of this screen", "Help"),
    Key("app", "search", "ctrl+f", "search_library", "Search what was said, in the whole library"),
    Key("app", "palette", "ctrl+p", "palette", "All commands"),
    Key("app", "refresh", "R", "refresh", "Read again; connect now"),
    Key("app", "theme", "T", "theme", "Theme…"),
    Key("app", "mouse", "m", "mouse", "Mouse on or off (off: the terminal selects)"),
    Key("app", "back", "escape", "back", "Close, clear, go back"),
    Key("app", "quit", "q", "quit", "Quit", "Quit"),
    Key("app", "quit.now", "ctrl+q", "quit_now", "Quit at once"),
)

_NAMED = {
    *("enter", "escape", "space", "tab", "backspace", "delete", "insert", "home", "end", "pageup", "pagedown"),
    *("up", "down", "left", "right"),
    *(f"f{number}" for number in range(1, 25)),
}


def bindings(scope: str) -> list[BindingType]:
    """The bindings of a screen or widget."""
    return [
        Binding(
            key.keys,
            key.action,
            key.bar or key.words,
            show=bool(key.bar),
            id=key.id,
            tooltip=key.words,
            priority=key.id == "quit.now",  # also over a dialog
        )
        for key in KEYS
        if key.scope == scope
    ]


def check(wanted: Mapping[str, object]) -> tuple[dict[str, str], list[str]]:
    """The `[keys]` table of tui.toml as a keymap for Textual, and what is wrong with it, one sentence each.

    Wrong entries are left out, so that a slip costs one key and not the dashboard.
    """
    known = {key.id: key for key in KEYS}
    keymap: dict[str, str] = {}
    faults: list[str] = []
    for name, value in wanted.items():
        if name not in known:
            faults.append(f"keys: there is no action {name!r}; 'z2ctl keys' lists them")
            continue
        given = value if isinstance(value, list) else [value]
        if bad := next((key for key in given if not isinstance(key, str) or not _possible(key)), None):
            faults.append(f"keys: {name} = {bad!r} is not a key (examples: x, X, ctrl+x, f5, space, slash)")
            continue
        keymap[name] = ",".join(_long_name(str(key)) for key in given)
    return _without_clashes(keymap, faults), faults


def _without_clashes(keymap: dict[str, str], faults: list[str]) -> dict[str, str]:
    """Leave out what would take a key from another action of the same place."""
    for name in list(keymap):
        scope = next(key.scope for key in KEYS if key.id == name)
        for other in KEYS:
            if other.id == name or (other.scope != scope and "app" not in (other.scope, scope)):
                continue
            if other.scope != scope and other.id not in keymap and name not in keymap:
                continue
            shared = set(keymap.get(name, "").split(",")) & set(keymap.get(other.id, other.keys).split(",")) - {""}
            if shared and not _shadows_on_purpose(other, scope, keymap):
                faults.append(f"keys: {name} and {other.id} would both be {shared.pop()!r}; {name} keeps its default")
                keymap.pop(name, None)
                break
    return keymap


def _shadows_on_purpose(other: Key, scope: str, keymap: Mapping[str, str]) -> bool:
    """A key of a log or text may hide one of the app's defaults (T), as the defaults do themselves."""
    return other.scope == "app" and scope in ("log", "text") and other.id not in keymap and other.id != "back"


def _possible(key: str) -> bool:
    *modifiers, last = key.split("+") if key != "+" else [key]
    return set(modifiers) <= {"ctrl", "shift", "alt"} and (_long_name(last) in _signs() or last in _NAMED)


@cache
def _signs() -> frozenset[str]:
    """The names of all keys that write a sign."""
    return frozenset(_long_name(chr(code)) for code in range(33, 127) if chr(code) != ",") | {"comma"}


def _long_name(key: str) -> str:
    """A single sign by the name Textual knows it by ("/" is "slash")."""
    return next(iter(Binding.make_bindings([Binding(key, "")]))).key


def shown(keys: str) -> str:
    """Keys as a person writes them: "slash,ctrl+d" is "/ ctrl+d"."""
    return " ".join(_sign(key) for key in keys.split(","))


@cache
def _sign(key: str) -> str:
    if key == "comma":
        return ","
    signs = [chr(code) for code in range(33, 127) if not chr(code).isalnum() and chr(code) != ","]
    return next((sign for sign in signs if _long_name(sign) == key), key)
