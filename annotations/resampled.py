"""Pearson, Spearman and Kendall on many resamples at once, none of which is laid out item by item.

All take (N,) human scores, (N,) metric scores, how often each image was drawn in each resample (B, C), and
the image of each item (N,); all give (B,) values, NaN where one side of a resample is constant or nothing is
drawn. An image that is drawn twice counts as two images that happen to be alike. Draws may be weights as
well, at least 1 where an image is drawn: an item counts as much, and a pair as much as the product of both.

In comments: B resamples, b of them at a time, C images (clusters), N items, V distinct values.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from annotations.concordance import concordance, item_weights, running_sums
from annotations.resampling import Counts, Draws, Floats

Measure = Callable[[Floats, Floats, Draws, Counts], Floats]
Coefficient = Literal["pearson_r", "spearman_rho", "kendall_tau_b", "kendall_tau_c"]

# Below this share of the sum of squares a variance has lost digits, and is computed again the slow way.
_CANCELLED: Final = 1e-6
# Bounds the memory of one step of the slow way to some tens of megabytes.
_CELLS_AT_ONCE: Final = 2_000_000


def resampled_pearson(human: Floats, metric: Floats, draws: Draws, cluster: Counts) -> Floats:
    """Compute Pearson's r on each resample, from sums over images.

    Args:
        human: (N,) finite values.
        metric: (N,) finite values.
        draws: (B, C) how often each image was drawn.
        cluster: (N,) the image of each item, from 0 to C - 1.

    Returns:
        (B,) in [-1, 1]; NaN where one side of a resample is constant, and where none of its images is here.
    """
    if len(human) == 0:
        return np.full(len(draws), np.nan)
    x, y = _centred(human), _centred(metric)
    powers = np.stack([np.ones(len(x)), x, y, x * x, y * y, x * y])
    moments = np.stack([np.bincount(cluster, row, minlength=draws.shape[1]) for row in powers], axis=1)
    step = max(1, _CELLS_AT_ONCE // draws.shape[1])
    blocks = [draws[at : at + step].astype(np.float64) @ moments for at in range(0, len(draws), step)]
    n, sum_x, sum_y, xx, yy, xy = np.concatenate(blocks).T  # (B,) each
    at_least_one = np.maximum(n, 1)
    var_x, var_y = xx - sum_x**2 / at_least_one, yy - sum_y**2 / at_least_one
    certain = (var_x > _CANCELLED * xx) & (var_y > _CANCELLED * yy)
    spread = np.sqrt(np.where(certain, var_x, 0)) * np.sqrt(np.where(certain, var_y, 0))
    result = _ratio(xy - sum_x * sum_y / at_least_one, spread, certain)
    again = np.flatnonzero(np.isnan(result))
    step = max(1, _CELLS_AT_ONCE // len(x))
    for start in range(0, len(again), step):
        rows = again[start : start + step]
        result[rows] = _slow_pearson(human, metric, draws[rows][:, cluster].astype(np.float64))
    return result


def _centred(values: Floats) -> Floats:
    values = unit_scale(values)
    return unit_scale(values - values.mean())


def unit_scale(values: Floats) -> Floats:
    """Multiply by a power of two so that the largest magnitude lies in [0.5, 1): exact, ties stay ties."""
    _, exponent = np.frexp(np.abs(values).max())
    return np.ldexp(values, -int(exponent))


def _slow_pearson(human: Floats, metric: Floats, weights: Floats) -> Floats:
    """Compute Pearson's r under (B, N) weights, each resample centred on its own mean: (B,)."""
    x, y = unit_scale(human), unit_scale(metric)
    total = np.maximum(weights.sum(axis=1, keepdims=True), 1)  # (B, 1); a resample may miss every item
    x = x - (weights * x).sum(axis=1, keepdims=True) / total  # (B, N)
    y = y - (weights * y).sum(axis=1, keepdims=True) / total
    # Products of very small deviations vanish; scaled by their own magnitude they do not.
    x, y = unit_scale(x), unit_scale(y)
    spread = np.sqrt((weights * x * x).sum(axis=1)) * np.sqrt((weights * y * y).sum(axis=1))  # (B,)
    return _ratio((weights * x * y).sum(axis=1), spread, _varies(human, weights) & _varies(metric, weights))


def _varies(values: Floats, weights: Floats) -> npt.NDArray[np.bool_]:
    """Tell for each resample whether it holds two different values: (B,)."""
    drawn = weights > 0
    high = np.where(drawn, values, -np.inf).max(axis=1)
    low = np.where(drawn, values, np.inf).min(axis=1)
    return np.asarray(high > low)


@dataclass(frozen=True)
class _Sorted:
    """Items in growing order of one side's values.

    Attributes:
        order: (N,) the items.
        first: (N,) of each item, where the run of its value begins in that order.
        last: (N,) where that run ends.
        begins: (V,) where each run begins, and after all of them N: (V + 1,).
    """

    order: npt.NDArray[np.intp]
    first: npt.NDArray[np.intp]
    last: npt.NDArray[np.intp]
    begins: npt.NDArray[np.intp]


