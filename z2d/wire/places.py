"""Where daemon and client meet when nobody says otherwise: state folder, its lock, socket and token file.

Standard library only: the command line reads this on every call.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from pathlib import Path

SYSTEM_STATE = Path("/var/lib/z2")
"""Of z2d.service (its StateDirectory), and the home of its account."""
SYSTEM_SOCKET = Path("/run/z2/z2d.sock")
"""Of z2d.service (its RuntimeDirectory)."""


def state_dir(env: Mapping[str, str] = os.environ) -> Path:
    """`Z2_STATE_DIR`, else systemd's `$STATE_DIRECTORY`, else /var/lib/z2 as root, else `$XDG_STATE_HOME/z2`.

    Root gets a folder outside its home because the unprivileged database process cannot enter /root. The service's
    account, whose home that folder is, gets it too: `sudo -u z2 z2ctl backup list` looks where the service does.
    """
    if named := env.get("Z2_STATE_DIR") or env.get("STATE_DIRECTORY", "").split(":")[0]:
        return Path(named).absolute()
    if os.geteuid() == 0 or env.get("HOME") == str(SYSTEM_STATE):
        return SYSTEM_STATE
    return Path(env.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "z2"


def socket_path(env: Mapping[str, str] = os.environ) -> Path:
    """`Z2_SOCKET`, else `$RUNTIME_DIRECTORY/z2d.sock`, else `$XDG_RUNTIME_DIR/z2/z2d.sock`, else in the state."""
    if named := env.get("Z2_SOCKET"):
        return Path(named).absolute()
    if runtime := env.get("RUNTIME_DIRECTORY", "").split(":")[0]:
        return Path(runtime) / "z2d.sock"
    if session := env.get("XDG_RUNTIME_DIR"):
        return Path(session) / "z2" / "z2d.sock"
    return state_dir(env) / "z2d.sock"


def socket_of_daemon(env: Mapping[str, str] = os.environ) -> Path:
    """Where a client finds the daemon: `socket_path`, or the system's where that is missing and this account may use
    the system's. A daemon of one's own comes first.
    """
    own = socket_path(env)
    if env.get("Z2_SOCKET") or os.access(own, os.F_OK) or not os.access(SYSTEM_SOCKET, os.W_OK):
        return own
    return SYSTEM_SOCKET


def token_file(env: Mapping[str, str] = os.environ) -> Path:
    """`Z2_TOKEN_FILE`, else `token` in the state folder."""
    return Path(env["Z2_TOKEN_FILE"]).absolute() if env.get("Z2_TOKEN_FILE") else state_dir(env) / "token"


def lock_file(state_dir: Path) -> Path:
    """The file that a daemon holds locked (flock) while it works in a state folder."""
    return state_dir / "lock"


def is_locked(state_dir: Path) -> bool | None:
    """Whether a daemon works in a state folder at this moment; None where this account cannot tell.

    Whoever would disturb a daemon has to take None for yes, whoever needs one has to take it for no.
    """
    try:
        handle = os.open(lock_file(state_dir), os.O_RDWR | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # a file system without locks
        return None
    finally:
        os.close(handle)
    return False
