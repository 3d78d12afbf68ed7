"""The house rules that no linter knows: where SQL may stand, how big a room is, what imports cost."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted(path for room in ("z2d", "z2ctl") for path in (ROOT / room).rglob("*.py"))
SQL = re.compile(
    r"\b(SELECT\s.+\sFROM|INSERT\s+INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM|CREATE\s+(TABLE|DATABASE|ROLE)|ALTER\s+\w+)\b",
    re.DOTALL,
)
# the embedded server makes its own role and database before any store exists
SQL_ROOMS = ("z2d/store/", "z2d/postgres/")
# feed.py carries whatever a thread raises, whole, to the task that waits for it
BROAD_ROOMS = ("z2d/worker", "z2d/api/middleware.py", "z2ctl/tui/feed.py")
DEAF_TO_THE_CLOCK = ("z2d/worker/", "z2d/store/", "z2d/pipeline/", "z2d/bus.py")
# log lines and statistics say when something was, for people
TIMES_FOR_PEOPLE = {"z2d/store/lines.py", "z2d/store/log_writer.py", "z2d/store/stats.py"}
LONGEST_FILE = 420
LONGEST_FUNCTION = 70


@cache
def rooms() -> dict[str, ast.Module]:
    """Every module, by its path in the repository."""
    return {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES}


def nodes(spared: Iterable[str] = (), within: tuple[str, ...] = ("",)) -> Iterator[tuple[str, ast.AST]]:
    """Every node of the rooms `within`, but of those that are `spared` (both: how paths begin), and where it stands."""
    for name, tree in rooms().items():
        if name.startswith(within) and not name.startswith(tuple(spared)):
            for node in ast.walk(tree):
                yield f"{name}:{getattr(node, 'lineno', 0)}", node


def strings_of(tree: ast.AST) -> Iterator[ast.Constant]:
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node


def test_sql_stands_only_in_the_store() -> None:
    found = [
        f"{name}:{node.lineno}"
        for name, tree in rooms().items()
        if not name.startswith(SQL_ROOMS)
        for node in strings_of(tree)
        if SQL.search(str(node.value))
    ]
    assert not found, f"SQL outside schema.sql and z2d/store: {found}"


def test_rooms_stay_small() -> None:
    lengths = {path.relative_to(ROOT): path.read_text(encoding="utf-8").count("\n") for path in SOURCES}
    long = [f"{name} has {lines} lines" for name, lines in lengths.items() if lines > LONGEST_FILE]
    long += [
        f"{where} {node.name} has {lines} lines"
        for where, node in nodes()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > LONGEST_FUNCTION
    ]
    assert not long, f"to be split: {long}"


def test_everything_is_caught_only_around_a_job_and_in_the_middleware() -> None:
    broad = [
        where
        for where, node in nodes(spared=BROAD_ROOMS)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or (isinstance(node.type, ast.Name) and node.type.id in {"Exception", "BaseException"}))
    ]
    assert not broad, f"catches everything: {broad}"


def test_every_task_has_a_name() -> None:
    unnamed = [
        where
        for where, node in nodes()
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "create_task"
        and not any(keyword.arg == "name" for keyword in node.keywords)
    ]
    assert not unnamed, f"tasks without a name: {unnamed}"


def test_work_goes_by_the_database_s_clock_or_by_none() -> None:
    """The clock of a machine may jump by a day: leases, waits and durations must not notice."""
    asked = [
        where
        for where, node in nodes(spared=TIMES_FOR_PEOPLE, within=DEAF_TO_THE_CLOCK)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and (node.value.id, node.attr)
        in {("time", "time"), ("datetime", "now"), ("datetime", "utcnow"), ("date", "today")}
    ]
    assert not asked, f"asks the clock of the machine: {asked}"


def test_the_packages_are_empty_at_their_root() -> None:
    assert (ROOT / "z2d/__init__.py").read_text() == ""
    assert (ROOT / "z2ctl/__init__.py").read_text() == ""


def test_the_schema_travels_with_the_package() -> None:
    link = ROOT / "z2d/schema.sql"
    assert link.is_symlink()
    assert link.resolve() == ROOT / "schema.sql"


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("z2ctl.__main__", {"aiohttp", "asyncio", "textual", "rich", "pydantic", "yt_dlp", "asyncpg"}),
        ("z2d.wire.errors", {"pydantic", "aiohttp"}),
        ("z2d.__main__", {"aiohttp", "yt_dlp", "numpy"}),
        ("z2d.daemon", {"yt_dlp", "numpy"}),
        ("z2d.daemon.serve", {"yt_dlp", "numpy", "apprise", "obstore", "requests"}),
        ("z2d.media.leash", {"asyncio", "pydantic", "yt_dlp"}),
    ],
)
def test_importing_a_room_does_not_load_what_it_may_not_need(module: str, unwanted: set[str]) -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", f"import sys, {module}; print(*sorted(m for m in sys.modules if '.' not in m))"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout.split()
    assert not unwanted & set(loaded)


def test_the_repository_holds_no_foreign_address() -> None:
    """No package registry, no folder of a developer's machine, in any file git knows."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    foreign = ["pypi" + r"\.org", "files" + r"\.pythonhosted", "registry" + r"\.npmjs", "/work" + "/(main|shared)"]
    words = re.compile("|".join(foreign))
    for name in listed:
        path = ROOT / name
        if path.suffix in {".mp4", ".png", ".svg", ".jpg"} or not path.is_file():
            continue
        found = words.search(path.read_text(encoding="utf-8", errors="replace"))
        assert not found, f"{name} says {found and found[0]!r}"
