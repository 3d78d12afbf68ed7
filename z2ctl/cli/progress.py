"""How waiting looks: bars on a terminal, one line per change where there is none.

All of it is messages, so it goes to stderr - except under `logs -f`, where bar and lines share one screen.
"""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from z2ctl import text
from z2ctl.cli.output import Cell, Output, line_of, say, text_of
from z2ctl.client import Json

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, ProgressColumn, Task, TaskID
    from rich.text import Text

BAR = 24
TITLE = 40
LINE_LEVELS = {"INFO": "INFO", "WARNING": "WARN", "ERROR": "ERROR", "CRITICAL": "CRIT", "DEBUG": "DEBUG"}


def log_cells(line: Json) -> list[Cell]:
    """A log line for a person: time of day, level, stage, message."""
    level = str(line.get("level"))
    style = text.LEVEL_STYLES.get(level, "")
    return [
        Cell(text.clock(line.get("at")), "dim"),
        Cell(LINE_LEVELS.get(level, level), style, 5),
        Cell(line.get("stage") or "-", "accent", 10),
        Cell(line.get("message"), style),
    ]


def log_text(line: Json) -> str:
    """A log line in a pipe: one record is one line, whatever its message holds."""
    stage = text.safe(line.get("stage")) or "-"
    return f"{text.safe(line.get('at'))} {text.safe(line.get('level')):<8} {stage:<10} {text.safe(line.get('message'))}"


def lost(event: Json) -> str:
    """What is said when the connection is gone."""
    return f"{event.get('reason')} Trying again in {event.get('retry_in_s', 0):.0f} s."


class Lines:
    """Without a terminal: one line for each change of a job's state or stage."""

    def __init__(self) -> None:
        self._said: dict[int, tuple[object, object]] = {}
        self._stages: dict[object, object] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def job(self, job: Json) -> None:
        """Say the job's state where it changed."""
        stage = job.get("stage") if job.get("display_status") == "RUNNING" else None
        error = job.get("error")
        why = f": {error['message']} {error['hint']}" if error else ""
        title = f"{job.get('title') or job.get('url')}{why}"
        lane = text.at_lane(job.get("status"), job.get("wait_reason"), job.get("stage"))
        self._change(job["id"], job.get("display_status"), stage, title, text.next_try_of(job) or lane)

    def progress(self, event: Json) -> None:
        """Say the stage where it changed."""
        self._change(event["id"], "RUNNING", event.get("stage"), "")

    def _change(self, job_id: int, status: object, stage: object, title: object, word: str = "") -> None:
        if self._said.get(job_id) != (status, stage):
            self._said[job_id] = (status, stage)
            say(f"job {job_id}: {stage or word or text.look(status).word} {title}")

    def detail(self, job: Json) -> None:
        """Say each stage whose state changed."""
        for stage in job.get("stages") or []:
            state = stage.get("status")
            if state not in (self._stages.get(stage["stage"]), "PENDING"):
                self._stages[stage["stage"]] = state
                said = stage.get("error_message") or stage.get("skip_reason") or ""
                ran = text.span(text.took_ms(stage)) if state == "DONE" else ""
                say(f"{stage['stage']}: {text.stage_look(state).word} {ran} {said}")

    def lines(self, lines: list[Json]) -> None:
        """Say log lines."""
        for line in lines:
            say(" ".join(cell.shown() for cell in log_cells(line)), indent=2)

    def offline(self, event: Json) -> None:
        """Say that the connection is gone, once for each loss."""
        if event.get("tries") == 1:
            say(lost(event))


