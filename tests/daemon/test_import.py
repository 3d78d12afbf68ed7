"""`z2d import` and `z2ctl import` as programs: without a daemon, beside one, and where the wrong one answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.daemon.running import z2d
from tests.importer.old import record
from tests.support import ROOT, short_tmp


def called(folder: Path, program: str, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    outside = {key: value for key, value in os.environ.items() if not key.startswith(("Z2_", "Z2CTL_", "XDG_"))}
    own = {"Z2_STATE_DIR": str(folder / "state"), "Z2_SOCKET": str(folder / "z2d.sock"), "XDG_CONFIG_HOME": "/nowhere"}
    return subprocess.run(
        [sys.executable, "-m", program, *words],
        cwd=ROOT,
        env=outside | own | variables,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def old_data(folder: Path, *records: Any) -> str:
    data = folder / "storage" / "data"
    data.mkdir(parents=True)
    for number, one in enumerate(records):
        (data / f"{number}.json").write_text(json.dumps(one))
    return str(data)


def test_from_a_dry_run_to_a_job_that_the_daemon_shows() -> None:
    with short_tmp() as folder:
        data = old_data(folder, record(1), record(2, created_at="2024-03-01 10:00"), {"title": "\x1b[31mno url"})
        ended = called(folder, "z2d", "import", data)
        assert ended.returncode == 1, "a record was rejected"
        assert "3 records: 2 to import, 0 there already, 1 rejected" in ended.stdout
        assert "rejected   2.json: no URL" in ended.stdout
        assert "Nothing was written" in ended.stdout
        assert not (folder / "state" / "postgres").exists(), "a dry run makes no database"
        ended = called(folder, "z2ctl", "import", data, "--apply")
        assert (ended.returncode, ended.stdout.count("\n")) == (1, 3), ended.stderr
        assert "imported\t0.json\tjob-1\t1\tCOMPLETED\t\n" in ended.stdout
        assert "taken for UTC" in ended.stdout
        assert "Verified: 2 originals" in ended.stderr
        with z2d(folder, "serve") as daemon:
            daemon.says("is ready at")
            beside = called(folder, "z2ctl", "import", data, "--apply", "--json")
            found = [json.loads(line) for line in beside.stdout.splitlines()]
            assert found[-1]["duplicate"] == 2, beside.stderr
            status, page = daemon.get("/api/search?q=%22without%20a%20sound%22")
            assert status == 200
            assert {hit["job"]["id"] for hit in page["items"]} == {1, 2}
            wrong = called(folder, "z2ctl", "import", data, "--apply", Z2_STATE_DIR=str(folder / "other"))
            assert wrong.returncode == 1
            assert "does not work in" in wrong.stderr
            assert not (folder / "other").exists()


def test_over_the_network_it_is_refused() -> None:
    with short_tmp() as folder:
        ended = called(folder, "z2ctl", "--url", "http://127.0.0.1:1", "import", old_data(folder))
        assert ended.returncode == 2
        assert "run it there" in ended.stderr
