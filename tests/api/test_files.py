"""Files leave the job's folder whole or in parts, never from elsewhere, and never as something a browser runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.api.seed import MEDIA
from tests.api.world import World
from z2d.api.files import disposition, open_inside, safe_media_type
from z2d.wire.errors import FileNotFound

FILE = "/api/jobs/1/files/1"


async def test_the_whole_file(seeded: World) -> None:
    async with seeded.unix.get(FILE) as answer:
        assert answer.status == 200
        assert await answer.read() == MEDIA
        assert answer.headers["Content-Type"] == "video/mp4"
        assert answer.headers["Content-Disposition"].startswith('attachment; filename="owls.mp4"')
        assert answer.headers["Accept-Ranges"] == "bytes"
        etag = answer.headers["ETag"]
    async with seeded.unix.get(FILE, headers={"If-None-Match": f'"other", W/{etag}'}) as answer:
        assert (answer.status, await answer.read()) == (304, b"")
    async with seeded.unix.head(FILE) as answer:
        assert (answer.status, answer.headers["Content-Length"], await answer.read()) == (200, str(len(MEDIA)), b"")


PARTS = {
    "bytes=0-0": (0, 1),
    "bytes=10-19": (10, 20),
    "bytes=4000-": (4000, 4096),
    "bytes=-5": (4091, 4096),
    "bytes=-99999": (0, 4096),
    "bytes=4095-999999": (4095, 4096),
}


async def test_a_part(seeded: World) -> None:
    for asked, (start, end) in PARTS.items():
        async with seeded.unix.get(FILE, headers={"Range": asked}) as answer:
            assert (answer.status, await answer.read()) == (206, MEDIA[start:end]), asked
            assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/{len(MEDIA)}"


async def test_a_part_beyond_the_end_and_what_is_no_range(seeded: World) -> None:
    for asked in ["bytes=4096-", "bytes=5000-6000", "bytes=-0"]:
        async with seeded.unix.get(FILE, headers={"Range": asked}) as answer:
            assert answer.status == 416, asked
            assert answer.headers["Content-Range"] == f"bytes */{len(MEDIA)}"
    for asked in ["bytes=5-1", "bytes=-", "lines=1-2", "bytes=0-1,4-5", "bytes=x-", "bytes=٣-"]:
        async with seeded.unix.get(FILE, headers={"Range": asked}) as answer:
            assert (answer.status, len(await answer.read())) == (200, len(MEDIA)), asked


async def test_a_range_is_only_of_the_content_it_is_meant_for(seeded: World) -> None:
    async with seeded.unix.get(FILE, headers={"Range": "bytes=0-3", "If-Range": '"old"'}) as answer:
        assert answer.status == 200
        etag = answer.headers["ETag"]
    async with seeded.unix.get(FILE, headers={"Range": "bytes=0-3", "If-Range": etag}) as answer:
        assert answer.status == 206


async def test_what_is_not_on_disk_or_not_of_this_job_is_not_found(seeded: World) -> None:
    assert (await seeded.call("GET", "/api/jobs/3/files/1"))[1]["code"] == "file_not_found"
    assert (await seeded.call("GET", "/api/jobs/1/files/2"))[1]["code"] == "file_not_found"
    (seeded.jobs_dir / "0/1/media/owls.mp4").unlink()
    assert (await seeded.call("GET", FILE))[1]["code"] == "file_not_found"
    await seeded.db.execute("UPDATE job_files SET state = 'PURGED'")
    assert (await seeded.call("GET", FILE))[1]["code"] == "file_not_found"


async def test_a_link_in_the_place_of_the_file_leads_nowhere(seeded: World) -> None:
    (seeded.jobs_dir / "0/1/media/owls.mp4").unlink()
    (seeded.jobs_dir / "0/1/media/owls.mp4").symlink_to("/etc/passwd")
    assert (await seeded.call("GET", FILE))[0] == 404


def test_only_regular_files_below_the_folder_are_opened(tmp_path: Path) -> None:
    job, outside = tmp_path / "job", tmp_path / "outside"
    job.mkdir()
    outside.mkdir()
    (outside / "secret").write_text("x")
    (job / "fine.txt").write_text("x")
    (job / "in").symlink_to(outside)
    os.mkfifo(job / "pipe")
    os.close(open_inside(job, "fine.txt"))
    before = len(list(Path("/proc/self/fd").iterdir()))
    for path in ["", "/etc/passwd", "../outside/secret", "in/secret", "pipe", "in", ".", "fine.txt/x", "a\0b", "none"]:
        with pytest.raises(FileNotFound):
            open_inside(job, path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize(
    ("mime", "given"),
    [
        ("video/mp4", "video/mp4"),
        ("text/html", "application/octet-stream"),
        ("TEXT/HTML; charset=utf-8", "application/octet-stream"),
        ("application/xhtml+xml", "application/octet-stream"),
        ("image/svg+xml", "application/octet-stream"),
        ("text/xml", "application/octet-stream"),
        ("application/javascript", "application/octet-stream"),
        ("text/vtt", "text/vtt; charset=utf-8"),
        ("video/mp4\r\nX: y", "application/octet-stream"),
        (None, "application/octet-stream"),
    ],
)
def test_media_types_are_from_a_short_list(mime: str | None, given: str) -> None:
    assert safe_media_type(mime) == given


@pytest.mark.parametrize(
    "name", ['a"b.mp4', "a\r\nSet-Cookie: x.mp4", "ü.mp4", "\ud800.mp4", "x" * 300, "\u202e4pm.exe"]
)
def test_a_name_cannot_leave_its_header(name: str) -> None:
    said = disposition(f"media/{name}")
    assert said.isascii()
    assert said.isprintable()
    assert said.count('"') == 2
    assert said.startswith("attachment; ")


FORMS = {
    "json": ("application/json", '"cues":'),
    "txt": ("text/plain", "Owls fly without"),
    "vtt": ("text/vtt", "WEBVTT"),
    "srt": ("application/x-subrip", "00:00:01,500 --> 00:00:03,000"),
    "md": ("text/markdown", "How owls hunt"),
}


async def test_the_transcript_in_each_format(seeded: World) -> None:
    for form, (kind, words) in FORMS.items():
        async with seeded.unix.get(f"/api/jobs/1/transcript?format={form}") as answer:
            assert (answer.status, answer.content_type) == (200, kind)
            assert words in await answer.text()
        assert (await seeded.call("GET", f"/api/jobs/3/transcript?format={form}"))[1]["code"] == "transcript_not_found"
        assert (await seeded.call("GET", f"/api/jobs/99/transcript?format={form}"))[1]["code"] == "job_not_found"
