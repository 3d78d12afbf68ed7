"""The words of the result: summaries and chapter titles, put together from what was said and found."""

from __future__ import annotations

import re

from z2d.analysis.words import NOISE, UNSPACED, Lexicon

_LEADING_FILLER = re.compile(
    r"^(?:(?:and|so|but|or|well|yeah|yes|okay|ok|right|um|uh|like|you know|i mean|now|also|because)\b[, ]+)+(?=\S)",
    re.IGNORECASE,
)
# cues are joined by a space, which scripts without spaces do not want
_BETWEEN_SIGNS = re.compile(rf"(?<=[{UNSPACED}、。，！？]) (?=[{UNSPACED}])")
_URL_OR_TAG = re.compile(r"https?://\S+|www\.\S+|(?<!\w)[#@]\w+")
_TIME_LINE = re.compile(r"^\W*(?:\d{1,2}:)?\d{1,2}:\d{2}\b")
# descriptions end in links, credits and advertisement
_CLIP = 320


def stamp(ms: int) -> str:
    """`mm:ss`, with hours only where there are some."""
    minutes, seconds = divmod(ms // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes:02}:{seconds:02}"


def claim(quote: str, *, punctuated: bool, language: str) -> str:
    """A quote as a sentence of its own, without the words that only lead in.

    Where the transcript has no punctuation, nobody knows where the sentence begins and ends: it stays between dots.
    """
    text = _BETWEEN_SIGNS.sub("", " ".join(NOISE.sub(" ", quote).split()))
    if language == "en" and len(text.split()) > 8:
        text = _LEADING_FILLER.sub("", text) or text
    return text[:1].upper() + text[1:] if punctuated else f"… {text.rstrip(' ,;-')} …"


def clipped(text: str, limit: int = _CLIP) -> str:
    """At most `limit` characters, cut between words."""
    if len(text) <= limit:
        return text
    cut = text[:limit].rsplit(" ", 1)[0] if " " in text[:limit] else text[:limit]
    return cut.rstrip(" ,;:-") + " …"


def quoted(text: str) -> str:
    """In quotation marks, which the words themselves may hold already."""
    return f"“{text.strip('“”')}”"


def short(*, topics: list[str], passage: str | None, minutes: int, language: str, title: str, beginning: str) -> str:
    """One or two sentences: what it is about, and the strongest passage; without either, how it begins."""
    about = ""
    if topics:
        if language == "en":
            length = f"{minutes} minutes on " if minutes > 1 else "On "
            about = f"{length}{_listed(topics)}."
        else:
            about = f"{f'{title}: ' if title else ''}{', '.join(topics)}."
    said = quoted(clipped(passage)) if passage else ""
    return " ".join(part for part in (about, said) if part) or beginning


def long(short_text: str, lines: list[tuple[int, str, str]]) -> str:
    """Markdown: the short summary, then a line per (start_ms, chapter title or '', passage), led by its `[mm:ss]`."""
    points = [f"- [{stamp(ms)}] {title + ': ' if title else ''}{clipped(text)}" for ms, title, text in lines]
    return "\n".join([short_text, "", *points]) if points else short_text


def _listed(items: list[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def headline(labels: list[str], first_sentence: str) -> str:
    """A chapter's title from its terms; the beginning of its first sentence where it has none."""
    if labels:
        title = ", ".join(labels)
        return title[:1].upper() + title[1:]
    return clipped(first_sentence, 60)


def description_sentences(description: str, lexicon: Lexicon) -> list[str]:
    """The sentences of a description that tell something: no links, tags or lists of times."""
    found = []
    for line in description.splitlines():
        if _TIME_LINE.match(line):
            continue
        bare = " ".join(_URL_OR_TAG.sub(" ", line).split())
        if lexicon.count(bare) >= 5 and lexicon.count(bare) >= 0.6 * lexicon.count(line):
            found += [part for part in re.split(r"(?<=[.!?])\s+|(?<=[。！？])", bare) if part]
    return found
