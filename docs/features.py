"""Where each thing that z2 does can be called: API, command line, dashboard; docs/features.md is made from it.

A test derives the calls from the route table, the verbs from the command line and the actions from the keymap: what is
new in one of the three has to be entered here, with its place in the others or the reason why it has none.
"""

from __future__ import annotations

from typing import NamedTuple

from z2ctl.tui.keymap import KEYS, SCOPES, shown


class Feature(NamedTuple):
    """One thing that can be done. `keys`: ids of the keymap, `screens`: modules of z2ctl/tui/screens.

    `why`: where it is missing somewhere, the reason.
    """

    what: str
    calls: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    screens: tuple[str, ...] = ()
    why: str = ""


_JOB = "/api/jobs/{job_id}"
_MANY = "POST /api/jobs/actions"
_HERE = "It works on programs and files of z2d's machine, so it is no call."
_PROGRAM = "For programs that watch or read z2; people have the rest of this table."

_OF_JOBS = (
    Feature(
        "submit URLs",
        ("POST /api/jobs", "POST /api/jobs/batch"),
        ("submit", "run"),
        ("list.new", "list.many"),
        ("submit",),
    ),
    Feature(
        "submit a file of this machine",
        ("POST /api/uploads",),
        ("submit", "run"),
        ("list.new", "list.many"),
        ("submit",),
    ),
    Feature(
        "look at a URL before it is queued",
        ("POST /api/probe",),
        ("probe",),
        ("list.probe",),
    ),
    Feature("profiles", ("GET /api/profiles",), ("profiles",), screens=("options",)),
    Feature("list, filter and sort jobs", ("GET /api/jobs",), ("list",), ("list.search", "list.sort"), ("dashboard",)),
    Feature("follow jobs", ("GET /ws/jobs/status",), ("wait", "run"), screens=("dashboard",)),
    Feature(
        "show a job, its result and where it lies",
        (f"GET {_JOB}",),
        ("show", "path", "open"),
        ("list.open", "list.copy.path", "detail.copy.path"),
        ("detail",),
    ),
    Feature("why a job is where it is", (f"GET {_JOB}/why",), ("why",), ("list.why", "detail.why", "queue.why")),
    Feature(
        "the log of a job",
        (f"GET {_JOB}/logs", f"GET /ws{_JOB.removeprefix('/api')}/logs"),
        ("logs",),
        ("list.log", "list.log.full", "detail.log.full"),
        ("log_screen",),
    ),
    Feature("the transcript", (f"GET {_JOB}/transcript",), ("transcript",), screens=("detail",)),
    Feature(
        "fetch a file of a job",
        (f"GET {_JOB}/files/{{file_id}}",),
        why="For programs elsewhere: on z2d's machine `z2ctl path` and the dashboard lead to the file itself.",
    ),
    Feature("cancel", (f"DELETE {_JOB}", _MANY), ("cancel",), ("list.cancel", "detail.cancel", "queue.cancel")),
    Feature("delete", (f"DELETE {_JOB}", _MANY), ("delete",), ("list.delete", "detail.delete")),
    Feature("restore", (f"POST {_JOB}/restore", _MANY), ("restore",), ("list.restore", "detail.restore")),
    Feature(
        "pause and resume",
        (f"POST {_JOB}/pause", f"POST {_JOB}/resume", _MANY),
        ("pause", "resume"),
        ("list.pause", "detail.pause"),
    ),
    Feature(
        "retry, from a stage too",
        (f"POST {_JOB}/retry", _MANY),
        ("retry",),
        ("list.retry", "list.retry.from", "detail.retry", "detail.retry.from"),
    ),
    Feature(
        "change priority, tags and options", (f"PATCH {_JOB}",), ("edit",), ("list.edit", "detail.edit", "queue.edit")
    ),
    Feature(
        "move in the queue",
        (f"POST {_JOB}/move",),
        ("move",),
        (
            *(f"{place}.move.{end}" for place in ("list", "detail", "queue") for end in ("first", "last")),
            "queue.move.up",
            "queue.move.down",
        ),
    ),
)

