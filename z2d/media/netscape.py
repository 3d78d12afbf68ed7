"""Reading and writing cookies in Netscape format, the text files that browsers' extensions export.

A file that somebody exported may be cut, damaged, or another format altogether; no message about it repeats what is
in it. Standard library only: the yt-dlp child reads cookies too.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from http.cookiejar import Cookie

from z2d.wire.errors import CookiesInvalid

MAX_COOKIES = 5000
HEAD = "# Netscape HTTP Cookie File\n"
_HTTP_ONLY = "#HttpOnly_"
_FLAGS = frozenset({"TRUE", "FALSE"})
_LATEST = 253402300799  # the end of the year 9999


def read_cookies(text: str) -> list[Cookie]:
    """The cookies of a file in Netscape format that have not ended. Raises CookiesInvalid, never with a value in it."""
    if text.lstrip()[:1] in ("[", "{"):
        raise CookiesInvalid("This is JSON; export the cookies in Netscape format (cookies.txt).")
    found = list(every_cookie(text))
    if not found:
        raise CookiesInvalid("There is no cookie in this file.")
    if len(found) > MAX_COOKIES:
        raise CookiesInvalid(f"There are {len(found)} cookies in this file; more than {MAX_COOKIES} are no one site's.")
    now = time.time()
    alive = [cookie for cookie in found if not cookie.expires or cookie.expires > now]
    if not alive:
        raise CookiesInvalid("All cookies in this file have expired; export them anew.")
    return alive


def every_cookie(text: str) -> Iterator[Cookie]:
    """One cookie per line: domain, whether for its subdomains, path, whether by TLS only, end, name, value.

    Raises CookiesInvalid at the first line that is none.
    """
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        line = line.removeprefix(_HTTP_ONLY)
        if not line.strip() or line.startswith(("#", "$")):
            continue
        fields = line.split("\t")
        if len(fields) == 6:  # a name without a value
            fields.append("")
        if len(fields) != 7 or not {fields[1].upper(), fields[3].upper()} <= _FLAGS:
            raise CookiesInvalid(f"Line {number} is no cookie: seven fields with tabs between them are wanted.")
        domain, below, path, secure, expires, name, value = fields
        if not re.fullmatch(r"-?\d{0,20}(\.\d*)?", expires) or not re.fullmatch(r"\.?[\w.:-]{1,253}", domain, re.ASCII):
            raise CookiesInvalid(f"Line {number} is no cookie: its domain or its end cannot be read.")
        if any(ord(sign) < 32 or ord(sign) == 127 for sign in path + name + value):
            raise CookiesInvalid(f"Line {number} is no cookie: it holds control characters.")
        if below.upper() == "TRUE" and not domain.startswith("."):
            domain = f".{domain}"  # two spellings of one meaning; yt-dlp insists on this one
        end = min(int(float(expires or 0)), _LATEST)
        yield Cookie(
            0, name, value, None, False, domain.lower(), True, domain.startswith("."), path or "/", True,
            secure.upper() == "TRUE", end if end > 0 else None, end <= 0, None, None, {},
        )  # fmt: skip


def written(cookies: Iterable[Cookie]) -> str:
    """The text of a file with these cookies."""
    return HEAD + "".join(map(_line, cookies))


def _line(cookie: Cookie) -> str:
    flags = ["TRUE" if on else "FALSE" for on in (cookie.domain.startswith("."), cookie.secure)]
    return "\t".join(
        [cookie.domain, flags[0], cookie.path, flags[1], str(cookie.expires or 0), cookie.name, cookie.value or ""]
    ) + "\n"  # fmt: skip
