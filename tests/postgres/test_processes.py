from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support import eventually_sync
from z2d.postgres import processes


@contextmanager
def sleeper(*words: str | Path, cwd: Path) -> Iterator[int]:
    """A program for the time of the block; its pid."""
    with subprocess.Popen(words, cwd=cwd) as child:
        try:
            yield child.pid
        finally:
            child.kill()


def test_who_works_in_a_folder_is_found_whichever_way_its_path_is_written(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "link").symlink_to("data")
    with sleeper("sleep", "60", cwd=tmp_path / "data") as pid:
        assert processes.working_in(tmp_path / "data") == [pid]
        assert processes.working_in(tmp_path / "link") == [pid]
        assert processes.working_in(tmp_path) == []
    assert processes.working_in(tmp_path / "none") == []


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("unshare"), reason="only root makes a container")
def test_a_container_s_folder_of_the_same_name_is_not_ours(tmp_path: Path) -> None:
    """A daemon that took it for its own would kill the container's server at its start."""
    ours, theirs = tmp_path / "data", tmp_path / "theirs"
    ours.mkdir()
    theirs.mkdir()
    inside = f"mount --bind {theirs} {ours} && cd {ours} && touch there && exec sleep 60"
    with sleeper("unshare", "--mount", "sh", "-c", inside, cwd=tmp_path) as pid:
        eventually_sync((theirs / "there").exists, what="the container")
        eventually_sync(lambda: Path(f"/proc/{pid}/cwd").readlink() == ours, what="its working folder")
        assert processes.working_in(theirs) == [pid]
        assert processes.working_in(ours) == []
