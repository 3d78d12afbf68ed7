"""The analysis as a program: `python -m z2d.analysis.child REQUEST.json ANSWER.json`.

It runs apart so that numpy never lives in the daemon, so that no wait for a language model is the
daemon's, and so that it can be limited and killed. It opens nothing but its two files, and where the request names a
language model, the file with its key, the folder of kept answers and that one endpoint. What happens on the way it
says in JSON lines on stdout. Exit codes: 0 done, 1 with one line on stderr that says what is wrong.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

if TYPE_CHECKING:
    from z2d.analysis.models import AnalysisRequest
    from z2d.wire.library import Analysis


def main(argv: list[str]) -> int:
    """Read the request, analyse, write the answer whole or not at all."""
    if len(argv) != 2:
        return _refuse("usage: python -m z2d.analysis.child REQUEST.json ANSWER.json")
    # one job, one core: the numeric libraries would otherwise start a thread per core; read when they are imported
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    from z2d.analysis.models import AnalysisRequest

    source, target = Path(argv[0]), Path(argv[1])
    try:
        request = AnalysisRequest.model_validate_json(source.read_bytes())
    except (OSError, ValidationError) as why:
        return _refuse(f"the request cannot be read: {str(why).splitlines()[0]}")
    try:
        if request.cues:  # a description needs no numbers, and loading them takes longer than everything else
            import numpy  # noqa: F401  half a minute into the work is too late to find that out
    except ModuleNotFoundError as why:
        return _refuse(f"offline analysis needs numpy: install z2[standalone] ({why})")
    answer = _analysis(request).model_dump_json(indent=1)
    part = target.with_name(target.name + ".part")
    part.write_text(answer + "\n", encoding="utf-8")
    part.replace(target)
    return 0


def _analysis(request: AnalysisRequest) -> Analysis:
    """The offline analysis, and on top of it that of the language model, if there is one and something was said."""
    from z2d.analysis.provenance import provenance

    began = time.monotonic()
    if request.cues:
        from z2d.analysis.offline import analyse_request
    else:
        from z2d.analysis.described import analyse_request
    found, origin = analyse_request(request), provenance(of_numbers=bool(request.cues))
    if request.llm is not None and found.basis == "transcript":
        import asyncio  # only who waits for an answer needs it

        from z2d.analysis.llm.backend import analyse

        made = asyncio.run(analyse(request, found, _tell))
        found, origin = made.analysis, provenance(request.llm, made.use)
    took = round((time.monotonic() - began) * 1000)
    return found.model_copy(update={"provenance": origin, "duration_ms": took})


def _tell(event: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def _refuse(why: str) -> int:
    sys.stderr.write(why + "\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
