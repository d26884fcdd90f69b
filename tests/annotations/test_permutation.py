"""Tests of two metrics: exact permutation, the stopping rule, Holm, clusters, Williams, and their level."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from annotations import permutation
from annotations.errors import InvalidScoresError
from annotations.metric_ranking import _clusters, holm, rank_metrics
from annotations.permutation import permutation_test
from annotations.williams import williams_t, williams_test

SCIPY = {
    "pearson_r": lambda x, y: stats.pearsonr(x, y).statistic,
    "spearman_rho": lambda x, y: stats.spearmanr(x, y).statistic,
    "kendall_tau_b": lambda x, y: stats.kendalltau(x, y).statistic,
    "kendall_tau_c": lambda x, y: stats.kendalltau(x, y, variant="c").statistic,
}


def scored(n_images, per_image, seed, noise=(0.5, 1.5), shared=0.0):
    """People's scores and two metrics', with errors that the captions of an image share in part."""
    generator = np.random.default_rng(seed)
    n = n_images * per_image
    image = np.arange(n) // per_image
    human = generator.normal(size=n)

    def metric(spread):
        errors = math.sqrt(shared) * generator.normal(size=n_images)[image]
        errors += math.sqrt(1 - shared) * generator.normal(size=n)
        return human + spread * errors

    return human, metric(noise[0]), metric(noise[1]), list(image)


def exact_p(human, first, second, groups, coefficient, level, unit):
    """Try every swap."""
    first, second = stats.zscore(first), stats.zscore(second)
    image = np.array(groups)

    def value(scores):
        if level == "pooled":
            return SCIPY[coefficient](human, scores)
        inside = [SCIPY[coefficient](human[image == i], scores[image == i]) for i in np.unique(image)]
        return np.mean(inside)

    observed = abs(value(first) - value(second))
    found = []
    # Half of the swaps: what the others leave is the same with the two metrics exchanged.
    for swap in itertools.product([False, True], repeat=int(unit.max())):
        swapped = np.array([False, *swap])[unit]
        one, two = np.where(swapped, second, first), np.where(swapped, first, second)
        found.append(abs(value(one) - value(two)) >= observed - 1e-12)
    return np.mean(found)


@pytest.mark.parametrize("swap", ["image", "item"])
@pytest.mark.parametrize("level", ["pooled", "per_image"])
@pytest.mark.parametrize("coefficient", list(SCIPY))
def test_permutation_p_is_that_of_all_swaps(coefficient, level, swap, monkeypatch):
    monkeypatch.setattr(permutation, "STOP_AFTER", 10**6)
    human, first, second, groups = scored(4, 2, 1) if swap == "item" else scored(6, 3, 1)
    if level == "per_image" and swap == "item":
        human, first, second, groups = scored(3, 3, 2)
    unit = np.array(groups) if swap == "image" else np.arange(len(groups))
    expected = exact_p(human, first, second, groups, coefficient, level, unit)
    found = permutation_test(
        human, first, second, groups=groups, coefficient=coefficient, level=level, swap=swap,
        n_permutations=2000,
    )  # fmt: skip
    assert found.n_permutations == 2000
    assert not found.stopped_early
    assert found.p == pytest.approx(expected, abs=4 * math.sqrt(0.25 / 2000))


def test_permutation_difference_is_that_of_the_coefficients_and_changes_sign_with_the_order():
    human, first, second, groups = scored(30, 3, 4)
    one = permutation_test(human, first, second, groups=groups, n_permutations=99)
    other = permutation_test(human, second, first, groups=groups, n_permutations=99)
    tau = SCIPY["kendall_tau_b"]
    assert one.difference == pytest.approx(tau(human, first) - tau(human, second))
    assert other.difference == pytest.approx(-one.difference)
    assert other.p == one.p


def test_permutation_test_of_equal_metrics_stops_at_once_with_p_1():
    human, first, _, groups = scored(30, 3, 4)
    found = permutation_test(human, first, first * 3 + 1, groups=groups)
    assert (found.p, found.stopped_early, found.n_permutations) == (1, True, permutation.STOP_AFTER)


def test_permutation_test_of_very_different_metrics_uses_all_and_never_says_p_0():
    human, first, second, groups = scored(80, 3, 4, noise=(0.3, 3))
    found = permutation_test(human, first, second, groups=groups, n_permutations=999)
    assert (found.p, found.stopped_early) == (1 / 1000, False)


def test_permutation_test_that_stops_early_counts_up_to_the_last_extreme_swap(monkeypatch):
    human, first, second, groups = scored(20, 3, 8, noise=(1, 1.05))
    whole = permutation_test(human, first, second, groups=groups, n_permutations=3000)
    monkeypatch.setattr(permutation, "_BLOCK", 7)
    blocks = permutation_test(human, first, second, groups=groups, n_permutations=3000)
    assert whole.stopped_early
    assert whole.p == permutation.STOP_AFTER / whole.n_permutations
    assert (blocks.p, blocks.n_permutations) == (whole.p, whole.n_permutations)


@pytest.mark.parametrize(
    ("human", "first", "note"),
    [([1, 1, 1, 1], [1, 2, 3, 4], "all human scores are equal"), ([1, 2], [1, 2], "at least 3 items")],
)
def test_permutation_test_with_nothing_to_compare_is_nan_and_says_why(human, first, note):
    found = permutation_test(human, first, first, groups=list(range(len(human))))
    assert math.isnan(found.p)
    assert note in found.note


def test_permutation_test_per_image_of_single_captions_says_why_there_is_none():
    human, first, second, _ = scored(10, 1, 0)
    found = permutation_test(human, first, second, groups=list(range(10)), level="per_image")
    assert "no image has two items" in found.note


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"coefficient": "inverse_r_squared"}, "no permutation test of 'inverse_r_squared'"),
        ({"level": "per_system"}, "at level 'per_system'"),
        ({"n_permutations": 0}, "got 0"),
        ({"groups": [1]}, "3 items and 1 groups"),
    ],
)
def test_permutation_test_of_what_will_not_do_says_what_is_wrong(options, sentence):
    with pytest.raises(InvalidScoresError, match=sentence):
        permutation_test([1, 2, 3], [1, 2, 3], [3, 2, 1], **{"groups": [1, 2, 3], **options})


def test_holm_multiplies_by_the_number_left_and_never_falls():
    # .01 x 4, .02 x 3, .03 x 2 = .06 and .04 x 1, which may not fall below .06.
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.6, 0.9]) == [1, 1]
    found = holm([math.nan, 0.03])
    assert math.isnan(found[0])
    assert found[1] == 0.03
    assert holm([]) == []


def test_ranking_puts_metrics_that_cannot_be_told_apart_into_one_cluster():
    human, good, bad, groups = scored(150, 3, 1, noise=(0.4, 2.5))
    generator = np.random.default_rng(9)
    metrics = {
        "bad": bad,
        "good": good,
        "as good": good + 0.01 * generator.normal(size=450),
        "constant": np.ones(450),
    }
    found = rank_metrics(human, metrics, groups=groups, n_permutations=500)
    assert found.clusters == {"good": 1, "as good": 1, "bad": 2}
    assert list(found.values)[-2:] == ["bad", "constant"]
    assert found.n_items == 450
    assert len(found.comparisons) == 6
    undefined = [c for c in found.comparisons if "constant" in (c.first, c.second)]
    assert all(math.isnan(c.adjusted_p) and "equal" in c.test.note for c in undefined)
    assert all(c.adjusted_p >= c.test.p for c in found.comparisons if c not in undefined)


def test_a_cluster_begins_at_the_first_that_loses_to_one_of_the_current_cluster_and_forgets_the_others():
    # c loses to a, d loses to a only, e to d: a b | c d | e.
    better = {("a", "c"), ("a", "d"), ("d", "e")}
    assert _clusters(list("abcde"), better) == {"a": 1, "b": 1, "c": 2, "d": 2, "e": 3}


def test_williams_statistic_is_that_of_a_published_example():
    # n = 103, r12 = .4, r13 = .5, r23 = .1: t = -.89, worked in Steiger's paper and in R's psych.
    assert williams_t(0.4, 0.5, 0.1, 103) == pytest.approx(-0.89, abs=0.005)


def test_williams_test_is_refused_where_it_does_not_hold():
    human, first, second, groups = scored(20, 2, 3)
    assert "40 items share 20 images" in williams_test(human, first, second, groups=groups).refused
    single = list(range(40))
    for options in ({"coefficient": "kendall_tau_b"}, {"level": "per_image"}):
        refused = williams_test(human, first, second, groups=single, **options)
        assert "holds for one pooled pearson_r, not" in refused.refused
        assert math.isnan(refused.p)
    assert "same but for scale" in williams_test(human, first, 2 * first, groups=single).refused
    found = williams_test(human, first, second, groups=single)
    assert (found.refused, found.n) == ("", 40)
    assert 0 < found.p < 0.05
    assert found.t > 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("coefficient", "level"),
    [("pearson_r", "pooled"), ("kendall_tau_b", "pooled"), ("kendall_tau_b", "per_image")],
)
def test_permutation_test_keeps_its_level_on_dependent_captions(coefficient, level):
    rejected = 0
    for seed in range(300):
        human, first, second, groups = scored(25, 3, seed, noise=(1, 1), shared=0.8)
        found = permutation_test(
            human, first, second, groups=groups, coefficient=coefficient, level=level,
            n_permutations=400, seed=seed,
        )  # fmt: skip
        rejected += found.p <= 0.05
    assert rejected / 300 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 300)


@pytest.mark.slow
def test_williams_test_keeps_its_level_and_holm_keeps_the_family():
    rejected, family = 0, 0
    for seed in range(400):
        human, first, second, groups = scored(60, 1, seed, noise=(1, 1))
        rejected += williams_test(human, first, second, groups=groups).p <= 0.05
        p = []
        for other in range(3):
            _, one, two, _ = scored(60, 1, seed + 1000 * (other + 1), noise=(1, 1))
            p.append(williams_test(human, one, two, groups=groups).p)
        family += min(holm(p)) <= 0.05
    margin = 3 * math.sqrt(0.05 * 0.95 / 400)
    assert abs(rejected / 400 - 0.05) <= margin
    assert family / 400 <= 0.05 + margin
