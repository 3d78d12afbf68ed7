from __future__ import annotations

import random

import pytest

from z2d.pipeline.policy import LONGEST_WAIT_S, RULES, Policy
from z2d.wire.jobs import WaitReason
from z2d.wire.reasons import ErrorClass

POLICY = Policy(dice=random.Random(1))


def runs_of(error_class: ErrorClass, max_attempts: int = 5) -> int:
    """How often a job runs that always fails like this."""
    attempt = 1
    while (verdict := POLICY.decide(error_class, attempt=attempt, max_attempts=max_attempts)) and attempt < 50:
        attempt += verdict.attempt_used
        if not verdict.attempt_used:
            return 50
    return attempt


def test_every_class_has_its_rule() -> None:
    assert set(RULES) == set(ErrorClass)


@pytest.mark.parametrize(
    ("error_class", "runs"),
    [
        (ErrorClass.SERVER_ERROR, 5),
        (ErrorClass.NETWORK, 5),
        (ErrorClass.TRUNCATED, 5),
        (ErrorClass.FORBIDDEN, 3),
        (ErrorClass.EXTRACTOR_BUG, 3),
        (ErrorClass.UNKNOWN, 2),
        (ErrorClass.NOT_FOUND, 1),
        (ErrorClass.DRM, 1),
        (ErrorClass.BLOCKED_ADDRESS, 1),
        (ErrorClass.RATE_LIMITED, 50),
        (ErrorClass.DISK_FULL, 50),
    ],
)
def test_how_often_a_job_runs(error_class: ErrorClass, runs: int) -> None:
    assert runs_of(error_class) == runs


def test_no_class_outlives_the_attempts_of_its_job() -> None:
    assert runs_of(ErrorClass.FORBIDDEN, max_attempts=2) == 2
    assert runs_of(ErrorClass.NETWORK, max_attempts=1) == 1


def test_waits_double_with_jitter() -> None:
    for attempt in range(1, 5):
        verdict = POLICY.decide(ErrorClass.NETWORK, attempt=attempt, max_attempts=9)
        assert verdict is not None
        assert 15 * 2 ** (attempt - 1) <= verdict.delay_s <= 60 * 2 ** (attempt - 1)
        assert verdict.reason is WaitReason.RETRY


def test_a_site_that_limits_is_left_alone_as_long_as_it_asks_within_reason() -> None:
    plain = POLICY.decide(ErrorClass.RATE_LIMITED, attempt=1, max_attempts=5)
    assert plain is not None
    assert (plain.gate_s, plain.attempt_used, plain.reason) == (900, False, WaitReason.RATE_LIMITED)
    asked = POLICY.decide(ErrorClass.RATE_LIMITED, attempt=1, max_attempts=5, after=42)
    assert asked is not None
    assert asked.gate_s == 42
    absurd = POLICY.decide(ErrorClass.RATE_LIMITED, attempt=1, max_attempts=5, after=1e12)
    assert absurd is not None
    assert absurd.gate_s == LONGEST_WAIT_S


def test_a_stream_is_waited_for_however_long_it_takes() -> None:
    verdict = POLICY.decide(ErrorClass.LIVE_NOT_STARTED, attempt=1, max_attempts=5, after=90 * 86400)
    assert verdict is not None
    assert (verdict.delay_s, verdict.attempt_used) == (90 * 86400, False)


def test_forbidden_asks_for_a_fresh_extraction() -> None:
    verdict = POLICY.decide(ErrorClass.FORBIDDEN, attempt=1, max_attempts=5)
    assert verdict is not None
    assert verdict.refresh


def test_scale_shortens_every_wait() -> None:
    verdict = Policy(scale=0.001).decide(ErrorClass.EXTRACTOR_BUG, attempt=1, max_attempts=5)
    assert verdict is not None
    assert verdict.delay_s == pytest.approx(3.6)
