"""Coefficients inside groups: held against scipy group by group, and their means against both policies."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from annotations.between_systems import between_systems, system_means
from annotations.within_groups import mean_of_rows, mean_over_groups, within_groups

SCIPY = {
    "pearson_r": lambda x, y: stats.pearsonr(x, y).statistic,
    "spearman_rho": lambda x, y: stats.spearmanr(x, y).statistic,
    "kendall_tau_b": lambda x, y: stats.kendalltau(x, y).statistic,
    "kendall_tau_c": lambda x, y: stats.kendalltau(x, y, variant="c").statistic,
}
VALUES = st.integers(1, 4)
ROWS = st.lists(st.tuples(VALUES, VALUES, st.integers(0, 5)), min_size=1, max_size=30)


@settings(max_examples=80)
@given(rows=ROWS)
def test_values_inside_groups_are_those_of_scipy_on_each_group(rows):
    human, metric, group = (np.array(column) for column in zip(*rows, strict=True))
    found = within_groups(human.astype(float), metric.astype(float), group, 6)
    for name, of in SCIPY.items():
        for number, value in enumerate(found[name]):
            x, y = human[group == number], metric[group == number]
            if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
                assert np.isnan(value)
            else:
                assert value == pytest.approx(of(x, y), abs=1e-12)


def test_values_inside_groups_do_not_see_how_large_or_far_the_scores_are():
    generator = np.random.default_rng(0)
    human, metric, group = generator.normal(size=40), generator.normal(size=40), np.arange(40) // 4
    plain = within_groups(human, metric, group, 10)
    moved = within_groups(human * 1e-150, metric * 1e9 + 1e12, group, 10)
    for name, values in plain.items():
        assert moved[name] == pytest.approx(values, abs=1e-3 if name == "pearson_r" else 1e-12)


def test_mean_over_groups_drops_undefined_ones_or_counts_them_as_zero_and_never_counts_short_ones():
    values, sizes = np.array([1.0, np.nan, 0.5, np.nan]), np.array([3, 3, 2, 1])
    each, twice = np.array([[1, 1, 1, 1], [2, 1, 0, 5]]), np.array([[0, 0, 0, 1]])
    assert mean_over_groups(values, sizes, each, "drop") == pytest.approx([0.75, 1])
    assert mean_over_groups(values, sizes, each, "zero") == pytest.approx([0.5, 2 / 3])
    assert mean_over_groups(np.stack([values, values + 1], axis=1), sizes, each, "drop") == pytest.approx(
        np.array([[0.75, 1.75], [1, 2]])
    )
    rows = np.array([[1.0, np.nan, 0.5, np.nan], [np.nan] * 4])
    assert mean_of_rows(rows, sizes, "drop") == pytest.approx([0.75, np.nan], nan_ok=True)
    assert mean_of_rows(rows, sizes, "zero") == pytest.approx([0.5, 0])
    assert np.isnan(mean_over_groups(values, sizes, twice, "drop")).all()
    assert np.isnan(mean_over_groups(values, sizes, twice, "zero")).all()


@settings(max_examples=60)
@given(st.lists(st.tuples(VALUES, VALUES), min_size=3, max_size=8))
def test_values_between_systems_are_those_of_scipy(rows):
    x, y = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    found = between_systems(x[None], y[None])
    same = [np.sign(x[i] - x[j]) == np.sign(y[i] - y[j]) for i in range(len(x)) for j in range(i)]
    assert found["pairwise_accuracy"][0] == pytest.approx(np.mean(same))
    for name, of in SCIPY.items():
        if np.ptp(x) == 0 or np.ptp(y) == 0:
            assert np.isnan(found[name][0])
        else:
            assert found[name][0] == pytest.approx(of(x, y), abs=1e-12)


def test_system_means_weigh_each_image_by_its_draws_and_tie_where_they_are_equal_on_paper():
    values = np.array([0.1, 0.2, 0.3, 0.3, 0.2, 0.1])  # the first three of one system, the others of another
    image, system = np.array([0, 1, 2, 0, 1, 2]), np.array([0, 0, 0, 1, 1, 1])
    draws = np.array([[1, 1, 1], [2, 0, 1], [0, 3, 0]])
    means = system_means(values, draws, image, system, 3)
    assert means[:, 0] == pytest.approx([0.2, 0.5 / 3, 0.2])
    assert means[:, 1] == pytest.approx([0.2, 0.7 / 3, 0.2])
    assert means[0, 0] == means[0, 1]
    assert np.isnan(means[:, 2]).all()


def test_between_systems_with_a_missing_system_or_two_systems_has_no_value():
    assert all(np.isnan(v).all() for v in between_systems(np.ones((1, 2)), np.ones((1, 2))).values())
    missing = np.array([[1, 2, np.nan]])
    assert all(np.isnan(v).all() for v in between_systems(missing, np.array([[1.0, 2, 3]])).values())
