"""The tables `[targets.NAME]` of z2.toml, and the targets they become.

    [targets.talks]
    kind = "feed"
    title = "Talks"
    filter = "tag:talk"

Secrets never stand in the file itself: `*_file` names a file of their own that only z2's account can read, or a
systemd credential by its bare name.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from z2d.publish import notification, webhook
from z2d.publish.feed import Channel, FeedTarget
from z2d.publish.objects import ObjectsTarget
from z2d.publish.target import Target
from z2d.wire.errors import FilterInvalid
from z2d.wire.filters import parse

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_LARGEST_SECRET = 64 * 1024


class TargetTrouble(Exception):
    """The targets cannot be used: one sentence for each mistake."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("; ".join(problems))


def _filter(value: object) -> object:
    if isinstance(value, str):
        try:
            parse(value)
        except FilterInvalid as error:
            raise ValueError(error.detail) from None
    return value


def _web(value: object) -> object:
    try:
        parts = urlsplit(value) if isinstance(value, str) else None
        usable = (
            parts and parts.scheme in {"http", "https"} and parts.port != 0 and (parts.hostname or "").encode("idna")
        )
    except ValueError:  # a bracket that is not closed, a port that is none, a name that no machine can have
        usable = False
    if not usable or not isinstance(value, str):
        raise ValueError("an address that begins with http:// or https:// is needed")
    return value.rstrip("/")


Web = Annotated[str, BeforeValidator(_web)]
Story = Literal["finished", "failed", "attention"]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
    needs: ClassVar[str | None] = None
    """The optional package without which this kind does not work."""

    filter: Annotated[str, BeforeValidator(_filter)] = ""
    """Which jobs it gets, in the filter language, such as `site:youtube tag:talk`. Empty: all."""


