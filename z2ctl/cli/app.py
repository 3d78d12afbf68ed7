"""The root of the command line: finding verbs, and turning every end into one exit code and one sentence.

Exit codes: 0 done, 1 failed, 2 usage, 3 daemon not reachable, 4 not found, 5 refused, 124 timeout, 130 interrupted.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import click

from z2ctl.cli.output import Output, say
from z2ctl.client import Client, Endpoint
from z2d.wire import errors

DONE, FAILED, USAGE, UNREACHABLE, NOT_FOUND, REFUSED, TIMEOUT, INTERRUPTED = 0, 1, 2, 3, 4, 5, 124, 130

# verb -> module of z2ctl.cli that defines it, in the order of the help page
VERBS = {
    "tui": "dashboard",
    "keys": "dashboard",
    "run": "run",
    "submit": "submit",
    "list": "jobs",
    "show": "jobs",
    "logs": "logs",
    "wait": "wait",
    "why": "queue",
    "cancel": "change",
    "pause": "change",
    "resume": "change",
    "retry": "change",
    "edit": "change",
    "move": "change",
    "delete": "change",
    "restore": "change",
    "queue": "queue",
    "probe": "probe",
    "search": "search",
    "analyze": "analysis",
    "transcript": "results",
    "path": "results",
    "open": "results",
    "publish": "publish",
    "targets": "publish",
    "profiles": "sites",
    "cookies": "sites",
    "import": "importing",
    "backup": "backup",
    "stats": "stats",
    "doctor": "doctor",
    "update-yt-dlp": "update",
    "completion": "shell",
    "version": "shell",
}


class Neighbour(NamedTuple):
    """What the verbs need of the dashboard. It is handed in, because command line and dashboard are neighbours."""

    dashboard: Callable[..., int] | None = None
    """Opens it (`z2ctl.tui.app.run`)."""
    keys: Callable[[], tuple[list[tuple[str, str, str, str]], list[str]]] | None = None
    """Place, id, keys, words of each of its actions, and what is wrong in tui.toml (`z2ctl.tui.settings.key_table`)."""


class App:
    """What the verbs share: where the daemon is, and how to print. Nothing is read or opened before it is needed."""

    def __init__(
        self,
        *,
        url: str | None,
        socket_path: Path | None,
        token_file: Path | None,
        ascii_only: bool,
        neighbour: Neighbour | None = None,
    ) -> None:
        self.dashboard, self.keys = neighbour or Neighbour()
        self._place = {"url": url, "socket_path": socket_path, "token_file": token_file}
        self.socket_path = socket_path
        self.out = Output(ascii_only=ascii_only)

    @property
    def endpoint(self) -> Endpoint:
        """The daemon's place by flags, then by environment."""
        return Endpoint.find(**self._place)  # type: ignore[arg-type]

    @property
    def client(self) -> Client:
        """A client for one-shot calls."""
        return Client(self.endpoint)


class Verbs(click.Group):
    """A group that loads the module of a verb when the verb is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every verb, in the order of the help page."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb's command, or None where there is no such verb."""
        module = VERBS.get(cmd_name)
        if module is None:
            return None
        command = getattr(import_module(f"z2ctl.cli.{module}"), f"{cmd_name.replace('-', '_')}_command")
        assert isinstance(command, click.Command)
        _name_variables(command, f"Z2CTL_{_in_capitals(cmd_name)}")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The verb of a command line; one that is misspelt is refused with a guess at what was meant."""
        if args[0] not in VERBS:
            from difflib import get_close_matches

            if near := get_close_matches(args[0], VERBS, n=1):
                raise click.UsageError(f"There is no command {args[0]!r}; did you mean {near[0]!r}?", ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb; a reader that went away (`| head`) is no fault."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
            return result
        except BrokenPipeError:
            _close_quietly()
            ctx.exit(DONE)


def _in_capitals(name: str) -> str:
    return name.upper().replace("-", "_")


def _name_variables(command: click.Command, prefix: str) -> None:
    """Let each option, of commands below too, be set by a variable that is called as the option is.

    click calls it as the function's parameter is, which nobody outside knows: Z2CTL_SUBMIT_RUN_AFTER for --at.
    """
    for option in command.params:
        if isinstance(option, click.Option) and option.envvar is None:
            long = next((name for name in option.opts if name.startswith("--")), None)
            option.envvar = long and f"{prefix}_{_in_capitals(long[2:])}"
    for name, below in command.commands.items() if isinstance(command, click.Group) else ():
        _name_variables(below, f"{prefix}_{_in_capitals(name)}")


def _open_what_is_closed() -> None:
    """Give the streams that the caller closed (`>&-`) nothing to lead to: without it words for stderr go to stdout, and
    a socket may take the place of one.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - as long as we live


