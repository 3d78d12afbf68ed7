"""What stands around the service: backups by their timer, nginx in front, a PostgreSQL server, further workers."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

from tests.systemd.server import PERSON, Server, unit

HERE = Path(__file__).parent
SOON = "[Timer]\nOnCalendar=\nOnCalendar=*:*:0/5\nRandomizedDelaySec=0\nAccuracySec=1s\n"
BEHIND_NGINX = 'listen = "127.0.0.1:8642"\nhosts = ["z2.example"]\n'
QUIET_S = 45  # longer than nginx is made to wait for a word; z2d pings every 20 s
DROP_INS = "/etc/systemd/system/{}.d/postgresql.conf"


def the_timer_makes_backups(server: Server) -> str:
    """The timer makes a backup, beside the running daemon and of a stopped one"""
    machine = server.machine
    assert machine.run("systemctl list-timers --no-legend z2d-backup.timer")
    machine.write("/etc/systemd/system/z2d-backup.timer.d/soon.conf", SOON)
    machine.run("systemctl daemon-reload && systemctl restart z2d-backup.timer")
    machine.wait(lambda: backups(server), "a backup by the timer", 90)
    machine.run("rm /etc/systemd/system/z2d-backup.timer.d/soon.conf && systemctl daemon-reload")
    machine.run("systemctl restart z2d-backup.timer")
    machine.wait(lambda: machine.shows("z2d-backup", "ActiveState") == "inactive", "the end of the backup")
    assert machine.shows("z2d-backup", "Result") == "success"
    made, marks = backups(server), server.restart_marks()
    machine.run("systemctl stop z2d")
    machine.run("systemctl start z2d-backup", within=180)
    assert backups(server) == made + 1
    machine.run("systemctl start z2d")
    assert server.restart_marks() == marks, "PostgreSQL was not stopped in order"
    verified = machine.run("sudo -u z2 z2ctl backup verify 2>&1", within=300)
    return f"{made + 1} backups; {verified.splitlines()[-1]}"


def backups(server: Server) -> int:
    """How many there are."""
    done = server.machine.try_run("ls /var/lib/z2/backups/z2-*.json | wc -l")
    return int(done.stdout.strip() or 0)


def nginx_stands_in_front(server: Server) -> str:
    """Behind nginx with TLS: 401 without the token of its credential, with it answers, both WebSockets, z2ctl"""
    machine = server.machine
    site = unit("z2.nginx.conf").replace("proxy_read_timeout 75s", f"proxy_read_timeout {QUIET_S - 15}s")
    machine.write("/etc/nginx/conf.d/z2.conf", site)
    machine.run("mkdir -p /etc/ssl/z2 && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
                " -days 2 -subj /CN=z2.example -addext subjectAltName=DNS:z2.example"
                " -keyout /etc/ssl/z2/privkey.pem -out /etc/ssl/z2/fullchain.pem")  # fmt: skip
    machine.run("echo 127.0.0.1 z2.example >>/etc/hosts && nginx -t")
    machine.run("systemctl unmask nginx && systemctl restart nginx")
    server.settings(BEHIND_NGINX)
    token = "a-token-that-systemd-hands-over"
    machine.write("/etc/credstore/z2.token", f"{token}\n", 0o600)
    machine.run("systemctl restart z2d")
    ask = "curl -s --cacert /etc/ssl/z2/fullchain.pem -o /dev/null -w '%{http_code}' https://z2.example/api/stats"
    assert machine.run(ask) == "401"
    assert machine.run(f"{ask} -H 'Authorization: Bearer {token}'") == "200"
    assert machine.run(f"{ask} -H 'Authorization: Bearer {token}' -H 'Origin: https://elsewhere.example'") == "403"
    through = f"SSL_CERT_FILE=/etc/ssl/z2/fullchain.pem Z2_URL=https://z2.example Z2_TOKEN={token} z2ctl"
    job = server.completed(server.submit())["id"]
    assert json.loads(machine.run(f"{through} show --json {job}"))["status"] == "COMPLETED"
    machine.write("/usr/local/lib/z2-sockets.py", (HERE / "sockets.py").read_text())
    words = f"https://z2.example /etc/ssl/z2/fullchain.pem {token} {job} {QUIET_S}"
    found = json.loads(machine.run(f"/opt/z2/bin/python /usr/local/lib/z2-sockets.py {words}"))
    assert found["status"] == ["hello", "snapshot"], found
    assert (found["logs"][0], found["logs"][-1]) == ("hello", "end"), found
    assert found["open"], "the status socket did not live through the quiet"
    machine.run("systemctl stop nginx")
    server.settings("")
    return f"the status socket stayed open for {QUIET_S} s, nginx waiting {QUIET_S - 15} s"


def postgresql_of_the_machine(server: Server) -> str:
    """On Debian's PostgreSQL, as the drop-in says: a job done, no server of its own"""
    machine = server.machine
    machine.run("systemctl stop z2d && systemctl unmask postgresql && systemctl start postgresql")
    machine.wait(lambda: not machine.try_run("sudo -u postgres psql -c 'select 1'").returncode, "PostgreSQL")
    text = unit("z2d-postgresql.conf")
    [setup] = re.findall(r"^#\s+(sudo -u postgres .*)$", text, re.MULTILINE)
    machine.run(setup)
    for name in ("z2d.service", "z2d-worker@.service", "z2d-backup.service"):
        machine.write(DROP_INS.format(name), text)
    machine.run("systemctl daemon-reload && systemctl start z2d")
    server.completed(server.submit())
    assert not [line for line in server.processes() if "postgres" in line]
    return machine.run("sudo -u postgres psql -Atc 'show server_version'")


