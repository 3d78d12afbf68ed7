"""What the API has answered to the examples of its contract, for the pages that show it: docs/answers.json.

A test makes every request of the contract against a served API and compares what comes back with this file. Values that
differ from run to run (times, the disk's room, cursors) are replaced by fixed ones of the same form.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("answers.json")
RENEW = "renew it: WRITE_ANSWERS=1 .venv/bin/python -m pytest tests/api/test_contract.py -n 0 && make docs"
LONGEST_TEXT = 1200
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")
_MAIL_DATE = re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+\w]+")
_ROOM = re.compile(r"\d+ MiB free")
# chosen by an option of the examples themselves, so not a time of this run
_WISHED = "2030-01-31T07:00:00"
_FIXED: dict[str, Any] = {
    "disk_free_bytes": 64 << 30,
    "disk_total_bytes": 256 << 30,
    "next_cursor": "WyIyMDI2LTAxLTMxIiwzXQ",
    "avg_ms": 1500,
    "p50_ms": 1500,
    "p95_ms": 1500,
    "score": 0.5,
}


def read() -> dict[str, dict[str, Any]]:
    """Settled answers by call and name of the example."""
    found: dict[str, dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    return found


def write(call: str, told: dict[str, Any]) -> None:
    """Put in place what was answered to the examples of one call."""
    text = json.dumps(dict(sorted((read() | {call: told}).items())), indent=1, ensure_ascii=False)
    FILE.write_text(text + "\n", encoding="utf-8")


def settled(value: Any, key: str = "") -> Any:
    """`value` as JSON with fixed values in the place of those that differ from run to run."""
    if isinstance(value, dict):
        return {name: settled(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [settled(item, key) for item in value]
    if key in _FIXED and value is not None:
        return _FIXED[key]
    if key == "day":
        return "2026-01-31"
    return _settled_words(value) if isinstance(value, str) else value


def settled_text(kind: str, raw: bytes) -> str:
    """An answer that is no JSON: its beginning, or of what is no text its length."""
    if not kind.startswith("text/") and not kind.endswith("xml"):
        return f"{len(raw)} bytes of {kind}"
    text = _settled_words(raw.decode("utf-8"))
    return text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT].rpartition("\n")[0] + "\n..."


def _settled_words(words: str) -> str:
    words = _MOMENT.sub(lambda found: found[0] if found[0].startswith(_WISHED) else "2026-01-31T08:00:00Z", words)
    words = _ROOM.sub("65536 MiB free", words)
    return _MAIL_DATE.sub("Sat, 31 Jan 2026 08:00:00 +0000", words)