def _close_quietly() -> None:
    """Point stdout at nothing, so that Python's last flush has nobody to complain about."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, sys.stdout.fileno())
    os.close(nothing)


@click.group(
    cls=Verbs,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Each option can be set in the environment: --limit of list is Z2CTL_LIST_LIMIT, --url is Z2CTL_URL. "
    "Exit codes: 0 done, 1 failed, 2 usage, 3 daemon not reachable, 4 not found, 5 refused, 124 timeout, "
    "130 interrupted.",
)
@click.option("--url", metavar="URL", help="Daemon at this address (default: Z2_URL, else the local socket).")
@click.option(
    "--socket",
    "socket_path",
    envvar="Z2CTL_SOCKET",
    type=click.Path(path_type=Path),
    help="Daemon on this unix socket.",
)
@click.option("--token-file", type=click.Path(path_type=Path), help="File with the token for --url.")
@click.option("--ascii", "ascii_only", envvar="Z2CTL_ASCII", is_flag=True, help="Only ASCII signs in tables and bars.")
@click.version_option(package_name="z2", prog_name="z2ctl")
@click.pass_context
def cli(
    ctx: click.Context, url: str | None, socket_path: Path | None, token_file: Path | None, ascii_only: bool
) -> None:
    """Turn video URLs into library entries that can be read, searched and cited.

    \b
    z2ctl                     the dashboard, on a terminal
    z2ctl run                 try it: the sample clip, start to end
    z2ctl submit URL...       queue videos
    z2ctl list                what is there
    """
    if url and socket_path:
        raise click.UsageError("--url and --socket name two daemons: give one of them.")
    app = App(url=url, socket_path=socket_path, token_file=token_file, ascii_only=ascii_only, neighbour=ctx.obj)
    ctx.obj = app
    if ctx.invoked_subcommand is not None:
        return
    if app.dashboard is not None and sys.stdin.isatty() and sys.stdout.isatty():
        leave(app.dashboard(lambda: app.endpoint, ascii_only=app.out.ascii_only))
    click.echo(ctx.get_help())


def exit_code(error: errors.Z2Error) -> int:
    """The exit code of a wire error."""
    if isinstance(error, errors.DaemonUnreachable | errors.ShuttingDown):
        return UNREACHABLE
    if isinstance(error, errors.FilterInvalid):
        return USAGE
    if error.status == 404:
        return NOT_FOUND
    return REFUSED if 400 <= error.status < 500 else FAILED


def complain(error: errors.Z2Error, *, about: str = "") -> int:
    """Say what a wire error says, on stderr, and give its exit code. `about` goes before it unless it is said there."""
    named = not about or re.search(rf"\b{re.escape(about)}\b", error.detail, re.IGNORECASE)
    say(error.detail if named else f"{about}: {error.detail}")
    for problem in error.errors:
        say(f"- {problem.get('path', '')}: {problem.get('message', '')}")
    if error.retry_after:
        say(f"Try again in {error.retry_after} s.")
    return exit_code(error)


def leave(code: int) -> NoReturn:
    """End the verb with this exit code."""
    raise click.exceptions.Exit(code)


def run(args: list[str] | None = None, *, neighbour: Neighbour | None = None) -> int:
    """Run one command line (default: the process's own) and give its exit code.

    `neighbour` loads the dashboard when it is called; without one the verbs `tui` and `keys` do nothing.
    """
    _open_what_is_closed()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        result = cli.main(args, prog_name="z2ctl", standalone_mode=False, auto_envvar_prefix="Z2CTL", obj=neighbour)
    except click.exceptions.Abort:
        say("Interrupted.")
        return INTERRUPTED
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()  # a group without a verb; its message is the whole help, made of lines
        return USAGE
    except click.UsageError as error:
        if error.ctx is not None:
            say(error.ctx.get_usage())
            say(f"Try '{error.ctx.command_path} --help' for help.")
        say(f"Error: {error.format_message()}")
        return USAGE
    except click.ClickException as error:
        say(f"Error: {error.format_message()}")
        return error.exit_code
    except errors.Z2Error as error:
        return complain(error)
    except OSError as error:  # a full disk behind stdout, a file that cannot be read
        try:
            sys.stdout.flush()
        except OSError:
            _close_quietly()
        say(f"Error: {f'{error.filename}: ' if error.filename else ''}{error.strerror or error}")
        return FAILED
    return result if isinstance(result, int) else DONE
