"""Pairwise accuracy with ties: the share of pairs that the metric orders, or ties, as people do.

Scores of a metric are almost never equal, so a pair counts as tied by the metric where its scores differ by
no more than a threshold. One that is chosen on the pairs that it is judged on flatters the metric; here the
images are dealt into folds, and a pair is judged with the threshold that is best on the images of all folds
but its own.

In comments: B resamples, C images, F folds, N items, P pairs, T candidate thresholds.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from annotations.concordance import quadratic_form
from annotations.resampling import Counts, Floats
from annotations.within_groups import Pairs, pairs_within

N_FOLDS: Final = 5
"""Folds that the images are dealt into."""

_CANDIDATES: Final = 256
# Thresholds of all pairs are fitted on so many items at most; a few million pairs settle a threshold.
_ITEMS_FOR_FITTING: Final = 2_000
_CELLS_AT_ONCE: Final = 262_144
_FIRST_LOOK: Final = 4_096


@dataclass(frozen=True)
class Accuracy:
    """Pairwise accuracy on each resample.

    Attributes:
        values: (B,) in [0, 1]; NaN where a resample has no pair.
        thresholds: The tie thresholds in use, one for each fold or two folds, in units of the metric.
        n_pairs: Pairs of items in the data.
        note: How the threshold was found where there were too few images for folds; otherwise empty.
    """

    values: Floats
    thresholds: tuple[float, ...]
    n_pairs: int
    note: str


def accuracy_of_pairs(human: Floats, metric: Floats, threshold: float) -> float:
    """Compute pairwise accuracy over all pairs of items with a given threshold.

    Args:
        human: (N,) finite values.
        metric: (N,) finite values.
        threshold: The metric ties two items whose scores differ by no more than this; at least 0.

    Returns:
        In [0, 1]; NaN below two items.

    Source:
        Deutsch, Foster and Freitag, Ties Matter: Meta-Evaluating Modern Metrics with Pairwise Accuracy and
        Tie Calibration, EMNLP 2023, acc_eq.
    """
    pairs = pairs_within(human, metric, np.zeros(len(human), dtype=np.int64))
    correct = _is_correct(pairs.human, pairs.metric, np.full(len(pairs.group), threshold))
    return float(correct.mean()) if len(correct) else float("nan")


def pooled_accuracy(human: Floats, metric: Floats, draws: Counts, cluster: Counts, *, seed: int) -> Accuracy:
    """Compute pairwise accuracy over all pairs of items on each resample.

    The thresholds are those of the data; resamples keep them. Copies of one image in a resample are not
    compared with each other: a copy of an item is no tie that anybody judged.

    Args:
        human: (N,) finite values.
        metric: (N,) finite values.
        draws: (B, C) how often each image was drawn.
        cluster: (N,) the image of each item, from 0 to C - 1.
        seed: Of the folds.

    Returns:
        The accuracies.

    Source:
        As `accuracy_of_pairs`; the cross-fitting is ours: docs/analysis.md, Correlation.
    """
    by_image = np.argsort(cluster, kind="stable")
    human, metric, cluster = human[by_image], metric[by_image], cluster[by_image]
    generator = np.random.default_rng(seed)
    fold, note = _deal(draws.shape[1], generator)
    thresholds = np.zeros((1, 1))
    if not note:
        thresholds = _fit_pooled(human, metric, cluster, fold, generator)
    of_item = fold[cluster]
    used = tuple(map(float, thresholds[np.triu_indices(len(thresholds))]))
    n_pairs = len(human) * (len(human) - 1) // 2
    if len(draws) == 1 and (draws == 1).all() and n_pairs:
        right = count_correct(human, metric, of_item, thresholds)
        return Accuracy(np.array([right / n_pairs]), used, n_pairs, note)

    def correct(rows: slice) -> npt.NDArray[np.float32]:
        limit = thresholds[of_item[rows, None], of_item[None, :]]
        found = _is_correct(
            human[rows, None] - human[None, :], metric[rows, None] - metric[None, :], limit
        ).astype(np.float32)
        own = np.arange(rows.start, rows.stop)
        found[own - rows.start, own] = 0  # an item is no pair with itself
        return found

    starts = np.searchsorted(cluster, np.arange(draws.shape[1]))
    sizes = np.bincount(cluster, minlength=draws.shape[1])
    pairs = (draws @ sizes) ** 2 - draws**2 @ sizes**2 + draws @ (sizes * (sizes - 1))  # in both orders
    met = quadratic_form(correct, starts, len(human), draws, copies=False)
    values = np.where(pairs > 0, met / np.maximum(pairs, 1), np.nan)
    return Accuracy(values, used, n_pairs, note)


def count_correct(human: Floats, metric: Floats, fold: Counts, thresholds: Floats) -> int:
    """Count the pairs of items that the metric orders, or ties, as people do, without comparing every two.

    Items are split in two by their human score, and split again; in each split an upper item is right about
    the lower ones that stand further below by the metric than the threshold of the two folds.

    Args:
        human: (N,) finite values.
        metric: (N,) finite values.
        fold: (N,) the fold of each item, from 0 to F - 1.
        thresholds: (F, F) of every two folds, the same in both orders.

    Returns:
        How many of the N (N - 1) / 2 pairs are right.

    Source:
        ours, in the manner of `concordance`: O(F N log N log V) for V different human scores.
    """
    x = np.unique(human, return_inverse=True)[1]
    values, y = np.unique(metric, return_inverse=True)
    n_folds, n_places = len(thresholds), len(values) + 1
    own = np.repeat(np.arange(len(x)), n_folds)  # every item meets every fold: (N F,)
    other = np.tile(np.arange(n_folds), len(x))
    limit = thresholds[fold[own], other]
    # The values that are smaller by more than the threshold; and where those begin that are larger by more.
    below = _first(values, metric[own], limit, lambda apart, least: apart <= least)
    above = _first(values, metric[own], limit, lambda apart, least: -apart > least)

    def standing(part: Counts, rows: npt.NDArray[np.bool_]) -> Counts:
        return np.sort((part[rows] * n_folds + fold[rows]) * n_places + y[rows])

    def up_to(lower: Counts, part: Counts, place: Counts) -> Counts:
        return np.searchsorted(lower, (part * n_folds + other) * n_places + place)

    everything = standing(x, np.ones(len(x), dtype=bool))
    tied = int((up_to(everything, x[own], above) - up_to(everything, x[own], below)).sum())
    right = (tied - len(x)) // 2  # in both orders, and each item with itself
    for digit in range(int(x.max(initial=0)).bit_length()):
        part, is_upper = x >> (digit + 1), (x >> digit) & 1 == 1
        lower = standing(part, ~is_upper)
        found = up_to(lower, part[own], below) - up_to(lower, part[own], np.zeros_like(below))
        right += int(found[is_upper[own]].sum())
    return right


def _first(
    values: Floats, of: Floats, limit: Floats, reached: Callable[[Floats, Floats], npt.NDArray[np.bool_]]
) -> Counts:
    """Find for each item the first of growing values at which its score less the value passes a limit."""
    low, high = np.zeros(len(of), dtype=np.int64), np.full(len(of), len(values))
    while (low < high).any():
        middle = (low + high) // 2
        passed = reached(of - values[np.minimum(middle, len(values) - 1)], limit)
        open_still = low < high
        high = np.where(open_still & passed, middle, high)
        low = np.where(open_still & ~passed, middle + 1, low)
    return low


def accuracy_within_groups(
    human: Floats, metric: Floats, group: Counts, n_groups: int, *, seed: int
) -> tuple[Floats, Accuracy]:
    """Compute pairwise accuracy inside each group, with one threshold for each fold of groups.

    Args:
        human: (N,) finite values.
        metric: (N,) finite values.
        group: (N,) number of each item's group.
        n_groups: G.
        seed: Of the folds.

    Returns:
        (G,) accuracies in [0, 1], NaN in groups of one item or none; and thresholds, pairs and note, with
        their mean as the one value.
    """
    pairs = pairs_within(human, metric, group)
    n_pairs = np.bincount(pairs.group, minlength=n_groups)
    fold, note = _deal(n_groups, np.random.default_rng(seed))
    thresholds = np.zeros(1) if note else _fit_within(pairs, n_pairs, fold)
    correct = _is_correct(pairs.human, pairs.metric, thresholds[fold[pairs.group]])
    met = np.bincount(pairs.group, weights=correct.astype(np.float64), minlength=n_groups)
    values = np.where(n_pairs > 0, met / np.maximum(n_pairs, 1), np.nan)
    mean = values[n_pairs > 0].mean(keepdims=True) if len(pairs.group) else np.full(1, np.nan)
    return values, Accuracy(mean, tuple(map(float, thresholds)), len(pairs.group), note)


def _is_correct(human: Floats, metric: Floats, threshold: npt.NDArray[np.floating]) -> npt.NDArray[np.bool_]:
    """Tell of differences of two items whether the metric orders or ties them as people do."""
    tied = np.abs(metric) <= threshold
    return np.asarray(np.where(human == 0, tied, ~tied & (np.sign(human) == np.sign(metric))))


def _deal(n_images: int, generator: np.random.Generator) -> tuple[Counts, str]:
    """Deal images into folds: (C,); with the reason where there are too few."""
    if n_images < 3:
        nothing = np.zeros(n_images, dtype=np.int64)
        return nothing, f"{n_images} images are too few to calibrate a tie threshold: equal scores tie"
    return generator.permutation(np.arange(n_images) % min(N_FOLDS, n_images)), ""


def _candidates(differences: Floats) -> Floats:
    """Choose thresholds to try: 0 and every difference, or quantiles where there are many: (T,)."""
    # Sorting a million differences takes long, and a few thousand of them mostly tell that there are many.
    distinct = np.unique(np.append(np.abs(differences[:_FIRST_LOOK]), 0))
    if len(distinct) <= _CANDIDATES:
        distinct = np.unique(np.append(np.abs(differences), 0))
    if len(distinct) > _CANDIDATES:
        distinct = np.unique(
            np.append(np.quantile(np.abs(differences), np.linspace(0, 1, _CANDIDATES), method="lower"), 0)
        )
    return distinct


def _gains(human: Floats, metric: Floats, candidates: Floats) -> tuple[Counts, Counts]:
    """Find from which candidate on a pair's verdict changes, and to which side: (P,) each.

    A pair that people tie becomes correct once the threshold reaches its difference (+1); one that the
    metric orders as they do ceases to be (-1); any other stays wrong (0).
    """
    turns = np.searchsorted(candidates, np.abs(metric))
    sign = np.where(human == 0, 1, np.where(np.sign(human) == np.sign(metric), -1, 0))
    return turns, sign


def _fit_within(pairs: Pairs, n_pairs: Counts, fold: Counts) -> Floats:
    """Find for each fold the threshold with the best mean accuracy of the other folds' groups: (F,)."""
    candidates = _candidates(pairs.metric)
    turns, sign = _gains(pairs.human, pairs.metric, candidates)
    n_folds, n_bins = int(fold.max()) + 1, len(candidates) + 1
    place = fold[pairs.group] * n_bins + turns
    gain = np.bincount(place, sign / n_pairs[pairs.group], minlength=n_folds * n_bins)
    gain = np.cumsum(gain.reshape(n_folds, n_bins)[:, :-1], axis=1)  # (F, T)
    return candidates[_best(gain.sum(axis=0) - gain)]


