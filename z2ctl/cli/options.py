"""`-o NAME=VALUE`: the options of a job on the command line, under the names they have everywhere."""

from __future__ import annotations

from typing import Any

import click


def read_options(given: tuple[str, ...]) -> dict[str, Any]:
    """The options as the API takes them. Lists are given with commas. Raises click.UsageError."""
    if not given:
        return {}
    from pydantic import ValidationError  # late: most submissions name no option

    from z2d.wire.jobs import JobOptions

    found: dict[str, Any] = {}
    for one in given:
        name, mark, value = one.partition("=")
        name = name.strip().replace("-", "_")
        if name not in JobOptions.model_fields:
            raise click.UsageError(f"There is no option {name!r}; there is {', '.join(JobOptions.model_fields)}.")
        is_list = isinstance(JobOptions.model_fields[name].get_default(call_default_factory=True), list)
        if not mark:  # "-o audio_only" switches it on
            found[name] = True
        else:
            found[name] = [word.strip() for word in value.split(",") if word.strip()] if is_list else value.strip()
    try:
        options = JobOptions.model_validate(found)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise click.UsageError(f"Option {first['loc'][0]}: {first['msg']}.") from None
    return options.model_dump(mode="json", include=set(found))
