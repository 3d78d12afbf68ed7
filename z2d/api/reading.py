"""Reading what a caller sent: body, query and path become checked values, or a 400 that says where and why.

Hostile input is met here once: a body that never ends, arrays a hundred thousand deep, NaN, numbers of a million
digits, the same key twice, half a surrogate pair, bytes that are not UTF-8.
"""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any, NoReturn, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from z2d.wire import errors

MAX_BODY = 1024 * 1024
BODY_TIMEOUT_S = 10.0
MAX_SHOWN_ERRORS = 20
Model = TypeVar("Model", bound=BaseModel)
_ID = re.compile(r"[1-9][0-9]{0,18}")


async def read_body(request: web.Request, model: type[Model], *, optional: bool = False) -> Model:
    """The body of `request` as a `model`; an absent body means the model's defaults where `optional`.

    Raises: UnsupportedMediaType, PayloadTooLarge, InvalidRequest.
    """
    raw = await _read(request) if optional else b""
    if optional and not raw:  # whatever a client writes into Content-Type when it sends nothing
        return model()
    _check_media_type(request)
    raw = raw or await _read(request)
    check_json(raw)
    try:
        return model.model_validate_json(raw, strict=True)
    except ValidationError as error:
        _refuse("the body does not fit the contract", error)


async def refuse_body(request: web.Request) -> None:
    """For calls that take no body: one that is sent anyway was meant for something else.

    Raises: UnsupportedMediaType, InvalidRequest.
    """
    if request.body_exists and await _read(request):
        _check_media_type(request)
        raise errors.InvalidRequest("this call takes no body")


def read_query(request: web.Request, model: type[Model]) -> Model:
    """The query of `request` as a `model`. A parameter may be repeated only where the model has a list.

    Raises: InvalidRequest, for unknown parameters too.
    """
    fields = model.model_fields
    values: dict[str, Any] = {}
    for name in request.query:
        given = request.query.getall(name)
        is_list = name in fields and isinstance(fields[name].get_default(call_default_factory=True), list)
        if not is_list and len(given) > 1:
            _point(name, "may be given only once")
        values[name] = given if is_list else given[0]
    try:
        return model.model_validate(values)
    except ValidationError as error:
        _refuse("the query does not fit the contract", error)


def path_id(request: web.Request, name: str, absent: type[errors.Z2Error]) -> int:
    """A positive 64-bit number from the path; anything else names nothing, so `absent` is raised."""
    text = request.match_info[name]
    if not _ID.fullmatch(text) or int(text) >= 2**63:
        raise absent
    return int(text)


def header_text(request: web.Request, name: str, pattern: str) -> str | None:
    """The header `name`, which must match `pattern` and may be sent once, or None.

    Raises: InvalidRequest.
    """
    sent = request.headers.getall(name, [])
    if not sent:
        return None
    if len(sent) > 1 or not re.fullmatch(pattern, sent[0]):
        fault = {"path": name, "message": "should be one value of printable ASCII characters, at most 200"}
        raise errors.InvalidRequest("a header does not fit the contract", errors=[fault])
    return sent[0]


def check_json(raw: bytes) -> None:
    """Refuse JSON that readers disagree about, before a model looks at it.

    Raises: InvalidRequest.
    """
    try:
        text = raw.decode("utf-8")
        value = json.loads(text, parse_constant=_not_json, object_pairs_hook=_once)
        json.dumps(value, ensure_ascii=False).encode("utf-8")  # fails on lone surrogates
    except UnicodeDecodeError:
        raise errors.InvalidRequest("the body is not UTF-8") from None
    except UnicodeEncodeError:
        raise errors.InvalidRequest("the body holds half of a surrogate pair") from None
    except RecursionError:
        raise errors.InvalidRequest("the body is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise errors.InvalidRequest(f"the body is not JSON: {error.msg} at position {error.pos}") from None
    except ValueError as error:  # NaN, a key given twice, a number with too many digits
        raise errors.InvalidRequest(f"the body is not JSON that everybody reads alike: {error}") from None


def _not_json(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a JSON number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is given twice in one object")
    return found


def _check_media_type(request: web.Request) -> None:
    sent = request.headers.getall("Content-Type", [])
    kind, _, rest = sent[0].partition(";") if len(sent) == 1 else ("", "", "")
    charset = rest.strip().lower().removeprefix("charset=").strip('"')
    if kind.strip().lower() != "application/json" or charset not in {"", "utf-8"}:
        raise errors.UnsupportedMediaType
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise errors.UnsupportedMediaType("a compressed body is not accepted")


async def accept_body(request: web.Request) -> None:
    """Tell a caller that waits for '100 Continue' to send the body."""
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0


async def _read(request: web.Request) -> bytes:
    """The raw body. Only now is a caller that waits for '100 Continue' told to send it."""
    if (request.content_length or 0) > MAX_BODY:
        raise errors.PayloadTooLarge
    await accept_body(request)
    pieces = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            while piece := await request.content.readany():
                pieces += piece
                if len(pieces) > MAX_BODY:
                    raise errors.PayloadTooLarge
    except TimeoutError:
        raise errors.InvalidRequest(f"the body did not arrive within {BODY_TIMEOUT_S:.0f} s") from None
    except web.RequestPayloadError:
        raise errors.InvalidRequest("the body is not what its headers say") from None
    return bytes(pieces)


def _point(path: str, message: str) -> NoReturn:
    raise errors.InvalidRequest("the query does not fit the contract", errors=[{"path": path, "message": message}])


def _refuse(detail: str, error: ValidationError) -> NoReturn:
    """A 400 that names each place; the values themselves are not repeated, they may be long or secret."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    shown = [
        {"path": ".".join(str(part) for part in item["loc"]), "message": str(item["msg"]).removeprefix("Value error, ")}
        for item in found[:MAX_SHOWN_ERRORS]
    ]
    raise errors.InvalidRequest(detail, errors=shown) from None
