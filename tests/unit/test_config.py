from __future__ import annotations

import os
from pathlib import Path
from typing import get_args

import pytest
from pydantic import ByteSize

from z2d.config import ConfigTrouble, Settings, load
from z2d.config.values import Address


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An environment without any setting, and a home that is empty."""
    for name in os.environ:
        if name.startswith(("Z2_", "XDG_")) or name in {
            "STATE_DIRECTORY",
            "RUNTIME_DIRECTORY",
            "CREDENTIALS_DIRECTORY",
        }:
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("Z2_STATE_DIR", str(tmp_path / "state"))
    (tmp_path / "z2").mkdir()
    return tmp_path


def problems(config: Path | None = None, **overrides: object) -> list[str]:
    with pytest.raises(ConfigTrouble) as caught:
        load(config, overrides)
    return caught.value.problems


def test_defaults_hang_on_the_state_folder(bare: Path) -> None:
    settings = load(None, {})
    state = bare / "state"
    assert settings.state_dir == state
    assert settings.library_dir == state / "library"
    assert settings.socket == state / "z2d.sock"
    assert settings.token_file == state / "token"
    assert settings.listen is None
    assert settings.slots == 2
    assert settings.allow_private_networks is False


def test_root_gets_a_state_folder_the_database_can_enter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("Z2_STATE_DIR")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert load(None, {}).state_dir == Path("/var/lib/z2")


def test_systemd_names_the_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("Z2_STATE_DIR")
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/private/z2:/var/lib/other")
    monkeypatch.setenv("RUNTIME_DIRECTORY", "/run/z2")
    settings = load(None, {})
    assert settings.state_dir == Path("/var/lib/private/z2")
    assert settings.socket == Path("/run/z2/z2d.sock")


def test_flags_beat_the_environment_and_that_beats_the_file(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (bare / "z2/z2.toml").write_text('slots = 5\npoll_s = 7\nlisten = "127.0.0.1:1"\n')
    monkeypatch.setenv("Z2_SLOTS", "6")
    monkeypatch.setenv("Z2_LISTEN", "[::1]:8642")
    settings = load(None, {"slots": 7})
    assert (settings.slots, settings.listen, settings.poll_s) == (7, Address("::1", 8642), 7)
    assert str(settings.listen) == "[::1]:8642"


def test_a_named_file_stands_in_place_of_the_usual_ones(bare: Path) -> None:
    (bare / "z2/z2.toml").write_text("slots = 5\n")
    (bare / "other.toml").write_text("poll_s = 7\n")
    settings = load(bare / "other.toml", {})
    assert (settings.slots, settings.poll_s) == (2, 7)


def test_a_state_folder_from_a_flag_moves_what_hangs_on_it(bare: Path) -> None:
    settings = load(None, {"state_dir": bare / "elsewhere"})
    assert settings.library_dir == bare / "elsewhere/library"
    assert settings.socket == bare / "elsewhere/z2d.sock"


def test_an_empty_variable_is_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("Z2_LISTEN", "")
    assert load(None, {}).listen is None


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("Z2_SLOTS", "abc", "Z2_SLOTS=abc: a whole number is needed"),
        ("Z2_SLOTS", "0", "Z2_SLOTS=0: at least 1 is needed"),
        ("Z2_SLOTS", "1000", "Z2_SLOTS=1000: at most 64 is possible"),
        ("Z2_ALLOW_PRIVATE_NETWORKS", "maybe", "Z2_ALLOW_PRIVATE_NETWORKS=maybe: true or false is needed"),
        ("Z2_LISTEN", "everywhere", "Z2_LISTEN=everywhere: an address like 127.0.0.1:8642 is needed"),
        ("Z2_LISTEN", "127.0.0.1:99999", "Z2_LISTEN=127.0.0.1:99999: an address like 127.0.0.1:8642 is needed"),
        ("Z2_LEASE_S", "-1", "Z2_LEASE_S=-1: more than 0.0 is needed"),
        ("Z2_POLL_S", "nan", "Z2_POLL_S=nan: a finite number is needed"),
        ("Z2_DOWNLOAD_DEADLINE_S", "inf", "Z2_DOWNLOAD_DEADLINE_S=inf: a finite number is needed"),
        ("Z2_LEASE_S", "1e300", "Z2_LEASE_S=1e300: at most 31536000.0 is possible"),
        ("Z2_MIN_FREE_BYTES", "lots", "Z2_MIN_FREE_BYTES=lots: a number of bytes, or a size like 20GiB, is needed"),
        ("Z2_FFMPEG", "~nobody-here/x", "Z2_FFMPEG=~nobody-here/x: there is no account whose home this could be"),
        ("Z2_LOG_LEVEL", "loud", "Z2_LOG_LEVEL=loud: one of 'debug', 'info', 'warning' or 'error' is needed"),
    ],
)
def test_a_wrong_value_is_named_with_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    monkeypatch.setenv(name, value)
    assert problems() == [words]


NUMBERS = [name for name, field in Settings.model_fields.items()
           if {int, float, ByteSize} & {field.annotation, *get_args(field.annotation)}]  # fmt: skip


@pytest.mark.parametrize("name", NUMBERS)
def test_no_number_of_the_settings_is_endless(name: str) -> None:
    for word in ("nan", "inf", "1e400", "9" * 40):
        assert len(problems(**{name: word})) == 1


@pytest.mark.parametrize("field", ["state_dir", "library_dir", "socket", "token_file", "backup_dir", "wal_archive_dir"])
def test_an_empty_path_is_not_the_current_folder(bare: Path, field: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(f"Z2_{field.upper()}", raising=False)
    (problem,) = problems(**{field: ""})
    flag = "dir" if field == "backup_dir" else field.replace("_", "-")
    assert problem == f"--{flag}=: a path is needed"
    (bare / "z2/z2.toml").write_text(f'{field} = ""\n')
    (problem,) = problems()
    assert problem.endswith(f":1: {field} = '': a path is needed")


def test_every_mistake_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("Z2_SLOTS", "abc")
    monkeypatch.setenv("Z2_LISTEN", "x")
    monkeypatch.setenv("Z2_SLOTZ", "3")
    said = problems()
    assert len(said) == 3
    assert "did you mean Z2_SLOTS?" in said[0], "a name that is not known hides no wrong value"


def test_a_flag_is_named_as_a_flag() -> None:
    assert problems(slots=0) == ["--slots=0: at least 1 is needed"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Z2_SLOT", "Z2_SLOT: there is no such setting; did you mean Z2_SLOTS?"),
        ("Z2_STATEDIR", "Z2_STATEDIR: there is no such setting; did you mean Z2_STATE_DIR?"),
        ("Z2_QQQQ", "Z2_QQQQ: there is no such setting"),
        ("Z2_BOGUS", "Z2_BOGUS: there is no such setting"),
    ],
)
def test_a_misspelt_variable_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, words: str) -> None:
    monkeypatch.setenv(name, "3")
    assert problems() == [words]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("# mine\n\nslot = 3\n", 3, "slot: there is no such setting; did you mean slots?"),
        ("slots = 3\n[limits]\nx = 1\n", 2, "limits: there is no such setting"),
        ('slots = "abc"\n', 1, "slots = 'abc': a whole number is needed"),
        ("\nslots = 0\n", 2, "slots = 0: at least 1 is needed"),
        ("slots = inf\n", 1, "slots = inf: a finite number is needed"),
        ("stall_s = nan\n", 1, "stall_s = nan: a finite number is needed"),
        ("[options]\nsleep_s = nan\n", 2, "options.sleep_s = nan: a finite number is needed"),
    ],
)
def test_a_mistake_in_the_file_is_named_with_its_line(bare: Path, text: str, line: int, words: str) -> None:
    path = bare / "z2/z2.toml"
    path.write_text(text)
    assert problems() == [f"{path}:{line}: {words}"]


def test_what_is_not_toml_is_named_with_its_line(bare: Path) -> None:
    path = bare / "z2/z2.toml"
    path.write_text("slots = 3\nslots 4\n")
    (problem,) = problems()
    assert problem.startswith(f"{path}:2: not TOML")


def test_a_named_file_must_be_there(bare: Path) -> None:
    assert problems(bare / "none.toml") == [f"{bare}/none.toml: No such file or directory"]


def test_names_of_the_client_are_no_mistakes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("Z2_URL", "http://127.0.0.1:8642")
    load(None, {})


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8000", "ftp://host/", "http://me:secret@host/v1", "http://host:99999", "http://a..b/v1"]
)
def test_a_service_is_an_address_without_a_password(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("Z2_SPEECH_URL", url)
    (problem,) = problems()
    assert problem.startswith("Z2_SPEECH_URL: an address like http://127.0.0.1:8000/v1 is needed")
    assert "secret" not in problem


def test_systemd_credentials_are_read_and_variables_beat_them(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (bare / "token").write_text("from systemd\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(bare))
    first = load(None, {})
    assert first.token is not None
    assert first.token.get_secret_value() == "from systemd"
    monkeypatch.setenv("Z2_TOKEN", "from the environment")
    second = load(None, {})
    assert second.token is not None
    assert second.token.get_secret_value() == "from the environment"


def test_keys_of_services_may_be_systemd_credentials(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(bare))
    (bare / "llm_key").write_text("sk-1\n")
    found = load(None, {})
    assert (found.llm_key_file, found.speech_key_file) == (bare / "llm_key", None)
    monkeypatch.setenv("Z2_LLM_KEY_FILE", str(bare / "other"))
    assert load(None, {}).llm_key_file == bare / "other"


def test_no_secret_is_ever_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("Z2_TOKEN", "canary-1")
    monkeypatch.setenv("Z2_DATABASE_URL", "postgresql://z2:canary-2@db/z2")
    assert "canary" not in repr(load(None, {}))
    monkeypatch.setenv("Z2_DATABASE_URL", "mysql://z2:canary-2@db/z2")
    assert problems() == ["Z2_DATABASE_URL: an address like postgresql://user@host:5432/database is needed"]


def test_every_setting_says_what_it_is_for() -> None:
    source = Path(__file__).parents[2].joinpath("z2d/config/__init__.py").read_text().splitlines()
    for field in Settings.model_fields:
        start = next(number for number, line in enumerate(source) if line.startswith(f"    {field}: "))
        following = (line.strip() for line in source[start + 1 :])
        assert next(line for line in following if line != ")" and "default_factory" not in line).startswith('"""'), (
            field
        )


