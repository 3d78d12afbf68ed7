"""The one place where the command line writes.

Data goes to stdout, messages to stderr. On a terminal data is a page made with rich; in a pipe it is plain text
without rich being loaded; with `--json` it is one object per line. Every text passes `safe()` here, and rich is given
`Text` only, never a string it could read as markup.
"""

# ruff: noqa: T201 - this is the one file that prints
from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from z2ctl.text import Look, safe

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

STYLES = {
    "": "",
    "running": "cyan",
    "success": "green",
    "warning": "yellow",
    "error": "red",
    "accent": "magenta",
    "dim": "dim",
    "bold": "bold",
}


class Cell(NamedTuple):
    """A text, the role of its style (see `z2ctl.text.Look`), and how wide it is at least: negative to the right."""

    text: object
    style: str = ""
    width: int = 0

    def shown(self) -> str:
        """The text as it may be written."""
        words = safe(self.text)
        return words.rjust(-self.width) if self.width < 0 else words.ljust(self.width)


class Column(NamedTuple):
    """A column of a table; the one that is `wide` takes the room the others leave."""

    name: str
    right: bool = False
    wide: bool = False


def say(text: object, *, indent: int = 0) -> None:
    """A message for the person, one line on stderr."""
    print(" " * indent + safe(text), file=sys.stderr, flush=True)


class Output:
    """Prints data in the form that fits who reads it."""

    def __init__(self, *, ascii_only: bool = False) -> None:
        self.as_json = False
        self.terminal = sys.stdout.isatty()
        encoding = (getattr(sys.stdout, "encoding", None) or "ascii").lower().replace("-", "")
        self.ascii_only = ascii_only or not encoding.startswith("utf")

    def json(self, value: Any) -> None:
        """One value as one line of JSON. Only ASCII leaves, so it is safe on a terminal too."""
        print(json.dumps(value, ensure_ascii=True).replace("\x7f", "\\u007f"))

    def line(self, text: object) -> None:
        """One line of data."""
        print(safe(text))

    def fields(self, values: Sequence[object]) -> None:
        """One record for programs: fields with tabs between them, empty where there is no value."""
        print("\t".join(safe(value) for value in values))

    def path(self, path: str) -> None:
        """A path: exact in a pipe, where a program will use it; readable on a terminal."""
        sys.stdout.write((safe(path) if self.terminal else path) + "\n")

    def raw(self, text: str) -> None:
        """A document as it is; on a terminal without anything that could act on it."""
        text = safe(text, lines=True) if self.terminal else text
        sys.stdout.write(text if text.endswith("\n") else text + "\n")

    def glyph(self, look: Look) -> str:
        """The glyph of a status in the signs this terminal has."""
        return look.plain if self.ascii_only else look.glyph

    def width(self) -> int:
        """How many columns the terminal has."""
        import shutil

        return shutil.get_terminal_size().columns

    def page(self) -> Page:
        """A page for a person: styled on a terminal, plain text in a pipe."""
        return RichPage(self) if self.terminal else Page(self)

    def console(self, *, stderr: bool = False) -> Console:
        """A rich console on stdout or stderr that guesses and decorates nothing by itself."""
        from rich.console import Console

        return Console(stderr=stderr, highlight=False, markup=False, emoji=False, soft_wrap=False)


