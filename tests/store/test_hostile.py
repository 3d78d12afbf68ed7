"""Whatever a site puts into its texts: every column takes it, and what is fit to keep comes back."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from z2d.store import claims, logs, reads, requests, stages
from z2d.store.clean import clean_text
from z2d.store.database import Database
from z2d.wire.jobs import LogLevel, StageName, WaitReason
from z2d.wire.reasons import ErrorClass

from .making import analysis, artefact, claimed, job, metadata, publication, transcript

NASTY = [
    "\x00",
    "\ud800",
    "\udc00\ud800",
    "\x1b[31m",
    "\x1b]52;c;aGk=\x07",
    "\\u0000",
    "'; DROP TABLE jobs; --",
    "\u202e",
    "%s $1 {}",
]
HOSTILE = st.lists(st.text(st.characters(), max_size=30) | st.sampled_from(NASTY), min_size=1, max_size=6).map("".join)
EXAMPLES = settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


async def tell_everything(db: Database, text: str) -> None:
    """One job with `text` wherever text from outside can be; afterwards it must read back and be listed.

    The models of the wire refuse lone surrogates themselves, so they get the rest of it.
    """
    wire = text.encode("utf-8", "replace").decode()
    claim = await claimed(db, url="https://example.org/" + (text or "x"), key="k:" + text, site=text, profile=wire[:64])
    for stage in StageName:
        await stages.start_stage(db, claim, stage, "h", 1)
    await stages.save_progress(db, claim, StageName.PUBLISHING, stage_progress=0.1, job_progress=0.1, detail=text)
    await stages.checkpoint_stage(db, claim, StageName.DOWNLOAD, {text: [text, {text: float("inf")}]})
    await stages.finish_stage(
        db,
        claim,
        StageName.METADATA,
        input_hash="h",
        artefacts=[artefact(mime=wire, language=wire)],
        metadata=metadata(wire, key=wire),
        checkpoint={text: text},
    )
    await stages.find_same_media(db, claim, text)
    await stages.finish_stage(
        db, claim, StageName.TRANSCRIPT, input_hash="h", artefacts=[], transcript=transcript(wire, wire)
    )
    await stages.finish_stage(db, claim, StageName.ANALYSIS, input_hash="h", artefacts=[], analysis=analysis(wire))
    await stages.finish_stage(
        db, claim, StageName.PUBLISHING, input_hash="h", artefacts=[], publications=[publication(wire)]
    )
    await stages.skip_stage(db, claim, StageName.AUDIO, text)
    await stages.fail_stage(db, claim, StageName.DOWNLOAD, ErrorClass.UNKNOWN, text)
    await logs.append(db, claim.job_id, [logs.line(LogLevel.INFO, text, text, text, {text: text})])
    await claims.close_gate(db, text, 0, text.encode("ascii", "ignore").decode().replace("\x00", ""))
    await claims.requeue(
        db, claim, WaitReason.RETRY, 0, attempt_used=True, error_class=ErrorClass.UNKNOWN, message=text
    )
    await requests.ask_cancel(db, claim.job_id, by=text)

    found = await reads.detail(db, claim.job_id)
    assert found.metadata is not None
    assert found.title == found.metadata.title == clean_text(wire, 500)
    assert found.metadata.view_count is None, "larger than its column"
    assert found.attempts[0].error_message == clean_text(text)
    cues = (await reads.transcript(db, claim.job_id)).cues
    assert [cue.text for cue in cues] == [clean_text(wire)] * 2
    (line,) = (await logs.page(db, claim.job_id)).items
    assert line.message == clean_text(text)
    query = reads.ListQuery(q=text, site=text, channel=text, tag=text, sort="title")
    assert (await reads.page(db, query)).total in {0, 1}
    page = await reads.page(db, reads.ListQuery(sort="title", limit=1))
    await reads.page(db, reads.ListQuery(sort="title", cursor=page.next_cursor))
    await logs.page(db, claim.job_id, q=text, stage=text)


def test_every_text_of_a_job_may_be_hostile(dsn: str) -> None:
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        db = runner.run(stack.enter_async_context(Database.open(dsn, size=2)))

        @EXAMPLES
        @given(HOSTILE)
        def hostile(text: str) -> None:
            runner.run(tell_everything(db, text))

        hostile()
        runner.run(stack.aclose())


async def test_an_error_text_never_makes_a_job_unfinishable(db: Database) -> None:
    claim = await claimed(db)
    await claims.fail(db, claim, ErrorClass.UNKNOWN, "\x00\ud800" * 100_000, StageName.DOWNLOAD)
    error = (await reads.summary(db, claim.job_id)).error
    assert error is not None
    assert len(error.message) == 4000


async def test_tags_and_options_of_a_submission_may_be_hostile(db: Database) -> None:
    made = await job(db, tags=["a\x00b", "\x1b[31mred"])
    assert made.tags == ["ab", "red"]
    page = await reads.page(db, reads.ListQuery(tag="red"))
    assert [one.id for one in page.items] == [made.id]
