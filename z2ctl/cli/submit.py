"""`z2ctl submit`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any, TextIO

import click

from z2ctl.batches import groups, misfit
from z2ctl.cli.app import DONE, FAILED, App, exit_code, leave
from z2ctl.cli.options import read_options
from z2ctl.cli.output import say
from z2ctl.cli.parameters import future, json_option
from z2ctl.cli.playlist import playlist_of, playlist_options
from z2ctl.cli.sources import local_file, read_urls, with_stdin
from z2ctl.client import Client, Json
from z2d.wire import errors


@click.command("submit")
@click.argument("urls", metavar="URL...", nargs=-1)
@click.option(
    "-f", "--file", "file", type=click.File(encoding="utf-8-sig"), help="Read URLs from FILE, one per line; - is stdin."
)
@click.option("--wait", is_flag=True, help="Stay until the jobs are finished.")
@click.option("--priority", type=click.IntRange(-100, 100), help="Higher runs first (default 0).")
@click.option("--at", "run_after", callback=future, metavar="TIME", help="Not before: 23:00, 2h, RFC 3339.")
@click.option("--hold", is_flag=True, help="Queue it paused.")
@click.option("--force", is_flag=True, help="A new job although the video is already in the library.")
@click.option("--profile", metavar="NAME", help="With the options of this profile: see 'z2ctl profiles'.")
@click.option(
    "-o", "--option", "options", multiple=True, metavar="NAME=VALUE", help="An option, such as max_height=720."
)
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="May be repeated.")
@playlist_options
@json_option
@click.pass_context
def submit_command(
    ctx: click.Context,
    urls: tuple[str, ...],
    file: TextIO | None,
    wait: bool,
    priority: int | None,
    run_after: str | None,
    hold: bool,
    force: bool,
    profile: str | None,
    options: tuple[str, ...],
    tags: tuple[str, ...],
) -> None:
    """Queue videos, playlists, channels, feeds or files. A video that is already there is not fetched again.

    A URL may also be the path of a file on this machine: it is sent to z2d. A - reads URLs from stdin, one per line.

    Options: audio_only, max_height=720, container=mp4, codec=h264, languages=en,de, thumbnail=no, live=record,
    sponsorblock=sponsor,intro, rate_limit_bps=500000, sleep_s=2.

    Prints the job's id, one line per URL; with --json the job, or for many URLs one result each. Both have "id",
    "url" and "deduplicated".
    """
    if wait and hold:
        raise click.UsageError("--hold queues paused jobs, which --wait would wait for without end.")
    app: App = ctx.obj
    wanted = list(dict.fromkeys([*with_stdin(urls), *read_urls(file)]))
    if not wanted:
        raise click.UsageError("No URL given.")
    if not all(url.strip() for url in wanted):
        raise click.UsageError("One of the URLs is empty.")
    fields: dict[str, Any] = {"priority": priority, "run_after": run_after, "tags": list(tags), "profile": profile}
    fields["options"] = read_options(options)
    if (playlist := playlist_of(ctx)) is not None:
        fields["options"]["playlist"] = playlist
    fields = {name: value for name, value in fields.items() if value} | {
        name: True for name, on in (("hold", hold), ("force", force)) if on
    }
    sent, refused_files = send_files(app, wanted)
    code, ids = DONE, []
    # said one by one: what is queued already is known even where the daemon goes away before the last
    for result in chain(refused_files, submit_all(app.client, sent, fields, alone=len(wanted) == 1)):
        refused = report(app, result, waiting=wait)
        code = code or refused
        ids += [result["id"]] if result.get("id") else []
    if wait and ids:
        from z2ctl.cli.wait import wait_for

        ended = wait_for(app, ids)
        code = code or (DONE if all(job["status"] == "COMPLETED" for job in ended) else FAILED)
    leave(code)


def send_files(app: App, wanted: list[str]) -> tuple[list[str], list[Json]]:
    """`wanted` with the address of the upload in place of each local file, and what became of files not taken."""
    urls, refused = [], []
    for word, path in [(word, local_file(word)) for word in wanted]:  # nothing is sent before every word is understood
        if path is None:
            urls.append(word)
            continue
        if app.out.terminal:
            say(f"Sending {path.name} ...")
        try:
            urls.append(app.client.upload(path)["url"])
        except errors.DaemonUnreachable:
            raise
        except (errors.Z2Error, OSError) as error:
            detail = error.detail if isinstance(error, errors.Z2Error) else f"It cannot be read: {error.strerror}."
            code = error.code if isinstance(error, errors.Z2Error) else errors.InvalidRequest.code
            refused.append(rejected(word, code, detail))
    return urls, refused


def rejected(url: str, code: str, detail: str) -> Json:
    """The result of a URL that did not become a job."""
    refusal = {"code": code, "detail": detail, "job_id": None}
    return {"url": url, "result": "rejected", **refusal, "id": None, "deduplicated": False}


def submit_all(client: Client, urls: list[str], fields: dict[str, Any], *, alone: bool) -> Iterator[Json]:
    """Submit each URL; gives dictionaries with `url`, `id`, `deduplicated`, and `code`, `detail` where refused.

    `alone`: there is only this one, and its refusal is all that there is to say. Raises it.
    """
    if alone and urls:
        yield client.submit(urls[0], **fields)
        return
    for group in groups([url for url in urls if not misfit(url)]):
        for result in client.submit_batch(group, **fields):
            yield {**result, "id": result["job_id"], "deduplicated": result["result"] == "duplicate"}
    for url in urls:
        if reason := misfit(url):
            yield rejected(url, errors.UrlInvalid.code, reason)


def report(app: App, result: Json, *, waiting: bool) -> int:
    """Say what became of one URL; gives the exit code it asks for."""
    if app.out.as_json and not waiting:
        app.out.json(result)
    if result.get("result") == "rejected":
        say(f"{result['url']}: {result.get('detail') or result.get('code')}")
        return exit_code(errors.by_code().get(str(result.get("code")), errors.UrlInvalid)())
    what = "already there as job" if result["deduplicated"] else "queued as job"
    words = f"{result.get('title') or result['url']}: {what} {result['id']}"
    if waiting:
        say(words)
    elif app.out.terminal and not app.out.as_json:
        app.out.line(words)
    elif not app.out.as_json:
        app.out.line(result["id"])
    return DONE
