"""How media times are written, and links that open a video at a second."""

from __future__ import annotations

from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

_YOUTUBE = ("youtube.com", "youtu.be", "youtube-nocookie.com")


def stamp(ms: int) -> str:
    """`[mm:ss]` without the brackets; hours only where there are some."""
    minutes, seconds = divmod(ms // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes:02}:{seconds:02}"


def iso_duration(ms: int) -> str:
    """`1:02:03`, always with hours: what front matter and table sorters expect."""
    minutes, seconds = divmod(ms // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"


def web_url(url: str) -> str | None:
    """`url` with every unsafe character percent-encoded, or None when it is no http(s) address."""
    try:
        parts = urlsplit(url.strip())
        host = parts.hostname
    except ValueError:
        return None
    if parts.scheme.lower() not in ("http", "https") or not host:
        return None
    # '%' stays: what is encoded already must not be encoded twice; brackets belong to IPv6 hosts only
    netloc = quote(parts.netloc.encode(errors="replace"), safe="%:@[]!$&*+,;=-._~")
    path, query, fragment = (
        quote(part.encode(errors="replace"), safe="%/:@!$&*+,;=-._~?")
        for part in (parts.path, parts.query, parts.fragment)
    )
    return urlunsplit((parts.scheme.lower(), netloc, path, query, fragment))


def timed_url(url: str, ms: int) -> str | None:
    """A link to the second: `t=` for YouTube, the media fragment `#t=` elsewhere; None when `url` is no web address."""
    address = web_url(url)
    if address is None:
        return None
    parts = urlsplit(address)
    host = (parts.hostname or "").lower()
    if any(host == site or host.endswith("." + site) for site in _YOUTUBE):
        query = [(key, value) for key, value in parse_qsl(parts.query, keep_blank_values=True) if key != "t"]
        return urlunsplit(parts._replace(query=urlencode([*query, ("t", f"{ms // 1000}s")]), fragment=""))
    return urlunsplit(parts._replace(fragment=f"t={ms // 1000}"))
