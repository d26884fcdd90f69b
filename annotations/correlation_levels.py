"""Every coefficient side by side: over all items, inside images, inside systems, and between systems.

In comments: B resamples, C images, N items, S systems.
"""

from collections.abc import Collection, Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Final

import numpy as np

from annotations.between_systems import MIN_SYSTEMS, between_systems, system_means
from annotations.correlation import ArrayLike, paired, undefined
from annotations.errors import InvalidScoresError
from annotations.level_values import (
    FEW_GROUPS,
    INVERSE_NOTE,
    TIES,
    LevelTable,
    LevelValue,
    Sample,
    inverse_of,
    level_value,
    ties_at,
    too_few,
    with_note,
)
from annotations.pairwise_accuracy import Accuracy, accuracy_within_groups, pooled_accuracy
from annotations.resampled import resampled_kendall, resampled_pearson, resampled_spearman
from annotations.resampling import Counts, Floats, all_draws, check_options, numbered
from annotations.within_groups import (
    MIN_IN_GROUP,
    POLICIES,
    Policy,
    mean_of_rows,
    mean_over_groups,
    within_groups,
)

__all__ = [
    "FEW_GROUPS",
    "IMAGE_LEVELS",
    "INVERSE_NOTE",
    "SYSTEM_LEVELS",
    "TIES",
    "LevelTable",
    "LevelValue",
    "correlate_levels",
    "correlate_metrics",
]

IMAGE_LEVELS: Final = ("pooled", "per_image", "per_image_zero")
"""Levels that need no systems."""

SYSTEM_LEVELS: Final = ("per_system", "per_system_zero", "between_systems")
"""Levels that do."""

_CORRELATIONS: Final[tuple[str, ...]] = ("pearson_r", "spearman_rho", "kendall_tau_b", "kendall_tau_c")


