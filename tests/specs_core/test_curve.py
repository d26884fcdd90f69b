"""The curve's derived columns on hand-worked similarities, and its JSON record."""

import json
import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from specs_core.curve import ScoreCurve, curve_of_units, curve_record, curves_of_units
from specs_core.errors import CaptionError
from specs_core.segmentation.units import DetailUnit, cut_at

UNITS = cut_at("A red dog on grass, beside a tree.", [9, 20])


def curve_of(
    similarity: list[float], *, units: tuple[DetailUnit, ...] = UNITS, total: int = 11
) -> ScoreCurve:
    return ScoreCurve(
        units=units,
        similarity=np.array(similarity),
        tokens=np.arange(len(units), dtype=np.int64) + 2,
        total_tokens=total,
        context_length=248,
    )


def fake_encoder() -> Any:
    return SimpleNamespace(checkpoint=SimpleNamespace(label="fake"), provenance=lambda: {"model": "fake"})


def test_curve_of_hand_worked_similarities_has_their_scores_and_differences() -> None:
    curve = curve_of([0.25, 0.5, 0.375])
    np.testing.assert_array_equal(curve.score, [0.625, 0.75, 0.6875])
    np.testing.assert_array_equal(curve.delta, [np.nan, 0.25, -0.125])
    assert curve.final_similarity == 0.375
    assert curve.final_score == 0.6875
    assert curve.caption == "A red dog on grass, beside a tree."


def test_dips_with_a_threshold_are_only_the_falls_beyond_it() -> None:
    curve = curve_of([0.25, 0.5, 0.375])
    assert curve.dips().tolist() == [False, False, True]
    assert curve.dips(0.125).tolist() == [False, False, False]
    assert curve.dips(0.1).tolist() == [False, False, True]


@pytest.mark.parametrize("threshold", [-0.01, math.nan])
def test_dips_with_a_threshold_that_is_no_size_are_refused(threshold: float) -> None:
    with pytest.raises(ValueError, match="0 or more"):
        curve_of([0.1, 0.2, 0.3]).dips(threshold)


def test_curve_beyond_the_context_carries_no_score_and_no_dip() -> None:
    curve = curve_of([0.5, 0.25, np.nan], total=300)
    assert curve.beyond_context.tolist() == [False, False, True]
    assert curve.final_similarity == 0.25
    assert curve.dips().tolist() == [False, True, False]
    assert np.isnan(curve.delta[2])


def test_curve_with_nothing_within_the_context_has_no_final_score() -> None:
    curve = curve_of([np.nan] * 3, total=900)
    assert math.isnan(curve.final_similarity)
    assert math.isnan(curve.final_score)
    record = curve_record(curve, fake_encoder())
    assert record["score"] is None
    assert record["similarity"] is None


def test_curve_without_units_is_refused() -> None:
    with pytest.raises(CaptionError, match="got 0"):
        curve_of([], units=())


def test_curve_with_too_few_similarities_is_refused_with_both_numbers() -> None:
    with pytest.raises(ValueError, match=r"\(2,\) for 3 units"):
        curve_of([0.1, 0.2])


def test_is_short_changes_at_sixty_tokens() -> None:
    assert curve_of([0.1] * 3, total=59).is_short
    assert not curve_of([0.1] * 3, total=60).is_short


def test_curve_record_has_the_documented_keys_and_is_strict_json() -> None:
    record = curve_record(curve_of([0.25, 0.5, np.nan], total=300), fake_encoder())
    assert list(record) == ["model", "provenance", "score", "similarity", "tokens", "units"]
    assert list(record["units"][0]) == [
        "text",
        "start",
        "end",
        "tokens",
        "similarity",
        "score",
        "delta",
        "dip",
    ]
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert record["tokens"] == 300
    assert record["score"] == 0.75
    assert record["units"][0]["delta"] is None
    assert record["units"][2] == {
        "text": "beside a tree.",
        "start": 20,
        "end": 34,
        "tokens": 4,
        "similarity": None,
        "score": None,
        "delta": None,
        "dip": False,
    }
    assert record["provenance"]["units_beyond_context"] == 1


def test_curve_of_no_units_is_refused_by_the_encoder(tiny_encoder: Any) -> None:
    with pytest.raises(CaptionError, match="empty"):
        curve_of_units(tiny_encoder, np.ones(64, np.float32), [])


def test_curves_of_several_captions_are_those_of_each_alone(tiny_encoder: Any) -> None:
    long = " ".join(["a red car beside a tree,"] * 60)
    captions = [
        ("A red dog on grass, beside a tree.", [9, 20]),
        ("A café & a bar; it's half-timbered.", [7, 11, 28]),  # boundaries within words
        (long, list(range(25, len(long), 25))),
        ("word " * 300, [1499]),  # not even the first unit fits
        ("One unit.", []),
    ]
    cuts = [cut_at(text, starts) for text, starts in captions]
    images = np.random.default_rng(5).normal(size=(len(cuts), 64)).astype(np.float32)
    together = curves_of_units(tiny_encoder, images, cuts, segmenter="stored", segmenter_version="v")
    for image, cut, curve in zip(images, cuts, together, strict=True):
        alone = curve_of_units(tiny_encoder, image, cut, segmenter="stored", segmenter_version="v")
        np.testing.assert_allclose(curve.similarity, alone.similarity, atol=2e-6)
        np.testing.assert_array_equal(curve.tokens, alone.tokens)
        assert (curve.units, curve.total_tokens, curve.context_length) == (
            *(alone.units, alone.total_tokens, alone.context_length),
        )
        assert (curve.segmenter, curve.segmenter_version) == ("stored", "v")
    assert together[2].beyond_context.any(), "or nothing beyond the context was tried"
    assert not together[2].beyond_context.all()
    assert together[3].beyond_context.all()


def test_curves_of_no_captions_are_none_and_of_no_units_are_refused(tiny_encoder: Any) -> None:
    assert curves_of_units(tiny_encoder, np.empty((0, 64), np.float32), []) == []
    with pytest.raises(CaptionError, match="empty"):
        curves_of_units(tiny_encoder, np.ones((1, 64), np.float32), [[]])


@given(st.lists(st.floats(-1, 1), min_size=3, max_size=3), st.floats(0, 2))
def test_dips_of_any_curve_are_falls_and_fewer_at_a_higher_threshold(
    values: list[float], threshold: float
) -> None:
    curve = curve_of(values)
    assert not curve.dips()[0]
    assert np.all(curve.delta[curve.dips()] < 0)
    assert np.all(curve.dips() | ~curve.dips(threshold))
