"""The import as a whole: every record has one fate, twice is once, and all of it reads back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.importer.old import mutants, record
from z2d.importer import run
from z2d.importer.report import Entry, Totals
from z2d.importer.run import Plan, import_folder
from z2d.importer.words import entry_words, totals_words
from z2d.store import reads, search, submission
from z2d.store.database import Database
from z2d.store.search import SearchQuery
from z2d.wire.jobs import NewJobFields, StageStatus

EVERYTHING = ("jobs", "imported_records", "job_metadata", "transcripts", "transcript_segments", "job_analysis",
              "job_logs", "job_stages", "job_files")  # fmt: skip


def write(folder: Path, **files: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in files.items():
        (folder / f"{name}.json").write_text(json.dumps(value))
    return folder


async def imported(db: Database | None, folder: Path, **more: Any) -> tuple[Totals, list[Entry]]:
    entries: list[Entry] = []
    plan = Plan(folder, **{"apply": True, **more})
    totals = await import_folder(db, plan, entries.append)
    assert totals.records == totals.imported + totals.rejected + totals.duplicate == len(entries)
    assert totals_words(totals)
    assert all(entry_words(entry).isascii() and entry_words(entry).isprintable() for entry in entries)
    return totals, entries


async def rows(db: Database) -> dict[str, int]:
    return {name: await db.fetchval(f"SELECT count(*) FROM {name}") for name in EVERYTHING}


async def test_what_is_imported_can_be_read_searched_and_found_again(db: Database, tmp_path: Path) -> None:
    folder = write(tmp_path, a=record(1), b=[record(2, status="failed", error="boom"), record(3, status="running")])
    totals, entries = await imported(db, folder)
    assert (totals.imported, totals.statuses) == (3, {"COMPLETED": 1, "FAILED": 2})
    assert totals.tables == {"descriptions": 3, "transcripts": 3, "cues": 6, "analyses": 3, "lines": 6}
    assert (totals.verified, totals.mismatches) == (3, [])
    first = await reads.detail(db, entries[0].job_id or 0)
    assert (first.title, first.channel, first.tags) == ("How owls hunt, part 1", "Night school", [])
    assert first.finished_at is not None
    assert first.finished_at.year == 2024
    states = {stage.stage: stage.status for stage in first.stages}
    assert (states["transcript"], states["download"]) == (StageStatus.DONE, StageStatus.SKIPPED)
    third = await reads.detail(db, entries[2].job_id or 0)
    assert third.error is not None
    assert third.error.code == "IMPORTED_INTERRUPTED"
    assert '"running"' in third.error.message
    (hit, *_) = (await search.search(db, SearchQuery('"without a sound"'))).items
    assert hit.start_ms == 0
    again, deduplicated = await submission.submit(
        db, url="x", site=None, dedup_key="url:https://media.example/talks/1.mp4", job=NewJobFields()
    )
    assert (again.id, deduplicated) == (first.id, True)
    kept = await db.fetchrow("SELECT * FROM imported_records WHERE job_id = $1", first.id)
    assert json.loads(kept["record"]) == record(1)
    assert kept["source"] == "a.json"


async def test_a_second_run_adds_nothing(db: Database, tmp_path: Path) -> None:
    write(tmp_path, a=[record(number) for number in range(210)])
    first, _ = await imported(db, tmp_path)
    assert (first.imported, first.verified) == (210, 210)
    before = await rows(db)
    second, entries = await imported(db, tmp_path)
    assert (second.imported, second.duplicate) == (0, 210)
    assert await rows(db) == before
    assert entries[0].detail == f"job {entries[0].job_id}"
    (tmp_path / "b.json").write_text(json.dumps(record(999)))
    third, _ = await imported(db, tmp_path)
    assert (third.imported, third.duplicate) == (1, 210)


async def test_a_dry_run_says_the_same_and_writes_nothing(db: Database, tmp_path: Path) -> None:
    write(tmp_path, a=[record(1), record(2), record(1), {"no": "url"}])
    before = await rows(db)
    dry, _ = await imported(db, tmp_path, apply=False)
    assert (dry.imported, dry.duplicate, dry.rejected) == (2, 1, 1)
    assert await rows(db) == before
    without, _ = await imported(None, tmp_path, apply=False)
    assert (without.imported, without.duplicate, without.rejected) == (2, 1, 1)
    wet, _ = await imported(db, tmp_path)
    assert (wet.statuses, wet.tables) == (dry.statuses, dry.tables)
    dry, _ = await imported(db, tmp_path, apply=False)
    assert (dry.imported, dry.duplicate) == (0, 3)


async def test_equal_ids_of_two_old_programs_are_two_jobs(db: Database, tmp_path: Path) -> None:
    write(tmp_path / "one", a=record(1))
    write(tmp_path / "two", a=record(1, url="https://other.example/x"))
    write(tmp_path / "backup", a=record(1, title="An older version"))
    first, entries = await imported(db, tmp_path)
    assert (first.imported, first.duplicate) == (2, 1)
    assert [entry.detail for entry in entries if entry.result == "duplicate"] == [
        "another version of a record before it"
    ]
    second, _ = await imported(db, tmp_path)
    assert (second.imported, second.duplicate) == (0, 3)


async def test_a_record_that_the_database_refuses_takes_none_with_it(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await db.execute("ALTER TABLE jobs ADD CONSTRAINT no_boom CHECK (title <> 'boom')")
    write(tmp_path, a=[record(1), record(2, title="boom"), record(3)])
    totals, entries = await imported(db, tmp_path)
    assert [entry.result for entry in entries] == ["rejected", "imported", "imported"] or totals.imported == 2
    assert (totals.imported, totals.rejected, totals.mismatches) == (2, 1, [])
    assert "no_boom" in next(entry.detail or "" for entry in entries if entry.result == "rejected")


async def test_what_does_not_read_back_is_said(db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await db.execute("""
        CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN NEW.record := '{}'; RETURN NEW; END $$;
        CREATE TRIGGER lose BEFORE INSERT ON imported_records FOR EACH ROW EXECUTE FUNCTION lose();
        CREATE RULE forget AS ON INSERT TO job_analysis DO INSTEAD NOTHING;
    """)
    totals, _ = await imported(db, write(tmp_path, a=record(1)))
    assert totals.mismatches == [
        "the original of job-1 reads back differently",
        "rows of analyses: 1 were put in, 0 read back",
    ]


async def test_files_are_copied_only_from_where_they_may_be(db: Database, tmp_path: Path) -> None:
    secret = tmp_path / "secret.mp4"
    secret.write_bytes(b"not yours")
    storage = tmp_path / "storage"
    folder = write(
        storage / "data",
        a=record(1, video_path="storage/videos/one.mp4", thumbnail_path=str(storage / "pics" / "one.jpg")),
        b=record(2, video_path=str(secret), files=["/etc/passwd", "../../secret.mp4", "link.mp4", "gone.mp4"]),
    )
    for name in ("videos/one.mp4", "pics/one.jpg"):
        (storage / name).parent.mkdir()
        (storage / name).write_bytes(name.encode())
    (storage / "link.mp4").symlink_to(secret)
    jobs = tmp_path / "jobs"
    totals, entries = await imported(db, folder, jobs_dir=jobs, files_from=(storage,))
    assert (totals.files_copied, totals.files_missing, totals.mismatches) == (2, 5, [])
    files = (await reads.detail(db, entries[0].job_id or 0)).files
    assert {(file.kind, file.path) for file in files} == {("media", "media/one.mp4"), ("thumbnail", "source/one.jpg")}
    for file in files:
        assert (jobs / "0" / str(entries[0].job_id) / file.path).stat().st_size == file.size_bytes
    assert (await reads.detail(db, entries[1].job_id or 0)).files == []
    again, _ = await imported(db, folder, jobs_dir=jobs, files_from=(storage,))
    assert (again.files_copied, again.imported) == (0, 0)


async def test_files_may_be_copied_by_a_later_run(db: Database, tmp_path: Path) -> None:
    folder = write(tmp_path / "data", a=record(1, video_path="one.mp4"))
    (tmp_path / "one.mp4").write_bytes(b"media")
    first, _ = await imported(db, folder)
    assert first.files_copied == 0
    second, _ = await imported(db, folder, jobs_dir=tmp_path / "jobs", files_from=(tmp_path,))
    assert (second.imported, second.files_copied) == (0, 1)


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
async def test_five_hundred_mutated_files(db: Database, tmp_path: Path, seed: int) -> None:
    """Acceptance: no crash, records = imported + rejected + duplicate, a second run adds nothing."""
    for name, data in mutants(500, seed):
        (tmp_path / name).write_bytes(data)
    totals, entries = await imported(db, tmp_path)
    assert totals.records >= 500
    assert totals.imported > 100
    assert totals.rejected > 20
    assert all(entry.detail for entry in entries if entry.result == "rejected")
    assert (totals.verified, totals.mismatches) == (totals.imported, [])
    before = await rows(db)
    second, _ = await imported(db, tmp_path)
    assert (second.imported, second.records, second.rejected) == (0, totals.records, totals.rejected)
    assert await rows(db) == before
    for entry in entries:
        if entry.job_id:
            await reads.detail(db, entry.job_id)


async def test_batches_are_bounded(db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    put = run.imports.put

    async def counted(db: Database, jobs: Any) -> Any:
        sizes.append(len(jobs))
        return await put(db, jobs)

    monkeypatch.setattr(run.imports, "put", counted)
    await imported(db, write(tmp_path, a=[record(number) for number in range(201)]))
    assert sizes == [200, 1]
