"""The daemon listens as its settings say, with the real programs."""

from __future__ import annotations

import pytest

from tests.e2e.harness import Daemon
from tests.site import Site
from z2d.speech.local import PocketSphinx


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_first_without_an_engine_then_with_one(daemon: Daemon, site: Site) -> None:
    """What the reason says helps: after it, one retry makes the transcript, and nothing is fetched again."""
    if trouble := PocketSphinx().trouble(None):
        pytest.skip(trouble)
    daemon.start(Z2_SPEECH="faster-whisper", Z2_SPEECH_MODEL_DIR=str(daemon.folder / "none"))
    wrong = f"Z2_SPEECH_MODEL_DIR: there is no folder {daemon.folder / 'none'}"
    assert f"no speech to text: {wrong}" in daemon.tail()
    daemon.z2ctl("submit", site.url("/short-talk.mp3"))
    daemon.z2ctl("wait", "1", "--timeout", "120")
    shown = daemon.z2ctl("show", "1").stdout
    assert "there is no folder" in shown
    assert "z2ctl retry 1" in " ".join(shown.split())
    assert daemon.json("show", "1")["outcome"] == "PARTIAL"
    daemon.stop()

    daemon.start(Z2_SPEECH="pocketsphinx")
    before = site.hits["/short-talk.mp3"]
    daemon.z2ctl("retry", "1")
    daemon.z2ctl("wait", "1", "--timeout", "300")
    job = daemon.json("show", "1")
    assert (job["status"], job["outcome"]) == ("COMPLETED", "FULL")
    assert (job["transcript"]["source"], job["transcript"]["engine"]) == ("ASR", "pocketsphinx")
    assert "speech, by pocketsphinx en-us" in daemon.z2ctl("show", "1").stdout
    assert site.hits["/short-talk.mp3"] == before
    assert "brooklyn bridge" in daemon.z2ctl("transcript", "1", "--format", "vtt").stdout
    assert "[0:00] " in daemon.z2ctl("logs", "1").stdout, "what was heard"
