"""Finding words in a long text: which items have them, and going from one to the next.

The half of a `LineView` that knows of matches and nothing of rows, wrapping or drawing, so that each can be read
alone. `lines` builds the view on it.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from bisect import bisect_right
from typing import Any, Generic, TypeVar

from z2ctl.tui.paint import Painted

T = TypeVar("T")


class Finding(Painted, Generic[T]):
    """See the module. The view gives `body`, `move_cursor` and what else stands under "asked of the view"."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.items: list[T] = []
        self.cursor: int | None = None
        self.needle = ""
        self.pattern: re.Pattern[str] | None = None
        self.matches: list[int] = []

    # -- asked of the view -----------------------------------------------------------------------------------------

    @abstractmethod
    def body(self, item: T) -> str:
        """The text of an item, one line."""

    @abstractmethod
    def move_cursor(self, index: int, *, centre: bool = False) -> None:
        """Put the cursor on an item and make it visible."""

    @abstractmethod
    def _top_item(self) -> int: ...

    @abstractmethod
    def _say(self) -> None: ...

    # -- finding ---------------------------------------------------------------------------------------------------

    def find(self, words: str) -> int:
        """Mark every place where `words` stand, upper or lower case alike: how many items have them."""
        self.needle = words
        self.pattern = re.compile(re.escape(words), re.IGNORECASE) if words else None
        self._find_matches()
        self.refresh()
        self._say()
        return len(self.matches)

    def _found(self, item: T) -> bool:
        return self.pattern is not None and self.pattern.search(self.body(item)) is not None

    def _find_matches(self) -> None:
        self.matches = [i for i, item in enumerate(self.items) if self._found(item)] if self.pattern else []

    def next_match(self, by: int = 1) -> bool:
        """Go to the next (or previous) match, around the end: whether there is one."""
        if not self.matches:
            return False
        here = self.cursor if self.cursor is not None else self._top_item() - 1
        if by > 0:
            to = next((m for m in self.matches if m > here), self.matches[0])
        else:
            to = next((m for m in reversed(self.matches) if m < here), self.matches[-1])
        self.move_cursor(to, centre=True)
        return True

    def match_words(self) -> str:
        """Where among the matches the cursor is: "3/17", or "no match"."""
        if self.pattern is None:
            return ""
        if not self.matches:
            return "no match"
        at = bisect_right(self.matches, self.cursor) if self.cursor is not None else 0
        return f"{at}/{len(self.matches)}"
