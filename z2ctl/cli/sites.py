"""`z2ctl profiles` and `z2ctl cookies`: named sets of options, and what lets z2 in where a site wants an account."""

from __future__ import annotations

from typing import Any, TextIO

import click

from z2ctl import text
from z2ctl.cli.app import App
from z2ctl.cli.output import Cell, Column, say
from z2ctl.cli.parameters import json_option
from z2ctl.client import Json

LARGEST_FILE = 512 * 1024


@click.command("profiles", short_help="List the profiles: sets of options under a name.")
@json_option
@click.pass_obj
def profiles_command(app: App) -> None:
    """List the profiles: sets of options under a name, for 'z2ctl submit --profile NAME'.

    They stand in z2.toml, as tables [profiles.NAME].
    """
    found = app.client.profiles()
    if app.out.as_json:
        for one in found:
            app.out.json(one)
        return
    usual = next(one["options"] for one in found if one["name"] == "default")
    page = app.out.page()
    for one in found:
        page.heading(one["name"])
        if one["description"]:
            page.paragraph(one["description"], indent=2)
        page.write(Cell(said(one, usual), "dim"), indent=2)


def said(profile: Json, usual: dict[str, Any]) -> str:
    """What a profile asks for, in one line; of those other than `default`, only what they change."""
    options = profile["options"]
    if profile["name"] == "default":
        options = {name: value for name, value in options.items() if value not in (None, [], False, 0, "any")}
    else:
        options = {name: value for name, value in options.items() if usual.get(name) != value}
    words = [f"{name}={_word(value)}" for name, value in options.items()]
    return ", ".join([*words, *(["through a proxy"] if profile["proxy"] else [])]) or "nothing special"


def _word(value: object) -> str:
    if isinstance(value, list):
        return "+".join(map(str, value)) or "none"
    return str(value).lower()


@click.group(
    "cookies",
    context_settings={"help_option_names": ["-h", "--help"]},
    short_help="Set, list and remove the cookies of sites.",
)
def cookies_command() -> None:
    """Cookies of sites: give z2 those of a signed-in browser where a site wants an account.

    z2 keeps them in a file that only its own account can read, and never shows them again.
    """


@cookies_command.command("set", short_help="Keep the cookies in FILE for a site.")
@click.argument("site")
@click.argument("file", type=click.File(encoding="utf-8", errors="strict"))
@json_option
@click.pass_obj
def cookies_set(app: App, site: str, file: TextIO) -> None:
    """Keep the cookies in FILE (cookies.txt, Netscape format; - is stdin) for SITE, such as youtube.

    Jobs that wait because the site asked to slow down try again at once. To retry those that failed: z2ctl retry.
    """
    try:
        content = file.read(LARGEST_FILE + 1)
    except UnicodeDecodeError:
        raise click.UsageError(f"{file.name} is not a text file in UTF-8.") from None
    if len(content) > LARGEST_FILE:
        raise click.UsageError(f"{file.name} is larger than {LARGEST_FILE // 1024} KiB; that is no cookies file.")
    if not content.strip():
        raise click.UsageError(f"{file.name} is empty.")
    kept = app.client.set_cookies(site, content)
    if app.out.as_json:
        app.out.json(kept)
        return
    say(f"{kept['site']}: {text.plural(kept['count'], 'cookie')} kept{_end(kept)}.")
    if kept["released"]:
        say(f"{text.plural(kept['released'], 'job')} that waited for {kept['site']} may try again.")


@cookies_command.command("list", short_help="List the sites that have cookies, and until when.")
@json_option
@click.pass_obj
def cookies_list(app: App) -> None:
    """List the sites that have cookies, and until when; never what is in them."""
    found = app.client.cookies()
    if app.out.as_json:
        for one in found:
            app.out.json(one)
    elif not found and app.out.terminal:
        say("There are no cookies. 'z2ctl cookies set SITE FILE' gives z2 some.")
    elif not app.out.terminal:
        for one in found:
            app.out.fields([one["site"], one["count"], one["updated_at"], one["expires_at"]])
    else:
        rows = [
            [
                Cell(one["site"]),
                Cell(text.count(one["count"])),
                Cell(text.age(one["updated_at"])),
                Cell((one["expires_at"] or "")[:10]),
                Cell(", ".join(one["domains"]), "dim"),
            ]
            for one in found
        ]
        columns = [Column("SITE"), Column("COOKIES", right=True), Column("SET"), Column("ENDS"), Column("DOMAINS")]
        app.out.page().table(columns, rows)


@cookies_command.command("remove")
@click.argument("site")
@json_option
@click.pass_obj
def cookies_remove(app: App, site: str) -> None:
    """Forget the cookies of SITE."""
    gone = app.client.remove_cookies(site)
    if app.out.as_json:
        app.out.json(gone)
    else:
        say(f"{gone['site']}: {text.plural(gone['count'], 'cookie')} forgotten.")


def _end(kept: Json) -> str:
    return f", the last of them ends on {kept['expires_at'][:10]}" if kept["expires_at"] else ""
