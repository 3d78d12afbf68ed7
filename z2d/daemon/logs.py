"""What the daemon says about itself: one record, one line, on stderr. Logs of jobs go into the database instead."""

from __future__ import annotations

import logging
import os
import sys
import time

# syslog's priorities, which journald takes from the start of a line
PRIORITIES = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}


class OneLine(logging.Formatter):
    """A record as one printable line: whatever a title or an address contains, it cannot forge a second record."""

    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def __init__(self, *, journal: bool) -> None:
        super().__init__("%(message)s" if journal else "%(asctime)s %(levelname)s %(message)s")
        self.converter = time.gmtime
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        # several lines come of tracebacks only, and stay readable with a bar between them
        text = " | ".join(super().format(record).splitlines())
        line = "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)
        return f"<{PRIORITIES.get(record.levelno, 6)}>{line}" if self._journal else line


def set_up(level: str = "info") -> None:
    """Send records of `level` ("debug", "info", "warning", "error") and above to stderr. May be called again."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine(journal="JOURNAL_STREAM" in os.environ))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)  # of libraries only what is wrong
    logging.getLogger("z2d").setLevel(level.upper())
    # the pool tells of a database that is away with a traceback; those who needed it say so in a line
    logging.getLogger("asyncpg").setLevel(logging.ERROR)
