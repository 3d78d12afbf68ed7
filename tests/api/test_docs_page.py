"""The page to read: complete, well-formed, without scripts, and alone: nothing on it leads away from the daemon."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from typing import Any

import aiohttp
import pytest

from tests.api.world import World
from z2d.api.docs import shapes
from z2d.api.docs.page import POLICY, STYLE, render
from z2d.api.openapi import document
from z2d.api.routes import routes

PAGE = render(document(routes(), "0.1.0"))
VOID = {"meta", "input", "wbr", "br", "hr", "link", "img"}


class Reader(HTMLParser):
    """Every element closed in its order; what it refers to, what it is called, what it says."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.attributes: set[str] = set()
        self.tags: set[str] = set()
        self.text: dict[str, str] = {}
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        found = dict(attrs)
        self.attributes |= found.keys()
        assert len(found) == len(attrs), "an attribute twice"
        if tag not in VOID:
            self.open.append(tag)
        if name := found.get("id"):
            self.ids.append(name)
        for key in ("href", "src", "action"):
            if found.get(key):
                self.links.append(str(found[key]))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.ids:
            self.text[self.ids[-1]] = self.text.get(self.ids[-1], "") + data


READER = Reader(PAGE)


def test_it_is_well_formed_and_every_link_leads_to_something_on_it() -> None:
    assert PAGE.startswith("<!DOCTYPE html>")
    assert len(set(READER.ids)) == len(READER.ids)
    for link in READER.links:
        assert link == "openapi.json" or link.removeprefix("#") in READER.ids, link


def test_it_has_no_script_and_no_address_of_anybody_else() -> None:
    assert not {"script", "iframe", "object", "embed", "link", "img", "form"} & READER.tags
    assert not {name for name in READER.attributes if name.startswith("on")} | ({"style"} & READER.attributes)
    assert "url(" not in STYLE
    assert "@import" not in STYLE
    # what stands in examples is text, and of names that nobody has
    hosts = set(re.findall(r"https?://([^/\s&\"'<?]+)", PAGE))
    assert hosts <= {"localhost", "127.0.0.1:8642", "media.example", "z2.example"}, hosts


def test_the_policy_allows_that_style_and_nothing_else() -> None:
    inline = PAGE.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in POLICY
    assert "unsafe" not in POLICY
    assert POLICY.startswith("default-src 'none'")
    assert "sandbox" in POLICY


@pytest.mark.parametrize("route", routes(), ids=lambda route: f"{route.method} {route.path}")
def test_every_call_is_there_with_all_it_takes(route: Any) -> None:
    anchor = f"{route.handler.__name__}_feed" if route.socket else route.handler.__name__
    said = READER.text[anchor]
    assert route.path in said
    assert route.summary.replace("`", "") in said
    for parameter in (*route.query.model_fields, *(header.name for header in route.headers)):
        assert parameter in said
    for error in route.errors:
        assert error.code in said
    for example in route.examples:
        if example.query or example.body is not None or example.headers:
            assert f"# {example.summary}" in said
    for status, answer in route.answers.items():
        assert f"{status} {answer.description}".replace("`", "") in said
    for field in route.body.model_fields if route.body else ():
        assert field in said


def test_what_a_document_says_is_never_markup() -> None:
    hostile = '</p><script>alert(1)</script>"><b onload=x>`</code>'
    schema = {"type": "object", "properties": {hostile: {"type": "string", "description": hostile, "default": hostile}}}
    call = {
        "operationId": "one",
        "summary": hostile,
        "description": hostile,
        "tags": ["jobs"],
        "parameters": [{"name": "q", "in": "query", "required": False, "description": hostile, "schema": schema,
                        "examples": {hostile: {"summary": hostile, "value": hostile}}}],
        "requestBody": {"required": True, "content": {"application/json": {
            "schema": {"$ref": "#/components/schemas/Hostile"},
            "examples": {hostile: {"summary": hostile, "value": {hostile: hostile}}}}}},
        "responses": {"200": {"description": hostile, "content": {"application/json": {
            "schema": {"$ref": "#/components/schemas/Hostile"}}}}},
    }  # fmt: skip
    page = render(
        {
            "info": {"version": hostile, "summary": hostile},
            "tags": [{"name": "jobs", "description": hostile}],
            "paths": {"/a": {"post": call}},
            "components": {"schemas": {"Hostile": schema, "Problem": schema}},
        }
    )
    found = Reader(page)
    assert not {"script", "b"} & found.tags
    assert "onload" not in found.attributes


def test_shapes_in_words() -> None:
    models = {"Job": {"type": "object", "properties": {"id": {"type": "integer", "minimum": 1}}, "required": ["id"]}}
    of_job = {"anyOf": [{"$ref": "#/components/schemas/Job"}, {"type": "null"}]}
    assert shapes.kind({"type": "array", "items": of_job}) == "list of Job or null"
    assert shapes.model({"type": "array", "items": of_job}) == "Job"
    assert shapes.limits({"type": "integer", "minimum": 1, "maximum": 500, "default": 50}) == "1 to 500, default 50"
    assert (
        shapes.limits({"anyOf": [{"type": "string", "maxLength": 9}, {"type": "null"}], "default": None})
        == "at most 9 characters"
    )
    assert shapes.example(of_job, models) == {"id": 1}
    endless = {"Node": {"type": "object", "properties": {"next": {"type": "array", "items": {"$ref": "#/x/Node"}}}}}
    assert "next" in shapes.example({"$ref": "#/x/Node"}, endless)


async def test_it_is_served_to_whoever_reaches_the_daemon(world: World) -> None:
    """A browser cannot send a token with an address, and the page says nothing that the manual does not."""
    async with (
        aiohttp.ClientSession() as stranger,
        stranger.get(f"http://127.0.0.1:{world.port}/api/docs") as answer,
    ):
        assert answer.status == 200
        assert answer.content_type == "text/html"
        assert answer.headers["Content-Security-Policy"] == POLICY
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert await answer.text() == PAGE
    async with (
        aiohttp.ClientSession() as stranger,
        stranger.get(f"http://127.0.0.1:{world.port}/api/docs", headers={"Host": "rebound.example"}) as answer,
    ):
        assert answer.status == 403
