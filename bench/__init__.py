"""What z2 costs. Each module is a program that prints a table: `python -m bench.NAME`."""

import os

# one core is what a job gets: the numeric libraries read this when they are imported
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
