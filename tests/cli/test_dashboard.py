"""The command line opens the dashboard that it was handed, with the flags a person gave."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from z2ctl.cli.app import USAGE, run
from z2ctl.client import Endpoint


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
    assert run(words, dashboard=dashboard) == 7
    assert seen == {
        "place": "http://127.0.0.1:1",
        "theme": "light",
        "ascii_only": True,
        "mouse": False,
        "read_only": True,
        "plain": True,
    }


def test_without_a_dashboard_the_verb_says_so() -> None:
    assert run(["tui"]) == USAGE
