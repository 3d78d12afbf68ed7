"""Writes the reference pages from the code itself, and what docs/man.py makes: `make docs`.

A test compares what is written with what would be, so the pages cannot fall behind.
"""

from __future__ import annotations

import ast
import inspect
from itertools import pairwise
from pathlib import Path

from pydantic_core import PydanticUndefined

from docs import api_examples, features, schema_page
from z2ctl.cli.app import exit_code
from z2d import config
from z2d.api.routes import routes
from z2d.config import NEEDS_RESTART, Settings
from z2d.pipeline.policy import RULES, Rule
from z2d.wire import errors
from z2d.wire.jobs import WaitReason
from z2d.wire.reasons import COOKIES, HINTS, ErrorClass

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

Every call in one table. How to call, with examples in curl and Python: [the guide](guide/api.md). Each call with
requests and answers: [api-examples.md](api-examples.md). Parameters and bodies in full: the OpenAPI 3.1 document at
`/api/openapi.json`, made from the same table, or as a page at `/api/docs`.

| call | what it is for |
|---|---|
"""

ERRORS = """# Errors

Codes are stable: programs may rely on them; the words beside them may change.

## Of a call

`code` of an `application/problem+json` answer, its HTTP status, and the exit code of `z2ctl`.

| code | status | exit | what it means |
|---|---|---|---|
"""

CLASSES = """
## Of a job

`error.code` of a job that has failed, or of the last try of one that waits. "Again" means: with growing pauses, as
often as the job has attempts (five). What a person can do is said with every such job (`hint`).

| code | what z2 does | what a person can do |
|---|---|---|
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


def errors_page() -> str:
    """docs/errors.md."""
    calls = [
        f"| `{code}` | {kind.status} | {exit_code(kind())} | {kind.title()} |"
        for code, kind in sorted(errors.by_code().items(), key=lambda item: (item[1].status, item[0]))
    ]
    cookies = COOKIES.replace("z2ctl cookies set {site} FILE", "`z2ctl cookies set SITE FILE`")
    classes = [
        f"| `{one}` | {treatment(RULES[one])} | {HINTS[one].replace('{cookies}', cookies)} |" for one in ErrorClass
    ]
    return FIRST + ERRORS + "\n".join(calls) + "\n" + CLASSES + "\n".join(classes) + "\n"


def treatment(rule: Rule) -> str:
    """What the retry policy does about an error class, in a few words."""
    if rule.retries == 0:
        return "ends the job"
    low, high = (span(seconds) for seconds in rule.wait_s)
    wait = f"after {low}" if low == high else f"after {low} to {high}"
    if rule.gate:
        return f"the site is left alone, {wait} one job tries; costs no attempt"
    if not rule.counts:
        also = ", or at the announced time" if rule.reason is WaitReason.LIVE_NOT_STARTED else ""
        return f"looks again {wait}{also}; costs no attempt"
    return f"again {wait}" if rule.retries is None else f"again {wait}, {rule.retries}x at most"


def span(seconds: float) -> str:
    """A number of seconds in its largest whole unit."""
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def schema() -> str:
    """docs/schema.md."""
    return FIRST + schema_page.page()


def examples() -> str:
    """docs/api-examples.md."""
    return FIRST + api_examples.page()


def everything() -> str:
    """docs/features.md."""
    return FIRST + features.page()


PAGES = {
    "settings.md": settings_page,
    "api.md": api_page,
    "api-examples.md": examples,
    "errors.md": errors_page,
    "schema.md": schema,
    "features.md": everything,
}

if __name__ == "__main__":
    from docs import man

    for name, page in (PAGES | man.PAGES).items():
        (HERE / name).write_text(page(), encoding="utf-8")
