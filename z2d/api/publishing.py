"""The targets, publishing jobs again, and the podcast feeds with all they lead to.

A feed is made from the database when it is asked for, so it is never out of date, and it is made in a thread. What it
links to are files of the published jobs alone: their sound or picture, transcript and chapters.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from pathlib import PurePosixPath
from typing import Any

from aiohttp import web

from z2d.api.answers import answer
from z2d.api.current import CURRENT
from z2d.api.files import open_inside, send_bytes, send_file
from z2d.api.jobs import job_id
from z2d.api.keys import DB, JOBS_DIR
from z2d.api.queries import NoQuery
from z2d.api.reading import path_id
from z2d.publish import exports
from z2d.publish.feed import MIME, Channel, Enclosure, Episode, FeedTarget, chapters_json, feed
from z2d.store import feeds, outbox, reads
from z2d.store import targets as target_store
from z2d.store.database import Database
from z2d.store.feeds import FeedRow
from z2d.wire import errors, filters
from z2d.wire.control import MOST_JOBS, ManyAnswer, RefusedJob
from z2d.wire.publishing import PublishAnswer, PublishManyRequest, PublishRequest, TargetList

_SUFFIX = re.compile(r"\.[a-z0-9]{1,8}")
ADULT = 18


async def publish(request: web.Request, query: NoQuery, body: PublishRequest) -> web.Response:
    """Bring a completed job to its targets again, or to one of them. What has not changed since is left as it is."""
    job = job_id(request)
    found = await outbox.republish(request.app[DB], job, target=body.target, force=body.force)
    return answer(PublishAnswer(id=job, publishing=found))


async def targets(request: web.Request, query: NoQuery) -> web.Response:
    """Every target with how many jobs it has, waits for and could not get. The library is always one of them."""
    return answer(TargetList(items=await target_store.overview(request.app[DB])))


async def publish_many(request: web.Request, query: NoQuery, body: PublishManyRequest) -> web.Response:
    """Bring many completed jobs to their targets again, or to one. What has not changed since is left as it is."""
    if (body.ids is None) == (body.filter is None):
        fault = {"path": "ids", "message": "give either ids or a filter"}
        raise errors.InvalidRequest("the body does not fit the contract", errors=[fault])
    db = request.app[DB]
    if body.target is not None and not await target_store.known(db, body.target):
        raise errors.TargetNotFound(f"There is no target {body.target!r}.")
    ids, next_after = await _chosen(db, body)
    done: list[int] = []
    refused: list[RefusedJob] = []
    for job in ids:
        try:
            if not body.dry_run:
                await outbox.republish(db, job, target=body.target, force=body.force)
            done.append(job)
        except (errors.JobNotFound, errors.Conflict) as error:
            refused.append(RefusedJob(id=job, code=error.code, detail=error.detail))
    return answer(ManyAnswer(done=done, refused=refused, next_after=next_after))


async def _chosen(db: Database, body: PublishManyRequest) -> tuple[list[int], int | None]:
    """The jobs that it is about, and where to go on when there are more."""
    if body.ids is not None:
        return list(dict.fromkeys(body.ids)), None
    ids = await target_store.publishable(
        db,
        filters.parse(body.filter or ""),
        target=body.target,
        failed=body.failed,
        after=body.after,
        limit=MOST_JOBS + 1,
    )
    return ids[:MOST_JOBS], ids[MOST_JOBS - 1] if len(ids) > MOST_JOBS else None


async def show_feed(request: web.Request, query: NoQuery) -> web.StreamResponse:
    """The feed as players read it. The same bytes, and `304` for who has them, as long as nothing has changed."""
    target = _feed(request)
    channel = target.channel
    rows = await feeds.rows(request.app[DB], channel.name, channel.items)
    base_url = target.base_url or f"{request.scheme}://{request.host}"

    def write() -> bytes:
        episodes = [found for row in rows if (found := episode_of(row, channel))]
        return feed(channel, episodes, base_url=base_url)

    return await send_bytes(request, await asyncio.to_thread(write), f"{MIME}; charset=utf-8")


async def feed_file(request: web.Request, query: NoQuery) -> web.StreamResponse:
    """What an episode of the feed links to: `media.*`, `picture`, `transcript.vtt` or `chapters.json`."""
    channel = _feed(request).channel
    job = path_id(request, "job_id", errors.FeedNotFound)
    rows = await feeds.rows(request.app[DB], channel.name, 1, job)
    if not rows:
        raise errors.FeedNotFound
    name, row = request.match_info["file"], rows[0]
    if name == "transcript.vtt" and row.has_transcript:
        text = exports.vtt(await reads.transcript(request.app[DB], job))
        return await send_bytes(request, text.encode(), "text/vtt; charset=utf-8")
    if name == "chapters.json" and row.chapters:
        document = json.dumps(chapters_json(row.chapters)).encode("ascii")
        return await send_bytes(request, document, "application/json")
    file = row.files.get("thumbnail") if name == "picture" else None
    if file is None and (played := _played(row, channel)) and name == f"media{_suffix(played)}":
        file = played
    if file is None:
        raise errors.FeedNotFound
    folder = request.app[JOBS_DIR] / str(job // 1000) / str(job)
    handle = await asyncio.to_thread(open_inside, folder, file["path"])
    try:
        return await send_file(
            request, handle, sha256=file["sha256"], size=file["size_bytes"], mime=file["mime"], path=file["path"]
        )
    finally:
        os.close(handle)


def _feed(request: web.Request) -> FeedTarget:
    found = request.app[CURRENT].feeds.get(request.match_info["name"])
    if found is None:
        raise errors.FeedNotFound
    return found


def _played(row: FeedRow, channel: Channel) -> Any:
    """The file that players play: the kind that is wanted, else what there is."""
    other = {"audio": "media", "video": "audio"}[channel.media]
    first = {"audio": "audio", "video": "media"}[channel.media]
    return row.files.get(first) or row.files.get(other)


def _suffix(file: Any) -> str:
    suffix = PurePosixPath(file["path"]).suffix.lower()
    return suffix if _SUFFIX.fullmatch(suffix) else ""


def episode_of(row: FeedRow, channel: Channel) -> Episode | None:
    """A row as an episode; None where there is nothing to play any more."""
    played = _played(row, channel)
    if played is None:
        return None
    return Episode(
        job_id=row.job_id,
        media_key=row.media_key,
        title=row.title,
        enclosure=Enclosure(_suffix(played), played["size_bytes"], played["mime"] or "application/octet-stream"),
        added_at=row.added_at,
        changed_at=row.changed_at,
        link=row.link,
        summary=row.summary,
        description=row.description,
        author=row.author,
        duration_ms=row.duration_ms,
        chapters=row.chapters,
        language=row.language,
        has_transcript=row.has_transcript,
        has_picture="thumbnail" in row.files,
        explicit=(row.age_limit or 0) >= ADULT,
    )