def _fit_pooled(
    human: Floats, metric: Floats, cluster: Counts, fold: Counts, generator: np.random.Generator
) -> Floats:
    """Find for every two folds the threshold that is best on the pairs of the others: (F, F)."""
    if len(human) > _ITEMS_FOR_FITTING:
        kept = np.zeros(len(fold), dtype=bool)
        images = generator.permutation(len(fold))
        n_items = np.cumsum(np.bincount(cluster, minlength=len(fold))[images])
        kept[images[: max(N_FOLDS, int(np.searchsorted(n_items, _ITEMS_FOR_FITTING)))]] = True
        human, metric, cluster = human[kept[cluster]], metric[kept[cluster]], cluster[kept[cluster]]
    n_folds = int(fold.max()) + 1
    of_item = fold[cluster]
    few = generator.permutation(len(metric))[:1000]
    candidates = _candidates(np.subtract.outer(metric[few], metric[few]).ravel())
    n_bins = len(candidates) + 1
    gain = np.zeros(n_folds * n_folds * n_bins)
    # In the metric's order neighbouring differences are alike, and looking them up is faster.
    order = np.argsort(metric)
    human, metric, of_item = human[order], metric[order], of_item[order]
    step = max(1, _CELLS_AT_ONCE // len(human))
    for start in range(0, len(human), step):
        rows, later = slice(start, start + step), slice(start, None)
        turns, sign = _gains(
            human[rows, None] - human[None, later], metric[rows, None] - metric[None, later], candidates
        )
        sign = np.triu(sign, 1)  # each two once
        place = (of_item[rows, None] * n_folds + of_item[None, later]) * n_bins + turns
        gain += np.bincount(place.ravel(), sign.ravel(), minlength=len(gain))
    gains = np.cumsum(gain.reshape(n_folds, n_folds, n_bins)[:, :, :-1], axis=2)  # (F, F, T)
    thresholds = np.zeros((n_folds, n_folds))
    for one in range(n_folds):
        for other in range(n_folds):
            rest = [number for number in range(n_folds) if number not in (one, other)]
            thresholds[one, other] = candidates[_best(gains[np.ix_(rest, rest)].sum(axis=(0, 1)))]
    return thresholds


def _best(gain: Floats) -> npt.NDArray[np.intp]:
    """Find the smallest candidate with the largest gain, but for rounding, along the last axis."""
    return np.asarray(np.argmax(gain >= gain.max(axis=-1, keepdims=True) - 1e-9, axis=-1), dtype=np.intp)
