"""The worker takes jobs from the queue and brings them to their end.

It joins two rooms that do not know each other: the pipeline, which knows what is to be done, and the store, which
keeps what was done. A worker and an API never speak to each other directly: they meet in the database, so they may
run on different machines.

- `service`: the worker: slots, people's wishes, rescue.
- `crew`: how many slots there are, and whether they may start something.
- `lease`: under which name it holds jobs, and the heartbeat.
- `held`: one job from its claim to the end of the run.
- `journal`: the pipeline's journal, kept in the store.
- `publisher`: brings what is in the outbox to its targets.
- `patience`: waiting for a database that is away; the bell that wakes idle slots.
"""

from z2d.worker.service import Worker

__all__ = ["Worker"]
