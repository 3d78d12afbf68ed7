"""The service with a database of its own: installed, used, shut in, killed, hung, reloaded, switched off and on."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

from tests.systemd.server import PERSON, STAGES, STRANGER, Server, readme_commands, unit

HERE = Path(__file__).parent
SPELLINGS = (
    "http://169.254.169.254/", "http://0xa9fea9fe/", "http://2852039166/", "http://169.254.43518/",
    "http://[::ffff:169.254.169.254]/", "http://0251.0376.0251.0376/", "http://127.0.0.1:8643/redirect",
    "http://127.0.0.1:8643/list.m3u8", "http://127.0.0.1:8643/page",
)  # fmt: skip
QUICK_WATCHDOG = "[Service]\nWatchdogSec=4s\nTimeoutAbortSec=2s\n"


def installed_by_the_readme(server: Server) -> str:
    """README's words install it from the wheel, and it starts"""
    machine = server.machine
    server.settings("")
    machine.write("/root/try.sh", "set -e\ncd /z2\n" + "\n".join(readme_commands()) + "\n")
    machine.run("bash /root/try.sh", within=600)
    server.active()
    machine.run(f"usermod -aG z2 {PERSON}")
    server.open_site()
    return f"ready after {started_after(server):.1f} s, with the making of the database"


def started_after(server: Server, name: str = "z2d") -> float:
    """Seconds from the start of the service to READY=1, by systemd's clock."""
    began, ready = (int(server.machine.shows(name, f"{which}TimestampMonotonic"))
                    for which in ("InactiveExit", "ActiveEnter"))  # fmt: skip
    return (ready - began) / 1e6


def only_its_group_may_use_it(server: Server) -> None:
    """Root and members of the group z2 may use z2ctl, others are told what they lack"""
    for user in ("root", PERSON):
        assert json.loads(server.z2ctl("stats --json", user=user))
    refused = server.machine.try_run("z2ctl stats", user=STRANGER)
    assert refused.returncode == 3
    assert "usermod -aG z2" in refused.stderr


def a_job_goes_through_every_stage(server: Server) -> str:
    """A job goes through every stage under the full hardening; the person reads the result"""
    began = time.monotonic()
    job = server.completed(server.submit())
    took = time.monotonic() - began
    done = {stage["stage"]: stage["status"] for stage in job["stages"]}
    assert done == dict.fromkeys(STAGES, "DONE"), done
    note = server.machine.run(f'cat "$(z2ctl path {job["id"]})"/*.md', user=PERSON)
    assert "ask not what your country" in note.lower()
    closed = server.machine.try_run("cat /var/lib/z2/token /var/lib/z2/postgres/pgpass; ls /var/lib/z2", user=PERSON)
    assert not closed.stdout, closed.stdout
    return f"{took:.1f} s"


def it_is_shut_in(server: Server) -> str:
    """Within its walls it writes to three places, sees no stranger, has no privilege; limits and deno work"""
    machine = server.machine
    machine.write("/usr/local/lib/z2-probe.py", (HERE / "probe.py").read_text())
    machine.write("/etc/credstore/z2.token", "a-secret-of-root\n", 0o600)
    machine.run("mkdir -p /srv/z2 && chown z2 /srv/z2")
    dropped = (
        r"^(ExecStart|ExecReload|Type|NotifyAccess|Restart\w*|WatchdogSec|RuntimeDirectory\w*|LoadCredential)=.*\n"
    )
    text = re.sub(dropped, "", unit("z2d.service"), flags=re.MULTILINE)
    start = "[Service]\nType=oneshot\nExecStart=/opt/z2/bin/python /usr/local/lib/z2-probe.py\n"
    machine.write("/etc/systemd/system/probe.service", text.replace("[Service]\n", start))
    machine.run("systemctl daemon-reload && systemctl start probe")
    said = machine.run("journalctl --no-pager --output=cat --unit=probe | grep '^{'")
    machine.run("rm /etc/credstore/z2.token")
    found = json.loads(said)
    assert found["writes"] == ["/var/lib/z2", "/tmp", "/srv/z2"], found["writes"]
    nothing = ("reads", "strangers", "capabilities", "namespaces", "mounts", "link_local", "ffmpeg_link_local")
    assert not any(found[name] for name in nothing), found
    assert (found["account"], found["no_new_privileges"], found["seccomp"]) == ("z2", "1", "2")
    assert found["sockets"] == ["tcp"], found["sockets"]
    assert found["file_limit"], "its children could not be limited"
    assert found["loopback"], "it reaches nothing at all: the other answers prove nothing"
    assert found["deno"][:2] == [0, "jit true"], found["deno"]
    exposed = machine.run("systemd-analyze security --no-pager z2d | tail -1")
    return exposed.replace("→ ", "")


