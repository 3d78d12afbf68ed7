"""Telling systemd: ready, stopping, alive. Nothing happens where no service manager listens."""

from __future__ import annotations

import contextlib
import os
import socket
import time


class Notifier:
    """Takes systemd's variables out of the environment, so that no child can speak in the daemon's name.

    `watchdog_s` is the time within which `WATCHDOG=1` must be sent, in seconds; None where no watchdog is on.
    """

    def __init__(self) -> None:
        self._address = os.environ.pop("NOTIFY_SOCKET", "")
        period, pid = os.environ.pop("WATCHDOG_USEC", ""), os.environ.pop("WATCHDOG_PID", "")
        wanted = self._address and period.isdecimal() and pid in {"", str(os.getpid())}
        self.watchdog_s: float | None = int(period) / 1e6 if wanted else None

    def reloading(self) -> None:
        """Say that the settings are being read anew; `READY=1` says that it is over."""
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self.say("RELOADING=1", f"MONOTONIC_USEC={now}")

    def say(self, *words: str) -> None:
        """Send assignments such as `READY=1`. A service manager that is not there is no trouble of ours."""
        if not self._address:
            return
        where = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.sendto("\n".join(words).encode(), where)