class Page:
    """A page in plain text: headings, pairs, paragraphs, tables."""

    def __init__(self, out: Output) -> None:
        self.out = out
        self._begun = False

    def heading(self, text: object, style: str = "bold") -> None:
        """A heading with an empty line before it."""
        if self._begun:
            print()
        self.write(Cell(text, style))

    def write(self, *cells: Cell, indent: int = 0) -> None:
        """One line made of cells."""
        self._begun = True
        print(" " * indent + " ".join(cell.shown() for cell in cells).rstrip())

    def pairs(self, pairs: Sequence[tuple[str, Cell]]) -> None:
        """Names and values, the values one below the other; a pair without a value is left out."""
        shown = [(name, cell) for name, cell in pairs if cell.shown()]
        width = max((len(name) for name, _ in shown), default=0)
        for name, cell in shown:
            self.pair(name.ljust(width), cell)

    def pair(self, name: str, cell: Cell) -> None:
        """One name and its value."""
        self._begun = True
        print(f"{name}  {cell.shown()}")

    def place(self, name: str, path: object, *, width: int = 6) -> None:
        """A name and a path; a path is never broken into lines, so that it can be copied."""
        self.write(Cell(name, "", width), Cell(path))

    def passage(self, name: Cell, text: str, marks: Sequence[Sequence[int]]) -> None:
        """A name and a text beside it, in which the stretches [from, to) of `marks` stand out."""
        self.write(name, Cell(text))

    def paragraph(self, text: object, *, indent: int = 0) -> None:
        """Running text; its own line ends stay."""
        self._begun = True
        for line in safe(text, lines=True).splitlines():
            print(" " * indent + line.replace("\t", " "))

    def table(self, columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> None:
        """An aligned table with a head."""
        self._begun = True
        lines = [[column.name for column in columns], *[[cell.shown() for cell in row] for row in rows]]
        widths = [max(len(line[at]) for line in lines) for at in range(len(columns))]
        for line in lines:
            parts = [
                text.rjust(width) if column.right else text.ljust(width)
                for text, width, column in zip(line, widths, columns, strict=True)
            ]
            print("  ".join(parts).rstrip())


class RichPage(Page):
    """The same page on a terminal, with colour where the terminal and `NO_COLOR` allow it."""

    def __init__(self, out: Output) -> None:
        super().__init__(out)
        self._console = out.console()

    def write(self, *cells: Cell, indent: int = 0) -> None:
        """One line made of cells, wrapped at words below its own beginning."""
        self._begun = True
        self._print(line_of(cells), indent)

    def heading(self, text: object, style: str = "bold") -> None:
        """A heading with an empty line before it."""
        if self._begun:
            self._console.print()
        self.write(Cell(text, style))

    def pair(self, name: str, cell: Cell) -> None:
        """One name and its value, wrapped beside the name."""
        from rich.table import Table

        self._begun = True
        grid = Table.grid(padding=(0, 2))
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold")
        grid.add_row(text_of(Cell(name, "dim", len(name))), text_of(cell))
        self._console.print(grid)

    def place(self, name: str, path: object, *, width: int = 6) -> None:
        """A name and a path; a path is never broken into lines, so that it can be copied."""
        self._begun = True
        self._console.print(line_of([Cell(name, "dim", width), Cell(path)]), soft_wrap=True)

    def passage(self, name: Cell, text: str, marks: Sequence[Sequence[int]]) -> None:
        """A name and a text beside it, in which the stretches [from, to) of `marks` stand out."""
        from rich.table import Table
        from rich.text import Text

        self._begun = True
        shown, done = Text(), 0
        for start, end in [*marks, (len(text), len(text))]:
            for piece, style in ((text[done:start], ""), (text[start:end], STYLES["bold"])):
                shown.append(safe(piece, lines=True).replace("\n", " ").replace("\t", " "), style)
            done = end
        grid = Table.grid(padding=(0, 1))
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold")
        grid.add_row(text_of(name), shown)
        self._console.print(grid)

    def paragraph(self, text: object, *, indent: int = 0) -> None:
        """Running text, wrapped at words."""
        from rich.text import Text

        self._begun = True
        for line in safe(text, lines=True).splitlines():
            self._print(Text(line.replace("\t", " ")), indent)

    def table(self, columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> None:
        """A table as wide as it needs to be; long texts end in an ellipsis."""
        from rich.table import Table

        self._begun = True
        wide = any(column.wide for column in columns)
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, expand=wide, header_style="dim")
        for column in columns:
            table.add_column(
                text_of(Cell(column.name, "dim")),
                justify="right" if column.right else "left",
                no_wrap=True,
                overflow="ellipsis",
                ratio=1 if column.wide else None,
            )
        for row in rows:
            table.add_row(*[text_of(cell) for cell in row])
        self._console.print(table)

    def _print(self, text: Text, indent: int) -> None:
        from rich.padding import Padding

        self._console.print(Padding(text, (0, 0, 0, indent)) if indent else text)


def text_of(cell: Cell) -> Text:
    """A cell as rich text."""
    from rich.text import Text

    return Text(cell.shown(), style=STYLES.get(cell.style, ""))


def line_of(cells: Sequence[Cell]) -> Text:
    """Cells as one line of rich text, a space between them."""
    from rich.text import Text

    return Text(" ").join([text_of(cell) for cell in cells])
