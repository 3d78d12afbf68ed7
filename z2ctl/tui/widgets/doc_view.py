"""A text to read: overview, analysis, transcript, files. Lines may lead somewhere (a second, a path)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from z2ctl.tui.paint import Span
from z2ctl.tui.widgets.lines import LineView


@dataclass(frozen=True, slots=True)
class Second:
    """A line that leads to a moment of the transcript."""

    ms: int


@dataclass(frozen=True, slots=True)
class Take:
    """A line that gives something to copy: what it is called, and the text."""

    what: str
    text: str


@dataclass(frozen=True, slots=True)
class StageLine:
    """A line about a stage: a retry can begin there."""

    stage: str


@dataclass(frozen=True, slots=True)
class OpenJob:
    """A line that leads to a job; with `at_ms` to that moment of its transcript."""

    job_id: int
    at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Publication:
    """A line about a target: it can be published to again, and its place copied."""

    target: str
    place: str


Target = Second | Take | StageLine | OpenJob | Publication


@dataclass(frozen=True, slots=True)
class Doc:
    """One paragraph: columns that are not wrapped, a body that is, where it leads, and stretches that stand out."""

    head: tuple[Span, ...] = ()
    text: str = ""
    role: str = "plain"
    target: Target | None = None
    marks: tuple[tuple[int, int], ...] = ()


class DocView(LineView[Doc]):
    """See the module."""

    def __init__(self, *, node_id: str | None = None, placeholder: str = "") -> None:
        super().__init__(node_id=node_id, wrap=True)
        self.word_wrap = True
        if placeholder:
            self.items = [Doc((Span(" "),), placeholder, "dim")]

    def head(self, item: Doc) -> Sequence[Span]:
        """The columns."""
        return item.head

    def body(self, item: Doc) -> str:
        """The text that is wrapped."""
        return item.text

    def body_role(self, item: Doc) -> str:
        """Its colour."""
        return item.role

    def marks(self, item: Doc) -> Sequence[tuple[int, int]]:
        """The stretches that stand out."""
        return item.marks

    def _cursor_role(self) -> str:
        return "cursor" if self.has_focus else ""

    def show(self, docs: Sequence[Doc]) -> None:
        """Other paragraphs; the place is kept when they are of the same document read again."""
        docs = list(docs)
        if docs == self.items or self._renew(docs):
            return
        at, top = self.cursor, self.scroll_offset.y
        same = len(docs) == len(self.items)
        self.replace(docs)
        if same and at is not None:
            self.cursor = at
            self._jump(y=top)

    def _renew(self, docs: list[Doc]) -> bool:
        """Paint only the paragraphs that read differently, if no line moves: a time that counts down costs one line."""
        if len(docs) != len(self.items) or self.pattern or self._rows.count != len(self.items):
            return False
        changed = [at for at, (old, new) in enumerate(zip(self.items, docs, strict=True)) if old != new]
        lines = {at: self._row_of(at + 1) - self._row_of(at) for at in changed}
        if any(len(self.rows_of(docs[at])) != number for at, number in lines.items()):
            return False
        self.items = docs
        for at, number in lines.items():
            self.refresh_lines(self._row_of(at), number)
        return True

    def target(self) -> Target | None:
        """Where the line under the cursor leads."""
        return self.items[self.cursor].target if self.cursor is not None and self.items else None

    def go_to(self, ms: int) -> bool:
        """Put the cursor on the last line that begins at or before a moment."""
        found = None
        for index, item in enumerate(self.items):
            if isinstance(item.target, Second):
                if item.target.ms > ms:
                    break
                found = index
        if found is None:
            return False
        self.move_cursor(found, centre=True)
        return True
