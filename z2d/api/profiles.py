"""Profiles: named sets of options. What a job gets is settled here, once, when it is submitted."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from z2d.wire.errors import ProfileUnknown
from z2d.wire.jobs import JobOptions, NewJobFields
from z2d.wire.sites import ProfileInfo

DEFAULT = "default"
Fields = TypeVar("Fields", bound=NewJobFields)


@dataclass(frozen=True)
class Profile:
    """A named set of options; those that nobody set count for nothing (see `JobOptions.model_fields_set`)."""

    options: JobOptions = field(default_factory=JobOptions)
    description: str = ""
    proxy: bool = False


@dataclass(frozen=True)
class Profiles:
    """All profiles, and the options below them. There always is one called `default`."""

    base: JobOptions = field(default_factory=JobOptions)
    named: Mapping[str, Profile] = field(default_factory=dict)

    def settled(self, body: Fields) -> Fields:
        """`body` with the options its job gets: those for all jobs, over them its profile's, over them its own.

        Raises ProfileUnknown.
        """
        profile = self._find(body.profile)
        layers = (self.base, profile.options, body.options)
        effective = {name: value for layer in layers for name, value in layer.model_dump(exclude_unset=True).items()}
        return body.model_copy(update={"options": JobOptions.model_validate(effective)})

    def every(self) -> list[ProfileInfo]:
        """All profiles, `default` first."""
        names = [DEFAULT, *sorted(set(self.named) - {DEFAULT})]
        return [self._info(name) for name in names]

    def _info(self, name: str) -> ProfileInfo:
        found = self._find(name)
        options = self.settled(NewJobFields(profile=name)).options
        return ProfileInfo(name=name, description=found.description, options=options, proxy=found.proxy)

    def _find(self, name: str) -> Profile:
        if name in self.named:
            return self.named[name]
        if name == DEFAULT:
            return Profile()
        known = [DEFAULT, *sorted(set(self.named) - {DEFAULT})]
        near = difflib.get_close_matches(name, known, n=1)
        meant = f" Did you mean {near[0]}?" if near else ""
        raise ProfileUnknown(f"There is no profile {name!r}; there is {', '.join(known)}.{meant}")
