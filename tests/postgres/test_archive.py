"""What the server's shell runs for a segment: whole or not at all, again without harm, never over another one."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
from pathlib import Path

import pytest

from z2d.postgres import account, archive
from z2d.postgres.faults import PostgresTrouble

SEGMENT = "000000010000000000000001"


def put(folder: Path, segment: Path) -> int:
    """Run the command as PostgreSQL does."""
    values = {"p": str(segment), "f": SEGMENT, "%": "%"}
    command = re.sub("%([pf%])", lambda sign: values[sign[1]], archive.settings(folder)["archive_command"])
    return subprocess.run(["sh", "-c", command], check=False, timeout=20, capture_output=True).returncode


@pytest.mark.parametrize("name", ["wal", "with blank", "it's", "100%", 'a "b" $(c) `d`', "%p%f"])
def test_it_is_written_once_and_whole(tmp_path: Path, name: str) -> None:
    folder, segment = tmp_path / name, tmp_path / "segment"
    folder.mkdir()
    segment.write_bytes(b"log" * 1000)
    assert put(folder, segment) == 0
    assert [path.name for path in folder.iterdir()] == [f"{SEGMENT}.gz"]
    assert gzip.decompress((folder / f"{SEGMENT}.gz").read_bytes()) == b"log" * 1000
    assert put(folder, segment) == 0, "PostgreSQL may repeat what it has forgotten"
    segment.write_bytes(b"another server's")
    assert put(folder, segment) != 0
    assert gzip.decompress((folder / f"{SEGMENT}.gz").read_bytes()) == b"log" * 1000


def test_what_a_crash_left_half_written_is_written_again(tmp_path: Path) -> None:
    segment = tmp_path / "segment"
    segment.write_bytes(b"log")
    (tmp_path / "wal").mkdir()
    (tmp_path / "wal" / f".{SEGMENT}.part").write_bytes(b"ha")
    assert put(tmp_path / "wal", segment) == 0
    assert gzip.decompress((tmp_path / "wal" / f"{SEGMENT}.gz").read_bytes()) == b"log"


def test_a_folder_that_is_not_there_is_a_failure_that_is_tried_again(tmp_path: Path) -> None:
    segment = tmp_path / "segment"
    segment.write_bytes(b"log")
    assert put(tmp_path / "gone", segment) != 0


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    me = account.Account("me", os.geteuid(), os.getegid(), switch=False)
    with pytest.raises(PostgresTrouble, match="Z2_WAL_ARCHIVE_DIR"):
        archive.prepare(tmp_path / "file" / "wal", me)
    archive.prepare(tmp_path / "new" / "wal", me)
    assert (tmp_path / "new/wal").is_dir()
