"""z2d with a language model, from its settings to z2ctl: the key stays where it is, and the day's record is kept."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.e2e.harness import Daemon
from tests.llm import model_in_thread
from tests.site import Site
from tests.support import eventually_sync

KEY = "sk-canary-0815"


def seen_of_processes() -> bytes:
    """The arguments and environments of every process that may be read."""
    seen = []
    for entry in Path("/proc").iterdir():
        for name in ("cmdline", "environ"):
            try:
                seen.append((entry / name).read_bytes() if entry.name.isdigit() else b"")
            except OSError:  # gone, or somebody else's
                continue
    return b"\n".join(seen)


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_offline_first_then_by_a_model_with_its_origin(daemon: Daemon, site: Site) -> None:
    key = daemon.folder / "key"
    key.write_text(KEY + "\n")
    with model_in_thread() as model:
        daemon.start()
        job_id = daemon.z2ctl("submit", site.url("/speech")).stdout.strip()
        daemon.z2ctl("wait", job_id)
        daemon.stop()
        before = dict(site.hits)
        daemon.env |= {"Z2_LLM_URL": model.url, "Z2_LLM_MODEL": "fake-1", "Z2_LLM_KEY_FILE": str(key),
                       "Z2_LLM_PRICE_INPUT": "1", "Z2_LLM_PRICE_OUTPUT": "4"}  # fmt: skip
        model.holds = threading.Event()
        daemon.start()
        assert daemon.z2ctl("analyze", "--filter", "status:done").stdout.split() == [job_id]
        eventually_sync(lambda: model.asked, 60, what="a question to the model")
        assert KEY.encode() not in seen_of_processes()
        model.holds.set()
        daemon.z2ctl("wait", job_id)
    assert model.keys == [f"Bearer {KEY}"]
    assert dict(site.hits) == before, "nothing was fetched"
    shown = daemon.z2ctl("show", job_id).stdout
    assert "openai-compatible fake-1" in shown and "1000 asked, 100 answered, 1 call" in shown and "0.0014" in shown
    versions = daemon.z2ctl("show", job_id, "--analyses").stdout
    assert "offline" in versions and "the current one" in versions
    (note,) = (daemon.folder / "state/library").rglob("*.md")
    assert "Somebody says something." in note.read_text()
    kept = b"".join(path.read_bytes() for path in (daemon.folder / "state/jobs").rglob("*") if path.is_file())
    assert KEY.encode() not in kept + daemon.log.read_bytes()
