"""How the job's log says sizes and times."""

from __future__ import annotations


def size(count: float) -> str:
    """Bytes for a person, as z2ctl says them: 999 B, 1.2 MiB, 34 GiB. A file has one size, wherever it is read."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 10 else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def duration(seconds: float) -> str:
    """Seconds for a person: 0.4 s, 12 s, 3 min, 2 h 5 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def clock(milliseconds: int) -> str:
    """A place in the video: 4:05, 1:02:03."""
    minutes, second = divmod(milliseconds // 1000, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def plural(count: int, one: str) -> str:
    """A number with its word: 1 topic, 0 topics."""
    return f"{count} {one if count == 1 else one + 's'}"


def sentence(text: str) -> str:
    """A message as one sentence: it begins large and ends with a mark."""
    text = " ".join(text.split())
    if not text:
        return "It failed without a word."
    return text[0].upper() + text[1:] + ("" if text[-1] in ".!?…" else ".")
