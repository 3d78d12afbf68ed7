"""The dashboard on a real pseudo terminal: what it costs, and how it leaves.

The figures are budgets for a slow line, asserted with room for a busy machine; bench/tui_cost.py measures them.
"""

from __future__ import annotations

import os
import re
import signal
import termios
import time
from pathlib import Path

import pytest

from tests.support import eventually_sync
from tests.tui.terminal import Terminal, dashboard_on, fake_daemon

pytestmark = pytest.mark.slow

CORE = 0.03
"""The share of one core that the dashboard may take, whatever goes on."""
ROOM = 2
"""The same work costs more processor time on a machine that is busy with other things."""
LEFT = b"\x1b[?1049l"
CURSOR = b"\x1b[?25h"
OWN_SEQUENCES = re.compile(
    rb"\x1b\[[0-9;]*[mHJK]|\x1b\[[0-9]*[A-G]|\x1b\[[?<>=]?[0-9;]*[hlucpt]|\x1b\[\?[0-9;]*\$p"  # colours, places, modes
    rb"|\x1b\]11;\?\x1b\\|\x1b\]22;[a-z-]*\x07"  # which background? the mouse pointer's shape
)


def settled(terminal: Terminal) -> None:
    terminal.shows("live", 30)
    terminal.quiet()


def test_an_idle_dashboard_writes_nothing(socket: Path, tmp_path: Path) -> None:
    with (
        fake_daemon(socket, "--bars", "0", "--jobs", "10000"),
        dashboard_on(socket, (120, 40), home=tmp_path) as terminal,
    ):
        settled(terminal)
        rate, share = terminal.rates(5)
        assert rate == 0
        assert share < CORE
        assert terminal.memory() < 80


@pytest.mark.parametrize("size, most", [((80, 24), 6000), ((120, 40), 6000), ((200, 60), 8000)])
def test_two_bars_cost_little(socket: Path, tmp_path: Path, size: tuple[int, int], most: int) -> None:
    with fake_daemon(socket, "--bars", "2", "--rate", "2"), dashboard_on(socket, size, home=tmp_path) as terminal:
        terminal.shows("live", 30)
        time.sleep(2.0)  # the first paints are over
        rate, share = terminal.rates(4)
        assert 100 < rate < most
        assert share < ROOM * CORE


def test_bars_and_a_log_cost_at_most_twenty_kilobytes_a_second(socket: Path, tmp_path: Path) -> None:
    options = ("--bars", "2", "--rate", "2", "--lines", "2")
    with fake_daemon(socket, *options), dashboard_on(socket, (120, 40), home=tmp_path) as terminal:
        terminal.shows("live", 30)
        terminal.shows("Unreasonable", 30)  # the list is there: keys move in it
        terminal.press("jjjj")
        terminal.shows("fragment", 10)
        time.sleep(2.0)
        rate, share = terminal.rates(4)
        assert 3000 < rate < 20_000
        assert share < ROOM * CORE


def test_the_terminal_says_its_size(socket: Path, tmp_path: Path) -> None:
    said = {"COLUMNS": "60", "LINES": "15"}
    with fake_daemon(socket), dashboard_on(socket, (80, 24), home=tmp_path, env=said) as terminal:
        terminal.shows("Help", 30)  # the last line of the keys has room for it
        terminal.resize((120, 40))
        terminal.shows("TITLE", 10)
        eventually_sync(lambda: b"CHANNEL" in terminal.output, 10, what="a column that has room now")


def test_the_list_below_an_open_job_writes_nothing(socket: Path, tmp_path: Path) -> None:
    options = ("--bars", "2", "--rate", "2")
    with fake_daemon(socket, *options), dashboard_on(socket, (120, 40), home=tmp_path) as terminal:
        terminal.shows("live", 30)
        terminal.press("G\r")
        terminal.shows("Stages", 10)
        terminal.quiet()
        rate, _ = terminal.rates(3)
        assert rate == 0


def test_over_ssh_bars_move_half_as_often(socket: Path, tmp_path: Path) -> None:
    with (
        fake_daemon(socket, "--bars", "2", "--rate", "2"),
        dashboard_on(socket, (120, 40), home=tmp_path, env={"SSH_CONNECTION": "1 2 3 4"}) as terminal,
    ):
        terminal.shows("live", 30)
        time.sleep(2.0)
        rate, _ = terminal.rates(4)
        assert 100 < rate < 4000


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_the_terminal_as_it_was(socket: Path, tmp_path: Path, number: signal.Signals) -> None:
    with fake_daemon(socket), dashboard_on(socket, (80, 24), home=tmp_path) as terminal:
        settled(terminal)
        terminal.process.send_signal(number)
        assert terminal.wait() == 128 + number
        tail = bytes(terminal.output[-400:])
        assert LEFT in tail
        assert CURSOR in tail
        assert b"\x1b[?1000l" in terminal.output[-2000:]
        assert termios.tcgetattr(terminal.master)[3] == terminal.before[3], "echo and line mode are back"


