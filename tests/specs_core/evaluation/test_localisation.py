import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from specs_core.curve import ScoreCurve
from specs_core.errors import DataError
from specs_core.evaluation.localisation import auroc, evaluate_localisation, lowest_delta_hits, units_in_span
from specs_core.segmentation.units import DetailUnit


def curve_of(texts, similarity):
    units, start = [], 0
    for text in texts:
        units.append(DetailUnit(text, start, start + len(text)))
        start += len(text)
    return ScoreCurve(
        units=tuple(units),
        similarity=np.array(similarity, dtype=np.float64),
        tokens=np.ones(len(units), dtype=np.int64),
        total_tokens=len(units) + 2,
        context_length=248,
    )


def test_units_in_span_counts_a_shared_character_and_not_a_shared_edge():
    curve = curve_of(["A car ", "is red ", "here."], [0.1, 0.2, 0.3])
    assert units_in_span(curve, (9, 12)).tolist() == [False, True, False]
    assert units_in_span(curve, (6, 13)).tolist() == [False, True, False]
    assert units_in_span(curve, (5, 14)).tolist() == [True, True, True]


def test_the_lowest_delta_hits_where_its_unit_overlaps_the_span():
    curve = curve_of(["A car ", "is red ", "here."], [0.3, 0.1, 0.15])
    assert lowest_delta_hits(curve, (9, 12))
    assert not lowest_delta_hits(curve, (13, 17))


def test_a_false_span_in_the_first_unit_or_beyond_the_context_is_a_miss():
    assert not lowest_delta_hits(curve_of(["A cat ", "is red."], [0.3, 0.1]), (2, 5))
    assert not lowest_delta_hits(curve_of(["A cat ", "is red ", "here."], [0.3, 0.1, np.nan]), (13, 17))
    assert not lowest_delta_hits(curve_of(["A cat."], [0.3]), (2, 5))


def test_auroc_equals_the_rank_sum_statistic_with_ties():
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 6, 200).astype(float)
    positive = rng.random(200) < 0.3
    expected = mannwhitneyu(scores[positive], scores[~positive]).statistic / (
        positive.sum() * (~positive).sum()
    )
    assert auroc(scores, positive) == pytest.approx(expected)


def test_auroc_without_positives_is_nan():
    assert np.isnan(auroc(np.array([0.1, 0.2]), np.array([False, False])))


def test_evaluating_no_scenes_is_an_error(tmp_path):
    with pytest.raises(DataError, match="no scenes to evaluate"):
        evaluate_localisation(None, [], tmp_path)
