"""Where recordings are cut, and what is in the pieces."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.speech.making import samples_of, silence, tone
from z2d.speech import sound
from z2d.speech.sound import Span, plan


def pcm(folder: Path, samples: bytes) -> Path:
    path = folder / "all.pcm"
    path.write_bytes(samples)
    return path


def test_a_short_recording_is_one_piece_and_an_empty_one_is_none(tmp_path: Path) -> None:
    assert plan(pcm(tmp_path, tone(900)), 1000) == [Span(0, 900)]
    assert plan(pcm(tmp_path, b""), 1000) == []


def test_it_is_cut_in_the_pause(tmp_path: Path) -> None:
    found = plan(pcm(tmp_path, tone(8900) + silence(500) + tone(3000)), 10_000)
    assert [found[0].start_ms, found[-1].end_ms] == [0, 12_400]
    assert len(found) == 2
    assert 8900 < found[0].end_ms < 9400


def test_without_a_pause_the_least_loud_place_is_taken(tmp_path: Path) -> None:
    found = plan(pcm(tmp_path, tone(9000) + tone(600, loudness=2000) + tone(3000)), 10_000)
    assert 9000 < found[0].end_ms < 9600


@pytest.mark.parametrize("samples", [tone(35_000), silence(35_000)], ids=["noise", "silence"])
def test_pieces_join_without_a_gap_and_none_is_too_long(tmp_path: Path, samples: bytes) -> None:
    found = plan(pcm(tmp_path, samples), 10_000)
    assert [span.start_ms for span in found] == [0, *(span.end_ms for span in found[:-1])]
    assert found[-1].end_ms == 35_000
    assert all(8000 <= span.length_ms <= 10_000 for span in found[:-1])


def test_real_speech_is_cut_between_words(tmp_path: Path) -> None:
    """Kennedy pauses between 2.2 and 3.2 s; a chunk of 3.5 s must end there."""
    found = plan(pcm(tmp_path, samples_of("jfk.flac")), 3500)
    assert 2800 <= found[0].end_ms <= 3250


def test_a_piece_holds_its_samples(tmp_path: Path) -> None:
    path, wav = pcm(tmp_path, silence(1000) + tone(500) + silence(1000)), tmp_path / "piece.wav"
    sound.write_wav(path, Span(1000, 1500), wav)
    assert sound.read_wav(wav) == tone(500)
    assert sound.length_ms(path) == 2500


def test_hours_are_planned_quickly(tmp_path: Path) -> None:
    """A sparse file stands for ten hours."""
    path = tmp_path / "all.pcm"
    with path.open("wb") as file:
        file.truncate(10 * 3600 * 1000 * sound.BYTES_PER_MS)
    assert len(plan(path, 10 * 60 * 1000)) == 61
