"""An API server on a unix socket that speaks api.md from memory, so that every state of the dashboard can be made.

It is a server of its own and not a mock: the dashboard's real client and real sockets talk to it. Also a program, for
the tests on a terminal: `python -m tests.tui.fake_api SOCKET [--jobs N] [--bars N] [--rate HZ] [--lines PER_S]`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.support import end_server
from z2d.wire import errors, filters

Json = dict[str, Any]
EPOCH = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
STAGES = ("metadata", "download", "audio", "transcript", "analysis", "publishing")
TITLES = (
    ("How PostgreSQL Works: MVCC and the Write-Ahead Log", "CMU Database Group", 3731_000),
    ("東京の夜景 4K – Walking in Shinjuku 夜の散歩", "Rambalac", 4022_000),
    ("The Unreasonable Effectiveness of Plain Text", "PyCon", 1804_000),
    ("Rust at Scale [Lightning Talk] [/red]", "RustConf", 612_000),
    ("Wie funktioniert ein Kernkraftwerk? | Doku", "ARTE", 2712_000),
    ("Deep Dive into SQLite Internals", "Hussein Nasser", 3305_000),
    ("CppCon 2025: Back to Basics — Move Semantics", "CppCon", 3660_000),
    ("🎉 Launch day! Our biggest release ever 🚀", "z2 Studio", 241_000),
    ("Lex Fridman Podcast #431", "Lex Fridman", 10_211_000),
)


def at(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class FakeApi:
    """The jobs, the logs, who listens, and how the server misbehaves."""

    def __init__(self, now: datetime = EPOCH) -> None:
        self.now = now
        self.jobs: dict[int, Json] = {}
        self.details: dict[int, Json] = {}
        self.logs: dict[int, list[Json]] = {}
        self.seq = 0
        self.version = "0.1.0"
        self.api = 1
        self.refuse: int | None = None
        self.hold: asyncio.Event | None = None
        self.given_up: list[str] = []  # what was held, and whose caller hung up
        """Answers to calls (not sockets) wait for it."""
        self.calls: list[str] = []
        self.status_sockets: set[web.WebSocketResponse] = set()
        self.log_sockets: dict[web.WebSocketResponse, int] = {}
        self.events: list[Json] = []
        self.deleted: dict[int, Json] = {}
        self.order: list[int] = []
        self.mode = "ACTIVE"
        self.slots: int | None = None
        self.site_slots: int | None = None
        self.lanes: dict[str, int | None] = {"download": None, "transcript": 1, "analysis": None, "publishing": None}
        self.gates: list[Json] = []
        self.submitted: list[Json] = []
        """The bodies of the submissions."""
        self.profiles: list[Json] = [profile("default"), profile("lectures", "Sound alone, by the model at home")]
        self.probed: Json = {
            "title": "What is there",
            "kind": "MEDIA",
            "site": "video.example",
            "duration_ms": 61_000,
            "size_bytes": 2**20,
        }
        """What a look at any URL finds; `probes` are the bodies that asked."""
        self.probes: list[Json] = []
        self.uploads: dict[str, bytes] = {}
        self.targets: list[Json] = [target("library", "library", {"PUBLISHED": 226}, at(now))]

    # -- making things ------------------------------------------------------------------------------------------------

    def add(self, status: str = "COMPLETED", *, ago_s: float = 3600.0, **fields: Any) -> Json:
        number = max(self.jobs, default=0) + 1
        title, channel, length = TITLES[number % len(TITLES)]
        created = self.now - timedelta(seconds=ago_s)
        started = None if status == "QUEUED" else created + timedelta(seconds=2)
        over = status in ("COMPLETED", "FAILED", "CANCELLED")
        job: Json = {
            "id": number,
            "url": f"https://video.example/watch?v={number:08x}",
            "title": title,
            "status": status,
            "display_status": status,
            "outcome": "FULL" if status == "COMPLETED" else None,
            "stage": "download" if status == "RUNNING" else None,
            "progress": 1.0 if status == "COMPLETED" else 0.0,
            "speed_bps": 5_300_000 if status == "RUNNING" else None,
            "eta_s": 42 if status == "RUNNING" else None,
            "site": "video.example",
            "channel": channel,
            "duration_ms": length,
            "priority": 0,
            "attempt": 1,
            "max_attempts": 3,
            "run_after": None,
            "tags": [],
            "error": None,
            "wait_reason": None,
            "parent_id": None,
            "kind": "MEDIA",
            "created_at": at(created),
            "started_at": at(started),
            "finished_at": at(started + timedelta(seconds=61 + number % 300)) if over and started else None,
            "rev": 1,
        }
        if status == "FAILED":
            job["error"] = {
                "code": "REMOVED",
                "stage": "metadata",
                "message": "Video unavailable",
                "hint": "The video has been taken down.",
            }
        job.update(fields)
        self.jobs[number] = job
        return job

    def log(self, job_id: int, *messages: str, level: str = "INFO", stage: str = "download") -> list[Json]:
        lines = self.logs.setdefault(job_id, [])
        fresh = []
        for message in messages:
            line = {
                "seq": len(lines) + 1,
                "at": at(self.now + timedelta(milliseconds=len(lines) * 100)),
                "level": level,
                "stage": stage,
                "source": "yt-dlp",
                "message": message,
            }
            lines.append(line)
            fresh.append(line)
        return fresh

    def stats(self) -> Json:
        counts: dict[str, int] = {}
        for job in self.jobs.values():
            counts[job["status"]] = counts.get(job["status"], 0) + 1
        one = {"count": 10, "avg_ms": 402_000, "p50_ms": 300_000, "p95_ms": 900_000}
        return {
            "counts": counts,
            "total": len(self.jobs),
            "duration": one,
            "stages": {
                stage: {"count": 10, "avg_ms": 1000 * n * n, "p50_ms": 900 * n * n, "p95_ms": 3000 * n * n}
                for n, stage in enumerate(STAGES, 1)
            },
            "queue_wait": {"count": 10, "avg_ms": 1000, "p50_ms": 700, "p95_ms": 4000},
            "success_rate": 0.94,
            "bytes_total": 214 * 2**30,
            "days": [
                {"day": f"2026-11-{day:02}", "completed": day * 3 % 17, "failed": day % 3, "cancelled": 0, "bytes": 1}
                for day in range(9, 23)
            ],
            "disk_free_bytes": 214 * 2**30,
            "disk_total_bytes": 500 * 2**30,
            "slots": 2,
            "running": counts.get("RUNNING", 0),
            "queue": self.mode,
            "as_of": at(self.now),
        }

    def detail(self, job: Json) -> Json:
        return {
            **job,
            "profile": "default",
            "options": {},
            "queue_position": 1 if job["status"] == "QUEUED" else None,
            "duplicate_of": None,
            "warnings": 0,
            "metadata": None,
            "stages": stages_of(job),
            "files": [],
            "transcript": None,
            "analysis": None,
            "publishing": [],
            "attempts": [],
            **self.details.get(job["id"], {}),
        }

    # -- saying things ------------------------------------------------------------------------------------------------

    async def tell(self, message: Json) -> None:
        self.seq += 1
        message = {**message, "seq": self.seq}
        self.events.append(message)
        for socket in list(self.status_sockets):
            with contextlib.suppress(ConnectionError):
                await socket.send_json(message)

    async def change(self, job: Json, **fields: Any) -> None:
        if "status" in fields:
            fields.setdefault("display_status", fields["status"])
        job.update(fields)
        job["rev"] += 1
        await self.tell({"type": "job", "job": dict(job)})

    async def progress(self, job: Json, share: float, stage: str = "download") -> None:
        job.update(progress=share, stage=stage)
        await self.tell(
            {
                "type": "progress",
                "id": job["id"],
                "stage": stage,
                "progress": share,
                "speed_bps": 5_300_000,
                "eta_s": int(60 * (1 - share)),
            }
        )

    async def say(self, job_id: int, *messages: str, level: str = "INFO", stage: str = "download") -> None:
        lines = self.log(job_id, *messages, level=level, stage=stage)
        for socket, watched in list(self.log_sockets.items()):
            if watched == job_id:
                with contextlib.suppress(ConnectionError):
                    await socket.send_json({"type": "lines", "lines": lines})

    # -- answering ----------------------------------------------------------------------------------------------------

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._gate])
        app.add_routes(
            [
                web.get("/api/jobs", self._list),
                web.post("/api/jobs", self._submit),
                web.post("/api/jobs/batch", self._batch),
                web.post("/api/probe", self._probe),
                web.post("/api/uploads", self._upload),
                web.get("/api/stats", self._stats),
                web.get("/api/version", self._version),
                web.get("/api/jobs/{id}", self._show),
                web.post("/api/jobs/actions", self._actions),
                web.patch("/api/jobs/{id}", self._patch),
                web.post("/api/jobs/{id}/move", self._move),
                web.get("/api/jobs/{id}/why", self._why),
                web.post("/api/jobs/{id}/publish", self._publish),
                web.get("/api/profiles", self._profiles),
                web.get("/api/targets", self._targets),
                web.get("/api/queue", self._queue),
                web.patch("/api/queue", self._slots),
                web.post("/api/queue/{what}", self._queue_mode),
                web.get("/api/search", self._search),
                web.get("/api/jobs/{id}/logs", self._logs),
                web.get("/api/jobs/{id}/transcript", self._transcript),
                web.get("/ws/jobs/status", self._status_socket),
                web.get("/ws/jobs/{id}/logs", self._log_socket),
            ]
        )
        return app

    @web.middleware
    async def _gate(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.calls.append(f"{request.method} {request.path_qs}")
        if self.refuse is not None:
            code = {401: "unauthorized", 503: "database_unavailable"}[self.refuse]
            return _problem(self.refuse, code, "refused by the test")
        if self.hold is not None and request.path.startswith("/api/"):
            try:
                await self.hold.wait()
            except asyncio.CancelledError:
                self.given_up.append(request.path)
                raise
        answer = await handler(request)
        assert isinstance(answer, web.StreamResponse)
        return answer

    async def _list(self, request: web.Request) -> web.Response:
        query = request.query
        found = list(self.jobs.values())
        if wanted := query.getall("status", []):
            found = [job for job in found if job["status"] in wanted]
        if line := query.get("filter", ""):
            try:
                terms = filters.parse(line)
            except errors.FilterInvalid as error:
                return _problem(422, error.code, error.detail)
            found = [job for job in found if all(_holds(job, term) != term.negated for term in terms)]
        sort = query.get("sort", "created_at")
        found.sort(key=lambda job: (str(job[sort] or ""), job["id"]), reverse=query.get("order") != "asc")
        start = int(query.get("cursor") or query.get("offset") or 0)
        limit = int(query.get("limit") or 50)
        page = found[start : start + limit]
        cursor = str(start + limit) if start + limit < len(found) else None
        return _answer({"items": page, "total": len(found), "next_cursor": cursor, "limit": limit, "offset": start})

    async def _stats(self, _request: web.Request) -> web.Response:
        return _answer(self.stats())

    async def _version(self, _request: web.Request) -> web.Response:
        return _answer({"version": self.version, "api": self.api})

    async def _show(self, request: web.Request) -> web.Response:
        job = self.jobs.get(int(request.match_info["id"]))
        return _answer(self.detail(job)) if job else _problem(404, "job_not_found", "There is no job with this id.")

    def _foretell(self, url: str) -> Json:
        if not url.startswith("http"):
            return {"url": url, "result": "rejected", "code": "url_scheme", "detail": "only http:// or https://"}
        if "private" in url:
            return {
                "url": url,
                "result": "rejected",
                "code": "url_private_address",
                "detail": "leads into a private network",
            }
        for job in self.jobs.values():
            if job["url"] == url:
                return {"url": url, "result": "duplicate", "job_id": job["id"]}
        return {"url": url, "result": "queued"}

    async def _submit(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.submitted.append(body)
        told = self._foretell(body["url"])
        if told["result"] == "rejected":
            return _problem(422, told["code"], told["detail"])
        if told["result"] == "duplicate" and not body.get("force"):
            return _answer({**self.jobs[told["job_id"]], "deduplicated": True})
        job = self.add("QUEUED", ago_s=-1, url=body["url"], title=None, channel=None, duration_ms=None)
        job.update(priority=body.get("priority", 0), run_after=body.get("run_after"))
        if body.get("hold") or job["run_after"]:
            job["display_status"] = "PAUSED" if body.get("hold") else "SCHEDULED"
        await self.tell({"type": "job", "job": dict(job)})
        return _answer({**job, "deduplicated": False}, 201)

    async def _probe(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.probes.append(body)
        told = self._foretell(body["url"])
        if told["result"] == "rejected":
            return _problem(422, told["code"], told["detail"])
        return _answer({"url": body["url"], **self.probed, "duplicate_of": told.get("job_id")})

    async def _upload(self, request: web.Request) -> web.Response:
        name, content = request.query["name"], await request.read()
        self.uploads[name] = content
        return _answer({"url": f"https://uploads.example/{name}", "name": name, "size_bytes": len(content)}, 201)

    async def _batch(self, request: web.Request) -> web.Response:
        body = await request.json()
        if not body.get("dry_run"):
            self.submitted.append(body)
        results = []
        for url in body["urls"]:
            told = self._foretell(url)
            if told["result"] == "queued" and not body.get("dry_run"):
                job = self.add("QUEUED", ago_s=-1, url=url, title=None)
                await self.tell({"type": "job", "job": dict(job)})
                told["job_id"] = job["id"]
            results.append(told)
        return _answer({"results": results})

    async def _actions(self, request: web.Request) -> web.Response:
        body = await request.json()
        done, refused = [], []
        for number in body["ids"]:
            wrong = await self._act(body["action"], number, body)
            if wrong:
                refused.append({"id": number, "code": "conflict", "detail": wrong})
            else:
                done.append(number)
        return _answer({"done": done, "refused": refused, "next_after": None})

    async def _act(self, action: str, number: int, body: Json) -> str:
        if action == "restore":
            self.jobs[number] = self.deleted.pop(number)
            await self.tell({"type": "job", "job": dict(self.jobs[number])})
            return ""
        job = self.jobs[number]
        over = job["status"] in ("COMPLETED", "FAILED", "CANCELLED")
        if over != (action in ("retry", "delete")):
            return "The job is not in a state that allows this."
        match action:
            case "cancel" if job["status"] == "RUNNING":
                await self.change(job, display_status="CANCELLING")
            case "cancel":
                await self.change(job, status="CANCELLED", finished_at=at(self.now))
            case "retry":
                fresh = {"error": None, "finished_at": None, "started_at": None, "stage": body.get("from_stage")}
                await self.change(job, status="QUEUED", **fresh)
            case "pause":
                await self.change(job, status="QUEUED", display_status="PAUSED", started_at=None, stage=None)
            case "resume":
                await self.change(job, status="QUEUED")
            case "delete":
                self.deleted[number] = {**self.jobs.pop(number), "files": body.get("files", False)}
                await self.tell({"type": "deleted", "id": number})
        return ""

    async def _patch(self, request: web.Request) -> web.Response:
        job = self.jobs[int(request.match_info["id"])]
        changes = await request.json()
        if options := changes.pop("options", None):
            if job["status"] != "QUEUED":
                return _problem(409, "conflict", "The job is not in a state that allows this.")
            self.details.setdefault(job["id"], {}).setdefault("options", {}).update(options)
        await self.change(job, **changes)
        return _answer(job)

    async def _move(self, request: web.Request) -> web.Response:
        job = self.jobs[int(request.match_info["id"])]
        if job["status"] != "QUEUED":
            return _problem(409, "conflict", "The job is not in a state that allows this.")
        self.order = _moved(
            self.order, job["id"], [each["id"] for each in self.queue_state()["next"]], await request.json()
        )
        await self.change(job)
        return _answer(job)

    async def _why(self, request: web.Request) -> web.Response:
        job = self.jobs[int(request.match_info["id"])]
        code, sentence = ("SLOTS", "All 2 slots are busy; it is the next to start.")
        if job["status"] == "WAITING":
            code, sentence = ("CHILDREN", "It waits for 2 of 4 entries.")
        elif job["status"] != "QUEUED":
            code, sentence = ("FINISHED", "It is over.")
        order = [each["id"] for each in self.queue_state()["next"]]
        return _answer(
            {"id": job["id"], "status": job["display_status"], "code": code, "sentence": sentence, "until": None,
             "queue_position": order.index(job["id"]) + 1 if job["id"] in order else None}
        )  # fmt: skip

    async def _publish(self, request: web.Request) -> web.Response:
        number = int(request.match_info["id"])
        body = await request.json()
        found = self.details.get(number, {}).get("publishing", [])
        for each in found:
            if body["target"] in (None, each["target"]) and (body["force"] or each["status"] != "PUBLISHED"):
                each.update(status="PENDING", published_at=None)
        return _answer({"id": number, "publishing": found})

    # -- the queue, the library ---------------------------------------------------------------------------------------

    def queue_state(self) -> Json:
        jobs = [job for job in self.jobs.values() if job["display_status"] == "QUEUED"]
        jobs.sort(key=lambda job: (self.order.index(job["id"]) if job["id"] in self.order else -1, -job["priority"]))
        return {
            "mode": self.mode,
            "slots": self.slots or 2,
            "slots_per_worker": self.slots,
            "site_slots": self.site_slots,
            "workers": 1,
            "busy": sum(job["status"] == "RUNNING" for job in self.jobs.values()),
            "ready": len(jobs),
            "scheduled": 0,
            "paused": sum(job["display_status"] == "PAUSED" for job in self.jobs.values()),
            "waiting": 0,
            "lanes": [
                {"stage": name, "limit": limit, "busy": 0, "waiting": 0, "parked": 0}
                for name, limit in self.lanes.items()
            ],
            "gates": self.gates,
            "next": jobs,
        }

    async def _queue(self, _request: web.Request) -> web.Response:
        return _answer(self.queue_state())

    async def _profiles(self, _request: web.Request) -> web.Response:
        return _answer({"profiles": self.profiles})

    async def _targets(self, _request: web.Request) -> web.Response:
        return _answer({"items": self.targets})

    async def _slots(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.slots, self.site_slots = body.get("slots", self.slots), body.get("site_slots", self.site_slots)
        self.lanes |= body.get("lanes", {})
        return _answer(self.queue_state())

    async def _queue_mode(self, request: web.Request) -> web.Response:
        drain = request.can_read_body and (await request.json()).get("drain")
        self.mode = "ACTIVE" if request.match_info["what"] == "resume" else "DRAINING" if drain else "PAUSED"
        await self.tell({"type": "stats", "stats": self.stats()})
        return _answer(self.queue_state())

    async def _search(self, request: web.Request) -> web.Response:
        query = request.query
        words = query["q"].casefold()
        try:
            terms = filters.parse(query.get("filter", ""))
        except errors.FilterInvalid as error:
            return _problem(422, error.code, error.detail)
        hits = []
        for job in self.jobs.values():
            if not all(_holds(job, term) != term.negated for term in terms):
                continue
            cues = self.details.get(job["id"], {}).get("cues", [])
            moments = [_moment(job, cue, words) for cue in cues if words in cue["text"].casefold()][:5]
            if moments or words in str(job["title"]).casefold():
                best = moments[0] if moments else {"snippet": job["title"] or "", "marks": [], "start_ms": None}
                field = "transcript" if moments else "title"
                hits.append(
                    {"job": job, "score": 1.0, "field": field, "snippet": best["snippet"], "marks": best["marks"],
                     "start_ms": best["start_ms"], "moments": moments, "more_moments": len(moments) == 5}
                )  # fmt: skip
        start, limit = int(query.get("cursor") or 0), int(query.get("limit") or 20)
        following = str(start + limit) if start + limit < len(hits) else None
        page = {"items": hits[start : start + limit], "next_cursor": following, "limit": limit, "complete": True}
        return _answer(page)

    async def _logs(self, request: web.Request) -> web.Response:
        lines = self.logs.get(int(request.match_info["id"]), [])
        found = lines
        if after := request.query.get("after"):
            found = [line for line in found if line["seq"] > int(after)]
        limit = int(request.query.get("limit") or 200)
        if before := request.query.get("before"):
            found = [line for line in found if line["seq"] < int(before)][-limit:]
        return _answer({"items": found[:limit], "first_seq": 1 if lines else 0, "last_seq": len(lines)})

    async def _transcript(self, request: web.Request) -> web.Response:
        cues = self.details.get(int(request.match_info["id"]), {}).get("cues")
        if cues is None:
            return _problem(404, "transcript_not_found", "This job has no transcript.")
        return _answer({"language": "en", "source": "MANUAL_SUBS", "cues": cues})

    async def _status_socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"type": "hello", "version": self.version, "api": self.api, "seq": self.seq})
        since = request.query.get("since")
        if since is None or int(since) > self.seq:
            active = [job for job in self.jobs.values() if job["status"] in ("RUNNING", "QUEUED", "WAITING")][:200]
            await socket.send_json({"type": "snapshot", "seq": self.seq, "jobs": active, "stats": self.stats()})
        else:
            for event in self.events:
                if event["seq"] > int(since):
                    await socket.send_json(event)
        self.status_sockets.add(socket)
        try:
            async for _ in socket:
                pass
        finally:
            self.status_sockets.discard(socket)
        return socket

    async def _log_socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        job_id = int(request.match_info["id"])
        if job_id not in self.jobs:
            await socket.close(code=4404)
            return socket
        lines = self.logs.setdefault(job_id, [])
        await socket.send_json(
            {"type": "hello", "job_id": job_id, "first_seq": 1 if lines else 0, "last_seq": len(lines)}
        )
        start = max(0, len(lines) - int(request.query["tail"])) if "tail" in request.query else 0
        start = int(request.query.get("after") or start)
        if lines[start:]:
            await socket.send_json({"type": "lines", "lines": lines[start:]})
        if self.jobs[job_id]["status"] in ("COMPLETED", "FAILED", "CANCELLED"):
            await socket.send_json({"type": "end", "status": self.jobs[job_id]["status"]})
            await socket.close()
            return socket
        self.log_sockets[socket] = job_id
        try:
            async for _ in socket:
                pass
        finally:
            self.log_sockets.pop(socket, None)
        return socket


def profile(name: str, description: str = "") -> Json:
    return {"name": name, "description": description, "options": {}, "proxy": False}


def target(name: str, kind: str, counts: Json, last: str | None = None, **fields: Any) -> Json:
    usual = {
        "events": ["publish"],
        "filter": "",
        "configured": True,
        "installations": [],
        "disabled_at": None,
        "disabled_why": None,
        "retrying": 0,
        "last_error": None,
    }
    return {"name": name, "kind": kind, "counts": counts, "last_published_at": last, **usual, **fields}


def stages_of(job: Json) -> list[Json]:
    """Stages that fit the job's state."""
    now = STAGES.index(job["stage"]) if job["stage"] in STAGES else 0
    out = []
    for index, stage in enumerate(STAGES):
        status = "PENDING"
        if job["status"] == "COMPLETED" or index < now:
            status = "DONE"
        elif index == now and job["status"] in ("RUNNING", "FAILED"):
            status = job["status"]
        done = status == "DONE"
        out.append(
            {
                "stage": stage,
                "status": status,
                "attempt": 1,
                "progress": 1.0 if done else job["progress"],
                "bytes_total": 120_000_000 if stage == "download" else None,
                "error_message": job["error"]["message"] if status == "FAILED" and job["error"] else None,
                "started_at": job["started_at"] if done else None,
                "finished_at": at(datetime.fromisoformat(job["started_at"]) + timedelta(seconds=index * 7 + 1))
                if done and job["started_at"]
                else None,
            }
        )
    return out


