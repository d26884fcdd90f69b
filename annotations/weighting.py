"""Estimates for a whole pool of items from a sample in which some were likelier to be drawn than others.

The weight of an item is 1 over the chance with which it was drawn: it stands for that many items of the pool.

In comments: B resamples, b of them at a time, C images (clusters), N items.
"""

import math
from collections.abc import Callable, Hashable, Sequence
from typing import Final

import numpy as np

from annotations.correlation import ArrayLike, Statistic, undefined
from annotations.errors import InvalidScoresError
from annotations.resampled import MEASURES
from annotations.resampling import Counts, Floats, check_options, draw_blocks, numbered, percentile_interval

# Bounds the memory of one step to some tens of megabytes.
_CELLS_AT_ONCE: Final = 2_000_000


def effective_n(weights: ArrayLike) -> float:
    """Compute how many items of equal weight would say as much about a mean.

    Args:
        weights: (N,) above 0.

    Returns:
        From 1 to N; 0 for no items.

    Raises:
        InvalidScoresError: If a weight is not above 0 and finite.

    Source:
        Kish, Survey Sampling, 1965: the squared sum of the weights over the sum of their squares.
    """
    weight = _weights(weights)
    return float(weight.sum() ** 2 / (weight**2).sum()) if len(weight) else 0.0


