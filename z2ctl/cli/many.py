"""What verbs on many jobs say of one answer: which were done, and which were refused and why."""

from __future__ import annotations

from z2ctl import text
from z2ctl.cli.app import App
from z2ctl.cli.output import say
from z2ctl.client import Json


def tell(app: App, answer: Json) -> None:
    """The refused with their reasons to stderr; the whole answer as JSON, or for a pipe the ids that were done."""
    for one in answer["refused"]:
        say(f"Job {one['id']}: {text.safe(one['detail'])}")
    if app.out.as_json:
        app.out.json(answer)
    elif not app.out.terminal:
        for job_id in answer["done"]:
            app.out.fields([job_id])
