"""Real servers at the other end of a publication: one that takes posts, and one that speaks as much S3 as is needed."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape

from aiohttp import web

from tests.support import end_server


@dataclass
class Post:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """Takes posts and answers what `answers` holds next, or 200. `on_post` is told before the answer."""

    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    posts: list[Post] = field(default_factory=list)
    on_post: Callable[[], None] | None = None
    hold: asyncio.Event | None = None
    """Until it is set nothing is answered."""
    url: str = ""

    async def __aenter__(self) -> Receiver:
        app = web.Application(client_max_size=64 << 20)
        app.router.add_route("*", "/{path:.*}", self._take)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await end_server(self._runner)

    async def _take(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.posts.append(Post(request.path, headers, await request.read()))
        if self.on_post is not None:
            self.on_post()
        if self.hold is not None:
            await self.hold.wait()
        status, more = self.answers.pop(0) if self.answers else (200, {})
        return web.Response(status=status, headers=more)


@dataclass
class Stored:
    data: bytes
    headers: dict[str, str]


class S3(Receiver):
    """Buckets in memory, by path: PUT, GET with HEAD, multipart uploads. Every write is counted."""

    def __init__(self) -> None:
        super().__init__()
        self.objects: dict[str, Stored] = {}
        self.puts: list[str] = []
        self.refuse = False
        self._parts: dict[str, dict[int, bytes]] = {}
        self._begun: dict[str, dict[str, str]] = {}

    async def _take(self, request: web.Request) -> web.Response:
        if self.refuse:
            return _error(403, "AccessDenied")
        assert request.headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=key-canary/")
        query: Any = request.query
        path = request.path
        if request.method == "PUT" and "partNumber" in query:
            data = await request.read()
            self._parts[query["uploadId"]][int(query["partNumber"])] = data
            return web.Response(headers={"ETag": f'"{hashlib.md5(data).hexdigest()}"'})
        if request.method == "POST" and "uploads" in query:
            upload = f"upload-{len(self._parts)}"
            self._parts[upload], self._begun[upload] = {}, _kept(request)
            said = "<InitiateMultipartUploadResult><UploadId>{}</UploadId></InitiateMultipartUploadResult>"
            return web.Response(text=said.format(upload), content_type="application/xml")
        if request.method == "POST" and "uploadId" in query:
            upload = query["uploadId"]
            data = b"".join(part for _, part in sorted(self._parts.pop(upload).items()))
            return self._keep(path, data, self._begun.pop(upload), answer_xml=True)
        if request.method == "PUT":
            return self._keep(path, await request.read(), _kept(request))
        found = self.objects.get(path)
        if found is None:
            return _error(404, "NoSuchKey")
        return web.Response(
            body=found.data,
            headers={"ETag": '"e"', "Last-Modified": "Sun, 22 Nov 2026 10:00:00 GMT", **found.headers},
        )

    def _keep(self, path: str, data: bytes, headers: dict[str, str], *, answer_xml: bool = False) -> web.Response:
        self.objects[path] = Stored(data, headers)
        self.puts.append(path)
        if answer_xml:
            text = '<CompleteMultipartUploadResult><ETag>"e"</ETag></CompleteMultipartUploadResult>'
            return web.Response(text=text, content_type="application/xml")
        return web.Response(headers={"ETag": '"e"'})


def _kept(request: web.Request) -> dict[str, str]:
    return {
        name: value
        for name, value in request.headers.items()
        if name.lower().startswith("x-amz-meta-") or name.lower() == "content-type"
    }


def _error(status: int, code: str) -> web.Response:
    return web.Response(
        status=status, text=f"<Error><Code>{escape(code)}</Code></Error>", content_type="application/xml"
    )
