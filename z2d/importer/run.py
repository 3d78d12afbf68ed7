"""The import itself: understand every record, put in those that are new, copy files, and read everything back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from z2d.importer.copying import copy_files, locate
from z2d.importer.files import Raw, records
from z2d.importer.record import Found, Rejected, understand
from z2d.importer.report import Entry, Totals
from z2d.pipeline.folders import JobFolder, job_folder
from z2d.store import imports
from z2d.store.database import Database
from z2d.store.imports import Contents, Kept, OldJob
from z2d.wire.jobs import StageName

AT_ONCE = 200  # records in one transaction
_SHOWN_MISMATCHES = 20
Say = Callable[[Entry], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to import. Without `apply` nothing is written anywhere.

    `files_from`: folders from which files that records name may be copied into the jobs' folders; none: no file is.
    """

    folder: Path
    apply: bool = False
    jobs_dir: Path | None = None
    files_from: tuple[Path, ...] = ()


@dataclass(slots=True)
class _Import:
    """One run and what it has seen."""

    db: Database | None
    plan: Plan
    say: Say
    totals: Totals
    seen: dict[str, Kept] = field(default_factory=dict)  # by legacy id, of this run
    expected: Contents = field(default_factory=Contents)
    named: dict[int, list[str]] = field(default_factory=dict)  # files, by job

    def tell(self, entry: Entry) -> None:
        """Count a record and report it."""
        self.totals.count(entry)
        self.say(entry)


async def import_folder(db: Database | None, plan: Plan, say: Say) -> Totals:
    """Import every record of the folder; `say` is told of each as soon as its fate is known.

    Without a database (only possible for a dry run) nothing counts as a duplicate but repetitions within the folder.
    Raises DatabaseUnavailable; what was committed by then stays, and the next run goes on after it.
    """
    work = _Import(db, plan, say, Totals(applied=plan.apply))
    for batch in _batches(records(plan.folder)):
        await _import_batch(work, batch)
    if plan.apply and db is not None:
        await _copy_named_files(work, db)
        await _verify(work, db)
    work.totals.statuses, work.totals.tables = work.expected.statuses, work.expected.tables
    return work.totals


def _batches(found: Iterable[Raw]) -> Iterator[list[Raw]]:
    rest = iter(found)
    while batch := list(islice(rest, AT_ONCE)):
        yield batch


async def _import_batch(work: _Import, batch: Sequence[Raw]) -> None:
    understood: list[Found] = []
    for raw in batch:
        try:
            understood.append(await understand(raw))
        except Rejected as reason:
            work.tell(Entry(raw.source, "rejected", detail=str(reason), warnings=list(raw.warnings)))
    known = await _known(work, understood)
    new = [found for found in understood if _is_new(work, found, known)]
    if not (work.plan.apply and work.db is not None):
        for found in new:
            _imported(work, found, None)
        return
    results = await imports.put(work.db, [_old_job(found) for found in new])
    for found, result in zip(new, results, strict=True):
        if isinstance(result, int):
            _imported(work, found, result)
        else:
            work.seen.pop(found.legacy_id, None)
            work.tell(_entry(found, "rejected", detail=result))


async def _known(work: _Import, understood: Sequence[Found]) -> dict[str, Kept]:
    """What is there of these records, in the database or from earlier in this run."""
    if work.db is None or not understood:
        return {}
    return await imports.kept(work.db, [one for found in understood for one in (found.legacy_id, _other_id(found))])


def _other_id(found: Found) -> str:
    """The id of a record whose own id belongs to another video: two old programs may both have had a job 1."""
    return f"{found.legacy_id}#{found.raw.sha256[:16]}"


def _is_new(work: _Import, found: Found, known: dict[str, Kept]) -> bool:
    """Whether a record is to be put in; otherwise it is reported as a duplicate. Settles its legacy id."""
    for legacy_id in (found.legacy_id, _other_id(found)):
        there = work.seen.get(legacy_id) or known.get(legacy_id)
        if there is None:
            found.legacy_id = legacy_id
            work.seen[legacy_id] = Kept(0, found.admitted.url, found.raw.sha256)
            return True
        if found.raw.sha256 == there.sha256 or found.admitted.url == there.url:
            found.legacy_id = legacy_id
            version = "" if found.raw.sha256 == there.sha256 else "another version of "
            place = f"job {there.job_id}" if there.job_id else "a record before it"
            if there.job_id:
                work.named.setdefault(there.job_id, found.paths)
            work.tell(_entry(found, "duplicate", job_id=there.job_id or None, detail=f"{version}{place}"))
            return False
    work.tell(_entry(found, "duplicate", detail="its id is taken twice"))
    return False


