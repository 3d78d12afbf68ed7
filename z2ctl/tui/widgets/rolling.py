"""A scroll view whose text grows while one looks at it, at the cost of the lines that changed and no more.

For Textual a text that became one line longer is a widget of another size: it lays the whole screen out again, paints
it once for that and once more for what moved, and paints the scroll bar because a number in it is another one. Here
the bar is always there, so that a longer text changes no layout, and of the bar is painted what looks different.
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
    """See the module. A view says `resize_text` and does not set `virtual_size`; it overflows `hidden scroll`."""

    virtual_size = Reactive(Size(0, 0), repaint=False)
    """The size of the whole text; unlike that of other widgets it is nothing that a layout needs to know."""

    def resize_text(self, size: Size) -> None:
        """The text is so large now; a place that is no longer in it becomes its nearest."""
        if size != self.virtual_size:
            self.virtual_size = size
            self.scroll_x, self.scroll_y = self.scroll_x, self.scroll_y  # setting it checks it against the new size
            self._show_place()

    def watch_scroll_x(self, old_value: float, new_value: float) -> None:
        """Every line is another one."""
        if round(old_value) != round(new_value):
            self.refresh()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Lines moved up or down."""
        self._show_place()
        if round(old_value) != round(new_value):
            self.show_changes()

    def _show_place(self) -> None:
        """Bring the bar's numbers up to date, and paint of it what shows."""
        if not self.show_vertical_scrollbar:
            return  # nothing is laid out yet
        bar = self.vertical_scrollbar
        before = thumb(bar)
        bar.set_reactive(ScrollBar.window_virtual_size, self.virtual_size.height)
        bar.set_reactive(ScrollBar.position, bar.validate_position(self.scroll_y))
        after = thumb(bar)
        if before is None or after is None:
            if before != after:
                bar.refresh()
        elif before != after:
            for old, new in zip(before, after, strict=True):
                first, last = sorted((old // STEPS, new // STEPS))
                bar.refresh(Region(0, first, bar.size.width, last + 1 - first))


def thumb(bar: ScrollBar) -> tuple[int, int] | None:
    """Where an upright bar's moving part begins and ends, in steps, as `ScrollBarRender` has it; None without one."""
    size, whole, window = bar.size.height, bar.window_virtual_size, ceil(bar.window_size)
    if not size or not whole or not window or window >= whole or size == whole:
        return None
    length = max(1, window / (whole / size))
    start = int((size - length) * (bar.position / (whole - window)) * STEPS)
    return start, start + ceil(length * STEPS)
