"""What people install: the wheel into an environment of their own, and the Debian package through its whole life."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.systemd.machine import CARRIED, package
from tests.systemd.server import SITE, STRANGER, Server
from tests.systemd.steps_service import a_job_goes_through_every_stage, manuals_and_completions_work, started_after

STRAY = "/opt/z2/lib/python3.11/site-packages/stray.py"


def the_wheel_alone_is_enough(server: Server) -> None:
    """A person without root installs the wheel with [standalone]; z2ctl run URL works, and with no URL too"""
    machine = server.machine
    install = 'env/bin/pip install -q -c /z2/constraints.txt "$(echo /z2/dist/z2-*.whl)[standalone]"'
    machine.run(f"python3 -m venv env && {install}", user=STRANGER, folder="~", within=300)
    said = machine.run("env/bin/z2ctl run --json | tail -1", user=STRANGER, folder="~", within=180)
    assert json.loads(said)["status"] == "COMPLETED", said
    program = "import time\nfrom z2ctl.sample import site\nwith site.serve(): time.sleep(60)"
    serve = f"env/bin/python -c '{program}' & sleep 1; "
    run = f"Z2_ALLOW_PRIVATE_NETWORKS=true env/bin/z2ctl run --json {SITE}?again=1 | tail -1; kill $!"
    said = machine.run(serve + run, user=STRANGER, folder="~", within=180)
    assert json.loads(said)["status"] == "COMPLETED", said
    assert not machine.try_run(f"pgrep -u {STRANGER} -a 'postgres|z2d'").stdout


def the_package_installs(server: Server) -> str:
    """apt installs the package: account, units, settings; the service runs, a backup is set for every day"""
    machine = server.machine
    machine.run(f"apt-get install -y --no-install-recommends ./{package().name}", within=300, folder="/packages")
    server.active()
    assert machine.shows("z2d-backup.timer", "ActiveState") == "active"
    assert machine.run("systemctl is-enabled z2d z2d-backup.timer").split() == ["enabled", "enabled"]
    machine.run("usermod -aG z2 alice")
    first = started_after(server)
    server.open_site()
    server.settings("")
    machine.run("systemctl restart z2d")
    return f"ready after {first:.1f} s, with the making of the database"


def an_upgrade_keeps_everything(server: Server) -> str:
    """An upgrade keeps settings and jobs, starts what ran and nothing else, and leaves nothing of the old version"""
    machine = server.machine
    server.settings("slots = 4\n")
    jobs = server.z2ctl("list --json | wc -l")
    machine.write(STRAY, "")
    machine.run("systemctl stop z2d-backup.timer")
    with tempfile.TemporaryDirectory(dir=machine.root / "root") as name:
        newer = next_revision(Path(name))
        inside = f"/root/{newer.relative_to(machine.root / 'root')}"
        machine.run(f"DEBIAN_FRONTEND=noninteractive dpkg -i {inside}", within=300)
    server.active()
    assert machine.run("dpkg-query -W -f '${Version}' z2").endswith("-2")
    assert json.loads(server.z2ctl("queue --json"))["slots"] == 4
    assert server.z2ctl("list --json | wc -l") == jobs
    assert machine.shows("z2d-backup.timer", "ActiveState") == "inactive"
    assert machine.try_run(f"test -e {STRAY}").returncode == 1
    machine.run("systemctl start z2d-backup.timer")
    return f"{jobs} job(s) still there"


def next_revision(folder: Path) -> Path:
    """The same package with the next number: its description is exchanged, what it installs is not packed again."""
    control, newer = folder / "control", folder / package().name.replace("-1_", "-2_")
    for words in (["ar", "x", package()], ["dpkg-deb", "--control", package(), control]):
        subprocess.run(words, cwd=folder, check=True, timeout=120)
    described = control / "control"
    described.write_text(described.read_text().replace("-1\n", "-2\n", 1))
    subprocess.run(["tar", "-C", control, "-cf", folder / "control.tar", "."], check=True, timeout=60)
    parts = ["debian-binary", "control.tar", "data.tar.zst"]
    subprocess.run(["ar", "rc", newer, *parts], cwd=folder, check=True, timeout=120)
    return newer


def a_backup_is_carried_away(server: Server) -> str:
    """A backup is made and proved, and carried away with the files of jobs and library"""
    machine = server.machine
    machine.run("systemctl start z2d-backup && sudo -u z2 z2ctl backup verify", within=300)
    shutil.rmtree(CARRIED, ignore_errors=True)
    CARRIED.mkdir(parents=True)
    (CARRIED / "jobs.json").write_text(server.z2ctl("list --json"))
    for name in ("backups", "jobs", "library"):
        shutil.copytree(machine.root / "var/lib/z2" / name, CARRIED / name)
    return f"{len(list((CARRIED / 'backups').glob('*.dump')))} backup(s)"


def restored_on_another_machine(server: Server) -> str:
    """On a fresh machine with the package: restored, every table equal, the old jobs are there, and new ones go on"""
    machine = server.machine
    assert (CARRIED / "jobs.json").exists(), "nothing was carried here: the part before this one did not get so far"
    the_package_installs(server)
    server.open_site()
    machine.run("systemctl stop z2d && rm -rf /var/lib/z2/jobs /var/lib/z2/library")
    machine.run("cp -r /carried/backups /carried/jobs /carried/library /var/lib/z2/ && chown -R z2:z2 /var/lib/z2")
    name = max(path.stem for path in (CARRIED / "backups").glob("*.json"))
    said = machine.run(f"sudo -u z2 z2ctl backup restore {name} 2>&1", within=300)
    machine.run("systemctl start z2d")
    before, after = ([json.loads(line) for line in text.splitlines()]
                     for text in ((CARRIED / "jobs.json").read_text(), server.z2ctl("list --json")))  # fmt: skip
    assert [(job["id"], job["status"], job["title"]) for job in before] == [
        (job["id"], job["status"], job["title"]) for job in after
    ]
    assert "ask not" in server.z2ctl(f"transcript {before[-1]['id']} --format txt").lower()
    assert "country" in server.z2ctl("search country")
    assert server.completed(server.submit())["id"] > max(job["id"] for job in before)
    return said.splitlines()[-1]


def removed_it_leaves_what_people_made(server: Server) -> None:
    """Removed, it is gone and nothing runs; library, database and settings stay; installed again, all is back"""
    machine = server.machine
    jobs, marks = server.z2ctl("list --json | wc -l"), server.restart_marks()
    machine.run("apt-get remove -y z2", within=180)
    assert not server.processes(), server.processes()
    for gone in ("/opt/z2", "/usr/bin/z2ctl", "/run/z2", "/usr/lib/systemd/system/z2d.service"):
        assert machine.try_run(f"test -e {gone}").returncode == 1, gone
    for kept in ("/etc/z2/z2.toml", "/var/lib/z2/library", "/var/lib/z2/postgres/data"):
        machine.run(f"test -e {kept}")
    assert machine.run("systemctl list-units --failed --no-legend | grep z2 || true") == ""
    machine.run(f"apt-get install -y --no-install-recommends ./{package().name}", within=300, folder="/packages")
    server.active()
    assert server.z2ctl("list --json | wc -l") == jobs
    assert server.restart_marks() == marks, "PostgreSQL was not stopped in order"


def purged_it_leaves_the_library(server: Server) -> None:
    """Purged, its settings are gone too; the library stays, and what to type to remove it is said"""
    machine = server.machine
    said = machine.run("apt-get purge -y z2", within=180)
    assert "the library, the database and the backups stay in /var/lib/z2" in said
    assert machine.try_run("test -e /etc/z2").returncode == 1
    machine.run("test -d /var/lib/z2/library && test -d /var/lib/z2/postgres/data")
    assert not server.processes(), server.processes()


STEPS = (
    the_wheel_alone_is_enough, the_package_installs, manuals_and_completions_work, a_job_goes_through_every_stage,
    an_upgrade_keeps_everything, a_backup_is_carried_away, removed_it_leaves_what_people_made,
    purged_it_leaves_the_library,
)  # fmt: skip
ELSEWHERE = (restored_on_another_machine,)