def test_q_leaves_with_zero_and_remembers(socket: Path, tmp_path: Path) -> None:
    with fake_daemon(socket), dashboard_on(socket, (80, 24), home=tmp_path) as terminal:
        settled(terminal)
        terminal.press("5")
        terminal.quiet(0.3)
        terminal.press("q")
        assert terminal.wait() == 0
        assert LEFT in terminal.output[-400:]
    assert '"failed"' in (tmp_path / "z2" / "tui.json").read_text()


def test_a_closed_terminal_ends_it(socket: Path, tmp_path: Path) -> None:
    with fake_daemon(socket), dashboard_on(socket, (80, 24), home=tmp_path) as terminal:
        settled(terminal)
        terminal.hang_up()
        terminal.wait(5)


def test_a_closed_terminal_ends_it_even_when_hang_ups_are_ignored(socket: Path, tmp_path: Path) -> None:
    """A shell may have told its children to ignore SIGHUP; what is left must not spin for ever."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with fake_daemon(socket), dashboard_on(socket, (80, 24), home=tmp_path) as terminal:
            settled(terminal)
            terminal.hang_up()
            terminal.wait(8)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_fault_of_its_own_is_told_and_is_not_success(socket: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "sitecustomize.py").write_text(
        "import threading, time\n"
        "def breaks():\n"
        "    import sys\n"
        "    while 'z2ctl.tui.app' not in sys.modules: time.sleep(0.01)\n"
        "    from z2ctl.tui.widgets.top import TopBar\n"
        "    def render_line(self, y): raise RuntimeError('broken on purpose')\n"
        "    TopBar.render_line = render_line\n"
        "threading.Thread(target=breaks, daemon=True).start()\n"
    )
    with (
        fake_daemon(socket),
        dashboard_on(socket, (80, 24), home=tmp_path, env={"PYTHONPATH": str(broken)}) as terminal,
    ):
        eventually_sync(lambda: terminal.process.poll() is not None, 20, what="the end")
        assert terminal.process.returncode == 1
        assert b"broken on purpose" in terminal.output
        assert LEFT in terminal.output
        assert terminal.output.rstrip().endswith((CURSOR + b"\x1b[0m", CURSOR))


def test_a_daemon_that_hangs_does_not_keep_it_open(socket: Path, tmp_path: Path) -> None:
    with fake_daemon(socket) as daemon, dashboard_on(socket, (80, 24), home=tmp_path) as terminal:
        settled(terminal)
        daemon.send_signal(signal.SIGSTOP)
        try:
            terminal.press("R5")
            terminal.press("q")
            assert terminal.wait(5) == 0
        finally:
            daemon.send_signal(signal.SIGCONT)


def test_without_colour_the_cursor_is_still_seen(socket: Path, tmp_path: Path) -> None:
    with fake_daemon(socket), dashboard_on(socket, (80, 24), home=tmp_path, env={"NO_COLOR": "1"}) as terminal:
        settled(terminal)
        coloured = re.findall(rb"\x1b\[[0-9;]*38;2;(\d+);(\d+);(\d+)[0-9;]*m", bytes(terminal.output))
        assert all(red == green == blue for red, green, blue in coloured)
        assert re.search(rb"\x1b\[(?:[0-9;]*;)?7(?:;[0-9;]*)?m", terminal.output), "a reversed row"


def test_sixteen_colours_are_enough(socket: Path, tmp_path: Path) -> None:
    plain = {"TERM": "xterm", "COLORTERM": ""}
    with fake_daemon(socket), dashboard_on(socket, (80, 24), home=tmp_path, env=plain) as terminal:
        settled(terminal)
        assert b"38;2;" not in terminal.output
        assert b"38;5;" not in terminal.output


def test_no_mouse_asks_for_no_mouse(socket: Path, tmp_path: Path) -> None:
    with fake_daemon(socket), dashboard_on(socket, (80, 24), "--no-mouse", home=tmp_path) as terminal:
        settled(terminal)
        assert b"\x1b[?1000h" not in terminal.output


def test_a_dumb_terminal_gets_lines(socket: Path, tmp_path: Path) -> None:
    with fake_daemon(socket), dashboard_on(socket, (80, 24), home=tmp_path, env={"TERM": "dumb"}) as terminal:
        terminal.shows("each change is a line, Ctrl-C ends", 20)
        terminal.shows("running download: ", 5)
        assert b"\x1b" not in terminal.output
        os.write(terminal.master, b"\x03")
        assert terminal.wait() == 130


def test_nothing_but_its_own_sequences_reaches_the_terminal(socket: Path, tmp_path: Path) -> None:
    with fake_daemon(socket), dashboard_on(socket, (120, 40), home=tmp_path) as terminal:
        settled(terminal)
        terminal.press("jjj\r]]]")
        terminal.quiet(0.5)
        rest = OWN_SEQUENCES.sub(b"", bytes(terminal.output))
        assert b"\x1b" not in rest, rest[max(0, rest.index(b"\x1b") - 20) :][:60]