def _holds(job: Json, term: filters.Term) -> bool:
    """Enough of the filter language for the tests."""
    if term.key in ("words", "phrase"):
        return all(str(word).casefold() in f"{job['title']} {job['url']}".casefold() for word in term.values)
    if term.key == "tag":
        return bool(set(term.values) & set(job["tags"]))
    name = {"parent": "parent_id"}.get(term.key, term.key)
    return job[name] in term.values


def _moment(job: Json, cue: Json, words: str) -> Json:
    start = cue["text"].casefold().index(words)
    marks = [[start, start + len(words)]]
    link = f"{job['url']}&t={cue['start_ms'] // 1000}"
    return {"start_ms": cue["start_ms"], "end_ms": cue["end_ms"], "snippet": cue["text"], "marks": marks, "link": link}


def _moved(order: list[int], number: int, now: list[int], body: Json) -> list[int]:
    others = [each for each in order if each != number]
    if body["to"] in ("first", "last"):
        return [number, *others] if body["to"] == "first" else [*others, number]
    at = now.index(number)
    now.insert(max(0, at + {"up": -1, "down": 1}[body["to"]]), now.pop(at))
    return now


def _answer(data: Json, status: int = 200) -> web.Response:
    return web.json_response(data, status=status)


def _problem(status: int, code: str, detail: str) -> web.Response:
    body = {"type": f"urn:z2:error:{code}", "title": detail, "status": status, "detail": detail, "code": code}
    return web.Response(status=status, body=json.dumps(body).encode(), content_type="application/problem+json")


