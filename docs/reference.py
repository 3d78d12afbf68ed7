"""Writes the two reference pages from the code itself, and what docs/man.py makes: `make docs`.

A test compares what is written with what would be, so the pages cannot fall behind.
"""

from __future__ import annotations

import ast
import inspect
from itertools import pairwise
from pathlib import Path

from pydantic_core import PydanticUndefined

from z2d import config
from z2d.api.routes import routes
from z2d.config import NEEDS_RESTART, Settings

HERE = Path(__file__).parent
FIRST = "<!-- written by docs/reference.py; change the code, then run: make docs -->\n\n"

SETTINGS = """# Settings

From `z2.toml` (`--config`, else `/etc/z2/z2.toml`, `$XDG_CONFIG_HOME/z2/z2.toml`), then the environment, then
flags. In the file a setting has its name in lower case and without `Z2_`: `slots = 4`. A name or a value that z2
does not know is refused, with the place it stands in. Secrets are read from files (mode 0600) or systemd
credentials.

`z2ctl` reads `Z2_SOCKET`, `Z2_URL` (a daemon over TCP or behind nginx), `Z2_TOKEN` and `Z2_TOKEN_FILE` as well.

**A running daemon reads its settings anew on SIGHUP** (`systemctl reload z2d`, `kill -HUP PID`). Those with "at once"
below then hold for everything that begins; jobs in hand end as they began. Those with "restart" wait for the next
start, and the log names them. A file with a mistake in it changes nothing: one line in the log says what is wrong.

| variable | default | takes effect | meaning |
|---|---|---|---|
"""

API = """# The API

Every call in one table; parameters, bodies and an example of each stand in the OpenAPI 3.1 document at
`/api/openapi.json`, which is made from the same table. Errors are `application/problem+json` (RFC 9457) with a
stable `code`. Over TCP every call but `/healthz` needs `Authorization: Bearer TOKEN`; a WebSocket may send it as
the subprotocols `z2, bearer.TOKEN`.

| call | what it is for |
|---|---|
"""


def meanings() -> dict[str, str]:
    """The docstring under each field of `Settings`."""
    [found] = [node for node in ast.parse(inspect.getsource(config)).body if getattr(node, "name", "") == "Settings"]
    body = found.body if isinstance(found, ast.ClassDef) else []
    return {
        field.target.id: " ".join(str(words.value.value).split())
        for field, words in pairwise(body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(words, ast.Expr)
        and isinstance(words.value, ast.Constant)
    }


def shown(default: object) -> str:
    """A default as it would be written."""
    if default is PydanticUndefined or default in (None, (), {}) or not isinstance(default, str | int | float | bool):
        return ""
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def effect(name: str) -> str:
    """When a changed setting holds in a daemon that runs."""
    return "restart" if name in NEEDS_RESTART else "at once"


def settings_page() -> str:
    """docs/settings.md."""
    said = meanings()
    rows = [
        f"| `Z2_{name.upper()}` | {shown(field.default)} | {effect(name)} | {said[name]} |"
        for name, field in Settings.model_fields.items()
    ]
    return FIRST + SETTINGS + "\n".join(rows) + "\n"


def api_page() -> str:
    """docs/api.md."""
    rows = [f"| `{route.method} {route.path}` | {route.summary} |" for route in routes()]
    return FIRST + API + "\n".join(rows) + "\n"


PAGES = {"settings.md": settings_page, "api.md": api_page}

if __name__ == "__main__":
    from docs import man

    for name, page in (PAGES | man.PAGES).items():
        (HERE / name).write_text(page(), encoding="utf-8")
