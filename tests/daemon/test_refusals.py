"""What z2d says, and with which code it ends, when it cannot start. None of these start a database."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from tests.daemon.running import z2d
from tests.support import ROOT, short_tmp
from z2d.daemon.state import locked, prepare


@pytest.fixture
def folder() -> Iterator[Path]:
    with short_tmp() as path:
        yield path


def refusal(folder: Path, *words: str, **variables: str) -> tuple[int, str]:
    """Exit code and words of a z2d that ends by itself."""
    with z2d(folder, *words, **variables) as own:
        code = own.ends()
        said = own.words()
        assert "Traceback" not in said
        return code, said


def test_a_wrong_value_is_named(folder: Path) -> None:
    assert refusal(folder, "serve", Z2_SLOTS="abc") == (78, "z2d: Z2_SLOTS=abc: a whole number is needed\n")


def test_an_empty_flag_is_not_the_current_folder(folder: Path) -> None:
    assert refusal(folder, "serve", "--state-dir", "") == (78, "z2d: --state-dir=: a path is needed\n")
    code, said = refusal(folder, "backup", "create", "--dir", "")
    assert (code, said.splitlines()[-1]) == (78, "z2d: --dir=: a path is needed")


@pytest.mark.parametrize("words", ["backup list --json", "import old.json", "import old.json --json", "version", "-h"])
def test_a_full_disk_behind_stdout_is_said(folder: Path, words: str) -> None:
    (folder / "old.json").write_text("[7]")
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "z2d", *words.split()],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "Z2_STATE_DIR": str(folder / "state")},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
    assert ended.returncode == 1
    assert ended.stderr.count("No space left on device") == 1
    assert "Traceback" not in ended.stderr


def test_a_wrong_name_in_the_file_is_named_with_its_line(folder: Path) -> None:
    path = folder / "z2.toml"
    path.write_text("\nslot = 3\n")
    code, said = refusal(folder, "serve", "--config", str(path))
    assert (code, said) == (78, f"z2d: {path}:2: slot: there is no such setting; did you mean slots?\n")


def test_a_taken_state_folder(folder: Path) -> None:
    prepare(folder / "state")
    with locked(folder / "state"):
        code, said = refusal(folder, "serve")
    assert code == 75
    assert f"another z2d (pid {os.getpid()}) is at work in {folder}/state" in said
    assert said.count("\n") == 1


def test_a_taken_socket(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(folder / "z2d.sock"))
        other.listen()
        code, said = refusal(folder, "serve")
    assert code == 75
    assert f"another z2d answers at {folder}/z2d.sock" in said


def test_a_taken_port(folder: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        code, said = refusal(folder, "serve", "--listen", f"127.0.0.1:{port}")
    assert code == 1
    assert f"port {port} of 127.0.0.1 is in use by another program" in said


def test_an_open_address_without_a_token(folder: Path) -> None:
    code, said = refusal(folder, "serve", Z2_LISTEN="0.0.0.0:0")
    assert code == 78
    assert "0.0.0.0 can be reached from other machines, and there is no token: set Z2_TOKEN, or write one to" in said
    assert not (folder / "state/token").exists()


def test_an_ffmpeg_that_is_not_there(folder: Path) -> None:
    code, said = refusal(folder, "serve", Z2_FFMPEG="/nowhere/ffmpeg")
    assert code == 78
    assert "there is no program /nowhere/ffmpeg: correct Z2_FFMPEG" in said


def test_a_worker_without_a_database(folder: Path) -> None:
    code, said = refusal(folder, "worker")
    assert code == 78
    assert "set Z2_DATABASE_URL" in said


def test_a_state_folder_that_cannot_be_made(folder: Path) -> None:
    (folder / "state").write_text("a file")
    code, said = refusal(folder, "serve")
    assert code == 78
    assert f"cannot use the state folder {folder}/state" in said


def test_programs_of_a_database_that_are_not_there(folder: Path) -> None:
    code, said = refusal(folder, "serve", Z2_POSTGRES_BIN=str(folder))
    assert code == 1
    assert f"the embedded database cannot start: Z2_POSTGRES_BIN={folder} has no programs" in said


async def test_a_schema_newer_than_this_version(folder: Path, dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute(
        "INSERT INTO schema_migrations (version, name, checksum, app_version) VALUES (999, 'l', 'x', '9')"
    )
    await connection.close()
    code, said = await asyncio.to_thread(refusal, folder, "serve", Z2_DATABASE_URL=dsn)
    assert code == 1
    assert "999" in said


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("127.0.0.1/z2?sslmode=sometimes", "`sslmode` parameter must be one of: disable, "),
        ("127.0.0.1/z2?target_session_attrs=no", "target_session_attrs is expected to be one of "),
        ("/z2?host=127.0.0.1&port=many", "invalid literal for int() with base 10: 'many'"),
    ],
)
def test_an_address_of_a_database_that_can_never_work(folder: Path, place: str, why: str) -> None:
    code, said = refusal(folder, "worker", Z2_DATABASE_URL=f"postgresql://z2:canary-5@{place}")
    assert (code, "trying again" in said, "canary" in said) == (78, False, False)
    assert f"the database's address cannot be used: {why}" in said
    assert "correct Z2_DATABASE_URL" in said


@pytest.mark.parametrize("words", [["--help"], ["serve", "--help"], ["worker", "-h"], ["migrate", "-h"]])
def test_help_is_there(words: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "z2d", *words], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True
    )
    assert "Usage:" in done.stdout


def test_an_unknown_flag_is_a_usage_error(folder: Path) -> None:
    code, said = refusal(folder, "serve", "--slot", "3")
    assert code == 2
    assert "--slot" in said
