"""`z2ctl analyze`, and how analyses and their origin are shown."""

from __future__ import annotations

from typing import Any

import click

from z2ctl import text
from z2ctl.cli.app import App, leave
from z2ctl.cli.output import Cell, say
from z2ctl.cli.parameters import JOB_ID, json_option
from z2ctl.client import Json

AT_ONCE_S = 180.0  # a thousand jobs take their time
REFUSED = 5


@click.command("analyze")
@click.argument("job_ids", type=JOB_ID, metavar="[ID...]", nargs=-1)
@click.option("--filter", "condition", metavar="FILTER", help="The jobs that this finds, as in 'z2ctl list FILTER'.")
@click.option("--language", metavar="CODE", help="Language in which a language model is to write, like de.")
@click.option(
    "--priority",
    type=click.IntRange(-100, 100),
    default=-10,
    show_default=True,
    help="In the queue; higher runs first.",
)
@click.option("--dry-run", is_flag=True, help="Only say which jobs it would be.")
@json_option
@click.pass_obj
def analyze_command(
    app: App, job_ids: tuple[int, ...], condition: str | None, language: str | None, priority: int, dry_run: bool
) -> None:
    """Analyse completed jobs again, by what is configured now. Nothing is fetched again.

    Former analyses are kept: z2ctl show ID --analyses
    """
    if bool(job_ids) == (condition is not None):
        raise click.UsageError("Give either ids or --filter.")
    client = app.client
    client.timeout = AT_ONCE_S
    asked: dict[str, Any] = {"priority": priority, "dry_run": dry_run}
    asked |= {"ids": list(dict.fromkeys(job_ids))} if job_ids else {"filter": condition}
    asked |= {"language": language} if language else {}
    after, done, refused = 0, 0, 0
    while True:
        answer = client.analyze(**asked, **({"after": after} if after else {}))
        done, refused = done + len(answer["done"]), refused + len(answer["refused"])
        _print(app, answer)
        after = answer["next_after"] or 0
        if not after:
            break
    if app.out.terminal and not app.out.as_json:
        say(f"{text.plural(done, 'job')} {'would be' if dry_run else 'will be'} analysed again.")
    if refused:
        leave(REFUSED)


def _print(app: App, answer: Json) -> None:
    for one in answer["refused"]:
        say(f"Job {one['id']}: {text.safe(one['detail'])}")
    if app.out.as_json:
        app.out.json(answer)
    elif not app.out.terminal:
        for job_id in answer["done"]:
            app.out.fields([job_id])


def show_analyses(app: App, analyses: list[Json]) -> None:
    """Print the analyses of a job, the newest first."""
    if app.out.as_json:
        for one in analyses:
            app.out.json(one)
        return
    page = app.out.page()
    for one in analyses:
        page.heading(f"Analysis {one['id']}{', the current one' if one['is_current'] else ''}")
        page.pairs([("made", Cell(text.day_and_time(one.get("created_at")))), *origin(one)])
        page.paragraph(one.get("summary_short"))
    if not analyses:
        say("It has not been analysed yet.")


def origin(analysis: Json) -> list[tuple[str, Cell]]:
    """How an analysis came about, as names and values; what is not known of it is left out."""
    came = analysis.get("provenance") or {}
    use = came.get("use") or {}
    total = analysis.get("grounding_total")
    return [
        ("by", Cell(" ".join(str(part) for part in (analysis.get("backend"), analysis.get("model")) if part))),
        (
            "prompt",
            Cell(" ".join(str(part) for part in (analysis.get("prompt_version"), came.get("prompt_hash")) if part)),
        ),
        ("endpoint", Cell(came.get("endpoint") or "")),
        ("language", Cell(analysis.get("language") or "")),
        ("found again", Cell(f"{analysis.get('grounding_verified')} of {total}" if total else "")),
        ("tokens", Cell(_tokens(use) if use else "")),
        ("cost", Cell("" if use.get("cost") is None else f"{use['cost']:.4f}")),
        ("took", Cell(text.span(analysis.get("duration_ms")) if analysis.get("duration_ms") else "")),
        *_made_on(came),
        *(("note", Cell(warning)) for warning in analysis.get("warnings") or []),
    ]


def transcript_origin(transcript: Json) -> list[tuple[str, Cell]]:
    """How a transcript came about, likewise."""
    came = transcript.get("provenance") or {}
    engine = " ".join(str(part) for part in (transcript.get("engine"), transcript.get("model")) if part)
    source = str(transcript.get("source") or "").lower().replace("_", " ")
    coverage = transcript.get("coverage")
    return [
        ("from", Cell(f"speech, by {engine}" if engine else source)),
        ("language", Cell(transcript.get("language") or "")),
        ("words", Cell(transcript.get("words") or "")),
        ("covers", Cell("" if coverage is None else f"{coverage:.0%}")),
        ("endpoint", Cell(came.get("endpoint") or "")),
        *_made_on(came),
        *(("note", Cell(warning)) for warning in transcript.get("warnings") or []),
    ]


def _made_on(came: Json) -> list[tuple[str, Cell]]:
    versions = [("z2", came.get("z2")), ("Python", came.get("python")), *sorted((came.get("tools") or {}).items())]
    return [
        ("on", Cell(came.get("machine") or "")),
        ("with", Cell(", ".join(f"{name} {version}" for name, version in versions if version))),
    ]


def _tokens(use: Json) -> str:
    about = "about " if use.get("estimated") else ""
    said = f"{about}{use.get('prompt_tokens')} asked, {about}{use.get('completion_tokens')} answered"
    return f"{said}, {text.plural(int(use.get('calls') or 0), 'call')}, {use.get('cached')} kept from before"
