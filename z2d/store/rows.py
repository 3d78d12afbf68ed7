"""Rows of the database as values of the wire: the summary of a job, said one way for every reader."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

from z2d.wire.base import Wire
from z2d.wire.jobs import JobError, JobStatus, JobSummary, WaitReason
from z2d.wire.reasons import hint

_SUMMARY_FIELDS = frozenset(JobSummary.model_fields) - {"error", "run_after", "due_after"}
W = TypeVar("W", bound=Wire)


def summary_fields(row: Mapping[str, Any]) -> dict[str, Any]:
    """What a JobSummary, or a model derived from it, is made of; `row` is one of the view job_list, with `now`."""
    fields = {name: row[name] for name in _SUMMARY_FIELDS}
    fields["error"] = job_error(row)
    fields |= {"run_after": row["due_at"], "due_after": kept_time(row)}
    if row["lane"] == "WAITING":
        fields["wait_reason"] = WaitReason.LANE
    fields["progress"] = round(row["progress"], 4)  # stored in single precision, whose other digits say nothing
    return fields


def kept_time(row: Mapping[str, Any]) -> datetime | None:
    """When a job that a person holds may start once it is let go, where that is not at once."""
    held = row["status"] == JobStatus.QUEUED and row["wait_reason"] == WaitReason.USER
    due: datetime | None = row["due_after"] if held else None
    return due if due and due > row["now"] else None


def job_error(row: Mapping[str, Any]) -> JobError | None:
    """Why a job failed, or its last try."""
    if not row["error_class"]:
        return None
    return JobError(
        code=row["error_class"],
        stage=row["stage"],
        message=row["error_message"] or "",
        hint=hint(row["error_class"], row["site"]),
    )


def job_summary(row: Mapping[str, Any]) -> JobSummary:
    """The summary in a row of the view job_list, with `now`."""
    return JobSummary(**summary_fields(row))


def pick(model: type[W], row: Mapping[str, Any], **more: Any) -> W:
    """`model` made of those columns of `row` that it has fields for, and of `more`."""
    return model(**{**{name: row[name] for name in model.model_fields if name in row}, **more})
