"""All coefficients at all levels: published examples, slow plain versions, a process with known values."""

import math

import numpy as np
import pytest
from plain_interval import plain_ends
from scipy import stats

from annotations.correlation_levels import (
    IMAGE_LEVELS,
    SYSTEM_LEVELS,
    TIES,
    correlate_levels,
    correlate_metrics,
)
from annotations.errors import InvalidScoresError

NAMES = ("pearson_r", "spearman_rho", "kendall_tau_b", "kendall_tau_c")
SCIPY = {
    "pearson_r": lambda x, y: stats.pearsonr(x, y).statistic,
    "spearman_rho": lambda x, y: stats.spearmanr(x, y).statistic,
    "kendall_tau_b": lambda x, y: stats.kendalltau(x, y).statistic,
    "kendall_tau_c": lambda x, y: stats.kendalltau(x, y, variant="c").statistic,
}


def world(n_images, seed, *, systems=4):
    """Captions of some systems on each image; image, system and error each move the metric.

    With unit variance of what people see in a caption, the metric is half of that plus errors: pearson_r is
    what the variances say, and the scores being normal, kendall_tau is 2 / pi asin r.
    """
    generator = np.random.default_rng(seed)
    image = np.repeat(np.arange(n_images), systems)
    system = np.tile(np.arange(systems), n_images)
    of_image = generator.normal(size=n_images)[image]
    quality = generator.normal(size=len(image))
    human = 0.6 * of_image + 0.8 * quality
    metric = 0.3 * generator.normal(size=n_images)[image] + 0.5 * quality + 0.4 * of_image
    metric += 0.5 * generator.normal(size=len(image))
    return human, metric, list(image), list(system)


# Over all items: covariance .6 * .4 + .8 * .5, variances 1 and .09 + .25 + .16 + .25.
POOLED_R = 0.64 / math.sqrt(0.75)
# Inside an image its own shares stand still: .4 over the square roots of .64 and .5.
INSIDE_R = 0.4 / math.sqrt(0.64 * 0.5)
POOLED_TAU, INSIDE_TAU = (2 / math.pi * math.asin(r) for r in (POOLED_R, INSIDE_R))


@pytest.mark.parametrize(
    ("name", "pooled", "per_system", "per_image"),
    # Two systems on three items; the figures are those that mt-metrics-eval publishes for this example.
    [
        ("pearson_r", 0.776, 0.760, 1),
        ("kendall_tau_b", 0.552, 0.575, 1),
        ("kendall_tau_c", 0.556, 0.611, 1),
    ],
)
def test_levels_of_a_published_example(name, pooled, per_system, per_image):
    table = correlate_levels(
        [1, 2, 3, 4, 5, 6], [2, 1, 4, 3, 3, 7], groups=[0, 1, 2] * 2, systems=[0] * 3 + [1] * 3, n_resamples=0
    )  # fmt: skip
    levels = table.values[name]
    assert levels["pooled"].value == pytest.approx(pooled, abs=5e-4)
    assert levels["per_system"].value == pytest.approx(per_system, abs=5e-4)
    assert levels["per_image"].value == pytest.approx(per_image)
    assert "needs at least 3 systems; there are 2" in levels["between_systems"].note


def test_a_constant_group_is_dropped_or_counted_as_zero_as_published():
    # The metric is constant in the first image: 1 when it is dropped, .5 when it counts as 0.
    table = correlate_levels([1, 2, 3, 4, 5, 6], [2, 2, 2, 4, 5, 6], groups=[0, 0, 0, 1, 1, 1], n_resamples=0)
    for name in NAMES:
        dropped, zero = table.values[name]["per_image"], table.values[name]["per_image_zero"]
        assert (dropped.value, dropped.policy, dropped.n_groups, dropped.n) == (
            pytest.approx(1), "drop", 1, 3,
        )  # fmt: skip
        assert (zero.value, zero.policy, zero.n_groups, zero.n) == (pytest.approx(0.5), "zero", 2, 6)
        assert dropped.n_undefined == zero.n_undefined == 1


def test_missing_scores_and_single_captions_are_counted():
    human = [1, 2, math.nan, 4, 2, 5]
    table = correlate_levels(human, [2, 1, 3, 4, 5, 6], groups=[0, 0, 0, 1, 1, 2], n_resamples=0)
    assert (table.n_items, table.n_missing, table.n_images) == (5, 1, 3)
    assert table.values["kendall_tau_b"]["per_image"].n_short == 1
    assert table.values["kendall_tau_b"]["per_image"].value == pytest.approx(-1)


