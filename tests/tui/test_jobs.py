"""The window of the history: what happens to the rows when jobs come, change and go."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tui.fake_api import FakeApi
from z2ctl import text
from z2ctl.tui.job import Job
from z2ctl.tui.jobs import TABS, Change, Query, Window
from z2ctl.tui.state import State


def job(number: int, **fields: Any) -> Job:
    """A job as old as its number is low."""
    fake = FakeApi()
    base = fake.add("COMPLETED")
    base.update(
        id=number, created_at=f"2026-11-22T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}Z", **fields
    )
    base.setdefault("display_status", base["status"])
    return Job.from_wire(base)


def window(*numbers: int, total: int | None = None, cursor: str | None = None, query: Query | None = None) -> Window:
    """A window with these jobs loaded."""
    made = Window(query=query or Query())
    made.fill([job(number) for number in numbers], total or len(numbers), cursor)
    return made


def ids(of: Window) -> list[int]:
    return [each.id for each in of]


def test_every_stored_status_is_on_exactly_one_tab() -> None:
    shown = [status for _, statuses in TABS for status in statuses]
    assert sorted(shown) == sorted(text.STATUSES)


def test_a_new_job_waits_while_the_person_is_down_the_list() -> None:
    w = window(3, 2, 1)
    assert w.put(job(4), at_top=False) is Change.WAITING
    assert ids(w) == [3, 2, 1]
    assert list(w.waiting) == [4]
    assert w.total == 4
    w.surface()
    assert ids(w) == [4, 3, 2, 1]
    assert not w.waiting


def test_a_new_job_shows_at_once_at_the_top() -> None:
    w = window(3, 2, 1)
    assert w.put(job(4), at_top=True) is Change.ROWS
    assert ids(w) == [4, 3, 2, 1]


def test_another_order_never_inserts_by_itself() -> None:
    w = window(3, 2, 1, query=Query(sort="title", descending=False))
    assert w.put(job(4), at_top=True) is Change.WAITING
    assert ids(w) == [3, 2, 1]


def test_a_job_of_a_page_that_is_not_loaded_changes_nothing() -> None:
    w = window(30, 20, total=50, cursor="x")
    assert w.put(job(5), at_top=True) is Change.NOTHING
    assert ids(w) == [30, 20]


def test_an_older_revision_never_wins() -> None:
    w = window(3, 2, 1)
    w.put(job(2, title="new", rev=5), at_top=False)
    assert w.put(job(2, title="old", rev=4), at_top=False) is Change.NOTHING
    assert w.get(2) is not None
    assert w.get(2).title == "new"  # type: ignore[union-attr]


def test_a_row_that_no_longer_belongs_stays_until_asked() -> None:
    w = Window(query=Query(tab="running"))
    w.fill([job(2, status="RUNNING"), job(1, status="RUNNING")], 2, None)
    assert w.put(job(2, status="COMPLETED", rev=2), at_top=False) is Change.ROW
    assert ids(w) == [2, 1]
    assert w.prune()
    assert ids(w) == [1]


def test_pages_are_appended_without_doubles() -> None:
    w = window(5, 4, 3, total=6, cursor="a")
    assert w.append([job(3), job(2), job(1)], 6, None) == 2
    assert ids(w) == [5, 4, 3, 2, 1]
    assert w.cursor is None


def test_reading_again_keeps_what_was_loaded_below() -> None:
    w = window(9, 8, 7, 6, 5, 4, total=9, cursor="deep")
    w.renew([job(10), job(9), job(8)], 10, "shallow")
    assert ids(w) == [10, 9, 8, 7, 6, 5, 4]
    assert w.cursor == "deep"
    w.renew([job(10), job(9)], 2, None)
    assert ids(w) == [10, 9]


def test_answers_to_older_questions_are_known_by_their_number() -> None:
    w = window(1)
    first = w.ask(Query(tab="failed"))
    second = w.ask(Query(tab="done"))
    assert first != second == w.generation
    assert ids(w) == [1], "the old rows stay until the answer is there"


def test_words_are_looked_for_where_the_daemon_looks() -> None:
    query = Query(words="sql")
    assert query.admits(job(1, title="SQLite"))
    assert query.admits(job(1, title="x", url="https://sql.example/"))
    assert not query.admits(job(1, title="x", channel="y"))


@given(
    st.lists(st.tuples(st.integers(1, 30), st.booleans(), st.sampled_from(["put", "remove", "surface"])), max_size=60)
)
def test_rows_are_always_in_order_and_each_job_once(steps: list[tuple[int, bool, str]]) -> None:
    w = window(10, 9, 8)
    for number, at_top, what in steps:
        if what == "put":
            w.put(job(number, rev=number), at_top=at_top)
        elif what == "remove":
            w.remove(number)
        else:
            w.surface()
        rows = ids(w)
        assert rows == sorted(set(rows), reverse=True)
        assert not set(rows) & set(w.waiting)
        assert all(w.index_of(each) == place for place, each in enumerate(rows))


def test_counts_follow_the_jobs_between_two_statistics() -> None:
    state = State(stats={"counts": {"RUNNING": 2, "COMPLETED": 5}, "total": 7})
    fresh = State(stats={"counts": {}, "total": 0})
    for status in ("QUEUED", "RUNNING"):
        fresh.job(job(1, status=status, rev=2), at_top=True)
    assert (fresh.counted("running"), fresh.counted("all")) == (1, 1), "no tab has more than all"
    state.window.fill([job(1, status="RUNNING")], 1, None)
    state.job(job(1, status="COMPLETED", rev=2), at_top=True)
    assert state.counted("running") == 1
    assert state.counted("done") == 6
    assert state.counted("all") == 7


def test_running_jobs_come_and_go_in_the_order_of_their_start() -> None:
    state = State()
    state.snapshot([job(2, status="RUNNING"), job(1, status="QUEUED")], {}, at_top=True)
    assert list(state.active) == [2]
    state.job(job(1, status="RUNNING", rev=2), at_top=True)
    assert state.progress(1, "audio", 0.5, None, None)
    assert state.active[1].progress == 0.5
    state.job(job(2, status="COMPLETED", rev=3), at_top=True)
    assert list(state.active) == [1]


def test_actions_are_about_the_marks_or_else_the_selected_job() -> None:
    state = State()
    state.window.fill([job(3), job(2), job(1)], 3, None)
    state.select(1)
    assert [each.id for each in state.targets()] == [2]
    state.marks.update({1, 3})
    assert [each.id for each in state.targets()] == [1, 3]


@pytest.mark.parametrize("silent_for, said", [(5.0, 0.0), (31.0, 31.0)])
def test_silence_is_said_only_when_it_is_long(silent_for: float, said: float) -> None:
    from z2ctl.tui.state import Phase

    state = State()
    state.line.phase, state.line.heard_at = Phase.LIVE, 100.0
    assert state.line.silent(100.0 + silent_for) == said
