"""Why the list of jobs is empty, in words: it loads, there is nobody to ask, nothing matches, there is nothing yet."""

from __future__ import annotations

from z2ctl import text as words
from z2ctl.tui.state import Phase, State


def why_empty(state: State, place: str) -> str:
    """What stands in the empty list; `place` is where the daemon is looked for."""
    window, line = state.window, state.line
    if not line.ever and line.phase is Phase.OFFLINE:
        return (
            f"z2d is not running at {place}.\n{_beside(line.reason)}\n"
            "  systemctl status z2d      is the service up?\n"
            "  z2d serve                 start it by hand\n"
            "  z2ctl doctor              what is wrong?\n\n"
            "This screen goes on by itself as soon as it answers."
        )
    if line.phase is Phase.REFUSED:
        return f"z2d does not let this dashboard in.\n{line.reason}"
    if window.loading or not line.ever:
        return "Loading jobs…"
    if window.query.words:
        total = words.count(state.counted(window.query.tab))
        return f"0 of {total} match “{window.query.words}” - esc clears"
    if window.query.tab != "all":
        return f"No {window.query.tab} jobs - 1 shows all"
    return "No jobs yet - press n, or paste a URL, or run: z2ctl submit URL"


def _beside(reason: str) -> str:
    """What a reason says beside "z2d is not running", as a line of its own."""
    return "" if reason.startswith("z2d is not running") else f"{reason}\n"
