"""What is said: every reason has its code in the guide, and the commands end with the right exit codes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.backup.test_manifest import NAME, manifest, put
from tests.cli.conftest import Ended, Z2ctl, place, z2ctl
from tests.support import ROOT
from z2ctl.cli import backup as verbs
from z2d.backup import faults
from z2d.backup.folder import BackupFolder

__all__ = ["place", "z2ctl"]  # fixtures

# what does not come from this room
OF_OTHERS = {"backup_schema_refused"}


def test_the_guide_explains_every_code() -> None:
    guide = (ROOT / "docs/guide/backup.md").read_text()
    explained = re.findall(r"^\| `(backup_\w+)` \|", guide, re.MULTILINE)
    classes = [one for one in vars(faults).values() if isinstance(one, type) and issubclass(one, faults.BackupTrouble)]
    codes = [one.code for one in classes]
    assert len(set(codes)) == len(codes)
    assert set(explained) == set(codes) | OF_OTHERS
    assert set(verbs.CODES) <= set(codes)


def test_an_empty_folder_and_a_list_for_programs_and_people(z2ctl: Z2ctl, place: Path) -> None:
    ended = z2ctl("backup", "list")
    assert (ended.code, ended.out, ended.err) == (0, "", f"There is no backup in {place}/backups.\n")
    folder = BackupFolder(place / "backups")
    put(folder, manifest())
    put(folder, manifest("z2-20261121T031500Z"))
    (place / "backups" / "z2-20261121T031500Z.json").write_text("{}")
    ended = z2ctl("backup", "list")
    first, second = (line.split("\t") for line in ended.out.splitlines())
    assert (first[0], first[2:]) == (NAME, ["4", "2", "1", "0.1.0", ""])
    assert second[:2] + second[-1:] == [
        "z2-20261121T031500Z",
        "",
        "the manifest of z2-20261121T031500Z is damaged: it is not what z2 wrote",
    ]
    found = json.loads(z2ctl("backup", "list", "--json").out)
    assert [one["trouble"] and one["trouble"]["code"] for one in found["backups"]] == [None, "backup_manifest_damaged"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("create",), 4, "there is no database in"),
        (("verify",), 4, "there is no backup in"),
        (("verify", "nosuch"), 4, "there is no backup nosuch in"),
        (("verify", NAME), 1, f"{NAME}.dump has 4 bytes; it had 5 when it was made"),
        (("verify", "--", "-x"), 4, "there is no backup -x"),
        (("restore", "z2-20261122T031501Z"), 5, "has schema version 99, and this z2 knows 2: use z2 9.8.7 or newer"),
        (("restore",), 2, "Missing argument 'NAME'"),
        (("create", "--media", "some"), 2, "'some' is not one of"),
    ],
)
def test_how_commands_end(z2ctl: Z2ctl, place: Path, words: tuple[str, ...], code: int, said: str) -> None:
    if words[1:] and words[1].startswith("z2-"):
        made = manifest()
        put(BackupFolder(place / "backups"), made.model_copy(update={"dump": made.dump.model_copy(update={"size": 5})}))
        newer = manifest("z2-20261122T031501Z", schema_version=99, schema_by="9.8.7")
        put(BackupFolder(place / "backups"), newer)
    ended: Ended = z2ctl("backup", *words)
    assert (ended.code, said in ended.err) == (code, True), ended
    assert "Traceback" not in ended.err
    assert not (place / "postgres").exists()


def test_a_file_is_no_folder_of_backups(z2ctl: Z2ctl, place: Path) -> None:
    (place / "notes").write_text("")
    for words in (["list"], ["list", "--json"], ["verify"], ["verify", NAME]):
        ended = z2ctl("backup", *words, "--dir", place / "notes")
        assert (ended.code, "Not a directory" in ended.out + ended.err) == (1, True), (words, ended)
    assert z2ctl("backup", "list", "--dir", "").err == "z2d: --dir=: a path is needed\n"


def test_the_reason_is_for_programs_too(z2ctl: Z2ctl) -> None:
    ended = z2ctl("backup", "verify", "nosuch", "--json")
    (line,) = ended.out.splitlines()
    assert json.loads(line)["code"] == "backup_not_found"


def test_over_the_network_it_is_refused(z2ctl: Z2ctl) -> None:
    ended = z2ctl("--url", "http://127.0.0.1:1", "backup", "list")
    assert (ended.code, "run it there" in ended.err) == (2, True)
