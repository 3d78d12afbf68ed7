"""What a JSON schema means, in a few words for a person, and as a value that fits it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

Json = Mapping[str, Any]
DEEPEST = 4  # of examples: what lies deeper is left out
_STRINGS = {
    "date-time": "2026-11-22T10:00:00Z",
    "date": "2026-11-22",
    "uri": "https://media.example/talks/owls.mp4",
}
_NAMES = {
    "url": "https://media.example/talks/owls.mp4",
    "title": "How owls hunt",
    "name": "talk.mp4",
    "message": "The site does not answer.",
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "language": "en",
    "version": "0.1.0",
    "text": "Owls hear better than they see.",
}


class Field(NamedTuple):
    """One field of an object. `kind`: its type in words; `model`: the schema that it, or each of its items, is."""

    name: str
    kind: str
    model: str | None
    required: bool
    limits: str
    about: str


def fields(schema: Json) -> Iterator[Field]:
    """The fields of an object: those that are required first."""
    required = schema.get("required", ())
    for name, own in sorted(schema.get("properties", {}).items(), key=lambda one: one[0] not in required):
        yield Field(name, kind(own), model(own), name in required, limits(own), own.get("description", ""))


def model(schema: Json) -> str | None:
    """The name of the schema that this one, or each of its items, refers to."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    for inner in (*schema.get("anyOf", ()), schema.get("items", {}), schema.get("additionalProperties", {})):
        if inner and isinstance(inner, Mapping) and (found := model(inner)):
            return found
    return None


def kind(schema: Json) -> str:
    """Its type in a few words: "integer", "list of string", "JobStatus or null"."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(kind(one) for one in schema["anyOf"]))
    if "oneOf" in schema:
        return " or ".join(dict.fromkeys(kind(one) for one in schema["oneOf"]))
    if "const" in schema:
        return f'"{schema["const"]}"'
    if "enum" in schema:
        return " or ".join(f'"{one}"' for one in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {kind(schema.get('items', {}))}"
    if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        return f"object of {kind(schema['additionalProperties'])}"
    return {"date-time": "time", "date": "date"}.get(schema.get("format", ""), str(schema.get("type", "anything")))


def limits(schema: Json) -> str:
    """What bounds its values, and its default, in words."""
    first = next((one for one in schema.get("anyOf", ()) if one.get("type") != "null"), schema)
    own = {**first, "default": schema.get("default")}
    said = []
    if "minimum" in own or "maximum" in own:
        said.append(_span(own.get("minimum"), own.get("maximum")))
    if "maxLength" in own:
        said.append(f"at most {own['maxLength']} characters")
    if "maxItems" in own:
        said.append(f"at most {own['maxItems']}")
    if own.get("default") not in (None, "", [], {}) and not isinstance(own["default"], dict):
        said.append(f"default {json.dumps(own['default'], ensure_ascii=False)}")
    return ", ".join(said)


def _span(least: float | None, most: float | None) -> str:
    if most is None or most >= 2**53:
        return f"from {least:g}" if least is not None else ""
    return f"{least:g} to {most:g}" if least is not None else f"at most {most:g}"


def example(schema: Json, models: Mapping[str, Json], name: str = "", depth: int = 0) -> Any:
    """A value that fits the schema: the first of what is possible, and something where there might be nothing."""
    if "$ref" in schema:
        return example(models[str(schema["$ref"]).rpartition("/")[2]], models, name, depth)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    for inner in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        if inner.get("type") != "null":
            return None if depth > DEEPEST else example(inner, models, name, depth)
    match schema.get("type"):
        case "object":
            return _object(schema, models, depth)
        case "array":
            return [] if depth >= DEEPEST else [example(schema.get("items", {}), models, name, depth + 1)]
        case "integer":
            return max(1, int(schema.get("minimum", 1)))
        case "number":
            return 0.5
        case "boolean":
            return True
        case "string":
            return _NAMES.get(name) or _STRINGS.get(schema.get("format", ""), "...")
    return None


def _object(schema: Json, models: Mapping[str, Json], depth: int) -> dict[str, Any]:
    properties = schema.get("properties", {})
    if not properties:
        inner = schema.get("additionalProperties")
        return {"...": example(inner, models, "", depth + 1)} if isinstance(inner, Mapping) and depth < DEEPEST else {}
    return {name: example(own, models, name, depth + 1) for name, own in properties.items()}
