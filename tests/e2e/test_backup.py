"""A backup beside a daemon at work, proved, and restored as on another machine, where the old jobs go on."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.harness import Daemon, told
from tests.site import Site
from tests.support import ROOT, eventually_sync, short_tmp

GUIDE = ROOT / "docs/guide/backup.md"


@pytest.fixture
def elsewhere() -> Iterator[Daemon]:
    """Another machine, as far as z2 can tell."""
    with short_tmp() as folder:
        own = Daemon(folder)
        try:
            yield own
        finally:
            if own.process is not None and own.process.poll() is None:
                own.stop()


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_from_one_machine_to_another(daemon: Daemon, elsewhere: Daemon, site: Site) -> None:
    daemon.env |= {"Z2_LISTEN": "127.0.0.1:0"}
    daemon.start()
    done = daemon.json("submit", site.url("/speech"))["id"]
    daemon.z2ctl("wait", str(done), "--timeout", "60")
    running = daemon.json("submit", site.url("/slow.mp4?rate=20000"))["id"]
    eventually_sync(lambda: daemon.json("show", str(running))["stage"] == "download", 30, what="a running download")

    name = daemon.z2ctl("backup", "create").stdout.strip()
    for words in commands("z2ctl backup"):
        if "restore" not in words:
            daemon.z2ctl(*words[1:])
    for words in commands("z2d migrate"):
        rehearsed = subprocess.run(
            [sys.executable, "-m", *words],
            cwd=ROOT,
            env=daemon.env,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        assert "went from schema version 2 to 2" in rehearsed.stdout
    proof = json.loads(daemon.z2ctl("backup", "verify", "--media", "--json", name).stdout.splitlines()[-1])
    assert (proof["type"], proof["name"], proof["tables"]) == ("verified", name, 19)
    assert proof["media_read"] == proof["files"] > 5
    refused = daemon.z2ctl("backup", "restore", name, code=5)
    assert "stop it (systemctl stop z2d)" in refused.stderr
    assert daemon.z2ctl("backup", "verify", "z2-20200101T000000Z", code=4).stderr.startswith("there is no backup")
    token = (daemon.folder / "state/token").read_text().strip()
    dump = daemon.folder / "state/backups" / f"{name}.dump"
    text = told(dump)
    assert b"COPY public.jobs" in text
    assert token.encode() not in text + dump.with_suffix(".json").read_bytes()
    daemon.stop()
    stopped = json.loads(daemon.z2ctl("backup", "create", "--json").stdout.splitlines()[-1])
    assert stopped["rows"] >= proof["rows"], "a backup is made without the daemon too"

    carried = elsewhere.folder / "usb"
    shutil.copytree(daemon.folder / "state/backups", carried)
    elsewhere.z2ctl("backup", "verify", "--dir", str(carried), name)
    restored = json.loads(
        elsewhere.z2ctl("backup", "restore", "--dir", str(carried), "--json", name).stdout.splitlines()[-1]
    )
    assert (restored["type"], restored["rows"]) == ("restored", proof["rows"])
    assert restored["files_missing"] > 3
    again = elsewhere.z2ctl("backup", "restore", "--dir", str(carried), name, code=5)
    assert "nothing is ever restored over them" in again.stderr
    same_tables(carried / f"{name}.json", elsewhere)

    elsewhere.start()
    old = elsewhere.json("show", str(done))
    assert (old["status"], old["outcome"]) == ("COMPLETED", "FULL")
    library = str(elsewhere.folder / "state/library")
    assert [one["remote_url"].startswith(library) for one in old["publishing"]] == [True]
    assert {file["state"] for file in old["files"]} == {"MISSING"}
    words = " ".join(elsewhere.z2ctl("transcript", str(done)).stdout.split()[:4])
    assert json.loads(elsewhere.z2ctl("search", f'"{words}"', "--json").stdout)["job"]["id"] == done
    eventually_sync(lambda: elsewhere.json("show", str(running))["attempts"][0]["result"] == "LOST", 30)
    elsewhere.z2ctl("cancel", str(running))
    new = elsewhere.json("submit", site.url("/odd-captions"))["id"]
    assert new > running
    elsewhere.z2ctl("retry", str(done), "--from", "download")
    elsewhere.z2ctl("wait", str(done), "--timeout", "60")
    assert {file["state"] for file in elsewhere.json("show", str(done))["files"]} == {"PRESENT"}


def commands(program: str) -> list[list[str]]:
    """The lines of the guide that begin so, as words."""
    found = [line.partition("#")[0].split() for line in GUIDE.read_text().splitlines() if line.startswith(program)]
    assert found
    return found


def same_tables(manifest: Path, elsewhere: Daemon) -> None:
    """What a backup of the restored database says, but for what a restore puts right."""
    elsewhere.z2ctl("backup", "create")
    [made] = (elsewhere.folder / "state/backups").glob("*.json")
    here, there = (json.loads(path.read_text())["tables"] for path in (made, manifest))
    changed = {"job_files", "job_publishing", "job_stages", "publish_targets", "workers"}
    assert {name: here[name] for name in here if name not in changed} == {
        name: there[name] for name in there if name not in changed
    }
    assert {name: here[name]["rows"] for name in changed} == {name: there[name]["rows"] for name in changed}


def block(name: str, **values: str) -> str:
    """A marked block of the guide, with other values for its variables."""
    found = re.search(rf"<!-- test: {name} -->\n```sh\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert found
    script = found[1]
    for variable, value in values.items():
        script, count = re.subn(rf"\b{variable}=('[^']*'|\S+)", f"{variable}='{value}'", script, count=1)
        assert count == 1, f"the block sets no {variable}"
    return f"set -eu\n{script}"


def shell(script: str) -> None:
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_to_any_moment_by_the_words_of_the_guide(daemon: Daemon, site: Site) -> None:
    state, base, wal = daemon.folder / "state", daemon.folder / "base", daemon.folder / "wal"
    daemon.env |= {"Z2_WAL_ARCHIVE_DIR": str(wal)}
    daemon.start()
    first = daemon.json("submit", site.url("/speech"), "--hold")["id"]
    shell(block("base", S=str(state), BASE=str(base), WAL=str(wal)))
    second = daemon.json("submit", site.url("/odd-captions"), "--hold")["id"]
    third = daemon.json("submit", site.url("/two"), "--hold")["id"]
    moment = daemon.json("show", str(third))["created_at"].replace("Z", "+00")  # its transaction ends later
    daemon.z2ctl("cancel", str(first), str(second))
    daemon.stop()
    assert list(wal.glob("*.gz")), "the stop has archived what there was"
    assert not list(wal.glob(".*"))

    shell(block("recover", S=str(state), BASE=str(base), WAL=str(wal), MOMENT=moment))
    daemon.start()
    assert "starting point-in-time recovery" in (state / "postgres/server.log").read_text()
    assert daemon.json("show", str(second))["display_status"] == "PAUSED", "it was cancelled later"
    daemon.z2ctl("show", str(third), code=4)
    daemon.z2ctl("resume", str(first))
    daemon.z2ctl("wait", str(first), "--timeout", "60")
    daemon.stop()
    log = (state / "postgres/server.log").read_text()
    assert "archive recovery complete" in log
