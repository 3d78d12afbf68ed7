"""`z2ctl doctor`: what is wrong, why that matters, and what to do about it. Works best when nothing else does.

The daemon is asked what it finds; what only this machine can tell is looked at here, and so is everything that the
daemon would have said when there is none.
"""

from __future__ import annotations

import click

from z2ctl import text
from z2ctl.cli.app import DONE, FAILED, App, leave
from z2ctl.cli.check import Check
from z2ctl.cli.output import Cell, Page, say
from z2ctl.cli.parameters import json_option
from z2ctl.cli.shell import own_version
from z2ctl.client import DOCTOR_SAYS, Client, Json
from z2d.wire import errors, places

API = 1
SELF_TEST_S = 300.0
LOOKS = {
    "ok": text.Look("✓", "+", "ok", "success"),
    "warning": text.Look("▲", "!", "warning", "warning"),
    "wrong": text.Look("✗", "x", "wrong", "error"),
}


@click.command("doctor")
@click.option("--fix", is_flag=True, help="Repair modes, owners, missing folders and a dead socket. Nothing is lost.")
@click.option("--self-test", is_flag=True, help="Send the clip that comes with z2 through every stage, then delete it.")
@json_option
@click.pass_obj
def doctor_command(app: App, fix: bool, self_test: bool) -> None:
    """Check the daemon and this machine. Exit code 1 when something is wrong."""
    checks = _look(app, fix=fix)
    if self_test:
        from z2ctl.cli import self_test as test

        say("Sending the sample clip through every stage ...")
        checks += test.self_test(app.client, within_s=SELF_TEST_S)
    endpoint = app.endpoint
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


def _look(app: App, *, fix: bool) -> list[Check]:
    """Everything that is found, repaired where `fix` says so."""
    from z2ctl.cli import machine, repairs

    endpoint = app.endpoint
    mended: list[Check] = []
    if endpoint.socket is not None:  # first of all: what is repaired may be what the daemon lacks
        faults = repairs.faults(places.state_dir(), endpoint.socket, places.token_file())
        mended = [repairs.mend(fault) if fix else fault.check for fault in faults]
    checks = daemon_checks(app.client)
    if endpoint.socket is not None:
        local = [machine.socket_check(endpoint.socket), *machine.checks()]
        known = {check.name for check in checks}  # the daemon sees its own tools and folders best
        checks += [check._replace(why=WHY.get(check.name, "")) for check in local if check.name not in known]
    return [*checks, *mended]


def show(app: App, page: Page, checks: list[Check]) -> None:
    """Print the checks; what is not in order with its remedy below."""
    width = max(len(check.name) for check in checks)
    for check in checks:
        look = LOOKS[check.state]
        page.write(Cell(app.out.glyph(look), look.style), Cell(check.name, "", width), Cell(check.detail, "dim"))
        if check.state != "ok":
            for words in (check.why, check.remedy):
                if words:
                    page.write(Cell(words, "dim" if words == check.why else ""), indent=width + 3)


def daemon_checks(client: Client) -> list[Check]:
    """Whether the daemon answers, is able to work, and is of this client's version."""
    try:
        version = client.version()
        health = client.ready()
    except errors.DaemonUnreachable as error:
        return [Check("daemon", "wrong", "does not answer", error.detail.replace(DOCTOR_SAYS, "."))]
    except errors.Z2Error as error:
        return [Check("daemon", "wrong", f"refuses ({error.code})", error.detail)]
    found = [_version_check(version)]
    for name, part in health["parts"].items():
        state = "ok" if part["ok"] else "wrong"
        remedy = "" if part["ok"] else REMEDIES.get(name, "The daemon's log says more.")
        found.append(Check(f"daemon: {name}", state, part.get("detail") or "in order", remedy, WHY.get(name, "")))
    return [*found, *_findings(client)]


def _findings(client: Client) -> list[Check]:
    """What the daemon says of itself. An older one has no word for it."""
    try:
        said = client.diagnosis()
    except errors.NotFound:
        return []
    except errors.Z2Error as error:
        return [Check("diagnosis", "wrong", f"refused ({error.code})", error.detail)]
    return [Check(one["name"], one["state"], one["detail"], one["remedy"], one["why"]) for one in said]


REMEDIES = {
    "database": "Look at PostgreSQL's log in the state folder, or at the server that Z2_DATABASE_URL names.",
    "listener": "It connects again by itself; if it stays so, look at the database.",
    "disk": "Free some room where the state folder lies; the queue goes on by itself.",
    "worker": "Restart z2d; its jobs go on where they were.",
}
WHY = {
    "database": "Everything z2 knows stands in it.",
    "listener": "Without notifications z2 looks for work every few seconds only.",
    "disk": "Nothing starts before there is room.",
    "worker": "Nothing starts without one.",
    "socket": "z2ctl and the dashboard reach z2d over it.",
    "state folder": "Jobs, uploads and the embedded database are in it.",
    "ffmpeg": "Every download is checked with it, and turned into sound.",
    "JavaScript": "YouTube hands out its streams only to who can run its scripts.",
    "yt-dlp": "Sites change every week, and yt-dlp follows them.",
    "PostgreSQL": "z2d starts a server of its own unless one is named.",
    "analysis": "Without it jobs end without summary and chapters.",
    "speech to text": "Videos without captions get their transcript from it.",
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
