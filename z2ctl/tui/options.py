"""What a submission may be given beside its URL, by the names of z2ctl's flags. Pure data, no Textual."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from z2ctl import given
from z2ctl.moments import in_utc, read_moment

DEFAULT = "default"
PRIORITIES = "-100 to 100, higher runs first"
TIMES = "23:00, 2h, 2026-11-22 23:00"
MOST_ENTRIES = 1000
NAMED_OPTIONS = "Such as max_height=720 languages=en,de audio_only"
YES = "yes"


@dataclass(frozen=True, slots=True)
class Options:
    """See the module. Texts are kept as they were written, so that they come back so: "2h" counts from the submission.

    `named` are the words of z2ctl's `-o`; `limit`, `after` and `match` say what is wanted of a list, and each of them
    asks for the list as `playlist` does.
    """

    profile: str = DEFAULT
    priority: int = 0
    at: str = ""
    hold: bool = False
    force: bool = False
    tags: str = ""
    named: str = ""
    playlist: bool = False
    limit: str = ""
    after: str = ""
    match: str = ""

    def fields(self, now: float) -> dict[str, Any]:
        """The fields of `POST /api/jobs` and `/batch` that differ from their defaults."""
        wanted = {
            "priority": self.priority,
            "run_after": in_utc(moment) if (moment := moment_of(self.at, now)) else "",
            "hold": self.hold,
            "force": self.force,
            "tags": given.read_tags(self.tags),
        }
        return {**self.looked_at(), **{name: value for name, value in wanted.items() if value}}

    def looked_at(self) -> dict[str, Any]:
        """Those of them that decide what is found at a URL: the fields of `POST /api/probe`."""
        options = options_of(self.named)
        wanted = {name: text for name in given.LIST if (text := getattr(self, name))}
        if wanted or self.playlist:
            options["playlist"] = {name: given.read_of_list(name, text) for name, text in wanted.items()}
        fields = {"profile": self.profile if self.profile != DEFAULT else "", "options": options}
        return {name: value for name, value in fields.items() if value}

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
        for name in ("hold", "force", "playlist"):
            if getattr(self, name):
                yield name
        if self.tags:
            yield f"tags {' '.join(self.tags.split())}"
        if self.named:
            yield self.named
        for name in given.LIST:
            if text := getattr(self, name):
                yield f"{name} {text}"


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


def options_of(text: str) -> dict[str, Any]:
    """The words of z2ctl's `-o` in one line. Raises ValueError with a sentence."""
    return given.read_options(text.split())


def complaint(read: Callable[[str], object]) -> Callable[[str], str]:
    """What `read` says against a text; nothing when it can be read."""

    def check(text: str) -> str:
        try:
            read(text)
        except ValueError as error:
            return str(error)
        return ""

    return check


def faults_of(typed: Mapping[str, str], now: float) -> dict[str, str]:
    """What is wrong with the texts of the fields, by the name of the field."""
    faults = {}
    if priority_of(typed["priority"]) is None:
        faults["priority"] = f"no number from {PRIORITIES.partition(',')[0]}"
    at = typed["at"]
    moment = moment_of(at, now)
    if at and moment is None:
        faults["at"] = f"no time: {TIMES}"
    elif moment and moment.timestamp() <= now:
        faults["at"] = "has passed"
    for name, read in (("tags", given.read_tags), ("options", options_of)):
        if trouble := complaint(read)(typed[name]):
            faults[name] = trouble
    for name, said in (
        ("limit", f"no number from 1 to {MOST_ENTRIES}"),
        ("after", "no day: 2026-11-22"),
        ("match", ""),
    ):
        if typed[name] and (trouble := complaint(lambda text, name=name: given.read_of_list(name, text))(typed[name])):  # type: ignore[misc]
            faults[name] = said or trouble
    return faults
