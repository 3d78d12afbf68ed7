"""The last net before the terminal: whatever a line contains, no control character leaves, and with `--ascii` nothing
else than ASCII does.

Text from outside is made safe where it enters (`feed.clean`). This filter sees every line of every widget on its
way out, Textual's own included, so a mistake anywhere above cannot reach the terminal either.
"""

from __future__ import annotations

import re

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_ACTS = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_SIGNS = str.maketrans(
    {
        **dict(zip("●○◌◉✓✗⊘↻▲▼▌▎→←↑↓", "*.o@+x-~^v>|><^v", strict=True)),
        **dict.fromkeys("━╸╺█▇▆▅", "#"),
        **dict.fromkeys("─═▔▁▂▃▄—–⎯", "-"),
        **dict.fromkeys("│┃║▏▕▐", "|"),
        **dict.fromkeys("╭╮╰╯┌┐└┘├┤┬┴┼", "+"),
        **dict.fromkeys("“”„«»", '"'),
        **dict.fromkeys("‘’‚", "'"),
        "…": "~",
        "·": "-",
        "×": "x",
        "≡": "=",
        "\xa0": " ",
    }
)


def to_ascii(text: str) -> str:
    """The text with a sign of ASCII for each cell it covers."""
    text = text.translate(_SIGNS)
    return text if text.isascii() else "".join(c if c.isascii() else "?" * cell_len(c) for c in text)


class LastNet(LineFilter):
    """See the module."""

    def __init__(self, *, ascii_only: bool) -> None:
        super().__init__()
        self.ascii_only = ascii_only

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments as they may leave; untouched ones are passed on as they are."""
        out = []
        for segment in segments:
            text = segment.text
            if _ACTS.search(text):
                text = _ACTS.sub("�", text)
            if self.ascii_only and not text.isascii():
                text = to_ascii(text)
            out.append(segment if text is segment.text else Segment(text, segment.style, segment.control))
        return out
