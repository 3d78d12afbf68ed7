"""Submitting from anywhere: by a key, by a paste, one or many; a refusal comes back with what was typed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from z2ctl import given
from z2ctl import text as words
from z2ctl.batches import groups, misfit
from z2ctl.tui.feed import Json
from z2ctl.tui.ground import Ground
from z2ctl.tui.job import Job
from z2ctl.tui.options import Options
from z2ctl.tui.screens.dialogs import Prompt
from z2d.wire import errors

if TYPE_CHECKING:
    from z2ctl.tui.screens.submit import Asks

PLACE_WITHIN_S = 3.0
"""How long a toast waits for the place in the queue."""
AS_USUAL = Options()


class Submitting(Ground):
    """See the module."""

    async def check_urls(self, urls: list[str], options: Options) -> list[Json]:
        """What would become of each URL; nothing is queued. Videos that are there already are named in any case."""
        fields, results = {"dry_run": True, **options.looked_at()}, []
        for group in groups(urls):
            results += await self.feed.call(lambda client, group=group: client.submit_batch(group, **fields))  # type: ignore[misc]
        return results

    async def probe(self, url: str, options: Options) -> Json:
        """What is at a URL (`ProbeAnswer`); nothing is queued."""
        fields = options.looked_at()
        return await self.feed.call(lambda client: client.probe(url, **fields))

    def ask_probe(self) -> None:
        """Ask for a URL and look at it; enter there leads to the form with it."""
        from z2ctl.tui.screens.probing import Probing
        from z2ctl.tui.screens.submit import first_look

        def answered(url: str | None) -> None:
            if url is not None:
                look = partial(self.probe, url, AS_USUAL)

                def then(yes: bool | None) -> None:
                    if yes:
                        self.ask_new(url)

                self.push_screen(Probing(url, look, "enter goes on to submit"), then)

        said = "The address to look at; nothing is queued:"
        self.push_screen(Prompt("What is there?", said, check=first_look), answered)

    async def read_profiles(self) -> list[Json]:
        """The profiles a submission can be made with."""
        return await self.feed.call(lambda client: client.profiles())

    def _asks(self) -> Asks:
        from z2ctl.tui.screens.submit import Asks

        return Asks(self.check_urls, self.read_profiles, self.probe, self.clock)

    def ask_new(self, text: str = "", trouble: str = "", options: Options = AS_USUAL) -> None:
        """The dialog for one URL."""
        if not trouble and not self.allowed("new"):  # what was typed comes back, also while nobody answers
            return
        from z2ctl.tui.screens.submit import Submit  # its text fields are slow to import and not needed to begin

        def answered(answer: tuple[str, Any, Options] | None) -> None:
            if answer is None:
                return
            kind, value, options = answer
            if kind == "open":
                self.open_job(int(value))
            else:
                self.run_worker(self._submit(str(value), options), group="submit")

        self.push_screen(Submit(self._asks(), options, text, trouble), answered)

    def ask_many(
        self, text: str = "", trouble: Sequence[str] = (), options: Options = AS_USUAL, head: str = ""
    ) -> None:
        """The dialog for many URLs. `head`: what became of those that are no longer in it."""
        if not trouble and not self.allowed("many"):  # likewise
            return
        from z2ctl.tui.screens.submit import SubmitMany

        def answered(answer: tuple[list[str], Options] | None) -> None:
            if answer:
                self.run_worker(self._submit_many(*answer), group="submit")

        self.push_screen(SubmitMany(self._asks(), options, text, trouble, head), answered)

    def pasted(self, text: str) -> None:
        """Text pasted where nobody types: the dialog for one URL, or for many."""
        lines = [line.strip() for line in words.safe(text, lines=True).splitlines() if line.strip()]
        if len(lines) == 1:
            self.ask_new(lines[0][:4096])
        elif lines:
            self.ask_many("\n".join(lines))

    async def _submit(self, url: str, options: Options) -> None:
        try:
            sent = await self._sent(url)
            answer = await self.feed.call(lambda client: client.submit(sent, **options.fields(self.clock())))
        except (errors.Z2Error, OSError, ValueError) as error:  # the file was there when enter was pressed
            self.ask_new(url, _reason(error), options)
            return
        job = Job.from_wire(answer)
        self.job_came(job)
        self.select_job(job.id)
        if answer.get("deduplicated"):
            self.say(f"Job {job.id} has this video already ({words.look(job.display).word})")
        else:
            self.say(f"Queued {job.id}{await self._place(job, answer)}")

    async def _sent(self, url: str) -> str:
        """The address of what is to be submitted: where a file of this machine is meant, it is sent first."""
        path = given.local_file(url)
        if path is None:
            return url
        self.say(f"Sending {words.safe(path.name)}, {words.size(path.stat().st_size)}…")
        uploaded = await self.feed.call(lambda client: client.upload(path))
        return str(uploaded["url"])

    async def _place(self, job: Job, answer: Json) -> str:
        """Where in the queue a new job stands; nothing when it does not stand there, or nobody says so soon."""
        match job.display:
            case "PAUSED":
                return " on hold; P lets it go on"
            case "SCHEDULED":
                return f", not before {words.day_and_time(answer.get('run_after'))}"
        try:
            why = await self.feed.call(lambda client: client.why(job.id), within_s=PLACE_WITHIN_S)
        except errors.Z2Error:
            return ""  # the job is queued, and that is what is to be said
        return f" (position {words.count(why['queue_position'])})" if why.get("queue_position") else ""

    async def _submit_many(self, lines: list[str], options: Options) -> None:
        results: list[Json] = []
        typed: dict[str, str] = {}
        bad: dict[str, str] = {}
        rest, trouble = lines, ""
        fields = options.fields(self.clock())
        try:
            typed, bad = await self._sent_all(lines)
            rest = list(typed.values())
            for group in groups(list(typed)):
                results += await self.feed.call(lambda client, group=group: client.submit_batch(group, **fields))  # type: ignore[misc]
                rest = rest[len(group) :]
        except errors.Z2Error as error:
            trouble = error.detail
        for result in results:
            if result.get("result") == "rejected":
                line = typed.get(str(result.get("url")), str(result.get("url")))
                bad[line] = str(result.get("detail") or result.get("code"))
        kinds = [str(result.get("result")) for result in results]
        said = f"{kinds.count('queued')} queued, {words.plural(kinds.count('duplicate'), 'duplicate')}"
        if not bad and not trouble:
            self.say(said)
            return
        # what was taken does not come back: with force it would become a second job
        reasons = [reason if line in reason else f"{line}: {reason}" for line, reason in bad.items()]
        again = dict.fromkeys([*bad, *(rest if trouble else ())])
        head = f"{said}, {len(bad)} refused" if bad else said if results else ""
        self.clear_notifications()  # they would lie over the reasons
        self.ask_many("\n".join(again), [*([trouble] if trouble else ()), *reasons], options, head)

    async def _sent_all(self, lines: list[str]) -> tuple[dict[str, str], dict[str, str]]:
        """The lines by the addresses they are submitted as, and why some were not taken; files are sent first."""
        typed, bad = {}, {}
        for line in lines:
            if trouble := misfit(line):  # one of them, and the API would refuse the whole
                bad[line] = trouble
                continue
            try:
                typed[await self._sent(line)] = line
            except errors.DaemonUnreachable:
                raise
            except (errors.Z2Error, OSError, ValueError) as error:
                bad[line] = _reason(error)
        return typed, bad


def _reason(error: errors.Z2Error | OSError | ValueError) -> str:
    """Why something could not be sent, in a sentence."""
    match error:
        case errors.Z2Error():
            return error.detail
        case OSError():
            return f"It cannot be read: {error.strerror or error}"
    return str(error)
