"""What verbs on many jobs say of one answer: which were done, and which were refused and why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from z2ctl import text
from z2ctl.cli.app import REFUSED, App, leave
from z2ctl.cli.output import say
from z2ctl.client import Json

AT_ONCE_S = 180.0  # a thousand jobs take their time


def by_pages(app: App, call: Callable[..., Json], asked: dict[str, Any], deed: str) -> None:
    """Call again with `after=` until the last page; what refuses is said, and gives the exit code.

    `deed` is what happens to the jobs: "analysed again".
    """
    app.client.timeout = AT_ONCE_S
    after, done, refused = 0, 0, 0
    while True:
        answer = call(**asked, **({"after": after} if after else {}))
        done, refused = done + len(answer["done"]), refused + len(answer["refused"])
        tell(app, answer)
        after = answer["next_after"] or 0
        if not after:
            break
    if app.out.terminal and not app.out.as_json:
        say(f"{text.plural(done, 'job')} {'would be' if asked['dry_run'] else 'will be'} {deed}.")
    if refused:
        leave(REFUSED)


def tell(app: App, answer: Json) -> None:
    """The refused with their reasons to stderr; the whole answer as JSON, or for a pipe the ids that were done."""
    for one in answer["refused"]:
        say(f"Job {one['id']}: {text.safe(one['detail'])}")
    if app.out.as_json:
        app.out.json(answer)
    elif not app.out.terminal:
        for job_id in answer["done"]:
            app.out.fields([job_id])
