"""What another rating is worth, and drawing by it: derivatives, hand-worked cases, laws, simulations."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotations.errors import InvalidScoresError
from annotations.next_items import (
    draw_items,
    earlier_share,
    item_gains,
    kept_weight,
    metric_gaps,
    rank_items,
    sampling_probabilities,
)
from annotations.weighting import hajek_mean, horvitz_thompson_mean, weighted_correlation

SIZES = st.lists(st.sampled_from([0.0, 0.1, 1.0, 3.0, math.nan]), min_size=1, max_size=30)


def pool(n, generator, *, rho=0.6):
    metric = generator.normal(size=n)
    truth = rho * metric + math.sqrt(1 - rho**2) * generator.normal(size=n)
    return metric, truth


def test_gain_of_a_rated_item_is_what_its_noise_moves_the_correlation():
    generator = np.random.default_rng(1)
    metric, truth = pool(60, generator)
    ratings = [list(t + generator.normal(0, 0.5, 2 + i % 3)) for i, t in enumerate(truth)]
    result = item_gains(metric, ratings)
    means = np.array([np.mean(of) for of in ratings])
    noise = np.mean([np.sum((np.array(of) - np.mean(of)) ** 2) for of in ratings]) * 60
    noise /= sum(len(of) - 1 for of in ratings)
    assert result.rating_variance == pytest.approx(noise)
    assert result.pearson_r == pytest.approx(np.corrcoef(metric, means)[0, 1])
    for item in (0, 7, 31):
        moved = [means + step * (np.arange(60) == item) for step in (1e-5, -1e-5)]
        slope = (np.corrcoef(metric, moved[0])[0, 1] - np.corrcoef(metric, moved[1])[0, 1]) / 2e-5
        k = len(ratings[item])
        # The variance of its mean falls from noise / k to noise / (k + 1).
        assert result.gain[item] == pytest.approx(slope**2 * noise * (1 / k - 1 / (k + 1)), rel=1e-4)


def test_gain_of_an_unrated_item_is_its_expected_squared_influence_less_the_noise_that_stays():
    generator = np.random.default_rng(2)
    metric, truth = pool(200, generator)
    ratings = [[] if item % 4 == 0 else list(t + generator.normal(0, 0.3, 2)) for item, t in enumerate(truth)]
    result = item_gains(metric, ratings)
    r = result.pearson_r
    means = np.array([np.mean(of) for of in ratings if of])
    rough = result.rating_variance / means.var()
    y = (metric - metric.mean()) / metric.std()
    for item in (0, 44, 100):
        x = r * y[item] + math.sqrt(1 - r * r) * generator.normal(size=400_000)
        influence = x * y[item] - r * (x * x + y[item] ** 2) / 2
        stays = (y[item] - r * x) ** 2 * rough
        expected = (np.mean(influence**2) - np.mean(stays)) / 200**2
        assert result.gain[item] == pytest.approx(expected, rel=0.03)
    assert (result.n_ratings[:5] == [0, 2, 2, 2, 0]).all()
    # An unrated item far out is worth more than one in the middle.
    unrated = np.arange(0, 200, 4)
    far, middle = unrated[np.argmax(np.abs(y[unrated]))], unrated[np.argmin(np.abs(y[unrated]))]
    assert result.gain[far] > result.gain[middle]


def test_influences_are_those_of_the_jackknife():
    # The mean squared influence of all items is n times the variance that leaving out one by one gives.
    generator = np.random.default_rng(3)
    metric, truth = pool(400, generator)
    rest = [np.corrcoef(np.delete(metric, i), np.delete(truth, i))[0, 1] for i in range(400)]
    jackknife = 399 / 400 * np.sum((rest - np.mean(rest)) ** 2)
    unrated = item_gains(np.append(metric, metric), [*[[t] for t in truth], *[[] for _ in truth]])
    assert "no item has two ratings" in unrated.note
    assert np.isnan(unrated.gain[:400]).all()
    # Each gain is over the squared number of all 800 items.
    assert np.nansum(unrated.gain) * 800**2 / 400**2 == pytest.approx(jackknife, rel=0.15)


def test_gains_fall_with_every_rating_and_nothing_is_known_of_items_without_a_score():
    generator = np.random.default_rng(4)
    metric, truth = pool(30, generator)
    metric[3] = math.nan
    ratings = [list(t + generator.normal(0, 0.5, 2)) for t in truth]
    before = item_gains(metric, ratings).gain
    ratings[5].append(float(np.mean(ratings[5])))
    after = item_gains(metric, ratings).gain
    assert after[5] < 0.6 * before[5]
    assert np.isnan(before[3])
    assert rank_items(before)[-1] == 3


@pytest.mark.parametrize(
    ("metric", "ratings", "note"),
    [
        ([1, 2, 3], [[1], [2], []], "needs at least 3 rated items with a score; there are 2"),
        ([1, 1, 1, 2], [[1], [2], [3], []], "all scores of rated items are equal"),
        ([1, 2, 3], [[2], [2], [2]], "all mean ratings are equal"),
    ],
)
def test_gains_without_a_correlation_are_nan_with_the_reason(metric, ratings, note):
    result = item_gains(metric, ratings)
    assert np.isnan(result.gain).all()
    assert result.note == note


def test_gaps_of_hand_worked_items_are_differences_of_ranks():
    gaps = metric_gaps([0.1, 0.2, 0.3, 0.4, 0.5, math.nan], [[5, 3], [1], [2], [2], [], [3]])
    # Ranks of the metric 1 2 3 4, of the means 4 1 2.5 2.5.
    assert gaps == pytest.approx([3 / 3, 1 / 3, 0.5 / 3, 1.5 / 3, math.nan, math.nan], nan_ok=True)
    assert list(rank_items(gaps)) == [0, 3, 1, 2, 4, 5]
    assert np.isnan(metric_gaps([1, 2], [[1], [2]])).all()


@given(sizes=SIZES, part=st.floats(0.01, 1), floor=st.sampled_from([0.05, 0.5, 1.0]))
def test_chances_add_up_are_in_range_and_grow_with_size(sizes, part, floor):
    n_draw = max(1, round(part * len(sizes)))
    chance = sampling_probabilities(sizes, n_draw, floor=floor)
    assert chance.sum() == pytest.approx(n_draw)
    assert ((chance > 0) & (chance <= 1)).all()
    assert (chance >= floor * n_draw / len(sizes) - 1e-9).all()
    order = np.argsort(np.nan_to_num(sizes), kind="stable")
    assert (np.diff(chance[order]) >= -1e-9).all()
    drawn = draw_items(chance, seed=len(sizes))
    assert len({of.item for of in drawn}) == len(drawn) == n_draw
    for of in drawn:
        assert (of.probability, of.weight) == (chance[of.item], 1 / chance[of.item])


def test_chances_in_proportion_to_size_are_cut_at_one():
    # 8 of 10 shares would be 1.6 of 2 draws: that item is certain, the others share the one that is left.
    chance = sampling_probabilities([8, 1, 1], 2, floor=1e-9)
    assert chance == pytest.approx([1, 0.5, 0.5])


def test_draws_come_as_often_as_their_chances_say():
    chance = sampling_probabilities([1, 2, 3, 4, 0, 10], 3)
    times = np.zeros(6)
    for seed in range(4000):
        times[[of.item for of in draw_items(chance, seed=seed)]] += 1
    assert times / 4000 == pytest.approx(chance, abs=4 * 0.5 / math.sqrt(4000))


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: item_gains([1, 2], [[1]]), "ratings of 1 items"),
        (lambda: item_gains([1], [[math.nan]]), "a rating is not finite"),
        (lambda: metric_gaps([math.inf], [[1]]), "a score is infinite"),
        (lambda: sampling_probabilities([-1, 2], 1), "at least 0, or NaN"),
        (lambda: sampling_probabilities([1, 2], 3), "3 of 2 items cannot be drawn"),
        (lambda: sampling_probabilities([1, 2], 1, floor=0), "above 0 and at most 1; got 0"),
        (lambda: draw_items([0.5, 0.7]), "add up to 1.2"),
        (lambda: draw_items([0.0, 1.0]), "chances must be above 0"),
    ],
)
def test_what_cannot_be_ranked_or_drawn_says_why(call, sentence):
    with pytest.raises(InvalidScoresError, match=sentence):
        call()


@pytest.mark.slow
def test_weighted_estimates_are_right_under_biased_draws_and_closer_than_an_even_draw():
    generator = np.random.default_rng(5)
    metric, truth = pool(600, generator)
    ratings = [[float(t)] * 2 if item < 40 else [] for item, t in enumerate(truth)]
    # A pilot of 40 items tells what to draw from the other 560.
    gain = item_gains(metric, ratings).gain[40:]
    metric, truth = metric[40:], truth[40:]
    r = np.corrcoef(metric, truth)[0, 1]
    by_gain = sampling_probabilities(np.sqrt(gain), 80)
    by_truth = sampling_probabilities(np.maximum(0.05, 2 + truth), 80)  # the value itself decides
    even = sampling_probabilities(np.ones(560), 80)
    found = {}
    for name, chance in (("gain", by_gain), ("truth", by_truth), ("even", even)):
        rows = []
        for seed in range(2000):
            drawn = draw_items(chance, seed=seed)
            at, weight = [of.item for of in drawn], [of.weight for of in drawn]
            options = {"groups": at, "n_resamples": 0}
            rows.append(
                (
                    weighted_correlation("pearson_r", truth[at], metric[at], weight, **options).value - r,
                    hajek_mean(truth[at], weight, **options).value - truth.mean(),
                    horvitz_thompson_mean(truth[at], weight, n_pool=560, **options).value - truth.mean(),
                    truth[at].mean() - truth.mean(),
                    np.corrcoef(truth[at], metric[at])[0, 1] - r,
                )
            )
        found[name] = np.array(rows)
        error = found[name].std(axis=0) / math.sqrt(2000)
        mean = found[name].mean(axis=0)
        print(name, "bias", mean.round(4), "error", error.round(4), "sd", found[name].std(axis=0).round(4))
        assert abs(mean[2]) <= 4 * error[2]
        # A ratio has a bias of the order of one over the number of drawn items.
        assert abs(mean[0]) <= 4 * error[0] + 1 / 80
        assert abs(mean[1]) <= 4 * error[1] + 1 / 80
    # Without weights the same draws mislead.
    assert found["truth"].mean(axis=0)[3] > 0.2
    assert found["gain"].mean(axis=0)[4] > 0.03
    assert found["gain"][:, 0].std() < 0.95 * found["even"][:, 0].std()


def drawn_four_times(seed, *, keep):
    """Draw 80 of 560 items four times, each rated before the next draw; what the weighted r is wrong by."""
    generator = np.random.default_rng(seed)
    metric, truth = pool(560, generator)
    weight, rated, drawn = np.ones(560), np.zeros(560, dtype=bool), np.zeros(560, dtype=bool)
    rated[generator.choice(560, 40, replace=False)] = True
    for number in range(4):
        gain = item_gains(metric, [[t] if is_rated else [] for t, is_rated in zip(truth, rated, strict=True)])
        free = np.flatnonzero(~rated)
        share = earlier_share(int(drawn.sum()), 80)
        if keep:
            share = 0
        else:
            weight[drawn] = [kept_weight(one, share) for one in weight[drawn]]
        for one in draw_items(sampling_probabilities(np.sqrt(gain.gain[free]), 80), seed=97 * seed + number):
            weight[free[one.item]] = (1 - share) * one.weight
            rated[free[one.item]] = drawn[free[one.item]] = True
    chosen = np.flatnonzero(rated)
    found = weighted_correlation(
        "pearson_r", truth[chosen], metric[chosen], weight[chosen], groups=chosen, n_resamples=0
    )
    return found.value - np.corrcoef(metric, truth)[0, 1], weight[chosen].sum() / 560


def test_weights_when_items_are_drawn_again_and_again_add_up_to_the_pool():
    sums = [drawn_four_times(seed, keep=False)[1] for seed in range(20)]
    assert np.mean(sums) == pytest.approx(1, abs=0.02)
    assert drawn_four_times(0, keep=True)[1] > 2.5


@pytest.mark.slow
def test_weighted_r_after_four_draws_is_right_where_weights_are_shared_and_wrong_where_they_stay():
    found = {}
    for keep in (False, True):
        found[keep] = np.array([drawn_four_times(seed, keep=keep)[0] for seed in range(400)])
        error = found[keep].std() / math.sqrt(400)
        print("keep" if keep else "share", "bias", found[keep].mean().round(4), "error", error.round(4))
    assert abs(found[False].mean()) <= 4 * found[False].std() / math.sqrt(400) + 1 / 320
    assert found[True].mean() < -0.02


def test_share_of_earlier_draws_when_nothing_new_comes_in_is_all_of_it():
    assert (earlier_share(10, 0.0), earlier_share(0, 5.0), earlier_share(10, 30.0)) == (1.0, 0.0, 0.25)
    assert (kept_weight(5.0, 1.0), kept_weight(5.0, 0.0), kept_weight(5.0, 0.25)) == (5.0, 1.0, 2.0)
