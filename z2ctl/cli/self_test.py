"""`z2ctl doctor --self-test`: the clip that comes with z2 goes through every stage, without the internet."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path

from z2ctl import sample
from z2ctl.cli.check import Check
from z2ctl.client import Client, Json
from z2ctl.text import FINISHED, STAGES, span
from z2d.wire import errors

CLIP = Path(sample.__file__).with_name("ask-not.mp4")
TAG = "self-test"
LOOK_EVERY_S = 0.3
_WHY = "Only a job that went all the way proves that everything works together."


def self_test(client: Client, *, within_s: float) -> list[Check]:
    """Send the clip, follow its job to the end, say how each stage went, and take it out of the library again."""
    try:
        url = client.upload(CLIP)["url"]
        job = client.submit(url, force=True, priority=100, tags=[TAG])
        ended = _to_the_end(client, job["id"], time.monotonic() + within_s)
        checks = [_stage(ended, name) for name in STAGES] if ended else [_too_long(client, job["id"], within_s)]
        if ended and ended["status"] in FINISHED:
            client.delete(job["id"], files=True)
    except errors.Z2Error as error:
        return [Check("self-test", "wrong", f"refused ({error.code})", error.detail, _WHY)]
    return [*checks, *([_end(ended)] if ended else [])]


def _to_the_end(client: Client, job_id: int, until: float) -> Json | None:
    while time.monotonic() < until:
        job = client.job(job_id)
        if job["status"] in FINISHED:
            return job
        time.sleep(LOOK_EVERY_S)
    return None


def _too_long(client: Client, job_id: int, within_s: float) -> Check:
    why = client.why(job_id)["sentence"]
    remedy = f"z2ctl logs {job_id} says more; it goes on, and z2ctl cancel {job_id} ends it."
    return Check("self-test", "wrong", f"not finished after {within_s:g} s. {why}", remedy, _WHY)


def _stage(job: Json, name: str) -> Check:
    found = next((one for one in job.get("stages") or [] if one["stage"] == name), None)
    shown = f"self-test: {name}"
    if found is None:
        return Check(shown, "wrong", "not reached", f"The log of job {job['id']} says why.")
    match found["status"]:
        case "DONE":
            return Check(shown, "ok", f"done in {span(_took_ms(found))}")
        case "SKIPPED":
            # without an engine for speech there is no transcript: the pipeline did what it can
            return Check(shown, "warning", found.get("skip_reason") or "skipped", "See the other findings.")
    said = found.get("error_message") or found["status"].lower()
    return Check(shown, "wrong", said, f"z2ctl logs {job['id']} says more.")


def _took_ms(stage: Json) -> int:
    begun, ended = stage.get("started_at"), stage.get("finished_at")
    if not begun or not ended:
        return 0
    return int((datetime.fromisoformat(ended) - datetime.fromisoformat(begun)).total_seconds() * 1000)


def _end(job: Json) -> Check:
    if job["status"] == "COMPLETED":
        return Check("self-test", "ok", f"job {job['id']} went all the way; it is deleted again", why=_WHY)
    error = job.get("error") or {}
    said = error.get("message") or f"job {job['id']} is {job['status']}"
    return Check("self-test", "wrong", said, error.get("hint") or "", _WHY)
