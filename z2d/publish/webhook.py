"""Webhooks: a signed POST to an address of the person's own, as https://www.standardwebhooks.com describes it.

The id of a message is the same for every try, so a receiver that has seen it can let it pass; the signature is made
anew each time, because its timestamp must be fresh. A receiver that answers 410 is not called again.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar
from urllib.parse import urlsplit

import aiohttp

from z2d.publish.target import Kind, NotDelivered, Parcel, Receipt
from z2d.wire.reasons import ErrorClass

ANSWER_S = 15.0
LONGEST_WAIT_S = 24 * 3600.0
_BUSY = {429: ErrorClass.RATE_LIMITED, 401: ErrorClass.FORBIDDEN, 403: ErrorClass.FORBIDDEN, 404: ErrorClass.NOT_FOUND}


class _Refused(OSError):
    """The name leads to an address that must not be connected to."""


@dataclass(frozen=True)
class WebhookTarget:
    """`forbidden` judges every numeric address right before it is connected to; None: all are allowed."""

    name: str
    url: str
    secret: bytes = field(repr=False)
    forbidden: Callable[[str], bool] | None = None
    kind: ClassVar[Kind] = "webhook"
    deadline_s: ClassVar[float] = 4 * ANSWER_S

    async def deliver(self, parcel: Parcel) -> Receipt:
        """POST the message once."""
        body = body_of(parcel)
        headers = {"Content-Type": "application/json", "User-Agent": "z2", **self._signed(f"msg_{parcel.key}", body)}
        place = urlsplit(self.url).hostname
        try:
            # a session of its own: webhooks are rare, and a connection kept open would miss a change of address
            async with (
                aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(socket_factory=self._socket, force_close=True),
                    timeout=aiohttp.ClientTimeout(total=ANSWER_S),
                    cookie_jar=aiohttp.DummyCookieJar(),
                    trust_env=False,
                ) as session,
                session.post(self.url, data=body, headers=headers, allow_redirects=False) as answer,
            ):
                status, retry_after = answer.status, answer.headers.get("Retry-After")
        except TimeoutError as error:
            raise NotDelivered(ErrorClass.TIMEOUT, f"{place} did not answer within {ANSWER_S:.0f} s.") from error
        except (aiohttp.InvalidURL, UnicodeError) as error:  # no machine can have that name
            raise NotDelivered(ErrorClass.BAD_URL, f"{place} is no address.", final=True) from error
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, _Refused):
                words = f"{place} leads to {error.os_error}, which is this machine or a private network."
                raise NotDelivered(ErrorClass.BLOCKED_ADDRESS, words) from error
            raise NotDelivered(ErrorClass.NETWORK, f"{place} cannot be reached.") from error
        except (aiohttp.ClientError, OSError) as error:
            words = f"The connection to {place} broke: {type(error).__name__}."
            raise NotDelivered(ErrorClass.NETWORK, words) from error
        if 200 <= status < 300:
            return Receipt(remote_id=f"msg_{parcel.key}")
        raise _refusal(str(place), status, retry_after)

    def _signed(self, message_id: str, body: bytes) -> dict[str, str]:
        stamp = str(int(time.time()))
        content = b".".join((message_id.encode(), stamp.encode(), body))
        signature = base64.b64encode(hmac.new(self.secret, content, hashlib.sha256).digest()).decode()
        return {"webhook-id": message_id, "webhook-timestamp": stamp, "webhook-signature": f"v1,{signature}"}

    def _socket(self, address: tuple[Any, ...]) -> socket.socket:
        """The one place every connection comes through, whatever name, redirect or number led to it."""
        family, kind, protocol, _, where = address
        if self.forbidden is not None and self.forbidden(str(where[0])):
            raise _Refused(str(where[0]))
        return socket.socket(family, kind, protocol)


def secret_of(text: str) -> bytes:
    """The key in `whsec_BASE64`, or in any other text. Raises ValueError for one that is no secret."""
    text = text.strip()
    key = base64.b64decode(text.removeprefix("whsec_") + "==") if text.startswith("whsec_") else text.encode()
    if len(key) < 16:
        raise ValueError("it is shorter than 16 bytes")
    return key


def body_of(parcel: Parcel) -> bytes:
    """The body: the same bytes for the same parcel."""
    told: Mapping[str, Any] = parcel.message or {}
    body = {"type": f"job.{parcel.event}", "timestamp": _rfc3339(parcel.at), "data": told}
    return json.dumps(body, ensure_ascii=True, separators=(",", ":"), sort_keys=True).encode("ascii")


def _refusal(place: str, status: int, retry_after: str | None) -> NotDelivered:
    if status == 410:
        words = f"{place} says that it is gone for good (410). The target is off until its settings change."
        return NotDelivered(ErrorClass.REMOVED, words, gone=True)
    what = "redirects, which is not followed" if 300 <= status < 400 else "answered"
    error_class = _BUSY.get(status, ErrorClass.SERVER_ERROR if status >= 500 else ErrorClass.BAD_URL)
    return NotDelivered(error_class, f"{place} {what} ({status}).", after=_seconds(retry_after))


def _seconds(retry_after: str | None) -> float | None:
    """Retry-After as seconds from now: a number or a date; None for anything else. A day at most."""
    if retry_after is None:
        return None
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), LONGEST_WAIT_S)
    with suppress(ValueError):
        at = parsedate_to_datetime(text)
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return min(max(0.0, (at - datetime.now(UTC)).total_seconds()), LONGEST_WAIT_S)
    return None


def _rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
