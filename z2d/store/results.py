"""What a finished stage has found, written within the transaction that makes it DONE.

Every text here comes from outside and passes `clean`; numbers that no column can hold become null.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from z2d.store.clean import clean_int, clean_json, clean_key, clean_or_none, clean_real, clean_text
from z2d.wire.jobs import StageName
from z2d.wire.library import Analysis, Artefact, Metadata, Publication, Transcript

_NAME_LIMIT = 500  # titles, channels, ids: some are in indexes
_LIST_LIMIT = 500
_CUE_LIMIT = 10_000
_TEXT_LIMIT = 200_000

_FORGET_FILES = "DELETE FROM job_files WHERE job_id = $1 AND stage = $2 AND path <> ALL($3)"
_SAVE_FILE = """
    INSERT INTO job_files AS f (job_id, stage, kind, path, size_bytes, sha256, mime, language, duration_ms)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    ON CONFLICT (job_id, path) DO UPDATE SET stage = $2, kind = $3, size_bytes = $5, sha256 = $6, mime = $7,
        language = $8, duration_ms = $9, state = 'PRESENT',
        created_at = CASE WHEN f.sha256 = $6 THEN f.created_at ELSE now() END
"""


async def save_files(connection: Any, job_id: int, stage: StageName, artefacts: Sequence[Artefact]) -> None:
    """These are the stage's files now; rows of others that it had are removed."""
    rows = [
        (
            job_id,
            stage,
            one.kind,
            clean_text(one.path),
            one.size_bytes,
            one.sha256,
            clean_or_none(one.mime, _NAME_LIMIT),
            clean_or_none(one.language, _NAME_LIMIT),
            clean_int(one.duration_ms),
        )
        for one in artefacts
    ]
    await connection.execute(_FORGET_FILES, job_id, stage, [row[3] for row in rows])
    await connection.executemany(_SAVE_FILE, rows)


async def forget_results(connection: Any, job_id: int, stage: StageName) -> None:
    """A stage that ended without results has none: what an earlier run had found is no longer shown."""
    await save_files(connection, job_id, stage, [])
    if stage == StageName.TRANSCRIPT:
        await connection.execute(_FORGET_TRANSCRIPTS, job_id)
    elif stage == StageName.ANALYSIS:
        await connection.execute(_RETIRE_ANALYSIS, job_id)


# Held until commit: two jobs that find the same key at once get different times, in the order of their commits.
_LOCK_MEDIA_KEY = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))"
_SAVE_METADATA = """
    INSERT INTO job_metadata AS m (job_id, extractor, source_id, media_key, media_key_at, webpage_url, title,
        description, channel, channel_id, channel_url, uploader, uploader_id, published_at, published_precision,
        duration_ms, live_status, availability, age_limit, language, license, tags, categories, chapters, subtitles,
        view_count, like_count, comment_count, thumbnail_url, width, height, fps, vcodec, acodec, format_id,
        extractor_version)
    VALUES ($1, $2, $3, $4, clock_timestamp(), $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,
        $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35)
    ON CONFLICT (job_id) DO UPDATE SET extractor = $2, source_id = $3, media_key = $4, webpage_url = $5, title = $6,
        description = $7, channel = $8, channel_id = $9, channel_url = $10, uploader = $11, uploader_id = $12,
        published_at = $13, published_precision = $14, duration_ms = $15, live_status = $16, availability = $17,
        age_limit = $18, language = $19, license = $20, tags = $21, categories = $22, chapters = $23, subtitles = $24,
        view_count = $25, like_count = $26, comment_count = $27, thumbnail_url = $28, width = $29, height = $30,
        fps = $31, vcodec = $32, acodec = $33, format_id = $34, extractor_version = $35, fetched_at = now(),
        media_key_at = CASE WHEN m.media_key = $4 THEN m.media_key_at ELSE excluded.media_key_at END
"""
_SAVE_TITLE = "UPDATE jobs SET title = $2 WHERE id = $1 AND title IS DISTINCT FROM $2"


