"""What a submission may be given beside its URL, by the names of z2ctl's flags. Pure data, no Textual."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from z2ctl.moments import in_utc, read_moment

DEFAULT = "default"
PRIORITIES = "-100 to 100, higher runs first"


@dataclass(frozen=True, slots=True)
class Options:
    """See the module. `at` is kept as it was written: "2h" counts from the submission."""

    profile: str = DEFAULT
    priority: int = 0
    at: str = ""
    hold: bool = False
    force: bool = False

    def fields(self, now: float) -> dict[str, Any]:
        """The fields of `POST /api/jobs` and `/batch` that differ from their defaults."""
        wanted = {
            "profile": self.profile if self.profile != DEFAULT else "",
            "priority": self.priority,
            "run_after": in_utc(moment) if (moment := moment_of(self.at, now)) else "",
            "hold": self.hold,
            "force": self.force,
        }
        return {name: value for name, value in wanted.items() if value}

    def words(self) -> str:
        """All that was chosen, in one line."""
        return ", ".join(self._chosen()) or DEFAULT

    def _chosen(self) -> Iterator[str]:
        if self.profile != DEFAULT:
            yield f"profile {self.profile}"
        if self.priority:
            yield f"priority {self.priority}"
        if self.at:
            yield f"at {self.at}"
        if self.hold:
            yield "hold"
        if self.force:
            yield "force"


def priority_of(text: str) -> int | None:
    """The priority that was typed; None when it is none."""
    try:
        number = int(text)
    except ValueError:
        return None
    return number if -100 <= number <= 100 else None


def moment_of(text: str, now: float) -> datetime | None:
    """The moment to come that was typed; None when it is none."""
    return read_moment(text.strip(), now=datetime.fromtimestamp(now, UTC), past=False)
