"""/metrics: a document that any reader of the format takes, whose numbers are true, and which costs little."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from typing import NamedTuple

import aiohttp
import pytest

from tests.api.seed import seed
from tests.api.world import World
from tests.support import ROOT, eventually
from z2d.api import counting
from z2d.api.exposition import Histogram, Sample, counter, gauge, text
from z2d.api.metrics import METRICS, ServerState, Surroundings
from z2d.store import metrics
from z2d.store.logs import LogWriter

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LINE = re.compile(rf"({NAME})(?:\{{(.*)\}})? (-?[0-9.e+-]+|\+Inf|NaN)")
LABEL = re.compile(rf'({NAME})="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')


class Reading(NamedTuple):
    """What the strict reader found: the kind of each family, and every value by its name and labels."""

    kinds: dict[str, str]
    values: dict[tuple[str, frozenset[tuple[str, str]]], float]

    def __getitem__(self, asked: str) -> float:
        """The value of `name` or `name{label="value"}`."""
        match = LINE.fullmatch(f"{asked} 0")
        assert match
        return self.values[match[1], labels_of(match[2] or "")]


def labels_of(written: str) -> frozenset[tuple[str, str]]:
    found = LABEL.findall(written)
    assert "".join(f'{name}="{value}",' for name, value in found).rstrip(",") == written, written
    assert len({name for name, _ in found}) == len(found), f"a label twice: {written}"
    return frozenset(found)


def read(document: str) -> Reading:
    """Read a document as strictly as the format is described: anything out of order is an error."""
    assert document.endswith("\n")
    kinds: dict[str, str] = {}
    values: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
    helped = current = ""
    for line in document.splitlines():
        if line.startswith("# HELP "):
            helped = line.split(" ", 3)[2]
            assert helped not in kinds, f"{helped} stands in two places"
        elif line.startswith("# TYPE "):
            _, _, current, kind = line.split(" ")
            assert current == helped
            assert kind in {"counter", "gauge", "histogram"}
            assert (kind == "counter") == current.endswith("_total")
            kinds[current] = kind
        else:
            match = LINE.fullmatch(line)
            assert match, f"not a sample: {line!r}"
            suffixes = ("_bucket", "_sum", "_count") if kinds[current] == "histogram" else ("",)
            assert match[1] in {current + suffix for suffix in suffixes}, line
            key = match[1], labels_of(match[2] or "")
            assert key not in values, f"twice: {line}"
            values[key] = float(match[3])
    found = Reading(kinds, values)
    for name in (name for name, kind in kinds.items() if kind == "histogram"):
        check_histogram(found, name)
    return found


def check_histogram(found: Reading, name: str) -> None:
    series: dict[frozenset[tuple[str, str]], list[tuple[float, float]]] = {}
    for (sample, labels), value in found.values.items():
        if sample == f"{name}_bucket":
            bound = float(dict(labels)["le"])
            series.setdefault(frozenset(one for one in labels if one[0] != "le"), []).append((bound, value))
    assert series
    for labels, buckets in series.items():
        assert [bound for bound, _ in buckets] == sorted(bound for bound, _ in buckets)
        assert [count for _, count in buckets] == sorted(count for _, count in buckets), "counts include those below"
        assert buckets[-1] == (float("inf"), found.values[f"{name}_count", labels])
        assert (f"{name}_sum", labels) in found.values


async def scrape(world: World) -> Reading:
    async with world.unix.get("/metrics") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        return read(await answer.text())


async def now(world: World) -> Reading:
    """The numbers as they are, not as they were kept."""
    world.app[METRICS]._good_until = 0.0
    return await scrape(world)


def test_the_format_is_written_as_it_is_read() -> None:
    took = Histogram((0.5, 1.0))
    for seconds in (0.5, 0.75, 3):
        took.observe(seconds)
    hostile = 'a"b\\c\nd'
    found = read(
        text([
            gauge("z2_a", "Two\nlines \\", Sample(1.5, {"host": hostile}), Sample(2, {"host": ""})),
            counter("z2_b_total", "Large", Sample(2**40)),
            gauge("z2_none", "Without a line"),
            gauge("z2_c", "Took", Sample(True))._replace(samples=took.samples({"stage": "audio"}), kind="histogram"),
        ])
    )  # fmt: skip
    assert set(found.kinds) == {"z2_a", "z2_b_total", "z2_c"}
    assert found['z2_a{host="a\\"b\\\\c\\nd"}'] == 1.5
    assert found["z2_b_total"] == 2**40
    assert [found[f'z2_c_bucket{{stage="audio",le="{le}"}}'] for le in ("0.5", "1", "+Inf")] == [1, 2, 3]
    assert found['z2_c_sum{stage="audio"}'] == 4.25


async def test_the_numbers_are_those_of_the_queue(world: World) -> None:
    assert (await scrape(world))['z2_jobs{status="QUEUED",wait_reason=""}'] == 0
    world.app[METRICS]._ledger = counting.Ledger(world.db, settled_s=0)
    await seed(world.db, world.jobs_dir)
    found = await now(world)
    by_status = {
        status: found[f'z2_jobs{{status="{status}",wait_reason=""}}'] for status in ("RUNNING", "COMPLETED", "FAILED")
    }
    assert by_status == {"RUNNING": 1, "COMPLETED": 1, "FAILED": 1}
    assert found['z2_jobs{status="QUEUED",wait_reason=""}'] == 1
    assert found["z2_queue_due_jobs"] == 1
    assert found["z2_queue_due_oldest_age_seconds"] > 0
    assert found['z2_jobs_oldest_age_seconds{status="RUNNING",wait_reason=""}'] > 0
    assert (found["z2_slots_busy"], found["z2_workers"]) == (1, 1)
    assert found['z2_queue_mode{mode="ACTIVE"}'] == 1
    assert (found["z2_database_up"], found["z2_listener_connected"]) == (1, 1)
    assert found['z2_jobs_finished_total{outcome="PARTIAL",error_class=""}'] == 1
    failed = {key: value for key, value in found.values.items() if ("outcome", "FAILED") in key[1]}
    assert list(failed.values()) == [1]
    assert found["z2_job_duration_seconds_count"] == 1
    assert found['z2_stage_duration_seconds_count{stage="metadata"}'] == 1


async def test_what_finished_is_counted_once(world: World) -> None:
    ledger, young = counting.Ledger(world.db, settled_s=0), counting.Ledger(world.db, settled_s=60)
    await seed(world.db, world.jobs_dir)
    for _ in range(3):
        await ledger.read_on()
        assert sum(ledger.jobs.values()) == 2
    await world.db.execute("UPDATE jobs SET status = 'QUEUED' WHERE status = 'FAILED'")
    await world.db.execute("UPDATE jobs SET status = 'CANCELLED' WHERE status = 'QUEUED'")
    await ledger.read_on()
    assert ledger.jobs["CANCELLED", ""] == 2
    await young.read_on()
    assert not any(young.jobs.values()), "an end that may still be committed behind others is left for later"


async def test_pages_of_what_finished_join(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "PAGE", 1)
    ledger = counting.Ledger(world.db, settled_s=0)
    await seed(world.db, world.jobs_dir)
    await ledger.read_on()
    assert sum(ledger.jobs.values()) == 2


async def test_requests_are_counted_by_route_and_never_by_url(seeded: World) -> None:
    for path in ("/api/jobs/1", "/api/jobs/999", "/api/jobs/2?x=1", "/no/such/secret", "/healthz"):
        await seeded.call("GET", path)
    await seeded.call("PROPFIND", "/api/jobs")
    found = await scrape(seeded)
    route = 'z2_http_requests_total{{method="GET",route="/api/jobs/{{job_id}}",code="{}"}}'
    assert [found[route.format(code)] for code in (200, 404, 400)] == [1, 1, 1]
    assert found['z2_http_requests_total{method="GET",route="none",code="404"}'] == 1
    assert found['z2_http_requests_total{method="other",route="/api/jobs",code="405"}'] == 1
    assert found["z2_http_request_duration_seconds_count"] == 6
    assert "secret" not in str(found.values)


async def test_websockets_are_counted_while_they_are_open(seeded: World) -> None:
    async with seeded.unix.ws_connect("/ws/jobs/status") as client, seeded.unix.ws_connect("/ws/jobs/2/logs") as other:
        await client.receive(timeout=5)
        await other.receive(timeout=5)
        found = await scrape(seeded)
        assert [found[f'z2_websocket_clients{{feed="{feed}"}}'] for feed in ("status", "logs")] == [1, 1]

    async def none_is_left() -> bool:
        return (await scrape(seeded))['z2_websocket_clients{feed="status"}'] == 0

    await eventually(none_is_left)
    found = await scrape(seeded)
    assert found['z2_http_requests_total{method="GET",route="/ws/jobs/status",code="101"}'] == 1
    assert found['z2_websocket_dropped_total{reason="slow"}'] == 0


async def test_without_the_database_the_rest_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.db._pool.close()
    found = await now(world)
    assert found["z2_database_up"] == 0
    assert found["z2_database_failures_total"] >= 1
    assert "z2_jobs" not in found.kinds
    assert found["process_open_fds"] > 0


async def test_many_scrapes_are_one_look(seeded: World, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0
    real = metrics.picture

    async def counted(db: object) -> object:
        nonlocal looks
        looks += 1
        return await real(seeded.db)

    monkeypatch.setattr(metrics, "picture", counted)
    async with asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(scrape(seeded), name=f"scrape {number}")
    assert looks == 1


async def test_over_tcp_it_needs_the_token(world: World) -> None:
    async with aiohttp.ClientSession() as stranger, stranger.get(f"http://127.0.0.1:{world.port}/metrics") as answer:
        assert answer.status == 401
    async with world.tcp.get("/metrics") as answer:
        assert answer.status == 200


async def test_the_lag_of_the_loop_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "LOOP_EVERY_S", 0.01)
    lag = counting.LoopLag()
    task = asyncio.create_task(lag.run(), name="lag")

    def seen() -> Iterator[float]:
        return (sample.value for sample in lag.seconds.samples() if sample.suffix == "_count")

    await eventually(lambda: next(seen()) >= 3)
    task.cancel()
    await asyncio.wait({task})
    assert all(sample.value >= 0 for sample in lag.seconds.samples())


async def test_reading_it_uses_the_indexes(seeded: World) -> None:
    """The cost follows what is unfinished: no statement reads the table of jobs from end to end."""
    async with seeded.db.connection() as connection:
        await connection.execute("SET enable_seqscan = off")
        for query, values in (
            (metrics._UNFINISHED, ()),
            (metrics._FINISHED, ((await metrics.place_before(seeded.db, 60)).finished_at, 0, 10.0, 500)),
            (metrics._OUTBOX, ()),
        ):
            plan = "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {query}", *values))
            assert "Seq Scan on job" not in plan, plan
        await connection.execute("RESET enable_seqscan")


DASHBOARD = json.loads((ROOT / "docs/grafana/z2.json").read_text(encoding="utf-8"))


async def test_the_dashboard_shows_what_there_is(seeded: World) -> None:
    """Every metric that a panel names is told, with the labels that the panel sorts by, and none is left out."""
    seeded.app[METRICS]._around = Surroundings(
        {"state": seeded.folder, "library": seeded.folder / "not" / "yet"},
        LogWriter(seeded.db),
        lambda: ServerState(True, 0),
    )
    await seeded.db.execute(
        "INSERT INTO job_publishing (job_id, target, kind, idempotency_key) VALUES (1, 'talks', 'feed', 'k')"
    )
    await scrape(seeded)
    found = await now(seeded)
    assert found['z2_disk_size_bytes{folder="library"}'] > 0
    told = {re.sub(r"_(bucket|sum|count)$", "", name): dict(labels) for name, labels in found.values}
    named: set[str] = set()
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            names = set(re.findall(r"\b(?:z2|process)_\w+", target["expr"]))
            assert names, target
            bare = {re.sub(r"_(bucket|sum|count)$", "", name) for name in names}
            assert bare <= told.keys(), bare - told.keys()
            named |= bare
            for label in set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) - {"instance"}:
                assert any(label in told[name] for name in bare), (target, label)
    assert told.keys() - named == set(), "told and shown nowhere"
    guide = (ROOT / "docs/guide/monitoring.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"`((?:z2|process)_\w+)`", guide))
    assert explained == told.keys(), explained ^ told.keys()
    assert set(re.findall(r"\bz2_\w+", guide)) <= told.keys(), "the alerts name what there is"


def test_the_panels_lie_side_by_side() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert all(x < 24 for x, _ in cells)
        taken |= cells
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
