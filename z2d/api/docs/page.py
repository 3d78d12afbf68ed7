"""The page itself: a left index, every call with parameters, examples and errors, and every shape that they name.

It is made once from the document. Everything that is put into it is escaped; it has no script, its one style is inline
and allowed by its hash, and no address on it leads away from the daemon.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from z2d.api.docs import shapes

Json = Mapping[str, Any]
STYLE = Path(__file__).with_name("style.css").read_text(encoding="utf-8")
_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; frame-ancestors 'none'; base-uri 'none'; sandbox"
_CODE = re.compile(r"`([^`]+)`")
_ERROR = re.compile(r"`(\w+)`: (.*?)(?=; `\w+`: |$)")
INTRO = """
<p>JSON in UTF-8, times in UTC (RFC 3339), durations in milliseconds (<code>*_ms</code>), sizes in bytes, ids are whole
numbers. The same, for programs: <a href="openapi.json">openapi.json</a> (OpenAPI 3.1).</p>
<h3>How to call it</h3>
<p>On the machine itself over the unix socket, where the account of the caller is all it takes; over TCP with the token
that lies in the state folder. A WebSocket may send it as the subprotocols <code>z2, bearer.TOKEN</code>.</p>
<pre>curl --unix-socket "$Z2_SOCKET" http://localhost/api/version
curl -H "Authorization: Bearer $Z2_TOKEN" http://127.0.0.1:8642/api/version</pre>
"""


class Call(NamedTuple):
    """One call of the document."""

    method: str
    path: str
    said: Json

    @property
    def anchor(self) -> str:
        """Its place on the page."""
        return str(self.said["operationId"])


def render(document: Json) -> str:
    """The whole page."""
    calls = [
        Call(method.upper(), path, said)
        for path, methods in document["paths"].items()
        for method, said in methods.items()
    ]
    models = document["components"]["schemas"]
    everywhere = set.intersection(*[set(_errors_of(call)) for call in calls])
    groups = [(tag, [call for call in calls if tag["name"] in call.said["tags"]]) for tag in document["tags"]]
    version = escape(document["info"]["version"])
    main = [
        f'<header id="top"><h1>z2 API <small>{version}</small></h1>',
        f"<p>{escape(document['info']['summary'])}.</p></header>",
        INTRO,
        _common(sorted(everywhere)),
        *[_group(tag, own, models, everywhere) for tag, own in groups],
        '<section id="shapes"><h2>Shapes</h2>',
        *[_model(name, schema) for name, schema in sorted(models.items())],
        "</section>",
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="color-scheme" content="light dark"><title>z2 API {version}</title>'
        f"<style>{STYLE}</style></head><body>"
        '<input type="checkbox" id="menu" aria-label="Show the list of calls"><label for="menu">Calls</label>'
        f"{_index(groups)}<main>{''.join(main)}</main></body></html>\n"
    )


def _index(groups: Sequence[tuple[Json, list[Call]]]) -> str:
    parts = ['<nav aria-label="Calls"><a class="home" href="#top">z2 API</a>']
    for tag, calls in groups:
        parts.append(f"<h2>{escape(tag['name'])}</h2><ul>")
        parts += [
            f'<li><a href="#{call.anchor}">{_verb(call)}<span>{_path(call.path)}</span></a></li>' for call in calls
        ]
        parts.append("</ul>")
    return "".join([*parts, '<h2>shapes</h2><ul><li><a href="#shapes">All shapes</a></li></ul></nav>'])


def _common(errors: Sequence[tuple[str, str, str]]) -> str:
    return (
        "<h3>What any call may answer</h3><p>Errors are <code>application/problem+json</code> (RFC 9457) with a stable "
        f"<code>code</code>: {_link('Problem')}. Below a call stand those of its own.</p>{_error_table(errors)}"
    )


def _group(tag: Json, calls: Sequence[Call], models: Mapping[str, Json], everywhere: set[tuple[str, str, str]]) -> str:
    own = "".join(_call(call, models, everywhere) for call in calls)
    return f'<section><h2>{escape(tag["name"])}</h2><p class="lead">{_prose(tag["description"])}.</p>{own}</section>'


def _call(call: Call, models: Mapping[str, Json], everywhere: set[tuple[str, str, str]]) -> str:
    said = call.said
    parts = [
        f'<article id="{call.anchor}"><h3>{_verb(call)} ',
        f'<a class="path" href="#{call.anchor}">{_path(call.path)}</a></h3>',
        f'<p class="lead">{_prose(said["summary"])}</p>',
        *(f"<p>{_prose(text)}</p>" for text in said.get("description", "").split("\n\n") if text != said["summary"]),
        _parameters(said.get("parameters", ())),
        _body(said.get("requestBody"), models),
        _requests(call),
        *_answers(said["responses"], models),
        _messages(said.get("x-messages")),
    ]
    if errors := [error for error in _errors_of(call) if error not in everywhere]:
        parts.append(f"<h4>Errors of its own</h4>{_error_table(errors)}")
    return "".join([*parts, "</article>"])


def _parameters(parameters: Sequence[Json]) -> str:
    if not parameters:
        return ""
    rows = [
        (
            f"<code>{escape(one['name'])}</code>{_needed(one['required'])}",
            f"{escape(one['in'])}: {escape(shapes.kind(one['schema']))}",
            _about(shapes.limits(one["schema"]), one.get("description") or one["schema"].get("description", "")),
        )
        for one in parameters
    ]
    return "<h4>Parameters</h4>" + _table(rows)


def _body(body: Json | None, models: Mapping[str, Json]) -> str:
    if body is None:
        return ""
    ((media, content),) = body["content"].items()
    head = f"<h4>Body <small>{escape(media)}{'' if body['required'] else ', may be left out'}</small></h4>"
    name = shapes.model(content.get("schema", {}))
    return head + (_fields(models[name]) if name else "<p>The bytes of the file.</p>")


def _requests(call: Call) -> str:
    """A curl line for each example, or one for the call."""
    if "x-messages" in call.said:
        return f'<h4>Example</h4><pre>websocat ws-c:unix:"$Z2_SOCKET":ws://localhost{escape(_filled(call, ""))}</pre>'
    lines = []
    for name, summary in _example_names(call) or [("", "")]:
        comment = f"# {summary}\n" if summary else ""
        lines.append(escape(comment + _curl(call, name)))
    return "<h4>Example</h4><pre>" + "\n\n".join(lines) + "</pre>"


def _example_names(call: Call) -> list[tuple[str, str]]:
    found: dict[str, str] = {}
    for one in call.said.get("parameters", ()):
        found |= {name: shown["summary"] for name, shown in one.get("examples", {}).items()}
    found |= {name: shown["summary"] for name, shown in _bodies(call).items()}
    return list(found.items())


def _bodies(call: Call) -> Json:
    content = call.said.get("requestBody", {}).get("content", {})
    bodies: Json = content.get("application/json", {}).get("examples", {})
    return bodies


def _curl(call: Call, name: str) -> str:
    """The call as a line for a shell; what it sends stands below."""
    method = "" if call.method == "GET" else f"-X {call.method} "
    sent = [
        f"-H '{one['name']}: {one['examples'][name]['value']}'"
        for one in call.said.get("parameters", ())
        if one["in"] == "header" and name in one.get("examples", {})
    ]
    if name in _bodies(call):
        body = json.dumps(_bodies(call)[name]["value"], ensure_ascii=False).replace("'", "'\\''")
        sent.append(f"--json '{body}'")
    elif "application/octet-stream" in call.said.get("requestBody", {}).get("content", {}):
        sent.append("-H 'Content-Type: application/octet-stream' --data-binary @talk.mp4")
    address = f"http://localhost{_filled(call, name)}"
    address = f"'{address}'" if "?" in address else address
    return " \\\n  ".join([f'curl --unix-socket "$Z2_SOCKET" {method}{address}', *sent])


def _filled(call: Call, name: str) -> str:
    """Its path and query as that example has them; other parameters of the path get some value."""
    path, query = call.path, []
    for one in call.said.get("parameters", ()):
        shown = one.get("examples", {})
        value = (
            shown[name]["value"]
            if name in shown
            else next(iter(shown.values()))["value"]
            if shown and not name
            else None
        )
        if one["in"] == "path":
            some = value if value is not None else 1 if one["schema"].get("type") == "integer" else one["name"]
            path = path.replace(f"{{{one['name']}}}", str(some))
        elif one["in"] == "query" and one["required"] and not shown:
            query.append(f"{one['name']}={_quoted(shapes.example(one['schema'], {}, one['name']))}")
        elif one["in"] == "query" and name in shown:
            query += [f"{one['name']}={_quoted(item)}" for item in (value if isinstance(value, list) else [value])]
    return f"{path}?{'&'.join(query)}" if query else path


def _quoted(value: Any) -> str:
    return quote(str(value), safe=":,.-_")


def _answers(responses: Json, models: Mapping[str, Json]) -> Iterator[str]:
    for status, answer in responses.items():
        words = _ERROR.sub("", answer["description"]).removesuffix(". Or ").rstrip("; ")
        if int(status) >= 400 and not words:
            continue
        content = {
            media: one for media, one in answer.get("content", {}).items() if media != "application/problem+json"
        }
        kinds = ", ".join(content)
        yield f'<h4><span class="status">{status}</span> {_prose(words)} <small>{escape(kinds)}</small></h4>'
        for one in content.values():
            if (name := shapes.model(one.get("schema", {}))) is not None:
                value = next((shown["value"] for shown in one.get("examples", {}).values()), None)
                value = shapes.example(one["schema"], models) if value is None else value
                yield f"<p>{_link(name)}</p><details><summary>Example of the answer</summary>{_json(value)}</details>"


def _messages(messages: Json | None) -> str:
    if messages is None:
        return ""
    names = [shapes.model(one) or "" for one in messages["oneOf"]]
    return "<h4>Messages from the server</h4><p>" + ", ".join(_link(name) for name in names) + "</p>"


def _model(name: str, schema: Json) -> str:
    about = f"<p>{_prose(schema['description'])}</p>" if schema.get("description") else ""
    body = _fields(schema) if "properties" in schema else f"<p><code>{escape(shapes.kind(schema))}</code></p>"
    return f'<article id="shape-{escape(name)}"><h3 class="shape">{escape(name)}</h3>{about}{body}</article>'


def _fields(schema: Json) -> str:
    rows = []
    for one in shapes.fields(schema):
        kind = escape(one.kind)
        if one.model:
            kind = kind.replace(escape(one.model), _link(one.model), 1)
        rows.append((f"<code>{escape(one.name)}</code>{_needed(one.required)}", kind, _about(one.limits, one.about)))
    return _table(rows) if rows else "<p>An empty object.</p>"


def _table(rows: Sequence[tuple[str, str, str]]) -> str:
    cells = "".join(
        f'<tr><th scope="row">{name}</th><td>{kind}</td><td>{about}</td></tr>' for name, kind, about in rows
    )
    return f'<div class="table"><table>{cells}</table></div>'


def _error_table(errors: Sequence[tuple[str, str, str]]) -> str:
    return _table(
        [
            (f'<span class="status">{status}</span>', f"<code>{escape(code)}</code>", _prose(words))
            for status, code, words in errors
        ]
    )


def _errors_of(call: Call) -> list[tuple[str, str, str]]:
    """Status, code and words of each error that the call may answer."""
    return [
        (status, code, words)
        for status, answer in call.said["responses"].items()
        for code, words in _ERROR.findall(answer["description"])
    ]


def _about(limits: str, about: str) -> str:
    bounds = f'<span class="limits">{escape(limits)}</span>' if limits else ""
    return " ".join(part for part in (_prose(about), bounds) if part)


def _needed(required: bool) -> str:
    return ' <span class="needed">required</span>' if required else ""


def _verb(call: Call) -> str:
    word = "WS" if "x-messages" in call.said else call.method
    return f'<span class="verb {word.lower()}">{word}</span>'


def _path(path: str) -> str:
    """With places at which a narrow column may break it."""
    return escape(path).replace("/", "/<wbr>").replace("{", "<i>{").replace("}", "}</i>")


def _link(name: str) -> str:
    return f'<a href="#shape-{escape(name)}">{escape(name)}</a>'


def _prose(text: str) -> str:
    return _CODE.sub(r"<code>\1</code>", escape(text, quote=False))


def _json(value: Any) -> str:
    return f"<pre>{escape(json.dumps(value, indent=2, ensure_ascii=False))}</pre>"
