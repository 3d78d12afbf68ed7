"""The log of one job: lines in their order, older ones fetched when a person scrolls up, new ones as they come.

What is kept is a window of the log, gapless by `seq`; what is shown is the part of it that the level, the stage and
the "matches only" filter let through.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from sys import intern
from typing import Any

from textual.message import Message

from z2ctl.text import LEVEL_STYLES, plural
from z2ctl.tui.job import seconds
from z2ctl.tui.paint import Span, fit
from z2ctl.tui.widgets.lines import LineView

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
SHORT = {"DEBUG": "DEBUG", "INFO": "INFO ", "WARNING": "WARN ", "ERROR": "ERROR", "CRITICAL": "FATAL"}
STAMPS = ("clock", "elapsed", "off")
KEPT = 10_000
"""Lines kept while following; scrolling up loads older ones, up to MOST."""
MOST = 200_000


@dataclass(slots=True, frozen=True)
class Entry:
    """One line of a log."""

    seq: int
    at: float
    level: str
    stage: str
    source: str
    message: str

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> Entry:
        """A line from a `LogLine` whose texts have passed `feed.clean`."""
        return cls(
            int(data["seq"]),
            seconds(data.get("at")) or 0.0,
            intern(str(data.get("level") or "INFO")),
            intern(str(data.get("stage") or "")),
            intern(str(data.get("source") or "")),
            str(data.get("message") or ""),
        )

    def text(self) -> str:
        """The line as plain text, with its whole time in the person's own zone."""
        at = datetime.fromtimestamp(self.at).isoformat(sep=" ", timespec="seconds")  # noqa: DTZ006 - local on purpose
        return f"{at} {self.level} {self.stage or '-'} {self.source} {self.message}"


