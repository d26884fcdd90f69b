import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotations.analysis.thinning import LEAST, linear_fit, thin
from annotations.errors import InvalidScoresError

coordinates = st.one_of(
    st.floats(-1e6, 1e6), st.sampled_from([0.0, 1.0, 1.5, 2.0]), st.just(float("nan")), st.floats(0, 1e-9)
)
clouds = st.lists(st.tuples(coordinates, coordinates), min_size=1, max_size=200)


@given(cloud=clouds, limit=st.integers(LEAST, 60), seed=st.integers(0, 3))
def test_thinning_when_given_any_cloud_keeps_its_ends_and_the_limit(cloud, limit, seed):
    x, y = np.array(cloud).T
    found = thin(x, y, limit=limit, seed=seed)
    known = ~(np.isnan(x) | np.isnan(y))
    assert found.n == known.sum()
    assert found.n_missing == len(x) - known.sum()
    assert len(found.rows) == min(limit, found.n)
    assert (np.diff(found.rows) > 0).all()
    assert known[found.rows].all()
    if found.n:
        for side in (x, y):
            assert side[found.rows].min() == side[known].min()
            assert side[found.rows].max() == side[known].max()


@given(cloud=clouds, seed=st.integers(0, 3))
def test_thinning_when_repeated_with_the_same_seed_chooses_the_same_points(cloud, seed):
    x, y = np.array(cloud).T
    assert (thin(x, y, limit=LEAST, seed=seed).rows == thin(x, y, limit=LEAST, seed=seed).rows).all()


def test_thinning_when_there_are_few_points_draws_all_and_says_nothing():
    found = thin([1.0, 2.0, np.nan], [1.0, 2.0, 3.0])
    assert found.rows.tolist() == [0, 1]
    assert (found.n, found.n_missing, found.note) == (2, 1, "")


def test_thinning_when_there_are_many_points_keeps_hull_residuals_and_says_how_many():
    random = np.random.default_rng(1)
    x = random.normal(size=20_000)
    y = 0.5 * x + 0.1 * random.normal(size=20_000)
    y[[5, 77, 4321]] += [3, -3, 2.5]  # far off the line
    x[9] = -8.0
    found = thin(x, y, limit=1000, seed=3)
    assert {5, 77, 4321, 9} <= set(found.rows.tolist())
    slope, intercept = linear_fit(x, y)
    largest = np.argsort(-np.abs(y - slope * x - intercept))[:100]
    assert set(largest.tolist()) <= set(found.rows.tolist())
    assert found.note.startswith("1,000 of 20,000 points are drawn")
    others = thin(x, y, limit=1000, seed=4)
    assert set(others.rows.tolist()) != set(found.rows.tolist())


def test_thinning_when_human_scores_have_few_values_keeps_the_ends_of_each():
    random = np.random.default_rng(2)
    x = random.integers(1, 6, 30_000).astype(float)
    y = random.random(30_000)
    found = thin(x, y, limit=500)
    for value in range(1, 6):
        column = np.flatnonzero(x == value)
        assert column[y[column].argmax()] in found.rows
        assert column[y[column].argmin()] in found.rows


def test_thinning_when_every_point_is_a_corner_keeps_the_limit_and_goes_all_round():
    angle = np.linspace(0, 2 * np.pi, 10_000, endpoint=False)
    found = thin(np.cos(angle), np.sin(angle), limit=400)
    assert len(found.rows) == 400
    assert np.diff(angle[found.rows]).max() < 0.15


@pytest.mark.parametrize("y", [np.zeros(5000), np.arange(5000.0)])
def test_thinning_when_points_lie_on_one_line_keeps_both_ends(y):
    found = thin(np.arange(5000.0), y, limit=100)
    assert {0, 4999} <= set(found.rows.tolist())
    assert len(found.rows) == 100


def test_thinning_when_given_100000_points_takes_well_under_a_third_of_a_second():
    random = np.random.default_rng(0)
    x, y = random.integers(3, 16, 100_000) / 3, random.random(100_000)
    thin(x[:9000], y[:9000])  # scipy is loaded
    begun = time.process_time()
    assert len(thin(x, y).rows) == 4000
    assert time.process_time() - begun < 0.3


def test_thinning_when_the_limit_is_too_small_or_a_value_infinite_says_so():
    with pytest.raises(InvalidScoresError, match="at least 24 points; got a limit of 5"):
        thin([1.0], [1.0], limit=5)
    with pytest.raises(InvalidScoresError, match="infinite"):
        thin([1.0], [np.inf])


def test_linear_fit_when_worked_by_hand_matches():
    assert linear_fit(np.array([1.0, 2.0, 3.0]), np.array([2.0, 3.0, 7.0])) == pytest.approx((2.5, -1.0))
    assert linear_fit(np.array([2.0, 2.0]), np.array([1.0, 3.0])) == (0.0, 2.0)
