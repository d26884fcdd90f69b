"""Effects of caption length: buckets, partial correlations and the advice, on data whose answer is known."""

import math

import numpy as np
import pytest
from plain_interval import plain_ends
from scipy import stats

from annotations.correlation import correlate
from annotations.errors import InvalidScoresError
from annotations.length_effects import length_buckets, partial_correlations, weigh_recommendation


def captions(n_images=150, seed=0, *, short=(0.4, 1.2), long=(1.2, 0.4)):
    """People's scores, those of two metrics with other noise below 60 tokens than above, lengths, images."""
    generator = np.random.default_rng(seed)
    n = 4 * n_images
    length = generator.integers(10, 110, n)
    human = generator.normal(size=n)
    clip, specs = (
        human + generator.normal(size=n) * np.where(length < 60, *noise)
        for noise in ((short[0], long[0]), (short[1], long[1]))
    )
    return human, clip, specs, length, list(np.arange(n) // 4)


def test_a_bucket_is_the_correlation_of_its_captions_with_a_caption_at_an_edge_above_it():
    human, clip, _, length, groups = captions(20)
    length[:4] = [29, 30, 59, 60]
    found = length_buckets(
        human, {"clip": clip}, lengths=length, groups=groups, edges=[30, 60], n_resamples=0
    )
    assert [(bucket.low, bucket.high) for bucket in found] == [(0, 30), (30, 60), (60, math.inf)]
    for bucket in found:
        rows = (length >= bucket.low) & (length < bucket.high)
        alone = correlate(human[rows], clip[rows], groups=list(np.flatnonzero(rows)), n_resamples=0)
        for name, value in bucket.coefficients["clip"].items():
            assert value.value == pytest.approx(getattr(alone, name).value)
        assert bucket.n == rows.sum()
        assert bucket.n_groups == len(set(np.array(groups)[rows]))


def test_buckets_of_chosen_coefficients_are_those_of_all_of_them():
    human, clip, _, length, groups = captions(20)
    given = {"lengths": length, "groups": groups, "n_resamples": 20}
    few = length_buckets(human, {"clip": clip}, coefficients=["kendall_tau_b"], **given)
    for some, every in zip(few, length_buckets(human, {"clip": clip}, **given), strict=True):
        assert some.coefficients["clip"] == {"kendall_tau_b": every.coefficients["clip"]["kendall_tau_b"]}
    with pytest.raises(InvalidScoresError, match="no 'tau' by length"):
        length_buckets(human, {"clip": clip}, coefficients=["tau"], **given)


def test_buckets_share_the_resamples_of_whole_images():
    human, clip, _, length, groups = captions(10)
    found = length_buckets(
        human, {"clip": clip}, lengths=length, groups=groups, edges=[60], n_resamples=25, seed=2
    )
    drawn = np.random.default_rng(2).integers(0, 10, (25, 10))
    for bucket, inside in zip(found, (length < 60, length >= 60), strict=True):
        values = []
        for images in drawn:
            rows = np.concatenate([np.flatnonzero(inside & (np.array(groups) == image)) for image in images])
            values.append(stats.kendalltau(human[rows], clip[rows]).statistic)
        value = bucket.coefficients["clip"]["kendall_tau_b"]
        assert [value.low, value.high] == pytest.approx(plain_ends(values, 0.95, bucket.n_groups))


def test_buckets_without_edges_hold_about_as_many_captions_each():
    human, clip, specs, length, groups = captions(100)
    found = length_buckets(
        human, {"clip": clip, "specs": specs}, lengths=length, groups=groups, n_resamples=0
    )
    assert len(found) == 4
    assert sum(bucket.n for bucket in found) == 400
    assert all(80 <= bucket.n <= 120 for bucket in found)
    assert found[0].coefficients["clip"]["pearson_r"].value > 0.8
    assert found[-1].coefficients["clip"]["pearson_r"].value < 0.8


def test_buckets_of_equal_lengths_are_one_and_an_empty_one_says_why_it_has_no_value():
    same = length_buckets([1, 2, 3], {"m": [1, 3, 2]}, lengths=[7, 7, 7], groups=[1, 2, 3], n_resamples=0)
    assert [(bucket.low, bucket.high, bucket.n) for bucket in same] == [(0, math.inf, 3)]
    found = length_buckets(
        [1, 2, 3], {"m": [1, 3, 2]}, lengths=[7, 7, 7], groups=[1, 2, 3], edges=[9], n_resamples=0
    )
    assert "there are 0" in found[1].coefficients["m"]["pearson_r"].note
    nothing = length_buckets([], {"m": []}, lengths=[], groups=[], n_resamples=10)
    assert nothing[0].n == 0


@pytest.mark.parametrize("edges", [[30, 30], [60, 30], [0, 30], [30, math.inf]])
def test_buckets_with_edges_that_do_not_grow_say_so(edges):
    with pytest.raises(InvalidScoresError, match="edges of length buckets must be"):
        length_buckets([1, 2, 3], {"m": [1, 3, 2]}, lengths=[7, 8, 9], groups=[1, 2, 3], edges=edges)


def test_partial_correlation_is_that_of_what_straight_lines_in_length_leave():
    generator = np.random.default_rng(3)
    length = generator.integers(10, 100, 90).astype(float)
    human, metric = -0.03 * length + generator.normal(size=(2, 90))
    found = partial_correlations(human, metric, lengths=length, groups=list(range(90)), n_resamples=0)
    for name, rank in (("pearson_r", lambda x: x), ("spearman_rho", stats.rankdata)):
        left = [np.polyval(np.polyfit(rank(length), rank(x), 1), rank(length)) for x in (human, metric)]
        expected = stats.pearsonr(rank(human) - left[0], rank(metric) - left[1]).statistic
        assert found[name].value == pytest.approx(expected)
    assert stats.pearsonr(human, metric).statistic > found["pearson_r"].value + 0.2


def test_partial_correlation_of_a_metric_that_only_knows_the_length_is_zero_and_its_interval_says_so():
    generator = np.random.default_rng(5)
    length = generator.integers(10, 100, 800).astype(float)
    human, metric = -0.05 * length + generator.normal(size=(2, 800))
    found = partial_correlations(human, metric, lengths=length, groups=list(np.arange(800) // 4))
    assert found["pearson_r"].low < 0 < found["pearson_r"].high
    assert abs(found["pearson_r"].value) < 0.1


def test_partial_correlation_without_variation_says_why_there_is_none():
    human, metric, groups = [1.0, 2, 3, 5], [2.0, 1, 4, 3], [1, 2, 3, 4]
    same = partial_correlations(human, metric, lengths=[7] * 4, groups=groups)["pearson_r"]
    assert (math.isnan(same.value), same.note) == (True, "all captions have the same length")
    alone = partial_correlations(human, metric, lengths=[10, 20, 30, 50], groups=groups)["pearson_r"]
    assert (math.isnan(alone.value), alone.note) == (True, "length alone says all of one of the two scores")


@pytest.mark.parametrize(
    ("noise", "verdict"),
    [
        ({}, "borne out"),
        ({"short": (1.2, 0.4), "long": (0.4, 1.2)}, "contradicted"),
        ({"short": (0.8, 0.8), "long": (0.8, 0.8)}, "undecided"),
        # The long metric better everywhere: what is advised for short captions is wrong.
        ({"short": (1.2, 0.4), "long": (1.2, 0.4)}, "contradicted"),
    ],
)
def test_the_advice_by_length_is_borne_out_or_contradicted_where_the_data_say_so(noise, verdict):
    human, clip, specs, length, groups = captions(seed=1, **noise)
    found = weigh_recommendation(human, clip, specs, lengths=length, groups=groups, n_resamples=400)
    assert found.verdict == verdict
    for side, rows in ((found.below, length < 60), (found.above, length >= 60)):
        tau = [stats.kendalltau(human[rows], metric[rows]).statistic for metric in (clip, specs)]
        assert side.value == pytest.approx(tau[0] - tau[1])
        assert side.n == rows.sum()
    assert found.change.value == pytest.approx(found.below.value - found.above.value)


def test_every_figure_by_length_names_the_images_of_its_items_and_its_policy():
    human, clip, specs, length, groups = captions(30)
    shared = {"groups": groups, "n_resamples": 20}
    images = np.array(groups)
    for bucket in length_buckets(human, {"clip": clip}, lengths=length, edges=[40, 70], **shared):
        within = (length >= bucket.low) & (length < bucket.high)
        for found in bucket.coefficients["clip"].values():
            assert (found.n_groups, found.policy) == (len(set(images[within])), "none")
            assert (found.n, found.n_groups) == (bucket.n, bucket.n_groups)
    missing = np.where(np.isin(images, images[:8]), np.nan, clip)
    for found in partial_correlations(human, missing, lengths=length, **shared).values():
        assert (found.n_groups, found.policy) == (30 - len(set(images[:8])), "none")
    advice = weigh_recommendation(human, clip, specs, lengths=length, **shared)
    for found, rows in (
        (advice.below, length < 60),
        (advice.above, length >= 60),
        (advice.change, length > 0),
    ):
        assert (found.n, found.n_groups, found.policy) == (rows.sum(), len(set(images[rows])), "none")
    none = length_buckets(human, {"clip": clip}, lengths=length, edges=[1000], **shared)[1]
    assert [found.n_groups for found in none.coefficients["clip"].values()] == [0, 0, 0]


def test_the_advice_is_not_weighed_where_no_resamples_are_drawn_and_has_no_data_where_a_side_is_empty():
    human, clip, specs, length, groups = captions(30)
    shared = {"groups": groups, "n_resamples": 0}
    found = weigh_recommendation(human, clip, specs, lengths=length, **shared)
    assert (found.verdict, found.below.note) == ("not weighed", "no resamples drawn")
    assert (found.below.n > 0, found.above.n > 0) == (True, True)
    assert weigh_recommendation(human, clip, specs, lengths=[10] * 120, **shared).verdict == "no data"
    one = weigh_recommendation(human, clip, specs, lengths=length, groups=[0] * 120, n_resamples=20)
    assert one.verdict == "no data"
    assert "one image" in one.below.note


def test_the_advice_without_long_captions_has_no_data():
    human, clip, specs, _, groups = captions(20)
    found = weigh_recommendation(human, clip, specs, lengths=[10] * 80, groups=groups, n_resamples=50)
    assert found.verdict == "no data"
    assert "there are 0" in found.above.note


@pytest.mark.slow
def test_intervals_of_the_difference_cover_zero_as_often_as_they_say_where_there_is_none():
    covered = 0
    for seed in range(300):
        human, clip, specs, length, groups = captions(40, seed, short=(0.8, 0.8), long=(0.8, 0.8))
        found = weigh_recommendation(
            human, clip, specs, lengths=length, groups=groups, n_resamples=300, seed=seed
        )
        covered += found.change.low <= 0 <= found.change.high
    assert abs(covered / 300 - 0.95) <= 3 * math.sqrt(0.95 * 0.05 / 300) + 0.01
