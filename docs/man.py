"""The manual pages, written from the code itself by docs/reference.py (`make docs`).

They are kept in the repository, because they travel in the wheel and a build must not need what z2 needs to run. A test
compares what is written with what would be.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from inspect import cleandoc

import click

from docs.reference import meanings, shown
from z2ctl.cli.app import cli
from z2d.__main__ import main as daemon
from z2d.config import ProfileTable, Settings
from z2d.wire.jobs import JobOptions

FIRST = '.\\" written by docs/man.py; change the code, then run: make docs\n'

Z2CTL_FILES = """.TP
.I /run/z2/z2d.sock
The system's daemon; root and the members of the group z2 may use it. A daemon of one's own comes first:
.IR $XDG_RUNTIME_DIR/z2/z2d.sock ,
or
.I z2d.sock
in the state folder.
.TP
.I ~/.local/state/z2
State folder of a daemon of one's own.
"""

Z2CTL_ENVIRONMENT = """.TP
.B Z2_SOCKET
Unix socket of the daemon.
.TP
.B Z2_URL
Address of a daemon over TCP or behind nginx; then
.B Z2_TOKEN
or
.B Z2_TOKEN_FILE
say its token.
.TP
.BI Z2CTL_ COMMAND _ OPTION
Stands for an option: Z2CTL_LIST_LIMIT=20 for
.BR "z2ctl list \\-\\-limit 20" .
.TP
.B NO_COLOR
No colours.
"""

Z2D_FILES = """.TP
.I /etc/z2/z2.toml
The settings, see
.BR z2.toml (5).
.TP
.I /etc/credstore/z2.*
Secrets that z2d.service hands over: z2.token, z2.database_url, z2.proxy, z2.llm_key, z2.speech_key.
.TP
.I /var/lib/z2
State folder of z2d.service: database, jobs, library, token, backups.
.TP
.I /run/z2/z2d.sock
Socket of z2d.service.
"""

Z2D_SIGNALS = """.TP
.BR SIGTERM ", " SIGINT
Stop: jobs go back into the queue and go on where they were.
.TP
.B SIGHUP
Read the settings again (systemctl reload z2d).
"""


def roff(text: str) -> str:
    """Text as it is, whatever it looks like to the formatter."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")
    return "\n".join("\\&" + line if line.startswith(".") else line for line in escaped.splitlines())


def paragraphs(text: str) -> Iterator[str]:
    """Help of click, in which a line with \\b begins a paragraph whose lines stay as they are."""
    for block in re.split(r"\n\s*\n", text.strip()):
        lines = block.strip("\n").splitlines()
        if lines and lines[0].strip() == "\b":
            yield "\n".join([".PP", ".RS 4", ".nf", *[roff(line) for line in lines[1:]], ".fi", ".RE"])
        else:
            yield ".PP\n" + roff(" ".join(line.strip() for line in lines))


def options(command: click.Command, context: click.Context) -> Iterator[str]:
    """Each option with what it is for."""
    for parameter in command.get_params(context):
        if not isinstance(parameter, click.Option) or "--help" in parameter.opts:
            continue
        if record := parameter.get_help_record(context):
            yield f".TP\n.B {roff(record[0])}\n{roff(record[1])}"


def usage(command: click.Command, context: click.Context, path: str) -> str:
    """What is typed, in one line."""
    pieces = " ".join(command.collect_usage_pieces(context))
    return f"\\fB{roff(path)}\\fR {roff(pieces)}"


def commands(group: click.Group, path: str, above: click.Context | None = None) -> Iterator[str]:
    """A section for each command, and for those within it."""
    context = click.Context(group, info_name=path, parent=above)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        own = click.Context(command, info_name=name, parent=context)
        whole = f"{path} {name}"
        yield f".SS {usage(command, own, whole)}"
        yield from paragraphs(cleandoc(command.help or ""))
        yield from options(command, own)
        if isinstance(command, click.Group):
            yield from commands(command, whole, context)


def page(name: str, command: click.Group, says: str, rest: dict[str, str]) -> str:
    """The manual page of a program."""
    context = click.Context(command, info_name=name)
    parts = [
        f'{FIRST}.TH {name.upper()} 1 "" z2 "User Commands"',
        f".SH NAME\n{name} \\- {says}",
        f".SH SYNOPSIS\n{usage(command, context, name)}",
        ".SH DESCRIPTION",
        *paragraphs(cleandoc(command.help or "")),
        ".SH OPTIONS",
        *options(command, context),
        ".SH COMMANDS",
        *commands(command, name),
        *[f".SH {title}\n{words.strip()}" for title, words in rest.items()],
    ]
    return "\n".join(parts) + "\n"


def z2ctl_page() -> str:
    """z2ctl(1)."""
    codes = roff(cli.epilog.partition("Exit codes: ")[2]) if cli.epilog else ""
    rest = {
        "EXIT STATUS": codes,
        "ENVIRONMENT": Z2CTL_ENVIRONMENT,
        "FILES": Z2CTL_FILES,
        "SEE ALSO": ".BR z2d (1),\n.BR z2.toml (5)",
    }
    return page("z2ctl", cli, "see and steer the library of what videos say", rest)


def z2d_page() -> str:
    """z2d(1)."""
    codes = "0 stopped as told, 1 failed, 75 another z2d is at work there, 78 the settings are wrong."
    rest = {
        "SIGNALS": Z2D_SIGNALS,
        "EXIT STATUS": codes,
        "FILES": Z2D_FILES,
        "SEE ALSO": ".BR z2ctl (1),\n.BR z2.toml (5)",
    }
    return page("z2d", daemon, "daemon that makes library entries of video URLs", rest)


def settings_page() -> str:
    """z2.toml(5)."""
    said = meanings()
    rows = []
    for name, field in Settings.model_fields.items():
        default = shown(field.default).strip("`")
        words = said[name] + (f" Default: {default}." if default else "")
        rows.append(f'.TP\n.BR {roff(name)} " (Z2_{name.upper()})"\n{roff(words)}')
    tables = [
        *JobOptions.model_fields,
        *[name for name in ProfileTable.model_fields if name not in JobOptions.model_fields],
    ]
    parts = [
        f'{FIRST}.TH Z2.TOML 5 "" z2 "File Formats"',
        ".SH NAME\nz2.toml \\- settings of z2d",
        ".SH SYNOPSIS\n.I /etc/z2/z2.toml\n.br\n.I $XDG_CONFIG_HOME/z2/z2.toml",
        ".SH DESCRIPTION\n" + roff(
            "Settings in TOML: slots = 4. The environment beats the file (Z2_SLOTS=4), flags beat both. A name or a "
            "value that z2 does not know is refused, with the place it stands in."
        ),
        ".SH SETTINGS",
        *rows,
        ".SH OPTIONS OF JOBS\n" + roff(f"In [options] and [profiles.NAME]: {', '.join(tables)}."),
        ".SH EXAMPLE\n.nf\nslots = 3\nlibrary_dir = \"/srv/z2/library\"\nlisten = \"127.0.0.1:8642\"\n.fi",
        ".SH SEE ALSO\n.BR z2d (1),\n.BR z2ctl (1)",
    ]  # fmt: skip
    return "\n".join(parts) + "\n"


PAGES = {
    "man/z2ctl.1": z2ctl_page,
    "man/z2d.1": z2d_page,
    "man/z2.toml.5": settings_page,
}