class FeedTable(_Table):
    """`kind = "feed"`: a podcast feed at /feeds/NAME.xml."""

    kind: Literal["feed"]
    title: str | None = None
    """Its name in players. None: the table's."""
    description: str = ""
    """What it is about."""
    link: Web | None = None
    """A page about it."""
    author: str | None = None
    """Who made it. None: the title."""
    image: Web | None = None
    """Its cover picture."""
    language: str = Field("en", pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$")
    """The language it is in."""
    category: str = "Education"
    """A category of the podcast directories."""
    explicit: bool = False
    """Whether all of it is for adults."""
    media: Literal["audio", "video"] = "audio"
    """What is played."""
    items: int = Field(100, ge=1, le=1000)
    """Most episodes that are shown, the newest first."""
    public: bool = False
    """Whether it can be read without the token: players cannot send one."""
    base_url: Web | None = None
    """Scheme and host under which players reach z2. None: as in each request."""

    def make(self, name: str, _forbidden: Callable[[str], bool] | None) -> Target:
        """The target."""
        about = self.model_dump(exclude={"kind", "filter", "base_url", "title"})
        return FeedTarget(Channel(name=name, title=self.title or name, **about), self.base_url)


class WebhookTable(_Table):
    """`kind = "webhook"`: a signed POST."""

    kind: Literal["webhook"]
    url: Web
    """Where to."""
    secret_file: str
    """The file with the signing secret, `whsec_...`."""
    events: list[Story] = ["finished", "failed"]
    """What is told."""

    def make(self, name: str, forbidden: Callable[[str], bool] | None) -> Target:
        """The target."""
        return webhook.WebhookTarget(name, self.url, webhook.secret_of(secret(self.secret_file)), forbidden)


class NotificationTable(_Table):
    """`kind = "notification"`: messages to people."""

    kind: Literal["notification"]
    needs: ClassVar[str | None] = "apprise"
    urls_file: str
    """A file with one apprise address per line."""
    events: list[Story] = ["finished", "failed", "attention"]
    """What is told."""

    def make(self, name: str, _forbidden: Callable[[str], bool] | None) -> Target:
        """The target."""
        lines = (line.strip() for line in secret(self.urls_file).splitlines())
        urls = tuple(line for line in lines if line and not line.startswith("#"))
        if not urls:
            raise ValueError("urls_file names no address")
        return notification.NotificationTarget(name, urls)


class ObjectsTable(_Table):
    """`kind = "objects"`: an object store."""

    kind: Literal["objects"]
    needs: ClassVar[str | None] = "obstore"
    url: str = Field(pattern=r"^(s3|gs|az|azure|adl|abfss?|https|file)://")
    """Where to, such as s3://bucket/prefix."""
    endpoint: Web | None = None
    """Address of a server that speaks S3, other than Amazon's."""
    region: str | None = None
    """Region of the bucket."""
    credentials_file: str | None = None
    """A file with lines like `aws_access_key_id = ...`, as obstore names them. None: those of the environment."""

    def make(self, name: str, _forbidden: Callable[[str], bool] | None) -> Target:
        """The target."""
        options = {"endpoint": self.endpoint, "region": self.region}
        found = {key: value for key, value in options.items() if value}
        for line in secret(self.credentials_file).splitlines() if self.credentials_file else ():
            key, equals, value = line.partition("=")
            if line.strip() and not line.lstrip().startswith("#"):
                if not equals:
                    raise ValueError("credentials_file: each line is NAME = VALUE")
                found[key.strip().lower()] = value.strip().strip("\"'")
        return ObjectsTarget(name, self.url, found)


Table = Annotated[FeedTable | WebhookTable | NotificationTable | ObjectsTable, Field(discriminator="kind")]


class Chosen(BaseModel):
    """A target and what the outbox is to know of it."""

    model_config = ConfigDict(arbitrary_types_allowed=True, frozen=True)

    target: Any
    events: tuple[str, ...]
    filter: str
    settings_hash: str


def read_targets(tables: Mapping[str, Mapping[str, Any]], *, forbidden: Callable[[str], bool] | None) -> list[Chosen]:
    """The targets of the tables. `forbidden` says which addresses webhooks must not reach; None: all may be.

    Raises TargetTrouble with all mistakes at once; no sentence repeats a value.
    """
    chosen, problems = [], []
    for name, raw in tables.items():
        where = f"[targets.{name}]"
        if not NAME.fullmatch(name) or name == "library":
            problems.append(f"{where}: a name has up to 64 of a-z, 0-9, - and _, and is not 'library'")
            continue
        try:
            table = TypeAdapter(Table).validate_python(dict(raw))
            if table.needs and importlib.util.find_spec(table.needs) is None:
                problems.append(f"{where}: {table.kind} needs {table.needs}: pip install 'z2[publish]'")
                continue
            events = tuple(getattr(table, "events", ("publish",)))
            digest = hashlib.sha256(table.model_dump_json(exclude={"filter", "events"}).encode()).hexdigest()
            target = table.make(name, forbidden)
        except ValidationError as error:
            problems += [f"{where} {_place(one['loc'])}: {one['msg']}" for one in error.errors()]
        except (ValueError, OSError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            problems.append(f"{where}: {reason}")
        else:
            chosen.append(Chosen(target=target, events=events, filter=table.filter, settings_hash=digest))
    if problems:
        raise TargetTrouble(problems)
    return chosen


def _place(loc: tuple[int | str, ...]) -> str:
    """The key of a mistake; the first part names the kind, once that is known."""
    return ".".join(str(part) for part in loc[1:]) or "kind"


def secret(name: str) -> str:
    """The text of a secret file: an absolute path, or the bare name of a systemd credential.

    Raises ValueError for one that others can read, that is missing or no text; nothing says what is in it.
    """
    try:
        path = Path(name).expanduser()
    except RuntimeError:
        raise ValueError(f"{name}: there is no account whose home this could be") from None
    given = path.is_absolute()
    if not given:
        folder = os.environ.get("CREDENTIALS_DIRECTORY")
        if path.name != name or folder is None:
            raise ValueError(f"{name}: an absolute path, or the name of a systemd credential, is needed")
        path = Path(folder) / name
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode) or found.st_size > _LARGEST_SECRET:
            raise ValueError(f"{path} is not a small file")
        if given and found.st_mode & 0o077:  # systemd guards its credentials by itself
            raise ValueError(f"others can read {path}: chmod 600")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8 text") from None
