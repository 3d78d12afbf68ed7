"""Serves the sample clip on loopback, as a site would: a page with a video and its captions, and ranges of bytes.

The port is fixed: the clip has one address, so a second run finds it in the library.
"""

from __future__ import annotations

import errno
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HOST, PORT = "127.0.0.1", 8641
URL = f"http://{HOST}:{PORT}/ask-not.html"
FOLDER = Path(__file__).parent
TYPES = {
    "/ask-not.html": "text/html; charset=utf-8",
    "/ask-not.mp4": "video/mp4",
    "/ask-not.en.vtt": "text/vtt; charset=utf-8",
    "/poster.jpg": "image/jpeg",
    "/SOURCE.md": "text/markdown; charset=utf-8",
}
IDLE_S = 30
_RANGE = re.compile(r"bytes=(\d{0,12})-(\d{0,12})")


class PortTaken(Exception):
    """Something else uses the sample's port."""


@contextmanager
def serve() -> Iterator[str]:
    """Serve the clip until the block ends; gives the address of its page.

    Raises: PortTaken.
    """
    try:
        server = _Server((HOST, PORT), _Handler)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise PortTaken(
            f"The sample clip is served at {HOST}:{PORT}, and another program uses that port. "
            "Is another 'z2ctl run' at work? Wait for it, or name a URL of your own."
        ) from None
    thread = threading.Thread(target=server.serve_forever, name="sample-site", daemon=True)
    thread.start()
    try:
        yield URL
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """A reader that hung up is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = IDLE_S

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Requests are no news."""

    def _answer(self, *, body: bool) -> None:
        path = self.path.partition("?")[0]
        kind = TYPES.get(path)
        if kind is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        data = (FOLDER / path[1:]).read_bytes()
        first, last = span(self.headers.get("Range"), len(data))
        if first > last:
            self.send_response(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
            self.send_header("Content-Range", f"bytes */{len(data)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        whole = (first, last) == (0, len(data) - 1)
        self.send_response(HTTPStatus.OK if whole else HTTPStatus.PARTIAL_CONTENT)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(last - first + 1))
        self.send_header("Accept-Ranges", "bytes")
        if not whole:
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
        self.end_headers()
        if body:
            self.wfile.write(data[first : last + 1])


def span(header: str | None, size: int) -> tuple[int, int]:
    """First and last byte that a Range header asks for; all without one, first > last when there are none."""
    asked = _RANGE.fullmatch((header or "").strip())
    if asked is None or not (asked[1] or asked[2]):
        return 0, size - 1
    if not asked[1]:
        return max(0, size - int(asked[2])), size - 1
    last = min(int(asked[2]), size - 1) if asked[2] else size - 1
    return int(asked[1]), last
