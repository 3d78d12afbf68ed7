"""The table of what is measured. A bar says what must be how fast; a measurement gives the rows of one or several."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from bench.rounds import Row

BARS = {
    1: "a child's stdout, line by line, into committed rows of the log",
    2: "a line of the log, from the program to the socket of a client",
    3: "from the submission to the first statement of the pipeline",
    4: "submitting with a million jobs in the library",
    5: "jobs without work through the queue",
    6: "every list, at any depth, with a million jobs",
    7: "statistics with a million jobs, and what they cost those who write",
    8: "the list over HTTP",
    9: "a client of a socket that does not read, and many that do",
    10: "calls to the API while videos are fetched",
    11: "a download through z2",
    12: "z2ctl list",
    13: "the dashboard",
    14: "the analysis of a talk without a language model",
    15: "search over a million cues; many clients at once",
}


@dataclass(frozen=True, slots=True)
class Measurement:
    """Something that is measured in one go.

    `where`: "module:function" of this room; it is imported when it is wanted, so that no measurement carries the
    memory of another. `bars`: of which it gives rows; none, where nobody asked for a limit. `scale`: it makes a
    library of a million rows. `within_s`: longer it may not take.
    """

    name: str
    bars: tuple[int, ...]
    where: str
    scale: bool = False
    within_s: int = 400

    @property
    def run(self) -> Callable[[], Coroutine[Any, Any, list[Row]]]:
        """What measures."""
        module, _, function = self.where.partition(":")
        found: Callable[[], Coroutine[Any, Any, list[Row]]] = getattr(import_module(f"bench.{module}"), function)
        return found


MEASUREMENTS = (
    Measurement("log lines", (1,), "logs:speed"),
    Measurement("log latency", (2,), "logs:latency"),
    Measurement("start of a job", (3,), "queueing:start"),
    Measurement("empty jobs", (5,), "queueing:drain"),
    Measurement("requests", (8,), "serving:requests"),
    Measurement("sockets", (9,), "sockets:fan_out"),
    Measurement("calls beside downloads", (10,), "downloads:beside"),
    Measurement("download", (11,), "downloads:download"),
    Measurement("command line", (12,), "client:commands"),
    Measurement("dashboard", (13,), "tui_cost:dashboard"),
    Measurement("analysis", (14,), "analysis_speed:analysis"),
    Measurement("many clients", (15,), "serving:crowd"),
    Measurement("idle", (), "daemon:idle"),
    Measurement("short jobs", (), "jobs:short_jobs"),
    Measurement("a thousand URLs", (), "submit:thousand"),
    Measurement("many rows", (), "tui_many:rows"),
    Measurement("a million jobs", (4, 5, 6, 7, 13), "scale:million", scale=True, within_s=1800),
    Measurement("a million cues", (15,), "search:million", scale=True, within_s=1800),
)
