"""The settings of the daemon: where they come from, what they may be, and what is said when they are wrong.

Later beats earlier: the defaults below, `/etc/z2/z2.toml`, `$XDG_CONFIG_HOME/z2/z2.toml` (or instead of both the file
named by --config), systemd credentials (`token`, `database_url`), the environment (`Z2_SLOTS=3`), flags (`--slots 3`).
A key of the file is the variable's name without `Z2_` in lower case (`slots = 3`).

A misspelt name is refused, never passed over: someone who wrote it wanted something. Not refused are the names that
`z2ctl` reads, and the marks that z2 gives its own children.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import ByteSize, Field, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
)

from z2d.config.values import (
    Address,
    DatabaseUrl,
    Folder,
    ListenAddress,
    Origins,
    ProfileName,
    Proxy,
    Secret,
    ServiceUrl,
    Words,
)
from z2d.wire import places
from z2d.wire.jobs import JobOptions, LanguageTag

__all__ = ["NEEDS_RESTART", "Address", "ConfigTrouble", "ProfileTable", "Settings", "load"]

PREFIX = "Z2_"
YEAR_S = 365 * 86_400
# flags of 'z2d backup' whose command says what they are of
SHORT = {"backup_dir": "dir", "backup_keep": "keep", "backup_media": "media"}
SECRETS = frozenset({"token", "database_url", "proxy", "speech_url", "llm_url"})
# read by z2ctl, or put into the environment of z2's own children and test runs
OF_OTHERS = frozenset({"Z2_URL", "Z2_INSTALLATION", "Z2_JOB_ID", "Z2_CRASH_AT"})
NEEDS_RESTART = frozenset(
    {
        "state_dir", "library_dir", "database_url", "postgres_bin", "socket", "listen", "token_file", "ffmpeg",
        "lease_s", "poll_s",
    }
)  # fmt: skip
"""What stands for as long as the process does: places (what is in the token's file is read again), and the rhythm that
workers share. All else changes by SIGHUP."""


class ConfigTrouble(Exception):
    """The settings cannot be used. `problems` has one sentence for each mistake, with the place where it stands."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("; ".join(problems))


class ProfileTable(JobOptions):
    """A table `[profiles.NAME]`: options of jobs, and what only the owner of the file may choose."""

    description: str = ""
    """What it is for, in a few words."""

    proxy: Proxy | None = None
    """Its requests go through this proxy. None: as all others."""


class Settings(BaseSettings):
    """Everything that can be set. The environment's name of a field is its own in upper case after `Z2_`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="forbid", frozen=True, hide_input_in_errors=True,
        allow_inf_nan=False,
    )  # fmt: skip

    state_dir: Folder = Field(default_factory=places.state_dir)
    """Database, jobs, lock and token. `$STATE_DIRECTORY`, else /var/lib/z2 as root (the database's unprivileged
    process cannot enter root's home) and as the service's account, else `$XDG_STATE_HOME/z2`."""

    library_dir: Folder = Field(default_factory=lambda data: data["state_dir"] / "library")
    """Where finished entries are published: `library` in the state folder."""

    database_url: DatabaseUrl | None = None
    """`postgresql://...` of a server, version 15 or newer. None: a server of our own in the state folder."""

    postgres_bin: Folder | None = None
    """Folder with PostgreSQL's programs for the own server. None: the wheel's, Debian's, those on PATH."""

    socket: Folder = Field(
        default_factory=lambda data: places.socket_path({**os.environ, "Z2_STATE_DIR": str(data["state_dir"])})
    )
    """The unix socket of the API, mode 0660. `$RUNTIME_DIRECTORY/z2d.sock`, else `$XDG_RUNTIME_DIR/z2/z2d.sock`,
    else in the state folder."""

    listen: ListenAddress | None = None
    """Address for TCP, such as 127.0.0.1:8642; port 0 takes a free one. None: no TCP, only the socket."""

    token_file: Folder = Field(default_factory=lambda data: data["state_dir"] / "token")
    """File with the bearer token that TCP always asks for; made with a new token where it is missing."""

    token: Secret | None = None
    """The bearer token itself, in place of the file. A systemd credential `token` arrives here."""

    hosts: Words = ()
    """Further names that requests over TCP may put into Host, such as the name of a proxy in front; comma between."""

    origins: Origins = ()
    """Web origins whose pages may call, such as https://z2.example; comma between. Everything else that a browser
    sends from a page is refused."""

    slots: int = Field(default=2, ge=1, le=64)
    """Jobs at once. Two, because one of them mostly waits for the network while the other computes."""

    allow_private_networks: bool = False
    """Fetch media from this machine and private networks. Off, because a URL may come from a stranger."""

    max_download_bytes: ByteSize = Field(default=ByteSize(32 << 30), gt=0, le=1 << 60)
    """Largest download or upload, in bytes or like `20GiB`: a long film in 4K passes, an endless stream does not."""

    min_free_bytes: ByteSize = Field(default=ByteSize(1 << 30), ge=0, le=1 << 60)
    """Space that stays free on the state folder's disk, for the database above all. Below it jobs wait."""

    stall_s: float = Field(default=60, gt=0, le=YEAR_S)
    """A download that gets next to nothing for so many seconds is stopped and tried again."""

    extract_deadline_s: float = Field(default=300, gt=0, le=YEAR_S)
    """Longest time a site may take to say what a video is, in seconds."""

    download_deadline_s: float = Field(default=12 * 3600, gt=0, le=YEAR_S)
    """Longest time one download may take, in seconds: half a day, for slow sites and long films."""

    lease_s: float = Field(default=30, gt=0, le=YEAR_S)
    """A worker that has not been heard of for so many seconds loses its jobs to others."""

    poll_s: float = Field(default=5, gt=0, le=YEAR_S)
    """Seconds between looks for work, for the case that the database's notification got lost."""

    retry_scale: float = Field(default=1, gt=0, le=1000)
    """Every wait before a retry is multiplied by this: 2 for a site that must not be annoyed, little for trying out."""

    keep_deleted_days: float = Field(default=7, ge=0, le=36_500)
    """Deleted jobs can be restored for so many days; then they go for good, with their files if that was asked."""

    keep_failed_days: float | None = Field(default=None, gt=0, le=36_500)
    """Failed and cancelled jobs without a transcript are deleted after so many days. None: never."""

    keep_media_days: float | None = Field(default=None, gt=0, le=36_500)
    """Picture and sound in the folders of completed jobs go after so many days, the library's stay. None: never."""

    keep_log_days: float | None = Field(default=None, gt=0, le=36_500)
    """Of the logs of finished jobs only the last lines are kept after so many days. None: all of them, for ever."""

    backup_dir: Folder = Field(default_factory=lambda data: data["state_dir"] / "backups")
    """Where backups go, see docs/guide/backup.md: `backups` in the state folder. Better on another disk."""

    backup_keep: int = Field(default=7, ge=1, le=100_000)
    """So many of the newest backups are kept: a week of daily ones."""

    backup_keep_days: float | None = Field(default=None, gt=0, le=36_500)
    """Besides the newest, all backups that are younger than so many days are kept. None: no more."""

    backup_media: Literal["list", "copy", "link"] = "list"
    """What a backup does with the files of jobs and library: list them with their hashes, keep a copy of each in the
    backup folder, or a hard link, which costs no space and only helps against deletion."""

    wal_archive_dir: Folder | None = None
    """The own server archives its write-ahead log here, for recovery to any moment: docs/guide/backup.md. It grows
    until you thin it out. None: no archive."""

    options: JobOptions = JobOptions()
    """The table `[options]`: what every job gets unless its profile or the person says otherwise."""

    profiles: dict[ProfileName, ProfileTable] = {}
    """The tables `[profiles.NAME]`: named sets of options. `default` is that of jobs which name none."""

    proxy: Proxy | None = None
    """Proxy for all requests to sites: http, https, socks4, socks4a, socks5 or socks5h, and the only private address
    that z2 will then connect to. None: no proxy."""

    targets: dict[str, dict[str, Any]] = {}
    """The tables `[targets.NAME]`: where else finished jobs are published, see docs/guide/publishing.md. What may
    stand in one depends on its `kind`, so they are read by the part that publishes."""

    llm_url: ServiceUrl | None = None
    """An OpenAI-compatible endpoint for analysis, like http://localhost:11434/v1. None: analysis without a model."""

    llm_model: str | None = None
    """The model's name there; needed with `llm_url`."""

    llm_key_file: Folder | None = Field(default_factory=lambda: _credential("llm_key"))
    """File with the endpoint's key. None: the systemd credential `llm_key`; without that the endpoint wants none."""

    llm_language: LanguageTag | None = None
    """Language of what the model writes, like `de`. None: that of the video. Quotes always stay as they are said."""

    llm_chunk_tokens: int = Field(default=6000, ge=500, le=1_000_000)
    """Longer transcripts are read in pieces of about so many tokens. The model's context needs 6,000 more."""

    llm_job_tokens: int = Field(default=400_000, ge=1, le=10**12)
    """Most tokens, asked and answered, for one analysis; what is left is done offline. Enough for 15 hours of talk."""

    llm_day_tokens: int = Field(default=2_000_000, ge=1, le=10**12)
    """Most tokens for one day (UTC) and all jobs of the database; then analysis is offline until the next."""

    llm_price_input: float | None = Field(default=None, ge=0, le=1_000_000)
    """Price of a million tokens asked, in any currency, for the record of cost. None: what the endpoint says."""

    llm_price_output: float | None = Field(default=None, ge=0, le=1_000_000)
    """Price of a million tokens answered."""

    speech: Literal["auto", "off", "openai", "faster-whisper", "pocketsphinx"] = "auto"
    """What turns sound into text where a site has no good captions. `auto`: `openai` if `speech_url` is set, else
    `faster-whisper` if `speech_model_dir` is, else `pocketsphinx` if it is installed."""

    speech_url: ServiceUrl | None = None
    """A service that speaks OpenAI's /v1/audio/transcriptions, like http://127.0.0.1:8000/v1. It gets the sound."""

    speech_model: str = Field(default="whisper-1", min_length=1)
    """What the service calls the model."""

    speech_key_file: Folder | None = Field(default_factory=lambda: _credential("speech_key"))
    """File with the service's key, mode 0600. None: the systemd credential `speech_key`; without that it wants none."""

    speech_model_dir: Folder | None = None
    """Folder of a faster-whisper model, with model.bin in it. Nothing is ever downloaded."""

    ffmpeg: Folder | None = None
    """The ffmpeg program. None: the one on PATH, else the one of the imageio-ffmpeg wheel."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """How much the daemon says of itself on stderr. Logs of jobs are kept whole, in the database."""


def load(config: Path | None, overrides: Mapping[str, Any]) -> Settings:
    """The settings of this process.

    `config` is the file named by a person (None: the usual places), `overrides` are flags by field name.
    Raises ConfigTrouble with all mistakes at once.
    """
    files = {path: _read(path) for path in ([config] if config else _usual_files())}
    problems = [*_unknown_variables(), *_unknown_keys(files)]
    keys = Settings.model_fields.keys()
    written = {key: value for content in files.values() for key, value in content.items() if key in keys}

    class Located(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            credentials = SecretsSettingsSource(cls, secrets_dir=_credentials(), env_prefix="")
            return init_settings, env_settings, credentials, InitSettingsSource(cls, written)

    try:
        settings = Located(**overrides)
    except ValidationError as error:
        # a default that hangs on a wrong value is no mistake of its own
        own = [one for one in error.errors() if one["type"] != "default_factory_not_called"]
        raise ConfigTrouble([*problems, *(_sentence(one, overrides, files) for one in own)]) from None
    if problems:
        raise ConfigTrouble(problems)
    return settings


def _usual_files() -> list[Path]:
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return [path for path in (Path("/etc/z2/z2.toml"), home / "z2" / "z2.toml") if path.exists()]


def _credentials() -> Path | None:
    """Where systemd puts LoadCredential= files."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return Path(folder) if folder else None


def _credential(name: str) -> Path | None:
    """The file of a credential that is handed over, for secrets that are read where they are used."""
    folder = _credentials()
    return folder / name if folder and (folder / name).exists() else None


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigTrouble([f"{path}: {reason}"]) from None
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        raise ConfigTrouble([f"{path}{f':{line[1]}' if line else ''}: not TOML: {error}"]) from None


def _variable(field: str) -> str:
    return PREFIX + field.upper()


def _unknown_variables() -> Iterator[str]:
    known = {_variable(field) for field in Settings.model_fields}
    for name in sorted(name for name in os.environ if name.upper().startswith(PREFIX)):
        if name.upper() not in known | OF_OTHERS:
            yield f"{name}: there is no such setting{_near(name.upper(), known, PREFIX)}"


def _unknown_keys(files: Mapping[Path, Mapping[str, Any]]) -> Iterator[str]:
    known = set(Settings.model_fields)
    for path, content in files.items():
        for key in content:
            if key not in known:
                yield f"{_line(path, key)}: {key}: there is no such setting{_near(key, known)}"


def _near(name: str, known: set[str], prefix: str = "") -> str:
    """A guess at what was meant. The prefix that all have does not make two names alike."""
    found = difflib.get_close_matches(name[len(prefix) :], sorted(one[len(prefix) :] for one in known), n=1)
    return f"; did you mean {prefix}{found[0]}?" if found else ""


def _line(path: Path, *keys: str) -> str:
    """`file:line` of a key, or of one in a table; the parser keeps no positions, so the first line that names them in
    their order is the one.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    found = 0
    for key in keys:
        pattern = re.compile(rf"""\s*(\[+[\s\w."'-]*)?["']?\b{re.escape(key)}["']?\s*[=.\]]""")
        after = (number for number in range(max(found, 1), len(lines) + 1) if pattern.match(lines[number - 1]))
        found = next(after, found)
    return f"{path}:{found}" if found else str(path)


def _sentence(error: ErrorDetails, overrides: Mapping[str, Any], files: Mapping[Path, Mapping[str, Any]]) -> str:
    """One mistake: where it stands, what stands there (unless it is a secret), what is needed."""
    names = [str(part) for part in error["loc"] if part != "[key]"]
    where, value = _origin(names, overrides, files)
    secret = names[-1] in SECRETS or value is None or isinstance(value, dict)
    shown = "" if secret else f" = {value!r}" if ":" in where else f"={value}"
    context = error.get("ctx", {})
    needed = {
        "int_parsing": "a whole number is needed",
        "int_type": "a whole number is needed",
        "float_parsing": "a number is needed",
        "finite_number": "a finite number is needed",
        "bool_parsing": "true or false is needed",
        "bool_type": "true or false is needed",
        "byte_size": "a number of bytes, or a size like 20GiB, is needed",
        "byte_size_unit": "a number of bytes, or a size like 20GiB, is needed",
        "literal_error": f"one of {context.get('expected')} is needed",
        "greater_than": f"more than {context.get('gt')} is needed",
        "greater_than_equal": f"at least {context.get('ge')} is needed",
        "less_than_equal": f"at most {context.get('le')} is possible",
        "value_error": str(context.get("error")),
        "extra_forbidden": f"there is no such option{_near(names[-1], set(ProfileTable.model_fields))}",
        "string_pattern_mismatch": f"it does not fit the pattern {context.get('pattern')}",
    }.get(error["type"], error["msg"])
    return f"{where}{shown}: {needed}"


def _origin(names: list[str], overrides: Mapping[str, Any], files: Mapping[Path, Mapping[str, Any]]) -> tuple[str, Any]:
    """Where the value in use came from, in the order in which sources win, and what it was. `names`: a field, and
    where in it, if it is a table.
    """
    field = names[0]
    if field in overrides:
        return f"--{SHORT.get(field, field).replace('_', '-')}", overrides[field]
    for name, value in os.environ.items():
        if name.upper() == _variable(field) and value:
            return name, value
    if (folder := _credentials()) and (folder / field).exists():
        return f"credential {field}", None
    for path, content in reversed(list(files.items())):
        if field in content:
            return f"{_line(path, *names)}: {'.'.join(names)}", _inside(content, names)
    return f"the default of {field}", None


def _inside(content: Mapping[str, Any], names: list[str]) -> Any:
    """What stands at the end of a path of keys."""
    found: Any = content
    for name in names:
        found = found.get(name) if isinstance(found, dict) else found[int(name)] if isinstance(found, list) else None
    return found
