"""A long text of many items, of which only the visible lines are ever drawn: log, transcript, documents.

What an item is and how it becomes rows stands in `items`, on which rows it stands in `rows`. The view scrolls, also
sideways, keeps a cursor on an item, and can follow the end; `finding` finds words in it. A hundred thousand items cost
what the forty visible ones cost, and a line that comes costs what one line costs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip

from z2ctl.tui.paint import Span, cells, drop_cells, highlight, width_of
from z2ctl.tui.widgets.finding import Finding
from z2ctl.tui.widgets.items import Items
from z2ctl.tui.widgets.rolling import Rolling
from z2ctl.tui.widgets.rows import Rows
from z2ctl.tui.widgets.selecting import Selecting

T = TypeVar("T")

MOST_DRAWN = 400
"""Rows that are kept as they were drawn."""


class LineView(Items[T], Finding[T], Selecting, Rolling, can_focus=True, inherit_bindings=False):
    """See the module. Subclasses give `head`, `body` and `body_role` of an item."""

    DEFAULT_CSS = "LineView { height: 1fr; overflow: hidden scroll; scrollbar-size: 1 1; }"

    @dataclass
    class Moved(Message):
        """The position, the follow state or the number of matches changed: titles may need new words."""

        view: LineView[Any]

    @dataclass
    class Chosen(Message):
        """Enter or a double click on an item."""

        view: LineView[Any]
        index: int

    def __init__(self, *, node_id: str | None = None, follow: bool = False, wrap: bool = False) -> None:
        super().__init__(id=node_id)
        self.following = follow
        self.new_below = 0
        self.wrapping = wrap
        self._rows = Rows()
        self._drawn: dict[int, Strip] = {}
        self._held = False

    # -- content ---------------------------------------------------------------------------------------------------

    def replace(self, items: Iterable[T], *, keep: bool = False) -> None:
        """Show other items; `keep` holds the place (a filter changed), otherwise the view starts afresh."""
        self.unselect()
        top, cursor = self._top_item(), self.cursor
        at_cursor = self.items[cursor] if keep and cursor is not None and cursor < len(self.items) else None
        at_top = self.items[top] if keep and top < len(self.items) else None
        self.items = list(items)
        self.new_below = 0
        self._measure()
        self._find_matches()
        if at_cursor is not None:
            self.cursor = self._place(at_cursor)
        else:
            self.cursor = None if self.following or not self.items else 0
        if self.following:
            self._to_end()
        else:
            place = self._place(at_top) if at_top is not None else 0
            self._jump(y=self._row_of(place or 0))
        self.refresh()
        self._say()

    def append(self, items: Sequence[T]) -> None:
        """More items at the end; the view moves only when it follows."""
        if not items:
            return
        first = len(self.items)
        self.items.extend(items)
        self._measure(first)
        if self.pattern:
            self.matches.extend(i for i in range(first, len(self.items)) if self._found(self.items[i]))
        top = self.scroll_offset.y
        if self.following:
            self._to_end()
        else:
            self.new_below += len(items)
        if top == self.scroll_offset.y and self._row_of(first) < top + self.size.height:
            self.show_changes()  # going to the end shows them too
        self._say()

    def prepend(self, items: Sequence[T]) -> None:
        """Older items before the first; what is on the screen stays where it is."""
        if not items:
            return
        self.unselect()
        top, offset = self._top_item(), self.scroll_offset.y - self._row_of(self._top_item())
        self.items[:0] = items
        self._measure()
        self._find_matches()
        if self.cursor is not None:
            self.cursor += len(items)
        self._jump(y=self._row_of(top + len(items)) + offset)
        self.refresh()
        self._say()

    def forget(self, count: int) -> None:
        """Drop the `count` oldest items (the window is full); only sensible while following."""
        self.unselect()
        del self.items[:count]
        self._measure()
        self._find_matches()
        if self.cursor is not None:
            self.cursor = max(0, self.cursor - count)
        if self.following:
            self._to_end()

    # -- geometry --------------------------------------------------------------------------------------------------

    def _measure(self, first: int = 0) -> None:
        """Take up the items from `first` on."""
        if first == 0:
            self._drawn.clear()
        if self.wrapping:
            self._rows.wrapped((len(self.rows_of(item)) for item in self.items[first:]), first)
        else:
            self._rows.single((self.head_width(item) + cells(self._shown(item)) for item in self.items[first:]), first)
        self._held = True
        self.resize_text(self._rows.size)
        self._held = False

    def _row_of(self, index: int) -> int:
        return self._rows.start(min(index, len(self.items)))

    def _top_item(self) -> int:
        return min(self._rows.at(self.scroll_offset.y)[0], max(0, len(self.items) - 1))

    def _place(self, item: T) -> int | None:
        try:
            return self.items.index(item)
        except ValueError:
            return None

    def shown_items(self) -> list[T]:
        """The items on the screen now."""
        if not self.items:
            return []
        first = self._top_item()
        last = self._rows.at(min(self.virtual_size.height, self.scroll_offset.y + self.size.height) - 1)[0]
        return self.items[first : last + 1]

    # -- moving ----------------------------------------------------------------------------------------------------

    def _jump(self, y: float | None = None, x: float | None = None) -> None:
        self._held = True
        self.scroll_to(x, y, animate=False, force=True)
        self._held = False

    def _to_end(self) -> None:
        self._jump(y=self.max_scroll_y)
        self.new_below = 0

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Scrolling up pauses the following; coming to the end takes it up again."""
        super().watch_scroll_y(old_value, new_value)
        if self._held or round(old_value) == round(new_value):
            return
        if new_value < old_value and self.following and new_value < self.max_scroll_y:
            self.pause()  # a view that became higher moves up too, but stays at the end
        elif new_value >= self.max_scroll_y and self.follows_end and not self.following:
            self.follow()
        self.near_edge()
        self._say()

    empty_words = ""
    """What stands where no item is."""

    follows_end = False
    """Whether this view has an end worth following (a log)."""

    def near_edge(self) -> None:
        """Called after scrolling by a person; the log asks for older lines here."""

    def pause(self) -> None:
        """Stop following; the cursor appears on the last visible line."""
        self.following = False
        if self.cursor is None and self.items:
            self.cursor = min(
                len(self.items) - 1, self._rows.at(self.scroll_offset.y + max(0, self.size.height - 1))[0]
            )
        self.refresh()
        self._say()

    def follow(self) -> None:
        """Go to the end and stay there."""
        self.following, self.cursor = True, None
        self._to_end()
        self.refresh()
        self._say()

    def move_cursor(self, index: int, *, centre: bool = False) -> None:
        """Put the cursor on an item and make it visible."""
        if not self.items:
            return
        if self.following:
            self.following = False
        index = min(max(0, index), len(self.items) - 1)
        old, self.cursor = self.cursor, index
        row, height = self._row_of(index), max(1, self.scrollable_content_region.height)
        end = self._row_of(index + 1)
        top = self.scroll_offset.y
        if centre and not (top <= row and end <= top + height):
            self._jump(y=max(0, row - height // 3))
        elif row < top:
            self._jump(y=row)
        elif end > top + height:
            self._jump(y=max(0, min(row, end - height)))
        for changed in {index, old if old is not None else index}:
            if changed < len(self.items):
                self.refresh_lines(self._row_of(changed), max(1, self._row_of(changed + 1) - self._row_of(changed)))
        self.near_edge()
        self._say()

    def step(self, by: int) -> None:
        """Move the cursor by items."""
        if self.following:
            self.pause()
            by = min(0, by)
        self.move_cursor((self.cursor or 0) + by)

    def page(self, by: int) -> None:
        """Move by whole pages."""
        self.step(by * max(1, self.scrollable_content_region.height - 1))

    def sideways(self, by: int) -> None:
        """Scroll to the side; the heads stay."""
        self._jump(x=min(max(0, self.scroll_x + by), self.max_scroll_x))
        self.refresh()

    # -- drawing ---------------------------------------------------------------------------------------------------

    def set_wrap(self, wrapping: bool) -> None:
        """Wrap long lines, or let them run out to the right."""
        if wrapping == self.wrapping:
            return
        top = self._top_item()
        self.wrapping = wrapping
        self._relayout(top)

    def _relayout(self, top: int) -> None:
        self._measure()
        if self.following:
            self._to_end()
        else:
            self._jump(y=self._row_of(top), x=0 if self.wrapping else None)
        self.refresh()

    def on_resize(self, event: events.Resize) -> None:
        """Keep the place: the end while following, else the first visible item."""
        if not self.wrapping and not self.following:
            return
        self._relayout(self._top_item())

    def _say(self) -> None:
        self.post_message(self.Moved(self))

    def notify_style_update(self) -> None:
        """Other colours: draw all rows again."""
        self._drawn.clear()
        super().notify_style_update()

    def refresh_lines(self, y_start: int, line_count: int = 1) -> None:
        """Draw some rows again."""
        for row in range(y_start, y_start + line_count):
            self._drawn.pop(row, None)
        super().refresh_lines(y_start, line_count)

    def _set_dirty(self, *regions: Region) -> None:
        """Draw all rows again, unless it is only about where they stand."""
        super()._set_dirty(*regions)
        if not regions:
            self._drawn.clear()

    def render_line(self, y: int) -> Strip:
        """One visible line. Rows are kept as they were drawn: a log that follows draws one and moves the others up."""
        row = y + self.scroll_offset.y
        if not 0 <= row < self.virtual_size.height or not self.items:
            words = [Span(f" {self.empty_words}", "dim")] if y == 0 and not self.items else ()
            return self.strip(words, self.size.width)
        strip = self._drawn.get(row)
        if strip is None:
            if len(self._drawn) > MOST_DRAWN:
                self._drawn.clear()
            strip = self._drawn[row] = self._draw(row)
        return strip

    def _draw(self, row: int) -> Strip:
        width = self.size.width
        index, part = self._rows.at(row)
        if index >= len(self.items):
            return self.strip((), width)
        item = self.items[index]
        text, marks = self._piece(item, part)
        now = index == self.cursor
        role = self.body_role(item)
        head: Sequence[Span] = self.head(item)
        if part:
            head = [Span(" " * width_of(head))]
        found = [match.span() for match in self.pattern.finditer(text) if match.group()] if self.pattern else marks
        body = highlight(text, role, found, "match-now" if now else "match") if found else [Span(text, role)]
        if self.scroll_offset.x and not self.wrapping:
            body = drop_cells(body, self.scroll_offset.x)
        return self.selectable([*head, *body], row, width, self._cursor_role() if now else "")

    def _cursor_role(self) -> str:
        return "cursor" if self.has_focus else "cursor-away"

    def get_content_width(self, container: Size, viewport: Size) -> int:
        """As wide as there is room: the text decides only how far it scrolls."""
        return container.width

    # -- taking text away ------------------------------------------------------------------------------------------

    def row_text(self, row: int) -> str:
        """What stands on a row of the whole text."""
        index, part = self._rows.at(row)
        item = self.items[index]
        head = width_of(self.head(item)) * " " if part else "".join(span.text for span in self.head(item))
        return head + self._piece(item, part)[0]

    def line_text(self) -> str:
        """The item under the cursor, or the last one while following."""
        if not self.items:
            return ""
        return self.text_of(self.items[self.cursor if self.cursor is not None else -1])

    def visible_text(self) -> str:
        """What is on the screen, as plain lines."""
        return "\n".join(self.text_of(item) for item in self.shown_items())

    def on_click(self, event: events.Click) -> None:
        """Put the cursor where the mouse is; a double click chooses."""
        row = event.y + self.scroll_offset.y
        if 0 <= row < self.virtual_size.height and self.items:
            index = self._rows.at(row)[0]
            self.move_cursor(index)
            if event.chain == 2:
                self.post_message(self.Chosen(self, index))