def _away(socket: Path) -> None:
    socket.unlink(missing_ok=True)


@asynccontextmanager
async def serving(fake: FakeApi, socket: Path) -> AsyncIterator[FakeApi]:
    """The server, for as long as the block runs; it can be opened again on the same socket."""
    runner = web.AppRunner(fake.app(), access_log=None, shutdown_timeout=0.2, handler_cancellation=True)
    await runner.setup()
    _away(socket)
    try:
        await web.UnixSite(runner, str(socket)).start()
        yield fake
    finally:
        for each in [*fake.status_sockets, *fake.log_sockets]:
            await each.close(code=1001)
        await end_server(runner)
        _away(socket)


def showcase(fake: FakeApi, jobs: int = 1245) -> None:
    """A history as it looks after some days: everything the pictures need."""
    for number in range(jobs - 5):
        status = "FAILED" if number % 19 == 3 else "CANCELLED" if number % 37 == 5 else "COMPLETED"
        fake.add(status, ago_s=600 + (jobs - number) * 700)
    rich = fake.jobs[max(fake.jobs)] if fake.jobs else fake.add(ago_s=1300)
    rich.update(zip(("title", "channel", "duration_ms"), TITLES[0], strict=True))
    fake.details[rich["id"]] = rich_detail()
    for stage in STAGES:
        fake.log(rich["id"], f"Begun: {stage}", f"Done: {stage}", stage=stage)
    for number in range(3):
        fake.add("QUEUED", ago_s=50 - number)
    first = fake.add("RUNNING", ago_s=72, progress=0.62)
    second = fake.add("RUNNING", ago_s=249, progress=0.31, stage="transcript", speed_bps=None, eta_s=190)
    for job in (first, second):
        fake.log(job["id"], "Extracting URL: " + job["url"], stage="metadata")
        fake.log(job["id"], *(f"[download] fragment {n} of 120, 5.11MiB/s" for n in range(1, 60)))
        fake.log(job["id"], "[youtube] nsig extraction failed: some formats may be missing", level="WARNING")
        fake.log(job["id"], *(f"segment 00:12:{n:02d}.2 → 00:12:{n + 5:02d}.8" for n in range(9)), level="DEBUG")


