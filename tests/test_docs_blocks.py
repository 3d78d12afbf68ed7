"""What the documents show can be done: commands parse, settings load, JSON and Python are such, links have an end."""

from __future__ import annotations

import ast
import json
import re
import shlex
import subprocess
from pathlib import Path

import click
import pytest

from tests.blocks import PAGES, Block, anchors, blocks, commands, links, prose
from tests.support import ROOT
from z2ctl.cli.app import App, cli
from z2ctl.tui.settings import read_settings
from z2d.__main__ import main as daemon
from z2d.api.routes import routes
from z2d.config import OF_OTHERS, Settings, load
from z2d.publish.settings import TargetTrouble, read_targets

PROGRAMS = {"z2ctl": cli, "z2d": daemon}


@pytest.fixture(autouse=True)
def files_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """The files that a command line names are the reader's."""
    for kind in (click.File, click.Path):
        monkeypatch.setattr(kind, "convert", lambda _self, value, _param, _ctx: value)


def parse(command: click.Command, words: list[str], name: str, parent: click.Context | None = None) -> None:
    """Resolve verbs, options, choices and numbers of a command line; nothing runs."""
    app = App(url=None, socket_path=None, token_file=None, ascii_only=False)
    with command.make_context(name, list(words), parent=parent, obj=app) as ctx:
        if isinstance(command, click.Group) and (rest := [*ctx._protected_args, *ctx.args]):
            verb, found, more = command.resolve_command(ctx, rest)
            assert verb and found
            parse(found, more, verb, ctx)


@pytest.mark.parametrize("block", blocks("sh", "bash", "console"), ids=str)
def test_every_command_line_is_one(block: Block) -> None:
    for words in commands(block, *PROGRAMS):
        try:
            parse(PROGRAMS[words[0]], words[1:], words[0])
        except click.ClickException as error:
            pytest.fail(f"{words}: {error.format_message()}")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_command_named_in_a_sentence_is_one(page: Path) -> None:
    """`z2ctl retry ID`: words in capitals stand for a value, and so does a verb for all that it takes."""
    for span in re.findall(r"`(z2(?:ctl|d) [^`\n|]+)`", prose(page)):
        words = ["1" if word in {"ID", "N"} else word for word in shlex.split(span)]
        try:
            parse(PROGRAMS[words[0]], words[1:], words[0])
        except (click.MissingParameter, click.exceptions.NoArgsIsHelpError):
            continue
        except click.BadOptionUsage as error:
            assert words[-1] == error.option_name, span  # an option alone stands for all its values
        except click.ClickException as error:
            pytest.fail(f"{span}: {error.format_message()}")


@pytest.mark.parametrize(
    "line", ["z2ctl lst", "z2ctl list --statsu failed", "z2ctl queue slots", "z2ctl retry 1 --from x"]
)
def test_a_command_line_that_is_none_is_noticed(line: str) -> None:
    with pytest.raises(click.ClickException):
        parse(cli, line.split()[1:], "z2ctl")


def test_commands_are_found_wherever_a_shell_has_them() -> None:
    text = (
        'A=$(z2ctl list --json | jq .) && sudo -u z2 z2ctl show 1; Z2_SLOTS=1 z2d serve & # z2ctl no\necho "z2ctl no"\n'
    )
    found = list(commands(Block(ROOT, 1, "sh", text), *PROGRAMS))
    assert found == [["z2ctl", "list", "--json"], ["z2ctl", "show", "1"], ["z2d", "serve"]]


@pytest.mark.parametrize("block", blocks("sh"), ids=str)
def test_every_shell_block_is_shell(block: Block) -> None:
    done = subprocess.run(["bash", "-n"], input=block.text, capture_output=True, text=True, timeout=10, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_no_page_names_a_setting_that_does_not_exist() -> None:
    known = {f"Z2_{name.upper()}" for name in Settings.model_fields} | OF_OTHERS
    for page in PAGES:
        named = set(re.findall(r"\bZ2_[A-Z_]+[A-Z]\b", page.read_text(encoding="utf-8")))
        assert named - known <= {"Z2_SNAPSHOTS"}, page.name  # the tests' own


def test_no_page_names_a_call_that_does_not_exist() -> None:
    table = [(one.method, re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(one.path)))) for one in routes()]
    for page in PAGES:
        for method, path in re.findall(r"\b(GET|POST|PUT|PATCH|DELETE) (/[\w/{}.-]+)", page.read_text("utf-8")):
            known = any(method == verb and shape.fullmatch(path.rstrip(".")) for verb, shape in table)
            assert known, f"{page.name}: {method} {path}"


@pytest.mark.parametrize("block", blocks("toml"), ids=str)
def test_every_settings_block_is_accepted(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("Z2_STATE_DIR", "STATE_DIRECTORY"):
        monkeypatch.setenv(name, str(tmp_path))
    file = tmp_path / "z2.toml"
    file.write_text(block.text, encoding="utf-8")
    if block.page.name == "dashboard.md":  # the dashboard's own tui.toml
        assert read_settings(file).faults == ()
        return
    settings = load(file, {})
    try:
        read_targets(settings.targets, forbidden=None)
    except TargetTrouble as trouble:
        # the files with the secrets are the reader's own, and so are the optional packages
        other = [said for said in trouble.problems if "No such file" not in said and "pip install" not in said]
        assert not other


@pytest.mark.parametrize("block", blocks("json"), ids=str)
def test_every_json_block_is_json(block: Block) -> None:
    json.loads(block.text)


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_every_python_block_is_python(block: Block) -> None:
    ast.parse(block.text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in links(page):
        if link.startswith(("https://", "http://", "mailto:")):
            continue
        target, _, anchor = link.partition("#")
        place = (page.parent / target).resolve() if target else page
        assert place.exists(), link
        assert place.is_relative_to(ROOT), f"{link} leads out of the repository"
        if anchor and place.suffix == ".md":
            assert anchor in anchors(place), f"{link}: its headings are {sorted(anchors(place))}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_page_is_finished_and_of_no_machine(page: Path) -> None:
    unfinished = re.search(r"\b(TODO|FIXME|TBD|XXX|[Ll]orem ipsum|coming soon)\b", prose(page))
    assert not unfinished, unfinished
    somebody = re.search(r"/(home|Users)/\w+|/tmp/\w+/|/root/", page.read_text(encoding="utf-8"))
    assert not somebody, somebody


def test_every_page_can_be_reached_from_the_first() -> None:
    seen: set[Path] = set()
    to_see = [ROOT / "README.md"]
    while to_see:
        page = to_see.pop()
        if page in seen:
            continue
        seen.add(page)
        found = [(page.parent / link.partition("#")[0]).resolve() for link in links(page) if "://" not in link]
        to_see += [one for one in found if one.suffix == ".md" and one.exists()]
    assert set(PAGES) <= seen, [page.name for page in PAGES if page not in seen]
