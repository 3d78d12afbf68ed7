"""The manifest: any changed byte is noticed. And the folder: which backups go. Without a database."""

from __future__ import annotations

import json
import random
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from z2d.backup import faults
from z2d.backup.folder import BackupFolder, Keep
from z2d.backup.manifest import DumpFile, Manifest, MediaFile, Origin, TableCount, read

NAME = "z2-20261122T031500Z"


def manifest(name: str = NAME, *, age_days: float = 0, **fields: object) -> Manifest:
    made = {
        "name": name,
        "created_at": datetime.now(UTC) - timedelta(days=age_days),
        "z2": "0.1.0",
        "schema_version": 1,
        "schema_by": "0.1.0",
        "namespace": "public",
        "postgres": "18.4",
        "postgres_major": 18,
        "dumped_by": 18,
        "database_bytes": 9_000_000,
        "dump": DumpFile(size=4, sha256="a" * 64),
        "tables": {"jobs": TableCount(rows=2, digest="1-2")},
        "origin": Origin(host="h", installation="i@/s", library_dir="/s/library"),
        "media_mode": "list",
        "media": [MediaFile(root="jobs", path="0/1/media/a.mp4", size=3, sha256="b" * 64, kept=False)],
        **fields,
    }
    return Manifest.model_validate(made)


def put(folder: BackupFolder, made: Manifest) -> None:
    folder.path.mkdir(exist_ok=True)
    part = folder.path / ".z2-dump.part"
    part.write_bytes(b"dump")
    folder.finish(part, made)


def test_it_reads_back_as_it_was_written() -> None:
    made = manifest()
    assert read(made.write(), NAME) == made


def test_every_flipped_bit_is_noticed() -> None:
    data, chance = manifest().write(), random.Random(1)
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 1 << chance.randrange(8)
        with pytest.raises(faults.ManifestDamaged):
            read(bytes(changed), NAME)


def test_every_truncation_is_noticed() -> None:
    data = manifest().write()
    for length in range(len(data)):
        with pytest.raises(faults.ManifestDamaged, match=f"the manifest of {NAME} is damaged"):
            read(data[:length], NAME)
    with pytest.raises(faults.ManifestDamaged):
        read(data + b"\n", NAME)


@pytest.mark.parametrize("data", [b"[]", b"null", b'"x"', b"{}", b"[" * 100_000, b"\xff", b"9" * 5000])
def test_what_is_no_manifest_is_noticed(data: bytes) -> None:
    with pytest.raises(faults.ManifestDamaged):
        read(data, NAME)


def test_another_backups_manifest_is_noticed() -> None:
    with pytest.raises(faults.ManifestDamaged):
        read(manifest().write(), "z2-20261122T031501Z")


def test_a_later_format_names_the_version_to_use() -> None:
    with pytest.raises(faults.TooNew, match=r"z2 9\.0"):
        read(manifest(format=2, z2="9.0").write(), NAME)


@pytest.mark.parametrize("path", ["/etc/passwd", "../token", "0/1/../../../token", ""])
def test_a_path_never_leads_out(path: str) -> None:
    made = manifest()
    evil = made.model_copy(update={"media": [made.media[0].model_copy(update={"path": path})]})
    with pytest.raises(faults.ManifestDamaged):
        read(evil.write(), NAME)


def test_files_are_for_this_account_alone(tmp_path: Path) -> None:
    folder = BackupFolder(tmp_path / "backups")
    with folder.locked():
        put(folder, manifest())
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder.path / f"{NAME}.json").stat().st_mode) == 0o600


def test_two_at_once_are_one_too_many(tmp_path: Path) -> None:
    folder = BackupFolder(tmp_path / "backups")
    with folder.locked():
        (folder.path / ".z2-dump.part").write_text("mine")
        with pytest.raises(faults.Busy), BackupFolder(folder.path).locked():
            pytest.fail("it got in")
        assert (folder.path / ".z2-dump.part").exists()
    with folder.locked():  # what a killed one left is gone
        assert list(folder.path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(faults.BackupTrouble, match="cannot use the backup folder"),
        BackupFolder(tmp_path / "file" / "x").locked(),
    ):
        pytest.fail("it got in")


@pytest.mark.parametrize(
    ("keep", "left"),
    [
        (Keep(2), [0, 1]),
        (Keep(1), [0]),
        (Keep(1, days=2.5), [0, 1, 2]),
        (Keep(9), [0, 1, 2, 3]),
        (Keep(2, days=1), [0, 1]),
    ],
)
def test_the_newest_and_the_young_stay(tmp_path: Path, keep: Keep, left: list[int]) -> None:
    folder = BackupFolder(tmp_path)
    names = [f"z2-202611{20 - age:02}T031500Z" for age in range(4)]
    for age, name in enumerate(names):
        put(folder, manifest(name, age_days=age + 0.1))
    gone = folder.thin_out(keep)
    assert [one.name for one in folder.listed()] == [names[age] for age in left]
    assert set(gone) == set(names) - {names[age] for age in left}
    assert len(list(tmp_path.iterdir())) == 2 * len(left)


def test_the_one_just_made_stays_although_the_clock_went_back(tmp_path: Path) -> None:
    folder = BackupFolder(tmp_path)
    for year in (2036, 2037):
        put(folder, manifest(f"z2-{year}1120T031500Z", age_days=-3650))
    put(folder, manifest("z2-20261120T031500Z", age_days=0.1))
    assert folder.thin_out(Keep(2), made="z2-20261120T031500Z") == []
    assert folder.thin_out(Keep(2)) == ["z2-20261120T031500Z"]


def test_what_cannot_be_read_stays_and_is_not_counted(tmp_path: Path) -> None:
    folder = BackupFolder(tmp_path)
    for hour in range(4):
        put(folder, manifest(f"z2-20261120T0{hour}0000Z", age_days=3))
    (tmp_path / "z2-20261120T030000Z.json").write_text("damaged")
    (tmp_path / "z2-20261120T020000Z.json").unlink()
    (content := folder.content("c" * 64)).parent.mkdir(parents=True)
    content.write_text("perhaps the damaged one names it")
    assert folder.thin_out(Keep(1)) == ["z2-20261120T000000Z"]
    troubles = {one.name: one.trouble.code if one.trouble else None for one in folder.listed()}
    assert troubles == {
        "z2-20261120T030000Z": "backup_manifest_damaged",
        "z2-20261120T020000Z": "backup_manifest_damaged",
        "z2-20261120T010000Z": None,
    }
    assert folder.newest() == "z2-20261120T010000Z"
    assert content.exists()


def test_a_missing_dump_is_said(tmp_path: Path) -> None:
    folder = BackupFolder(tmp_path)
    put(folder, manifest())
    (tmp_path / f"{NAME}.dump").unlink()
    (one,) = folder.listed()
    assert one.trouble and one.trouble.code == "backup_dump_missing"
    with pytest.raises(faults.NotFound):
        folder.newest()
    with pytest.raises(faults.NotFound, match="there is no backup z2-1"):
        folder.manifest("z2-1")


def test_several_in_a_second_have_names_in_their_order(tmp_path: Path) -> None:
    folder = BackupFolder(tmp_path)
    names = [NAME, *(f"{NAME}-{n}" for n in range(2, 12))]
    for name in names:
        put(folder, manifest(name))
    assert [one.name for one in folder.listed()] == names[::-1]


def test_the_manifest_is_readable_for_a_person() -> None:
    assert json.loads(manifest().write())["tables"] == {"jobs": {"rows": 2, "digest": "1-2"}}
