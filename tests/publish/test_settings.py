"""The tables of targets: what is wrong is named, and no secret ever is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from z2d.publish.feed import FeedTarget
from z2d.publish.settings import TargetTrouble, read_targets


def problems(name: str = "one", **table: Any) -> list[str]:
    with pytest.raises(TargetTrouble) as trouble:
        read_targets({name: table}, forbidden=None)
    return trouble.value.problems


def secret(folder: Path, text: str = "a secret of 24 bytes ...", mode: int = 0o600) -> str:
    path = folder / "secret"
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def test_each_kind_is_made(tmp_path: Path) -> None:
    found = read_targets(
        {
            "talks": {"kind": "feed", "filter": "tag:talk", "public": True},
            "hook": {"kind": "webhook", "url": "https://example.org/in", "secret_file": secret(tmp_path)},
            "store": {"kind": "objects", "url": "s3://bucket/videos"},
        },
        forbidden=None,
    )
    assert [(one.target.name, one.target.kind, one.events) for one in found] == [
        ("talks", "feed", ("publish",)),
        ("hook", "webhook", ("finished", "failed")),
        ("store", "objects", ("publish",)),
    ]
    assert isinstance(found[0].target, FeedTarget)
    assert found[0].target.channel.title == "talks"
    assert found[0].filter == "tag:talk"


def test_mistakes_are_named_with_their_table(tmp_path: Path) -> None:
    assert problems(kind="carrier pigeon")[0].startswith("[targets.one] kind: Input tag")
    assert problems(kind="feed", titel="x") == ["[targets.one] titel: Extra inputs are not permitted"]
    assert problems(kind="feed", filter="colour:red")[0].startswith("[targets.one] filter: Value error")
    assert problems("Up Per", kind="feed")[0].startswith("[targets.Up Per]: a name has")
    assert problems("library", kind="feed")[0].startswith("[targets.library]: a name has")
    assert "http://" in problems(kind="webhook", url="ftp://x", secret_file="/x")[0]
    for url in (
        "http://[::1",
        "http://x:99999",
        "http://x:port/",
        "http://a..b/",
        f"http://{'a' * 64}.test",
        "http://",
    ):
        assert "http://" in problems(kind="webhook", url=url, secret_file="/x")[0]
    webhook = {"kind": "webhook", "url": "https://example.org/in"}
    assert problems(**webhook, secret_file="/none") == ["[targets.one]: /none: No such file or directory"]
    assert "no account whose home" in problems(**webhook, secret_file="~nobody-here/x")[0]
    open_to_all = secret(tmp_path, mode=0o644)
    assert problems(**webhook, secret_file=open_to_all) == [f"[targets.one]: others can read {open_to_all}: chmod 600"]
    short = problems(**webhook, secret_file=secret(tmp_path, "canary"))
    assert short == ["[targets.one]: it is shorter than 16 bytes"]


def test_a_credential_of_systemd_is_named_by_its_bare_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    webhook = {"kind": "webhook", "url": "https://example.org/in", "secret_file": "secret"}
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    assert "systemd credential" in problems(**webhook)[0]
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    secret(tmp_path, mode=0o440)
    (found,) = read_targets({"hook": webhook}, forbidden=None)
    assert found.target.secret == b"a secret of 24 bytes ..."


def test_a_missing_package_is_said_with_its_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert problems(kind="notification", urls_file=secret(tmp_path)) == [
        "[targets.one]: notification needs apprise: pip install 'z2[publish]'"
    ]


def test_no_secret_shows(tmp_path: Path) -> None:
    tables = {
        "hook": {
            "kind": "webhook",
            "url": "https://example.org/in",
            "secret_file": secret(tmp_path, "canary-0123456789"),
        },
        "store": {"kind": "objects", "url": "s3://b", "credentials_file": str(tmp_path / "keys")},
    }
    (tmp_path / "keys").write_text("# mine\naws_access_key_id = canary\naws_secret_access_key = 'canary'\n")
    (tmp_path / "keys").chmod(0o600)
    found = read_targets(tables, forbidden=None)
    assert "canary" not in repr(found)
    (tmp_path / "keys").write_text("canary")
    said = problems("store", **tables["store"])
    assert said == ["[targets.store]: credentials_file: each line is NAME = VALUE"]
