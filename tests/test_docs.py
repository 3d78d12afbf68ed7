"""The documents cannot rot: every command, setting and endpoint is named in them, and every link leads somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from docs import reference
from tests.support import ROOT
from z2ctl.cli.app import cli

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
WORDS = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)


def verbs(group: click.Command, before: str = "z2ctl") -> Iterator[str]:
    """`z2ctl list`, `z2ctl queue pause` ...: every command a person can type."""
    if isinstance(group, click.Group):
        context = click.Context(group)
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            if command is not None and not command.hidden:
                yield f"{before} {name}"
                yield from verbs(command, f"{before} {name}")


@pytest.mark.parametrize("verb", sorted(verbs(cli)))
def test_every_command_is_explained(verb: str) -> None:
    assert verb in WORDS


@pytest.mark.parametrize("name", sorted(reference.PAGES))
def test_the_reference_says_what_the_code_says(name: str) -> None:
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == reference.PAGES[name](), "run: make docs"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target
