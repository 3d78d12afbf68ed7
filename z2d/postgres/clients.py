"""PostgreSQL's own programs that talk to a server: pg_dump and pg_restore, found by major version and run.

How to connect goes to them in their environment, which only this account can read: no argument tells a password.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from z2d.postgres.binaries import folders
from z2d.postgres.faults import ProgramFailed, ProgramsMissing

NEEDED = ("pg_dump", "pg_restore")
LONGEST_S = 24 * 3600.0
_WORDS = 600  # characters of a program's last words

# part of an address -> the variable that libpq reads it from; what is not here is a setting of the session
_VARIABLES = {
    "host": "PGHOST",
    "hostaddr": "PGHOSTADDR",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
    "database": "PGDATABASE",
    "passfile": "PGPASSFILE",
    "options": "PGOPTIONS",
    "application_name": "PGAPPNAME",
    "connect_timeout": "PGCONNECT_TIMEOUT",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
    "krbsrvname": "PGKRBSRVNAME",
    "gsslib": "PGGSSLIB",
    "sslmode": "PGSSLMODE",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcrl": "PGSSLCRL",
    "ssl_min_protocol_version": "PGSSLMINPROTOCOLVERSION",
    "ssl_max_protocol_version": "PGSSLMAXPROTOCOLVERSION",
}


@dataclass(frozen=True)
class Clients:
    """A folder with pg_dump and pg_restore of this major version."""

    folder: Path
    major: int

    async def run(self, program: str, *words: str | Path, dsn: str) -> None:
        """Run one of the programs against the database at `dsn`, for a day at most.

        Raises ProgramFailed with its last words. When this task is cancelled the program is ended too.
        """
        child = await asyncio.create_subprocess_exec(
            self.folder / program, "--no-password", *words,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
            cwd="/", env=environment(dsn),
        )  # fmt: skip
        try:
            _, said = await asyncio.wait_for(child.communicate(), LONGEST_S)
        finally:
            if child.returncode is None:
                child.kill()
                await asyncio.wait_for(child.wait(), 10)
        if child.returncode:
            words_said = said.decode(errors="replace").strip()[-_WORDS:] or f"exit code {child.returncode}"
            raise ProgramFailed(f"{program} failed: {words_said}")


def find(configured: Path | None, server: int) -> Clients:
    """The programs for a server of this major version: its own, else the oldest that are newer.

    `configured` is the folder of Z2_POSTGRES_BIN. Raises ProgramsMissing.
    """
    found: dict[int, Path] = {}
    for folder in folders(configured, NEEDED):
        if major := _major(folder):
            found.setdefault(major, folder)
    fitting = [major for major in found if major >= server]
    if not fitting:
        there = ", ".join(f"{major} in {folder}" for major, folder in sorted(found.items()))
        raise ProgramsMissing(
            f"the server is PostgreSQL {server}, and this machine has no pg_dump and pg_restore of that version or "
            f"newer ({f'found {there}' if there else 'found none'}): install postgresql-client-{server}, or name their "
            "folder in Z2_POSTGRES_BIN"
        )
    return Clients(found[min(fitting)], min(fitting))


def _major(folder: Path) -> int | None:
    try:
        answer = subprocess.run(
            [folder / "pg_dump", "--version"],
            capture_output=True, text=True, timeout=20, cwd="/", env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
            check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = re.search(r"\(PostgreSQL\) (\d+)", answer.stdout)
    return int(version[1]) if version else None


def environment(dsn: str) -> dict[str, str]:
    """The variables by which a program of PostgreSQL reaches the database at `dsn`, as asyncpg would."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("PG") or name == "HOME"}
    settings = []
    for name, value in _parts(dsn):
        if variable := _VARIABLES.get(name):
            kept[variable] = value
        else:
            settings.append(f"-c {name}={value.replace(chr(92), chr(92) * 2).replace(' ', chr(92) + ' ')}")
    if settings:
        kept["PGOPTIONS"] = " ".join([*filter(None, [kept.get("PGOPTIONS")]), *settings])
    return kept | {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}


def _parts(dsn: str) -> Iterator[tuple[str, str]]:
    """Names and values of an address: those of its query beat those before it."""
    parts = urlsplit(dsn)
    login, _, places = parts.netloc.rpartition("@")
    user, colon, password = login.partition(":")
    if user:
        yield "user", unquote(user)
    if colon:
        yield "password", unquote(password)
    pairs = [re.fullmatch(r"(\[[^]]*\]|[^:]*)(?::(\d*))?", place) for place in places.split(",")]
    hosts = [unquote(pair[1].strip("[]")) if pair else "" for pair in pairs]
    if any(hosts):
        yield "host", ",".join(hosts)
    if any(pair and pair[2] for pair in pairs):
        yield "port", ",".join((pair[2] or "5432") if pair else "" for pair in pairs)
    if name := unquote(parts.path.lstrip("/")):
        yield "dbname", name
    yield from parse_qsl(parts.query)


def other_database(dsn: str, name: str) -> str:
    """The address of another database on the same server."""
    parts = urlsplit(dsn)
    query = "&".join(word for word in parts.query.split("&") if word.partition("=")[0] not in ("dbname", "database"))
    # not parts.geturl(), which drops the slashes of an address without a host
    return f"{parts.scheme}://{parts.netloc}/{quote(name)}" + (f"?{query}" if query else "")
