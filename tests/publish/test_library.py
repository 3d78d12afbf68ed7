"""The library folder: whole entries, nothing of others touched, the same content once."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.publish.hostile import HOSTILE
from z2d.publish import library, manifest
from z2d.publish.library import Entry, SourceFile, publish
from z2d.wire.library import Metadata, PublishStatus, Segment, Transcript, TranscriptSource
from z2d.wire.uploads import Upload

URL = "https://example.org/talks/one"


def entry(job: Path, text: str = "A talk", **changes: Any) -> Entry:
    """An entry with a media file, a thumbnail and an info.json in the folder of a job."""
    job.mkdir(parents=True, exist_ok=True)
    sources = {}
    for name, data in {"media": b"m" * 5000, "thumbnail": b"t" * 10, "info_json": b"{}"}.items():
        path = job / {"media": "media.mp4", "thumbnail": "thumb.webp", "info_json": "info.json"}[name]
        if not path.exists():
            path.write_bytes(data)
        sources[name] = SourceFile(path, manifest.sha256_of(path))
    values = {
        "extractor": "generic",
        "source_id": "one",
        "media_key": "url:https://example.org/talks/one",
        "webpage_url": URL,
        "title": text,
        "channel": "Talks",
        "published_at": datetime(2024, 5, 1, tzinfo=UTC),
    } | changes
    cue = Segment(start_ms=0, end_ms=900, text="Said so.")
    spoken = Transcript(language="en", source=TranscriptSource.MANUAL_SUBS, cues=[cue])
    return Entry(Metadata(**values), URL, transcripts=(spoken,), **sources)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_an_entry_has_its_files_under_one_name(tmp_path: Path) -> None:
    done = publish(tmp_path / "library", entry(tmp_path / "job"))
    folder = tmp_path / "library" / "Talks" / "2024-05-01 A talk [one]"
    assert done.status is PublishStatus.PUBLISHED
    assert done.remote_url == str(folder)
    stem = folder.name
    assert set(files(folder)) == {
        f"{stem}.mp4",
        f"{stem}-thumb.webp",
        f"{stem}.info.json",
        f"{stem}.en.vtt",
        f"{stem}.nfo",
        f"{stem}.md",
        ".z2.json",
    }
    assert (folder / f"{stem}.mp4").samefile(tmp_path / "job" / "media.mp4"), "hard link, no second copy"
    assert [path.name for path in folder.parent.iterdir()] == [stem], "nothing half-built is left"


def test_the_same_content_is_published_once(tmp_path: Path) -> None:
    one = publish(tmp_path / "library", entry(tmp_path / "job"))
    folder = Path(one.remote_url or "")
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert publish(tmp_path / "library", entry(tmp_path / "job")) == one
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_new_content_replaces_z2s_files_in_the_same_folder(tmp_path: Path) -> None:
    folder = Path(publish(tmp_path / "library", entry(tmp_path / "job")).remote_url or "")
    (folder / "my notes.txt").write_text("mine")
    (tmp_path / "job" / "media.mp4").unlink()
    (tmp_path / "job" / "media.mp4").write_bytes(b"better")
    again = publish(tmp_path / "library", entry(tmp_path / "job", "Another title", published_at=None))
    assert again.remote_url == str(folder), "links to an entry keep working when its title changes"
    found = files(folder)
    assert found[f"{folder.name}.mp4"] == b"better"
    assert b"# Another title" in found[f"{folder.name}.md"]
    assert found["my notes.txt"] == b"mine"
    assert len(found) == 8
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_a_file_somebody_edited_is_theirs(tmp_path: Path) -> None:
    folder = Path(publish(tmp_path / "library", entry(tmp_path / "job")).remote_url or "")
    page = folder / f"{folder.name}.md"
    page.write_text("my own thoughts")
    for title in ("Two", "Three"):
        publish(tmp_path / "library", entry(tmp_path / "job", title))
        found = files(folder)
        assert found[page.name] == b"my own thoughts"
        assert f"# {title}".encode() in found[f"{folder.name} (2).md"]
        assert len(found) == 8


def test_a_file_no_longer_part_of_the_entry_goes_if_it_is_z2s(tmp_path: Path) -> None:
    folder = Path(publish(tmp_path / "library", entry(tmp_path / "job")).remote_url or "")
    (folder / f"{folder.name}.en.vtt").write_text("corrected by hand")
    full = entry(tmp_path / "job")
    publish(tmp_path / "library", Entry(full.metadata, full.url, media=full.media))
    assert set(files(folder)) == {f"{folder.name}{end}" for end in (".mp4", ".nfo", ".md", ".en.vtt")} | {".z2.json"}
    assert (folder / f"{folder.name}.en.vtt").read_text() == "corrected by hand"


def test_deleted_files_come_back(tmp_path: Path) -> None:
    folder = Path(publish(tmp_path / "library", entry(tmp_path / "job")).remote_url or "")
    (folder / f"{folder.name}.nfo").unlink()
    publish(tmp_path / "library", entry(tmp_path / "job"))
    assert (folder / f"{folder.name}.nfo").exists()


def test_two_videos_of_one_name_keep_apart(tmp_path: Path) -> None:
    first = publish(tmp_path / "library", entry(tmp_path / "a"))
    second = publish(tmp_path / "library", entry(tmp_path / "b", media_key="url:https://other.example/talks/one"))
    assert first.remote_url != second.remote_url
    assert Path(second.remote_url or "").name.startswith("2024-05-01 A talk [one-")
    assert publish(tmp_path / "library", entry(tmp_path / "a")) == first
    assert (
        publish(tmp_path / "library", entry(tmp_path / "b", media_key="url:https://other.example/talks/one")) == second
    )


@pytest.mark.parametrize("foreign", ["folder", "file", "link", "broken manifest"])
def test_what_others_put_in_its_place_stays(tmp_path: Path, foreign: str) -> None:
    place = tmp_path / "library" / "Talks" / "2024-05-01 A talk [one]"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    place.parent.mkdir(parents=True)
    if foreign == "file":
        place.write_text("a file")
    elif foreign == "link":
        place.symlink_to(elsewhere)
    else:
        place.mkdir()
        (place / ".z2.json").write_text("not json" if foreign == "broken manifest" else "[1, 2]")
    done = publish(tmp_path / "library", entry(tmp_path / "job"))
    assert done.remote_url != str(place)
    assert list(elsewhere.iterdir()) == []
    assert place.is_symlink() == (foreign == "link")
    if place.is_dir() and foreign != "link":
        assert [path.name for path in place.iterdir()] == [".z2.json"]


def test_a_manifest_cannot_point_out_of_its_folder(tmp_path: Path) -> None:
    folder = Path(publish(tmp_path / "library", entry(tmp_path / "job")).remote_url or "")
    victim = tmp_path / "library" / "victim.txt"
    victim.write_text("dear")
    record = json.loads((folder / ".z2.json").read_text())
    record["files"]["../../victim.txt"] = {"sha256": manifest.sha256_of(victim), "size": 4, "mtime_ns": 0}
    (folder / ".z2.json").write_text(json.dumps(record))
    publish(tmp_path / "library", entry(tmp_path / "job", "New"))
    assert victim.read_text() == "dear"


def test_a_crash_while_building_leaves_nothing_that_lasts(tmp_path: Path) -> None:
    def crash(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        publish(tmp_path / "library", entry(tmp_path / "job"), progress=crash)
    assert list((tmp_path / "library" / "Talks").iterdir()) == []
    # a killed process cannot clean up: its folder is found by the next try
    one = publish(tmp_path / "library", entry(tmp_path / "job"))
    leftover = library._building(tmp_path / "library" / "Talks", entry(tmp_path / "job").metadata.media_key)
    with leftover as build:
        (build / "half.mp4").write_text("half")
        name = build.name
    (tmp_path / "library" / "Talks" / name).mkdir()
    (tmp_path / "library" / "Talks" / name / "half.mp4").write_text("half")
    publish(tmp_path / "library", entry(tmp_path / "job", "New"))
    assert [path.name for path in (tmp_path / "library" / "Talks").iterdir()] == [Path(one.remote_url or "").name]


def test_a_crash_in_the_middle_of_an_update_is_finished_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(publish(tmp_path / "library", entry(tmp_path / "job")).remote_url or "")
    count = 0
    real = Path.replace

    def dies(self: Path, target: Path) -> Path:
        nonlocal count
        count += 1
        if count == 5:  # the manifest and three files are in place
            raise KeyboardInterrupt
        return real(self, target)

    monkeypatch.setattr(Path, "replace", dies)
    with pytest.raises(KeyboardInterrupt):
        publish(tmp_path / "library", entry(tmp_path / "job", "New"))
    monkeypatch.undo()
    publish(tmp_path / "library", entry(tmp_path / "job", "Newer"))
    found = files(folder)
    assert len(found) == 7, "no second copy beside its own half-updated files"
    assert b"# Newer" in found[f"{folder.name}.md"]


def test_only_one_process_publishes_a_video_at_a_time(tmp_path: Path) -> None:
    work = entry(tmp_path / "job")
    shelf = tmp_path / "library" / "Talks"
    shelf.mkdir(parents=True)
    with library._building(shelf, work.metadata.media_key), pytest.raises(BlockingIOError):
        publish(tmp_path / "library", work)
    assert publish(tmp_path / "library", work).status is PublishStatus.PUBLISHED


def test_where_links_are_refused_it_copies_and_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(18, "cross-device")

    monkeypatch.setattr(os, "link", refuse)
    seen: list[tuple[int, int]] = []
    work = entry(tmp_path / "job")
    folder = Path(publish(tmp_path / "library", work, progress=lambda *at: seen.append(at)).remote_url or "")
    copy = folder / f"{folder.name}.mp4"
    assert copy.read_bytes() == b"m" * 5000
    assert not copy.samefile(tmp_path / "job" / "media.mp4")
    assert seen[-1] == (5012, 5012)
    assert seen == sorted(seen)


def test_a_link_in_the_jobs_folder_is_not_followed(tmp_path: Path) -> None:
    work = entry(tmp_path / "job")
    secret = tmp_path / "secret"
    secret.write_text("secret")
    (tmp_path / "job" / "media.mp4").unlink()
    (tmp_path / "job" / "media.mp4").symlink_to(secret)
    with pytest.raises(OSError, match="not a plain file"):
        publish(tmp_path / "library", work)
    assert list((tmp_path / "library" / "Talks").iterdir()) == []


@pytest.mark.parametrize(("channel", "shelf"), [(None, "Uploads"), ("A band", "A band")])
def test_a_file_that_was_uploaded_has_no_site(tmp_path: Path, channel: str | None, shelf: str) -> None:
    """Its address begins with a hash, which is the name of nothing."""
    url = Upload("5" * 64, "talk.mp4").url
    own = replace(entry(tmp_path / "job", channel=channel, extractor="upload"), url=url)
    assert Path(publish(tmp_path / "library", own).remote_url or "").parent == tmp_path / "library" / shelf


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_titles_and_channels_stay_inside_the_library(tmp_path: Path, text: str) -> None:
    done = publish(tmp_path / "library", entry(tmp_path / "job", text, channel=text, source_id=text or "x"))
    folder = Path(done.remote_url or "")
    assert folder.parent.parent == tmp_path / "library"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["job", "library"]
    assert len(files(folder)) == 7
    assert all(len(path.name.encode()) <= 255 for path in folder.iterdir())