class LogView(LineView[Entry]):
    """See the module."""

    follows_end = True

    @dataclass
    class OlderWanted(Message):
        """A person scrolled near the oldest line that is here; `before` is its seq."""

        view: LogView
        before: int

    def __init__(self, *, node_id: str | None = None) -> None:
        super().__init__(node_id=node_id, follow=True)
        self.job_id: int | None = None
        self.level = "DEBUG"
        self.stage = ""
        self.only_matches = False
        self.stamp = "clock"
        self.origin: float | None = None
        self.entries: list[Entry] = []
        self.first_seq = 0
        self.asking = False

    # -- lines in --------------------------------------------------------------------------------------------------

    def clear(self, job_id: int | None, origin: float | None = None) -> None:
        """Show another job's log, from nothing."""
        self.job_id, self.origin = job_id, origin
        self.entries, self.first_seq, self.asking, self.stage = [], 0, False, ""
        self.following, self.cursor = True, None
        self.replace([])

    @property
    def last_seq(self) -> int:
        """The newest line that is here; 0 when there is none."""
        return self.entries[-1].seq if self.entries else 0

    def add(self, entries: Iterable[Entry]) -> None:
        """New lines. Those that are here already (a reconnect) are passed over."""
        last = self.last_seq
        fresh = [entry for entry in entries if entry.seq > last]
        if not fresh:
            return
        self.entries.extend(fresh)
        self.append([entry for entry in fresh if self._passes(entry)])
        surplus = len(self.entries) - (KEPT if self.following else MOST)
        if surplus > KEPT // 10:  # in steps, so that a busy log is not moved for every line
            gone = self.entries[:surplus]
            del self.entries[:surplus]
            self.forget(sum(1 for entry in gone if self._passes(entry)))

    def add_older(self, entries: Sequence[Entry], first_seq: int) -> None:
        """The lines before the first one that is here."""
        self.asking = False
        self.first_seq = first_seq
        oldest = self.entries[0].seq if self.entries else None
        older = [entry for entry in entries if oldest is None or entry.seq < oldest]
        self.entries[:0] = older
        self.prepend([entry for entry in older if self._passes(entry)])

    def near_edge(self) -> None:
        """Ask for older lines when the first ones come near."""
        if self.asking or not self.entries or self.scroll_offset.y > 2 * max(1, self.size.height):
            return
        oldest = self.entries[0].seq
        if oldest > max(1, self.first_seq) and len(self.entries) < MOST:
            self.asking = True
            self.post_message(self.OlderWanted(self, oldest))

    # -- filters ---------------------------------------------------------------------------------------------------

    @property
    def empty_words(self) -> str:  # type: ignore[override]
        """Why nothing is shown: there is nothing, or it does not pass."""
        if not self.entries:
            return "No lines yet"
        wanted = [f"{self.level.lower()} or worse" if self.level != "DEBUG" else "", self.stage]
        wanted.append("the words that are looked for" if self.only_matches and self.pattern is not None else "")
        return f"None of {plural(len(self.entries), 'line')} here is of {', '.join(word for word in wanted if word)}"

    def _passes(self, entry: Entry) -> bool:
        if self.level != "DEBUG" and _rank(entry.level) < _rank(self.level):
            return False
        if self.stage and entry.stage != self.stage:
            return False
        return not self.only_matches or self.pattern is None or self._found(entry)

    def set_filter(self, *, level: str | None = None, stage: str | None = None, only: bool | None = None) -> None:
        """Change what is let through; the place is kept."""
        self.level = level or self.level
        self.stage = self.stage if stage is None else stage
        self.only_matches = self.only_matches if only is None else only
        self.replace((entry for entry in self.entries if self._passes(entry)), keep=True)

    def find(self, words: str) -> int:
        """Mark the words; with "matches only" the rest goes away."""
        count = super().find(words)
        if self.only_matches:
            self.set_filter()
            count = len(self.matches)
        return count

    def stages(self) -> list[str]:
        """The stages that have lines here."""
        return list(dict.fromkeys(entry.stage for entry in self.entries if entry.stage))

    def next_error(self) -> bool:
        """Go to the next line of level ERROR or worse, around the end."""
        bad = [i for i, entry in enumerate(self.items) if _rank(entry.level) >= _rank("ERROR")]
        if not bad:
            return False
        here = self.cursor if self.cursor is not None else -1
        self.move_cursor(next((i for i in bad if i > here), bad[0]), centre=True)
        return True

    def turn_stamp(self) -> str:
        """The next way to show times: clock, elapsed, off."""
        self.stamp = STAMPS[(STAMPS.index(self.stamp) + 1) % len(STAMPS)]
        self._relayout(self._top_item())
        return self.stamp

    # -- drawing ---------------------------------------------------------------------------------------------------

    def head(self, item: Entry) -> list[Span]:
        """Time, level and stage."""
        role = LEVEL_STYLES.get(item.level, "") or "plain"
        spans = [Span(f" {self._time(item):>8} " if self.stamp != "off" else " ", "dim")]
        spans.append(Span(SHORT.get(item.level, fit(item.level, 5)) + " ", f"{role} bold" if role != "dim" else role))
        spans.append(Span(fit(item.stage or item.source, 10) + " ", "dim"))
        return spans

    def head_width(self, item: Entry) -> int:
        """The same for every line."""
        return {"clock": 10, "elapsed": 10, "off": 1}[self.stamp] + 17

    def body(self, item: Entry) -> str:
        """The message."""
        return item.message

    def body_role(self, item: Entry) -> str:
        """The colour of the level, for what is out of the ordinary."""
        return LEVEL_STYLES.get(item.level, "") or "plain"

    def _time(self, item: Entry) -> str:
        if self.stamp == "elapsed":
            past = max(0, int(item.at - (self.origin or item.at)))
            return f"+{past // 3600:d}:{past // 60 % 60:02d}:{past % 60:02d}"
        return datetime.fromtimestamp(item.at).strftime("%H:%M:%S")  # noqa: DTZ006 - the person's own time of day

    def text_of(self, item: Entry) -> str:
        """A line as text, always with its whole time."""
        return item.text()

    def words(self) -> list[Span]:
        """The state of the view for its title: what is followed, filtered and found."""
        if self.following:
            state = [Span("following", "bold")]
        else:
            below = len(self.items) - 1 - self._rows.at(self.scroll_offset.y + max(0, self.size.height - 1))[0]
            state = [Span("paused", "warning bold")]
            if self.new_below and below > 0:
                state.append(Span(f" · {self.new_below} new below", "warning"))
        parts = [f"{self.level.lower()}+"]
        if self.stage:
            parts.append(f"stage {self.stage}")
        if self.only_matches:
            parts.append("matches only")
        if self.pattern:
            parts.append(f"“{self.needle}” {self.match_words()}")
        return [*state, Span(" · " + " · ".join(parts), "dim")]


def _rank(level: str) -> int:
    return LEVELS.index(level) if level in LEVELS else 1
