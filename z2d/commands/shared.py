"""What the commands of the daemon share: the flags that all of them take, and how one is run."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from z2d.config import Settings

Command = TypeVar("Command", bound=Callable[..., Any])
Work = Callable[[Any, Any], Coroutine[Any, Any, None]]  # of settings and notifier


def common_flags(command: Command) -> Command:
    """What every command takes; a flag beats the variable of the same name."""
    for flag in (
        click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), help="Z2_LOG_LEVEL"),
        click.option("--state-dir", type=click.Path(), metavar="DIR", help="Z2_STATE_DIR"),
        click.option(
            "--config",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Settings, in place of /etc/z2/z2.toml and $XDG_CONFIG_HOME/z2/z2.toml.",
        ),
    ):
        command = flag(command)
    return command


class Program(click.Group):
    """The commands. What stdout cannot take is said in a line, and not once more by Python when it ends."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run a command line."""
        try:
            return super().main(*args, **kwargs)
        except OSError as error:
            click.echo(f"z2d: {error.strerror or error}", err=True)
            sys.exit(1)
        finally:
            _flush()


def _flush() -> None:
    """Write what stdout still holds; where that fails, let it lead nowhere: Python tries once more, and complains."""
    if sys.stdout is not None:
        try:
            sys.stdout.flush()
        except OSError:
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, sys.stdout.fileno())
            os.close(nothing)


def show(text: str) -> None:
    """Write a line to stdout. Raises DaemonTrouble where the disk behind it is full; a reader that left is no fault."""
    from z2d.daemon.trouble import DaemonTrouble

    try:
        click.echo(text)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise DaemonTrouble(f"cannot write to stdout: {error.strerror}") from None


def read(config: Path | None, flags: dict[str, Any]) -> Settings:
    """The settings as they are now. Raises ConfigTrouble."""
    from z2d.config import load

    return load(config, {name: value for name, value in flags.items() if value is not None})


def live(config: Path | None, flags: dict[str, Any], find: Callable[[], Work]) -> None:
    """Read the settings, run what `find` gives with them, and leave with its exit code."""
    from z2d.config import ConfigTrouble
    from z2d.daemon import logs
    from z2d.daemon.life import live as live_until_told
    from z2d.daemon.trouble import EXIT_CONFIG

    logs.set_up()
    try:
        settings = read(config, flags)
    except ConfigTrouble as trouble:
        for problem in trouble.problems:
            click.echo(f"z2d: {problem}", err=True)
        sys.exit(EXIT_CONFIG)
    logs.set_up(settings.log_level)
    work = find()
    sys.exit(live_until_told(lambda notifier: work(settings, notifier)))
