"""Selecting lines with the mouse: what is dragged over is marked, and ctrl+c takes it.

Textual finds out where the mouse is by offsets that lie in the drawn segments, and asks for the text afterwards; a
widget that draws its own lines has to bring both. Rows are those of the whole text, so that a selection stays on its
lines while they scroll.
"""

from __future__ import annotations

from collections.abc import Iterable

from textual.selection import Selection
from textual.strip import Strip

from z2ctl.tui.paint import Painted, Span


class Selecting(Painted):
    """See the module. The view gives `row_text` and draws by `selectable`."""

    ALLOW_SELECT = True

    def row_text(self, row: int) -> str:
        """What stands on a row, as it is drawn without scrolling sideways."""
        raise NotImplementedError

    def selectable(self, spans: Iterable[Span], row: int, width: int, under: str = "") -> Strip:
        """The line of a row, with what is selected of it marked."""
        selection = self.text_selection
        span = selection.get_span(row) if selection is not None else None
        if span is not None:
            spans = _over(spans, span[0], None if span[1] < 0 else span[1])
        segments = self.segments(spans, under)
        if not segments:
            return self.strip((), width, under).apply_offsets(0, row)
        # the blank behind the text has no place of its own: the mouse there is behind the text
        return self.padded(Strip(segments).apply_offsets(0, row), width, under)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The text that is selected, and what ends it."""
        last = round(self.virtual_size.height) - 1
        first = selection.start.y if selection.start is not None else 0
        end = min(last, selection.end.y if selection.end is not None else last)
        rows = []
        for row in range(first, end + 1):
            span = selection.get_span(row)
            if span is not None:
                text = self.row_text(row)
                rows.append(text[span[0] : None if span[1] < 0 else span[1]].rstrip())
        return "\n".join(rows), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        """Draw it."""
        self.refresh()

    def unselect(self) -> None:
        """Forget it: the rows are others now."""
        if self.is_attached and self.text_selection is not None:
            self.screen.clear_selection()


def _over(spans: Iterable[Span], start: int, end: int | None) -> list[Span]:
    """The spans with the characters from `start` to `end` in the role of a selection."""
    out: list[Span] = []
    at = 0
    for text, role in spans:
        last = len(text) if end is None else min(len(text), max(0, end - at))
        first = min(last, max(0, start - at))
        pieces = ((text[:first], role), (text[first:last], f"{role} selected"), (text[last:], role))
        out.extend(Span(piece, look) for piece, look in pieces if piece)
        at += len(text)
    return out
