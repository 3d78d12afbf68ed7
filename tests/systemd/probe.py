"""Runs within the walls of z2d.service, in its place, and says as JSON what can be done there."""

import json
import os
import pwd
import resource
import socket
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

FOLDERS = ("/", "/etc", "/etc/z2", "/usr", "/usr/local/bin", "/opt/z2", "/boot", "/run", "/var", "/var/lib", "/var/log",
           "/home", "/root", "/sys", "/proc/sys/kernel", "/srv", "/var/lib/z2", "/tmp", "/srv/z2")  # fmt: skip
FILES = ("/etc/shadow", "/etc/credstore/z2.token", "/home/alice", "/root", "/proc/1/environ", "/dev/sda", "/dev/kmsg")
LINK_LOCAL = ("169.254.169.254", 80)
FETCH = ("ffmpeg", "-nostdin", "-rw_timeout", "3000000", "-i", "http://169.254.169.254/a.mp4")
DENO = "let n = 0; for (let i = 0; i < 1e7; i++) n += i % 7; console.log('jit', n > 0)"


def may(what, *arguments):
    """Whether a call goes through."""
    try:
        made = what(*arguments)
    except OSError:
        return False
    if hasattr(made, "close"):
        made.close()
    return True


def program(*words):
    """Exit code and output of a program."""
    done = subprocess.run(words, capture_output=True, text=True, timeout=20, check=False)
    return [done.returncode, done.stdout.strip()[-200:], done.stderr.strip()[-200:]]


def writable(folder):
    with suppress(OSError), tempfile.TemporaryFile(dir=folder):
        return True
    return False


def strangers():
    """Processes of others that can be seen."""
    return [path.name for path in Path("/proc").glob("[0-9]*") if path.stat().st_uid != os.getuid()]


status = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))
print(json.dumps({
    "account": pwd.getpwuid(os.getuid()).pw_name,
    "writes": [folder for folder in FOLDERS if writable(folder)],
    "reads": [path for path in FILES if os.access(path, os.R_OK)],
    "strangers": strangers(),
    "capabilities": int(status["CapEff"], 16) | int(status["CapBnd"], 16),
    "no_new_privileges": status["NoNewPrivs"],
    "seccomp": status["Seccomp"],
    "sockets": [name for name, family, kind in (
        ("raw", socket.AF_INET, socket.SOCK_RAW), ("packet", socket.AF_PACKET, socket.SOCK_RAW),
        ("netlink", socket.AF_NETLINK, socket.SOCK_RAW), ("tcp", socket.AF_INET, socket.SOCK_STREAM),
    ) if may(socket.socket, family, kind)],
    "namespaces": program("unshare", "--user", "true")[0] == 0,
    "mounts": program("mount", "-t", "tmpfs", "tmpfs", "/tmp")[0] == 0,
    "file_limit": resource.getrlimit(resource.RLIMIT_FSIZE)[0] == 1 << 20,
    "deno": program("/opt/z2/bin/deno", "eval", DENO),
    "loopback": may(socket.create_connection, ("127.0.0.1", 8641), 3),
    "link_local": may(socket.create_connection, LINK_LOCAL, 3),
    "ffmpeg_link_local": program(*FETCH)[0] == 0,
}))  # fmt: skip
