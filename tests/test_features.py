"""Nothing is to be had in one of API, command line and dashboard alone without somebody having said why."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

from docs.features import FEATURES, LOOKING, Feature
from tests.support import ROOT
from tests.test_docs import verbs
from z2ctl.cli.app import cli
from z2ctl.tui.keymap import KEYS
from z2d.api.routes import routes

SOCKETS = {"GET /ws/jobs/status": "status_feed", "GET /ws/jobs/{}/logs": "log_feed"}


def without_names(call: str) -> str:
    return re.sub(r"\{[^{}]*(\([^)]*\))?\}", "{}", call.partition("?")[0])


def called_by_the_client() -> dict[str, set[str]]:
    """Call -> the functions of `z2ctl` that make it, read off its code."""
    found = {call: {name} for call, name in SOCKETS.items()}
    source = (ROOT / "z2ctl/client.py").read_text("utf-8")
    for function in ast.walk(ast.parse(source)):
        if not isinstance(function, ast.FunctionDef):
            continue
        body = ast.get_source_segment(source, function) or ""
        for method, path in re.findall(r'"(GET|POST|PUT|PATCH|DELETE)", f?"(/[^"]*)"', body):
            found.setdefault(without_names(f"{method} {path}"), set()).add(function.name)
    return found


CLIENT = called_by_the_client()


def used_in(room: str) -> set[str]:
    """The functions of the client and the feeds that this part of `z2ctl` uses."""
    text = "\n".join(path.read_text("utf-8") for path in Path(ROOT / "z2ctl" / room).rglob("*.py"))
    return set(re.findall(r"\b[cC]lient\.([a-z_]+)", text)) | {name for name in SOCKETS.values() if f"{name}(" in text}


def names_of(one: Feature) -> set[str]:
    return set().union(*(CLIENT.get(without_names(call), set()) for call in one.calls))


def test_every_call_verb_and_key_has_its_line() -> None:
    """Who adds one enters it in docs/features.py, with its place in the other two or the reason why there is none."""
    assert {call for one in FEATURES for call in one.calls} == {f"{route.method} {route.path}" for route in routes()}
    assert {verb for one in FEATURES for verb in one.verbs} == {name.removeprefix("z2ctl ") for name in verbs(cli)}
    assert {key for one in FEATURES for key in one.keys} | LOOKING == {key.id for key in KEYS}
    assert not {key for one in FEATURES for key in one.keys} & LOOKING
    assert not [what for what, times in Counter(one.what for one in FEATURES).items() if times > 1]


def test_every_screen_that_is_named_is_there() -> None:
    there = {path.stem for path in (ROOT / "z2ctl/tui/screens").glob("*.py")}
    assert {screen for one in FEATURES for screen in one.screens} <= there


@pytest.mark.parametrize("one", FEATURES, ids=[one.what for one in FEATURES])
def test_what_is_missing_somewhere_has_a_reason(one: Feature) -> None:
    everywhere = bool(one.calls and one.verbs and (one.keys or one.screens))
    assert everywhere is not bool(one.why)


@pytest.mark.parametrize("one", [one for one in FEATURES if one.calls], ids=lambda one: one.what)
def test_what_is_named_does_it(one: Feature) -> None:
    """Verb and key are believed only where that part of the client makes such a call; and "not here" only where not."""
    assert bool(names_of(one) & used_in("cli")) is bool(one.verbs)
    assert bool(names_of(one) & used_in("tui")) is bool(one.keys or one.screens)
