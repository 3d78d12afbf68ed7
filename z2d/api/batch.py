"""Submitting many URLs in one call: one result per URL, in the order sent."""

from __future__ import annotations

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
from z2d.store import known, submission
from z2d.wire import errors
from z2d.wire.jobs import BatchAnswer, BatchResult, NewBatch, NewJobFields


async def submit_batch(request: web.Request, query: NoQuery, body: NewBatch) -> web.Response:
    """Queue many URLs. One that is refused does not stop the others; `dry_run` only says what would happen."""
    key = header_text(request, KEY_HEADER, KEY_PATTERN)
    body = request.app[CURRENT].profiles.settled(body)
    playlist = body.options.playlist is not None
    admissions = await request.app[CURRENT].admit(body.urls, playlist=playlist)
    job = NewJobFields.model_validate({name: getattr(body, name) for name in NewJobFields.model_fields})
    taken = {at: one for at, one in enumerate(admissions) if not isinstance(one, errors.Z2Error)}
    if body.dry_run:
        accepted = await _foretell(request, taken, body.force)
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


async def _foretell(
    request: web.Request, taken: Mapping[int, Admitted], force: bool
) -> dict[int, tuple[bool, int | None]]:
    """What submitting would do now, by the place in the batch: (is it there or named before, id of the job)."""
    keys = {at: one.dedup_key for at, one in taken.items()}
    there = await known.known_keys(request.app[DB], {key for key in keys.values() if key is not None}, forced=force)
    foretold: dict[int, tuple[bool, int | None]] = {}
    earlier: set[str] = set()
    for at, key in keys.items():
        foretold[at] = (False, None) if key is None else (key in there or key in earlier, there.get(key))
        earlier |= {key} if key else set()
    return foretold


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
