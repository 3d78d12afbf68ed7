"""Cookie files: what is read, what is refused without a word of what is in it, and which file a job gets."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from z2d.media.cookies import CookieFiles, site_name
from z2d.media.netscape import every_cookie, read_cookies, written
from z2d.wire.errors import CookiesInvalid, CookiesNotFound, SiteUnknown

FAR = 4102444800
ONE = f".a.example\tTRUE\t/\tTRUE\t{FAR}\tname\tvalue"


def only(text: str) -> tuple[str, str, bool, int | None, str, str | None]:
    [cookie] = read_cookies(text)
    return cookie.domain, cookie.path, bool(cookie.secure), cookie.expires, cookie.name, cookie.value


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (ONE, (".a.example", "/", True, FAR, "name", "value")),
        (f"#HttpOnly_{ONE}", (".a.example", "/", True, FAR, "name", "value")),
        (
            f"\ufeff# Netscape HTTP Cookie File\r\n\r\n# more\r\n{ONE}\r\n",
            (".a.example", "/", True, FAR, "name", "value"),
        ),
        ("a.example\tTRUE\t/\tFALSE\t0\tn\tv", (".a.example", "/", False, None, "n", "v")),
        ("a.example\tfalse\t/x\tfalse\t\tn\tv", ("a.example", "/x", False, None, "n", "v")),
        (f"A.Example\tFALSE\t/\tFALSE\t{FAR}.75\tn\tv=1 2", ("a.example", "/", False, FAR, "n", "v=1 2")),
        (f"a.example\tFALSE\t/\tFALSE\t{FAR}\tn", ("a.example", "/", False, FAR, "n", "")),
        ("a.example\tFALSE\t/\tFALSE\t99999999999999\tn\tv", ("a.example", "/", False, 253402300799, "n", "v")),
        ("a.example\tFALSE\t/\tFALSE\t-1\tn\tv", ("a.example", "/", False, None, "n", "v")),
    ],
)
def test_the_spellings_of_a_cookie(text: str, found: tuple[object, ...]) -> None:
    assert only(text) == found
    assert only(written(read_cookies(text))) == found


SECRET = "hunter2"


@pytest.mark.parametrize(
    "text",
    [
        "", "\n# nothing\n", SECRET, f"{{'name': '{SECRET}'}}", f"a.example TRUE / TRUE 0 name {SECRET}",
        f"a.example\tYES\t/\tTRUE\t0\tname\t{SECRET}", f"a.example\tTRUE\t/\tTRUE\t{SECRET}\tname\tx",
        f"a b\tTRUE\t/\tTRUE\t0\tname\t{SECRET}", f"a.example\tTRUE\t/\tTRUE\t0\tname\t{SECRET}\x01",
        f"a.example\tTRUE\t/\tTRUE\t5\tname\t{SECRET}", f"{ONE}\n<html>{SECRET}",
        "\n".join(f"a.example\tTRUE\t/\tTRUE\t0\tn{number}\tx" for number in range(5001)),
    ],
)  # fmt: skip
def test_what_is_no_cookies_file_is_refused_without_its_content(text: str) -> None:
    with pytest.raises(CookiesInvalid) as caught:
        read_cookies(text)
    assert SECRET not in str(caught.value)


def test_those_that_have_ended_are_left_out() -> None:
    assert [cookie.name for cookie in read_cookies(f"{ONE}\na.example\tTRUE\t/\tTRUE\t5\told\tx")] == ["name"]


def test_a_file_is_its_owners_alone_and_is_replaced_whole(tmp_path: Path) -> None:
    files = CookieFiles(tmp_path / "cookies")
    assert files.every() == []
    first = files.put("a.example", ONE)
    assert (first.count, first.domains) == (1, ["a.example"])
    files.put("a.example", ONE.replace("name", "other"))
    [path] = (tmp_path / "cookies").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [cookie.name for cookie in every_cookie(path.read_text())] == ["other"]
    with pytest.raises(CookiesInvalid):
        files.put("a.example", "nonsense")
    assert files.find("a.example") == path
    files.remove("a.example")
    with pytest.raises(CookiesNotFound):
        files.remove("a.example")


@pytest.mark.parametrize("site", ["../a", "a/b", ".", "..", ".hidden", "", "a" * 200, "a\0b"])
def test_a_site_is_no_path(tmp_path: Path, site: str) -> None:
    with pytest.raises(SiteUnknown):
        CookieFiles(tmp_path / "cookies").put(site, ONE)
    assert not list(tmp_path.iterdir()) or not list((tmp_path / "cookies").iterdir())


def test_a_host_gets_the_cookies_of_its_domain(tmp_path: Path) -> None:
    files = CookieFiles(tmp_path)
    files.put("example.org", ONE)
    files.put("video.example.org", ONE)
    assert files.find("example.org") == tmp_path / "example.org.txt"
    assert files.find("cdn.video.example.org") == tmp_path / "video.example.org.txt"
    assert files.find("www.example.org") == tmp_path / "example.org.txt"
    assert files.find("example.com") is None
    assert files.find("notexample.org") is None
    assert files.find(None) is None


def test_credentials_of_the_service_manager_count_until_others_are_given(tmp_path: Path) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "cookies-youtube").write_text(ONE)
    (credentials / "token").write_text("x")
    files = CookieFiles(tmp_path / "cookies", credentials)
    assert files.find("youtube") == credentials / "cookies-youtube"
    assert [one.site for one in files.every()] == ["youtube"]
    files.put("youtube", ONE)
    assert files.find("youtube") == tmp_path / "cookies" / "youtube.txt"


@pytest.mark.parametrize(
    ("said", "site"),
    [("youtube", "youtube"), (" YouTube ", "youtube"), ("www.youtube.com", "youtube"), ("m.youtube.com", "youtube"),
     ("https://www.youtube.com/watch?v=x", "youtube"), ("media.example", "media.example"),
     ("archive.org", "archive.org"), ("127.0.0.1", "127.0.0.1"), ("localhost", "localhost")],
)  # fmt: skip
def test_a_site_has_one_name(said: str, site: str) -> None:
    assert site_name(said) == site


@pytest.mark.parametrize("said", ["yuotube", "", "a b", "-", "héllo"])
def test_a_name_that_no_job_can_have_is_refused(said: str) -> None:
    with pytest.raises(SiteUnknown):
        site_name(said)
