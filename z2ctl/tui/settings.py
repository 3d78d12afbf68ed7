"""What a person set (tui.toml, flags, environment) and what the dashboard remembers by itself (tui.json).

A wrong line in either file never keeps the dashboard from opening: it is said once, and the default is used.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from z2ctl.tui import keymap
from z2ctl.tui.jobs import SORTS, TABS

THEMES = ("auto", "dark", "light", "terminal", "terminal-light")


@dataclass(frozen=True, slots=True)
class Settings:
    """How the dashboard is to look and behave; all of it can stand in tui.toml."""

    theme: str = "auto"
    ascii: bool = False
    mouse: bool = True
    read_only: bool = False
    keys: Mapping[str, str] = field(default_factory=dict)
    faults: tuple[str, ...] = ()


@dataclass(slots=True)
class Memory:
    """What is remembered from one time to the next."""

    theme: str = ""
    tab: str = "all"
    sort: str = "created_at"
    descending: bool = True
    log_pane: bool = True
    preview: bool = True
    wrap: bool = False
    detail_tab: str = "overview"
    selected: int | None = None


def config_file(env: Mapping[str, str] = os.environ) -> Path:
    """`$XDG_CONFIG_HOME/z2/tui.toml`."""
    return Path(env.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "z2" / "tui.toml"


def spoken(path: Path) -> str:
    """A path as a person writes it, from the home folder on."""
    return f"~/{path.relative_to(Path.home())}" if path.is_relative_to(Path.home()) else str(path)


def memory_file(env: Mapping[str, str] = os.environ) -> Path:
    """`$XDG_STATE_HOME/z2/tui.json`."""
    return Path(env.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "z2" / "tui.json"


def read_settings(path: Path) -> Settings:
    """The settings of a file; without one, the defaults. What is wrong stands in `faults`."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Settings()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        return Settings(faults=(f"{path}: {error}",))
    faults: list[str] = []
    given: dict[str, Any] = {}
    for name, value in data.items():
        if name == "keys" and isinstance(value, dict):
            keys, wrong = keymap.check(_flat(value))
            given["keys"] = keys
            faults.extend(wrong)
        elif name == "theme" and value in THEMES:
            given["theme"] = value
        elif name in ("ascii", "mouse", "read_only") and isinstance(value, bool):
            given[name] = value
        elif name == "theme":
            faults.append(f"theme = {value!r} is none of {', '.join(THEMES)}")
        else:
            faults.append(f"{name} = {value!r} is not a setting of the dashboard, or not of the right kind")
    return Settings(**given, faults=tuple(f"{path}: {fault}" for fault in faults))


def key_table(env: Mapping[str, str] = os.environ) -> tuple[list[tuple[str, str, str, str]], list[str]]:
    """Place, id, keys as they are bound, and words of every action; and what is wrong in the file."""
    settings = read_settings(config_file(env))
    rows = [
        (keymap.SCOPES[key.scope], key.id, keymap.shown(settings.keys.get(key.id, key.keys)), key.words)
        for key in keymap.KEYS
    ]
    return rows, list(settings.faults)


def _flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """`list.new = "x"` in TOML is a table in a table: back to names with dots."""
    flat: dict[str, Any] = {}
    for name, value in table.items():
        if isinstance(value, dict):
            flat.update(_flat(value, f"{prefix}{name}."))
        else:
            flat[prefix + name] = value
    return flat


def recall(path: Path) -> Memory:
    """What was remembered; anything that cannot be is forgotten."""
    memory = Memory()
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return memory
    if not isinstance(data, dict):
        return memory
    for each in fields(Memory):
        value = data.get(each.name)
        default = getattr(memory, each.name)
        fits = isinstance(value, type(default)) if default is not None else isinstance(value, int)
        if fits:
            setattr(memory, each.name, value)
    if memory.tab not in dict(TABS):
        memory.tab = "all"
    if memory.sort not in SORTS:
        memory.sort = "created_at"
    if memory.theme not in THEMES:
        memory.theme = ""
    return memory


def remember(path: Path, memory: Memory) -> None:
    """Write it down whole or not at all; a folder that cannot be written is no reason to complain."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".tui-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(asdict(memory), file, indent=1)
            Path(name).replace(path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
