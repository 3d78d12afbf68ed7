"""Cookies of sites: one file in Netscape format for each, readable by the daemon's account alone.

What is in them signs somebody in, so they go one way only: in. What comes out is how many there are, for which domains
and until when. The file stays as it was given: what a site sets during a job is forgotten with the job.
"""

from __future__ import annotations

import contextlib
import difflib
import os
import re
from datetime import UTC, datetime
from pathlib import Path

from z2d.media.extractors import known_sites
from z2d.media.netscape import every_cookie, read_cookies, written
from z2d.wire.errors import CookiesInvalid, CookiesNotFound, SiteUnknown
from z2d.wire.sites import CookiesInfo

CREDENTIAL_PREFIX = "cookies-"
_SUFFIX = ".txt"
_SITE = re.compile(r"[a-z0-9](?:[a-z0-9.:_-]{0,98}[a-z0-9])?")


def site_name(text: str) -> str:
    """The name under which jobs know a site: of `YouTube`, `www.youtube.com` or a whole URL it is `youtube`.

    Asks yt-dlp which sites it knows: not to be called in the event loop. Raises SiteUnknown.
    """
    name = text.strip().lower()
    name = re.sub(r"^https?://", "", name).split("/")[0].removeprefix("www.").removeprefix("m.")
    if not _SITE.fullmatch(name):
        raise SiteUnknown(f"{text!r} is neither the name of a site nor of a host")
    known = known_sites()
    if name in known:
        return name
    labels = name.split(".")
    if len(labels) > 1:  # a host: that of a site with a name of its own, or any other
        return labels[-2] if labels[-2] in known else name
    if name == "localhost" or ":" in name:
        return name
    near = difflib.get_close_matches(name, known, n=1)
    raise SiteUnknown(f"no site is called {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""))


class CookieFiles:
    """The files in `folder` (made when first needed), and those that systemd hands over as `cookies-SITE`."""

    def __init__(self, folder: Path, credentials: Path | None = None) -> None:
        self._folder, self._credentials = folder, credentials

    def put(self, site: str, text: str) -> CookiesInfo:
        """Keep these cookies for a site in place of the former ones. Raises CookiesInvalid."""
        cookies = read_cookies(text)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._path(site)
        part = path.with_name(f".{path.name}.{os.getpid()}")
        part.unlink(missing_ok=True)
        try:
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as sink:
                sink.write(written(cookies))
                sink.flush()
                os.fsync(sink.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        return _info(site, path)

    def remove(self, site: str) -> CookiesInfo:
        """Forget a site's cookies; what they were. Raises CookiesNotFound."""
        path = self._path(site)
        try:
            found = _info(site, path)
            path.unlink()
        except FileNotFoundError:
            raise CookiesNotFound(f"There are no cookies for {site}.") from None
        return found

    def every(self) -> list[CookiesInfo]:
        """What is kept, by the names of the sites."""
        return [_info(site, path) for site, path in sorted(self._files().items())]

    def find(self, site: str | None) -> Path | None:
        """The file for jobs of `site`: its own, else that of the domain it belongs to."""
        files = self._files()
        name = site or ""
        while name:
            if name in files:
                return files[name]
            name = name.partition(".")[2]
        return None

    def _path(self, site: str) -> Path:
        if not _SITE.fullmatch(site):
            raise SiteUnknown(f"{site!r} is neither the name of a site nor of a host")
        return self._folder / f"{site}{_SUFFIX}"

    def _files(self) -> dict[str, Path]:
        """Site -> file. One that was uploaded goes before a credential."""
        found = {}
        with contextlib.suppress(OSError):
            for path in self._credentials.iterdir() if self._credentials else ():
                if path.name.startswith(CREDENTIAL_PREFIX):
                    found[path.name.removeprefix(CREDENTIAL_PREFIX).removesuffix(_SUFFIX)] = path
        with contextlib.suppress(OSError):
            found |= {p.stem: p for p in self._folder.glob(f"*{_SUFFIX}") if not p.name.startswith(".")}
        return found


def _info(site: str, path: Path) -> CookiesInfo:
    """What may be told of a file."""
    changed = path.stat().st_mtime
    try:
        cookies = list(every_cookie(path.read_text(encoding="utf-8", errors="replace")))
    except CookiesInvalid:  # a credential that somebody wrote by hand: it is there, and of no use
        cookies = []
    ends = [cookie.expires for cookie in cookies]
    lasting = [end for end in ends if end]
    return CookiesInfo(
        site=site,
        count=len(cookies),
        domains=sorted({cookie.domain.removeprefix(".") for cookie in cookies})[:50],
        expires_at=datetime.fromtimestamp(max(lasting), UTC) if lasting and len(lasting) == len(ends) else None,
        updated_at=datetime.fromtimestamp(changed, UTC),
    )
