"""`-o NAME=VALUE`: the options of a job on the command line, under the names they have everywhere."""

from __future__ import annotations

from typing import Any

import click

from z2ctl import given as reading


def read_options(given: tuple[str, ...]) -> dict[str, Any]:
    """The options as the API takes them. Lists are given with commas. Raises click.UsageError."""
    try:
        return reading.read_options(given)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