def hajek_mean(
    values: ArrayLike,
    weights: ArrayLike,
    *,
    groups: Sequence[Hashable],
    n_resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Statistic:
    """Estimate the mean over the pool as the sum of weight times value over the sum of weights.

    Args:
        values: (N,) of the drawn items; NaN leaves an item out.
        weights: (N,) 1 over the chance of each item; any multiple of that gives the same.
        groups: (N,) the image of each item; images are resampled whole.
        n_resamples: How many resamples to draw; 0 for no interval.
        confidence: Of the interval, between 0 and 1.
        seed: Of the resamples.

    Returns:
        The mean with its interval, which takes images as drawn with replacement and so is somewhat wide where
        a large part of the pool was drawn; NaN, with the reason as its note, without any value.

    Raises:
        InvalidScoresError: If the lengths differ, a value is infinite, a weight is not above 0 and finite, or
            an option is out of range.

    Source:
        Hájek, comment on An essay on the logical foundations of survey sampling, 1971.
    """
    value, weight, group, n_groups = _sample([values], weights, groups)
    reason = "" if len(weight) else "no item has a value"
    total, weighed = (_per_image(each, group, n_groups) for each in (weight * value[0], weight))
    return _statistic(
        lambda draws: (draws @ total) / (draws @ weighed),  # every image that is drawn has a weight
        n=len(weight),
        n_groups=n_groups,
        reason=reason,
        n_resamples=n_resamples,
        confidence=confidence,
        seed=seed,
    )


def horvitz_thompson_mean(
    values: ArrayLike,
    weights: ArrayLike,
    *,
    n_pool: int,
    groups: Sequence[Hashable],
    n_resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Statistic:
    """Estimate the mean over the pool as the sum of weight times value over the number of items in the pool.

    It has no bias at all, and often a wider interval than `hajek_mean`, which has next to none.

    Args:
        values: (N,) of the drawn items; none may be missing, for nothing else stands for it.
        weights: (N,) 1 over the chance of each item.
        n_pool: Items that could have been drawn, at least N.
        groups: As for `hajek_mean`.
        n_resamples: As for `hajek_mean`.
        confidence: As for `hajek_mean`.
        seed: As for `hajek_mean`.

    Returns:
        As for `hajek_mean`.

    Raises:
        InvalidScoresError: As for `hajek_mean`, or if a value is missing or the pool is too small.

    Source:
        Horvitz and Thompson, A generalization of sampling without replacement from a finite universe, 1952.
    """
    given = np.asarray(values, dtype=np.float64)
    if np.isnan(given).any():
        raise InvalidScoresError(
            f"{int(np.isnan(given).sum())} of {len(given)} drawn items have no value; rate them, or take "
            f"hajek_mean"
        )
    if n_pool < len(given):
        raise InvalidScoresError(f"{len(given)} items cannot be drawn from a pool of {n_pool}")
    value, weight, group, n_groups = _sample([given], weights, groups)
    reason = "" if len(weight) else "no item has a value"
    total = _per_image(weight * value[0], group, n_groups)
    return _statistic(
        lambda draws: (draws @ total) / n_pool,
        n=len(weight),
        n_groups=n_groups,
        reason=reason,
        n_resamples=n_resamples,
        confidence=confidence,
        seed=seed,
    )


def weighted_correlation(
    coefficient: str,
    human_scores: ArrayLike,
    metric_scores: ArrayLike,
    weights: ArrayLike,
    *,
    groups: Sequence[Hashable],
    n_resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Statistic:
    """Estimate a correlation over the pool: every item counts with its weight, every pair with their product.

    Args:
        coefficient: One of `annotations.resampled.MEASURES`.
        human_scores: (N,) of the drawn items; NaN leaves an item out.
        metric_scores: (N,) of the drawn items; NaN leaves an item out.
        weights: (N,) as for `hajek_mean`.
        groups: As for `hajek_mean`.
        n_resamples: As for `hajek_mean`.
        confidence: As for `hajek_mean`.
        seed: As for `hajek_mean`.

    Returns:
        In [-1, 1]; NaN, with the reason as its note, on fewer than three items and where a side is constant.

    Raises:
        InvalidScoresError: As for `hajek_mean`, or if there is no such coefficient.

    Source:
        ours: docs/analysis.md, Which items next. With whole weights it is the coefficient of as many copies.
    """
    if coefficient not in MEASURES:
        raise InvalidScoresError(f"there is no weighted {coefficient!r}; there are {', '.join(MEASURES)}")
    (human, metric), weight, group, n_groups = _sample([human_scores, metric_scores], weights, groups)
    reason = undefined(human, metric)
    if not reason:
        weight = weight / weight.min()  # the measures take weights from 1 on

    def of(draws: Counts) -> Floats:
        # Every item is an image of its own here, drawn as often as its image and weighing so much.
        step = max(1, _CELLS_AT_ONCE // len(weight))
        items = np.arange(len(weight))
        return np.concatenate(
            [
                MEASURES[coefficient](human, metric, draws[at : at + step, group] * weight, items)
                for at in range(0, len(draws), step)
            ]
        )

    return _statistic(
        of,
        n=len(weight),
        n_groups=n_groups,
        reason=reason,
        n_resamples=n_resamples,
        confidence=confidence,
        seed=seed,
    )


def _weights(weights: ArrayLike) -> Floats:
    weight = np.asarray(weights, dtype=np.float64)
    if weight.ndim != 1 or not (np.isfinite(weight) & (weight > 0)).all():
        raise InvalidScoresError("weights must be a list of numbers above 0 and finite")
    return weight


def _sample(
    columns: Sequence[ArrayLike], weights: ArrayLike, groups: Sequence[Hashable]
) -> tuple[Floats, Floats, Counts, int]:
    """Check a sample and drop items without a value: (columns, N), (N,), (N,), number of images."""
    values = np.stack([np.asarray(column, dtype=np.float64) for column in columns])
    weight = _weights(weights)
    if values.shape[1:] != weight.shape or len(groups) != len(weight):
        raise InvalidScoresError(
            f"there are values of shape {values.shape[1:]}, {len(weight)} weights and {len(groups)} groups; "
            f"there must be as many"
        )
    if np.isinf(values).any():
        raise InvalidScoresError("a score is infinite; only finite scores and NaN can be used")
    known = ~np.isnan(values).any(axis=0)
    group, names = numbered([groups[row] for row in np.flatnonzero(known).tolist()])
    return values[:, known], weight[known], group, len(names)


def _statistic(
    of: Callable[[Counts], Floats],
    *,
    n: int,
    n_groups: int,
    reason: str,
    n_resamples: int,
    confidence: float,
    seed: int,
) -> Statistic:
    """Compute a function of (b, C) draws on the data and on resamples of images."""
    check_options(n_resamples, confidence)
    if reason:
        return Statistic(math.nan, n, math.nan, math.nan, reason)
    blocks = draw_blocks(n_groups, n_resamples=n_resamples, seed=seed)
    values = np.concatenate([of(block) for block in blocks])
    low, high, note = percentile_interval(
        values[1:], confidence, n_groups=n_groups, otherwise="one side is constant"
    )
    return Statistic(float(values[0]), n, low, high, note)


def _per_image(values: Floats, group: Counts, n_groups: int) -> Floats:
    return np.asarray(np.bincount(group, weights=values, minlength=n_groups), dtype=np.float64)
