"""Why a job failed or waits: the error classes of the pipeline, and what a person can do about each.

The class is stored with the job and is the `code` of its `error`; the hint is added when the job is shown, so
better words reach old jobs too.
"""

from __future__ import annotations

from enum import StrEnum


class ErrorClass(StrEnum):
    """Every reason for which a stage can fail; the retry policy of each is in `z2d.pipeline.policy`."""

    NETWORK = "NETWORK"
    TIMEOUT = "TIMEOUT"
    SERVER_ERROR = "SERVER_ERROR"
    TRUNCATED = "TRUNCATED"
    STALLED = "STALLED"
    FORBIDDEN = "FORBIDDEN"
    RATE_LIMITED = "RATE_LIMITED"
    BOT_CHECK = "BOT_CHECK"
    LIVE_NOT_STARTED = "LIVE_NOT_STARTED"
    LIVE_ENDED_PROCESSING = "LIVE_ENDED_PROCESSING"
    DISK_FULL = "DISK_FULL"
    EXTRACTOR_BUG = "EXTRACTOR_BUG"
    TOO_LARGE = "TOO_LARGE"
    FORMAT = "FORMAT"
    POSTPROCESS = "POSTPROCESS"
    GEO = "GEO"
    PRIVATE = "PRIVATE"
    REMOVED = "REMOVED"
    LOGIN_REQUIRED = "LOGIN_REQUIRED"
    AGE_GATE = "AGE_GATE"
    MEMBERS_ONLY = "MEMBERS_ONLY"
    PAYWALL = "PAYWALL"
    DRM = "DRM"
    UNSUPPORTED = "UNSUPPORTED"
    BAD_URL = "BAD_URL"
    NOT_FOUND = "NOT_FOUND"
    BLOCKED_ADDRESS = "BLOCKED_ADDRESS"
    CORRUPT = "CORRUPT"
    BAD_OPTIONS = "BAD_OPTIONS"
    POISON = "POISON"
    IMPORTED_INTERRUPTED = "IMPORTED_INTERRUPTED"
    UNKNOWN = "UNKNOWN"


# {cookies} stands for the command that gives z2 a site's cookies
HINTS: dict[str, str] = {
    ErrorClass.NETWORK: "The site could not be reached. z2 tries a few times; then check the address, and retry.",
    ErrorClass.TIMEOUT: "The site took too long to answer. z2 tries a few times; then retry later.",
    ErrorClass.SERVER_ERROR: "The site had a fault of its own. z2 tries a few times; then retry later.",
    ErrorClass.TRUNCATED: "The download ended early. z2 tries a few times, and a retry too continues where it stopped.",
    ErrorClass.STALLED: "The download stood still. z2 tries a few times, and a retry too continues where it stopped.",
    ErrorClass.FORBIDDEN: "The site refused access: it wants cookies, or blocks this server. {cookies}",
    ErrorClass.RATE_LIMITED: "The site asked to slow down. Its jobs wait; none is lost. New cookies open it at once.",
    ErrorClass.BOT_CHECK: "The site wants proof of a person. {cookies}",
    ErrorClass.LIVE_NOT_STARTED: "The stream has not begun. The job starts by itself at the announced time.",
    ErrorClass.LIVE_ENDED_PROCESSING: "The stream has ended and the site still prepares the recording. z2 looks again.",
    ErrorClass.DISK_FULL: "The disk is full. Free some room; the queue goes on by itself.",
    ErrorClass.EXTRACTOR_BUG: "The site changed and yt-dlp cannot read it. Run z2ctl update-yt-dlp, then retry.",
    ErrorClass.TOO_LARGE: "The file is larger than the limit. Raise the limit or ask for a smaller format.",
    ErrorClass.FORMAT: "The site does not offer the format asked for, nor a plainer one. Submit it with other options.",
    ErrorClass.POSTPROCESS: "ffmpeg could not process the file. The log shows its last lines.",
    ErrorClass.GEO: "The video is not available from this server's country. A proxy elsewhere may help (Z2_PROXY).",
    ErrorClass.PRIVATE: "The video is private. Ask its owner, or use an account that may see it. {cookies}",
    ErrorClass.REMOVED: "The video has been taken down.",
    ErrorClass.LOGIN_REQUIRED: "The site wants a signed-in account. {cookies}",
    ErrorClass.AGE_GATE: "The video is for adults only; an account that may see it is needed. {cookies}",
    ErrorClass.MEMBERS_ONLY: "The video is for members; a member's account is needed. {cookies}",
    ErrorClass.PAYWALL: "The video must be paid for; an account that bought it is needed. {cookies}",
    ErrorClass.DRM: "The video is protected against copying; z2 cannot fetch it.",
    ErrorClass.UNSUPPORTED: "There is no single video here. Open it in a browser and copy the video's own URL.",
    ErrorClass.BAD_URL: "The address is not usable. Check it in a browser.",
    ErrorClass.NOT_FOUND: "There is nothing at this address. Check it in a browser.",
    ErrorClass.BLOCKED_ADDRESS: "The address leads into a private network. Z2_ALLOW_PRIVATE_NETWORKS=true allows it.",
    ErrorClass.CORRUPT: "The file is damaged at its source: it does not decode.",
    ErrorClass.BAD_OPTIONS: "An option of this job cannot be used. Submit it again with another one.",
    ErrorClass.POISON: "This job ended its worker again and again, so it was stopped. The log shows the last stage.",
    ErrorClass.IMPORTED_INTERRUPTED: "The old program stopped while this job ran. Retry it to run it here.",
    ErrorClass.UNKNOWN: "An unexpected fault. The log shows its last lines; retry, and report it if it comes again.",
}


COOKIES = "Give z2 the cookies of a signed-in browser, then retry: z2ctl cookies set {site} FILE."


def hint(error_class: str | None, site: str | None = None) -> str:
    """The sentences that say what a person can do about a stored error class of a job of `site`."""
    words = HINTS.get(error_class or ErrorClass.UNKNOWN, HINTS[ErrorClass.UNKNOWN])
    return words.replace("{cookies}", COOKIES.replace("{site}", site or "SITE"))
