"""The library entry of a job, read back from its folder: what every publishing target is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from z2d.pipeline.folders import JobFolder
from z2d.publish.library import Entry, SourceFile
from z2d.wire.jobs import StageName
from z2d.wire.library import Analysis, Artefact, FileInfo, FileKind, Metadata, Transcript

Newest = Callable[[FileKind], Artefact | FileInfo | None]


def read_entry(folder: JobFolder, newest: Newest, *, url: str, tags: tuple[str, ...]) -> Entry:
    """Everything that was found, as one entry; what is missing is left out. Reads files: blocking.

    `newest` gives the file of a kind that counts. Raises FileNotFoundError where the folder lacks what it names, and
    LookupError where the job has no description at all.
    """

    def source(kind: FileKind) -> SourceFile | None:
        found = newest(kind)
        return SourceFile(folder.path(found.path), found.sha256 or "") if found else None

    described = source(FileKind.METADATA_JSON)
    if described is None:
        raise LookupError("no metadata.json: the metadata stage has not finished")
    spoken, analysed = source(FileKind.TRANSCRIPT_JSON), source(FileKind.ANALYSIS_JSON)
    return Entry(
        metadata=Metadata.model_validate_json(described.path.read_bytes()),
        url=url,
        media=source(FileKind.MEDIA),
        thumbnail=source(FileKind.THUMBNAIL),
        info_json=source(FileKind.INFO_JSON),
        transcripts=(Transcript.model_validate_json(spoken.path.read_bytes()),) if spoken else (),
        analysis=Analysis.model_validate_json(analysed.path.read_bytes()) if analysed else None,
        tags=tags,
    )


def newest_of(files: Sequence[FileInfo]) -> Newest:
    """The file of a kind that counts among those of a finished job: that of the latest stage, as in a run."""
    order = [stage.value for stage in StageName]
    present = sorted(
        (file for file in files if file.state == "PRESENT" and file.stage in order),
        key=lambda file: (order.index(file.stage), file.id),
    )
    found = {file.kind: file for file in present}
    return found.get
