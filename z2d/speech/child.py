"""A recogniser as a program: `python -m z2d.speech.child TASK.json ANSWER.json`.

It runs apart so that models never live in the daemon, and so that it can be limited and killed. A line of JSON goes
to stdout for each cue as it is recognised; the whole result goes to ANSWER. It opens nothing but its files and the
model, and downloads nothing. Exit codes: 0 done, 1 with one line on stderr that says what is wrong.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError

from z2d.speech.engine import Hearing
from z2d.speech.task import Task, line_of
from z2d.wire.library import Segment


class Unable(Exception):
    """The recogniser cannot do it; the message is for a person."""


def recognise(task: Task, tell: Callable[[Segment], None]) -> Hearing:
    """Run the engine that the task names. Raises Unable."""
    wav = Path(task.wav)
    if task.engine == "pocketsphinx":
        from z2d.speech import sphinx

        return sphinx.recognise(wav, tell)
    from z2d.speech import whisper

    if task.model_dir is None:
        raise Unable("no model was named")
    try:
        return whisper.recognise(wav, Path(task.model_dir), task.language, tell)
    except (RuntimeError, ValueError) as why:  # what CTranslate2 raises for a damaged model, or too little memory
        raise Unable(str(why)) from why


def main(argv: list[str]) -> int:
    """Read the task, recognise, write the answer whole or not at all."""
    if len(argv) != 2:
        return _refuse("usage: python -m z2d.speech.child TASK.json ANSWER.json")
    os.environ["HF_HUB_OFFLINE"] = "1"  # a model that is not whole is an error, no reason to call somebody
    source, target = Path(argv[0]), Path(argv[1])
    try:
        hearing = recognise(Task.model_validate_json(source.read_bytes()), _say)
    except ModuleNotFoundError as why:
        return _refuse(f"the package {why.name} is missing beside z2d")
    except Unable as why:
        return _refuse(str(why))
    except (OSError, EOFError, ValidationError) as why:
        return _refuse(f"cannot read what is to be recognised: {str(why).splitlines()[0]}")
    part = target.with_name(target.name + ".part")
    part.write_text(hearing.model_dump_json(), encoding="utf-8")
    part.replace(target)
    return 0


def _say(cue: Segment) -> None:
    sys.stdout.write(line_of(cue) + "\n")
    sys.stdout.flush()


def _refuse(why: str) -> int:
    sys.stderr.write(" ".join(why.split()) + "\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