def rich_detail() -> Json:
    """A job that has everything."""
    quote = "readers never block writers, and writers never block readers"
    return {
        "metadata": {
            "description": "A lecture about storage.\n\nSecond paragraph with a link.",
            "language": "en",
            "width": 1920,
            "height": 1080,
            "vcodec": "vp9",
            "acodec": "opus",
        },
        "files": [
            {"id": n, "stage": "download", "kind": kind, "path": path, "size_bytes": size, "state": "PRESENT"}
            for n, (kind, path, size) in enumerate(
                [
                    ("media", "media/video.webm", 120_000_000),
                    ("audio", "audio/audio.m4a", 30_000_000),
                    ("transcript_vtt", "transcript/en.vtt", 88_000),
                ],
                1,
            )
        ],
        "transcript": {"language": "en", "source": "MANUAL_SUBS", "segments": 300, "words": 9411},
        "cues": [
            {"start_ms": n * 4200, "end_ms": n * 4200 + 4000, "text": f"Sentence number {n} of the lecture, {quote}."}
            for n in range(300)
        ],
        "analysis": {
            "backend": "offline",
            "summary": "PostgreSQL keeps several versions of each row so that readers never block writers.\n"
            "The lecture explains tuple headers, visibility rules and why VACUUM exists.",
            "summary_short": "PostgreSQL keeps several versions of each row so that readers never block writers.",
            "insights": [
                {
                    "text": "Versions replace locks",
                    "quote": quote,
                    "start_ms": 251_000,
                    "end_ms": 255_000,
                    "verified": True,
                },
                {
                    "text": "VACUUM is the price",
                    "quote": "somebody has to clean up",
                    "start_ms": 840_000,
                    "end_ms": 845_000,
                    "verified": True,
                },
            ],
            "chapters": [{"start_ms": 0, "end_ms": 60_000, "title": "Introduction"}],
            "topics": [
                {"label": "visibility", "keywords": ["xmin", "xmax"], "weight": 1.0, "spans": [[60_000, 90_000]]}
            ],
            "keywords": [{"term": "tuple header", "weight": 1.0, "start_ms": 70_000}],
            "grounding_total": 2,
            "grounding_verified": 2,
        },
        "publishing": [
            {
                "target": "library",
                "kind": "folder",
                "status": "PUBLISHED",
                "remote_url": "/var/lib/z2/library/CMU/How PostgreSQL Works",
                "published_at": at(EPOCH),
            }
        ],
    }


