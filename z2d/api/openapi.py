"""The OpenAPI 3.1 document, made from the route table and the wire models."""

from __future__ import annotations

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, Field
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from z2d.api.queries import NoQuery
from z2d.api.table import Answer, Example, Header, Route
from z2d.wire import errors
from z2d.wire.base import Wire
from z2d.wire.events import (
    DeletedEvent,
    End,
    Gap,
    JobEvent,
    Lines,
    LogHello,
    ProgressEvent,
    Snapshot,
    StatsEvent,
    StatusHello,
)

Json = dict[str, Any]
_REF = "#/components/schemas/{model}"
_PATH_PARAMETER = re.compile(r"\{(\w+)\}")
_STATUS_MESSAGES = (StatusHello, Snapshot, JobEvent, ProgressEvent, StatsEvent, DeletedEvent)
_LOG_MESSAGES = (LogHello, Lines, Gap, End)
# what any call may answer
_EVERYWHERE: tuple[type[errors.Z2Error], ...] = (
    errors.InvalidRequest,
    errors.Unauthorized,
    errors.Forbidden,
    errors.HostNotAllowed,
    errors.OriginNotAllowed,
    errors.DatabaseUnavailable,
    errors.Z2Error,
)
_TAGS = {
    "jobs": "Submitting, listing and steering jobs",
    "control": "What a person does to jobs that are there",
    "queue": "The queue as a whole",
    "logs": "What was logged while a job ran",
    "files": "What a job has made",
    "search": "Finding what is said, to the second",
    "analysis": "Analysing again, and what earlier analyses said",
    "publishing": "Publishing finished jobs, and the podcast feeds",
    "sites": "Profiles, and cookies of sites",
    "service": "The daemon itself",
    "sockets": "WebSockets. Over TCP the token may be sent as a subprotocol: `z2, bearer.TOKEN`",
}


class Fault(Wire):
    """One place of a request that does not fit the contract."""

    path: str = Field(description="The field, dotted: options.max_height")
    message: str


