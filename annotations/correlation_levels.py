"""Every coefficient side by side: over all items, inside images, inside systems, and between systems.

In comments: B resamples, C images, N items, S systems.
"""

import math
from collections.abc import Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from annotations.between_systems import MIN_SYSTEMS, between_systems, system_means
from annotations.correlation import ArrayLike, paired, undefined
from annotations.errors import InvalidScoresError
from annotations.pairwise_accuracy import Accuracy, accuracy_within_groups, pooled_accuracy
from annotations.resampled import resampled_kendall, resampled_pearson, resampled_spearman
from annotations.resampling import Counts, Floats, all_draws, check_options, numbered, percentile_interval
from annotations.within_groups import (
    MIN_IN_GROUP,
    POLICIES,
    Policy,
    mean_of_rows,
    mean_over_groups,
    within_groups,
)

FEW_GROUPS: Final = 30
"""Below this number of images an interval by bootstrap over images is itself uncertain."""

TIES: Final = {
    "pearson_r": "takes the values as they are; ties need no treatment",
    "spearman_rho": "tied values share their mean rank",
    "kendall_tau_b": "pairs tied on one side are left out of that side's number of pairs",
    "kendall_tau_c": "tied pairs count as neither order; the number of levels of the side with fewer enters",
    "inverse_r_squared": "as pearson_r",
    "pairwise_accuracy": "a tie that people see is right where the metric's scores differ by no more than a "
    "threshold calibrated on other images",
}
"""How each coefficient treats ties, by its name."""

INVERSE_NOTE: Final = (
    "1 / pearson_r**2: the paper's column '1-R^2' holds this in its own rows (3.65 for r = .5228) and "
    "something else in others"
)

_CORRELATIONS: Final = ("pearson_r", "spearman_rho", "kendall_tau_b", "kendall_tau_c")


@dataclass(frozen=True)
class LevelValue:
    """One coefficient at one level.

    Attributes:
        value: The coefficient; NaN where there is nothing to compute.
        low: Lower end of the interval, or NaN.
        high: Upper end of the interval, or NaN.
        n: Items that it rests on.
        n_groups: Images at the levels "pooled" and "per_image"; systems at the others.
        n_undefined: Groups with two items or more and no value because one side is constant in them.
        n_short: Groups with fewer than two items, which are left out under either policy.
        policy: What becomes of undefined groups: "drop", "zero", or "none" where nothing is averaged.
        ties: How ties are treated.
        tie_thresholds: Of pairwise accuracy, one for each fold or two folds; otherwise empty.
        note: Why something is NaN, what is to be known, or how many resamples the interval rests on.
    """

    value: float
    low: float
    high: float
    n: int
    n_groups: int
    n_undefined: int
    n_short: int
    policy: str
    ties: str
    tie_thresholds: tuple[float, ...]
    note: str


@dataclass(frozen=True)
class LevelTable:
    """All coefficients of one metric at all levels.

    Attributes:
        values: By coefficient and level: "pooled", "per_image", "per_image_zero" and, with systems,
            "per_system", "per_system_zero" and "between_systems".
        n_items: Items with both scores.
        n_missing: Items left out because one score is missing.
        n_images: Images with such items.
        n_systems: Systems with such items; 0 where none are given.
        warnings: What a reader should know before trusting the intervals.
        n_resamples: Resamples drawn for the intervals.
        confidence: Of the intervals, for example 0.95.
        seed: Of the resamples and of the folds of pairwise accuracy.
    """

    values: dict[str, dict[str, LevelValue]]
    n_items: int
    n_missing: int
    n_images: int
    n_systems: int
    warnings: tuple[str, ...]
    n_resamples: int
    confidence: float
    seed: int


