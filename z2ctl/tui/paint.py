"""How a widget of the dashboard becomes characters: spans of text with a role, cut to cells, joined to a strip.

Every list, log and bar here draws itself line by line (Textual's line API) because that repaints only the lines
that changed; Textual's own DataTable and RichLog repaint everything, and read text as markup. A `Span` is plain
text and the name of a role; a role is a component class, so that its colour follows the theme, and nothing a
title or a log line contains can ever be read as markup.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, TypeVar

from rich.cells import cell_len, chop_cells, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.app import App
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

T = TypeVar("T")

_WORDS = ("plain", "dim", "bold", "primary", "success", "warning", "error", "accent")
_PLACES = (
    "header",
    "cursor",
    "cursor-away",
    "chip",
    "match",
    "match-now",
    "bar",
    "rail",
    "badge",
    "stale",
    "key",
    "selected",
)
ROLES = frozenset(f"z-{name}" for name in (*_WORDS, *_PLACES))
"""The component classes of the app; their colours stand in app.tcss."""


class Span(NamedTuple):
    """Some text and its role: one of `ROLES` without the prefix, or several joined by a space."""

    text: str
    role: str = "plain"


BLANK = Span(" ")


def cells(text: str) -> int:
    """The width of a text on the terminal, in cells."""
    return len(text) if text.isascii() else cell_len(text)


def clip(text: str, width: int, ellipsis: str = "…") -> str:
    """The text, or its beginning and an ellipsis, in at most `width` cells."""
    if width <= 0:
        return ""
    # what is far too long is cut by characters first: measuring 10,000 of them to show 40 is waste
    if len(text) > width * 2 + 8:
        text = text[: width * 2 + 8]
    if cells(text) <= width:
        return text
    room = width - cells(ellipsis)
    return set_cell_size(text, room).rstrip() + ellipsis if room > 0 else set_cell_size(text, width)


def fit(text: str, width: int, *, right: bool = False, ellipsis: str = "…") -> str:
    """The text in exactly `width` cells, cut or padded."""
    text = clip(text, width, ellipsis)
    pad = " " * (width - cells(text))
    return pad + text if right else text + pad


def width_of(spans: Iterable[Span]) -> int:
    """The width of some spans, in cells."""
    return sum(cells(span.text) for span in spans)


def clip_spans(spans: Sequence[Span], width: int, ellipsis: str = "…") -> list[Span]:
    """The spans in at most `width` cells; the last one that fits in part is cut."""
    out: list[Span] = []
    for span in spans:
        size = cells(span.text)
        if size > width:
            out.append(Span(clip(span.text, width, ellipsis), span.role))
            break
        out.append(span)
        width -= size
    return out


def between(left: Sequence[Span], right: Sequence[Span], width: int, fill: Span = BLANK) -> list[Span]:
    """Left spans, a filling, right spans; the left gives way when there is too little room, then the right."""
    right = clip_spans(right, width)
    left = clip_spans(left, max(0, width - width_of(right) - 1))
    gap = width - width_of(left) - width_of(right)
    return [*left, Span(fill.text * max(0, gap), fill.role), *right]


def highlight(text: str, role: str, found: Iterable[tuple[int, int]], match_role: str = "match") -> list[Span]:
    """The text with the character ranges `found` (rising, not touching) in the role of a match."""
    out: list[Span] = []
    at = 0
    for start, end in found:
        if start > at:
            out.append(Span(text[at:start], role))
        out.append(Span(text[start:end], match_role))
        at = end
    if at < len(text):
        out.append(Span(text[at:], role))
    return out


def wrap_words(text: str, width: int) -> list[str]:
    """Lines of at most `width` cells, broken at spaces where there are any."""
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        longer = f"{line} {word}" if line else word
        if cells(longer) <= width:
            line = longer
            continue
        if line:
            lines.append(line)
        *whole, line = chop_cells(word, width) if cells(word) > width else [word]
        lines.extend(whole)
    return [*lines, line]


def drop_cells(spans: Iterable[Span], count: int) -> list[Span]:
    """The spans without their first `count` cells."""
    out: list[Span] = []
    for text, role in spans:
        size = cells(text)
        if count >= size:
            count -= size
            continue
        if count:
            text = text[len(clip(text, count, "")) :]
            count = 0
        out.append(Span(text, role))
    return out


def bar(fraction: float, width: int, *, ascii_only: bool = False, stale: bool = False) -> list[Span]:
    """A progress bar of exactly `width` cells."""
    fraction = min(1.0, max(0.0, fraction))
    if ascii_only:
        inner = max(0, width - 2)
        done = round(fraction * inner)
        return [Span("[" + "#" * done + "." * (inner - done) + "]", "stale" if stale else "bar")]
    done = int(fraction * width)
    half = 1 if fraction * width - done >= 0.5 else 0
    return [
        Span("━" * done + "╸" * half, "stale" if stale else "bar"),
        Span("─" * (width - done - half), "rail"),
    ]


class Palette(App[T]):
    """An app that painted widgets stand in. It alone has the roles as component classes: a style for each of them in
    every widget would be half of the time that the dashboard takes to open.
    """

    COMPONENT_CLASSES = ROLES  # type: ignore[assignment]


class Kept(Widget):
    """A widget that only holds others: what it has to draw, blank and a border, is kept until it is another.

    For each painting Textual asks every widget on the screen for all of its lines, also what lies below others.
    """

    _lines_kept: tuple[Region, list[Strip]] | None = None

    def render_lines(self, crop: Region) -> list[Strip]:
        """The same lines as before."""
        kept = self._lines_kept
        if kept is None or kept[0] != crop:
            kept = self._lines_kept = (crop, super().render_lines(crop))
        return kept[1]

    def notify_style_update(self) -> None:
        """Other colours."""
        self._lines_kept = None
        super().notify_style_update()

    def _set_dirty(self, *regions: Region) -> None:
        super()._set_dirty(*regions)
        self._lines_kept = None


class Painted(Widget):
    """A widget that turns spans into strips in the colours of the theme; its app is a `Palette`."""

    ALLOW_SELECT = False

    _styles_known: dict[tuple[str, str], Style] | None = None
    _lines_known: dict[int, Strip] | None = None

    def notify_style_update(self) -> None:
        """Forget the colours: the theme, the focus or a class changed."""
        self._styles_known = self._lines_known = None
        super().notify_style_update()

    # -- colours ---------------------------------------------------------------------------------------------------

    def role(self, name: str) -> Style:
        """The style of a role, or of several joined by spaces."""
        style = Style()
        for part in name.split():
            style += self._component(f"z-{part}")
        return style

    def _component(self, name: str) -> Style:
        """A component's own colours, those that let something through mixed with what lies below."""
        styles = self.app.get_component_styles(name)
        below = self.background_colors[1]
        background = below + styles.background if styles.has_rule("background") else None
        color = (background or below) + styles.color if styles.has_rule("color") else None
        return styles.text_style + Style(
            color=color.rich_color if color else None, bgcolor=background.rich_color if background else None
        )

    def _look(self, role: str, under: str) -> Style:
        """A role on this widget's ground and on `under`. Kept, for Textual asks all ancestors for the ground."""
        known = self._styles_known
        if known is None:
            known = self._styles_known = {}
        style = known.get((role, under))
        if style is None:
            style = known[role, under] = self.rich_style + self.role(under) + self.role(role)
        return style

    # -- lines -----------------------------------------------------------------------------------------------------

    def segments(self, spans: Iterable[Span], under: str = "") -> list[Segment]:
        """The spans in their colours; `under` is a role laid under all (the cursor's row)."""
        return [Segment(text, self._look(role, under)) for text, role in spans if text]

    def padded(self, strip: Strip, width: int, under: str = "") -> Strip:
        """The strip in exactly `width` cells."""
        return strip.adjust_cell_length(width, self._look("", under))

    def strip(self, spans: Iterable[Span], width: int, under: str = "") -> Strip:
        """The spans as one line of exactly `width` cells."""
        return self.padded(Strip(self.segments(spans, under)), width, under)

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines as they may leave, those that did not change as they were.

        For each painting Textual asks every widget on the screen for all of its lines. Its own way to answer sees to
        borders, paddings and opacity, which painted widgets do not have, and makes new strips each time, whose cut and
        joined forms must be made again too.
        """
        known = self._lines_known
        if known is None:
            known = self._lines_known = {}
        if missing := [y for y in crop.line_range if y not in known]:
            known.update(self._finished(missing))
        return [known[y].crop(crop.x, crop.right) for y in crop.line_range]

    def _finished(self, lines: Iterable[int]) -> Iterator[tuple[int, Strip]]:
        filters, ground = self.get_line_filters(), self.background_colors[1]
        for y in lines:
            line = self.render_line(y)
            for each in filters:
                line = line.apply_filter(each, ground)
            yield y, line

    def show_changes(self) -> None:
        """Paint the lines that are others now, each up to where the blank begins that it and the one before end in."""
        known = self._lines_known
        if known is None:
            self.refresh(self.size.region)
            return
        width, height = self.size
        fresh = {y: line for y, line in self._finished(range(height)) if line is not known.get(y)}
        if fresh:
            self.refresh(*(Region(0, y, _unlike(known.get(y), line, width), 1) for y, line in fresh.items()))
            known.update(fresh)

    def _set_dirty(self, *regions: Region) -> None:
        """Where Textual forgets what it drew, forget it too."""
        super()._set_dirty(*regions)
        known = self._lines_known
        if known and regions:
            for region in regions:
                for y in region.line_range:
                    known.pop(y, None)
        else:
            self._lines_known = None

    @property
    def ascii_only(self) -> bool:
        """Whether only ASCII may be drawn (`--ascii`)."""
        return bool(getattr(self.app, "ascii_only", False))


def _unlike(one: Strip | None, other: Strip, width: int) -> int:
    """The cells of two lines of one width up to the blank that both end in."""
    if not one or not other:
        return width
    ends = next(reversed(one)), next(reversed(other))
    if ends[0].style != ends[1].style or any(end.text.strip(" ") for end in ends):
        return width
    return width - min(len(end.text) for end in ends)
