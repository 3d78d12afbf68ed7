"""What a failure means: for each error class whether the job runs again, when, and at whose expense.

The table is the policy; everything else is arithmetic. The times are those of a patient person who wants neither to
annoy a site nor to miss a video. `scale` shortens all of them at once, for tests.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from z2d.wire.jobs import WaitReason
from z2d.wire.reasons import ErrorClass

MINUTE, HOUR = 60.0, 3600.0
LONGEST_WAIT_S = 12 * HOUR


@dataclass(frozen=True)
class Rule:
    """How one error class is treated."""

    retries: int | None = None
    """How often the job runs again; None: as often as its attempts allow; 0: never."""
    wait_s: tuple[float, float] = (15.0, 60.0)
    """The first wait is drawn from this range (jitter keeps a thousand jobs from coming back together)."""
    factor: float = 2.0
    """Each further wait is this much longer."""
    reason: WaitReason = WaitReason.RETRY
    counts: bool = True
    """Whether the failed run uses up an attempt. Waiting for a site, a stream or the disk is nobody's failure."""
    gate: bool = False
    """Close the whole site: other jobs of it would only make matters worse."""
    refresh: bool = False
    """Extract again before the next download: signed addresses expire."""


AGAIN = Rule()
NEVER = Rule(retries=0)

RULES: dict[ErrorClass, Rule] = {
    ErrorClass.NETWORK: AGAIN,
    ErrorClass.TIMEOUT: AGAIN,
    ErrorClass.SERVER_ERROR: AGAIN,
    ErrorClass.TRUNCATED: AGAIN,
    ErrorClass.STALLED: AGAIN,
    ErrorClass.FORBIDDEN: Rule(retries=2, refresh=True),
    ErrorClass.RATE_LIMITED: Rule(
        wait_s=(15 * MINUTE, 15 * MINUTE), reason=WaitReason.RATE_LIMITED, counts=False, gate=True
    ),
    ErrorClass.BOT_CHECK: Rule(
        wait_s=(60 * MINUTE, 60 * MINUTE), reason=WaitReason.RATE_LIMITED, counts=False, gate=True
    ),
    ErrorClass.LIVE_NOT_STARTED: Rule(
        wait_s=(10 * MINUTE, 12 * MINUTE), factor=1, reason=WaitReason.LIVE_NOT_STARTED, counts=False
    ),
    ErrorClass.LIVE_ENDED_PROCESSING: Rule(
        wait_s=(10 * MINUTE, 12 * MINUTE), factor=1, reason=WaitReason.LIVE_NOT_STARTED, counts=False
    ),
    ErrorClass.DISK_FULL: Rule(wait_s=(60.0, 90.0), factor=1, reason=WaitReason.DISK_FULL, counts=False),
    ErrorClass.EXTRACTOR_BUG: Rule(retries=2, wait_s=(HOUR, HOUR), factor=1),
    # the download stage has already tried its fallback when one of these comes out of it
    ErrorClass.TOO_LARGE: NEVER,
    ErrorClass.FORMAT: NEVER,
    ErrorClass.POSTPROCESS: Rule(retries=1),
    ErrorClass.GEO: NEVER,
    ErrorClass.PRIVATE: NEVER,
    ErrorClass.REMOVED: NEVER,
    ErrorClass.LOGIN_REQUIRED: NEVER,
    ErrorClass.AGE_GATE: NEVER,
    ErrorClass.MEMBERS_ONLY: NEVER,
    ErrorClass.PAYWALL: NEVER,
    ErrorClass.DRM: NEVER,
    ErrorClass.UNSUPPORTED: NEVER,
    ErrorClass.BAD_URL: NEVER,
    ErrorClass.NOT_FOUND: NEVER,
    ErrorClass.BLOCKED_ADDRESS: NEVER,
    ErrorClass.CORRUPT: NEVER,
    ErrorClass.BAD_OPTIONS: NEVER,
    ErrorClass.POISON: NEVER,
    ErrorClass.IMPORTED_INTERRUPTED: NEVER,
    ErrorClass.UNKNOWN: Rule(retries=1),
}


@dataclass(frozen=True)
class Again:
    """The job goes back to the queue for `delay_s` seconds; with `gate_s` its whole site waits that long."""

    delay_s: float
    reason: WaitReason
    attempt_used: bool
    gate_s: float | None = None
    refresh: bool = False


@dataclass(frozen=True)
class Policy:
    """Decides, by the table. `scale` multiplies every wait."""

    scale: float = 1.0
    dice: random.Random = field(default_factory=random.Random)

    def decide(
        self, error_class: ErrorClass, *, attempt: int, max_attempts: int, after: float | None = None
    ) -> Again | None:
        """What follows a failure in run number `attempt` (from 1); None: the failure is final.

        `after` is what the site (Retry-After) or the stage (a stream's start) asked for, in seconds. Only a
        stream may be further away than the longest wait: what a site asks for is believed within reason.
        """
        rule = RULES[error_class]
        if rule.counts:
            runs = max_attempts if rule.retries is None else min(max_attempts, rule.retries + 1)
            if attempt >= runs:
                return None
        grown = self.dice.uniform(*rule.wait_s) * (rule.factor ** (attempt - 1) if rule.counts else 1)
        wait = min(grown, LONGEST_WAIT_S) * self.scale
        if after is not None and rule.reason is WaitReason.LIVE_NOT_STARTED:
            wait = max(after, 0.0)
        elif after is not None:
            wait = min(max(after, wait if rule.counts else 0.0), LONGEST_WAIT_S)
        return Again(wait, rule.reason, rule.counts, gate_s=wait if rule.gate else None, refresh=rule.refresh)
