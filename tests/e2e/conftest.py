"""Fixtures of the end-to-end tests: a daemon of one's own, and the test site in a thread."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from tests.e2e.harness import Daemon
from tests.site import Site, site_in_thread
from tests.support import short_tmp


@pytest.fixture
def site() -> Iterator[Site]:
    with site_in_thread() as running:
        yield running


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    """An installation that is not started yet; whatever a test leaves running is stopped, PostgreSQL too."""
    with short_tmp() as folder:
        own = Daemon(folder)
        try:
            yield own
        finally:
            if own.process is not None:
                if own.process.poll() is not None:
                    own.start()  # a killed daemon leaves its PostgreSQL running: the next one takes it along
                own.stop(signal.SIGTERM)