def test_every_level_has_the_interval_of_a_slow_plain_bootstrap():
    human, metric, image, system = (np.array(column) for column in world(12, 3, systems=3))
    human, metric = np.round(human, 1), np.round(metric, 1)
    table = correlate_levels(human, metric, groups=image, systems=system, n_resamples=30, seed=5)
    drawn = np.random.default_rng(5).integers(0, 12, (30, 12))
    for name, of in SCIPY.items():
        found = {"pooled": [], "per_image": [], "per_system": [], "between_systems": []}
        for images in drawn:
            rows = np.concatenate([np.flatnonzero(image == number) for number in images])
            found["pooled"].append(of(human[rows], metric[rows]))
            found["per_image"].append(
                np.nanmean([of(human[image == number], metric[image == number]) for number in images])
            )
            parts = [rows[system[rows] == number] for number in range(3)]
            found["per_system"].append(np.mean([of(human[part], metric[part]) for part in parts]))
            means = [(human[part].mean(), metric[part].mean()) for part in parts]
            found["between_systems"].append(of(*np.round(np.array(means), 11).T))
        for level, values in found.items():
            expected = plain_ends(values, 0.95, 12)
            got = table.values[name][level]
            assert [got.low, got.high] == pytest.approx(expected, abs=1e-7), (name, level)


def test_inverse_r_squared_turns_the_interval_round_and_says_what_it_is():
    human, metric, image, _ = world(60, 1)
    values = correlate_levels(human, metric, groups=image, n_resamples=200).values
    r, inverse = values["pearson_r"]["pooled"], values["inverse_r_squared"]["pooled"]
    assert inverse.value == pytest.approx(1 / r.value**2)
    assert (inverse.low, inverse.high) == (pytest.approx(1 / r.high**2), pytest.approx(1 / r.low**2))
    assert "3.65 for r = .5228" in inverse.note
    assert pytest.approx(3.65, abs=0.01) == 1 / 0.5228**2


def test_inverse_r_squared_of_an_interval_that_spans_zero_has_no_upper_end_and_warns():
    generator = np.random.default_rng(0)
    table = correlate_levels(*generator.normal(size=(2, 40)), groups=list(range(40)), n_resamples=200)
    inverse = table.values["inverse_r_squared"]["pooled"]
    assert math.isnan(inverse.high)
    assert inverse.low > 0
    assert "spans zero" in inverse.note
    assert any("spans zero" in warning for warning in table.warnings)


def test_few_images_are_warned_of():
    human, metric, image, _ = world(29, 1)
    assert any("29 images are few" in w for w in correlate_levels(human, metric, groups=image).warnings)
    human, metric, image, _ = world(30, 1)
    assert correlate_levels(human, metric, groups=image).warnings == ()


@pytest.mark.parametrize(
    ("human", "note"),
    [([3, 3, 3, 3], "all human scores are equal"), ([1], "at least 3 items"), ([], "there are 0")],
)
def test_levels_with_nothing_to_compute_are_nan_with_n_and_the_reason(human, note):
    table = correlate_levels(human, [1, 2, 3, 4][: len(human)], groups=[0, 0, 1, 1][: len(human)])
    for name in NAMES:
        value = table.values[name]["pooled"]
        assert math.isnan(value.value)
        assert math.isnan(value.low)
        assert value.n == len(human)
        assert note in value.note
        assert "none of the" in table.values[name]["per_image"].note


def test_levels_of_unequal_lists_say_what_is_wrong():
    with pytest.raises(InvalidScoresError, match="3 items and 2 systems"):
        correlate_levels([1, 2, 3], [1, 2, 3], groups=[1, 2, 3], systems=[1, 2])


@pytest.mark.parametrize("level", [*IMAGE_LEVELS, *SYSTEM_LEVELS])
def test_a_coefficient_at_a_level_by_itself_is_that_of_the_whole_table(level):
    human, metric, image, system = world(15, 3)
    given = {"groups": image, "systems": system, "n_resamples": 40, "seed": 1}
    whole = correlate_levels(np.round(human), metric, **given).values
    for name in TIES:
        alone = correlate_levels(np.round(human), metric, coefficients=[name], levels=[level], **given).values
        assert list(alone) == [name]
        assert repr(alone[name]) == repr({level: whole[name][level]} if level in whole[name] else {})


