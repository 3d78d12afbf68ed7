"""From the settings to the engine that turns sound into text."""

from __future__ import annotations

import logging

from z2d.config import Settings
from z2d.speech.choice import choose
from z2d.speech.engine import Engine

log = logging.getLogger(__name__)


def engine_of(settings: Settings) -> Engine:
    """The engine that the settings name, usable or not."""
    return choose(
        settings.speech,
        url=settings.speech_url,
        model=settings.speech_model,
        model_dir=settings.speech_model_dir,
        key_file=settings.speech_key_file,
    )


def speech(settings: Settings) -> Engine:
    """The engine. One that was asked for and cannot be used is said now; jobs say it again, and go on without it."""
    engine = engine_of(settings)
    wanted = settings.speech != "off" and engine.name != "off"
    if wanted and (trouble := engine.trouble(None)):
        log.warning("no speech to text: %s", trouble)
    return engine
