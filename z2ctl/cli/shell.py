"""`z2ctl completion` and `z2ctl version`."""

from __future__ import annotations

import platform

import click

from z2ctl.cli.app import FAILED, App, cli, leave
from z2ctl.cli.output import say
from z2ctl.cli.parameters import json_option
from z2d.wire import errors

INSTALL = {
    "bash": 'eval "$(z2ctl completion bash)"    # in ~/.bashrc',
    "zsh": 'eval "$(z2ctl completion zsh)"    # in ~/.zshrc',
    "fish": "z2ctl completion fish > ~/.config/fish/completions/z2ctl.fish",
}


@click.command("completion")
@click.argument("shell", type=click.Choice(list(INSTALL)))
@click.pass_obj
def completion_command(app: App, shell: str) -> None:
    """Print the completion script of a shell.

    \b
    bash   eval "$(z2ctl completion bash)"    in ~/.bashrc
    zsh    eval "$(z2ctl completion zsh)"     in ~/.zshrc
    fish   z2ctl completion fish > ~/.config/fish/completions/z2ctl.fish
    """
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    if found is None:
        say(f"click has no completion for {shell}.")
        leave(FAILED)
    app.out.raw(found(cli, {}, "z2ctl", "_Z2CTL_COMPLETE").source())
    if app.out.terminal:
        say(f"To install it: {INSTALL[shell]}")


@click.command("version", short_help="Print the versions of z2ctl, z2d and yt-dlp.")
@json_option
@click.pass_obj
def version_command(app: App) -> None:
    """Print the versions of z2ctl, of the daemon and of what it stands on."""
    found: dict[str, object] = {"z2ctl": own_version(), "python": platform.python_version()}
    try:
        daemon = app.client.version()
        found |= {"z2d": daemon.pop("version"), **daemon}
    except errors.DaemonUnreachable as error:
        found["z2d"] = None
        said = error.detail
    else:
        said = ""
    if app.out.as_json:
        app.out.json(found)
    else:
        for name, value in found.items():
            app.out.line(f"{name} {value if value is not None else '-'}")
    if said:
        say(said)


def own_version() -> str:
    """The version of this client, as installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("z2")
    except PackageNotFoundError:
        return "unknown (z2 is not installed)"