async def _program(options: argparse.Namespace) -> None:
    fake = FakeApi(datetime.now(UTC))
    showcase(fake, options.jobs)
    running = [job for job in fake.jobs.values() if job["status"] == "RUNNING"]
    running.extend(fake.add("RUNNING", ago_s=30) for _ in range(options.bars - len(running)))
    for job in running[options.bars :]:
        job.update(status="COMPLETED", display_status="COMPLETED", stage=None, finished_at=at(fake.now))
    running = running[: options.bars]
    async with serving(fake, options.socket):
        beat, step = 0, 1.0 / max(options.rate, options.lines, 1.0)
        while True:
            await asyncio.sleep(step)
            beat += 1
            if options.rate and beat % max(1, round(1 / (step * options.rate))) == 0:
                for job in running:
                    await fake.progress(job, (job["progress"] + 0.003) % 1.0, job["stage"])
            if options.lines and running:
                each = max(1, round(options.lines * step))
                await fake.say(running[-1]["id"], *(f"[download] fragment {beat * each + n}" for n in range(each)))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("socket", type=Path)
    parser.add_argument("--jobs", type=int, default=1245)
    parser.add_argument("--bars", type=int, default=2)
    parser.add_argument("--rate", type=float, default=0.0, help="progress messages a second and job")
    parser.add_argument("--lines", type=float, default=0.0, help="log lines a second of the last running job")
    asyncio.run(_program(parser.parse_args()))


if __name__ == "__main__":
    main()
