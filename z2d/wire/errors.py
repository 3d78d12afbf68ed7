"""One exception class per reason: its stable code, its HTTP status, and its default words (the docstring).

The daemon raises them, the API turns them into `application/problem+json` (RFC 9457), and the client turns
that back into the same class, so a caller can write `except JobNotFound` on either side of the wire.
"""

from __future__ import annotations

from typing import Any, ClassVar


class Z2Error(Exception):
    """Something went wrong inside z2."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500

    def __init__(
        self, detail: str | None = None, *, errors: list[dict[str, str]] | None = None, retry_after: int | None = None
    ) -> None:
        self.detail = detail or self.title()
        self.errors = errors or []
        self.retry_after = retry_after
        super().__init__(self.detail)

    @classmethod
    def title(cls) -> str:
        """The default sentence of this reason: the first line of the class's docstring."""
        return (cls.__doc__ or "").strip().splitlines()[0]

    def problem(self) -> dict[str, Any]:
        """The body of an RFC 9457 answer."""
        body: dict[str, Any] = {
            "type": f"urn:z2:error:{self.code}",
            "title": self.title(),
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
        }
        if self.errors:
            body["errors"] = self.errors
        return body


class InvalidRequest(Z2Error):
    """The request does not fit the contract."""

    code, status = "invalid_request", 400


class FilterInvalid(Z2Error):
    """The filter cannot be understood."""

    code, status = "filter_invalid", 400

    def __init__(
        self,
        detail: str | None = None,
        *,
        errors: list[dict[str, str]] | None = None,
        retry_after: int | None = None,
        position: int | None = None,
    ) -> None:
        """`position` is the character at fault, from 0; known only where the filter was read, not over the wire."""
        super().__init__(detail, errors=errors, retry_after=retry_after)
        self.position = position


class Unauthorized(Z2Error):
    """A valid token is needed: send it as 'Authorization: Bearer TOKEN'."""

    code, status = "unauthorized", 401


class Forbidden(Z2Error):
    """This caller may not do that."""

    code, status = "forbidden", 403


class HostNotAllowed(Z2Error):
    """The Host header does not name this server."""

    code, status = "host_not_allowed", 403


class OriginNotAllowed(Z2Error):
    """Requests from this web origin are refused."""

    code, status = "origin_not_allowed", 403


class NotFound(Z2Error):
    """There is nothing at this address."""

    code, status = "not_found", 404


class JobNotFound(Z2Error):
    """There is no job with this id."""

    code, status = "job_not_found", 404


class FileNotFound(Z2Error):
    """The job has no such file, or it is no longer on disk."""

    code, status = "file_not_found", 404


class TargetNotFound(Z2Error):
    """There is no publishing target of this name."""

    code, status = "target_not_found", 404


class FeedNotFound(Z2Error):
    """There is no such feed, or nothing of that name in it."""

    code, status = "feed_not_found", 404


class TranscriptNotFound(Z2Error):
    """This job has no transcript."""

    code, status = "transcript_not_found", 404


class CookiesNotFound(Z2Error):
    """There are no cookies for this site."""

    code, status = "cookies_not_found", 404


class MethodNotAllowed(Z2Error):
    """This address does not answer that method."""

    code, status = "method_not_allowed", 405


class AlreadyFinished(Z2Error):
    """The job has already finished."""

    code, status = "already_finished", 409


class Conflict(Z2Error):
    """The job is not in a state that allows this."""

    code, status = "conflict", 409


class PreconditionFailed(Z2Error):
    """The job was changed by somebody else meanwhile."""

    code, status = "precondition_failed", 412


class PayloadTooLarge(Z2Error):
    """The request body is too large."""

    code, status = "payload_too_large", 413


class UnsupportedMediaType(Z2Error):
    """The body must be sent as application/json."""

    code, status = "unsupported_media_type", 415


class RangeNotSatisfiable(Z2Error):
    """The file is shorter than the range asked for."""

    code, status = "range_not_satisfiable", 416


class UrlInvalid(Z2Error):
    """This is not a usable URL."""

    code, status = "url_invalid", 422


class UrlScheme(Z2Error):
    """Only http:// and https:// URLs are accepted."""

    code, status = "url_scheme", 422


class UrlPrivateAddress(Z2Error):
    """The URL leads to this machine or a private network, which is not allowed."""

    code, status = "url_private_address", 422


class UrlUnsupported(Z2Error):
    """No extractor can read this URL."""

    code, status = "url_unsupported", 422


class ProfileUnknown(Z2Error):
    """There is no profile of this name."""

    code, status = "profile_unknown", 422


class SiteUnknown(Z2Error):
    """This is neither the name of a site nor of a host."""

    code, status = "site_unknown", 422


class CookiesInvalid(Z2Error):
    """This is not a cookies file in Netscape format, as browsers' extensions export it."""

    code, status = "cookies_invalid", 422


class TooManyRequests(Z2Error):
    """Too many requests at once: try again later."""

    code, status = "too_many_requests", 429


class DiskFull(Z2Error):
    """There is not enough room on the disk."""

    code, status = "disk_full", 507


class DatabaseUnavailable(Z2Error):
    """The database does not answer at the moment."""

    code, status = "database_unavailable", 503

    def __init__(
        self, detail: str | None = None, *, errors: list[dict[str, str]] | None = None, retry_after: int | None = 2
    ) -> None:
        super().__init__(detail, errors=errors, retry_after=retry_after)


class ShuttingDown(Z2Error):
    """The daemon is stopping."""

    code, status = "shutting_down", 503


class DaemonUnreachable(Z2Error):
    """z2d does not answer."""

    code, status = "daemon_unreachable", 503


def _walk(cls: type[Z2Error]) -> list[type[Z2Error]]:
    return [cls, *(found for sub in cls.__subclasses__() for found in _walk(sub))]


def by_code() -> dict[str, type[Z2Error]]:
    """Every error class by its stable code."""
    return {cls.code: cls for cls in _walk(Z2Error)}


def from_problem(body: dict[str, Any]) -> Z2Error:
    """The exception that a problem+json body stands for; an unknown code becomes a plain `Z2Error`."""
    cls = by_code().get(str(body.get("code", "")), Z2Error)
    detail = body.get("detail")
    errors = body.get("errors")
    return cls(str(detail) if detail else None, errors=errors if isinstance(errors, list) else None)