class Bars:
    """On a terminal: a bar for each job, or for each stage of one job, with log lines passing above."""

    def __init__(self, out: Output, console: Console) -> None:
        from rich.progress import Progress

        self.out = out
        self.console = console
        self._progress: Progress = Progress(*_columns(out), console=console, transient=True, auto_refresh=False)
        self._tasks: dict[object, TaskID] = {}
        self._shown: dict[object, dict[str, Any]] = {}
        self._changed = False

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def job(self, job: Json) -> None:
        """Bring a job's bar up to date; jobs that do not run have none."""
        look = text.look(job.get("display_status"))
        running = job.get("display_status") in ("RUNNING", "CANCELLING", "PAUSING")
        name = f"{job['id']} {text.safe(job.get('title') or job.get('url'))}"
        self._bar(
            job["id"],
            name=name if len(name) <= TITLE else name[: TITLE - 1] + "…",
            look=look,
            word=(job.get("stage") or look.word) if running else look.word,
            progress=job.get("progress") or 0.0,
            speed_bps=job.get("speed_bps"),
            eta_s=job.get("eta_s"),
            visible=running or len(self._tasks) < 5,
        )
        self._draw()

    def progress(self, event: Json) -> None:
        """Move a job's bar."""
        if event["id"] in self._shown:
            self._bar(
                event["id"],
                **self._shown[event["id"]]
                | {
                    "progress": event.get("progress") or 0.0,
                    "word": event.get("stage"),
                    "speed_bps": event.get("speed_bps"),
                    "eta_s": event.get("eta_s"),
                    "visible": True,
                },
            )
            self._draw()

    def detail(self, job: Json) -> None:
        """Bring the bars of a job's stages up to date."""
        for stage in job.get("stages") or []:
            look = text.stage_look(stage.get("status"))
            over = stage.get("status") in ("DONE", "SKIPPED")
            self._bar(
                stage["stage"],
                name=stage["stage"],
                look=look,
                word=look.word,
                progress=1.0 if over else stage.get("progress") or 0.0,
                speed_bps=stage.get("speed_bps") if stage.get("status") == "RUNNING" else None,
                eta_s=stage.get("eta_s") if stage.get("status") == "RUNNING" else None,
                visible=True,
            )
        self._draw()

    def lines(self, lines: list[Json]) -> None:
        """Log lines, above the bars."""
        for line in lines:
            self.console.print(line_of(log_cells(line)), soft_wrap=True)

    def offline(self, event: Json) -> None:
        """That the connection is gone, above the bars."""
        self.console.print(text_of(Cell(lost(event), "warning")), soft_wrap=True)

    def _bar(self, key: object, **values: Any) -> None:
        """Change a bar if anything about it changed: a terminal far away is not sent the same twice."""
        if self._shown.get(key) == values:
            return
        self._changed = True
        self._shown[key] = values
        fields = dict(values)
        progress, visible = fields.pop("progress"), fields.pop("visible")
        if key not in self._tasks:
            self._tasks[key] = self._progress.add_task("", total=1.0, **fields)
        self._progress.update(self._tasks[key], completed=progress, visible=visible, **fields)

    def _draw(self) -> None:
        if self._changed:
            self._changed = False
            self._progress.refresh()


def _columns(out: Output) -> list[ProgressColumn]:
    """The columns of a bar. rich's own text columns read their template as markup, so these are made of Text."""
    from rich.progress import ProgressColumn
    from rich.table import Column

    class Field(ProgressColumn):
        def __init__(self, name: str) -> None:
            self.name = name
            # rich takes room from what may wrap: that is the name alone, which is then cut and not wrapped
            super().__init__(table_column=Column(no_wrap=name != "name"))

        def render(self, task: Task) -> Text:
            return _field(out, self.name, task)

    return [Field(name) for name in ("state", "name", "bar", "percent", "speed", "left")]


def _field(out: Output, name: str, task: Task) -> Text:
    fields = task.fields
    look: text.Look = fields["look"]
    if name == "state":
        return text_of(Cell(f"{out.glyph(look)} {fields['word']}", look.style, 12))
    if name == "name":
        shown = text_of(Cell(fields["name"], "", 10))
        shown.no_wrap, shown.overflow = True, "ellipsis"  # a bar is one line
        return shown
    if name == "bar":
        full = int(max(0.0, min(1.0, task.completed)) * BAR)
        if out.ascii_only:
            return text_of(Cell("[" + "#" * full + "." * (BAR - full) + "]", look.style))
        return text_of(Cell("━" * full, look.style)).append("─" * (BAR - full), style="dim")
    if name == "percent":
        return text_of(Cell(text.percent(task.completed), "", -4))
    if name == "speed":
        return text_of(Cell(text.speed(fields["speed_bps"]), "dim"))
    return text_of(Cell("" if fields["eta_s"] is None else f"-{text.duration(fields['eta_s'] * 1000)}", "dim"))
