"""Weighted estimates: hand-worked cases, numpy, a plain bootstrap, undefined cases."""

import math
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plain_interval import plain_ends
from scipy import stats

from annotations.errors import InvalidScoresError
from annotations.resampled import resampled_kendall_b
from annotations.resampling import draw_blocks
from annotations.weighting import effective_n, hajek_mean, horvitz_thompson_mean, weighted_correlation

ROWS = st.lists(
    st.tuples(st.integers(1, 5), st.integers(-3, 3), st.integers(1, 4), st.integers(0, 3)),
    min_size=1,
    max_size=20,
)
PLAIN = {"n_resamples": 0}
SCIPY = {
    "pearson_r": stats.pearsonr,
    "spearman_rho": stats.spearmanr,
    "kendall_tau_b": stats.kendalltau,
    "kendall_tau_c": partial(stats.kendalltau, variant="c"),
}


def test_means_of_hand_worked_samples():
    # Drawn with chances 1/2, 1/4, 1/4 from a pool of ten.
    values, weights = [1.0, 2.0, 6.0], [2, 4, 4]
    assert hajek_mean(values, weights, groups=[0, 1, 2], **PLAIN).value == pytest.approx(34 / 10)
    found = horvitz_thompson_mean(values, weights, n_pool=12, groups=[0, 1, 2], **PLAIN)
    assert (found.value, found.n) == (pytest.approx(34 / 12), 3)
    left = hajek_mean([1.0, math.nan, 6.0], weights, groups=[0, 1, 2], **PLAIN)
    assert (left.value, left.n) == (pytest.approx(26 / 6), 2)
    assert effective_n(weights) == pytest.approx(100 / 36)
    assert effective_n([3, 3, 3]) == pytest.approx(3)
    assert effective_n([]) == 0


@given(rows=ROWS)
def test_whole_weights_count_items_as_often(rows):
    x, y, weights, groups = (list(column) for column in zip(*rows, strict=True))
    assert hajek_mean(x, weights, groups=groups, **PLAIN).value == pytest.approx(np.repeat(x, weights).mean())
    for name, of in SCIPY.items():
        found = weighted_correlation(name, x, y, weights, groups=groups, **PLAIN)
        if len(x) < 3 or len(set(x)) == 1 or len(set(y)) == 1:
            assert math.isnan(found.value)
            assert found.note
            continue
        expected = of(np.repeat(x, weights), np.repeat(y, weights)).statistic
        assert found.value == pytest.approx(expected, abs=1e-9), name
        fractions = [0.1 * weight for weight in weights]
        far = weighted_correlation(name, [1e6 + 1e-3 * v for v in x], y, fractions, groups=groups, **PLAIN)
        assert far.value == pytest.approx(expected, abs=1e-5), name


@pytest.mark.parametrize(("n", "way"), [(60, "_by_products"), (800, "_by_sorting")])
def test_both_ways_of_counting_pairs_take_fractions_as_weights(n, way, monkeypatch):
    generator = np.random.default_rng(2)
    x, y, weights = generator.integers(1, 6, n), generator.normal(size=n), generator.uniform(1, 5, (100, n))
    other = {"_by_products": "_by_sorting", "_by_sorting": "_by_products"}[way]
    monkeypatch.delattr(f"annotations.concordance.{other}")
    found = resampled_kendall_b(x.astype(float), y, weights, np.arange(n))
    orders = [np.sign(np.subtract.outer(side, side)) for side in (x, y)]
    for row in (0, 99):
        pairs = np.multiply.outer(weights[row], weights[row])
        untied = math.prod(math.sqrt((pairs * side * side).sum()) for side in orders)
        assert found[row] == pytest.approx((pairs * orders[0] * orders[1]).sum() / untied, abs=1e-6)


