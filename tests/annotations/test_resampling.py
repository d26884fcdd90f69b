"""Percentile intervals of the values that resamples have, and when there is none."""

import math

import numpy as np
import pytest

from annotations.resampling import percentile_interval

WORDS = {"n_groups": 10, "otherwise": "nothing is flagged"}


def test_percentile_interval_leaves_equal_tails_to_either_side():
    low, high, note = percentile_interval(np.arange(101.0), 0.9, **WORDS)
    assert (low, high, note) == (pytest.approx(5), pytest.approx(95), "")


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
