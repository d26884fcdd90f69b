"""Coefficients on resamples: held against scipy on resamples that are laid out item by item."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from annotations import concordance as counting
from annotations.concordance import concordance, quadratic_form
from annotations.resampled import (
    resampled_kendall_b,
    resampled_kendall_c,
    resampled_pearson,
    resampled_spearman,
)

SCIPY = {
    resampled_pearson: lambda x, y: stats.pearsonr(x, y).statistic,
    resampled_spearman: lambda x, y: stats.spearmanr(x, y).statistic,
    resampled_kendall_b: lambda x, y: stats.kendalltau(x, y).statistic,
    resampled_kendall_c: lambda x, y: stats.kendalltau(x, y, variant="c").statistic,
}
each_measure = pytest.mark.parametrize("measure", list(SCIPY), ids=lambda measure: measure.__name__)

VALUES = st.integers(1, 6)
ROWS = st.lists(st.tuples(VALUES, VALUES, st.integers(0, 5)), min_size=1, max_size=25)
DRAWS = st.lists(st.lists(st.integers(0, 3), min_size=6, max_size=6), min_size=1, max_size=4)


def arrays(rows, draws):
    human, metric, cluster = (np.array(column) for column in zip(*rows, strict=True))
    return human.astype(float), metric.astype(float), np.array(draws), cluster


def laid_out(draw, cluster):
    return np.repeat(np.arange(len(cluster)), draw[cluster])


def plain_concordance(x, y):
    pairs = ((i, j) for j in range(len(x)) for i in range(j))
    return sum(np.sign(x[i] - x[j]) * np.sign(y[i] - y[j]) for i, j in pairs)


@each_measure
@settings(max_examples=60)
@given(rows=ROWS, draws=DRAWS)
def test_measure_on_a_resample_is_that_of_scipy_on_its_items(measure, rows, draws):
    human, metric, draws, cluster = arrays(rows, draws)
    for value, draw in zip(measure(human, metric, draws, cluster), draws, strict=True):
        kept = laid_out(draw, cluster)
        x, y = human[kept], metric[kept]
        if len(kept) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
            assert np.isnan(value)
        else:
            assert value == pytest.approx(SCIPY[measure](x, y), abs=1e-12)


@settings(max_examples=60)
@given(rows=ROWS, draws=DRAWS)
def test_both_ways_of_counting_pairs_give_the_plain_count(rows, draws):
    human, metric, draws, cluster = arrays(rows, draws)
    x, y = (np.unique(values, return_inverse=True)[1] for values in (human, metric))
    expected = [
        plain_concordance(human[kept], metric[kept]) for kept in (laid_out(draw, cluster) for draw in draws)
    ]
    assert list(counting._by_sorting(x, y, draws, cluster)) == expected
    assert list(counting._by_products(x, y, draws, cluster)) == expected


@pytest.mark.parametrize(("n_items", "n_images"), [(400, 20), (400, 400)])
def test_concordance_of_continuous_scores_is_exact_whichever_way_the_sizes_choose(n_items, n_images):
    generator = np.random.default_rng(n_images)
    human, metric = generator.normal(size=(2, n_items))
    cluster = generator.permutation(np.arange(n_items) % n_images)
    draws = generator.integers(0, 4, (50, n_images))
    x, y = (np.unique(values, return_inverse=True)[1] for values in (human, metric))
    found = concordance(human, metric, draws, cluster)
    assert (found == counting._by_sorting(x, y, draws, cluster)).all()
    assert (found == counting._by_products(x, y, draws, cluster)).all()


@each_measure
def test_measure_in_small_blocks_gives_the_same(measure, monkeypatch):
    generator = np.random.default_rng(2)
    human, metric = np.round(generator.normal(size=(2, 60)), 1)
    draws, cluster = generator.integers(0, 3, (40, 20)), np.arange(60) // 3
    whole = measure(human, metric, draws, cluster)
    monkeypatch.setattr(counting, "_CELLS_IN_CACHE", 1)
    monkeypatch.setattr(counting, "_CELLS_AT_ONCE", 90)
    monkeypatch.setattr("annotations.resampled._CELLS_AT_ONCE", 90)
    assert measure(human, metric, draws, cluster) == pytest.approx(whole, abs=1e-12)


def test_pearson_where_an_outlier_is_not_drawn_keeps_its_digits():
    # Beside 1e12, the other deviations vanish in sums of squares over all images.
    human, metric = np.array([1e12, 1, 2, 3, 4]), np.array([1e12, 1, 3, 2, 4])
    draws = np.array([[0, 1, 1, 1, 1], [1, 1, 1, 1, 1], [0, 2, 0, 0, 0]])
    found = resampled_pearson(human, metric, draws, np.arange(5))
    assert found[:2] == pytest.approx([0.8, 1], abs=1e-12)
    assert np.isnan(found[2])


@pytest.mark.parametrize("copies", [True, False])
def test_quadratic_form_adds_up_the_pairs_of_a_laid_out_resample(copies):
    generator = np.random.default_rng(4)
    cluster = np.array([0, 0, 0, 2, 2, 3, 4, 4])  # image 1 has no items
    matrix = generator.integers(0, 5, (8, 8))
    matrix += matrix.T
    draws = generator.integers(0, 4, (6, 5))
    starts = np.searchsorted(cluster, np.arange(5))
    found = quadratic_form(lambda rows: matrix[rows].astype(float), starts, 8, draws, copies=copies)
    for draw, value in zip(draws, found, strict=True):
        items = [(i, copy) for i in range(8) for copy in range(draw[cluster[i]])]
        assert value == sum(
            matrix[i, j]
            for i, one in items
            for j, other in items
            if copies or cluster[i] != cluster[j] or one == other
        )