def test_every_setting_is_read_by_the_daemon() -> None:
    root = Path(__file__).parents[2] / "z2d"
    text = "".join(path.read_text() for path in [*root.glob("daemon/*.py"), *root.glob("commands/*.py")])
    assert [field for field in Settings.model_fields if f"settings.{field}" not in text] == []


PROFILES = """
[options]
languages = ["en"]

[profiles.talk]
description = "Lectures"
max_height = 480
proxy = "socks5h://somebody:canary-3@proxy.example:1080"
"""


def test_profiles_keep_apart_what_was_set_and_what_was_not(bare: Path) -> None:
    (bare / "z2/z2.toml").write_text(PROFILES)
    settings = load(None, {})
    assert settings.options.model_fields_set == {"languages"}
    talk = settings.profiles["talk"]
    assert talk.model_fields_set == {"description", "max_height", "proxy"}
    assert (talk.description, talk.max_height) == ("Lectures", 480)
    assert "canary" not in repr(settings)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[profiles.talk]\nmax_heigth = 3\n", 2,
         "profiles.talk.max_heigth = 3: there is no such option; did you mean max_height?"),
        ("[profiles.a]\nmax_height = 480\n[profiles.b]\nmax_height = 3\n", 4,
         "profiles.b.max_height = 3: at least 144 is needed"),
        ("slots = 2\n[options]\nlive = \"perhaps\"\n", 3,
         "options.live = 'perhaps': one of 'wait' or 'record' is needed"),
        ("[options]\nsponsorblock = [\"spnsor\"]\n", 2, "options.sponsorblock.0 = 'spnsor': one of 'sponsor', "),
        ("[profiles.Talk]\naudio_only = true\n", 1, "profiles.Talk: it does not fit the pattern"),
        ("profiles = 3\n", 1, "profiles = 3: "),
    ],
)  # fmt: skip
def test_a_mistake_in_a_profile_is_named_with_its_line(bare: Path, text: str, line: int, words: str) -> None:
    path = bare / "z2/z2.toml"
    path.write_text(text)
    (problem,) = problems()
    assert problem.startswith(f"{path}:{line}: {words}")


