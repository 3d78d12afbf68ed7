"""The text that Prometheus reads (exposition format 0.0.4): counters, gauges and histograms as lines.

Labels come from fixed sets - statuses, stages, routes, hosts of workers - and never from a URL or a title, so the
number of series is bounded whatever is submitted.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from typing import NamedTuple

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Labels = Mapping[str, str]


class Sample(NamedTuple):
    """One line. `suffix` is what a histogram puts behind its name."""

    value: float
    labels: Labels = {}
    suffix: str = ""


class Family(NamedTuple):
    """All lines of one name. `kind`: "counter", "gauge" or "histogram"."""

    name: str
    kind: str
    help: str
    samples: list[Sample]


def gauge(name: str, help: str, *samples: Sample) -> Family:  # noqa: A002 - the format's own word
    """What goes up and down."""
    return Family(name, "gauge", help, list(samples))


def counter(name: str, help: str, *samples: Sample) -> Family:  # noqa: A002
    """What only rises, from the start of the daemon on; the name ends with `_total`."""
    return Family(name, "counter", help, list(samples))


class Histogram:
    """How often something took how long, in seconds. `bounds` are the upper ends of its buckets, rising."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, seconds: float) -> None:
        """Count one."""
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self._sum += seconds

    def samples(self, labels: Labels | None = None) -> list[Sample]:
        """Its lines."""
        own, lines, below = dict(labels or {}), [], 0
        for bound, count in zip([*map(number, self._bounds), "+Inf"], self._counts, strict=True):
            below += count
            lines.append(Sample(below, {**own, "le": bound}, "_bucket"))
        return [*lines, Sample(self._sum, own, "_sum"), Sample(below, own, "_count")]


def text(families: Iterable[Family]) -> str:
    """The families as one document; those without a line are left out."""
    return "".join(_lines(family) for family in families if family.samples)


def number(value: float) -> str:
    """A value as the format wants it: whole numbers without a point."""
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _lines(family: Family) -> str:
    head = f"# HELP {family.name} {_escaped(family.help)}\n# TYPE {family.name} {family.kind}\n"
    return head + "".join(
        f"{family.name}{sample.suffix}{_labels(sample.labels)} {number(sample.value)}\n" for sample in family.samples
    )


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value, quotes=True)}"' for name, value in labels.items()) + "}"


def _escaped(words: str, *, quotes: bool = False) -> str:
    found = words.replace("\\", "\\\\").replace("\n", "\\n")
    return found.replace('"', '\\"') if quotes else found
