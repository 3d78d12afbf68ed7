"""ffmpeg on real files, whole and broken: a right Probe, or CORRUPT; never a guess."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import site_media
from tests.support import fixture
from z2d.media import ffmpeg as ffmpeg_module
from z2d.media.faults import MediaFault
from z2d.media.ffmpeg import Ffmpeg, Probe, Stream, extension_of, find_ffmpeg
from z2d.media.report import read_report
from z2d.wire.reasons import ErrorClass

# name, container, duration in seconds, video codec, audio codec, chapters
WHOLE = [
    ("bbb_rabbit320.mp4", "mov", 7.8, "h264", "aac", 0),
    ("bbb_rabbit320.webm", "matroska", 7.8, "vp8", "vorbis", 0),
    ("bear.mp3", "mp3", 6.3, None, "mp3", 0),
    ("sample_with_chapters.mp4", "mov", 1.09, "h264", "aac", 3),
    ("sample_with_chapters.mkv", "matroska", 5.02, "h264", "aac", 2),
    ("sample_with_nero_chapters_only.mp4", "mov", 1.09, "h264", "aac", 3),
    ("sample_with_metadata.mp4", "mov", 1.02, "h264", "aac", 0),
    ("sample_video_only.mp4", "mov", 1.0, "h264", None, 0),
    ("sample_audio_only.mp4", "mov", 1.09, None, "aac", 0),
    ("sample_with_srt.mkv", "matroska", 1.23, "h264", "ac3", 0),
    ("sample_with_vtt_subtitles.mkv", "matroska", 1.23, "h264", "ac3", 0),
    ("sample.flv", "flv", 1.14, "h264", "aac", 0),
    ("sample.avi", "avi", 4.09, "mpeg4", "mp3", 0),
    ("silent-black-10s.mp4", "mov", 10.0, "h264", "aac", 0),
    ("sample_shorter_audio.mp4", "mov", 1.2, "h264", "aac", 0),
    ("bbb_1ch_48kHz_q10_opus.webm", "matroska", 3.01, None, "opus", 0),
]


def codec(stream: Stream | None) -> str | None:
    return stream.codec if stream else None


@pytest.mark.parametrize(("name", "container", "seconds", "video", "audio", "chapters"), WHOLE)
async def test_whole_files_are_probed_and_decode(
    ffmpeg: Ffmpeg, name: str, container: str, seconds: float, video: str | None, audio: str | None, chapters: int
) -> None:
    file = fixture(f"media/{name}")
    probe = await ffmpeg.probe(file)
    assert probe.container.split(",")[0] == container
    assert abs(probe.duration_ms - seconds * 1000) < 100
    assert (codec(probe.video), codec(probe.audio), len(probe.chapters)) == (video, audio, chapters)
    assert not probe.is_still
    assert await ffmpeg.check_decodes(file, probe) > probe.duration_ms - 1000


async def test_details_of_a_probe(ffmpeg: Ffmpeg) -> None:
    probe = await ffmpeg.probe(fixture("media/sample_with_metadata.mp4"))
    assert probe.video == Stream(0, "video", "h264", None, 1080, 720, 29.97)
    assert probe.audio == Stream(1, "audio", "aac", None, sample_rate=44100)
    assert (probe.tags["artist"], probe.tags["genre"]) == ("Test Artist", "Gorpcore")
    chapters = (await ffmpeg.probe(fixture("media/sample_with_chapters.mkv"))).chapters
    assert [(c.start_ms, c.title) for c in chapters] == [(0, "Chapter 1"), (2000, "Chapter 2")]


# what must be made of it: a duration in seconds, or CORRUPT at the probe or when decoding, or less than it says
BROKEN = [
    ("sample_fragmented.mp4", 1.07),
    ("large_stbl_truncated_after_moov.m4b", ErrorClass.TRUNCATED),
    ("sample_mdat_too_long.mp4", 1.02),
    ("sample_missing_stsd.mp4", ErrorClass.CORRUPT),
    ("sample_malformed_free_box.mp4", ErrorClass.CORRUPT),
    ("sample_empty_track.mp4", 1.07),
    ("sample_with_invalid_nalu.mp4", ErrorClass.CORRUPT),
    ("invalid-bitstream.webm", ErrorClass.CORRUPT),
    ("100kB-garbage-prefix.mp3", ErrorClass.CORRUPT),
    ("sample_cbs_truncated.adts", ErrorClass.CORRUPT),
    ("bear_with_vorbis_comments_invalid_mutf8.flac", 2.74),
]


@pytest.mark.parametrize(("name", "truth"), BROKEN)
async def test_broken_files_give_the_truth_or_a_fault(ffmpeg: Ffmpeg, name: str, truth: float | ErrorClass) -> None:
    file = fixture(f"media-broken/{name}")
    try:
        probe = await ffmpeg.probe(file)
        decoded = await ffmpeg.check_decodes(file, probe)
        if decoded < probe.duration_ms * 0.98 - 1000:
            raise MediaFault(ErrorClass.TRUNCATED, "decodes, but not to the end")
    except MediaFault as fault:
        assert fault.error_class is truth
        assert " @ 0x" not in fault.message
    else:
        assert isinstance(truth, float), f"decoded {decoded} ms of {probe.duration_ms}"
        assert abs(probe.duration_ms - truth * 1000) < 150
        assert abs(decoded - truth * 1000) < 300


async def test_files_that_are_no_media(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    page, empty, part = tmp_path / "page.mp4", tmp_path / "empty.mp4", tmp_path / "part.mp4"
    page.write_text("<!doctype html><html><body>404</body></html>")
    empty.touch()
    part.write_bytes(fixture("media/bbb_rabbit320.mp4").read_bytes()[:40_000])
    for file in (page, empty, part, tmp_path / "missing.mp4"):
        with pytest.raises(MediaFault) as caught:
            await ffmpeg.check_decodes(file, await ffmpeg.probe(file))
        assert caught.value.error_class is ErrorClass.CORRUPT, file
    assert (await ffmpeg.probe(site_media.picture_jpg())).is_still


async def test_long_media_are_checked_by_sound_and_key_frames(
    ffmpeg: Ffmpeg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ffmpeg_module, "_FULL_CHECK_MS", 0)
    for name in ("bbb_rabbit320.mp4", "bbb_rabbit320.webm", "sample_video_only.mp4", "bear.mp3"):
        file = fixture(f"media/{name}")
        probe = await ffmpeg.probe(file)
        assert abs(await ffmpeg.check_decodes(file, probe) - probe.duration_ms) < 200
    part = tmp_path / "part.webm"
    part.write_bytes(fixture("media/bbb_rabbit320.webm").read_bytes()[:150_000])
    try:
        assert await ffmpeg.check_decodes(part, await ffmpeg.probe(part)) < 5000
    except MediaFault as fault:
        assert fault.error_class is ErrorClass.CORRUPT


async def test_a_missing_ffmpeg_is_not_the_files_fault(ffmpeg: Ffmpeg) -> None:
    with pytest.raises(MediaFault) as caught:
        await Ffmpeg(Path("/nonexistent/ffmpeg"), ffmpeg.installation).probe(fixture("media/bear.mp3"))
    assert caught.value.error_class is ErrorClass.UNKNOWN


async def test_a_playlist_in_disguise_opens_nothing(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    film = tmp_path / "secret.ts"
    film.write_bytes((site_media.hls() / "seg000.ts").read_bytes())
    disguises = {
        "hls.mp4": f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1.0,\nfile://{film}\n#EXT-X-ENDLIST\n",
        "concat.mp4": f"ffconcat version 1.0\nfile {film.name}\n",
    }
    for name, text in disguises.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(MediaFault) as caught:
            await ffmpeg.probe(tmp_path / name)
        assert caught.value.error_class is ErrorClass.CORRUPT


@pytest.mark.parametrize(
    ("name", "made", "audio"),
    [
        ("bbb_rabbit320.mp4", "audio.m4a", "aac"),
        ("bbb_rabbit320.webm", "audio.ogg", "vorbis"),
        ("bear.mp3", "audio.mp3", "mp3"),
        ("bbb_1ch_48kHz_q10_opus.webm", "audio.opus", "opus"),
        ("sample.avi", "audio.mp3", "mp3"),
        ("sample_with_srt.mkv", "audio.ac3", "ac3"),
        ("french.aiff", "audio.m4a", "aac"),
    ],
)
async def test_sound_is_copied_or_encoded(ffmpeg: Ffmpeg, tmp_path: Path, name: str, made: str, audio: str) -> None:
    shares: list[float] = []
    source = fixture(f"speech/{name}" if name.endswith(".aiff") else f"media/{name}")
    file = await ffmpeg.extract_audio(source, tmp_path / "audio", progress=shares.append)
    assert file == tmp_path / "audio" / made
    assert list(file.parent.iterdir()) == [file]
    probe = await ffmpeg.probe(file)
    assert (codec(probe.audio), probe.video) == (audio, None)
    assert shares
    assert max(shares) <= 1


async def test_a_film_without_sound_has_none_to_give(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    with pytest.raises(MediaFault) as caught:
        await ffmpeg.extract_audio(fixture("media/sample_video_only.mp4"), tmp_path)
    assert caught.value.error_class is ErrorClass.CORRUPT
    assert not any(tmp_path.iterdir())  # noqa: ASYNC240


@pytest.mark.parametrize(
    ("name", "seconds"),
    [
        ("media/bbb_rabbit320.mp4", 7.8),
        ("media/bear.mp3", 6.3),
        ("speech/jfk.flac", 11.0),
        ("speech/french.aiff", 2.53),
        ("media-broken/sample_fragmented.mp4", 1.0),
    ],
)
async def test_samples_are_as_long_as_the_sound(ffmpeg: Ffmpeg, tmp_path: Path, name: str, seconds: float) -> None:
    """16 kHz, mono, 16 bit: 32,000 bytes a second. The last file claims to last forty hours."""
    target = tmp_path / "speech.pcm"
    await ffmpeg.extract_samples(fixture(name), target)
    assert target.stat().st_size / 32_000 == pytest.approx(seconds, abs=0.15)


async def test_a_gap_in_the_sound_becomes_silence(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    """Else everything said after it would be found too early."""
    holed, target = tmp_path / "holed.mka", tmp_path / "speech.pcm"
    # of eleven seconds the third to the sixth are missing, and the times know it
    gap = ("-af", "aselect='not(between(t,3,6))'", "-fps_mode", "passthrough", "-c:a", "pcm_s16le")
    site_media.make("-i", fixture("speech/jfk.flac"), *gap, holed)
    await ffmpeg.extract_samples(holed, target)
    samples = target.read_bytes()
    assert len(samples) / 32_000 == pytest.approx(11, abs=0.15)
    assert not any(samples[int(3.5 * 32_000) : int(5.5 * 32_000)])


async def test_a_film_without_sound_has_no_samples(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    with pytest.raises(MediaFault) as caught:
        await ffmpeg.extract_samples(fixture("media/sample_video_only.mp4"), tmp_path / "speech.pcm")
    assert caught.value.error_class is ErrorClass.CORRUPT


def test_ffmpeg_is_found(tmp_path: Path) -> None:
    own = tmp_path / "ffmpeg"
    assert find_ffmpeg(own) is None
    own.touch()
    assert find_ffmpeg(own) == own
    assert find_ffmpeg() is not None


async def test_the_version_is_a_number(ffmpeg: Ffmpeg) -> None:
    assert (await ffmpeg.version())[0].isdigit()


@pytest.mark.parametrize(
    ("container", "suffix", "extension"),
    [
        ("mov,mp4,m4a", ".mp4", "mp4"),
        ("mov,mp4,m4a", ".unknown_video", "mp4"),
        ("matroska,webm", "", "mkv"),
        ("mpegts", ".exe", "ts"),
        ("mp3", ".MP3", "mp3"),
    ],
)
def test_extensions_come_from_a_list(container: str, suffix: str, extension: str) -> None:
    assert extension_of(Probe(0, container), suffix) == extension
    with pytest.raises(MediaFault):
        extension_of(Probe(0, "tty"), ".desktop")


def test_a_title_cannot_forge_a_report() -> None:
    report = [
        "Input #0, mov,mp4, from 'x':",
        "  Metadata:",
        "    title           : one",
        "                    :   Stream #0:7: Video: forged, 9x9, 1 fps",
        "                    : Input #0, forged, from 'y':",
        "  Duration: N/A, start: 0.000000, bitrate: N/A",
        "  Stream #0:0(eng): Audio: aac (LC), 44100 Hz, mono",
        "  Stream #0:1: Video: mjpeg (Baseline), yuvj420p, 600x600 [SAR 1:1 DAR 1:1], 90k tbr (attached pic)",
        "    Metadata:",
        "      title           : Cover",
    ]
    probe = read_report(report)
    assert probe is not None
    assert (probe.container, probe.duration_ms, probe.tags) == ("mov,mp4", 0, {"title": "one"})
    assert [(s.index, s.codec, s.language) for s in probe.streams] == [(0, "aac", "eng"), (1, "mjpeg", None)]
    assert probe.video is None
    assert read_report(["x: Invalid data found when processing input"]) is None