def correlate_levels(
    human_scores: ArrayLike,
    metric_scores: ArrayLike,
    *,
    groups: Sequence[Hashable],
    systems: Sequence[Hashable] | None = None,
    coefficients: Collection[str] | None = None,
    levels: Collection[str] | None = None,
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
        coefficients: Names of those to compute, which changes none of them; None for all.
        levels: Those to compute; None for all.
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
    return correlate_metrics(
        human_scores,
        {"metric": metric_scores},
        groups=groups,
        systems=systems,
        coefficients=coefficients,
        levels=levels,
        n_resamples=n_resamples,
        confidence=confidence,
        seed=seed,
    )["metric"]


def correlate_metrics(
    human_scores: ArrayLike,
    metrics: Mapping[str, ArrayLike],
    *,
    groups: Sequence[Hashable],
    systems: Sequence[Hashable] | None = None,
    coefficients: Collection[str] | None = None,
    levels: Collection[str] | None = None,
    n_resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> dict[str, LevelTable]:
    """Compute `correlate_levels` of many metrics, which share their resamples as long as their images agree.

    Args:
        human_scores: As in `correlate_levels`.
        metrics: By name, (N,) scores, each on the items that it has scored.
        groups: As in `correlate_levels`.
        systems: As in `correlate_levels`.
        coefficients: As in `correlate_levels`.
        levels: As in `correlate_levels`.
        n_resamples: As in `correlate_levels`.
        confidence: As in `correlate_levels`.
        seed: As in `correlate_levels`.

    Returns:
        By the name of the metric, what `correlate_levels` gives.

    Raises:
        InvalidScoresError: As in `correlate_levels`.
    """
    check_options(n_resamples, confidence)
    known = IMAGE_LEVELS if systems is None else (*IMAGE_LEVELS, *SYSTEM_LEVELS)
    chosen = _selected("coefficient", coefficients, tuple(TIES))
    at = _selected("level", levels, known)
    pairs = {name: paired(human_scores, scores) for name, scores in metrics.items()}
    n = len(np.asarray(human_scores))
    for what, labels in (("groups", groups), ("systems", systems)):
        if labels is not None and len(labels) != n:
            raise InvalidScoresError(f"there are {n} items and {len(labels)} {what}; they must be as many")
    image = numbered(groups)[0]
    system = None if systems is None else numbered(systems)[0]
    draws: dict[int, Counts] = {}
    tables = {}
    for name, (human, metric) in pairs.items():
        kept = np.flatnonzero(~(np.isnan(human) | np.isnan(metric)))
        own_image, n_images = _renumbered(image[kept])
        own_system, n_systems = (None, 0) if system is None else _renumbered(system[kept])
        if n_images not in draws:
            draws = {n_images: all_draws(n_images, n_resamples=n_resamples, seed=seed)}
        sample = Sample(
            human=human[kept],
            metric=metric[kept],
            image=own_image,
            system=own_system,
            systems=n_systems,
            draws=draws[n_images],
            coefficients=chosen,
            confidence=confidence,
            seed=seed,
        )
        values = _at_levels(sample, at)
        tables[name] = LevelTable(
            values=values,
            n_items=len(kept),
            n_missing=n - len(kept),
            n_images=n_images,
            n_systems=n_systems,
            warnings=_warnings(n_images, values),
            n_resamples=n_resamples,
            confidence=confidence,
            seed=seed,
        )
    return tables


def _selected(what: str, asked: Collection[str] | None, known: Sequence[str]) -> tuple[str, ...]:
    """Check a selection and put it in the usual order."""
    if asked is None:
        return tuple(known)
    for name in asked:
        if name not in known:
            raise InvalidScoresError(f"there is no {what} {name!r} here; there are {', '.join(known)}")
    return tuple(name for name in known if name in asked)


def _renumbered(codes: Counts) -> tuple[Counts, int]:
    """Number groups in the order in which they first come, as `numbered` does."""
    names, first, code = np.unique(codes, return_index=True, return_inverse=True)
    place = np.empty(len(names), dtype=np.int64)
    place[np.argsort(first)] = np.arange(len(names))
    return place[code], len(names)


def _at_levels(sample: Sample, at: Sequence[str]) -> dict[str, dict[str, LevelValue]]:
    levels: dict[str, dict[str, LevelValue]] = {}
    if "pooled" in at:
        levels["pooled"] = _pooled(sample)
    if "per_image" in at or "per_image_zero" in at:
        levels |= _per_image(sample)
    if "per_system" in at or "per_system_zero" in at:
        levels |= _per_system(sample)
    if "between_systems" in at:
        levels["between_systems"] = _between_systems(sample)
    return {
        name: {level: found[name] for level, found in levels.items() if level in at and name in found}
        for name in sample.coefficients
    }


def _warnings(n_images: int, values: dict[str, dict[str, LevelValue]]) -> tuple[str, ...]:
    found = []
    if few := too_few(n_images):
        found.append(few)
    pooled = values.get("kendall_tau_b", {}).get("pooled")
    if pooled is not None and pooled.low <= 0 <= pooled.high:
        found.append("the interval of the pooled kendall_tau_b spans zero")
    return tuple(found)


def _resampled(sample: Sample, rows: slice | Counts, names: Collection[str]) -> dict[str, Floats]:
    """Compute some correlations of some items on the data and on each resample."""
    arguments = (sample.human[rows], sample.metric[rows], sample.draws, sample.image[rows])
    found = {}
    if "pearson_r" in names:
        found["pearson_r"] = resampled_pearson(*arguments)
    if "spearman_rho" in names:
        found["spearman_rho"] = resampled_spearman(*arguments)
    if "kendall_tau_b" in names or "kendall_tau_c" in names:
        found["kendall_tau_b"], found["kendall_tau_c"] = resampled_kendall(*arguments)
    return {name: values for name, values in found.items() if name in names}


def _pooled(sample: Sample) -> dict[str, LevelValue]:
    n, n_images = len(sample.human), sample.draws.shape[1]
    reason = undefined(sample.human, sample.metric)
    nothing = np.full(len(sample.draws), np.nan)
    inverse = "inverse_r_squared" in sample.coefficients
    names = [
        name for name in _CORRELATIONS if name in sample.coefficients or (inverse and name == "pearson_r")
    ]
    # Pairwise accuracy takes about as long as all others; numpy lets two threads compute side by side.
    with ThreadPoolExecutor(1) as other_thread:
        accuracies = other_thread.submit(_pooled_accuracy, sample)
        found = dict.fromkeys(names, nothing) if reason else _resampled(sample, slice(None), names)
        accuracy = accuracies.result()
    values = {
        name: level_value(sample, name, found[name], n=n, n_groups=n_images, reason=reason) for name in names
    }
    if inverse:
        values["inverse_r_squared"] = inverse_of(values["pearson_r"])
    if accuracy is not None:
        reason = f"needs two items with a score and a rating; there are {n}" if n < MIN_IN_GROUP else ""
        value = level_value(
            sample, "pairwise_accuracy", accuracy.values, n=n, n_groups=n_images, reason=reason
        )
        values["pairwise_accuracy"] = with_note(
            replace(value, tie_thresholds=accuracy.thresholds), accuracy.note
        )
    return values


def _pooled_accuracy(sample: Sample) -> Accuracy | None:
    if "pairwise_accuracy" not in sample.coefficients:
        return None
    if len(sample.human) < MIN_IN_GROUP:
        return Accuracy(np.full(len(sample.draws), np.nan), (), 0, "")
    return pooled_accuracy(sample.human, sample.metric, sample.draws, sample.image, seed=sample.seed)


def _per_image(sample: Sample) -> dict[str, dict[str, LevelValue]]:
    n_images = sample.draws.shape[1]
    sizes = np.bincount(sample.image, minlength=n_images)
    found = within_groups(sample.human, sample.metric, sample.image, n_images)
    found = {name: values for name, values in found.items() if name in sample.coefficients}
    accuracy: Accuracy | None = None
    if "pairwise_accuracy" in sample.coefficients:
        found["pairwise_accuracy"], accuracy = accuracy_within_groups(
            sample.human, sample.metric, sample.image, n_images, seed=sample.seed
        )
    levels: dict[str, dict[str, LevelValue]] = {}
    for policy in POLICIES:
        level = levels["per_image" + ("" if policy == "drop" else "_zero")] = {}
        if not found:
            continue
        means = mean_over_groups(np.stack(list(found.values()), axis=1), sizes, sample.draws, policy)
        for (name, of_images), mean in zip(found.items(), means.T, strict=True):
            level[name] = _mean(sample, name, mean, of_images, sizes, policy, of="images")
        if accuracy is not None:
            level["pairwise_accuracy"] = with_note(
                replace(level["pairwise_accuracy"], tie_thresholds=accuracy.thresholds), accuracy.note
            )
    return levels


def _per_system(sample: Sample) -> dict[str, dict[str, LevelValue]]:
    assert sample.system is not None
    sizes = np.bincount(sample.system, minlength=sample.systems)
    shape = (len(sample.draws), sample.systems)
    names = [name for name in (*_CORRELATIONS, "pairwise_accuracy") if name in sample.coefficients]
    found = {name: np.full(shape, np.nan) for name in names}
    thresholds: list[float] = []
    for number in range(sample.systems):
        rows = np.flatnonzero(sample.system == number)
        if len(rows) < MIN_IN_GROUP:
            continue
        for name, values in _resampled(sample, rows, names).items():
            found[name][:, number] = values
        if "pairwise_accuracy" in found:
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
            if name == "pairwise_accuracy":
                level[name] = replace(level[name], tie_thresholds=tuple(thresholds))
    return levels


def _mean(
    sample: Sample,
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
    value = level_value(
        sample, name, means, n=int(sizes[counted].sum()), n_groups=int(counted.sum()), reason=reason
    )
    return replace(value, n_undefined=without, n_short=int(short.sum()), policy=policy)


def _between_systems(sample: Sample) -> dict[str, LevelValue]:
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
        name: level_value(
            sample, name, found[name], n=len(sample.human), n_groups=sample.systems, reason=reason
        )
        for name in (*_CORRELATIONS, "pairwise_accuracy")
        if name in sample.coefficients
    }
    if "pairwise_accuracy" in values:
        values["pairwise_accuracy"] = replace(
            values["pairwise_accuracy"],
            ties=ties_at("pairwise_accuracy", "between_systems"),
            tie_thresholds=(0.0,),
        )
    return values
