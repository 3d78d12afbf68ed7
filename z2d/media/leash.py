"""The leash: the small program between z2 and every program it starts.

Run by path as `python -I -S leash.py FD GRACE FSIZE DATA CPU -- ARGV...` in a session of its own. It sets the
resource limits (0 = none), starts ARGV, and ends the whole session when told to or when z2 dies.

DATA bounds the memory a process can write to. RLIMIT_AS would not do: deno, which yt-dlp needs for some sites,
reserves 40 GB of addresses that it never fills.

How a session ends:

* a byte on FD, the read end of a pipe, asks politely: TERM to all, KILL after GRACE seconds;
* end of file on FD means that z2 is gone, also after kill -9: KILL at once;
* when ARGV itself ends, what it left behind is ended politely.

It exits only when its session is empty, with ARGV's status (128 + signal number for a signal, 127 when ARGV could
not be started). PR_SET_PDEATHSIG is no substitute: it fires when the starting thread ends and does not reach
grandchildren. Standard library only, few imports: starting takes about 15 ms.
"""

from __future__ import annotations

import os
import resource
import select
import signal
import sys
import time

_POLL_S = 0.02
_LAST_CPU_S = 5
ASKS_TO_END = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)


def session_members(session: int) -> list[int]:
    """The living processes of a session, without its leader; zombies do not count."""
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208 - pathlib would double the start time
        if not name.isdigit() or int(name) == session:
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123 - likewise
                # the command's name may hold spaces and brackets: fields are counted behind the last one
                state, _parent, _group, owner = file.read().rpartition(b")")[2].split()[:4]
        except (OSError, ValueError):
            continue
        if int(owner) == session and state not in (b"Z", b"X"):
            found.append(int(name))
    return found


def signal_all(pids: list[int], number: int) -> None:
    """Send a signal to each process; those already gone are no error."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def set_limits(fsize: int, data: int, cpu: int) -> None:
    """Limit this process and all it starts: file size and memory in bytes, processor time in seconds; 0 = not."""
    wanted = ((resource.RLIMIT_FSIZE, fsize), (resource.RLIMIT_DATA, data), (resource.RLIMIT_CPU, cpu))
    for which, value in (*wanted, (resource.RLIMIT_CORE, 0)):
        if value or which == resource.RLIMIT_CORE:
            hard = resource.getrlimit(which)[1]
            value = value if hard == resource.RLIM_INFINITY else min(value, hard)
            # at the hard limit of processor time the kernel kills without a word; a little before it says why
            most = value + _LAST_CPU_S if which == resource.RLIMIT_CPU and hard == resource.RLIM_INFINITY else value
            resource.setrlimit(which, (value, most))


def let_go(watch: int) -> bool:
    """Whether z2 has let go of the leash."""
    readable, _, _ = select.select([watch], [], [], 0)
    return bool(readable) and not os.read(watch, 64)


def _end_session(grace_s: float, watch: int) -> None:
    """TERM, wait until the session is empty, KILL after the grace (0: at once) or when z2 dies meanwhile."""
    until = time.monotonic() + grace_s
    if grace_s:
        signal_all(session_members(os.getpid()), signal.SIGTERM)
    empty_scans = 0
    while empty_scans < 2:  # a process that forks and ends while /proc is being read can hide from one scan
        members = session_members(os.getpid())
        empty_scans = 0 if members else empty_scans + 1
        if members and time.monotonic() >= until:
            signal_all(members, signal.SIGKILL)
        if members:
            time.sleep(_POLL_S)
            if let_go(watch):
                until = 0.0


def outlive_the_others() -> None:
    """Signals that the whole group gets do not end the leash."""
    for number in ASKS_TO_END:
        signal.signal(number, signal.SIG_IGN)


def watch_over(child: int, watch: int, grace_s: float) -> int:
    """Wait until `child` ends or its end is asked for; leave an empty session. Its status, 128 + n for signal n."""
    ended = os.pidfd_open(child)
    poller = select.poll()
    poller.register(watch, select.POLLIN)
    poller.register(ended, select.POLLIN)
    ready = {fd for fd, _ in poller.poll()}
    if watch in ready and not os.read(watch, 64):
        grace_s = 0.0
    _end_session(grace_s, watch)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return code if code >= 0 else 128 - code


def main(argv: list[str]) -> int:
    """Start the program behind `--`, watch it, and leave an empty session."""
    outlive_the_others()
    watch, grace_s = int(argv[0]), float(argv[1])
    os.set_inheritable(watch, False)
    set_limits(*(int(text) for text in argv[2:5]))
    try:
        child = os.posix_spawnp(argv[6], argv[6:], os.environ, setsigdef=[*ASKS_TO_END, *IGNORED_BY_PYTHON])
    except OSError as error:
        sys.stderr.write(f"cannot start {argv[6]}: {error.strerror}\n")
        return 127
    return watch_over(child, watch, grace_s)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
