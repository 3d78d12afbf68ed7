"""Job files as the program before z2 may have written them, and what may have happened to them since."""

from __future__ import annotations

import json
import random
from typing import Any

from tests.support import fixture

CUES = [{"start": 0.0, "end": 1.5, "text": "Owls fly without"}, {"start": 1.5, "end": 3.0, "text": "a sound"}]


def record(number: int = 1, **over: Any) -> dict[str, Any]:
    """A completed job with all that there can be."""
    return {
        "job_id": f"job-{number}",
        "url": f"https://media.example/talks/{number}.mp4",
        "title": f"How owls hunt, part {number}",
        "status": "completed",
        "created_at": "2024-03-01T10:00:00Z",
        "started_at": "2024-03-01T10:00:05Z",
        "completed_at": "2024-03-01T10:07:00Z",
        "metadata": {"channel": "Night school", "duration": 183.5, "description": "On owls", "language": "en"},
        "transcript": {"segments": CUES, "language": "en"},
        "analysis": {
            "summary": "Owls hunt at night. They hear mice.",
            "key_points": ["Owls are silent", {"text": "Mice are heard", "timestamp": "0:01"}],
            "topics": ["owls", "mice"],
        },
        "logs": [{"time": "2024-03-01T10:00:06Z", "level": "warning", "message": "slow server"}, "done"],
        **over,
    }


def mutants(count: int, seed: int) -> list[tuple[str, bytes]]:
    """Files made of good ones by one to three changes each: in the bytes, in the values, in the shape."""
    chance = random.Random(seed)
    hostile = json.loads(fixture("hostile/blns.json").read_text(encoding="utf-8"))
    foreign = sorted(fixture("hostile").glob("json_*"))
    found = []
    for number in range(count):
        name = f"{number:03}.{chance.choice(['json', 'json', 'json', 'jsonl', 'JSON'])}"
        if chance.random() < 0.05:
            found.append((name, chance.choice(foreign).read_bytes()))
            continue
        value: Any = record(chance.randrange(count), title=f"Part {number}")
        for _ in range(chance.randint(1, 3)):
            value = _changed(value, chance, hostile)
        data = _written(value, chance, name)
        for _ in range(chance.choice([0, 0, 1, 2])):
            data = _damaged(data, chance)
        found.append((name, data))
    return found


def _changed(value: Any, chance: random.Random, hostile: list[str]) -> Any:
    """The value with something in it that is not as it should be."""
    strange = [None, True, [], {}, "", 0, -1, 1e308, float("nan"), float("inf"), 10**30, "\x00", "\ud800",
               "x" * 100_000, [[]], {"": {}}, "2024-01-01", "yesterday", 1709287200000,
               chance.choice(hostile)]  # fmt: skip
    if isinstance(value, dict) and value:
        name = chance.choice(list(value))
        match chance.randrange(6):
            case 0:
                return {key: item for key, item in value.items() if key != name}
            case 1:
                return {key.upper() if key == name else key: item for key, item in value.items()}
            case 2 if isinstance(value[name], dict | list):
                return {**value, name: _changed(value[name], chance, hostile)}
            case 3:
                return {**value, chance.choice(hostile): chance.choice(strange)}
            case 4:
                return chance.choice(
                    [[value, value], {"jobs": [value]}, {name: value}, [value, 7, None], {"data": {"a": value}}]
                )
        return {**value, name: chance.choice(strange)}
    if isinstance(value, list) and value:
        at = chance.randrange(len(value))
        return [*value[:at], _changed(value[at], chance, hostile), *value[at + 1 :]]
    return chance.choice(strange)


def _written(value: Any, chance: random.Random, name: str) -> bytes:
    if name.endswith("jsonl") and isinstance(value, list):
        text = "\n".join(json.dumps(item) for item in value)
    else:
        text = json.dumps(value, ensure_ascii=chance.random() < 0.5, indent=chance.choice([None, None, 2]))
    encoding = chance.choice(["utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1"])
    return text.encode(encoding, "surrogatepass" if encoding.startswith("utf") else "replace")


def _damaged(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data) or 1)
    match chance.randrange(5):
        case 0:
            return data[:at]
        case 1:
            return data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
        case 2:
            return data[:at] + data[at : at + 40] + data[at:]
        case 3:
            return data[:at] + b"\x00" + data[at:]
    return data[:at] + data[at + chance.randrange(30) :]
