"""From files to raw records: encodings, shapes, and what is none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.importer.old import record
from z2d.importer.files import Raw, read_data, records

ONE, TWO = record(1), record(2)


def found(data: bytes) -> list[Raw]:
    return list(read_data(data, "a.json"))


@pytest.mark.parametrize(
    "value",
    [
        [ONE, TWO],
        {"jobs": [ONE, TWO]},
        {"version": 3, "Jobs": [ONE, TWO]},
        {"data": {"items": [ONE, TWO]}},
        {"job-1": ONE, "job-2": TWO},
        {"jobs": {"job-1": ONE, "job-2": TWO}},
    ],
)
def test_shapes(value: object) -> None:
    raws = found(json.dumps(value).encode())
    assert [raw.fields for raw in raws] == [ONE, TWO]
    assert len({raw.source for raw in raws}) == 2


@pytest.mark.parametrize("beside", [[TWO, TWO, 7], {"job-2": TWO, "job-3": TWO}])
def test_what_could_be_records_beside_those_that_are_is_not_passed_over(beside: object) -> None:
    one, other = found(json.dumps({"version": 3, "jobs": [ONE], "archive": beside, "stats": {"n": [1]}}).encode())
    assert (one.fields, other.fields, other.source) == (ONE, None, 'a.json["archive"]')
    assert other.fault == 'under no name that is known, and beside "jobs": 2 objects that name a URL'


def test_one_object_and_json_lines() -> None:
    assert [raw.fields for raw in found(json.dumps(ONE, indent=2).encode())] == [ONE]
    raws = found(f"{json.dumps(ONE)}\n\n{json.dumps(TWO)}\n{{broken\n".encode())
    assert [raw.fields for raw in raws] == [ONE, TWO, None]
    assert [raw.source for raw in raws] == ["a.json:1", "a.json:3", "a.json:4"]
    assert raws[2].fault.startswith("not JSON: ")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "latin-1"])
def test_encodings(encoding: str) -> None:
    text = json.dumps({**ONE, "title": "Käuzchen"}, ensure_ascii=False)
    (raw,) = found(text.encode(encoding))
    assert raw.fields is not None
    assert raw.fields["title"] == "Käuzchen"
    assert bool(raw.warnings) == (encoding == "latin-1")


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf \n", "empty"),
        (b"{", "not JSON"),
        (b"7", "not an object, but a number"),
        (b'"text"', "not an object, but a text"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b"9" * 10_000, "that can be read"),
        (b"\x00\x01\x02", "not JSON"),
    ],
)
def test_what_is_no_record_says_why(data: bytes, fault: str) -> None:
    (raw,) = found(data)
    assert raw.fields is None
    assert fault in raw.fault


def test_what_json_cannot_say_elsewhere_is_kept_in_ascii() -> None:
    (raw,) = found(b'{"url": "x", "views": NaN, "most": Infinity, "text": "\\u0000 \\ud800 \xc3\xbc"}')
    assert raw.text == '{"most":Infinity,"text":"\\u0000 \\ud800 \\u00fc","url":"x","views":NaN}'
    (same,) = found('{"text":"\\u0000 \\ud800 ü", "most":Infinity, "url":"x", "views":NaN}'.encode("utf-16"))
    assert same.sha256 == raw.sha256, "spelling does not make another record"


def test_folders_are_read_in_the_order_of_names(tmp_path: Path) -> None:
    for name in ("b.json", "a/z.JSONL", "c.txt", "a/y.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(json.dumps({"url": name}))
    (tmp_path / "gone.json").symlink_to("nowhere")
    assert [raw.source for raw in records(tmp_path)] == ["a/y.json", "a/z.JSONL", "b.json"]
    assert [raw.source for raw in records(tmp_path / "b.json")] == ["b.json"]
