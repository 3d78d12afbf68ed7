"""URLs: what is let in, what is refused and why, and which two are the same video."""

from __future__ import annotations

import asyncio
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from z2d.media import admission, lookups
from z2d.media.addresses import forbidden
from z2d.media.admission import Admitted, admit, media_key, normalised
from z2d.wire.errors import UrlInvalid, UrlPrivateAddress, UrlScheme, UrlUnsupported, Z2Error
from z2d.wire.uploads import Upload

PRIVATE_SPELLINGS = [
    "http://127.0.0.1/",
    "http://127.1/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7f.0.0.1/",
    "http://0177.0.0.1/",
    "http://127.0.0.1./",
    "http://localhost/",
    "http://LOCALHOST./",
    "http://0/",
    "http://0.0.0.0/",
    "http://[::1]/",
    "http://[::]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[0:0:0:0:0:ffff:7f00:1]/",
    "http://[::1%25lo]/",
    "http://[fe80::1%25eth0]/",
    "http://[fd00::1]/",
    "http://[64:ff9b::a9fe:a9fe]/",
    "http://[2002:a9fe:a9fe::]/",
    "http://[ff02::1]/",
    "http://１２７.０.０.１/",
    "http://①②⑦.⓪.⓪.①/",
    "http://127。0。0。1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://2852039166/",
    "http://10.1.2.3:8080/",
    "http://172.31.0.1/",
    "http://192.168.0.1/",
    "http://100.64.0.1/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    "127.0.0.1:8000/x",
    "localhost:8000/x",
    "//127.0.0.1/x",
]


@pytest.mark.parametrize("url", PRIVATE_SPELLINGS)
async def test_no_spelling_of_a_private_address_gets_in(url: str) -> None:
    with pytest.raises(UrlPrivateAddress):
        await admit(url, allow_private=False)
    assert (await admit(url, allow_private=True)).url.startswith("http")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", UrlInvalid),
        ("   ", UrlInvalid),
        ("dQw4w9WgXcQ", UrlInvalid),
        ("a b.example", UrlInvalid),
        ("http://", UrlInvalid),
        ("http:///path", UrlInvalid),
        ("http:8.8.8.8", UrlInvalid),
        ("http://8.8.8.8:99999/", UrlInvalid),
        ("http://8.8.8.8:0/", UrlInvalid),
        ("http://8.8.8.8:/", UrlInvalid),
        ("http://user@8.8.8.8/", UrlInvalid),
        ("http://user:secret@8.8.8.8/", UrlInvalid),
        ("http://8.8.8.8@127.0.0.1/", UrlInvalid),
        ("http://8.8.8.8\\@127.0.0.1/", UrlInvalid),
        ("http://8.8.8.8/\r\nHost: x", UrlInvalid),
        ("http://8.8.8.8/\x00", UrlInvalid),
        ("http://8.8.8.8/\u202e", UrlInvalid),
        ("http://[::1/", UrlInvalid),
        ("http://[v1.x]/", UrlInvalid),
        ("http://256.1.1.1/", UrlInvalid),
        ("http://a..example/", UrlInvalid),
        ("http://-a.example/", UrlInvalid),
        ("http://" + "a" * 64 + ".example/", UrlInvalid),
        ("http://8.8.8.8/" + "a" * 4096, UrlInvalid),
        ("8.8.8.8/" + "a" * 4088, UrlInvalid),  # too long for the database once it has its scheme
        ("https://www.youtube.com/playlist?list=" + "é" * 900, UrlInvalid),
        ("https://8.8.8.8/#__youtubedl_smuggle=%7B%22http_headers%22%3A1%7D", UrlInvalid),
        ("https://8.8.8.8/#%5F_youtubedl_smuggle=x", UrlInvalid),
        ("file:///etc/passwd", UrlScheme),
        ("FILE:/etc/passwd", UrlScheme),
        ("javascript:alert(1)", UrlScheme),
        ("data:text/html,x", UrlScheme),
        ("ytsearch5:cats", UrlScheme),
        ("ytsearch:5", UrlInvalid),
        ("ftp://8.8.8.8/x.mp4", UrlScheme),
        ("rtmp://8.8.8.8/x", UrlScheme),
        ("--exec=touch", UrlInvalid),
        ("-o", UrlInvalid),
        ("https://open.spotify.com/track/1", UrlUnsupported),
    ],
)
async def test_what_is_no_address_of_a_video_is_refused(url: str, reason: type[Z2Error]) -> None:
    with pytest.raises(reason):
        await admit(url, allow_private=False)


