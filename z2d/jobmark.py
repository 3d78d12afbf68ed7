"""Which job the present task works on, so that every line of the daemon's own log can name it.

The mark travels with the task and with the tasks and threads started from it; nobody has to hand it on.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_job: ContextVar[int | None] = ContextVar("job", default=None)


def current() -> int | None:
    """The job's id, or None where the work is nobody's in particular."""
    return _job.get()


@contextmanager
def of_job(job_id: int) -> Iterator[None]:
    """For the time of the block the work is this job's."""
    token = _job.set(job_id)
    try:
        yield
    finally:
        _job.reset(token)
