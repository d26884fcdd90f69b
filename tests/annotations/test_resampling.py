"""Percentile intervals of the values that resamples have, and when there is none."""

import math

import numpy as np
import pytest
from scipy import stats

from annotations.resampling import percentile_interval, tail_share

WORDS = {"n_groups": 10, "otherwise": "nothing is flagged"}


def test_percentile_interval_leaves_equal_tails_to_either_side():
    low, high, note = percentile_interval(np.arange(101.0), 0.9, **WORDS)
    # Student's .05 quantile with 9 degrees of freedom is -1.8331; Phi(-1.8331 (10 / 9)**.5) = .02666.
    assert (low, high, note) == (pytest.approx(2.666, abs=0.001), pytest.approx(97.334, abs=0.001), "")


def test_tails_are_those_of_the_normal_distribution_where_images_are_many():
    assert tail_share(0.95, 10**6) == pytest.approx(0.025, abs=1e-5)
    assert 0 <= tail_share(0.95, 2) < tail_share(0.95, 10) < tail_share(0.95, 60) < 0.025


@pytest.mark.parametrize("n_images", [20, 40])
def test_the_interval_of_a_mean_is_about_as_wide_as_students(n_images):
    generator = np.random.default_rng(1)
    values = generator.normal(size=n_images)
    draws = generator.multinomial(n_images, np.full(n_images, 1 / n_images), size=50_000)
    low, high, _ = percentile_interval(
        draws @ values / n_images, 0.9, n_groups=n_images, otherwise="nothing is flagged"
    )
    half = stats.t(n_images - 1).isf(0.05) * values.std(ddof=1) / math.sqrt(n_images)
    # Plain percentiles are narrower by .04 of 40 images and by .07 of 20.
    assert high - low == pytest.approx(2 * half, rel=0.015)


def test_percentile_interval_of_equal_values_has_no_ends_and_says_why():
    low, high, note = percentile_interval(np.zeros(50), 0.95, **WORDS)
    assert math.isnan(low)
    assert math.isnan(high)
    assert "every resample has the same value" in note


def test_percentile_interval_counts_resamples_without_a_value_beside_equal_ones():
    values = np.array([math.nan] * 10 + [1.0] * 40)
    _, high, note = percentile_interval(values, 0.95, **WORDS)
    assert math.isnan(high)
    assert note.startswith("40 of 50 resamples have a value; in the others nothing is flagged; no interval")


def test_percentile_interval_without_enough_values_says_how_few_there_are():
    values = np.array([math.nan] * 40 + [1.0, 2.0] * 5)
    low, _, note = percentile_interval(values, 0.95, **WORDS)
    assert math.isnan(low)
    assert "only 10 of 50" in note


@pytest.mark.parametrize(("n_images", "has_one"), [(1, False), (2, False), (4, False), (5, True)])
def test_percentile_interval_of_a_handful_of_images_is_refused(n_images, has_one):
    low, _, note = percentile_interval(np.arange(50.0), 0.95, n_groups=n_images, otherwise="nothing")
    assert math.isnan(low) is not has_one
    assert bool(note) is not has_one


def test_percentile_interval_of_values_that_differ_by_rounding_has_no_ends():
    low, _, note = percentile_interval(np.array([1.0, 1 - 2e-16] * 20), 0.95, **WORDS)
    assert math.isnan(low)
    assert "every resample has the same value" in note
