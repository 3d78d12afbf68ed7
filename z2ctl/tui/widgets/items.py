"""What an item of a long text is, and the lines it is drawn as.

An item has a head (a time, a level: columns that are never wrapped) and a body. Nothing here knows what the items
mean, which subclasses say, nor where they stand, which is the view's (`lines`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from rich.cells import chop_cells

from z2ctl.tui.paint import Painted, Span, cells, width_of, wrap_words

T = TypeVar("T")

LONGEST = 4000
"""Characters of one item that are drawn; the rest is named by its length. Copy and save keep all of it."""


class Items(Painted, Generic[T]):
    """See the module. Subclasses give `head`, `body` and `body_role` of an item."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.wrapping = False
        self.word_wrap = False

    # -- asked of subclasses ---------------------------------------------------------------------------------------

    def head(self, item: T) -> Sequence[Span]:
        """The columns before the body."""
        return ()

    def body(self, item: T) -> str:
        """The text of an item, one line."""
        raise NotImplementedError

    def body_role(self, item: T) -> str:
        """The role of the body's text."""
        return "plain"

    def marks(self, item: T) -> Sequence[tuple[int, int]]:
        """Stretches [from, to) of the body that stand out by themselves, rising."""
        return ()

    # -- as it is drawn ----------------------------------------------------------------------------------------------

    def head_width(self, item: T) -> int:
        """Cells of the columns before the body; a view whose heads are alike need not build one to know."""
        return width_of(self.head(item))

    def _shown(self, item: T) -> str:
        body = self.body(item)
        return body if len(body) <= LONGEST else f"{body[:LONGEST]}… ({len(body)} characters)"

    def rows_of(self, item: T) -> list[str]:
        """The lines of an item's body as they are drawn."""
        body = self._shown(item)
        if not self.wrapping:
            return [body]
        width = max(8, self.scrollable_content_region.width - self.head_width(item))
        if cells(body) <= width:
            return [body]
        return wrap_words(body, width) if self.word_wrap else chop_cells(body, width) or [""]

    def _piece(self, item: T, part: int) -> tuple[str, list[tuple[int, int]]]:
        """One of the lines an item is drawn as, and the stretches in it that stand out."""
        lines = self.rows_of(item)
        part = min(part, len(lines) - 1)
        marks = self.marks(item)
        if not marks:
            return lines[part], []
        whole, start = self._shown(item), 0
        for line in lines[:part]:
            start = whole.index(line, start) + len(line)
        start = whole.index(lines[part], start)
        end = start + len(lines[part])
        return lines[part], [(max(a, start) - start, min(b, end) - start) for a, b in marks if a < end and b > start]

    # -- as plain text -----------------------------------------------------------------------------------------------

    def text_of(self, item: T) -> str:
        """An item as one line of plain text: head and whole body."""
        return ("".join(span.text for span in self.head(item)) + self.body(item)).strip()
