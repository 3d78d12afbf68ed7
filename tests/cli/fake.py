"""A small server that speaks the contract, for what a real daemon does not do on demand: vanish, lag, lie, be hostile.

Every job it holds is checked against the wire models, so it cannot drift away from them.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from aiohttp import WSCloseCode, web

from tests.support import end_server
from z2d.wire import errors
from z2d.wire.jobs import JobDetail, JobSummary, LogLine
from z2d.wire.service import Diagnosis

T = TypeVar("T")
Json = dict[str, Any]
FINISHED = ("COMPLETED", "FAILED", "CANCELLED")
STATS: Json = {
    "counts": {"QUEUED": 1, "COMPLETED": 1142, "FAILED": 3},
    "total": 1146,
    "duration": {"count": 9, "avg_ms": 61_000, "p50_ms": 4200, "p95_ms": 340},
    "stages": {"download": {"count": 9, "avg_ms": None, "p50_ms": None, "p95_ms": None}},
    "queue_wait": {"count": 9, "avg_ms": 12, "p50_ms": 10, "p95_ms": 20},
    "success_rate": 0.997,
    "bytes_total": 5 * 2**30,
    "days": [],
    "disk_free_bytes": 2**35,
    "disk_total_bytes": 2**36,
    "slots": 2,
    "running": 1,
    "as_of": "2026-11-22T07:00:00.000Z",
}


def job(job_id: int = 1, **over: Any) -> Json:
    """A whole job (`JobDetail`), queued unless told otherwise."""
    status = over.get("status", "QUEUED")
    whole = {
        "id": job_id,
        "url": f"http://site.test/{job_id}.html",
        "title": None,
        "status": status,
        "display_status": over.get("display_status", status),
        "outcome": "FULL" if status == "COMPLETED" else None,
        "stage": None,
        "progress": 0.0,
        "speed_bps": None,
        "eta_s": None,
        "site": "site.test",
        "channel": None,
        "duration_ms": None,
        "priority": 0,
        "attempt": 1,
        "tags": [],
        "error": None,
        "wait_reason": None,
        "parent_id": None,
        "created_at": "2026-11-22T07:00:00.000Z",
        "started_at": "2026-11-22T07:00:01.000Z" if status != "QUEUED" else None,
        "finished_at": "2026-11-22T07:01:12.000Z" if status in FINISHED else None,
        "rev": 1,
        "profile": "default",
        "options": {},
        "max_attempts": 3,
        "run_after": None,
        "duplicate_of": None,
        "warnings": 0,
        "metadata": None,
        "stages": [],
        "files": [],
        "transcript": None,
        "analysis": None,
        "publishing": [],
        "attempts": [],
        **over,
    }
    JobDetail.model_validate_json(json.dumps(whole))
    return whole


def summary(whole: Json) -> Json:
    """The `JobSummary` of a whole job."""
    return {name: whole[name] for name in JobSummary.model_fields if name in whole}


def line(seq: int, message: str = "", **over: Any) -> Json:
    """A log line."""
    found = {
        "seq": seq,
        "at": "2026-11-22T07:22:54.123Z",
        "level": "INFO",
        "stage": "download",
        "source": "z2",
        "message": message or f"line {seq}",
        "data": None,
        **over,
    }
    LogLine.model_validate(found)
    return found


class FakeDaemon:
    """Holds jobs and logs in dictionaries that a test fills and changes; runs in a thread of its own."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self.jobs: dict[int, Json] = {}
        self.logs: dict[int, list[Json]] = {}
        self.asked: list[tuple[str, str, Json]] = []
        self.headers: list[dict[str, str]] = []
        self.refuse: dict[str, errors.Z2Error] = {}  # URL or path -> what is answered
        self.breaks: list[str] = []  # paths whose next answer is a broken connection
        self.transcripts: dict[int, str] = {}
        self.findings: list[Json] = []  # what it finds when it looks at itself
        self.searches: list[Json] = []  # the answers to the next searches
        self.canned: dict[str, list[Json]] = {}  # path -> its answers, one after the other, the last for ever
        self.health: Json = {"status": "ok", "parts": {"database": {"ok": True, "detail": ""}}}
        self.version: Json = {
            "version": "0.1.0",
            "api": 1,
            "schema": 1,
            "yt_dlp": "2026.8.19",
            "ffmpeg": "n9",
            "postgresql": "17.1",
        }
        self.uploaded = b""
        self.seq = 100
        self.log_scripts: list[list[Json]] = []  # what each further log connection is sent, before it closes
        self.port = 0
        self._sockets: set[web.WebSocketResponse] = set()
        self._watchers: set[web.WebSocketResponse] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fake-daemon", daemon=True)
        self._runner: web.AppRunner | None = None
        self._thread.start()

    # -- what tests call --------------------------------------------------------------------------------------

    def start(self) -> None:
        self._do(self._start())

    def stop(self) -> None:
        self._do(self._stop())

    def end(self) -> None:
        if self._runner is not None:
            self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def put(self, whole: Json) -> Json:
        """Add or change a job, and tell the status sockets."""
        self.jobs[whole["id"]] = whole
        self.tell({"type": "job", "job": summary(whole)})
        return whole

    def tell(self, message: Json) -> None:
        """Send a message to every status socket."""
        self.seq += 1
        self._do(self._tell({**message, "seq": self.seq}))

    def drop(self) -> None:
        """Break every socket without a word."""
        self._do(self._drop())

    def watched(self) -> bool:
        """Whether a status socket is open."""
        return bool(self._watchers)

    def listened(self) -> bool:
        """Whether any socket is open."""
        return bool(self._sockets)

    def paths(self, method: str = "GET") -> list[str]:
        return [path for asked, path, _ in self.asked if asked == method]

    # -- the server -------------------------------------------------------------------------------------------

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    async def _start(self) -> None:
        app = web.Application(middlewares=[self._middleware], client_max_size=1 << 24)
        app.add_routes(
            [
                web.post("/api/jobs", self._submit),
                web.post("/api/jobs/batch", self._batch),
                web.get("/api/jobs", self._list),
                web.get("/api/jobs/{id}", self._show),
                web.delete("/api/jobs/{id}", self._cancel),
                web.post("/api/jobs/{id}/retry", self._retry),
                web.post("/api/jobs/actions", self._canned),
                web.post("/api/probe", self._canned),
                web.post("/api/uploads", self._upload),
                web.post("/api/jobs/{id}/{verb:pause|resume|move|restore}", self._touched),
                web.patch("/api/jobs/{id}", self._touched),
                web.get("/api/jobs/{id}/why", self._canned),
                web.post("/api/jobs/{id}/publish", self._canned),
                web.post("/api/publish", self._canned),
                web.get("/api/targets", self._canned),
                web.post("/api/analyze", self._canned),
                web.get("/api/jobs/{id}/analyses", self._canned),
                web.get("/api/queue", self._canned),
                web.patch("/api/queue", self._canned),
                web.post("/api/queue/{verb:pause|resume}", self._canned),
                web.get("/api/jobs/{id}/logs", self._log_page),
                web.get("/api/jobs/{id}/transcript", self._transcript),
                web.get("/api/search", self._search),
                web.get("/api/stats", self._stats),
                web.get("/api/version", self._version),
                web.get("/readyz", self._ready),
                web.get("/api/diagnosis", self._diagnosis),
                web.get("/ws/jobs/status", self._status),
                web.get("/ws/jobs/{id}/logs", self._log_socket),
            ]
        )
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.UnixSite(self._runner, str(self.socket)).start()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[1][1]

    async def _stop(self) -> None:
        assert self._runner is not None
        await self._drop()
        await end_server(self._runner)
        self._runner = None
        self.socket.unlink(missing_ok=True)

    @web.middleware
    async def _middleware(self, request: web.Request, handler: Any) -> web.StreamResponse:
        is_json = request.content_type == "application/json"
        body = await request.json() if request.body_exists and is_json else {}
        self.asked.append((request.method, request.path_qs, body))
        self.headers.append(dict(request.headers))
        if request.path in self.breaks:
            self.breaks.remove(request.path)
            assert request.transport is not None
            request.transport.abort()
        try:
            if request.path in self.refuse:
                raise self.refuse[request.path]
            answer: web.StreamResponse = await handler(request)
        except errors.Z2Error as error:
            headers = {"Retry-After": str(error.retry_after)} if error.retry_after else None
            return web.json_response(error.problem(), status=error.status, headers=headers)
        return answer

    async def _reply(self, value: object, status: int = 200) -> web.Response:
        return web.json_response(value, status=status)

    def _of(self, request: web.Request) -> Json:
        found = self.jobs.get(int(request.match_info["id"]))
        if found is None:
            raise errors.JobNotFound
        return found

    async def _upload(self, request: web.Request) -> web.Response:
        self.uploaded = await request.read()
        return await self._reply({"url": f"upload://{'0' * 64}/{quote(request.query['name'])}"}, 201)

    def _take(self, url: str) -> Json:
        if url in self.refuse:
            raise self.refuse[url]
        for old in self.jobs.values():
            if old["url"] == url:
                return {**old, "deduplicated": True}
        new = job(max(self.jobs, default=0) + 1, url=url)
        self.jobs[new["id"]] = new
        return {**new, "deduplicated": False}

    async def _submit(self, request: web.Request) -> web.Response:
        taken = self._take((await request.json())["url"])
        return await self._reply({**summary(taken), "deduplicated": taken["deduplicated"]}, 201)

    async def _batch(self, request: web.Request) -> web.Response:
        results = []
        for url in (await request.json())["urls"]:
            try:
                taken = self._take(url)
                result = "duplicate" if taken["deduplicated"] else "queued"
                results.append({"url": url, "result": result, "job_id": taken["id"], "code": None, "detail": None})
            except errors.Z2Error as error:
                results.append(
                    {"url": url, "result": "rejected", "job_id": None, "code": error.code, "detail": error.detail}
                )
        return await self._reply({"results": results})

    async def _list(self, request: web.Request) -> web.Response:
        limit, start = int(request.query["limit"]), int(request.query.get("cursor", 0))
        every = [summary(each) for each in self.jobs.values()]
        items = every[start : start + limit]
        cursor = str(start + limit) if start + limit < len(every) else None
        return await self._reply(
            {"items": items, "total": len(every), "next_cursor": cursor, "limit": limit, "offset": 0}
        )

    async def _show(self, request: web.Request) -> web.Response:
        return await self._reply(self._of(request))

    async def _cancel(self, request: web.Request) -> web.Response:
        found = self._of(request)
        if request.query.get("purge") == "true":
            return await self._reply(summary(self.jobs.pop(found["id"])))
        if found["status"] in FINISHED:
            raise errors.AlreadyFinished
        found |= {"status": "CANCELLED", "display_status": "CANCELLED"}
        return await self._reply(summary(found))

    async def _retry(self, request: web.Request) -> web.Response:
        found = self._of(request)
        found |= {"status": "QUEUED", "display_status": "QUEUED"}
        return await self._reply(summary(found))

    async def _touched(self, request: web.Request) -> web.Response:
        return await self._reply(summary(self._of(request)))

    async def _canned(self, request: web.Request) -> web.Response:
        if "id" in request.match_info:
            self._of(request)
        answers = self.canned[request.path]
        return await self._reply(answers.pop(0) if len(answers) > 1 else answers[0])

    async def _log_page(self, request: web.Request) -> web.Response:
        self._of(request)
        every = self.logs.get(int(request.match_info["id"]), [])
        after, before = int(request.query.get("after", 0)), int(request.query.get("before", 10**9))
        limit, words = int(request.query.get("limit", 200)), request.query.get("q", "").lower()
        fit = [each for each in every if after < each["seq"] < before and words in each["message"].lower()]
        items = fit[-limit:] if "before" in request.query else fit[:limit]
        ends = (every[0]["seq"], every[-1]["seq"]) if every else (0, 0)
        return await self._reply({"items": items, "first_seq": ends[0], "last_seq": ends[1]})

    async def _transcript(self, request: web.Request) -> web.Response:
        self._of(request)
        if int(request.match_info["id"]) not in self.transcripts:
            raise errors.TranscriptNotFound
        return web.Response(text=self.transcripts[int(request.match_info["id"])])

    async def _search(self, request: web.Request) -> web.Response:
        return web.json_response(self.searches.pop(0))

    async def _stats(self, request: web.Request) -> web.Response:
        return await self._reply(STATS)

    async def _version(self, request: web.Request) -> web.Response:
        return await self._reply(self.version)

    async def _diagnosis(self, request: web.Request) -> web.Response:
        return web.Response(
            text=Diagnosis.model_validate({"findings": self.findings}).model_dump_json(),
            content_type="application/json",
        )

    async def _ready(self, request: web.Request) -> web.Response:
        return await self._reply(self.health, 503 if self.health["status"] == "unavailable" else 200)

    # -- the sockets ------------------------------------------------------------------------------------------

    async def _tell(self, message: Json) -> None:
        for socket in list(self._watchers):
            await socket.send_json(message)

    async def _drop(self) -> None:
        for socket in list(self._sockets):
            if socket._req is not None and socket._req.transport is not None:
                socket._req.transport.abort()

    async def _status(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets.add(socket)
        try:
            await socket.send_json({"type": "hello", "version": "0.1.0", "api": 1, "seq": self.seq})
            active = [summary(each) for each in self.jobs.values() if each["status"] not in FINISHED]
            await socket.send_json({"type": "snapshot", "seq": self.seq, "jobs": active, "stats": STATS})
            self._watchers.add(socket)
            async for _ in socket:
                pass
        finally:
            self._sockets.discard(socket)
            self._watchers.discard(socket)
        return socket

    async def _log_socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets.add(socket)
        try:
            job_id = int(request.match_info["id"])
            if job_id not in self.jobs:
                await socket.close(code=4404)
                return socket
            every = self.logs.get(job_id, [])
            if self.log_scripts:
                for message in self.log_scripts.pop(0):
                    await socket.send_json(message)
                await socket.close(code=WSCloseCode.GOING_AWAY)
                return socket
            after = int(request.query.get("after", 0))
            if "tail" in request.query and "after" not in request.query:
                after = max(0, len(every) - int(request.query["tail"]))
            await socket.send_json({"type": "hello", "job_id": job_id, "first_seq": 1, "last_seq": len(every)})
            await self._send_lines(socket, job_id, after)
        finally:
            self._sockets.discard(socket)
        return socket

    async def _send_lines(self, socket: web.WebSocketResponse, job_id: int, after: int) -> None:
        """History, then what is added, until the job is finished."""
        while not socket.closed:
            new = [each for each in self.logs.get(job_id, []) if each["seq"] > after]
            if new:
                await socket.send_json({"type": "lines", "lines": new})
                after = new[-1]["seq"]
            elif self.jobs[job_id]["status"] in FINISHED:
                await socket.send_json({"type": "end", "status": self.jobs[job_id]["status"]})
                await socket.close()
            else:
                await asyncio.sleep(0.02)
