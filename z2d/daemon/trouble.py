"""What ends the daemon in an expected way: a sentence for a person, and an exit code for a service manager."""

from __future__ import annotations

EXIT_TROUBLE = 1
EXIT_TAKEN = 75  # EX_TEMPFAIL: another daemon is at work here; trying again later may help
EXIT_CONFIG = 78  # EX_CONFIG: no use in trying again before somebody has changed the settings


class DaemonTrouble(Exception):
    """The daemon cannot start. The message is the whole story: no traceback is shown for it."""

    def __init__(self, message: str, exit_code: int = EXIT_TROUBLE) -> None:
        super().__init__(message)
        self.exit_code = exit_code
