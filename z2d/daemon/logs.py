"""What the daemon says about itself: one record, one line, on stderr. Logs of jobs go into the database instead."""

from __future__ import annotations

import logging
import os
import sys
import time

from z2d import jobmark

# syslog's priorities, which journald takes from the start of a line
PRIORITIES = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}


class OneLine(logging.Formatter):
    """A record as one printable line: whatever a title or an address contains, it cannot forge a second record.

    What is said while a job is worked on begins with `job=N`. For the journal a line begins with its priority, and has
    neither time nor level in it: the journal keeps both.
    """

    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def __init__(self, *, journal: bool) -> None:
        super().__init__("%(job)s%(message)s" if journal else "%(asctime)s %(levelname)s %(job)s%(message)s")
        self.converter = time.gmtime
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        job = jobmark.current()
        record.job = "" if job is None else f"job={job} "
        # several lines come of tracebacks only, and stay readable with a bar between them
        text = " | ".join(super().format(record).splitlines())
        line = "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)
        return f"<{PRIORITIES.get(record.levelno, 6)}>{line}" if self._journal else line


def _is_journal() -> bool:
    """Whether stderr itself goes to the journal: the variable is inherited by who sends it elsewhere, too."""
    said = os.environ.get("JOURNAL_STREAM", "")
    try:
        found = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return said == f"{found.st_dev}:{found.st_ino}"


def set_up(level: str = "info") -> None:
    """Send records of `level` ("debug", "info", "warning", "error") and above to stderr. May be called again."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine(journal=_is_journal()))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)  # of libraries only what is wrong
    logging.getLogger("z2d").setLevel(level.upper())
    # the pool tells of a database that is away with a traceback; those who needed it say so in a line
    logging.getLogger("asyncpg").setLevel(logging.ERROR)
