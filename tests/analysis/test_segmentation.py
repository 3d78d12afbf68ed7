"""The vectors behind chapters and key passages."""

from __future__ import annotations

import numpy as np
import pytest

from z2d.analysis.segmentation import vectors_of

BATTERY = ["battery", "heat", "charge"]
RAIN = ["rain", "cold", "roof"]


def test_texts_on_one_subject_point_the_same_way() -> None:
    battery, rain = [*BATTERY, "cable"], [*RAIN, "wind"]
    # alike already as they stand: which of the differences within the two subjects is left out is the machine's choice
    vectors = vectors_of([[*battery, "volt"], battery, [*rain, "mud"], rain, ["music"]])
    assert vectors is not None
    likeness = vectors @ vectors.T
    assert likeness[0, 1] > 0.8 and likeness[2, 3] > 0.8
    assert abs(likeness[0, 2]) < 0.1 and abs(likeness[1, 4]) < 0.1


@pytest.mark.parametrize("texts", [[BATTERY, RAIN] * 30, [BATTERY] * 3 + [RAIN] * 3, [["a", "b"], ["c"], ["d"], ["e"]]])
def test_texts_that_repeat_themselves_give_the_same_vectors_each_time(texts: list[list[str]]) -> None:
    first, second = vectors_of(texts), vectors_of(texts)
    assert first is not None and second is not None
    assert np.array_equal(first, second)
    assert np.isfinite(first).all()


def test_every_vector_has_length_one_or_none() -> None:
    vectors = vectors_of([BATTERY, [], RAIN, ["heat", "rain"], ["cold"]])
    assert vectors is not None
    assert np.allclose(np.linalg.norm(vectors, axis=1), [1, 0, 1, 1, 1])


@pytest.mark.parametrize("texts", [[], [[]], [[], [], []]])
def test_where_nobody_says_a_word_there_are_none(texts: list[list[str]]) -> None:
    assert vectors_of(texts) is None


@pytest.mark.parametrize("texts", [[["one"]], [["one", "two"]], [["one"], ["one"]], [["one"], []]])
def test_little_text_has_vectors_too(texts: list[list[str]]) -> None:
    vectors = vectors_of(texts)
    assert vectors is not None and len(vectors) == len(texts)
    assert np.isfinite(vectors).all()