def _entry(found: Found, result: str, *, job_id: int | None = None, detail: str | None = None) -> Entry:
    return Entry(
        found.raw.source,
        result,  # type: ignore[arg-type]
        legacy_id=found.legacy_id,
        job_id=job_id,
        status=found.status,
        detail=detail,
        warnings=found.warnings,
    )


def _imported(work: _Import, found: Found, job_id: int | None) -> None:
    work.expected.add(
        found.legacy_id,
        found.status,
        found.raw.sha256,
        (
            1,
            int(found.transcript is not None),
            len(found.transcript.cues) if found.transcript else 0,
            int(found.analysis is not None),
            len(found.lines),
        ),
    )
    if job_id is not None:
        work.seen[found.legacy_id] = Kept(job_id, found.admitted.url, found.raw.sha256)
        work.named[job_id] = found.paths
    work.tell(_entry(found, "imported", job_id=job_id))


def _old_job(found: Found) -> OldJob:
    return OldJob(
        legacy_id=found.legacy_id,
        source=found.raw.source,
        record=found.raw.text,
        sha256=found.raw.sha256,
        url=found.admitted.url,
        site=found.admitted.site,
        dedup_key=found.admitted.dedup_key,
        status=found.status,
        outcome=found.outcome,
        error_class=found.error_class,
        error_message=found.error_message,
        created_at=found.created_at,
        started_at=found.started_at,
        finished_at=found.finished_at,
        metadata=found.metadata,
        tags=found.tags,
        priority=found.priority,
        transcript=found.transcript,
        analysis=found.analysis,
        lines=found.lines,
        warnings=found.warnings,
    )


async def _copy_named_files(work: _Import, db: Database) -> None:
    """Copy what the records name for jobs that have no file yet, so that a run which was stopped can be repeated."""
    roots = [root.resolve() for root in work.plan.files_from]
    if not roots or work.plan.jobs_dir is None:
        return
    for job_id, named in work.named.items():
        if not named or await imports.has_files(db, job_id):
            continue
        located = [(path, locate(path, roots)) for path in named]
        work.totals.files_missing += sum(path is None for _, path in located)
        paths = list(dict.fromkeys(path for _, path in located if path is not None))
        if not paths:
            continue
        folder = JobFolder(job_folder(work.plan.jobs_dir, job_id))
        try:
            copied = await copy_files(folder, paths)
            folder.write_manifest(job_id, {StageName.DOWNLOAD: (0, "", copied)})
        except OSError as error:
            work.totals.mismatches.append(f"the files of job {job_id} could not be copied: {error.strerror or error}")
            continue
        await imports.add_files(db, job_id, copied)
        work.totals.files_copied += len(copied)


async def _verify(work: _Import, db: Database) -> None:
    """Compare what was put in with what reads back: the original of each record, and counts by status and table."""
    expected, found = work.expected, Contents()
    ids = list(expected.originals)
    for first in range(0, len(ids), AT_ONCE):
        piece = await imports.read_back(db, ids[first : first + AT_ONCE])
        found.originals |= piece.originals
        for counts, more in ((found.statuses, piece.statuses), (found.tables, piece.tables)):
            for name, count in more.items():
                counts[name] = counts.get(name, 0) + count
    work.totals.verified = len(found.originals)
    wrong = [one for one, digest in expected.originals.items() if found.originals.get(one) != digest]
    work.totals.mismatches += [f"the original of {one} reads back differently" for one in wrong[:_SHOWN_MISMATCHES]]
    for what, wanted, read in (
        ("jobs", expected.statuses, found.statuses),
        ("rows", expected.tables, found.tables),
    ):
        for name in sorted(wanted.keys() | read.keys()):
            if wanted.get(name, 0) != read.get(name, 0):
                work.totals.mismatches.append(
                    f"{what} of {name}: {wanted.get(name, 0)} were put in, {read.get(name, 0)} read back"
                )
