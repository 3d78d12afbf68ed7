"""Examples of the calls that control jobs and the queue; about the same four jobs as those of `examples`."""

from __future__ import annotations

from z2d.api.table import Example
from z2d.wire import errors

PAUSE = (
    Example(name="queued", summary="A job of the queue waits from now on", path={"job_id": 3}),
    Example(name="running", summary="A running job is put down by its worker", path={"job_id": 2}, status=202),
    Example(name="finished", summary="There is nothing to pause", path={"job_id": 1}, status=409),
)
RESUME = (
    Example(name="not_paused", summary="A job that is not paused stays as it is", path={"job_id": 3}),
    Example(
        name="finished",
        summary="A finished job cannot go on",
        path={"job_id": 1},
        status=409,
        answer=errors.AlreadyFinished("Job 1 has already finished: it is COMPLETED.").problem(),
    ),
)
MOVE = (
    Example(name="first", summary="To the front", path={"job_id": 3}, body={"to": "first"}),
    Example(
        name="running", summary="Only what waits can be moved", path={"job_id": 2}, body={"to": "last"}, status=409
    ),
)
CHANGE = (
    Example(
        name="all",
        summary="Priority, tags, one option",
        path={"job_id": 3},
        body={"priority": 20, "tags": ["talks", "soon"], "options": {"max_height": 720}},
    ),
    Example(
        name="changed_meanwhile",
        summary="Somebody else was faster",
        path={"job_id": 3},
        headers={"If-Match": '"99"'},
        body={"priority": 5},
        status=412,
    ),
    Example(
        name="running",
        summary="A running job keeps its options",
        path={"job_id": 2},
        body={"options": {"audio_only": True}},
        status=409,
    ),
)
WHY = (
    Example(name="running", summary="Why it runs", path={"job_id": 2}),
    Example(name="failed", summary="Why it failed", path={"job_id": 4}),
)
RESTORE = (Example(name="present", summary="A job that is not deleted stays as it is", path={"job_id": 1}),)
MANY = (
    Example(name="retry_failed", summary="Everything that failed, once more",
            body={"action": "retry", "filter": "status:failed"}),
    Example(name="what_would_it_be", summary="Only say which jobs it would be",
            body={"action": "delete", "filter": "status:failed age>30d", "files": True, "dry_run": True},
            answer={"done": [], "refused": [], "next_after": None}),
    Example(name="two", summary="One job fits, one does not", body={"action": "pause", "ids": [3, 1]},
            answer={"done": [3], "refused": [{"id": 1, "code": "already_finished",
                    "detail": "Job 1 has already finished: it is COMPLETED."}], "next_after": None}),
    Example(name="neither", summary="Ids or a filter are needed", body={"action": "pause"}, status=400),
)  # fmt: skip
QUEUE = (Example(name="now", summary="The queue now", query={"limit": 10}),)
PAUSE_QUEUE = (
    Example(name="pause", summary="Put everything down", body={}),
    Example(name="drain", summary="Let running jobs finish", body={"drain": True}),
)
RESUME_QUEUE = (Example(name="resume", summary="Go on"),)
SET_SLOTS = (
    Example(name="three", summary="Three jobs at once", body={"slots": 3}),
    Example(name="polite", summary="Never more than two of one site", body={"site_slots": 2}),
    Example(
        name="lanes",
        summary="Two jobs listen at once; downloads wait until the lane is opened again",
        body={"lanes": {"transcript": 2, "download": 0}},
    ),
    Example(name="open", summary="The lane is open again", body={"lanes": {"download": None}}),
    Example(name="as_started", summary="As many as each worker was started with", body={"slots": None}),
)
