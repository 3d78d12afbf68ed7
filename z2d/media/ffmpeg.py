"""ffmpeg on local files: what is in a file, does it decode, its sound alone.

The wheel that brings ffmpeg has no ffprobe, so `probe` reads the report of `ffmpeg -i`. ffmpeg never gets a URL:
`-protocol_whitelist file,pipe` and a list of formats without playlists keep a hostile file from making it open
something else.
"""

from __future__ import annotations

import re
import shutil
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from z2d.media.faults import MediaFault
from z2d.media.process import NOT_STARTED, Limits, run
from z2d.media.report import Probe, ProbedChapter, Stream, read_report
from z2d.wire.reasons import ErrorClass

__all__ = [
    "Ffmpeg",
    "Probe",
    "ProbedChapter",
    "ProgressSink",
    "Stream",
    "extension_of",
    "find_ffmpeg",
    "private_folder",
]

ProgressSink = Callable[[float], None]
"""Takes the finished share, 0 to 1; must not block."""

# Demuxers that read one file and nothing but that file: no hls, dash, concat, image2.
_FORMATS = (
    "mov,matroska,webm,avi,flv,live_flv,mpegts,mpegtsraw,mpeg,mpegvideo,mp3,aac,ac3,eac3,dts,flac,ogg,wav,w64,aiff,au,"
    "asf,amr,amrnb,amrwb,caf,h264,hevc,av1,obu,ivf,m4v,nut,rm,wv,ape,tta,mxf,dv,gif,apng,"
    "image2,jpeg_pipe,png_pipe,webp_pipe,gif_pipe,bmp_pipe,tiff_pipe,svg_pipe,jpegxl_pipe,webvtt,srt,ass,tty"
)
_INPUT_RULES = ("-protocol_whitelist", "file,pipe", "-format_whitelist", _FORMATS)

_MEMORY = 2 << 30
_PROBE_S = 60.0
_POINTER = re.compile(r" @ 0x[0-9a-f]+")
_OUT_TIME = re.compile(r"out_time_us=(\d+)")
# Longer media are checked by their sound and key frames alone: decoding every frame of hours would take hours.
_FULL_CHECK_MS = 10 * 60 * 1000

# Where a sound codec can be put without encoding it again.
_COPY_INTO = {
    "aac": "m4a", "alac": "m4a", "mp3": "mp3", "opus": "opus", "vorbis": "ogg", "flac": "flac", "ac3": "ac3",
}  # fmt: skip

_EXTENSIONS = frozenset(
    {"mp4", "m4v", "mov", "mkv", "webm", "flv", "avi", "3gp", "ts", "mpg", "mpeg", "ogv", "wmv", "asf"}
    | {"mp3", "m4a", "aac", "ac3", "opus", "ogg", "oga", "flac", "wav", "aiff", "wma", "mka", "amr"}
)
_CONTAINER_EXTENSION = {"mov": "mp4", "matroska": "mkv", "mpegts": "ts", "mpeg": "mpg", "asf": "wmv"}