def test_intervals_are_those_of_a_plain_bootstrap_over_images():
    generator = np.random.default_rng(1)
    x, weights = generator.normal(size=30), generator.integers(1, 5, 30)
    y, groups = x + generator.normal(size=30), np.arange(30) // 3
    options = {"groups": groups.tolist(), "n_resamples": 50, "confidence": 0.8, "seed": 2}
    draws = np.concatenate(list(draw_blocks(10, n_resamples=50, seed=2)))[1:]
    rows = []
    for draw in draws:
        w = draw[groups] * weights
        covariance = np.cov(x, y, fweights=w)
        rows.append(
            (
                np.average(x, weights=w),
                (w * x).sum() / 100,
                covariance[0, 1] / math.sqrt(covariance[0, 0] * covariance[1, 1]),
                stats.kendalltau(np.repeat(x, w), np.repeat(y, w)).statistic,
            )
        )
    expected = np.array(plain_ends(rows, 0.8, 10))
    for column, found in enumerate(
        (
            hajek_mean(x, weights, **options),
            horvitz_thompson_mean(x, weights, n_pool=100, **options),
            weighted_correlation("pearson_r", x, y, weights, **options),
            weighted_correlation("kendall_tau_b", x, y, weights, **options),
        )
    ):
        assert [found.low, found.high] == pytest.approx(expected[:, column])


@pytest.mark.parametrize(
    ("x", "y", "note"),
    [
        ([1, 2, math.nan], [1, 2, 3], "needs at least 3 items with a score and a rating; there are 2"),
        ([1, 1, 1], [1, 2, 3], "all human scores are equal"),
        ([1, 2, 3], [1, 1, 1], "all metric scores are equal"),
    ],
)
def test_correlation_that_is_not_defined_says_why(x, y, note):
    found = weighted_correlation("pearson_r", x, y, [1, 1, 1], groups=[1, 2, 3])
    assert math.isnan(found.value)
    assert found.note == note


def test_samples_without_a_value_say_so():
    assert hajek_mean([math.nan], [1], groups=[0]).note == "no item has a value"
    assert horvitz_thompson_mean([], [], n_pool=5, groups=[]).note == "no item has a value"
    one_image = hajek_mean([1, 2], [1, 1], groups=[0, 0])
    assert one_image.value == 1.5
    assert "all items are of one image" in one_image.note


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: hajek_mean([1], [0], groups=[0]), "above 0 and finite"),
        (lambda: hajek_mean([1, 2], [1], groups=[0]), "1 weights and 1 groups"),
        (lambda: hajek_mean([math.inf], [1], groups=[0]), "infinite"),
        (lambda: horvitz_thompson_mean([math.nan], [1], n_pool=3, groups=[0]), "1 of 1 drawn items have no"),
        (lambda: horvitz_thompson_mean([1, 2], [1, 1], n_pool=1, groups=[0, 1]), "a pool of 1"),
        (lambda: effective_n([-1]), "above 0"),
        (lambda: hajek_mean([1], [1], groups=[0], confidence=2), "got 2000, 2"),
    ],
)
def test_samples_that_will_not_do_say_what_is_wrong(call, sentence):
    with pytest.raises(InvalidScoresError, match=sentence):
        call()


@pytest.mark.slow
def test_intervals_cover_the_truth_about_as_often_as_they_say():
    generator = np.random.default_rng(3)
    metric = generator.normal(size=(20_000, 2))
    truth = (
        0.6 * metric + 0.4 * generator.normal(size=(20_000, 1)) + 0.7 * generator.normal(size=metric.shape)
    )
    chance = np.clip(0.004 * np.exp(0.5 * truth[:, 0]), 0, 1)  # images with good captions are likelier
    tau = stats.kendalltau(metric.ravel(), truth.ravel()).statistic
    r, mean, covered = np.corrcoef(metric.ravel(), truth.ravel())[0, 1], truth.mean(), np.zeros(3)
    for _ in range(400):
        at = np.flatnonzero(generator.random(20_000) < chance)
        weights, groups = np.repeat(1 / chance[at], 2), np.repeat(at, 2).tolist()
        options = {"groups": groups, "n_resamples": 1000}
        found = weighted_correlation("pearson_r", truth[at].ravel(), metric[at].ravel(), weights, **options)
        covered[0] += found.low <= r <= found.high
        found = hajek_mean(truth[at].ravel(), weights, **options)
        covered[1] += found.low <= mean <= found.high
        found = weighted_correlation(
            "kendall_tau_b", truth[at].ravel(), metric[at].ravel(), weights, **options
        )
        covered[2] += found.low <= tau <= found.high
    print("covered: pearson_r {:.3f}, mean {:.3f}, kendall_tau_b {:.3f}".format(*covered / 400))  # docs
    assert (covered / 400 > 0.9).all()
    assert (covered / 400 < 0.98).all()
