"""The command line opens the dashboard that it was handed, with the flags a person gave."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from z2ctl.cli.app import USAGE, Neighbour, run
from z2ctl.cli.dashboard import THEMES
from z2ctl.client import Endpoint
from z2ctl.tui import settings


def test_the_flags_reach_the_dashboard() -> None:
    seen: dict[str, Any] = {}

    def dashboard(find: Callable[[], Endpoint], **options: Any) -> int:
        seen.update(options, place=find().words())
        return 7

    words = [
        "--ascii",
        "--url",
        "http://127.0.0.1:1",
        "tui",
        "--theme",
        "light",
        "--no-mouse",
        "--read-only",
        "--plain",
    ]
    assert run(words, neighbour=Neighbour(dashboard)) == 7
    assert seen == {
        "place": "http://127.0.0.1:1",
        "theme": "light",
        "ascii_only": True,
        "mouse": False,
        "read_only": True,
        "plain": True,
    }


@pytest.mark.parametrize(("encoding", "ascii_only"), [("latin-1", True), ("utf-8", False)])
def test_a_terminal_without_utf8_gets_ascii_signs(
    monkeypatch: pytest.MonkeyPatch, encoding: str, ascii_only: bool
) -> None:
    seen: dict[str, Any] = {}
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    assert run(["tui"], neighbour=Neighbour(lambda _find, **options: seen.update(options) or 0)) == 0
    assert seen["ascii_only"] is ascii_only, "and not a question mark in the place of each sign"


def test_without_a_dashboard_the_verbs_say_so() -> None:
    assert run(["tui"]) == USAGE
    assert run(["keys"]) == USAGE


def test_the_themes_are_those_of_the_dashboard() -> None:
    assert THEMES == settings.THEMES


def test_the_keys_are_printed_as_they_are_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    neighbour = Neighbour(None, settings.key_table)
    assert run(["keys"], neighbour=neighbour) == 0
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert ["in the list", "list.search", "/"] in [line[:3] for line in lines]
    (tmp_path / "z2").mkdir()
    (tmp_path / "z2" / "tui.toml").write_text('[keys]\n"list.search" = "f3"\n"list.nonsense" = "x"\n')
    assert run(["keys", "--json"], neighbour=neighbour) == USAGE, "a fault in the file is a fault"
    said = capsys.readouterr()
    assert {"place": "in the list", "name": "list.search", "keys": "f3"}.items() <= next(
        json.loads(line) for line in said.out.splitlines() if "list.search" in line
    ).items()
    assert "there is no action 'list.nonsense'" in said.err
