"""Submitting from anywhere: by a key, by a paste, one or many; a refusal comes back with what was typed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from z2ctl import text as words
from z2ctl.tui.feed import Json
from z2ctl.tui.ground import Ground
from z2ctl.tui.jobs import Job
from z2d.wire import errors


class Submitting(Ground):
    """See the module."""

    async def check_urls(self, urls: list[str]) -> list[Json]:
        """What would become of each URL; nothing is queued."""
        return await self.feed.call(lambda client: client.submit_batch(urls, dry_run=True))

    def ask_new(self, text: str = "", trouble: str = "") -> None:
        """The dialog for one URL."""
        if not self.allowed("new"):
            return
        from z2ctl.tui.screens.submit import Submit  # its text fields are slow to import and not needed to begin

        def answered(answer: tuple[str, Any] | None) -> None:
            if answer is None:
                return
            kind, value = answer
            if kind == "open":
                self.open_job(int(value))
            else:
                self.run_worker(self._submit(str(value), force=kind == "force"), group="submit")

        self.push_screen(Submit(self.check_urls, text, trouble), answered)

    def ask_many(self, text: str = "", trouble: Sequence[str] = ()) -> None:
        """The dialog for many URLs."""
        if not self.allowed("many"):
            return
        from z2ctl.tui.screens.submit import SubmitMany

        def answered(urls: list[str] | None) -> None:
            if urls:
                self.run_worker(self._submit_many(urls), group="submit")

        self.push_screen(SubmitMany(self.check_urls, text, trouble), answered)

    def pasted(self, text: str) -> None:
        """Text pasted where nobody types: the dialog for one URL, or for many."""
        lines = [line.strip() for line in words.safe(text, lines=True).splitlines() if line.strip()]
        if len(lines) == 1:
            self.ask_new(lines[0][:4096])
        elif lines:
            self.ask_many("\n".join(lines))

    async def _submit(self, url: str, *, force: bool) -> None:
        try:
            answer = await self.feed.call(lambda client: client.submit(url, force=force))
        except errors.Z2Error as error:
            self.ask_new(url, error.detail)
            return
        job = Job.from_wire(answer)
        if answer.get("deduplicated"):
            self.say(f"Job {job.id} has this video already ({words.look(job.display).word})")
        else:
            self.say(f"Queued as job {job.id}")
        self.job_came(job)
        self.select_job(job.id)

    async def _submit_many(self, urls: list[str]) -> None:
        try:
            results = await self.feed.call(lambda client: client.submit_batch(urls))
        except errors.Z2Error as error:
            self.ask_many("\n".join(urls), [error.detail])
            return
        kinds = [str(result.get("result")) for result in results]
        said = [f"{kinds.count('queued')} queued", f"{words.plural(kinds.count('duplicate'), 'duplicate')}"]
        bad = [result for result in results if result.get("result") == "rejected"]
        self.say(", ".join([*said, f"{len(bad)} refused"] if bad else said), "warning" if bad else "information")
        if bad:
            self.ask_many(
                "\n".join(str(result.get("url")) for result in bad),
                [f"{result.get('url')}: {result.get('detail') or result.get('code')}" for result in bad],
            )
