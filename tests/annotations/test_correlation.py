"""Correlations: hand-worked vectors, parity with scipy, laws, and a slow plain bootstrap."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from plain_interval import plain_ends
from scipy import stats

from annotations.correlation import correlate, kendall_tau_b, pearson_r, spearman_rho
from annotations.errors import InvalidScoresError

SCIPY = {
    pearson_r: lambda x, y: stats.pearsonr(x, y).statistic,
    spearman_rho: lambda x, y: stats.spearmanr(x, y).statistic,
    kendall_tau_b: lambda x, y: stats.kendalltau(x, y).statistic,
}
NAMES = ("pearson_r", "spearman_rho", "kendall_tau_b")
each_statistic = pytest.mark.parametrize("statistic", list(SCIPY), ids=lambda statistic: statistic.__name__)

# Few levels, as on a scale of one to five, so that ties are common.
LEVELS = st.integers(1, 5)
PAIRS = st.lists(st.tuples(LEVELS, LEVELS), min_size=3, max_size=30)


def columns(pairs):
    human, metric = (np.array(column, dtype=float) for column in zip(*pairs, strict=True))
    assume(np.ptp(human) > 0 and np.ptp(metric) > 0)
    return human, metric


def simulated(n: int, seed: int = 5):
    generator = np.random.default_rng(seed)
    human = generator.integers(1, 6, n).astype(float)
    return human, np.round(0.1 * human + generator.normal(0, 0.2, n), 1), list(np.arange(n) // 4)


@pytest.mark.parametrize(
    ("human", "metric", "r", "rho", "tau"),
    [
        # No ties: 5 pairs concordant, 1 discordant; squared rank differences sum to 2.
        ([1, 2, 3, 4], [1, 3, 2, 4], 0.8, 1 - 6 * 2 / (4 * 15), 4 / 6),
        # One pair tied on either side: 4 concordant of 5 and 5. Ranks 1.5 1.5 3 4 and 1 2.5 2.5 4.
        ([1, 1, 2, 3], [1, 2, 2, 3], 2 / math.sqrt(5.5), 3.75 / 4.5, 4 / 5),
        ([1, 2, 3], [30, 20, 10], -1, -1, -1),
        # Monotone and not linear: ranks agree perfectly.
        ([1, 2, 3], [1, 10, 100], 99 / math.sqrt(2 * 5994), 1, 1),
    ],
)
def test_statistics_of_hand_worked_vectors(human, metric, r, rho, tau):
    assert pearson_r(human, metric) == pytest.approx(r, abs=1e-12)
    assert spearman_rho(human, metric) == pytest.approx(rho, abs=1e-12)
    assert kendall_tau_b(human, metric) == pytest.approx(tau, abs=1e-12)


@each_statistic
@given(pairs=PAIRS)
def test_statistic_is_that_of_scipy(statistic, pairs):
    human, metric = columns(pairs)
    assert statistic(human, metric) == pytest.approx(SCIPY[statistic](human, metric), abs=1e-12)


@each_statistic
@given(pairs=PAIRS, seed=st.integers(0, 10))
def test_statistic_is_symmetric_bounded_and_blind_to_order(statistic, pairs, seed):
    human, metric = columns(pairs)
    value = statistic(human, metric)
    order = np.random.default_rng(seed).permutation(len(human))
    assert -1 <= value <= 1
    assert statistic(metric, human) == pytest.approx(value, abs=1e-12)
    assert statistic(human[order], metric[order]) == pytest.approx(value, abs=1e-12)
    assert statistic(human, -metric) == pytest.approx(-value, abs=1e-12)
    assert statistic(human, human) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("statistic", [spearman_rho, kendall_tau_b])
@given(pairs=PAIRS)
def test_rank_statistic_under_a_growing_map_stays(statistic, pairs):
    human, metric = columns(pairs)
    assert statistic(human, np.exp(metric)) == pytest.approx(statistic(human, metric), abs=1e-12)


@given(pairs=PAIRS, scale=st.floats(1e-150, 1e150), shift=st.integers(-3, 3))
def test_pearson_under_a_linear_map_of_any_size_stays(pairs, scale, shift):
    human, metric = columns(pairs)
    assert pearson_r(human, (metric + shift) * scale) == pytest.approx(pearson_r(human, metric), abs=1e-9)


@settings(max_examples=50)
@given(pairs=st.lists(st.tuples(st.floats(-1e300, 1e300), st.floats(-1e300, 1e300)), min_size=3, max_size=12))
def test_statistics_of_any_finite_values_are_in_range_or_nan(pairs):
    human, metric = columns(pairs)
    for statistic in SCIPY:
        value = statistic(human, metric)
        assert math.isnan(value) or -1 <= value <= 1


@pytest.mark.parametrize(
    ("human", "metric", "note"),
    [
        ([], [], "needs at least 3 items with a score and a rating; there are 0"),
        ([1, 2], [1, 2], "needs at least 3 items with a score and a rating; there are 2"),
        ([1, 2, math.nan], [1, 2, 3], "needs at least 3 items with a score and a rating; there are 2"),
        ([3, 3, 3], [1, 2, 3], "all human scores are equal"),
        ([1, 2, 3], [0.1, 0.1, 0.1], "all metric scores are equal"),
    ],
)
def test_correlate_with_nothing_to_compute_is_nan_with_n_and_the_reason(human, metric, note):
    result = correlate(human, metric, groups=list(range(len(human))))
    for name in NAMES:
        statistic = getattr(result, name)
        assert math.isnan(statistic.value)
        assert math.isnan(statistic.low)
        assert math.isnan(statistic.high)
        assert statistic.note == note
        assert statistic.n == result.n_items == sum(not math.isnan(value) for value in human)


def test_correlate_leaves_out_items_with_nan_on_either_side():
    human = [1, 2, math.nan, 4, 5]
    metric = [2, 1, 9, math.nan, 3]
    result = correlate(human, metric, groups=["a", "b", "c", "d", "e"])
    assert (result.n_items, result.n_groups) == (3, 3)
    assert result.pearson_r.value == pytest.approx(pearson_r([1, 2, 5], [2, 1, 3]))


def test_correlate_gives_the_intervals_of_a_slow_plain_bootstrap():
    human, metric, groups = simulated(48)
    result = correlate(human, metric, groups=groups, n_resamples=60, confidence=0.9, seed=3)
    drawn = np.random.default_rng(3).integers(0, 12, size=(60, 12))
    draws = [np.bincount(images, minlength=12) for images in drawn]
    for name, of in zip(NAMES, SCIPY.values(), strict=True):
        values = []
        for draw in draws:
            kept = np.concatenate(
                [np.flatnonzero(np.array(groups) == image) for image in np.repeat(range(12), draw)]
            )
            values.append(of(human[kept], metric[kept]))
        expected = plain_ends(values, 0.9, 12)
        assert [getattr(result, name).low, getattr(result, name).high] == pytest.approx(expected, abs=1e-9)


def test_correlate_in_small_chunks_gives_the_same(monkeypatch):
    human, metric, groups = simulated(40)
    whole = correlate(human, metric, groups=groups, n_resamples=50)
    monkeypatch.setattr("annotations.concordance._CELLS_IN_CACHE", 90)
    in_chunks = correlate(human, metric, groups=groups, n_resamples=50)
    for name in NAMES:
        assert getattr(in_chunks, name).value == pytest.approx(getattr(whole, name).value, abs=1e-12)
        assert getattr(in_chunks, name).low == pytest.approx(getattr(whole, name).low, abs=1e-9)


def test_correlate_with_the_same_seed_repeats_and_with_another_does_not():
    human, metric, groups = simulated(40)
    first = correlate(human, metric, groups=groups, n_resamples=99, seed=1)
    assert correlate(human, metric, groups=groups, n_resamples=99, seed=1) == first
    assert correlate(human, metric, groups=groups, n_resamples=99, seed=2) != first


def test_correlate_of_captions_of_few_images_has_wider_intervals_than_of_many():
    # Four captions of one image say the same thing here: as single items they would count four times.
    human, metric, _ = simulated(30)
    human, metric = np.repeat(human, 4), np.repeat(metric, 4)
    clustered = correlate(human, metric, groups=list(np.arange(120) // 4)).kendall_tau_b
    single = correlate(human, metric, groups=list(range(120))).kendall_tau_b
    assert clustered.high - clustered.low > 1.5 * (single.high - single.low)


def test_correlate_interval_covers_the_truth_about_as_often_as_it_says():
    generator = np.random.default_rng(11)
    truth, covered = 0.5, 0
    for _ in range(200):
        human = generator.normal(size=60)
        metric = truth * human + math.sqrt(1 - truth**2) * generator.normal(size=60)
        interval = correlate(human, metric, groups=list(range(60)), n_resamples=300).pearson_r
        covered += interval.low <= truth <= interval.high
    assert 0.88 <= covered / 200 <= 0.99


def test_correlate_of_one_image_has_values_and_says_why_it_has_no_interval():
    result = correlate([1, 2, 3, 4], [1, 3, 2, 4], groups=["a"] * 4)
    assert result.kendall_tau_b.value == pytest.approx(4 / 6)
    assert math.isnan(result.kendall_tau_b.low)
    assert "one image" in result.kendall_tau_b.note


def test_correlate_of_few_images_counts_the_resamples_that_have_no_value():
    # Without the fifth image one side is constant; that happens to .8 ** 5 of the resamples.
    result = correlate([1, 1, 1, 1, 2], [1, 3, 2, 4, 5], groups=list("abcde"), n_resamples=400)
    assert not math.isnan(result.spearman_rho.low)
    assert "of 400 resamples have a value" in result.spearman_rho.note


def test_correlate_when_too_few_resamples_have_a_value_gives_no_interval(monkeypatch):
    monkeypatch.setattr("annotations.resampling.MIN_DEFINED", 0.8)
    human, metric = [1.0] * 4 + [2.0], list(range(5))
    result = correlate(human, metric, groups=list(range(5)), n_resamples=200).pearson_r
    assert not math.isnan(result.value)
    assert math.isnan(result.low)
    assert result.note.startswith("no interval: only")


def test_correlate_without_resamples_says_so():
    result = correlate([1, 2, 3], [1, 3, 2], groups=[1, 2, 3], n_resamples=0).pearson_r
    assert (result.value, result.note) == (pytest.approx(0.5), "no resamples drawn")


@pytest.mark.parametrize(
    ("human", "metric", "options", "sentence"),
    [
        ([1, 2, 3], [1, 2], {}, r"\(3,\) and metric_scores \(2,\)"),
        ([[1, 2, 3]], [[1, 2, 3]], {}, r"\(1, 3\)"),
        ([1, 2, math.inf], [1, 2, 3], {}, "infinite"),
        ([1, 2, 3], [1, 2, 3], {"groups": [1]}, "3 items and 1 groups"),
        ([1, 2, 3], [1, 2, 3], {"n_resamples": -1}, "got -1, 0.95"),
        ([1, 2, 3], [1, 2, 3], {"confidence": 1.0}, "got 2000, 1.0"),
    ],
)
def test_correlate_of_what_will_not_do_says_what_is_wrong(human, metric, options, sentence):
    with pytest.raises(InvalidScoresError, match=sentence):
        correlate(human, metric, **{"groups": list(range(len(human))), **options})


@each_statistic
def test_statistic_of_nan_scores_is_an_error(statistic):
    with pytest.raises(InvalidScoresError, match="NaN"):
        statistic([1, 2, math.nan], [1, 2, 3])