def backups_of_that_too(server: Server) -> None:
    """The backup's unit saves that database too"""
    before = backups(server)
    server.machine.run("systemctl start z2d-backup", within=180)
    assert backups(server) == before + 1


def the_server_may_restart(server: Server) -> None:
    """PostgreSQL restarts amid a job: the job goes on, in its first attempt"""
    job = server.submit()
    server.running(job)
    server.machine.run("systemctl restart postgresql@15-main || systemctl restart postgresql")
    done = server.completed(job)
    assert done["attempt"] == 1, done["attempts"]
    assert server.machine.shows("z2d", "NRestarts") == "0"


def it_waits_for_the_database(server: Server) -> str:
    """Started without its database it waits, in few words, and begins when that is there"""
    machine = server.machine
    machine.run("systemctl stop z2d && systemctl stop 'postgresql@*' postgresql && systemctl mask --runtime postgresql")
    before = len(machine.journal("z2d").splitlines())
    machine.run("systemctl start --no-block z2d")
    time.sleep(20)
    assert machine.shows("z2d", "ActiveState") == "activating"
    said = machine.journal("z2d").splitlines()[before:]
    assert len(said) < 20, "\n".join(said)
    machine.run("systemctl unmask --runtime postgresql && systemctl start postgresql")
    server.active()
    assert machine.shows("z2d", "NRestarts") == "0"
    return f"{len(said)} lines in 20 s"


def a_worker_helps(server: Server) -> str:
    """z2d-worker@1 does the jobs while the daemon is stopped; stopped amid a job, it gives that back"""
    machine = server.machine
    server.settings('slots = 1\nlibrary_dir = "/var/lib/z2/library"\n')
    machine.run("systemctl restart z2d && systemctl start z2d-worker@1")
    jobs = [server.submit() for _ in range(3)]
    machine.run("systemctl stop z2d")
    assert unfinished(server) > 0, "there was nothing left for the worker"
    machine.wait(lambda: unfinished(server) == 0, "the end of the jobs", 120)
    machine.run("systemctl start z2d")
    done = [server.completed(job) for job in jobs]
    workers = {attempt["worker"] for job in done for attempt in job["attempts"] if attempt["result"] == "COMPLETED"}
    entry = machine.run(f'ls "$(z2ctl path {jobs[-1]})"', user=PERSON)
    assert ".md" in entry, entry
    job = server.submit()
    server.running(job)
    machine.run("systemctl stop z2d-worker@1")
    assert machine.shows("z2d-worker@1", "Result") == "success"
    assert server.completed(job)["attempt"] <= 2
    return f"{len(jobs)} jobs, done by {len(workers)} worker(s)"


def unfinished(server: Server) -> int:
    """How many jobs are still to be done, asked of the database itself."""
    query = "SELECT count(*) FROM jobs WHERE status IN ('QUEUED', 'RUNNING')"
    return int(server.machine.run(f'sudo -u postgres psql -At z2 -c "{query}"'))


STEPS = (
    the_timer_makes_backups, nginx_stands_in_front, postgresql_of_the_machine, backups_of_that_too,
    the_server_may_restart, it_waits_for_the_database, a_worker_helps,
)  # fmt: skip
