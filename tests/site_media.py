"""The media that the test site serves: fixtures, and files that ffmpeg makes from them once per run."""

from __future__ import annotations

import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

import pytest

from tests.support import fixture
from z2d.media.ffmpeg import find_ffmpeg

SPEECH_CUES = (
    (300, 3200, "And so my fellow Americans"),
    (3300, 7600, "ask not what your country can do for you,"),
    (8100, 10600, "ask what you can do for your country."),
)
"""What is said in /speech.mp4, as (start_ms, end_ms, text); the words are those of the recording."""

SPEECH_TITLE = "Ask not what your country can do for you"


def ffmpeg() -> Path:
    """The ffmpeg of this machine; the test is skipped where there is none."""
    found = find_ffmpeg()
    if found is None:
        pytest.skip("no ffmpeg on this machine: install the extra [standalone]")
    return found


def make(*arguments: str | Path) -> None:
    """Run ffmpeg on local files."""
    command = [str(ffmpeg()), "-nostdin", "-v", "error", "-y", *map(str, arguments)]
    subprocess.run(command, check=True, timeout=120, capture_output=True)


@lru_cache(maxsize=1)
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Kept by the cache, removed when the interpreter ends."""
    return tempfile.TemporaryDirectory(prefix="z2-site-", ignore_cleanup_errors=True)


def folder() -> Path:
    """Where made files are kept for this run."""
    return Path(_folder().name)


def speech_mp4() -> Path:
    """Eleven seconds of a speech under a plain picture."""
    path = folder() / "speech.mp4"
    if not path.exists():
        picture = ("-f", "lavfi", "-i", "color=c=0x203040:s=320x180:r=10:d=11")
        codecs = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-shortest")
        make(*picture, "-i", fixture("speech/jfk.flac"), *codecs, "-movflags", "+faststart", path)
    return path


TALK = (
    ("librivox_0870.wav", "and mister john dashwood had then leisure to consider how much there might be prudently"
     " in his power to do for"),
    ("librivox_0880.wav", "he was not an ill disposed young man"),
    ("jfk.flac", "and so my fellow americans ask not what your country can do for you"
     " ask what you can do for your country"),
    ("cards_005.wav", "eight of spades four of clubs seven of hearts"),
    ("goforward.raw", "go forward ten meters"),
    ("numbers_2934z.raw", "two nine three four zero"),
    ("brooklyn_bridge_audio.wav", "how old is the brooklyn bridge"),
)  # fmt: skip
"""Recordings of real people, and what they say."""
SHORT_TALK = TALK[3:]


def talk_mp3() -> Path:
    """All of TALK with a second's pause after each: 38 s without captions."""
    return _joined("talk.mp3", TALK)


def short_talk_mp3() -> Path:
    """The shorter recordings alone: 16 s."""
    return _joined("short-talk.mp3", SHORT_TALK)


def _joined(file: str, parts: tuple[tuple[str, str], ...]) -> Path:
    path = folder() / file
    if not path.exists():
        inputs: list[str | Path] = []
        for name, _ in parts:
            raw = ("-f", "s16le", "-ar", "16000", "-ac", "1") if name.endswith(".raw") else ()
            inputs += [*raw, "-i", fixture(f"speech/{name}")]
        pads = "".join(f"[{at}]aresample=16000,apad=pad_dur=1[p{at}];" for at in range(len(parts)))
        joined = "".join(f"[p{at}]" for at in range(len(parts))) + f"concat=n={len(parts)}:v=0:a=1"
        make(*inputs, "-filter_complex", pads + joined, "-ac", "1", "-b:a", "64k", path)
    return path


def speech_vtt() -> str:
    """The captions of the speech."""

    def clock(ms: int) -> str:
        return f"00:00:{ms // 1000:02d}.{ms % 1000:03d}"

    return "WEBVTT\n\n" + "\n".join(f"{clock(a)} --> {clock(b)}\n{text}\n" for a, b, text in SPEECH_CUES)


def hls() -> Path:
    """A folder with master.m3u8, index.m3u8 and segments of one second."""
    path = folder() / "hls"
    if not (path / "master.m3u8").exists():
        path.mkdir(exist_ok=True)
        source = fixture("media/bbb_rabbit320.mp4")
        cut = ("-f", "hls", "-hls_time", "1", "-hls_list_size", "0", "-hls_segment_filename", path / "seg%03d.ts")
        codecs = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "10", "-pix_fmt", "yuv420p", "-c:a", "aac")
        make("-i", source, *codecs, *cut, path / "index.m3u8")
        line = '#EXT-X-STREAM-INF:BANDWIDTH=800000,RESOLUTION=320x240,CODECS="avc1.42c00d,mp4a.40.2"'
        (path / "master.m3u8").write_text(f"#EXTM3U\n{line}\nindex.m3u8\n")
    return path


def large_mp4() -> Path:
    """A file of some megabytes, for downloads that have to take a while; few pictures, as each is to be decoded."""
    path = folder() / "large.mp4"
    if not path.exists():
        noise = ("-f", "lavfi", "-i", "color=gray:s=640x360:r=5:d=20,noise=alls=90:allf=t")
        make(*noise, "-c:v", "libx264", "-preset", "ultrafast", "-b:v", "2750k", "-pix_fmt", "yuv420p", path)
    return path


def picture_jpg() -> Path:
    """A still picture."""
    path = folder() / "picture.jpg"
    if not path.exists():
        make("-f", "lavfi", "-i", "testsrc=s=320x180:d=1", "-frames:v", "1", path)
    return path