def _sort(values: Floats) -> _Sorted:
    distinct, position = np.unique(values, return_inverse=True)
    order = np.argsort(position, kind="stable")
    begins = np.searchsorted(position[order], np.arange(len(distinct) + 1))
    return _Sorted(order, begins[position], begins[position + 1], begins)


def resampled_spearman(human: Floats, metric: Floats, draws: Draws, cluster: Counts) -> Floats:
    """Compute Spearman's rho on each resample: Pearson's r of ranks in which ties share their mean.

    Args:
        human: (N,) finite values.
        metric: (N,) finite values.
        draws: (B, C) how often each image was drawn.
        cluster: (N,) the image of each item, from 0 to C - 1.

    Returns:
        (B,) in [-1, 1]; NaN where one side of a resample is constant, and where none of its images is here.
    """
    result = np.full(len(draws), np.nan)
    sides = [_sort(values) for values in (human, metric)]
    for rows, of_image in item_weights(draws, len(human)):
        product, cubes = np.take(of_image, cluster, axis=0), []  # (N, b)
        for side in sides:
            sums = running_sums(np.take(of_image, cluster[side.order], axis=0))  # (N + 1, b)
            # What stands below an item and below the next larger value: twice its mean rank.
            ranks = np.take(sums, side.first, axis=0)
            ranks += np.take(sums, side.last, axis=0)
            product *= ranks
            times = np.diff(np.take(sums, side.begins, axis=0), axis=0)  # (V, b) how often each value stands
            cubes.append(np.einsum("vb,vb->b", times * times, times))
        n = sums[-1]
        spread = np.sqrt(n * n * n - cubes[0]) * np.sqrt(n * n * n - cubes[1]) / 3
        result[rows] = _ratio(product.sum(axis=0) - n * n * n, spread, spread > 0)
    return result


def resampled_kendall(human: Floats, metric: Floats, draws: Draws, cluster: Counts) -> tuple[Floats, Floats]:
    """Compute Kendall's tau-b and Stuart's tau-c on each resample.

    Args:
        human: (N,) finite values.
        metric: (N,) finite values.
        draws: (B, C) how often each image was drawn.
        cluster: (N,) the image of each item, from 0 to C - 1.

    Returns:
        (B,) tau-b and (B,) tau-c, in [-1, 1]; NaN where one side of a resample is constant, and where none of
        its images is here. Tau-c takes the number of levels that the resample has.
    """
    squares, levels = np.zeros((2, len(draws))), np.zeros((2, len(draws)))
    n = np.zeros(len(draws))
    sides = [_sort(values) for values in (human, metric)]
    for rows, of_image in item_weights(draws, len(human)):
        for number, side in enumerate(sides):
            times = np.take(of_image, cluster[side.order], axis=0)  # (N, b)
            if len(side.begins) <= len(human):
                times = np.add.reduceat(times, side.begins[:-1], axis=0)  # (V, b) how often each value stands
            squares[number, rows] = np.einsum("vb,vb->b", times, times)
            levels[number, rows] = np.count_nonzero(times, axis=0)
            n[rows] = times.sum(axis=0)
    balance = 2 * concordance(human, metric, draws, cluster)
    # Pairs in both orders, and each item with itself, which is tied.
    untied = np.sqrt(n * n - squares[0]) * np.sqrt(n * n - squares[1])
    fewer = levels.min(axis=0)
    share = np.where(fewer > 1, (fewer - 1) / np.maximum(fewer, 1), 0)
    return _ratio(balance, untied, untied > 0), _ratio(balance, n * n * share, share > 0)


def resampled_kendall_b(human: Floats, metric: Floats, draws: Draws, cluster: Counts) -> Floats:
    """Compute Kendall's tau-b on each resample: see `resampled_kendall`."""
    return resampled_kendall(human, metric, draws, cluster)[0]


def resampled_kendall_c(human: Floats, metric: Floats, draws: Draws, cluster: Counts) -> Floats:
    """Compute Stuart's tau-c on each resample: see `resampled_kendall`."""
    return resampled_kendall(human, metric, draws, cluster)[1]


MEASURES: Final[dict[str, Measure]] = {
    "pearson_r": resampled_pearson,
    "spearman_rho": resampled_spearman,
    "kendall_tau_b": resampled_kendall_b,
    "kendall_tau_c": resampled_kendall_c,
}
"""What can be computed over all items of a resample, by name."""


def _ratio(numerator: Floats, denominator: Floats, defined: npt.NDArray[np.bool_]) -> Floats:
    """Divide where there is something to divide by; rounding must not lead out of [-1, 1]."""
    result = np.full(len(numerator), np.nan)
    defined = defined & (denominator > 0)
    result[defined] = np.clip(numerator[defined] / denominator[defined], -1, 1)
    return result
