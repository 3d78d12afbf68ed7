"""Submitting many URLs in one call: one result per URL, in the order sent."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from aiohttp import web

from z2d.api.admitting import Admitted
from z2d.api.answers import answer
from z2d.api.current import CURRENT
from z2d.api.jobs import KEY_HEADER, KEY_PATTERN
from z2d.api.keys import DB
from z2d.api.middleware import CALLER
from z2d.api.queries import NoQuery
from z2d.api.reading import header_text
from z2d.store import submission
from z2d.wire import errors
from z2d.wire.jobs import BatchAnswer, BatchResult, NewBatch, NewJobFields

ADMISSIONS_AT_ONCE = 16  # each may wait for a name server


async def submit_batch(request: web.Request, query: NoQuery, body: NewBatch) -> web.Response:
    """Queue many URLs. One that is refused does not stop the others; `dry_run` only says what would happen."""
    key = header_text(request, KEY_HEADER, KEY_PATTERN)
    body = request.app[CURRENT].profiles.settled(body)
    admissions = await _admit_all(request, body.urls, playlist=body.options.playlist is not None)
    job = NewJobFields.model_validate({name: getattr(body, name) for name in NewJobFields.model_fields})
    taken = {at: one for at, one in enumerate(admissions) if not isinstance(one, errors.Z2Error)}
    if body.dry_run:
        first_of: dict[str, int | None] = {}
        accepted = {at: await _foretell(request, one, body.force, first_of) for at, one in taken.items()}
    else:
        accepted = await _queue(request, taken, job, key)
    results = []
    for at, (url, admitted) in enumerate(zip(body.urls, admissions, strict=True)):
        if isinstance(admitted, errors.Z2Error):
            results.append(BatchResult(url=url, result="rejected", code=admitted.code, detail=admitted.detail))
        else:
            known, job_id = accepted[at]
            results.append(BatchResult(url=url, result="duplicate" if known else "queued", job_id=job_id))
    return answer(BatchAnswer(results=results))


async def _admit_all(request: web.Request, urls: list[str], *, playlist: bool) -> list[Admitted | errors.Z2Error]:
    slots = asyncio.Semaphore(ADMISSIONS_AT_ONCE)

    async def admit(url: str) -> Admitted | errors.Z2Error:
        async with slots:
            try:
                return await request.app[CURRENT].admit(url, playlist=playlist)
            except errors.Z2Error as error:
                return error

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(admit(url), name=f"api-admit-{index}") for index, url in enumerate(urls)]
    return [task.result() for task in tasks]


async def _foretell(
    request: web.Request, admitted: Admitted, force: bool, first_of: dict[str, int | None]
) -> tuple[bool, int | None]:
    """What submitting would do now; `first_of` remembers the videos named earlier in the same batch."""
    key = admitted.dedup_key
    if key is None or force:
        return False, None
    if key not in first_of:
        first_of[key] = await submission.find_duplicate(request.app[DB], key)
        return first_of[key] is not None, first_of[key]
    return True, first_of[key]


async def _queue(
    request: web.Request, taken: Mapping[int, Admitted], job: NewJobFields, key: str | None
) -> dict[int, tuple[bool, int | None]]:
    """Queue what was admitted, by its place in the batch: (was it there before, id of the job)."""
    # a key of its own for each URL makes a repeated batch safe even where jobs are forced
    batch = [
        submission.Submission(one.url, one.site, one.dedup_key, f"{key}#{at}" if key else None)
        for at, one in taken.items()
    ]
    answers = await submission.submit_many(request.app[DB], batch, job=job, submitted_by=request[CALLER])
    return {at: (known, job_id) for at, (job_id, known) in zip(taken, answers, strict=True)}
