"""`z2ctl doctor`: what is missing, and what to do about it. Works best when nothing else does."""

from __future__ import annotations

import click

from z2ctl import text
from z2ctl.cli.app import DONE, FAILED, App, leave
from z2ctl.cli.check import Check
from z2ctl.cli.output import Cell, Page
from z2ctl.cli.parameters import json_option
from z2ctl.cli.shell import own_version
from z2ctl.client import Client, Json
from z2d.wire import errors

API = 1
LOOKS = {
    "ok": text.Look("✓", "+", "ok", "success"),
    "warning": text.Look("▲", "!", "warning", "warning"),
    "wrong": text.Look("✗", "x", "wrong", "error"),
}


@click.command("doctor")
@json_option
@click.pass_obj
def doctor_command(app: App) -> None:
    """Check the daemon and this machine. Exit code 1 when something is wrong."""
    from z2ctl.cli import machine

    endpoint = app.endpoint
    checks = daemon_checks(app.client)
    if endpoint.socket is not None:
        checks += [machine.socket_check(endpoint.socket), *machine.checks()]
    bad = any(check.state == "wrong" for check in checks)
    if app.out.as_json:
        app.out.json(
            {
                "ok": not bad,
                "socket": str(endpoint.socket) if endpoint.socket else None,
                "url": endpoint.url,
                "checks": [check._asdict() for check in checks],
            }
        )
    else:
        show(app, app.out.page(), checks)
    leave(FAILED if bad else DONE)


def show(app: App, page: Page, checks: list[Check]) -> None:
    """Print the checks; what is not in order with its remedy below."""
    width = max(len(check.name) for check in checks)
    for check in checks:
        look = LOOKS[check.state]
        page.write(Cell(app.out.glyph(look), look.style), Cell(check.name, "", width), Cell(check.detail, "dim"))
        if check.remedy:
            page.write(Cell(check.remedy), indent=width + 3)


def daemon_checks(client: Client) -> list[Check]:
    """Whether the daemon answers, is able to work, and is of this client's version."""
    try:
        version = client.version()
        health = client.ready()
    except errors.DaemonUnreachable as error:
        return [Check("daemon", "wrong", "does not answer", error.detail)]
    except errors.Z2Error as error:
        return [Check("daemon", "wrong", f"refuses ({error.code})", error.detail)]
    found = [_version_check(version)]
    for name, part in health["parts"].items():
        state = "ok" if part["ok"] else "wrong"
        remedy = "" if part["ok"] else REMEDIES.get(name, "The daemon's log says more.")
        found.append(Check(f"daemon: {name}", state, part.get("detail") or "in order", remedy))
    return found


REMEDIES = {
    "database": "Look at PostgreSQL's log in the state folder, or at the server that Z2_DATABASE_URL names.",
    "listener": "It connects again by itself; if it stays so, look at the database.",
    "disk": "Free some room where the state folder lies; the queue goes on by itself.",
    "worker": "Restart z2d; its jobs go on where they were.",
}


def _version_check(version: Json) -> Check:
    own, theirs = own_version(), str(version["version"])
    detail = f"z2d {theirs}, schema {version.get('schema')}, PostgreSQL {version.get('postgresql')}"
    if version.get("api") != API:
        return Check(
            "daemon", "wrong", detail, f"It speaks API {version.get('api')}, this z2ctl {API}: install the same."
        )
    if own != theirs:
        return Check("daemon", "warning", detail, f"This z2ctl is {own}: restart z2d if it was updated meanwhile.")
    return Check("daemon", "ok", detail)