_OF_ALL = (
    Feature("the queue as a whole", ("GET /api/queue",), ("queue",), ("list.queue",), ("queue",)),
    Feature(
        "pause, drain and resume the queue",
        ("POST /api/queue/pause", "POST /api/queue/resume"),
        ("queue pause", "queue drain", "queue resume"),
        ("queue.pause", "queue.drain"),
    ),
    Feature(
        "slots and lanes",
        ("PATCH /api/queue",),
        ("queue slots", "queue site-slots", "queue lanes"),
        ("queue.slots", "queue.slots.site", "queue.lanes"),
    ),
    Feature("search what was said", ("GET /api/search",), ("search",), ("search",), ("search",)),
    Feature(
        "all analyses of a job, and what changed",
        (f"GET {_JOB}/analyses",),
        ("show",),
        why="The dashboard shows the last one; two are compared where there is room for both.",
    ),
    Feature(
        "analyse many jobs again",
        ("POST /api/analyze",),
        ("analyze",),
        why="A matter of filters and flags; in the dashboard `b` runs the analysis of the marked jobs again.",
    ),
    Feature(
        "publish again",
        (f"POST {_JOB}/publish", "POST /api/publish"),
        ("publish",),
        ("detail.publish",),
    ),
    Feature("the publishing targets", ("GET /api/targets",), ("targets",), ("list.targets",), ("targets",)),
    Feature("statistics", ("GET /api/stats", "GET /ws/jobs/status"), ("stats",), ("list.stats",), ("statistics",)),
    Feature(
        "cookies of sites",
        ("GET /api/cookies", "PUT /api/cookies/{site}", "DELETE /api/cookies/{site}"),
        ("cookies", "cookies set", "cookies list", "cookies remove"),
        why="Cookies come as a file, and are nothing to stand on a screen.",
    ),
    Feature("versions", ("GET /api/version",), ("version",), screens=("dashboard",)),
    Feature(
        "what is wrong with this installation",
        ("GET /api/diagnosis", "GET /readyz"),
        ("doctor",),
        why="Most of it is asked when there is no daemon to show anything of.",
    ),
    Feature(
        "the dashboard and its keys", verbs=("tui", "keys"), keys=("help", "palette"), why="It is a program, no call."
    ),
    Feature("shell completion", verbs=("completion",), why="A matter of the shell."),
    Feature("import old job files", verbs=("import",), why=_HERE),
    Feature(
        "back up, prove, restore",
        verbs=("backup", *(f"backup {verb}" for verb in ("create", "list", "verify", "restore"))),
        why=_HERE,
    ),
    Feature("bring a newer yt-dlp", verbs=("update-yt-dlp",), why=_HERE),
    Feature(
        "podcast feeds", ("GET /feeds/{name}.xml", "GET /feeds/{name}/{job_id}/{file}"), why="For podcast players."
    ),
    Feature("metrics and health", ("GET /metrics", "GET /healthz"), why=_PROGRAM),
    Feature("the contract itself", ("GET /api/openapi.json", "GET /api/docs"), why=_PROGRAM),
)

FEATURES = _OF_JOBS + _OF_ALL

# actions that change what is looked at, and nothing in z2, by the first part of their ids
_LOOKING = {
    "list.": "tab.next tab.previous tab.all tab.running tab.queued tab.done tab.failed tab.cancelled reverse top "
    "bottom down up page.down page.up mark mark.all mark.none copy.url copy.id copy.title url preview zoom",
    "detail.": "tab.next tab.previous next previous copy.url copy.id copy.title url",
    "log.": "follow end top down up page.down page.up left right find find.next find.previous only level.debug "
    "level.info level.warning level.error stage error wrap stamp copy copy.all save",
    "text.": "down up page.down page.up top end choose find find.next find.previous jump copy copy.all save",
    "": "refresh theme mouse back quit quit.now",
}
LOOKING = frozenset(first + rest for first, ids in _LOOKING.items() for rest in ids.split())

PAGE = """# What can be done where

Everything that z2 does, and where: a call of the [API](api.md), a verb of `z2ctl`, a key or a screen of the
[dashboard](guide/dashboard.md). Where something is missing in one of them, the last column says why.

| what | call | `z2ctl` | dashboard | why not everywhere |
|---|---|---|---|---|
"""


def page() -> str:
    """docs/features.md."""
    return PAGE + "\n".join(_row(one) for one in FEATURES) + "\n"


def _row(one: Feature) -> str:
    keys = [key for name in one.keys for key in KEYS if key.id == name]
    there = [f"`{shown(key.keys.partition(',')[0])}` {SCOPES[key.scope]}" for key in keys]
    there = there or [f"the screen *{screen.removesuffix('_screen')}*" for screen in one.screens]
    cells = (
        one.what,
        "<br>".join(f"`{call}`" for call in one.calls),
        "<br>".join(f"`z2ctl {verb}`" for verb in one.verbs),
        "<br>".join(there),
        one.why,
    )
    return f"| {' | '.join(cells)} |"