def test_metrics_together_are_each_as_by_itself_whatever_they_have_not_scored():
    shuffled = np.random.default_rng(0).permutation(60)
    human, metric, image, system = (np.array(column)[shuffled] for column in world(15, 4))
    gaps = metric.copy()
    # A whole image, and the captions by which others come first: images get other numbers.
    gaps[(image == image[0]) | (np.arange(60) < 5)] = math.nan
    metrics = {"metric": metric, "gaps": gaps, "turned": -metric}
    given = {"groups": image, "systems": system, "n_resamples": 40, "seed": 1}
    together = correlate_metrics(human, metrics, **given)
    for name, scores in metrics.items():
        assert repr(together[name]) == repr(correlate_levels(human, scores, **given))
    assert (together["gaps"].n_images, together["metric"].n_images) == (14, 15)
    kept = ~np.isnan(gaps)
    given |= {"groups": image[kept], "systems": system[kept]}
    assert repr(together["gaps"].values) == repr(correlate_levels(human[kept], gaps[kept], **given).values)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"coefficients": ["tau"]}, "no coefficient 'tau' here; there are pearson_r"),
        ({"levels": ["per_system"]}, "no level 'per_system' here; there are pooled, per_image"),
    ],
)
def test_a_selection_that_does_not_exist_is_named(options, message):
    with pytest.raises(InvalidScoresError, match=message):
        correlate_levels([1, 2, 3], [1, 2, 3], groups=[1, 2, 3], **options)


def test_a_process_with_known_values_is_recovered_at_every_level():
    human, metric, image, system = world(1500, 7)
    values = correlate_levels(human, metric, groups=image, systems=system, n_resamples=0).values
    for level, r, tau in (
        ("pooled", POOLED_R, POOLED_TAU),
        ("per_system", POOLED_R, POOLED_TAU),
        # The mean of tau over small groups is unbiased; that of r is not, so it is left to the next test.
        ("per_image", None, INSIDE_TAU),
    ):
        assert values["kendall_tau_b"][level].value == pytest.approx(tau, abs=0.03)
        assert values["kendall_tau_c"][level].value == pytest.approx(tau, abs=0.03)
        # Without ties, a pair is right unless it is discordant.
        accuracy = values["pairwise_accuracy"][level].value
        assert accuracy == pytest.approx((1 + tau) / 2, abs=0.03)
        if r is not None:
            assert values["pearson_r"][level].value == pytest.approx(r, abs=0.03)
            rho = 6 / math.pi * math.asin(r / 2)
            assert values["spearman_rho"][level].value == pytest.approx(rho, abs=0.03)


@pytest.mark.slow
def test_intervals_cover_the_values_of_a_known_process_as_often_as_they_say():
    rounds = 300
    truth = {
        ("pearson_r", "pooled"): POOLED_R,
        ("spearman_rho", "pooled"): 6 / math.pi * math.asin(POOLED_R / 2),
        ("kendall_tau_b", "pooled"): POOLED_TAU,
        ("kendall_tau_c", "pooled"): POOLED_TAU,
        ("inverse_r_squared", "pooled"): 1 / POOLED_R**2,
        ("pairwise_accuracy", "pooled"): (1 + POOLED_TAU) / 2,
        ("kendall_tau_b", "per_image"): INSIDE_TAU,
        ("pairwise_accuracy", "per_image"): (1 + INSIDE_TAU) / 2,
        ("kendall_tau_b", "per_system"): POOLED_TAU,
        ("pearson_r", "per_system"): POOLED_R,
    }
    covered = dict.fromkeys(truth, 0)
    for seed in range(rounds):
        human, metric, image, system = world(80, seed)
        values = correlate_levels(
            human, metric, groups=image, systems=system, n_resamples=1000, seed=seed
        ).values
        for key, true in truth.items():
            found = values[key[0]][key[1]]
            covered[key] += found.low <= true <= found.high
    print({key: round(n / rounds, 3) for key, n in covered.items()})  # docs/analysis.md
    margin = 3 * math.sqrt(0.95 * 0.05 / rounds)
    assert {key: n / rounds for key, n in covered.items() if abs(n / rounds - 0.95) > margin} == {}