@dataclass(frozen=True)
class _Sample:
    """The items that have both scores, and the resamples.

    Attributes:
        human: (N,) scores.
        metric: (N,) scores.
        image: (N,) number of each item's image.
        system: (N,) number of each item's system, or None.
        systems: S.
        draws: (1 + B, C) how often each image was drawn; the first row is the data.
        confidence: Of the intervals.
        seed: Of the folds.
    """

    human: Floats
    metric: Floats
    image: Counts
    system: Counts | None
    systems: int
    draws: Counts
    confidence: float
    seed: int


def correlate_levels(
    human_scores: ArrayLike,
    metric_scores: ArrayLike,
    *,
    groups: Sequence[Hashable],
    systems: Sequence[Hashable] | None = None,
    n_resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> LevelTable:
    """Compute every coefficient over all items, inside images, inside systems and between systems.

    "pooled" takes all items together. "per_image" is the mean of the values inside images; of kendall_tau_b
    this is what papers call sample-wise tau. "per_system" is the mean of the values inside systems, and
    "between_systems" the value over the systems' mean scores. All intervals rest on the same resamples of
    whole images.

    Args:
        human_scores: (N,) for example the mean overall answer on each item. NaN leaves the item out.
        metric_scores: (N,) the metric's score of each item. NaN leaves the item out.
        groups: (N,) the image of each item.
        systems: (N,) what wrote each caption, or None.
        n_resamples: How many resamples to draw; 0 for no intervals.
        confidence: Of the intervals, between 0 and 1.
        seed: Of the resamples and of the folds of pairwise accuracy.

    Returns:
        The table. A value that does not exist is NaN, with the reason as its note.

    Raises:
        InvalidScoresError: If the lengths differ, a score is infinite, or an option is out of range.

    Source:
        Definitions: docs/analysis.md, Correlation. Constant groups have no value and are dropped from means
        by default, as in mt-metrics-eval.
    """
    check_options(n_resamples, confidence)
    human, metric = paired(human_scores, metric_scores)
    for name, labels in (("groups", groups), ("systems", systems)):
        if labels is not None and len(labels) != len(human):
            raise InvalidScoresError(
                f"there are {len(human)} items and {len(labels)} {name}; they must be as many"
            )
    kept = np.flatnonzero(~(np.isnan(human) | np.isnan(metric)))
    image, images = numbered([groups[int(row)] for row in kept])
    system: Counts | None = None
    names: list[Hashable] = []
    if systems is not None:
        system, names = numbered([systems[int(row)] for row in kept])
    sample = _Sample(
        human=human[kept],
        metric=metric[kept],
        image=image,
        system=system,
        systems=len(names),
        draws=all_draws(len(images), n_resamples=n_resamples, seed=seed),
        confidence=confidence,
        seed=seed,
    )
    levels = {"pooled": _pooled(sample), **_per_image(sample)}
    if system is not None:
        levels |= _per_system(sample) | {"between_systems": _between_systems(sample)}
    values: dict[str, dict[str, LevelValue]] = {}
    for level, found in levels.items():
        for name, value in found.items():
            values.setdefault(name, {})[level] = value
    return LevelTable(
        values={name: values[name] for name in TIES},
        n_items=len(kept),
        n_missing=len(human) - len(kept),
        n_images=len(images),
        n_systems=len(names),
        warnings=_warnings(len(images), values["kendall_tau_b"]["pooled"]),
        n_resamples=n_resamples,
        confidence=confidence,
        seed=seed,
    )


def _warnings(n_images: int, pooled: LevelValue) -> tuple[str, ...]:
    found = []
    if n_images < FEW_GROUPS:
        found.append(
            f"{n_images} images are few: intervals by bootstrap over images want {FEW_GROUPS} or more"
        )
    if pooled.low <= 0 <= pooled.high:
        found.append("the interval of the pooled kendall_tau_b spans zero")
    return tuple(found)


def _value(
    sample: _Sample, name: str, values: Floats, *, n: int, n_groups: int, reason: str = ""
) -> LevelValue:
    low = high = value = math.nan
    note = reason
    if not reason:
        value = float(values[0])
        low, high, note = percentile_interval(
            values[1:],
            sample.confidence,
            n_groups=sample.draws.shape[1],
            otherwise="one side is constant or nothing is left",
        )
    return LevelValue(value, low, high, n, n_groups, 0, 0, "none", TIES[name], (), note)


def _with_note(value: LevelValue, note: str) -> LevelValue:
    return replace(value, note="; ".join(part for part in (note, value.note) if part))


def _resampled(sample: _Sample, rows: slice | Counts) -> dict[str, Floats]:
    """Compute the four correlations of some items on the data and on each resample."""
    arguments = (sample.human[rows], sample.metric[rows], sample.draws, sample.image[rows])
    tau_b, tau_c = resampled_kendall(*arguments)
    return {
        "pearson_r": resampled_pearson(*arguments),
        "spearman_rho": resampled_spearman(*arguments),
        "kendall_tau_b": tau_b,
        "kendall_tau_c": tau_c,
    }


def _pooled(sample: _Sample) -> dict[str, LevelValue]:
    n, n_images = len(sample.human), sample.draws.shape[1]
    reason = undefined(sample.human, sample.metric)
    nothing = np.full(len(sample.draws), np.nan)
    # Pairwise accuracy takes about as long as all others; numpy lets two threads compute side by side.
    with ThreadPoolExecutor(1) as other_thread:
        accuracies = other_thread.submit(_pooled_accuracy, sample)
        found = dict.fromkeys(_CORRELATIONS, nothing) if reason else _resampled(sample, slice(None))
        accuracy = accuracies.result()
    values = {
        name: _value(sample, name, found[name], n=n, n_groups=n_images, reason=reason)
        for name in _CORRELATIONS
    }
    values["inverse_r_squared"] = _inverse(values["pearson_r"])
    accuracy = Accuracy(nothing, (), 0, "")
    too_few = f"needs two items with a score and a rating; there are {n}" if n < 2 else ""
    if not too_few:
        accuracy = pooled_accuracy(sample.human, sample.metric, sample.draws, sample.image, seed=sample.seed)
    value = _value(sample, "pairwise_accuracy", accuracy.values, n=n, n_groups=n_images, reason=too_few)
    values["pairwise_accuracy"] = _with_note(
        replace(value, tie_thresholds=accuracy.thresholds), accuracy.note
    )
    return values


def _pooled_accuracy(sample: _Sample) -> Accuracy:
    if len(sample.human) < MIN_IN_GROUP:
        return Accuracy(np.full(len(sample.draws), np.nan), (), 0, "")
    return pooled_accuracy(sample.human, sample.metric, sample.draws, sample.image, seed=sample.seed)


def _inverse(pearson: LevelValue) -> LevelValue:
    """Turn pearson_r and its interval into 1 / r**2; the ends swap, and a zero inside leaves no upper end."""
    if math.isnan(pearson.value) or pearson.value == 0:
        reason = pearson.note if math.isnan(pearson.value) else "pearson_r is 0"
        value = low = high = math.nan
    else:
        reason, value = "", 1 / pearson.value**2
        ends = sorted(abs(end) for end in (pearson.low, pearson.high))
        low, high = (1 / ends[1] ** 2, 1 / ends[0] ** 2) if ends[0] > 0 else (math.nan, math.nan)
        if pearson.low <= 0 <= pearson.high:
            high, reason = math.nan, "no upper end: the interval of pearson_r spans zero"
        elif math.isnan(pearson.low):
            reason = pearson.note
    return replace(
        pearson,
        value=value,
        low=low,
        high=high,
        ties=TIES["inverse_r_squared"],
        note="; ".join(part for part in (INVERSE_NOTE, reason) if part),
    )


def _per_image(sample: _Sample) -> dict[str, dict[str, LevelValue]]:
    n_images = sample.draws.shape[1]
    sizes = np.bincount(sample.image, minlength=n_images)
    found = within_groups(sample.human, sample.metric, sample.image, n_images)
    found["pairwise_accuracy"], accuracy = accuracy_within_groups(
        sample.human, sample.metric, sample.image, n_images, seed=sample.seed
    )
    levels: dict[str, dict[str, LevelValue]] = {}
    for policy in POLICIES:
        level = levels["per_image" + ("" if policy == "drop" else "_zero")] = {}
        means = mean_over_groups(np.stack(list(found.values()), axis=1), sizes, sample.draws, policy)
        for (name, of_images), mean in zip(found.items(), means.T, strict=True):
            level[name] = _mean(sample, name, mean, of_images, sizes, policy, of="images")
        level["pairwise_accuracy"] = _with_note(
            replace(level["pairwise_accuracy"], tie_thresholds=accuracy.thresholds), accuracy.note
        )
    return levels


def _per_system(sample: _Sample) -> dict[str, dict[str, LevelValue]]:
    assert sample.system is not None
    sizes = np.bincount(sample.system, minlength=sample.systems)
    shape = (len(sample.draws), sample.systems)
    found = {name: np.full(shape, np.nan) for name in (*_CORRELATIONS, "pairwise_accuracy")}
    thresholds: list[float] = []
    for number in range(sample.systems):
        rows = np.flatnonzero(sample.system == number)
        if len(rows) < MIN_IN_GROUP:
            continue
        for name, values in _resampled(sample, rows).items():
            found[name][:, number] = values
        used, image = np.unique(sample.image[rows], return_inverse=True)
        accuracy = pooled_accuracy(
            sample.human[rows], sample.metric[rows], sample.draws[:, used], image, seed=sample.seed
        )
        found["pairwise_accuracy"][:, number] = accuracy.values
        thresholds += accuracy.thresholds
    levels: dict[str, dict[str, LevelValue]] = {}
    for policy in POLICIES:
        level = levels["per_system" + ("" if policy == "drop" else "_zero")] = {}
        for name, values in found.items():
            means = mean_of_rows(values, sizes, policy)
            level[name] = _mean(sample, name, means, values[0], sizes, policy, of="systems")
        level["pairwise_accuracy"] = replace(level["pairwise_accuracy"], tie_thresholds=tuple(thresholds))
    return levels


def _mean(
    sample: _Sample,
    name: str,
    means: Floats,
    of_groups: Floats,
    sizes: Counts,
    policy: Policy,
    *,
    of: str,
) -> LevelValue:
    short = sizes < MIN_IN_GROUP
    without = int((np.isnan(of_groups) & ~short).sum())
    counted = ~short if policy == "zero" else ~np.isnan(of_groups)
    reason = "" if counted.any() else f"none of the {len(sizes)} {of} has two items that differ on both sides"
    value = _value(
        sample, name, means, n=int(sizes[counted].sum()), n_groups=int(counted.sum()), reason=reason
    )
    return replace(value, n_undefined=without, n_short=int(short.sum()), policy=policy)


def _between_systems(sample: _Sample) -> dict[str, LevelValue]:
    assert sample.system is not None
    reason = ""
    if sample.systems < MIN_SYSTEMS:
        reason = f"needs at least {MIN_SYSTEMS} systems; there are {sample.systems}"
    human, metric = (
        system_means(values, sample.draws, sample.image, sample.system, sample.systems)
        for values in (sample.human, sample.metric)
    )
    found = between_systems(human, metric)
    if not reason and np.isnan(found["kendall_tau_b"][0]):
        reason = "the systems' mean scores are all equal on one side"
    values = {
        name: _value(sample, name, found[name], n=len(sample.human), n_groups=sample.systems, reason=reason)
        for name in (*_CORRELATIONS, "pairwise_accuracy")
    }
    values["pairwise_accuracy"] = replace(
        values["pairwise_accuracy"], ties="means tie where they are equal", tie_thresholds=(0.0,)
    )
    return values
