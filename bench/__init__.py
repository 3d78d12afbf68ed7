"""What z2 costs, held against the bars it was designed for: `python -m bench [BAR...]`.

`bars` is the table of what is measured; a module each measures it and gives rows; `rounds` is how that is done fairly,
`report` the page that says it. Two measure quality and not speed, and print for themselves: `python -m
bench.segmentation`, `python -m bench.speech`.
"""

import os

# one core is what a job gets: the numeric libraries read this when they are imported
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
