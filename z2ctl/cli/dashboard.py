"""`z2ctl tui`: the dashboard, with its flags; `z2ctl keys`: what each of its keys does."""

from __future__ import annotations

import click

from z2ctl.cli.app import USAGE, App, leave
from z2ctl.cli.output import Cell, Column, say
from z2ctl.cli.parameters import json_option

# a test compares them with the dashboard's own
THEMES = ("auto", "dark", "light", "terminal", "terminal-light")


@click.command("tui", short_help="Open the dashboard, as z2ctl alone does on a terminal.")
@click.option("--theme", type=click.Choice(THEMES), help="Its colours; 'auto' asks the terminal for its background.")
@click.option("--no-mouse", is_flag=True, help="Leave the mouse to the terminal, for its own selection.")
@click.option("--read-only", is_flag=True, help="Look, but change nothing.")
@click.option("--plain", is_flag=True, help="One line for each change instead of a screen, for screen readers.")
@click.pass_obj
def tui_command(app: App, theme: str | None, no_mouse: bool, read_only: bool, plain: bool) -> None:
    """Open the dashboard; z2ctl alone does the same on a terminal."""
    if app.dashboard is None:
        say("This z2ctl was started without a dashboard.")
        leave(USAGE)
    leave(
        app.dashboard(
            lambda: app.endpoint,
            theme=theme or "",
            ascii_only=app.out.ascii_only,
            mouse=not no_mouse,
            read_only=read_only,
            plain=plain,
        )
    )


@click.command("keys")
@json_option
@click.pass_obj
def keys_command(app: App) -> None:
    """Show the keys of the dashboard, as tui.toml has them.

    The name of an action is what tui.toml rebinds. In a pipe: place, name, keys, what it does, apart by tabs.
    """
    if app.keys is None:
        say("This z2ctl was started without a dashboard.")
        leave(USAGE)
    rows, faults = app.keys()
    if app.out.as_json:
        for row in rows:
            app.out.json(dict(zip(("place", "name", "keys", "words"), row, strict=True)))
    elif app.out.terminal:
        page = app.out.page()
        for place in dict.fromkeys(row[0] for row in rows):
            page.heading(place.capitalize())
            page.table(
                [Column("KEYS"), Column("NAME"), Column("", wide=True)],
                [
                    [Cell(keys, "bold"), Cell(name, "dim"), Cell(words)]
                    for where, name, keys, words in rows
                    if where == place
                ],
            )
    else:
        for row in rows:
            app.out.fields(list(row))
    for fault in faults:
        say(fault)
    if faults:
        leave(USAGE)