async def save_metadata(connection: Any, job_id: int, found: Metadata) -> None:
    """The description of the video, its title in the list, and the job's place among those with the same media key."""
    title = clean_text(found.title, _NAME_LIMIT)
    media_key = clean_key(found.media_key)
    await connection.execute(_LOCK_MEDIA_KEY, media_key)
    await connection.execute(
        _SAVE_METADATA,
        job_id,
        clean_text(found.extractor, _NAME_LIMIT),
        clean_text(found.source_id, _NAME_LIMIT),
        media_key,
        clean_text(found.webpage_url),
        title,
        clean_or_none(found.description, _TEXT_LIMIT),
        *(
            clean_or_none(text, _NAME_LIMIT)
            for text in (found.channel, found.channel_id, found.channel_url, found.uploader, found.uploader_id)
        ),
        found.published_at,
        found.published_precision,
        clean_int(found.duration_ms),
        found.live_status,
        clean_or_none(found.availability, _NAME_LIMIT),
        clean_int(found.age_limit, 16),
        clean_or_none(found.language, _NAME_LIMIT),
        clean_or_none(found.license, _NAME_LIMIT),
        [clean_text(tag, _NAME_LIMIT) for tag in found.tags[:_LIST_LIMIT]],
        [clean_text(category, _NAME_LIMIT) for category in found.categories[:_LIST_LIMIT]],
        clean_json([chapter.model_dump(mode="json") for chapter in found.chapters]),
        clean_json(found.subtitles.model_dump(mode="json")),
        *(clean_int(number) for number in (found.view_count, found.like_count, found.comment_count)),
        clean_or_none(found.thumbnail_url),
        clean_int(found.width, 32),
        clean_int(found.height, 32),
        clean_real(found.fps),
        *(
            clean_or_none(text, _NAME_LIMIT)
            for text in (found.vcodec, found.acodec, found.format_id, found.extractor_version)
        ),
    )
    await connection.execute(_SAVE_TITLE, job_id, title)


_FORGET_TRANSCRIPTS = "DELETE FROM transcripts WHERE job_id = $1 AND is_primary"
_SAVE_TRANSCRIPT = """
    INSERT INTO transcripts (job_id, language, source, engine, model, format, is_primary, segments, words, coverage,
                             translated, warnings, provenance)
    VALUES ($1, $2, $3, $4, $5, $6, true, $7, $8, $9, $10, $11, $12)
    RETURNING id
"""
# A cue is found by its own words and by those of the next cue, so that phrases across the border are found; where the
# next one is short, by those of the one after it too. The last two of each piece are given for that alone.
_SAVE_CUES = """
    INSERT INTO transcript_segments (transcript_id, job_id, seq, start_ms, end_ms, speaker, text, tsv)
    SELECT $1, $2, $4 + ord - 1, start_ms, end_ms, speaker, text,
        z2_words($3, concat_ws(' ', text, next, CASE WHEN length(next) < 24 THEN after_next END))
    FROM (
        SELECT *, lead(text) OVER following AS next, lead(text, 2) OVER following AS after_next
        FROM unnest($6::int[], $7::int[], $8::text[], $9::text[])
            WITH ORDINALITY AS given(start_ms, end_ms, speaker, text, ord)
        WINDOW following AS (ORDER BY ord)
    ) cue
    WHERE ord <= $5
"""
_CUES_AT_ONCE = 2000  # a day of speech in one statement would take longer than a statement may
_LATEST_MS = 2**31 - 1


