"""Answers that were paid for once: kept by what was asked, of whom, in the job's own folder.

A run that was interrupted goes on where it stopped, and a second analysis by the same model costs nothing for the
pieces that have not changed. Only answers of the right shape are kept; their quotes are verified again each time.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from pydantic import ValidationError

from z2d.analysis.llm.prompt import VERSION, A, Prompt


class Answers:
    """The kept answers of one job by one model. Without a folder nothing is kept."""

    def __init__(self, folder: Path | None, *, url: str, model: str) -> None:
        self._folder, self._whom = folder, (VERSION, url, model)

    def get(self, prompt: Prompt, shape: type[A]) -> A | None:
        """The answer to this very question, or None. What cannot be read was never kept."""
        if self._folder is None:
            return None
        try:
            return shape.model_validate_json(self._path(prompt, shape).read_bytes())
        except (OSError, ValidationError):
            return None

    def keep(self, prompt: Prompt, answer: A) -> None:
        """Keep an answer: whole, or not at all."""
        if self._folder is None:
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._path(prompt, type(answer))
        part = path.with_suffix(".part")
        part.write_text(answer.model_dump_json(), encoding="utf-8", errors="replace")
        part.replace(path)

    def _path(self, prompt: Prompt, shape: type[A]) -> Path:
        assert self._folder is not None
        text = json.dumps([*self._whom, shape.__name__, prompt.system, prompt.user])
        return self._folder / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.json"
