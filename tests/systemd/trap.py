"""Where clouds keep their secrets: counts who comes. And, on loopback, a site that sends its visitors there.

python trap.py FILE    one line for each visitor goes into FILE
"""

import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SECRET = "http://169.254.169.254/latest/meta-data/secret.mp4"
PLAYLIST = f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{SECRET}\n#EXT-X-ENDLIST\n"
PAGE = f'<html><title>A film</title><video src="{SECRET}"></video></html>'
VISITORS = Path(sys.argv[1])


class Trap(BaseHTTPRequestHandler):
    """The address that nobody may come to."""

    def do_GET(self):
        with VISITORS.open("a") as sink:
            sink.write(f"{self.requestline}\n")
        self.send_response(200)
        self.end_headers()

    do_HEAD = do_GET  # noqa: N815


class Bait(BaseHTTPRequestHandler):
    """Three ways to it: a redirect, a playlist, a page."""

    def do_GET(self):
        if self.path == "/redirect":
            self.send_response(302)
            self.send_header("Location", SECRET)
            self.end_headers()
            return
        kind, body = ("application/vnd.apple.mpegurl", PLAYLIST) if "m3u8" in self.path else ("text/html", PAGE)
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(body.encode())

    do_HEAD = do_GET  # noqa: N815


VISITORS.write_text("")
threading.Thread(target=ThreadingHTTPServer(("127.0.0.1", 8643), Bait).serve_forever, daemon=True).start()
ThreadingHTTPServer(("169.254.169.254", 80), Trap).serve_forever()
