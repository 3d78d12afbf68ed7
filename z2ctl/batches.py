"""URLs that are submitted together: which of them can be, and in which pieces."""

from __future__ import annotations

from collections.abc import Iterator

URLS_PER_CALL = 200  # the API takes 1,000; fewer show how it goes, and are answered in time on a busy machine too
BYTES_PER_CALL = 512 * 1024  # half of what the API takes
LONGEST_URL = 4096


def misfit(url: str) -> str | None:
    """Why a URL cannot be part of a batch at all: the API would refuse the whole of it."""
    if len(url) > LONGEST_URL:
        return f"It is longer than {LONGEST_URL} characters."
    return None if url.isprintable() else "It holds control characters or bytes that are not text."


def groups(urls: list[str]) -> Iterator[list[str]]:
    """The URLs in pieces that the API takes at once."""
    group: list[str] = []
    room = BYTES_PER_CALL
    for url in urls:
        length = 6 * len(url) + 4  # at worst each character becomes \\uXXXX
        if group and (len(group) == URLS_PER_CALL or length > room):
            yield group
            group, room = [], BYTES_PER_CALL
        group.append(url)
        room -= length
    if group:
        yield group
