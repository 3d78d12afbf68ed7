"""The analysis as a program: `python -m z2d.analysis.child REQUEST.json ANSWER.json`.

It runs apart so that numpy and scikit-learn never live in the daemon, and so that it can be limited and killed. It
opens nothing but its two files. Exit codes: 0 done, 1 with one line on stderr that says what is wrong.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pydantic import ValidationError


def main(argv: list[str]) -> int:
    """Read the request, analyse, write the answer whole or not at all."""
    if len(argv) != 2:
        return _refuse("usage: python -m z2d.analysis.child REQUEST.json ANSWER.json")
    # one job, one core: the numeric libraries would otherwise start a thread per core; read when they are imported
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    try:
        from z2d.analysis.models import AnalysisRequest
        from z2d.analysis.offline import analyse_request
    except ModuleNotFoundError as why:
        return _refuse(f"offline analysis needs scikit-learn: install z2[standalone] ({why})")
    source, target = Path(argv[0]), Path(argv[1])
    try:
        request = AnalysisRequest.model_validate_json(source.read_bytes())
    except (OSError, ValidationError) as why:
        return _refuse(f"the request cannot be read: {str(why).splitlines()[0]}")
    answer = analyse_request(request).model_dump_json(indent=1)
    part = target.with_name(target.name + ".part")
    part.write_text(answer + "\n", encoding="utf-8")
    part.replace(target)
    return 0


def _refuse(why: str) -> int:
    sys.stderr.write(why + "\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
