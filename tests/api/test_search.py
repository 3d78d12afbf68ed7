"""Searching over HTTP."""

from __future__ import annotations

from tests.api.world import World


async def test_a_phrase_over_a_border_has_its_second_and_a_link(seeded: World) -> None:
    status, page = await seeded.call("GET", "/api/search", params={"q": '"fly without a sound"'})
    assert status == 200
    (hit,) = page["items"]
    assert (hit["job"]["id"], hit["field"], hit["start_ms"]) == (1, "transcript", 0)
    assert hit["snippet"] == "Owls fly without a sound <b>"
    assert [hit["snippet"][start:end] for start, end in hit["marks"]] == ["fly without a sound"]
    (moment,) = hit["moments"]
    assert (moment["start_ms"], moment["end_ms"]) == (0, 3000)
    assert moment["link"].endswith("#t=0")
    assert page["next_cursor"] is None
    assert page["complete"]


async def test_titles_are_found(seeded: World) -> None:
    _, page = await seeded.call("GET", "/api/search", params={"q": "hunting"})
    (hit,) = page["items"]
    assert (hit["field"], hit["snippet"], hit["start_ms"], hit["moments"]) == ("title", "How owls hunt", None, [])


async def test_what_is_wrong_is_said(seeded: World) -> None:
    for params in ({}, {"q": ""}, {"q": "x", "limit": "0"}, {"q": "x", "cursor": "e30="}, {"q": "x", "what": "1"}):
        status, body = await seeded.call("GET", "/api/search", params=params)
        assert (status, body["code"]) == (400, "invalid_request"), params
    status, body = await seeded.call("GET", "/api/search", params={"q": "x", "filter": "statsu:x"})
    assert (status, body["code"]) == (400, "filter_invalid")
    assert "did you mean status" in body["detail"]
