from __future__ import annotations

import re

from tests.support import ROOT
from z2d.store.database import Database
from z2d.wire.jobs import JobStatus, LogLevel, Outcome, StageName, StageStatus, WaitReason
from z2d.wire.library import FileKind, PublishStatus, TranscriptSource

SCHEMA = (ROOT / "schema.sql").read_text(encoding="utf-8")


def test_every_stored_value_stands_on_a_line_with_its_meaning() -> None:
    checks = re.findall(r"CHECK \((\w+) IN \(", SCHEMA)
    assert len(checks) >= 15
    for name in checks:
        block = SCHEMA[SCHEMA.index(f"CHECK ({name} IN (") :]
        lines = block[: block.index("\n  ))")].splitlines()[1:]
        assert lines, f"{name}: one value per line"
        for text in lines:
            if not text.strip().startswith("--"):
                assert re.fullmatch(r"\s+('\w+'|\d+),?\s+-- \S.*", text), f"{name}: {text!r} does not say what it means"


async def test_the_stored_words_are_those_of_the_wire(db: Database) -> None:
    rows = await db.fetch(
        """
        SELECT conrelid::regclass::text AS name, pg_get_constraintdef(oid) AS text
        FROM pg_constraint WHERE contype = 'c'
        """
    )

    def words(table: str, column: str) -> set[str]:
        start = f"CHECK (({column} = ANY"
        (text,) = (row["text"] for row in rows if row["name"] == table and row["text"].startswith(start))
        return set(re.findall(r"'([^']+)'::text", text)) or set(re.findall(r"\d+", text))

    assert words("jobs", "status") == set(JobStatus)
    assert words("jobs", "outcome") == set(Outcome)
    stored = set(WaitReason) - {WaitReason.LANE}  # that is said of a job that runs, and stands in no row of jobs
    assert words("jobs", "wait_reason") == stored
    assert words("job_stages", "stage") == set(StageName)
    assert words("job_stages", "status") == set(StageStatus)
    assert words("job_logs", "level") == {str(level.value) for level in LogLevel}
    assert words("job_files", "kind") == set(FileKind)
    assert words("transcripts", "source") == set(TranscriptSource)
    assert words("job_publishing", "status") == set(PublishStatus)
    assert words("job_attempts", "result") >= stored - {WaitReason.CHILDREN}


async def test_nothing_in_it_needs_an_extension_or_blocks_an_upgrade(db: Database) -> None:
    assert await db.fetchval("SELECT count(*) FROM pg_extension WHERE extname <> 'plpgsql'") == 0
    blocking = await db.fetch(
        """
        SELECT attrelid::regclass, attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        WHERE c.relnamespace = 'public'::regnamespace AND atttypid::regtype::text LIKE 'reg%' AND attnum > 0
        """
    )
    assert blocking == []