@pytest.mark.parametrize(
    ("url", "admitted"),
    [
        ("https://8.8.8.8/v.mp4", Admitted("https://8.8.8.8/v.mp4", "8.8.8.8", "url:https://8.8.8.8/v.mp4")),
        (" http://8.8.8.8:81/a?b ", Admitted("http://8.8.8.8:81/a?b", "8.8.8.8", "url:http://8.8.8.8:81/a?b=")),
        ("8.8.8.8/v.mp4", Admitted("http://8.8.8.8/v.mp4", "8.8.8.8", "url:http://8.8.8.8/v.mp4")),
        ("[2606::8]/v", Admitted("http://[2606::8]/v", "2606::8", "url:http://[2606::8]/v")),
        ("http://134744072/v", Admitted("http://8.8.8.8/v", "8.8.8.8", "url:http://8.8.8.8/v")),
    ],
)  # fmt: skip
async def test_what_is_admitted_has_a_plain_form(url: str, admitted: Admitted) -> None:
    assert await admit(url, allow_private=False) == admitted


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A name server for a test: name -> addresses, or an exception, or seconds to hang."""
    known: dict[str, Any] = {}

    def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        found = known.get(host, ["93.184.216.34"])
        if isinstance(found, float):
            time.sleep(found)
            found = []
        if isinstance(found, OSError):
            raise found
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return known


async def test_a_name_is_judged_by_all_it_means(names: dict[str, Any]) -> None:
    names["mixed.example"] = ["93.184.216.34", "10.0.0.1"]
    with pytest.raises(UrlPrivateAddress):
        await admit("https://mixed.example/v", allow_private=False)
    admitted = await admit("https://WWW.Bücher.example./v", allow_private=False)
    plain = "https://www.xn--bcher-kva.example/v"
    assert admitted == Admitted(plain, "xn--bcher-kva.example", f"url:{plain}")


async def test_a_name_server_that_is_away_or_hangs_holds_nobody_up(
    names: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookups, "TOGETHER_S", 0.1)
    names["away.example"] = socket.gaierror(socket.EAI_AGAIN, "try again")
    names["hangs.example"] = 1.0
    started = time.monotonic()
    await asyncio.gather(
        *(admit(f"https://{name}.example/{n}", allow_private=False) for name in ("away", "hangs") for n in range(20))
    )
    assert time.monotonic() - started < 10  # one after the other they took 20


@pytest.mark.parametrize(
    "url",
    [
        "https://www.youtube.com/watch?v=dQw4w9WgXcQ",
        "http://youtube.com/watch?v=dQw4w9WgXcQ&t=42s",
        "https://m.youtube.com/watch?v=dQw4w9WgXcQ&list=PLrEnWoR732-BHrPp_Pm8_VleD68f9s14-&index=3",
        "https://www.youtube.com/watch?list=PLrEnWoR732-BHrPp_Pm8_VleD68f9s14-&v=dQw4w9WgXcQ",
        "https://youtu.be/dQw4w9WgXcQ?si=AbCdEf",
        "youtu.be/dQw4w9WgXcQ?list=PLrEnWoR732-BHrPp_Pm8_VleD68f9s14-",
        "https://www.youtube.com/shorts/dQw4w9WgXcQ",
        "https://www.youtube.com/embed/dQw4w9WgXcQ",
        "https://www.youtube.com/live/dQw4w9WgXcQ?feature=share",
    ],
)
async def test_one_video_has_one_key(url: str, names: dict[str, Any]) -> None:
    admitted = await admit(url, allow_private=False)
    assert (admitted.site, admitted.dedup_key) == ("youtube", "youtube:dQw4w9WgXcQ")
    assert media_key({"extractor_key": "Youtube", "id": "dQw4w9WgXcQ"}) == admitted.dedup_key


async def test_lists_are_known_by_their_address_alone(names: dict[str, Any]) -> None:
    tabs = [f"https://www.youtube.com/@handle/{tab}" for tab in ("videos", "shorts")]
    first, second = [await admit(url, allow_private=False) for url in tabs]
    assert first.site == "youtube"
    assert first.dedup_key != second.dedup_key


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("http://h.example:80/x", "http://h.example/x"),
        ("https://h.example", "https://h.example/#t=10"),
        ("https://h.example/x?b=2&a=1", "https://h.example/x?a=1&b=2&utm_source=mail"),
        ("https://h.example/%7Ejoe/a%20b", "https://h.example/~joe/a%20b"),
        ("https://H.example./x", "https://h.example/x"),
    ],
)
def test_addresses_that_mean_the_same_page_are_equal(a: str, b: str) -> None:
    assert normalised(a) == normalised(b)


def test_plain_pages_are_known_by_address_because_their_ids_collide() -> None:
    one = media_key({"extractor_key": "Generic", "id": "video", "original_url": "https://a.example/video.mp4"})
    two = media_key({"extractor_key": "Generic", "id": "video", "original_url": "https://b.example/video.mp4"})
    assert one == "url:https://a.example/video.mp4" != two
    assert media_key({"extractor_key": "HTML5MediaEmbed", "id": "p-1", "webpage_url": "http://a.example/p"}) == (
        "url:http://a.example/p"
    )
    assert media_key({"extractor_key": "Vimeo", "id": "7"}) == "vimeo:7"


LIST = "PLrEnWoR732-BHrPp_Pm8_VleD68f9s14-"


async def test_a_list_has_a_key_of_its_own_where_it_is_wanted(names: dict[str, Any]) -> None:
    both = f"https://www.youtube.com/watch?v=dQw4w9WgXcQ&list={LIST}"
    assert (await admit(both, allow_private=False)).dedup_key == "youtube:dQw4w9WgXcQ"
    keys = {
        (await admit(both, allow_private=False, playlist=True)).dedup_key,
        (await admit(f"https://youtu.be/dQw4w9WgXcQ?list={LIST}", allow_private=False, playlist=True)).dedup_key,
        (await admit(f"https://m.youtube.com/playlist?list={LIST}", allow_private=False)).dedup_key,
        (await admit(f"https://www.youtube.com/playlist?list={LIST}", allow_private=False, playlist=True)).dedup_key,
    }
    assert keys == {f"youtubetab:{LIST}"}
    wanted = await admit(both, allow_private=False, playlist=True)
    assert wanted.url == f"https://www.youtube.com/playlist?list={LIST}"
    mix = "https://www.youtube.com/watch?v=dQw4w9WgXcQ&list=RDdQw4w9WgXcQ"
    assert (await admit(mix, allow_private=False, playlist=True)).url == mix


async def test_an_uploaded_file_is_admitted_where_it_lies(tmp_path: Path) -> None:
    upload = Upload("a" * 64, "Vörtrag 1.mp4")
    with pytest.raises(UrlScheme):
        await admit(upload.url, allow_private=True)
    with pytest.raises(UrlInvalid):
        await admit(upload.url, allow_private=False, uploads_dir=tmp_path)
    upload.path(tmp_path).parent.mkdir()
    upload.path(tmp_path).write_bytes(b"x")
    admitted = await admit(upload.url, allow_private=False, uploads_dir=tmp_path)
    assert (admitted.url, admitted.site, admitted.dedup_key) == (upload.url, "upload", upload.key)
    assert media_key({"extractor_key": "Upload", "id": "a" * 64}) == admitted.dedup_key


@pytest.mark.parametrize(
    "url",
    ["upload://../../etc/passwd", f"upload://{'A' * 64}/x", f"upload://{'a' * 63}/x", f"upload://{'a' * 64}/a/b"],
)
async def test_no_other_file_can_be_named(url: str, tmp_path: Path) -> None:
    with pytest.raises(UrlScheme):
        await admit(url, allow_private=True, uploads_dir=tmp_path)


@pytest.mark.parametrize("address", ["8.8.8.8", "2001:4860:4860::8888", "2606:4700::1%eth0", "64:ff9b::808:808"])
def test_public_addresses_pass(address: str) -> None:
    assert not forbidden(address)


@pytest.mark.parametrize("text", ["", "localhost", "256.1.1.1", "8.8.8.8/8", "::ffff:10.0.0.1", "2001::1", "3fff::1"])
def test_what_cannot_be_judged_is_forbidden(text: str) -> None:
    assert forbidden(text)


URLISH = st.one_of(
    st.text(max_size=200),
    st.builds(
        "{}{}{}{}".format,
        st.sampled_from(["http://", "https://", "//", ""]),
        st.text(max_size=40),
        st.sampled_from([":80", ":", "", "/", "@"]),
        st.text(max_size=60),
    ),
)


@settings(max_examples=300, deadline=None)
@given(url=URLISH)
def test_any_text_is_admitted_or_refused_for_a_reason(url: str) -> None:
    try:
        parts = admission._parse(url)
    except (UrlInvalid, UrlScheme):
        return
    assert parts.scheme in ("http", "https")
    assert parts.hostname
    assert normalised(admission.urlunsplit(parts)).startswith(("http://", "https://"))