def nobody_comes_to_the_metadata_server(server: Server) -> str:
    """Nine ways to the cloud's metadata server, private networks allowed: nobody ever arrives"""
    machine = server.machine
    machine.write("/usr/local/lib/z2-trap.py", (HERE / "trap.py").read_text())
    machine.run("ip address add 169.254.169.254/32 dev lo")
    machine.run("systemd-run --quiet --unit=trap python3 /usr/local/lib/z2-trap.py /run/visitors")
    machine.wait(lambda: not machine.try_run("curl -sf http://169.254.169.254/root").returncode, "the trap")
    assert "/root" in machine.run("cat /run/visitors"), "the trap counts nobody"
    machine.run(": > /run/visitors")
    machine.run("systemctl restart probe")
    submitted = []
    for url in SPELLINGS:
        done = machine.try_run(f"z2ctl submit --json --option sleep_s=0 '{url}'", user=PERSON)
        if done.returncode == 0:
            submitted.append(int(json.loads(done.stdout)["id"]))
    # those that were taken must have been tried; whether one waits for a second try is no matter
    for number in submitted:
        machine.wait(lambda number=number: server.job(number)["attempt"] >= 1
                     and server.job(number)["status"] != "RUNNING", f"a try of job {number}", 120)  # fmt: skip
    visitors = machine.run("systemctl stop trap && cat /run/visitors")
    for number in submitted:
        machine.try_run(f"z2ctl cancel {number}", user=PERSON)
    assert not visitors, visitors
    return f"{len(SPELLINGS) - len(submitted)} refused at the door, {len(submitted)} tried and failed, 0 visitors"


def killed_it_comes_back(server: Server) -> str:
    """kill -9 amid a job: it comes back by itself, the job goes on, nothing of the dead one stays"""
    job = server.submit()
    server.running(job)
    old, before = server.pid(), pids(server)
    began = time.monotonic()
    server.machine.run(f"kill -9 {old}")
    server.machine.wait(lambda: server.pid() not in {0, old}, "a new process")
    server.active()
    back = time.monotonic() - began
    server.completed(job)
    left = before & pids(server)
    assert not left, f"processes of the dead daemon: {left}"
    return f"back after {back:.1f} s"


def pids(server: Server) -> set[str]:
    """The processes that run as z2."""
    return set(server.machine.run("ps -u z2 -o pid=").split())


def hung_it_is_restarted(server: Server) -> str:
    """Hung, the watchdog ends it and it comes back"""
    machine = server.machine
    machine.write("/etc/systemd/system/z2d.service.d/quick.conf", QUICK_WATCHDOG)
    machine.run("systemctl daemon-reload && systemctl restart z2d", within=120)
    time.sleep(10)  # two and a half periods: a daemon that is well must live through them
    old, began = server.pid(), time.monotonic()
    assert machine.shows("z2d", "NRestarts") == "0", "it was restarted although it was well"
    machine.run(f"kill -STOP {old}")
    machine.wait(lambda: server.pid() not in {0, old}, "a new process", 60)
    server.active()
    took = time.monotonic() - began
    assert "Watchdog timeout" in machine.journal("z2d")
    machine.run(f"kill -ABRT {server.pid()}")
    machine.wait(lambda: "Fatal Python error: Aborted" in machine.journal("z2d"), "the place where it stood")
    server.active()
    machine.run("rm /etc/systemd/system/z2d.service.d/quick.conf && systemctl daemon-reload && systemctl restart z2d")
    server.active()
    return f"back {took:.1f} s after it hung, with a period of 4 s"


def a_good_file_is_taken_on_reload(server: Server) -> None:
    """Reload takes a changed file, in the same process"""
    old = server.pid()
    server.settings("slots = 3\n")
    server.machine.run("systemctl reload z2d")
    server.machine.wait(lambda: json.loads(server.z2ctl("queue --json"))["slots"] == 3, "three slots", 20)
    assert server.pid() == old


