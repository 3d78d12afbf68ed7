"""A scroll view whose text grows while one looks at it, at the cost of the lines that changed and no more.

For Textual a text that became one line longer is a widget of another size: it lays the whole screen out again, and
paints the scroll bars because a number in them is another one. Here a layout happens only when a bar comes or goes,
and a bar is painted only when it looks different. With a log of two lines a second that was more than half of what
the dashboard cost.
"""

from __future__ import annotations

from math import ceil

from textual.geometry import Region, Size
from textual.reactive import Reactive
from textual.scroll_view import ScrollView
from textual.scrollbar import ScrollBar

from z2ctl.tui.paint import Painted

STEPS = 8
"""The places of a bar's ends in one cell; Textual draws them with eighths of a block."""


class Rolling(Painted, ScrollView):
    """See the module. The owner of the text calls `resize_text` and never sets `virtual_size`."""

    virtual_size = Reactive(Size(0, 0), repaint=False)
    """The size of the whole text; unlike that of other widgets it is nothing that a layout needs to know."""

    def resize_text(self, size: Size) -> None:
        """The text is so large now; a place that is no longer in it becomes its nearest."""
        if size == self.virtual_size:
            return
        self.virtual_size = size
        self._refresh_scrollbars()
        self.scroll_x, self.scroll_y = self.scroll_x, self.scroll_y  # setting it checks it against the new size
        self._show_place()

    def watch_scroll_x(self, old_value: float, new_value: float) -> None:
        """Every line is another one."""
        self._show_place()
        if round(old_value) != round(new_value):
            self.refresh()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Lines moved up or down."""
        self._show_place()
        if round(old_value) != round(new_value):
            self.show_changes()

    def _show_place(self) -> None:
        if self.show_vertical_scrollbar:
            _tell(self.vertical_scrollbar, self.virtual_size.height, self.scroll_y)
        if self.show_horizontal_scrollbar:
            _tell(self.horizontal_scrollbar, self.virtual_size.width, self.scroll_x)


def _tell(bar: ScrollBar, whole: int, position: float) -> None:
    """Bring a bar's numbers up to date, and paint of it what shows."""
    before = thumb(bar)
    bar.set_reactive(ScrollBar.window_virtual_size, whole)
    bar.set_reactive(ScrollBar.position, bar.validate_position(position))
    after = thumb(bar)
    if before == after:
        return
    if before is None or after is None or not bar.vertical:
        bar.refresh()
        return
    for old, new in zip(before, after, strict=True):
        first, last = sorted((old // STEPS, new // STEPS))
        bar.refresh(Region(0, first, bar.size.width, last + 1 - first))


def thumb(bar: ScrollBar) -> tuple[int, int] | None:
    """Where a bar's moving part begins and ends, in steps, as `ScrollBarRender` has it; None when there is none."""
    size = bar.size.height if bar.vertical else bar.size.width
    whole, window = ceil(bar.window_virtual_size), ceil(bar.window_size)
    if not size or not whole or not window or window >= whole or size == whole:
        return None
    length = max(1, window / (whole / size))
    start = int((size - length) * (bar.position / (whole - window)) * STEPS)
    return start, start + ceil(length * STEPS)
