"""Messages to people, through whatever apprise can speak to: mail, ntfy, Matrix, Telegram and some hundred others.

The addresses hold passwords, so they come from a file and are never shown. None of these services can tell a message
that is sent twice, so the caller never repeats one whose fate it does not know; of several addresses those that have
it already are remembered.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from z2d.publish import clock, markdown
from z2d.publish.target import Kind, NotDelivered, Parcel, Receipt
from z2d.wire.reasons import ErrorClass

_HEADS = {"finished": "Finished", "failed": "Failed", "attention": "z2 needs you"}
_ENDS = {
    "FULL": "complete",
    "PARTIAL": "not complete",
    "DUPLICATE": "there before",
    "FAILED": "failed",
    "CANCELLED": "cancelled",
}
_LONGEST = 1000
# some services read a message as HTML: signs that look the same begin no tag
_BRACKETS = str.maketrans("<>", "‹›")


@dataclass(frozen=True)
class NotificationTarget:
    """`urls` as apprise writes them, one per service."""

    name: str
    urls: tuple[str, ...] = field(repr=False)
    kind: ClassVar[Kind] = "notification"
    deadline_s: ClassVar[float] = 120

    async def deliver(self, parcel: Parcel) -> Receipt:
        """Send it to each address that does not have it yet."""
        head, text = words_of(parcel.event, parcel.message or {})
        done = {int(number) for number in (parcel.so_far or "").split(",") if number.isdecimal()}
        failed = []
        for number, url in enumerate(self.urls):
            if number in done:
                continue
            if await asyncio.to_thread(_send, url, head, text):
                done.add(number)
            else:
                failed.append(number)
        so_far = ",".join(map(str, sorted(done)))
        if failed:
            which = f"{len(failed)} of {len(self.urls)} addresses" if len(self.urls) > 1 else "The address"
            raise NotDelivered(ErrorClass.NETWORK, f"{which} did not take the message.", so_far=so_far)
        return Receipt(remote_id=so_far)


def _send(url: str, head: str, text: str) -> bool:
    """Blocking. Whether the service took it; why not is said by apprise in words that may hold the address."""
    import apprise  # optional and large: never loaded before it is needed

    logging.getLogger("apprise").setLevel(logging.CRITICAL)
    service = apprise.Apprise.instantiate(url, suppress_exceptions=True)
    return service is not None and bool(service.notify(body=text, title=head))


def plain(text: str) -> str:
    """Words of strangers as one line of a message: nothing invisible, nothing that a service could take for a tag."""
    return markdown.one_line(text).translate(_BRACKETS)


def _entries(counts: Mapping[str, int]) -> str:
    """How the entries of a list ended, in one line."""
    parts = [f"{counts[state]} {word}" for state, word in _ENDS.items() if counts.get(state)]
    return f"{sum(counts.values())} entries: {', '.join(parts)}"


def words_of(event: str, message: Mapping[str, Any]) -> tuple[str, str]:
    """Heading and text: what happened to which video, why, what a person can do, and where it is."""
    job = message.get("job") or {}
    title = plain(str(job.get("title") or job.get("url") or ""))[:200]
    head = f"{_HEADS.get(event, event)}: {title}"
    error = job.get("error") or {}
    lines = []
    if event == "attention":
        lines.append(f"Jobs of {plain(str(job.get('site') or 'this machine'))} wait.")
    if event != "finished":
        lines += [plain(str(error[part])) for part in ("message", "hint") if error.get(part)]
    elif message.get("entries"):
        lines.append(_entries(message["entries"]))
    elif message.get("summary"):
        lines.append(plain(str(message["summary"])))
    if duration := job.get("duration_ms"):
        lines.append(f"Length {clock.iso_duration(int(duration))}")
    lines.append(f"Job {job.get('id')}, {clock.web_url(str(job.get('url') or '')) or ''}")
    return head, "\n".join(lines)[:_LONGEST]