def find_ffmpeg(configured: Path | None = None) -> Path | None:
    """Where ffmpeg is: as configured, else on PATH, else in the imageio-ffmpeg wheel; None when nowhere."""
    if configured is not None:
        return configured.absolute() if configured.is_file() else None
    if on_path := shutil.which("ffmpeg"):
        return Path(on_path)
    try:
        import imageio_ffmpeg
    except ImportError:
        return None
    try:
        return Path(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:  # the wheel for this platform has no binary inside
        return None


def extension_of(probe: Probe, suffix: str) -> str:
    """The file name extension (no dot) of checked media: the given one where it is a known one, else by container."""
    given = suffix.lstrip(".").lower()
    if given in _EXTENSIONS:
        return given
    first = probe.container.partition(",")[0]
    wanted = _CONTAINER_EXTENSION.get(first, first)
    if wanted not in _EXTENSIONS:
        raise MediaFault(ErrorClass.UNSUPPORTED, f"files of the kind {probe.container!r} are not taken")
    return wanted


def private_folder(path: Path) -> Path:
    """Make a folder that only this account may enter, if it is not there; the path."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


@dataclass(frozen=True)
class Ffmpeg:
    """One ffmpeg program; every method runs it on a leash and leaves no process behind, also when cancelled.

    `job_id` marks the process as the job's. Faults: CORRUPT for what cannot be read, POSTPROCESS when ffmpeg fails
    to write, TIMEOUT, DISK_FULL.
    """

    path: Path
    installation: str

    async def version(self) -> str:
        """The version alone, like "6.1.1"."""
        first: list[str] = []
        await self._run(["-version"], on_stdout=first.append, deadline_s=_PROBE_S)
        words = first[0].split() if first else []
        return words[2].removeprefix("n").partition("-")[0] if len(words) > 2 else "unknown"

    async def probe(self, file: Path, *, job_id: int | None = None) -> Probe:
        """What is in `file`. Raises MediaFault CORRUPT when it is no media file or has no stream that plays.

        The container's own duration is believed only where it is plausible, else the packets are counted.
        """
        lines: deque[str] = deque(maxlen=4000)
        await self._run(
            [*_INPUT_RULES, "-i", f"file:{file}"], on_stderr=lines.append, deadline_s=_PROBE_S, job_id=job_id
        )
        probe = read_report(lines)
        if probe is None:
            raise MediaFault(ErrorClass.CORRUPT, f"no media file: {_last_error(lines)}")
        if not probe.is_still and not any(s.kind in ("video", "audio") and s.codec != "none" for s in probe.streams):
            raise MediaFault(ErrorClass.CORRUPT, "the file has no picture and no sound that can be played")
        return probe if probe.is_still else await self._with_true_duration(file, probe, job_id)

    async def check_decodes(
        self, file: Path, probe: Probe, *, job_id: int | None = None, progress: ProgressSink | None = None
    ) -> int:
        """Decode the whole file and throw the result away; how many milliseconds came out.

        Any error of a decoder is MediaFault CORRUPT; a file that is cut off may decode without one, so compare the
        result with `probe.duration_ms`. Of a picture longer than ten minutes only the key frames are decoded.
        """
        maps = _maps(probe)
        outputs = [*maps, "-f", "null", "-"]
        if probe.video is None or probe.duration_ms <= _FULL_CHECK_MS:
            return await self._decode(file, probe, [], outputs, job_id, progress)
        # the last key frame may be long before the end: a second output copies all packets, which tells how far they go
        outputs += [*maps, "-c", "copy", "-f", "null", "-"]
        return await self._decode(file, probe, ["-skip_frame:v", "nokey"], outputs, job_id, progress)

    async def extract_audio(
        self,
        source: Path,
        folder: Path,
        *,
        probe: Probe | None = None,
        job_id: int | None = None,
        progress: ProgressSink | None = None,
    ) -> Path:
        """The sound of `source` as folder/audio.EXT: copied where its codec has a container, else as AAC.

        The file appears in one step, when it is complete. Raises MediaFault CORRUPT when there is no sound.
        """
        probe = probe or await self.probe(source, job_id=job_id)
        audio = probe.audio
        if audio is None:
            raise MediaFault(ErrorClass.CORRUPT, "the file has no sound")
        copy = audio.codec in _COPY_INTO
        extension = _COPY_INTO.get(audio.codec, "m4a")
        private_folder(folder)
        unfinished = folder / f".audio.{extension}"
        arguments = [
            *("-y", *_INPUT_RULES, "-i", f"file:{source}", "-map", f"0:{audio.index}", "-map_metadata", "-1"),
            *(("-c:a", "copy") if copy else ("-c:a", "aac", "-b:a", "160k")),
            *("-progress", "pipe:1", f"file:{unfinished}"),
        ]
        errors: deque[str] = deque(maxlen=20)
        try:
            code = await self._run(
                ["-v", "error", *arguments],
                on_stdout=_share_of(probe.duration_ms, progress),
                on_stderr=errors.append,
                deadline_s=_deadline(probe),
                job_id=job_id,
            )
            if code != 0:
                raise _failed(ErrorClass.POSTPROCESS, errors)
            return unfinished.rename(folder / f"audio.{extension}")
        finally:
            unfinished.unlink(missing_ok=True)

    async def extract_samples(
        self,
        source: Path,
        target: Path,
        *,
        probe: Probe | None = None,
        job_id: int | None = None,
        progress: ProgressSink | None = None,
    ) -> None:
        """The sound of `source` as speech recognition wants it: bare samples of 16 bit, mono, 16 kHz, in `target`.

        Gaps in the source's times become silence, so a place in the samples is a time of the media.
        """
        probe = probe or await self.probe(source, job_id=job_id)
        if probe.audio is None:
            raise MediaFault(ErrorClass.CORRUPT, "the file has no sound")
        # a jump in broken times would otherwise be filled with hours of silence
        longest = ("-t", str(probe.duration_ms / 1000 + 10)) if probe.duration_ms else ()
        errors: deque[str] = deque(maxlen=20)
        code = await self._run(
            [
                *("-v", "error", "-y", *_INPUT_RULES, "-i", f"file:{source}", "-map", f"0:{probe.audio.index}"),
                *("-af", "aresample=16000:async=1:first_pts=0", "-ac", "1", "-c:a", "pcm_s16le", *longest),
                *("-f", "s16le", "-progress", "pipe:1", f"file:{target}"),
            ],
            on_stdout=_share_of(probe.duration_ms, progress),
            on_stderr=errors.append,
            deadline_s=_deadline(probe),
            job_id=job_id,
        )
        if code != 0:
            raise _failed(ErrorClass.POSTPROCESS, errors)

    async def _with_true_duration(self, file: Path, probe: Probe, job_id: int | None) -> Probe:
        """Replace a missing or implausible duration (under 1 kbit/s on average) by that of the packets."""
        if probe.duration_ms and _size(file) * 8000 / probe.duration_ms >= 1000:
            return probe
        try:
            measured = await self._decode(
                file, probe, [], [*_maps(probe), "-c", "copy", "-f", "null", "-"], job_id, None
            )
        except MediaFault as fault:
            if fault.error_class is ErrorClass.CORRUPT:
                return probe
            raise
        return probe.lasting(measured)

    async def _decode(
        self,
        file: Path,
        probe: Probe,
        before: Sequence[str],
        after: Sequence[str],
        job_id: int | None,
        progress: ProgressSink | None,
    ) -> int:
        reached_ms = 0
        share = _share_of(probe.duration_ms, progress)

        def on_progress(line: str) -> None:
            nonlocal reached_ms
            if found := _OUT_TIME.match(line):
                reached_ms = max(reached_ms, int(found[1]) // 1000)
            if share is not None:
                share(line)

        errors: deque[str] = deque(maxlen=20)
        code = await self._run(
            ["-v", "error", "-xerror", *before, *_INPUT_RULES, "-i", f"file:{file}", "-progress", "pipe:1", *after],
            on_stdout=on_progress,
            on_stderr=errors.append,
            deadline_s=_deadline(probe),
            job_id=job_id,
        )
        if code != 0:
            raise _failed(ErrorClass.CORRUPT, errors)
        return reached_ms

    async def _run(
        self,
        arguments: Sequence[str],
        *,
        deadline_s: float,
        job_id: int | None = None,
        on_stdout: Callable[[str], None] | None = None,
        on_stderr: Callable[[str], None] | None = None,
    ) -> int:
        code = await run(
            [str(self.path), "-nostdin", "-hide_banner", *arguments],
            installation=self.installation,
            job_id=job_id,
            limits=Limits(memory_bytes=_MEMORY),
            deadline_s=deadline_s,
            on_stdout=on_stdout,
            on_stderr=on_stderr,
        )
        if code == NOT_STARTED:
            raise MediaFault(ErrorClass.UNKNOWN, f"{self.path} cannot be started")
        return code


def _maps(probe: Probe) -> list[str]:
    """The first picture and the first sound: what is played. Others may be empty, which is no damage."""
    return [argument for s in (probe.video, probe.audio) if s for argument in ("-map", f"0:{s.index}")]


def _share_of(duration_ms: int, progress: ProgressSink | None) -> Callable[[str], None] | None:
    """A reader of ffmpeg's progress lines that tells `progress` the finished share."""
    if progress is None or not duration_ms:
        return None

    def read(line: str) -> None:
        if found := _OUT_TIME.match(line):
            progress(min(1.0, int(found[1]) / 1000 / duration_ms))

    return read


def _size(file: Path) -> int:
    return file.stat().st_size


def _deadline(probe: Probe) -> float:
    """Seconds that working through a file may take: ten minutes, or twice its length."""
    return max(600.0, probe.duration_ms / 1000 * 2)


def _last_error(lines: Sequence[str]) -> str:
    return _POINTER.sub("", lines[-1]) if lines else "ffmpeg said nothing"


def _failed(error_class: ErrorClass, errors: Sequence[str]) -> MediaFault:
    if any("No space left on device" in line for line in errors):
        return MediaFault(ErrorClass.DISK_FULL, "the disk is full")
    first = _POINTER.sub("", errors[0]) if errors else "failed without a word"
    return MediaFault(error_class, f"ffmpeg: {first}")
