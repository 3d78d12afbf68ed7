"""Which URLs are let in, and under which key a video is known before anything was fetched.

Admission never connects anywhere; all it asks is a name server, with a timeout. The same address rules are applied
again at connect time inside the yt-dlp child, because names and redirects can lie.
"""

from __future__ import annotations

import asyncio
import re
import socket
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from z2d.media.addresses import forbidden
from z2d.media.extractors import known_video
from z2d.media.lookups import addresses
from z2d.wire import uploads
from z2d.wire.errors import UrlInvalid, UrlPrivateAddress, UrlScheme, UrlUnsupported, Z2Error

MAX_LENGTH = 4096
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_PORT_FOLLOWS = re.compile(r":\d{1,5}(?:[/?#]|$)")
_UNWANTED = re.compile(r"[\s\x00-\x20\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
# Parts of an address that only say how somebody came here.
_TRACKING = re.compile(r"utm_\w+|fbclid|gclid|igshid|si|feature|pp", re.IGNORECASE)
_DEFAULT_PORT = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Admitted:
    """A URL that may be queued."""

    url: str
    """With a scheme, and the host in its plain form (no unusual spelling of a number, no Unicode)."""
    site: str
    """The host, or the site's own name where yt-dlp knows it, like "youtube": what rate limits are kept by."""
    dedup_key: str
    """Equal for two URLs of one video: "youtube:ID", or "url:NORMALISED" for pages that only the address names."""


async def admit(url: str, *, allow_private: bool, playlist: bool = False, uploads_dir: Path | None = None) -> Admitted:
    """Check one URL; see `admit_all`. Raises what that gives."""
    (found,) = await admit_all([url], allow_private=allow_private, playlist=playlist, uploads_dir=uploads_dir)
    if isinstance(found, Z2Error):
        raise found
    return found


async def admit_all(
    urls: Sequence[str], *, allow_private: bool, playlist: bool = False, uploads_dir: Path | None = None
) -> list[Admitted | Z2Error]:
    """Check URLs that a client sent; for each in its order what is let in, or why it is not. Some seconds at most.

    `playlist`: of a URL that names a video and its list, the list is wanted; `uploads_dir`: where files lie that
    clients may name by their `upload://` address.

    The reasons: UrlInvalid (no usable address), UrlScheme (not http or https), UrlPrivateAddress (leads to this
    machine or a private network, unless `allow_private`) or UrlUnsupported (a site that yt-dlp refuses to serve). Names
    that cannot be looked up are let in: a name server that is away must not empty somebody's batch; the job will see.
    """
    # in one thread, not in one for each: they would take turns and keep the loop from its own
    looked = await asyncio.to_thread(lambda: [_looked_at(url, uploads_dir) for url in urls])
    hosts = [] if allow_private else [str(one.hostname) for one in looked if isinstance(one, SplitResult)]
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(addresses(hosts), name="look up the hosts of URLs")
        naming = group.create_task(
            asyncio.to_thread(lambda: [_named(one, playlist) for one in looked]), name="name the videos of URLs"
        )
    found = asking.result()
    return [_judged(one, named, found) for one, named in zip(looked, naming.result(), strict=True)]


def _looked_at(url: str, uploads_dir: Path | None) -> SplitResult | Admitted | Z2Error:
    """What can be said without asking anybody: the parts of an address, a file that was sent, or a reason."""
    try:
        if uploads_dir is None or (upload := uploads.parse(url)) is None:
            return _parse(url)
        if not upload.path(uploads_dir).is_file():
            return UrlInvalid("there is no such uploaded file: send it first")
        return Admitted(upload.url, "upload", upload.key)
    except Z2Error as error:
        return error


def _named(one: SplitResult | Admitted | Z2Error, playlist: bool) -> Admitted | Z2Error:
    if not isinstance(one, SplitResult):
        return one
    try:
        return _identified(one, playlist=playlist)
    except Z2Error as error:
        return error


def _judged(
    one: SplitResult | Admitted | Z2Error, named: Admitted | Z2Error, found: Mapping[str, Sequence[str]]
) -> Admitted | Z2Error:
    """What was made of a URL, or that it leads where nobody may go."""
    host = str(one.hostname) if isinstance(one, SplitResult) else ""
    for address in found.get(host, ()):
        if forbidden(address):
            return UrlPrivateAddress(f"{host} leads to {address}, which is this machine or a private network")
    return named


def identify(url: str, *, playlist: bool = False) -> Admitted:
    """What a URL names, without asking anybody; well below a millisecond, and a second the first time.

    Raises UrlInvalid, UrlScheme, UrlUnsupported.
    """
    return _identified(_parse(url), playlist=playlist)


def _identified(parts: SplitResult, *, playlist: bool) -> Admitted:
    found = _recognised(parts, playlist=playlist)
    if len(found.url) > MAX_LENGTH:  # a scheme or an escape makes a URL longer than it was written
        raise UrlInvalid(f"a URL has at most {MAX_LENGTH} characters in its full form")
    return found


def _recognised(parts: SplitResult, *, playlist: bool) -> Admitted:
    host = str(parts.hostname)
    clean = urlunsplit(parts)
    if (list_id := _list_of(parts)) and (playlist or not _names_video(parts)):
        # a mix is made for the video it begins with and has no page of its own
        own = clean if list_id.startswith("RD") else f"https://www.youtube.com/playlist?list={quote(list_id, safe='')}"
        return Admitted(own, "youtube", f"youtubetab:{list_id}")
    video = known_video(_without_list(parts))
    if video is not None and video.refused:
        raise UrlUnsupported(f"yt-dlp does not serve {host}: {video.refused}")
    site = video.site if video is not None else host.removeprefix("www.")
    if video is None or video.source_id is None:
        return Admitted(clean, site, f"url:{normalised(clean)}")
    return Admitted(clean, site, f"{video.extractor}:{video.source_id}")


def media_key(info: Mapping[str, Any]) -> str:
    """What makes two descriptions the same video: extractor and id, or the address where ids mean nothing.

    Ids of plain pages come from file names, which are the same on many hosts. Of an address that redirects, the one it
    leads to counts.
    """
    extractor = str(info.get("extractor_key") or info.get("extractor") or "generic").lower()
    source_id = info.get("id")
    if extractor in ("generic", "html5mediaembed") or not source_id:
        return f"url:{normalised(str(info.get('webpage_url') or info.get('original_url') or info.get('url') or ''))}"
    return f"{extractor}:{source_id}"


def normalised(url: str) -> str:
    """The address without what does not change the page: default port, fragment, tracking, order of parameters."""
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    host = f"[{host}]" if ":" in host else host
    port = f":{parts.port}" if parts.port and parts.port != _DEFAULT_PORT.get(parts.scheme) else ""
    path = quote(unquote(parts.path, errors="surrogateescape"), safe="/:@!$&'()*+,;=~-._", errors="surrogateescape")
    fields = parse_qsl(parts.query, keep_blank_values=True, errors="surrogateescape")
    query = urlencode(sorted((k, v) for k, v in fields if not _TRACKING.fullmatch(k)), errors="surrogateescape")
    return urlunsplit((parts.scheme, host + port, path or "/", query, ""))


def _parse(url: str) -> SplitResult:
    """The parts of a usable http(s) URL, its host in plain form."""
    url = url.strip()
    if not url or len(url) > MAX_LENGTH:
        raise UrlInvalid(f"a URL has 1 to {MAX_LENGTH} characters")
    if _UNWANTED.search(url) or "\\" in url:
        raise UrlInvalid("a URL holds no spaces, control characters or backslashes")
    url = _with_scheme(url)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UrlInvalid(f"not a usable URL: {error}") from None
    if "@" in parts.netloc:
        raise UrlInvalid("a URL with a user name or password in it is not taken")
    if "[" in parts.netloc and ":" not in (parts.hostname or ""):
        raise UrlInvalid("only an IPv6 address stands in square brackets")
    if port == 0 or parts.netloc.endswith(":"):
        raise UrlInvalid("the port is missing or 0")
    if "__youtubedl_smuggle" in unquote(parts.fragment):
        raise UrlInvalid("the fragment of this URL is reserved for yt-dlp's own use")
    host = _plain_host(parts.hostname or "")
    shown = f"[{host}]" if ":" in host else host
    return parts._replace(netloc=f"{shown}:{port}" if port else shown)


def _with_scheme(url: str) -> str:
    """Add the scheme where a person left it out; refuse any but http and https."""
    found = _SCHEME.match(url)
    is_port = found is not None and _PORT_FOLLOWS.match(url, found.end() - 1)
    if found is not None and not is_port:
        scheme = found[1].lower()
        if scheme not in ("http", "https"):
            raise UrlScheme(f"{scheme}: is not accepted, only http:// and https:// are")
        if not url[found.end() :].startswith("//"):
            raise UrlInvalid("after http: or https: two slashes are wanted")
        return url
    host = re.split(r"[/?#]", url.removeprefix("//"), maxsplit=1)[0]
    name = host if host.startswith("[") else host.partition(":")[0]
    if not (name.startswith("[") or "." in name.strip(".") or name.lower() == "localhost"):
        raise UrlInvalid("this is neither a URL nor the name of a host")
    own = _number(name.strip("[]")) is not None or name.lower() == "localhost"
    return f"{'http' if own else 'https'}://{url.removeprefix('//')}"


def _plain_host(host: str) -> str:
    """The host in lower-case ASCII without a final dot; numbers in their usual form."""
    host = unicodedata.normalize("NFKC", unquote(host)).lower().rstrip(".")
    if (number := _number(host)) is not None:
        return number
    try:
        host = host.encode("idna").decode("ascii") if not host.isascii() else host
    except UnicodeError:
        raise UrlInvalid("the host name is not valid") from None
    if not host or len(host) > 253 or not all(_LABEL.fullmatch(label) for label in host.split(".")):
        raise UrlInvalid("the host name is not valid")
    return host


def _number(host: str) -> str | None:
    """The usual spelling of a numeric address in any spelling that systems accept (0x7f.1, 2130706433, ::1)."""
    if ":" in host:
        try:
            return socket.inet_ntop(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, host.partition("%")[0]))
        except OSError:
            raise UrlInvalid("the IPv6 address is not valid") from None
    if not re.fullmatch(r"(0x[0-9a-f]*|\d+)(\.(0x[0-9a-f]*|\d+)){0,3}", host, re.IGNORECASE):
        return None
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        raise UrlInvalid("the numeric address is not valid") from None


def _list_of(parts: SplitResult) -> str | None:
    """The id of the YouTube playlist that a URL names, alone or beside a video."""
    host = (parts.hostname or "").removeprefix("www.").removeprefix("m.").removeprefix("music.")
    if host not in ("youtube.com", "youtu.be"):
        return None
    return next((value for name, value in parse_qsl(parts.query) if name == "list"), None)


def _names_video(parts: SplitResult) -> bool:
    return parts.hostname == "youtu.be" or any(name == "v" for name, _ in parse_qsl(parts.query))


def _without_list(parts: SplitResult) -> str:
    """The URL of a single video: one that was opened from a list names the list too."""
    if not _names_video(parts):
        return urlunsplit(parts)
    query = parse_qsl(parts.query, keep_blank_values=True)
    query = [(name, value) for name, value in query if name not in ("list", "index", "start_radio")]
    return urlunsplit(parts._replace(query=urlencode(query)))
