"""The client of transcription services, against one on loopback that speaks the real protocol, and misbehaves in it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.speech.making import silence, spawn, tone, wav_of
from tests.speech.service import Service
from z2d.speech.answers import ESTIMATED
from z2d.speech.endpoint import Endpoint, Patience, address
from z2d.speech.engine import Hearing, SpeechFault
from z2d.wire.library import Segment
from z2d.wire.reasons import ErrorClass

HASTY = Patience(connect_s=2, answer_s=5, answer_per_second_s=0, pause_s=0.01, longest_pause_s=1)
KEY = "sk-test-canary-8472"


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with Service() as started:
        yield started


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    return wav_of(tone(4000), tmp_path)


def key_file(folder: Path, key: str = KEY, mode: int = 0o600) -> Path:
    path = folder / "key"
    path.write_text(key + "\n")
    path.chmod(mode)
    return path


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def hear(engine: Endpoint, wav: Path, language: str | None = None) -> tuple[Hearing, list[Segment]]:
    told: list[Segment] = []
    return await engine.hear(wav, language=language, spawn=spawn, on_cue=told.append), told


async def fault_of(engine: Endpoint, wav: Path) -> SpeechFault:
    with pytest.raises(SpeechFault) as caught:
        await hear(engine, wav)
    return caught.value


async def test_openais_own_client_understands_the_fake(service: Service, wav: Path) -> None:
    """Else it would prove nothing about real services."""
    openai = pytest.importorskip("openai")
    service.key = KEY
    async with openai.AsyncOpenAI(base_url=service.url, api_key=KEY, max_retries=0) as client:
        answer = await client.audio.transcriptions.create(
            file=wav, model="whisper-1", response_format="verbose_json", timestamp_granularities=["segment", "word"]
        )
        assert (answer.language, answer.duration, len(answer.segments), len(answer.words)) == ("english", 4.0, 3, 8)
        plain = await client.audio.transcriptions.create(file=wav, model="whisper-1")
        assert plain.text == "This is answer 2. It says two things."
        service.moods = ["429:7"]
        with pytest.raises(openai.RateLimitError, match="Rate limit reached"):
            await client.audio.transcriptions.create(file=wav, model="whisper-1")


async def test_what_is_sent_and_what_comes_of_it(service: Service, wav: Path) -> None:
    hearing, told = await hear(Endpoint(service.url, "whisper-1", patience=HASTY), wav, language="en")
    (asked,) = service.asked
    assert asked.fields == {
        "model": ["whisper-1"],
        "response_format": ["verbose_json"],
        "temperature": ["0"],
        "timestamp_granularities[]": ["segment", "word"],
        "language": ["en"],
    }
    assert asked.seconds == 4
    assert asked.authorization is None
    assert hearing.language == "en"
    assert [(cue.start_ms, cue.end_ms, cue.text) for cue in hearing.cues] == [
        (0, 2000, "This is answer 1."),
        (2000, 4000, "It says two things."),
    ]
    assert [[word.text for word in cue.words] for cue in hearing.cues] == [
        ["This", "is", "answer", "1"],
        ["It", "says", "two", "things"],
    ]
    assert told == hearing.cues


async def test_a_key_is_sent_from_its_file(service: Service, wav: Path, tmp_path: Path) -> None:
    service.key = KEY
    await hear(Endpoint(service.url, "whisper-1", key_file(tmp_path), patience=HASTY), wav)
    assert service.asked[0].authorization == f"Bearer {KEY}"


async def test_a_wrong_key_is_refused_for_good_and_never_repeated(service: Service, wav: Path, tmp_path: Path) -> None:
    service.key = "another"
    fault = await fault_of(Endpoint(service.url, "whisper-1", key_file(tmp_path), patience=HASTY), wav)
    assert not fault.passing
    assert "answered 401: Incorrect API key provided: •••" in fault.message
    assert "Check Z2_SPEECH_KEY_FILE" in fault.message
    assert KEY not in fault.message
    assert len(service.asked) == 1


async def test_a_credential_of_systemd_is_guarded_by_systemd(
    service: Service, wav: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    await hear(Endpoint(service.url, "whisper-1", key_file(tmp_path, mode=0o440), patience=HASTY), wav)
    assert service.asked[0].authorization == f"Bearer {KEY}"


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [(KEY, 0o644, "open to other accounts: chmod 600"), ("", 0o600, "holds no key"), ("a\nb", 0o600, "holds no key")],
)
async def test_a_key_file_that_cannot_be_used(tmp_path: Path, text: str, mode: int, words: str) -> None:
    trouble = Endpoint("http://host/v1", "whisper-1", key_file(tmp_path, text, mode)).trouble(None)
    assert trouble is not None
    assert words in trouble


def test_a_missing_key_file_and_a_missing_address(tmp_path: Path) -> None:
    trouble = Endpoint("http://host/v1", "whisper-1", tmp_path / "none").trouble(None)
    assert trouble == f"The key file {tmp_path / 'none'} cannot be used: No such file or directory."
    trouble = Endpoint(None, "whisper-1").trouble(None)
    assert trouble is not None
    assert "needs Z2_SPEECH_URL" in trouble


@pytest.mark.parametrize("mood", ["500", "502", "503", "429:0", "429", "408", "cut"])
async def test_what_passes_is_tried_again(service: Service, wav: Path, mood: str) -> None:
    service.moods = [mood, mood]
    hearing, _ = await hear(Endpoint(service.url, "whisper-1", patience=HASTY), wav)
    assert [cue.text for cue in hearing.cues] == ["This is answer 3.", "It says two things."]


async def test_what_does_not_pass_soon_is_left_to_the_queue(service: Service, wav: Path) -> None:
    service.moods = ["503"] * 9
    fault = await fault_of(Endpoint(service.url, "whisper-1", patience=HASTY), wav)
    assert (fault.passing, fault.error_class, len(service.asked)) == (True, ErrorClass.SERVER_ERROR, 3)
    assert fault.message.startswith(f"The speech service at 127.0.0.1:{service.port} answered 503: status 503")


async def test_a_long_wait_is_not_waited_out_here(service: Service, wav: Path) -> None:
    service.moods = ["429:600"]
    fault = await fault_of(Endpoint(service.url, "whisper-1", patience=HASTY), wav)
    assert (fault.passing, fault.after, len(service.asked)) == (True, 600, 1)


@pytest.mark.parametrize(
    ("mood", "words"),
    [
        ("quota", "exceeded your current quota"),
        ("400", "answered 400"),
        ("404", "Check Z2_SPEECH_URL and Z2_SPEECH_MODEL"),
        ("413", "client_max_body_size"),
        ("elsewhere", "It points elsewhere"),
        ("html", "is no transcription: check Z2_SPEECH_URL"),
        ("endless", "answers without end"),
    ],
)
async def test_what_a_person_has_to_put_right(service: Service, wav: Path, mood: str, words: str) -> None:
    service.moods = [mood]
    patience = replace(HASTY, largest_answer=1 << 20)
    fault = await fault_of(Endpoint(service.url, "whisper-1", patience=patience), wav)
    assert words in fault.message
    assert not fault.passing
    assert len(service.asked) == 1


async def test_a_slow_service_is_left_after_a_time_and_not_asked_at_once_again(service: Service, wav: Path) -> None:
    service.moods = ["slow"]
    fault = await fault_of(Endpoint(service.url, "whisper-1", patience=replace(HASTY, answer_s=0.3)), wav)
    assert (fault.passing, fault.error_class, len(service.asked)) == (True, ErrorClass.TIMEOUT, 1)


async def test_nobody_there(wav: Path) -> None:
    fault = await fault_of(Endpoint("http://127.0.0.1:9/v1", "whisper-1", patience=HASTY), wav)
    assert (fault.passing, fault.error_class) == (True, ErrorClass.NETWORK)
    assert "127.0.0.1:9 cannot be reached" in fault.message


async def test_a_service_without_word_times_is_asked_for_less(service: Service, wav: Path) -> None:
    service.knows = "segments"
    engine = Endpoint(service.url, "whisper-1", patience=HASTY)
    hearing, _ = await hear(engine, wav)
    assert [cue.text for cue in hearing.cues] == ["This is answer 2.", "It says two things."]
    await hear(engine, wav)
    assert len(service.asked) == 3, "once refused is remembered"


async def test_a_service_without_times_is_asked_in_pieces(service: Service, tmp_path: Path) -> None:
    service.knows = "text"
    wav = wav_of(tone(28_000) + silence(1000) + tone(28_000), tmp_path)
    hearing, told = await hear(Endpoint(service.url, "gpt-4o-transcribe", patience=HASTY), wav)
    assert [round(asked.seconds) for asked in service.asked] == [57, 29, 28]
    assert [cue.text for cue in hearing.cues][::2] == ["This is answer 2.", "This is answer 3."]
    assert 28_000 < hearing.cues[2].start_ms < 29_000, "where the second piece begins"
    assert hearing.warnings == [ESTIMATED]
    assert told == hearing.cues
    assert names_in(tmp_path) == [wav.name]


@pytest.mark.parametrize(
    ("url", "whole"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/v1/audio/transcriptions"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000/v1/audio/transcriptions"),
        ("https://host/v1/", "https://host/v1/audio/transcriptions"),
        ("https://host/v1/audio/transcriptions", "https://host/v1/audio/transcriptions"),
        ("http://host:8080/inference", "http://host:8080/inference"),
    ],
)
def test_addresses_are_completed(url: str, whole: str) -> None:
    assert address(url) == whole
