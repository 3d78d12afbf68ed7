"""`z2ctl tui`: the dashboard, with its flags."""

from __future__ import annotations

import click

from z2ctl.cli.app import USAGE, App, leave
from z2ctl.cli.output import say


@click.command("tui")
@click.option("--theme", default="", help="Name of a theme; remembered until another is chosen.")
@click.option("--no-mouse", is_flag=True, help="Leave the mouse to the terminal, for its own selection.")
@click.option("--read-only", is_flag=True, help="Look, but change nothing.")
@click.option("--plain", is_flag=True, help="One line for each change instead of a screen, for screen readers.")
@click.pass_obj
def tui_command(app: App, theme: str, no_mouse: bool, read_only: bool, plain: bool) -> None:
    """Open the dashboard; z2ctl alone does the same on a terminal."""
    if app.dashboard is None:
        say("This z2ctl was started without a dashboard.")
        leave(USAGE)
    leave(
        app.dashboard(
            lambda: app.endpoint,
            theme=theme,
            ascii_only=app.ascii_only,
            mouse=not no_mouse,
            read_only=read_only,
            plain=plain,
        )
    )
