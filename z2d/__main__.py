"""The commands of the daemon. Each imports what it runs when it runs, so that `--help` is there at once."""

from __future__ import annotations

from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import click

from z2d.commands.backup import backup, show_rehearsal
from z2d.commands.importing import import_
from z2d.commands.shared import Program, Work, common_flags, live, read


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """The daemon of z2: takes video URLs and makes library entries of them. z2ctl talks to it.

    Every setting is an environment variable (Z2_SLOTS=3), a key of z2.toml (slots = 3), and for the usual ones a flag.
    """


@main.command(short_help="Run everything: API, worker, and a PostgreSQL of its own.")
@common_flags
@click.option("--socket", type=click.Path(), metavar="PATH", help="Z2_SOCKET")
@click.option("--listen", metavar="HOST:PORT", help="Z2_LISTEN; asks for the token of Z2_TOKEN_FILE")
@click.option("--library-dir", type=click.Path(), metavar="DIR", help="Z2_LIBRARY_DIR")
@click.option("--slots", type=int, metavar="N", help="Z2_SLOTS: jobs at once")
def serve(config: Path | None, **flags: Any) -> None:
    """Run everything: API, worker, and a PostgreSQL of its own where Z2_DATABASE_URL names none."""
    _run("serve", config, flags)


@main.command()
@common_flags
@click.option("--library-dir", type=click.Path(), metavar="DIR", help="Z2_LIBRARY_DIR")
@click.option("--slots", type=int, metavar="N", help="Z2_SLOTS: jobs at once")
def worker(config: Path | None, **flags: Any) -> None:
    """Run only a worker, on the database that Z2_DATABASE_URL names."""
    _run("work", config, flags)


@main.command(short_help="Bring the database to the schema of this version.")
@click.option("--rehearse", is_flag=True, help="Only try it, on a restored copy of the newest backup.")
@common_flags
def migrate(rehearse: bool, config: Path | None, **flags: Any) -> None:
    """Bring the database to the schema of this version (serve and worker do so by themselves)."""
    if rehearse:
        show_rehearsal(config, flags)
    else:
        _run("migrate", config, flags)


main.add_command(backup)
main.add_command(import_)


@main.command()
def version() -> None:
    """Print the version."""
    click.echo(f"z2d {metadata.version('z2')}")


def _run(what: str, config: Path | None, flags: dict[str, Any]) -> None:
    """Run one of `z2d.daemon.serve`'s coroutines."""

    def work() -> Work:
        from z2d.daemon import serve as daemon

        if what == "migrate":
            return daemon.migrate
        return partial(daemon.serve if what == "serve" else daemon.work, read=partial(read, config, flags))

    live(config, flags, work)


if __name__ == "__main__":
    main()
