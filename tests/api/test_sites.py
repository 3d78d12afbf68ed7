"""Profiles and cookies over the API: what a job gets, and what never comes out again."""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.api.world import World, running
from tests.support import short_tmp
from z2d.api.profiles import Profile, Profiles
from z2d.store.database import Database
from z2d.wire.jobs import JobOptions

PROFILES = Profiles(
    JobOptions(languages=["en"], max_height=1080, sleep_s=1),
    {
        "talk": Profile(JobOptions(max_height=480, sponsorblock=["sponsor"]), "Lectures", proxy=True),
        "sound": Profile(JobOptions(audio_only=True, max_height=None)),
    },
)
CANARY = "canary-2f6b8d"
FAR = 4102444800
COOKIES = f"""# Netscape HTTP Cookie File
#HttpOnly_.media.example\tTRUE\t/\tTRUE\t{FAR}\tsession\t{CANARY}
media.example\tFALSE\t/\tFALSE\t0\t{CANARY}-name\tx
.other.example\tTRUE\t/\tFALSE\t1000\told\t{CANARY}
"""


@pytest.fixture
async def office(dsn: str, db: Database) -> AsyncIterator[World]:
    """An API with profiles."""
    with short_tmp() as folder:
        async with running(dsn, db, folder, profiles=PROFILES) as found:
            yield found


async def options_of(world: World, **body: Any) -> dict[str, Any]:
    status, job = await world.call("POST", "/api/jobs", json={"url": f"https://media.example/{len(str(body))}", **body})
    assert status == 201, job
    _, detail = await world.call("GET", f"/api/jobs/{job['id']}")
    assert detail["profile"] == body.get("profile", "default")
    found: dict[str, Any] = detail["options"]
    return found


async def test_what_is_nearer_to_the_job_wins(office: World) -> None:
    plain = await options_of(office)
    assert plain == JobOptions(languages=["en"], max_height=1080, sleep_s=1).model_dump(mode="json")
    talk = await options_of(office, profile="talk")
    assert (talk["max_height"], talk["languages"], talk["sponsorblock"]) == (480, ["en"], ["sponsor"])
    own = await options_of(office, profile="talk", options={"max_height": 720, "sponsorblock": []})
    assert (own["max_height"], own["languages"], own["sponsorblock"], own["sleep_s"]) == (720, ["en"], [], 1)
    # a profile can take back what is set for all
    sound = await options_of(office, profile="sound")
    assert (sound["audio_only"], sound["max_height"]) == (True, None)


async def test_a_batch_gets_the_same(office: World) -> None:
    urls = ["https://media.example/a", "https://media.example/b"]
    status, answer = await office.call("POST", "/api/jobs/batch", json={"urls": urls, "profile": "talk"})
    assert status == 200
    for result in answer["results"]:
        _, job = await office.call("GET", f"/api/jobs/{result['job_id']}")
        assert (job["profile"], job["options"]["max_height"]) == ("talk", 480)


async def test_an_unknown_profile_is_refused_with_the_names_known(office: World) -> None:
    for path, body in (("/api/jobs", {"url": "https://a.example/"}), ("/api/jobs/batch", {"urls": ["a.example"]})):
        status, problem = await office.call("POST", path, json=body | {"profile": "tlak"})
        assert (status, problem["code"]) == (422, "profile_unknown")
        assert problem["detail"] == "There is no profile 'tlak'; there is default, sound, talk. Did you mean talk?"
    assert await office.db.fetchval("SELECT count(*) FROM jobs") == 0


async def test_profiles_are_listed_with_what_a_job_gets(office: World) -> None:
    _, answer = await office.call("GET", "/api/profiles")
    by_name = {one["name"]: one for one in answer["profiles"]}
    assert list(by_name) == ["default", "sound", "talk"]
    assert by_name["talk"]["options"]["languages"] == ["en"]
    assert (by_name["talk"]["description"], by_name["talk"]["proxy"]) == ("Lectures", True)


async def test_cookies_go_in_and_never_out(office: World, caplog: pytest.LogCaptureFixture) -> None:
    said = [await office.call("PUT", "/api/cookies/media.example", json={"cookies": COOKIES})]
    assert said[0][0] == 200
    said += [await office.call("GET", "/api/cookies")]
    assert said[1][1]["cookies"] == [
        {
            "site": "media.example",
            "count": 2,
            "domains": ["media.example"],
            "expires_at": None,
            "updated_at": said[0][1]["updated_at"],
        }
    ]
    path = office.folder / "cookies/media.example.txt"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert CANARY in path.read_text()
    said += [await office.call("DELETE", "/api/cookies/media.example")]
    assert not path.exists()
    said += [await office.call("DELETE", "/api/cookies/media.example")]
    assert (said[-1][0], said[-1][1]["code"]) == (404, "cookies_not_found")
    assert CANARY not in str(said) + caplog.text
    assert not list((office.folder / "cookies").iterdir())


@pytest.mark.parametrize(
    ("site", "body", "code"),
    [
        ("media.example", f"hello {CANARY}", "cookies_invalid"),
        ("media.example", f'[{{"name": "{CANARY}"}}]', "cookies_invalid"),
        ("media.example", "# Netscape HTTP Cookie File\n", "cookies_invalid"),
        ("media.example", f".a.example\tTRUE\t/\tTRUE\t1000\tname\t{CANARY}", "cookies_invalid"),
        ("media.example", f".a.example\tTRUE\t/\tTRUE\tsoon\tname\t{CANARY}", "cookies_invalid"),
        ("yuotube", COOKIES, "site_unknown"),
        ("..", COOKIES, "not_found"),
        (".ssh", COOKIES, "site_unknown"),
        ("a%2Fb", COOKIES, "site_unknown"),
    ],
)
async def test_what_is_no_cookies_file_or_no_site(office: World, site: str, body: str, code: str) -> None:
    status, problem = await office.call("PUT", f"/api/cookies/{site}", json={"cookies": body})
    assert problem["code"] == code, problem
    assert status in (404, 422)
    assert CANARY not in str(problem)
    assert not (office.folder / "cookies").exists() or not list((office.folder / "cookies").iterdir())


async def test_new_cookies_half_open_the_gate_of_their_site(office: World) -> None:
    for url in ("https://media.example/1", "https://sub.media.example/2", "https://other.example/3"):
        await office.call("POST", "/api/jobs", json={"url": url})
    await office.db.execute(
        "UPDATE jobs SET wait_reason = 'RATE_LIMITED', run_after = now() + interval '1 h', error_class = 'RATE_LIMITED'"
    )
    await office.db.execute(
        "INSERT INTO site_gates SELECT DISTINCT site, now() + interval '1 h', 3, 'RATE_LIMITED' FROM jobs"
    )
    _, answer = await office.call("PUT", "/api/cookies/media.example", json={"cookies": COOKIES})
    assert answer["released"] == 2
    rows = await office.db.fetch("SELECT site, not_before <= now() AS open, strikes FROM site_gates ORDER BY site")
    assert [tuple(row) for row in rows] == [
        ("media.example", True, 0),
        ("other.example", False, 3),
        ("sub.media.example", True, 0),
    ]
    due = await office.db.fetch("SELECT site FROM jobs WHERE run_after <= now() ORDER BY id")
    assert [row["site"] for row in due] == ["media.example", "sub.media.example"]
