"""Each verb in a pipe: what stands on stdout, what on stderr, and the exit code."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest

from tests.cli.conftest import Z2ctl
from tests.cli.fake import FakeDaemon, job, line
from z2ctl.cli.app import VERBS, cli
from z2d.wire import errors

URL = "http://site.test/a.html"


def rows(out: str) -> list[dict[str, object]]:
    return [json.loads(each) for each in out.splitlines()]


def test_a_bare_call_prints_the_help(z2ctl: Z2ctl) -> None:
    ended = z2ctl()
    assert ended.code == 0
    assert all(verb in ended.out for verb in VERBS)


def options_below(command: click.Command, context: click.Context, prefix: str) -> Iterator[tuple[str, click.Option]]:
    """Every option, with the prefix that its variable is to have."""
    for option in command.params:
        if isinstance(option, click.Option) and not option.is_eager:
            yield prefix, option
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from options_below(below, context, f"{prefix}_{name.upper().replace('-', '_')}")


def test_every_option_has_a_variable_of_its_name(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with cli.make_context("z2ctl", ["version"], auto_envvar_prefix="Z2CTL") as root:
        found = list(options_below(cli, root, "Z2CTL"))
        assert len(found) > 80
        for prefix, option in found:
            name = max(option.opts, key=len).removeprefix("--").upper().replace("-", "_")
            value = str(option.flag_value) if isinstance(option.flag_value, str) else "1"
            monkeypatch.setenv(f"{prefix}_{name}", value)
            given = option.value_from_envvar(click.Context(click.Command("x"), auto_envvar_prefix=prefix))
            assert given in (value, [value], (value,)), f"{prefix}_{name}"


def test_a_variable_stands_for_its_option(daemon: FakeDaemon, z2ctl: Z2ctl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("Z2CTL_LIST_LIMIT", "7")
    monkeypatch.setenv("Z2CTL_LIST_STATUS", "FAILED QUEUED")
    assert z2ctl("list").code == 0
    assert "status=FAILED&status=QUEUED" in daemon.paths()[0]
    assert "limit=7" in daemon.paths()[0]
    monkeypatch.setenv("Z2CTL_LIST_Q", "words")
    monkeypatch.setenv("Z2CTL_LIST_WORDS", "of old")  # how click calls the parameter
    z2ctl("list")
    assert "q=words" in daemon.paths()[1]
    monkeypatch.setenv("Z2CTL_MOVE_LAST", "1")
    daemon.jobs[1] = job(1)
    z2ctl("move", 1)
    assert daemon.asked[-1] == ("POST", "/api/jobs/1/move", {"to": "last"})
    monkeypatch.setenv("Z2CTL_SOCKET", "/none/z2d.sock")
    assert "/none/z2d.sock" in z2ctl("list").err


def test_submit_prints_the_id(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    assert z2ctl("submit", URL) == (0, "1\n", "")
    found = rows(z2ctl("submit", URL, "--json").out)[0]
    assert (found["id"], found["deduplicated"]) == (1, True)


def test_submit_sends_what_was_asked_and_nothing_else(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    z2ctl("submit", URL)
    z2ctl("submit", URL, "--priority", 5, "--tag", "a", "--tag", "b", "--force", "--at", "2026-12-01T00:00:00+01:00")
    first, second = [body for method, _, body in daemon.asked if method == "POST"]
    assert first == {"url": URL}
    assert second == {
        "url": URL,
        "priority": 5,
        "tags": ["a", "b"],
        "force": True,
        "run_after": "2026-11-30T23:00:00Z",
    }
    assert len({header["Idempotency-Key"] for header in daemon.headers}) == 2


def test_submit_many_from_a_file(daemon: FakeDaemon, z2ctl: Z2ctl, place: Path) -> None:
    daemon.refuse["ftp://c"] = errors.UrlScheme()
    (place / "urls").write_text(
        f"\ufeff# mine\n{URL}\n\n  http://b \nftp://c\n{URL}\n{'http://' + 'x' * 5000}\n", "utf-8"
    )
    ended = z2ctl("submit", "-f", place / "urls")
    assert (ended.code, ended.out) == (5, "1\n2\n")
    assert "ftp://c: Only http:// and https://" in ended.err
    assert "longer than 4096" in ended.err
    found = rows(z2ctl("submit", "-f", place / "urls", "--json").out)
    assert [(each["result"], each["id"], each["deduplicated"]) for each in found] == [
        ("duplicate", 1, True),
        ("duplicate", 2, True),
        ("rejected", None, False),
        ("rejected", None, False),
    ]


def test_submit_reads_stdin(daemon: FakeDaemon, z2ctl: Z2ctl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"http://a\nhttp://b\n")))
    assert z2ctl("submit", "-f", "-").out == "1\n2\n"


def test_a_lone_minus_is_stdin(daemon: FakeDaemon, z2ctl: Z2ctl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(f"\ufeff# mine\n{URL}\n\n".encode())))
    assert z2ctl("submit", "-") == (0, "1\n", "")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(f"{URL}?2\n{URL}?3\n".encode())))
    assert z2ctl("submit", f"{URL}?1", "-").out.splitlines() == ["2", "3", "4"]
    assert daemon.asked[-1][2]["urls"] == [f"{URL}?1", f"{URL}?2", f"{URL}?3"]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    assert z2ctl("submit", "-").code == 2


def test_submit_in_pieces_that_the_api_takes(daemon: FakeDaemon, z2ctl: Z2ctl, place: Path) -> None:
    (place / "urls").write_text("\n".join(f"http://site.test/{at}" for at in range(2500)))
    assert z2ctl("submit", "-f", place / "urls").out.splitlines() == [str(at + 1) for at in range(2500)]
    assert [len(body["urls"]) for _, _, body in daemon.asked] == [200] * 12 + [100]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["submit"], "No URL given."),
        (["submit", "--wait", "--hold", URL], "without end"),
        (["submit", "--at", "soon", URL], "'soon' is no time"),
        (["submit", ""], "One of the URLs is empty."),
        (["submit", URL, " "], "One of the URLs is empty."),
        (["probe", ""], "The URL is empty."),
        (["submit", "-o", "max_height", URL], "Option max_height wants a value: max_height=..."),
        (["submit", "-o", "max_height=tall", URL], "Option max_height: it should be a whole number."),
        (["submit", "-o", "max_height=1", URL], "Option max_height: it should be greater than or equal to 144."),
        (["show", "abc"], "'abc' is no id of a job"),
        (["show", "0"], "'0' is no id of a job"),
        (["cancel", "1", "9" * 20], "is no id of a job: give a number that 'z2ctl list' shows."),
        (["nonsense"], "No such command 'nonsense'."),
        (["sbmit", URL], "There is no command 'sbmit'; did you mean 'submit'?"),
    ],
)
def test_usage_errors(z2ctl: Z2ctl, words: list[str], said: str) -> None:
    ended = z2ctl(*words)
    assert (ended.code, ended.out) == (2, "")
    assert "Error: " in ended.err
    assert said in ended.err


def test_no_line_of_a_help_page_is_cut(z2ctl: Z2ctl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for group in ([], ["queue"], ["cookies"], ["backup"]):
        commands = z2ctl(*group, "--help").out.partition("Commands:")[2]
        assert commands
        assert "..." not in commands


@pytest.mark.parametrize("group", ["cookies", "backup"])
def test_a_group_without_a_verb_says_its_verbs(z2ctl: Z2ctl, group: str) -> None:
    ended = z2ctl(group)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == z2ctl(group, "--help").out
    assert "Error" not in ended.err
    assert "\n  list  " in ended.err


def test_refusals_are_said_and_numbered(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    daemon.refuse[URL] = errors.UrlPrivateAddress()
    assert z2ctl("submit", URL)[:2] == (5, "")
    assert z2ctl("show", 77) == (4, "", "There is no job with this id.\n")
    daemon.jobs[1] = job(1, status="COMPLETED")
    assert z2ctl("cancel", 1)[0] == 5
    assert z2ctl("transcript", 1)[0] == 4
    daemon.refuse["/api/stats"] = errors.DatabaseUnavailable()
    assert z2ctl("stats")[0] == 1
    daemon.refuse["/api/stats"] = errors.ShuttingDown()
    assert z2ctl("stats")[0] == 3
    daemon.refuse["/api/jobs"] = errors.InvalidRequest("bad", errors=[{"path": "limit", "message": "too large"}])
    assert z2ctl("list") == (5, "", "bad\n- limit: too large\n")


@pytest.mark.parametrize("verb", ["list", "stats", "show 1", "logs 1", "logs 1 -f", "cancel 1", "wait 1", "path 1"])
def test_without_a_daemon(z2ctl: Z2ctl, verb: str) -> None:
    ended = z2ctl(*verb.split())
    assert (ended.code, ended.out) == (3, "")
    assert "z2d is not running" in ended.err
    assert "z2d serve" in ended.err


def test_list_in_a_pipe(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    daemon.jobs[1] = job(1, title="a\ttab\nand \x1b[31mred")
    daemon.jobs[2] = job(2, status="RUNNING", stage="download", progress=0.5, duration_ms=1000)
    assert z2ctl("list").out.splitlines() == [
        "1\tQUEUED\t\t0.0\tsite.test\t\t2026-11-22T07:00:00.000Z\ta tab and red\thttp://site.test/1.html",
        "2\tRUNNING\tdownload\t0.5\tsite.test\t1000\t2026-11-22T07:00:00.000Z\t\thttp://site.test/2.html",
    ]
    assert [each["id"] for each in rows(z2ctl("list", "--json").out)] == [1, 2]


def test_list_follows_the_pages_up_to_the_limit(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    daemon.jobs = {at: job(at) for at in range(1, 1301)}
    assert len(z2ctl("list", "--limit", 1200).out.splitlines()) == 1200
    assert [path.split("limit=")[1].split("&")[0] for path in daemon.paths()] == ["500", "500", "200"]


def test_list_sends_its_filters(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    z2ctl(
        "list", "--status", "failed", "-q", "a b", "--site", "x.y", "--since", "2026-11-01T00:00:00Z", "--sort", "title"
    )
    path = daemon.paths()[0]
    for part in ("status=FAILED", "q=a%20b", "site=x.y", "since=2026-11-01T00%3A00%3A00Z", "sort=title", "order=asc"):
        assert part in path


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00", "99999999999d"])
def test_a_moment_outside_of_all_years_is_no_time(moment: str, z2ctl: Z2ctl) -> None:
    ended = z2ctl("list", "--since", moment)
    assert ended.code == 2
    assert f"'{moment}' is no time" in ended.err


def test_show(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    error = {"code": "GEO", "stage": "metadata", "message": "not here", "hint": "A proxy may help."}
    daemon.jobs[3] = job(3, status="FAILED", title="T", error=error)
    out = z2ctl("show", 3).out
    assert "✗ failed" in out
    assert "metadata: not here" in out
    assert "A proxy may help. (GEO)" in out
    assert json.loads(z2ctl("show", 3, "--json").out) == daemon.jobs[3]
    daemon.jobs[4] = job(4, queue_position=7)
    assert re.search(r"place in queue +7\n", z2ctl("show", 4).out)


def test_show_says_when_a_job_is_tried_again(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    soon = (datetime.now(UTC) + timedelta(minutes=14, seconds=30)).isoformat(timespec="milliseconds")
    daemon.jobs[1] = job(1, display_status="RETRYING", wait_reason="RETRY", run_after=soon.replace("+00:00", "Z"))
    assert re.search(r"state +↻ retry 2/3 in 14 min\n", z2ctl("show", 1).out)


def test_cancel_and_retry_answer_for_each(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    daemon.jobs = {1: job(1), 2: job(2, status="COMPLETED"), 3: job(3)}
    ended = z2ctl("cancel", 1, 2, 9, 3)
    assert (ended.code, ended.out) == (5, "1\tCANCELLED\n3\tCANCELLED\n")
    assert "Job 2: The job has already finished." in ended.err
    assert z2ctl("retry", 2, "--from", "transcript").out == "2\tQUEUED\n"
    assert daemon.asked[-1][2] == {"from_stage": "transcript"}
    assert z2ctl("retry", 2, "--from", "cooking").code == 2


def test_logs_page_by_page(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    daemon.jobs[1] = job(1, status="COMPLETED")
    daemon.logs[1] = [line(seq) for seq in range(1, 1203)]
    out = z2ctl("logs", 1).out.splitlines()
    assert len(out) == 1202
    assert out[0] == "2026-11-22T07:22:54.123Z INFO     download   line 1"
    assert [each.split()[-1] for each in z2ctl("logs", 1, "--tail", 3).out.splitlines()] == ["1200", "1201", "1202"]
    assert len(z2ctl("logs", 1, "--tail", 1100).out.splitlines()) == 1100
    assert z2ctl("logs", 1, "--tail", 0).out == ""
    assert len(z2ctl("logs", 1, "--grep", "LINE 12").out.splitlines()) == 14
    assert rows(z2ctl("logs", 1, "--tail", 1, "--json").out)[0]["seq"] == 1202


def test_one_record_is_one_line(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    daemon.jobs[1] = job(1, status="COMPLETED")
    daemon.logs[1] = [line(1, "fine\n2026-11-22T07:22:54.123Z ERROR    download   forged\r\x85\u2028x")]
    for words in (["logs", 1], ["logs", 1, "-f"]):
        assert len(z2ctl(*words).out.splitlines()) == 1


def test_transcript_and_path(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    published = {"target": "library", "kind": "library", "status": "PUBLISHED", "remote_url": "/lib/A [1]"}
    daemon.jobs = {1: job(1, status="COMPLETED", publishing=[published]), 2: job(2)}
    daemon.transcripts[1] = "one\ntwo\n"
    assert z2ctl("transcript", 1, "--format", "srt").out == "one\ntwo\n"
    assert daemon.paths()[-1].endswith("format=srt")
    assert z2ctl("path", 1).out == "/lib/A [1]\n"
    assert rows(z2ctl("path", 1, "--json").out) == [{"id": 1, "path": "/lib/A [1]"}]
    daemon.jobs[2] |= {"status": "COMPLETED", "display_status": "COMPLETED_PARTIAL"}
    assert z2ctl("path", 2) == (4, "", "Job 2 has nothing in the library: it is done in part.\n")


def test_stats_and_version(daemon: FakeDaemon, z2ctl: Z2ctl) -> None:
    out = z2ctl("stats").out
    assert "1 142" in out
    assert "99%" in out
    assert "z2d 0.1.0" in z2ctl("version").out
    assert json.loads(z2ctl("version", "--json").out)["schema"] == 1
    daemon.stop()
    ended = z2ctl("version")
    assert (ended.code, "z2d -" in ended.out) == (0, True)


def test_completion_scripts(z2ctl: Z2ctl) -> None:
    for shell in ("bash", "zsh", "fish"):
        ended = z2ctl("completion", shell)
        assert ended.code == 0
        assert "_Z2CTL_COMPLETE" in ended.out


def test_completion_answers(z2ctl: Z2ctl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_Z2CTL_COMPLETE", "bash_complete")
    for words, at, answer in (
        ("z2ctl can", 1, "cancel"),
        ("z2ctl list --st", 2, "--status"),
        ("z2ctl retry 1 --from ", 4, "audio"),
    ):
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", str(at))
        ended = subprocess.run([sys.executable, "-m", "z2ctl"], capture_output=True, text=True, timeout=30, check=True)
        assert f"plain,{answer}" in ended.stdout