async def save_transcript(connection: Any, job_id: int, found: Transcript) -> None:
    """The transcript that is shown, and one search row per cue; word times stay in the job's transcript.json."""
    language = clean_text(found.language, _NAME_LIMIT)
    await connection.execute(_FORGET_TRANSCRIPTS, job_id)
    transcript_id = await connection.fetchval(
        _SAVE_TRANSCRIPT,
        job_id,
        language,
        found.source,
        *(clean_or_none(text, _NAME_LIMIT) for text in (found.engine, found.model, found.format)),
        len(found.cues),
        found.words,
        clean_real(found.coverage),
        found.translated,
        [clean_text(warning, _NAME_LIMIT) for warning in found.warnings[:_LIST_LIMIT]],
        clean_json(found.provenance.model_dump(mode="json")) if found.provenance else None,
    )
    for first in range(0, len(found.cues), _CUES_AT_ONCE):
        cues = found.cues[first : first + _CUES_AT_ONCE + 2]
        starts = [min(cue.start_ms, _LATEST_MS) for cue in cues]
        await connection.execute(
            _SAVE_CUES,
            transcript_id,
            job_id,
            language,
            first,
            _CUES_AT_ONCE,
            starts,
            [min(max(cue.end_ms, start), _LATEST_MS) for cue, start in zip(cues, starts, strict=True)],
            [clean_or_none(cue.speaker, _NAME_LIMIT) for cue in cues],
            [clean_text(cue.text, _CUE_LIMIT) for cue in cues],
        )


_RETIRE_ANALYSIS = "UPDATE job_analysis SET is_current = false WHERE job_id = $1 AND is_current"
_SAVE_ANALYSIS = """
    INSERT INTO job_analysis (job_id, backend, model, prompt_version, input_hash, language, basis, summary_short,
        summary, insights, topics, topic_labels, chapters, keywords, stats, grounding_total, grounding_verified,
        duration_ms, warnings, provenance)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
"""


async def save_analysis(connection: Any, job_id: int, found: Analysis) -> None:
    """The current analysis; the former one is kept, but no longer shown."""
    await connection.execute(_RETIRE_ANALYSIS, job_id)
    whole = clean_json(found.model_dump(mode="json"))
    await connection.execute(
        _SAVE_ANALYSIS,
        job_id,
        *(whole[name] for name in ("backend", "model", "prompt_version", "input_hash", "language", "basis")),
        clean_text(found.summary_short, _TEXT_LIMIT),
        clean_text(found.summary, _TEXT_LIMIT),
        whole["insights"],
        whole["topics"],
        [clean_text(topic.label, _NAME_LIMIT) for topic in found.topics],
        whole["chapters"],
        whole["keywords"],
        whole["stats"],
        found.grounding_total,
        found.grounding_verified,
        clean_int(found.duration_ms),
        whole["warnings"],
        whole["provenance"],
    )


# what the stage could not do, the publisher tries again a little later
_SAVE_PUBLICATION = """
    INSERT INTO job_publishing AS p (job_id, target, kind, event, status, attempt, idempotency_key, content_hash,
        remote_id, remote_url, error_class, error_message, published_at, run_after, installation)
    VALUES ($1, $2, $3, $4, $5, $6, gen_random_uuid()::text, $7, $8, $9, $10, $11, $12,
        clock_timestamp() + CASE WHEN $5 = 'PENDING' THEN interval '30 s' ELSE interval '0' END,
        (SELECT w.installation FROM jobs j JOIN workers w ON w.id = j.worker_id WHERE j.id = $1))
    ON CONFLICT (job_id, target, event) DO UPDATE SET status = $5, attempt = $6, content_hash = $7, remote_id = $8,
        remote_url = $9, error_class = $10, error_message = $11, published_at = $12, run_after = excluded.run_after,
        check_first = false, run_token = p.run_token + 1, worker_id = NULL, lease_until = NULL,
        installation = excluded.installation,
        idempotency_key = CASE WHEN p.content_hash = $7 THEN p.idempotency_key ELSE excluded.idempotency_key END
"""


async def save_publications(connection: Any, job_id: int, publications: Sequence[Publication]) -> None:
    """What became of each target; one row per target and event, whose idempotency key is that of its content."""
    await connection.executemany(
        _SAVE_PUBLICATION,
        [
            (
                job_id,
                clean_text(one.target, _NAME_LIMIT),
                one.kind,
                one.event,
                one.status,
                one.attempt,
                clean_or_none(one.content_hash, _NAME_LIMIT),
                clean_or_none(one.remote_id),
                clean_or_none(one.remote_url),
                clean_or_none(one.error_class, _NAME_LIMIT),
                clean_or_none(one.error_message, 4000),
                one.published_at,
            )
            for one in publications
        ],
    )
