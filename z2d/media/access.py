"""How a job gets at its site: through which proxy, and with whose cookies. Both are secrets of the installation: they
travel to the yt-dlp child over a pipe, and are no part of a job's options.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit


@dataclass(frozen=True)
class Access:
    """What one request may use besides the open network."""

    proxy: str | None = field(default=None, repr=False)
    """Address of a proxy, with a password perhaps; the only private address that may be connected to."""
    cookies: Path | None = None
    """File with the site's cookies in Netscape format. It is read, never written."""

    def without_secrets(self, text: str) -> str:
        """`text` with the proxy's user name and password crossed out, for logs and messages."""
        parts = urlsplit(self.proxy or "")
        secret = parts.netloc.rpartition("@")[0]
        for word in (secret, unquote(secret), parts.password, unquote(parts.password or "")):
            if word:
                text = text.replace(word, "***")
        return text


DIRECT = Access()
