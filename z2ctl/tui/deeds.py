"""What a person does to jobs, by the names of z2ctl's verbs: cancel, retry, pause, resume, delete, restore, edit, move,
publish, why. What loses something asks first, and the safe answer has the focus.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from z2ctl import given
from z2ctl import text as words
from z2ctl.client import Client
from z2ctl.tui.feed import Json
from z2ctl.tui.ground import Ground
from z2ctl.tui.job import Job
from z2ctl.tui.options import NAMED_OPTIONS, PRIORITIES, complaint, options_of, priority_of
from z2ctl.tui.screens.dialogs import Choice, Confirm, Menu, Prompt, Reader
from z2d.wire import errors

AT_ONCE = 1000
"""Jobs of one call, as the API has it."""
MANY_S = 180.0
NAMED = 5
"""Jobs that a question names; of more it says how many."""
SAID: dict[str, Callable[[int], str]] = {
    "cancel": lambda number: "Cancelling; r retries later" if number == 1 else f"Cancelling {number} jobs",
    "retry": lambda number: f"Queued {words.plural(number, 'job')} again",
    "pause": lambda number: f"Pausing {words.plural(number, 'job')}; P resumes",
    "resume": lambda number: f"Resumed {words.plural(number, 'job')}",
    "delete": lambda number: f"Deleted {words.plural(number, 'job')}; u restores",
    "restore": lambda number: f"Restored {words.plural(number, 'job')}",
}
PLACES = {
    "first": "To the front of the queue",
    "last": "To the end of the queue",
    "up": "Up by one",
    "down": "Down by one",
}


def named(jobs: Sequence[Job]) -> list[str]:
    """The first of some jobs, one a line, and how many more there are."""
    lines = [f"{job.id}  {job.name}" for job in jobs[:NAMED]]
    return [*lines, f"and {len(jobs) - NAMED} more"] if len(jobs) > NAMED else lines


class Deeds(Ground):
    """See the module."""

    _deleted: Sequence[int] = ()
    """The jobs that were deleted last."""

    # -- cancel and retry ------------------------------------------------------------------------------------------

    def ask_cancel(self, jobs: Sequence[Job]) -> None:
        """The question before a cancel. The safe answer has the focus."""
        if not self.allowed("cancel"):
            return
        live = [job for job in jobs if not job.over]
        if not live:
            self.say("Already finished: there is nothing to cancel" if jobs else "No job is selected", "warning")
            return

        def answered(yes: str | None) -> None:
            if yes:
                self.act("cancel", live)

        if len(live) == 1:
            job = live[0]
            where = (
                f"in stage {job.stage}, {words.percent(job.progress)}" if job.running else words.look(job.display).word
            )
            since = (
                f", for {words.duration((self.clock() - job.started) * 1000)}" if job.running and job.started else ""
            )
            kept = "Finished stages are kept: a retry goes on from there."
            lines = [job.name, f"Job {job.id} is {where}{since}.", kept]
            self.push_screen(Confirm("Cancel this job?", lines, "Cancel it", "Keep running"), answered)
        else:
            title = f"Cancel {len(live)} jobs?"
            self.push_screen(Confirm(title, named(live), "Cancel them", "Keep running"), answered)

    def ask_retry(self, jobs: Sequence[Job], from_stage: str | None = None) -> None:
        """Retry at once what failed or was cancelled; ask first for what is done."""
        if not self.allowed("retry"):
            return
        over = [job for job in jobs if job.over]
        if not over:
            self.say("Still on its way: there is nothing to retry" if jobs else "No job is selected", "warning")
            return

        def go(yes: str | None = "yes") -> None:
            if yes:
                self.act("retry", over, **({"from_stage": from_stage} if from_stage else {}))

        done = [job for job in over if job.status == "COMPLETED"]
        if not done and (len(over) == 1 or from_stage):
            go()
            return
        where = f"from {from_stage} on" if from_stage else "again"
        lines = named(over)
        if done:
            lines.append("What is done is reused where its input has not changed.")
        title = f"Run {words.plural(len(over), 'job')} {where}?"
        self.push_screen(Confirm(title, lines, "Run", "Leave"), go)

    def ask_stage(self, jobs: Sequence[Job]) -> None:
        """Ask from which stage to retry."""
        if not self.allowed("retry_from"):
            return
        choices = [Choice(stage, f"{number} {stage}") for number, stage in enumerate(words.STAGES, 1)]

        def answered(stage: str | None) -> None:
            if stage:
                self.ask_retry(jobs, stage)

        self.push_screen(Menu("Retry from which stage?", choices), answered)

    # -- pause, delete, restore ------------------------------------------------------------------------------------

    def pause_or_resume(self, jobs: Sequence[Job]) -> None:
        """Put jobs down; if all of them lie already, take them up again."""
        if not self.allowed("pause"):
            return
        live = [job for job in jobs if not job.over]
        going = [job for job in live if job.display not in ("PAUSED", "PAUSING")]
        if going:
            self.act("pause", going)
        elif live:
            self.act("resume", live)
        else:
            self.say("Already finished: there is nothing to pause" if jobs else "No job is selected", "warning")

    def ask_delete(self, jobs: Sequence[Job]) -> None:
        """The question before a delete: the jobs alone, or their files too."""
        if not self.allowed("delete"):
            return
        over = [job for job in jobs if job.over]
        if not over:
            said = "Not finished yet: cancel first, then delete" if jobs else "No job is selected"
            self.say(said, "warning")
            return

        def answered(answer: str | None) -> None:
            if answer:
                self.act("delete", over, **({"files": True} if answer == "also" else {}))

        title = "Delete this job?" if len(over) == 1 else f"Delete {len(over)} jobs?"
        lines = [*named(over), "It leaves every list; its library entry stays. For some days u brings it back."]
        self.push_screen(Confirm(title, lines, "Delete", "Keep", also="Delete files too"), answered)

    def restore(self) -> None:
        """Bring back what was deleted last."""
        if not self.allowed("restore"):
            return
        if not self._deleted:
            self.say("Nothing was deleted here; z2ctl restore ID brings older ones back", "warning")
            return
        ids, self._deleted = self._deleted, ()
        self.run_worker(self._act("restore", ids), group="change")

    def act(self, action: str, jobs: Sequence[Job], **more: Any) -> None:
        """One action of the API on some jobs; one sentence about all of it."""
        self.run_worker(self._act(action, [job.id for job in jobs], **more), group="change")

    async def _act(self, action: str, ids: Sequence[int], **more: Any) -> None:
        done: list[int] = []
        trouble = ""
        for first in range(0, len(ids), AT_ONCE):
            some = list(ids[first : first + AT_ONCE])
            try:
                answer = await self.feed.call(
                    lambda client, some=some: client.act(action, ids=some, **more),  # type: ignore[misc]
                    within_s=MANY_S,
                )
            except errors.Z2Error as error:
                trouble = trouble or error.detail
                break
            done += answer["done"]
            for each in answer["refused"]:
                trouble = trouble or f"{action} {each['id']}: {each['detail']}"
        self.state.marks.clear()
        if done and action == "delete":
            self._deleted = done
        if done and action == "restore":
            self.load_list()
        if trouble:
            self.say(f"{len(done)} done; {trouble}" if done else trouble, "error")
        else:
            self.say(SAID[action](len(done)))

    # -- edit, move ------------------------------------------------------------------------------------------------

    def ask_edit(self, jobs: Sequence[Job]) -> None:
        """Ask what to change: priority, tags, options, the place in the queue."""
        if not self.allowed("edit"):
            return
        if not jobs:
            self.say("No job is selected", "warning")
            return
        one = jobs[0]
        choices = [Choice("tags", "Tags…", ", ".join(one.tags) if len(jobs) == 1 else "")]
        if not all(job.over for job in jobs):  # of those that have finished nothing else can be changed
            choices.insert(0, Choice("priority", "Priority…", f"now {one.priority}" if len(jobs) == 1 else ""))
            choices.append(Choice("options", "Options…", "while it waits" if len(jobs) == 1 else "while they wait"))
            choices.extend(Choice(to, said) for to, said in PLACES.items())

        def answered(what: str | None) -> None:
            if what == "priority":
                self._ask_priority(jobs)
            elif what == "tags":
                self._ask_tags(jobs)
            elif what == "options":
                self.run_worker(self._read_options(jobs), group="options")
            elif what:
                self.move(jobs, what)

        title = f"Edit job {one.id}" if len(jobs) == 1 else f"Edit {len(jobs)} jobs"
        self.push_screen(Menu(title, choices), answered)

    def _ask_priority(self, jobs: Sequence[Job]) -> None:
        def check(text: str) -> str:
            return "" if priority_of(text) is not None else f"“{text}” is no priority: a number from {PRIORITIES}"

        def answered(text: str | None) -> None:
            if text is not None:
                number = priority_of(text)
                self._each(jobs, lambda client, job: client.change(job.id, priority=number), f"Priority {number}")

        now = str(jobs[0].priority) if len(jobs) == 1 else ""
        self.push_screen(Prompt("Priority", "From -100 to 100; higher runs first:", now, check=check), answered)

    def _ask_tags(self, jobs: Sequence[Job]) -> None:
        def answered(text: str | None) -> None:
            if text is not None:
                tags = given.read_tags(text)
                said = f"Tagged {', '.join(tags)}" if tags else "No tags"
                self._each(jobs, lambda client, job: client.change(job.id, tags=tags), said)

        now = ", ".join(jobs[0].tags) if len(jobs) == 1 else ""
        said = "All of them, apart by commas; a comma alone takes them away:"
        self.push_screen(Prompt("Tags", said, now, check=complaint(given.read_tags)), answered)

    async def _read_options(self, jobs: Sequence[Job]) -> None:
        """What one job has now is said with the question; the answer names what is to be otherwise."""
        now = ""
        if len(jobs) == 1:
            try:
                job = await self.feed.call(lambda client: client.job(jobs[0].id))
            except errors.Z2Error as error:
                self.say(error.detail, "error")
                return
            now = f" Now: {given.say_options(job.get('options') or {}) or 'the usual ones'}."
        self._ask_options(jobs, f"{NAMED_OPTIONS}; what is not named stays.{now}")

    def _ask_options(self, jobs: Sequence[Job], words: str, text: str = "", trouble: str = "") -> None:
        def answered(text: str | None) -> None:
            if text is not None:
                options = options_of(text)

                def again(trouble: str) -> None:
                    self._ask_options(jobs, words, text, trouble)

                self._each(jobs, lambda client, job: client.change(job.id, options=options), f"Options {text}", again)

        prompt = Prompt("Options", words, text, check=complaint(options_of), trouble=trouble)
        self.push_screen(prompt, answered)

    def move(self, jobs: Sequence[Job], to: str, *, seen: bool = False) -> None:
        """To the first or the last place of the queue, or by one up or down; among them the order stays as it is.
        `seen`: it is on the screen, and need not be said.
        """
        if not self.allowed("move"):
            return
        if not jobs:
            self.say("No job is selected", "warning")
            return
        order = list(reversed(jobs)) if to in ("first", "down") else list(jobs)
        self._each(order, lambda client, job: client.move(job.id, to), "" if seen else PLACES[to])

    def _each(
        self,
        jobs: Sequence[Job],
        call: Callable[[Client, Job], Json],
        said: str,
        again: Callable[[str], object] | None = None,
    ) -> None:
        """Change each job for itself; one sentence about all of it, or none. Where all refuse, `again` may ask anew."""

        async def go() -> None:
            done, trouble = 0, ""
            for job in jobs:
                try:
                    answer = await self.feed.call(lambda client, job=job: call(client, job))  # type: ignore[misc]
                except errors.Z2Error as error:
                    trouble = trouble or f"Job {job.id}: {error.detail}"
                    continue
                done += 1
                self.job_came(Job.from_wire(answer))
            if trouble and not done and again:
                again(trouble)
                return
            self.state.marks.clear()
            if trouble:
                self.say(f"{done} done; {trouble}" if done else trouble, "error")
            elif said:
                self.say(f"{said}: {words.plural(done, 'job')}" if done > 1 else f"{said}: job {jobs[0].id}")

        self.run_worker(go(), group="change")

    # -- why, publish ----------------------------------------------------------------------------------------------

    def ask_why(self, job: Job | None) -> None:
        """Say why a job is where it is."""
        if job is None:
            self.say("No job is selected", "warning")
            return

        async def go() -> None:
            try:
                why = await self.feed.call(lambda client: client.why(job.id))
            except errors.Z2Error as error:
                self.say(error.detail, "error")
                return
            until = f"\n\nUntil {words.day_and_time(why['until'])}" if why.get("until") else ""
            self.push_screen(Reader(f"Why is job {job.id} {words.look(why['status']).word}?", why["sentence"] + until))

        self.run_worker(go(), group="why")

    def ask_publish(self, job: Job | None, target: str, then: Callable[[], object]) -> None:
        """Ask how to send a finished job to its targets again; `target` is the one under the cursor, or empty."""
        if not self.allowed("publish") or job is None:
            return
        if job.status != "COMPLETED":
            self.say("Not done yet: there is nothing to publish", "warning")
            return
        choices = [
            Choice((name, force), f"To {name or 'every target'}, {how}")
            for name in dict.fromkeys((target, ""))
            for force, how in ((False, "what has changed"), (True, "although nothing has changed"))
        ]

        def answered(choice: tuple[str, bool] | None) -> None:
            if choice is not None:
                self.run_worker(self._publish(job.id, *choice, then), group="change")

        self.push_screen(Menu(f"Publish job {job.id} again", choices), answered)

    async def _publish(self, job_id: int, target: str, force: bool, then: Callable[[], object]) -> None:
        try:
            await self.feed.call(lambda client: client.publish(job_id, target=target or None, force=force))
        except errors.Z2Error as error:
            self.say(error.detail, "error")
            return
        self.say(f"On its way to {target or 'every target'}")
        then()
