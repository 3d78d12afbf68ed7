from __future__ import annotations

import asyncio
import io
import logging
import os
import socket
from pathlib import Path

import pytest

from tests.support import short_tmp
from z2d import jobmark
from z2d.daemon import logs
from z2d.daemon.life import running
from z2d.daemon.logs import OneLine
from z2d.daemon.notify import Notifier


async def forever() -> None:
    await asyncio.Event().wait()


async def test_services_end_with_the_block() -> None:
    seen: list[str] = []

    async def service() -> None:
        try:
            await forever()
        finally:
            seen.append("ended")

    async with running({"service": service, "other": forever}):
        await asyncio.sleep(0)
        assert any(task.get_name() == "service" for task in asyncio.all_tasks())
    assert seen == ["ended"]


async def test_a_service_that_ends_quietly_ends_the_block() -> None:
    async def quiet() -> None:
        return

    with pytest.raises(ExceptionGroup) as caught:
        async with running({"listener": quiet, "other": forever}):
            await forever()
    assert "the listener ended, which it never should" in repr(caught.value)


async def test_a_service_that_fails_ends_the_block() -> None:
    async def fails() -> None:
        raise ValueError("broken")

    with pytest.raises(ExceptionGroup) as caught:
        async with running({"worker": fails}):
            await forever()
    assert "broken" in repr(caught.value)


def test_systemd_is_told_and_its_variables_are_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    with short_tmp() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(folder / "notify"))
        manager.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(folder / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "30000000")
        monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
        notifier = Notifier()
        assert notifier.watchdog_s == 30
        assert not {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} & set(os.environ)
        notifier.say("READY=1", "STATUS=Ready")
        assert manager.recv(1000) == b"READY=1\nSTATUS=Ready"
    notifier.say("STOPPING=1")  # the service manager has gone: no trouble of ours


def test_an_abstract_socket_is_reached(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0z2-test-" + tmp_path.name)
        manager.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", "@z2-test-" + tmp_path.name)
        Notifier().say("READY=1")
        assert manager.recv(1000) == b"READY=1"


def test_a_watchdog_of_another_process_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "/nowhere")
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert Notifier().watchdog_s is None


@pytest.mark.parametrize("journal", [True, False])
def test_one_record_is_one_printable_line(journal: bool) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(OneLine(journal=journal))
    logger = logging.Logger("z2d.test")
    logger.addHandler(handler)
    logger.error("title %s", "a\nERROR forged\x1b[2J\u202e\x9b")
    try:
        raise ValueError("of two\nlines")
    except ValueError:
        logger.exception("it failed")
    first, second = stream.getvalue().splitlines()
    assert first.endswith("title a | ERROR forged\\x1b[2J\\u202e\\x9b")
    assert first.startswith("<3>" if journal else "20")
    assert "Traceback" in second
    assert "ValueError: of two | lines" in second


@pytest.mark.parametrize("journal", [True, False])
def test_what_is_said_while_a_job_is_worked_on_names_it(journal: bool) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(OneLine(journal=journal))
    logger = logging.Logger("z2d.test")
    logger.addHandler(handler)
    with jobmark.of_job(42):
        logger.warning("it stumbled")
    logger.warning("nobody's")
    first, second = stream.getvalue().splitlines()
    assert first == "<4>job=42 it stumbled" if journal else first.endswith(" WARNING job=42 it stumbled")
    assert "job=" not in second


async def test_the_mark_travels_with_tasks_and_threads() -> None:
    async def child() -> int | None:
        return await asyncio.to_thread(jobmark.current)

    with jobmark.of_job(7):
        task = asyncio.create_task(child(), name="child")
    assert (await task, jobmark.current()) == (7, None)


def test_the_journal_is_known_by_its_stream(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The variable alone says nothing: whoever sends stderr into a file wants readable lines there."""
    with (tmp_path / "said").open("w+") as sink:
        monkeypatch.setattr("sys.stderr", sink)
        found = os.fstat(sink.fileno())
        for stream, begins in ((f"{found.st_dev}:{found.st_ino}", "<4>"), ("8:1", "20"), ("", "20")):
            monkeypatch.setenv("JOURNAL_STREAM", stream)
            sink.truncate(0)
            sink.seek(0)
            logs.set_up()
            logging.getLogger("z2d.test").warning("here")
            assert (tmp_path / "said").read_text().startswith(begins), stream
    logging.basicConfig(force=True)