def a_bad_file_is_refused_on_reload(server: Server) -> None:
    """Reload refuses a bad file: it says what is wrong, and goes on with what it had"""
    old = server.pid()
    server.settings("slots = 'many'\n")
    try:
        server.machine.try_run("systemctl reload z2d")
        server.machine.wait(lambda: "a whole number is needed" in server.machine.journal("z2d"), "the complaint", 20)
        server.active()
        assert server.pid() == old
        assert json.loads(server.z2ctl("queue --json"))["slots"] == 3
        server.completed(server.submit())
    finally:
        server.settings("")
    server.machine.run("systemctl reload z2d")


def three_stops_are_in_order(server: Server) -> str:
    """Stopped and started three times, with a job and a reader: no recovery in PostgreSQL's log, no orphan"""
    machine, marks, stops, starts = server.machine, server.restart_marks(), [], []
    job = server.submit()
    server.running(job)
    machine.run(f"systemd-run --quiet --uid={PERSON} --property=SupplementaryGroups=z2 z2ctl logs -f {job}")
    for _ in range(3):
        began = time.monotonic()
        machine.run("systemctl stop z2d")
        stops.append(time.monotonic() - began)
        assert not server.processes(), server.processes()
        assert machine.shows("z2d", "Result") == "success"
        machine.run("systemctl start z2d")
        starts.append(started_after(server))
    done = server.completed(job)
    assert server.restart_marks() == marks, "PostgreSQL was not stopped in order"
    assert "reception only permitted" not in machine.run("journalctl --no-pager --boot")
    assert max(stops) < 20
    assert [one["error_class"] for one in done["attempts"]].count(None) == len(done["attempts"]), done["attempts"]
    return f"stop {min(stops):.1f}-{max(stops):.1f} s, start {min(starts):.1f}-{max(starts):.1f} s"


def switched_off_and_on(server: Server) -> str:
    """The machine is switched off amid a job and on again: z2 is there, with its jobs, and goes on"""
    jobs, marks = json.loads(server.z2ctl("list --json | wc -l")), server.restart_marks()
    job = server.submit()
    server.running(job)
    server.machine.off()
    server.machine.on()
    server.active()
    server.completed(job)
    assert json.loads(server.z2ctl("list --json | wc -l")) == jobs + 1
    assert server.restart_marks() == marks, "PostgreSQL was not stopped in order"
    return f"ready after {started_after(server):.1f} s"


def manuals_and_completions_work(server: Server) -> None:
    """man z2ctl, man z2d, man z2.toml; completion in bash, zsh and fish"""
    machine = server.machine
    prefix = "/usr" if machine.run("command -v z2ctl") == "/usr/bin/z2ctl" else "/opt/z2"
    for page in ("z2ctl", "z2d", "z2.toml"):
        assert page in machine.run(f"MANPATH={prefix}/share/man man {page}").partition("NAME")[2]
    script = f"{prefix}/share/bash-completion/completions/z2ctl"
    asked = "COMP_WORDS=(z2ctl tran); COMP_CWORD=1; _z2ctl_completion z2ctl; echo ${COMPREPLY[*]}"
    assert machine.run(f". {script}; {asked}") == "transcript"
    assert machine.run(f"zsh -fc 'autoload -Uz compinit; compinit -D; fpath=({prefix}/share/zsh/site-functions $fpath);"
                       " autoload -Uz _z2ctl; whence -w _z2ctl'") == "_z2ctl: function"  # fmt: skip
    source = f"source {prefix}/share/fish/vendor_completions.d/z2ctl.fish; complete -C 'z2ctl tran'"
    assert "transcript" in machine.run(f'fish -c "{source}"')


STEPS = (
    installed_by_the_readme, only_its_group_may_use_it, manuals_and_completions_work, a_job_goes_through_every_stage,
    it_is_shut_in, nobody_comes_to_the_metadata_server, killed_it_comes_back, hung_it_is_restarted,
    a_good_file_is_taken_on_reload, a_bad_file_is_refused_on_reload, three_stops_are_in_order, switched_off_and_on,
)  # fmt: skip
