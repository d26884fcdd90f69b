import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from specs_core.evaluation.detection import (
    average_precision,
    flags,
    hit_rate,
    interval_of,
    resampled_average_precision,
    resampled_sums,
)
from specs_core.specificity import cluster_bootstrap


def plain_average_precision(suspicion, positive):
    """For every positive case the precision among all cases at least as suspicious, and their mean."""
    known = [-math.inf if math.isnan(value) else value for value in suspicion]
    precisions = []
    for value, true in zip(known, positive, strict=True):
        if true:
            reached = [label for other, label in zip(known, positive, strict=True) if other >= value]
            precisions.append(sum(reached) / len(reached))
    return sum(precisions) / len(precisions)


def test_average_precision_of_a_hand_worked_ranking():
    # Positives at ranks 1, 3 and 5: (1/1 + 2/3 + 3/5) / 3.
    value = average_precision([9, 8, 7, 6, 5, 4], [True, False, True, False, True, False])
    assert value == pytest.approx((1 + 2 / 3 + 3 / 5) / 3)


def test_average_precision_reaches_cases_of_equal_suspicion_together():
    assert average_precision([1, 1, 1, 1], [True, False, False, False]) == pytest.approx(0.25)
    # Two of the first three, then three of five.
    value = average_precision([2, 2, 2, 1, 1], [True, False, True, True, False])
    assert value == pytest.approx((2 * 2 / 3 + 3 / 5) / 3)


def test_average_precision_takes_a_case_without_suspicion_for_the_least_suspicious():
    assert average_precision([math.nan, -math.inf, 0.0], [True, False, False]) == pytest.approx(1 / 3)
    assert average_precision([math.nan, 5.0, 4.0], [False, True, True]) == 1.0


def test_average_precision_without_a_positive_is_nan_and_of_unequal_shapes_an_error():
    assert math.isnan(average_precision([1.0, 2.0], [False, False]))
    with pytest.raises(ValueError, match=r"\(2,\).*\(3,\)"):
        average_precision([1.0, 2.0], [True, False, True])


@given(
    st.lists(
        st.tuples(st.sampled_from([-1.5, 0.0, 0.5, 2.0, math.nan]), st.booleans()), min_size=1, max_size=30
    ).filter(lambda cases: any(true for _, true in cases))
)
def test_average_precision_equals_the_plain_mean_over_positives(cases):
    suspicion, positive = zip(*cases, strict=True)
    assert average_precision(suspicion, positive) == pytest.approx(
        plain_average_precision(suspicion, positive)
    )


@pytest.mark.parametrize("table", [0, 10**6])
def test_resampled_average_precision_equals_that_of_repeated_cases(table, monkeypatch):
    monkeypatch.setattr("specs_core.evaluation.detection._TABLE", table)
    rng = np.random.default_rng(3)
    suspicion = rng.integers(0, 5, 40).astype(float)
    positive, cluster = rng.random(40) < 0.3, rng.integers(10, 17, 40)
    values = resampled_average_precision(suspicion, positive, cluster, resamples=25, seed=5)
    names = np.unique(cluster)
    drawn = np.random.default_rng(5).multinomial(len(names), np.full(len(names), 1 / len(names)), size=25)
    for value, times in zip(values, drawn, strict=True):
        rows = np.concatenate(
            [np.flatnonzero(cluster == name).repeat(n) for name, n in zip(names, times, strict=True)]
        )
        assert value == pytest.approx(plain_average_precision(suspicion[rows], positive[rows]))


@pytest.mark.parametrize("table", [0, 10**6])
def test_resamples_do_not_depend_on_how_many_stand_in_memory(table, monkeypatch):
    monkeypatch.setattr("specs_core.evaluation.detection._TABLE", table)
    rng = np.random.default_rng(0)
    cases = rng.normal(size=60), rng.random(60) < 0.2, np.arange(60) // 6
    whole = resampled_average_precision(*cases, resamples=50, seed=1)
    monkeypatch.setattr("specs_core.evaluation.detection._BLOCK", 100)
    again = resampled_average_precision(*cases, resamples=50, seed=1)
    np.testing.assert_allclose(again, whole, rtol=1e-12)


def test_a_resample_without_positives_has_no_average_precision_and_no_part_in_the_interval():
    values = resampled_average_precision([1.0, 2.0], [True, False], [0, 1], resamples=200, seed=0)
    assert np.isnan(values).any()
    interval = interval_of(values, clusters=2)
    assert 0 < interval.low <= interval.high <= 1


def test_one_cluster_shows_no_variation():
    assert math.isnan(interval_of(np.array([0.5, 0.5]), clusters=1).low)
    assert math.isnan(hit_rate([1, 0], [4, 4]).interval.low)


def test_flags_of_hand_worked_words():
    # Flagged above 0: the first, second and fourth; hallucinated: the first, third and fourth.
    suspicion = [0.5, 0.2, -0.1, 3.0, 0.0, math.nan]
    positive = [True, False, True, True, False, False]
    result = flags(suspicion, positive, [0, 0, 1, 1, 2, 2], 0.0, resamples=50)
    assert result.flagged == 3
    assert result.precision.value == pytest.approx(2 / 3)
    assert result.recall.value == pytest.approx(2 / 3)
    assert result.f1.value == pytest.approx(4 / 6)
    assert result.recall.interval.low <= 2 / 3 <= result.recall.interval.high


def test_flags_without_a_flag_have_no_precision_and_without_a_positive_no_recall():
    result = flags([-1.0, math.nan], [True, False], [0, 1], 0.0, resamples=10)
    assert math.isnan(result.precision.value)
    assert (result.recall.value, result.f1.value, result.flagged) == (0.0, 0.0, 0)
    assert math.isnan(flags([1.0], [False], [0], 0.0, resamples=10).recall.value)


def test_intervals_are_those_of_the_specificity_rates_on_the_same_counts():
    rng = np.random.default_rng(8)
    hits, cluster = rng.integers(0, 2, 90), np.arange(90) // 3
    expected = cluster_bootstrap(
        np.bincount(cluster, weights=hits), np.bincount(cluster), resamples=400, seed=2
    )
    found = hit_rate(hits, cluster, resamples=400, seed=2)
    assert found.value == pytest.approx(hits.mean())
    assert (found.interval.low, found.interval.high) == pytest.approx((expected.low, expected.high))


def test_sums_of_resamples_keep_the_columns_apart():
    drawn = resampled_sums([[1, 10], [1, 10], [1, 10]], [0, 1, 2], resamples=7)
    assert drawn.tolist() == [[3.0, 30.0]] * 7