class Problem(Wire):
    """An error (RFC 9457). `code` is the stable word for programs, `detail` the sentence for people."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[Fault] | None = None


def document(table: Iterable[Route], version: str) -> Json:
    """The document for `table`."""
    table = tuple(table)
    schemas, definitions = models_json_schema(list(_models(table)), by_alias=True, ref_template=_REF)
    paths: Json = {}
    for route in table:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "z2",
            "version": version,
            "summary": "Turns video URLs into library entries that can be read, searched and cited",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}, {}],
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": definitions["$defs"],
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "Over TCP; a unix socket needs none"}
            },
        },
    }


def _models(table: tuple[Route, ...]) -> Iterable[tuple[type[BaseModel], JsonSchemaMode]]:
    """Each model once, as it is read (bodies) or as it is written (answers, messages)."""
    seen: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {(Problem, "serialization"): None}
    for route in table:
        if route.body is not None:
            seen[(route.body, "validation")] = None
        for answer in route.answers.values():
            if answer.model is not None:
                seen[(answer.model, "serialization")] = None
    for message in (*_STATUS_MESSAGES, *_LOG_MESSAGES):
        seen[(message, "serialization")] = None
    return seen


def _operation(route: Route, schemas: Any) -> Json:
    said: Json = {
        "operationId": route.handler.__name__ if not route.socket else f"{route.handler.__name__}_feed",
        "summary": route.summary,
        "description": (route.handler.__doc__ or "").strip(),
        "tags": [route.tag],
        "parameters": [*_path_parameters(route), *_query_parameters(route), *_header_parameters(route)],
        "responses": _responses(route, schemas),
    }
    if not said["parameters"]:
        del said["parameters"]
    if route.body is not None:
        content: Json = {"schema": schemas[(route.body, "validation")]}
        if shown := {one.name: _shown(one, one.body) for one in route.examples if one.body is not None}:
            content["examples"] = shown
        said["requestBody"] = {"required": not route.body_optional, "content": {"application/json": content}}
    if route.stream:
        said["requestBody"] = {"required": True, "content": {route.stream: {}}}
    if route.public:
        said["security"] = []
    if route.socket:
        messages = _LOG_MESSAGES if "{job_id}" in route.path else _STATUS_MESSAGES
        said["x-messages"] = {"oneOf": [schemas[(message, "serialization")] for message in messages]}
    return said


def _shown(example: Example, value: Any) -> Json:
    return {"summary": example.summary, "value": value}


def _path_parameters(route: Route) -> list[Json]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "pattern": f"^{route.texts[name]}$"}
            if name in route.texts
            else {"type": "integer", "minimum": 1, "maximum": 2**63 - 1},
            **_examples_of(route, lambda one, name=name: one.path.get(name)),
        }
        for name in _PATH_PARAMETER.findall(route.path)
    ]


def _query_parameters(route: Route) -> list[Json]:
    if route.query is NoQuery:
        return []
    schema = route.query.model_json_schema(by_alias=True)
    definitions = schema.get("$defs", {})
    found = []
    for name, field in schema["properties"].items():
        field = _without_null(_inlined(field, definitions))
        description = field.pop("description", None)
        said: Json = {"name": name, "in": "query", "required": name in schema.get("required", ()), "schema": field}
        if description:
            said["description"] = description
        if field.get("type") == "array":
            said |= {"style": "form", "explode": True}
        found.append(said | _examples_of(route, lambda one, name=name: one.query.get(name)))
    return found


def _inlined(value: Any, definitions: Json) -> Any:
    """`value` with references to query-only enums replaced by what they name."""
    if isinstance(value, dict):
        if "$ref" in value:
            return _inlined(definitions[value["$ref"].rsplit("/", 1)[1]], definitions)
        return {key: _inlined(item, definitions) for key, item in value.items()}
    return [_inlined(item, definitions) for item in value] if isinstance(value, list) else value


def _without_null(field: Json) -> Json:
    """A query parameter is absent, never null."""
    kinds = [kind for kind in field.pop("anyOf", []) if kind.get("type") != "null"]
    if field.get("default", ...) is None:
        del field["default"]
    return {**(kinds[0] if kinds else {}), **field}


def _header_parameters(route: Route) -> list[Json]:
    return [
        _header(header) | _examples_of(route, lambda one, h=header: one.headers.get(h.name)) for header in route.headers
    ]


def _header(header: Header) -> Json:
    schema = {"type": "string"} | ({"pattern": header.pattern} if header.pattern else {})
    return {"name": header.name, "in": "header", "required": False, "description": header.description, "schema": schema}


def _examples_of(route: Route, value_of: Any) -> Json:
    shown = {one.name: _shown(one, value_of(one)) for one in route.examples if value_of(one) is not None}
    return {"examples": shown} if shown else {}


def _responses(route: Route, schemas: Any) -> Json:
    said = {str(status): _response(route, status, answer, schemas) for status, answer in route.answers.items()}
    problem = schemas[(Problem, "serialization")]
    by_status: dict[int, list[type[errors.Z2Error]]] = {}
    for error in _EVERYWHERE + route.errors:
        by_status.setdefault(error.status, []).append(error)
    for status, found in sorted(by_status.items()):
        content: Json = {"schema": problem}
        refused = [one for one in route.examples if one.status == status and one.answer is not None]
        if refused and str(status) not in said:
            content["examples"] = {one.name: _shown(one, one.answer) for one in refused}
        answer = said.setdefault(str(status), {"description": "", "content": {}})
        codes = "; ".join(f"`{error.code}`: {error.title()}" for error in found)
        answer["description"] = f"{answer['description']}. Or {codes}" if answer["description"] else codes
        answer["content"]["application/problem+json"] = content
    return said


def _response(route: Route, status: int, answer: Answer, schemas: Any) -> Json:
    said: Json = {"description": answer.description}
    if answer.headers:
        said["headers"] = {
            name: {"description": text, "schema": {"type": "string"}} for name, text in answer.headers.items()
        }
    content: Json = {}
    for media in answer.media:
        if media == "application/json":
            content[media] = {
                "schema": schemas[(answer.model, "serialization")] if answer.model else {"type": "object"}
            }
        else:
            content[media] = {}
    shown = {one.name: _shown(one, one.answer) for one in route.examples if one.status == status and one.answer}
    if shown and "application/json" in content:
        content["application/json"]["examples"] = shown
    if content or status == HTTPStatus.SERVICE_UNAVAILABLE:
        said["content"] = content
    return said