@pytest.mark.parametrize(
    "value", ["proxy.example:3128", "ftp://u:canary-4@proxy.example:21", "http://u:canary-4@proxy.example",
              "http://u:canary-4@:8080", "http://proxy.example:canary-4", "http://u:canary-4@proxy..example:8080"],
)  # fmt: skip
def test_a_proxy_that_is_none_is_refused_without_its_password(
    bare: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("Z2_PROXY", value)
    (problem,) = problems()
    assert problem.startswith("Z2_PROXY: an address like http://proxy.example:3128 is needed")
    monkeypatch.delenv("Z2_PROXY")
    (bare / "z2/z2.toml").write_text(f'[profiles.talk]\nproxy = "{value}"\n')
    assert "canary" not in str(problems()) + problem


@pytest.mark.parametrize(
    "value", ["mysql://u:canary-4@h/db", "postgresql://u:canary-4@h:port/db", "postgresql://u:canary-4@h:99999/db",
              "postgresql://u:canary-4@a:1,b:x/db", "postgresql://u:canary-4@[::1/db", "postgresql://u:canary-4@[::1]:0/d"],
)  # fmt: skip
def test_a_database_that_is_none_is_refused_without_its_password(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("Z2_DATABASE_URL", value)
    assert problems() == ["Z2_DATABASE_URL: an address like postgresql://user@host:5432/database is needed"]


@pytest.mark.parametrize(
    "value", ["postgresql:///z2", "postgres://u:p:w@h/db", "postgresql://u@a:5432,b,c:5433/db?target_session_attrs=any",
              "postgresql://u@%2Frun%2Fpostgresql:5432/db", "postgresql://[::1]/db", "postgresql://h:/db"],
)  # fmt: skip
def test_every_way_to_name_a_database(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("Z2_DATABASE_URL", f" {value}\n")
    found = load(None, {}).database_url
    assert found is not None
    assert found.get_secret_value() == value


def test_the_environment_may_hold_tables_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("Z2_OPTIONS", '{"max_height": 480}')
    monkeypatch.setenv("Z2_PROFILES", '{"talk": {"audio_only": true}}')
    settings = load(None, {})
    assert (settings.options.max_height, settings.profiles["talk"].audio_only) == (480, True)


def test_origins_are_taken_as_a_browser_writes_them(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("Z2_ORIGINS", "https://z2.example, http://127.0.0.1:8642")
    assert load(None, {}).origins == ("https://z2.example", "http://127.0.0.1:8642")
    for wrong in ("z2.example", "https://z2.example/", "https://z2.example/app", "*", "ftp://z2.example"):
        monkeypatch.setenv("Z2_ORIGINS", wrong)
        (problem,) = problems()
        assert "origins like https://z2.example are needed" in problem
    monkeypatch.delenv("Z2_ORIGINS")
    (bare / "z2/z2.toml").write_text('origins = ["https://z2.example/"]\n')
    assert "z2.toml:1" in problems()[0]
