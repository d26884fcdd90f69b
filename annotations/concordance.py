"""How many pairs of items stand in the same order on both sides, less those in opposite order, on resamples.

A resample weighs each item by how often its image was drawn, so a pair counts as often as the product of its
two weights. Two ways lead to the same whole numbers. The sorted way takes B N log V steps: the items are
split in two by their human score, and split again, and in each split every item of the upper half looks up
how much weight of the lower half stands below and above it by the metric; that is one running sum. The other
way compares every two items once, adds that up for every two images, and multiplies matrices: C steps squared
for each resample, but very fast ones. Which is taken depends on the sizes alone.

In comments: B resamples, b of them at a time, C images (clusters), N items, V distinct human scores.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from annotations.resampling import Counts, Draws, Floats
from annotations.stopping import end_if_over

# A block of N by b numbers of about a megabyte stays in the processor's cache.
_CELLS_IN_CACHE: Final = 131_072
# Bounds the memory of one step of comparing all pairs.
_CELLS_AT_ONCE: Final = 2_000_000
# Measured, in multiplications of a matrix product: a step of the sorted way, and comparing two items.
_COST_OF_A_STEP: Final = 230
_COST_OF_A_COMPARISON: Final = 760

_Places = npt.NDArray[np.intp]
PairValues = Callable[[slice], npt.NDArray[np.floating]]


def item_weights(draws: Draws, n_items: int) -> Iterator[tuple[slice, Floats]]:
    """Turn draws into columns of weights, a few resamples at a time.

    Args:
        draws: (B, C) how often each image was drawn.
        n_items: N, which says how many resamples fit into the cache.

    Yields:
        Which resamples these are, and (C, b) their weights; row `cluster[i]` is that of item i.
    """
    step = max(8, _CELLS_IN_CACHE // max(1, n_items))
    for start in range(0, len(draws), step):
        end_if_over()
        rows = slice(start, start + step)
        yield rows, np.ascontiguousarray(draws[rows].T, dtype=np.float64)


def running_sums(weights: Floats) -> Floats:
    """Add up (n, b) weights down the rows, with nothing in front: (n + 1, b)."""
    sums = np.zeros((len(weights) + 1, weights.shape[1]))
    np.cumsum(weights, axis=0, out=sums[1:])
    return sums


def concordance(human: Floats, metric: Floats, draws: Draws, cluster: Counts) -> Floats:
    """Count concordant less discordant pairs on each resample, each pair once.

    Args:
        human: (N,) finite values.
        metric: (N,) finite values.
        draws: (B, C) how often each image was drawn.
        cluster: (N,) the image of each item, from 0 to C - 1.

    Returns:
        (B,) whole numbers. Pairs that are tied on either side count nothing, and so do copies of one item.

    Source:
        ours: docs/analysis.md, Correlation. The sorted way is the merge sort of Knight, A computer method for
        calculating Kendall's tau with ungrouped data, 1966, with weights and with ties.
    """
    x, y = (np.unique(values, return_inverse=True)[1] for values in (human, metric))
    n_depths = max(1, int(x.max(initial=0)).bit_length())
    by_sorting = _COST_OF_A_STEP * len(draws) * len(x) * n_depths
    by_products = len(draws) * draws.shape[1] ** 2 + _COST_OF_A_COMPARISON * len(x) ** 2
    if by_sorting < by_products:
        return _by_sorting(x, y, draws, cluster)
    return _by_products(x, y, draws, cluster)


@dataclass(frozen=True)
class _Split:
    """One depth of the splits: every part is cut in two by the human score, and both halves meet.

    Attributes:
        lower: (n,) items of the lower halves, by part and then by metric.
        upper: (m,) items of the upper halves of parts that have a lower one.
        first: (m,) where the part of each upper item begins among the lower ones.
        below: (m,) up to where the lower items of its part have smaller metric scores.
        above: (m,) from where they have larger ones.
        last: (m,) where its part ends among the lower ones.
    """

    lower: _Places
    upper: _Places
    first: _Places
    below: _Places
    above: _Places
    last: _Places


def _splits(x: _Places, y: _Places) -> Iterator[_Split]:
    """Cut by one binary digit of the human rank after the other, the highest first."""
    n_levels = int(y.max(initial=0)) + 1
    by_metric = np.argsort(y, kind="stable")
    for digit in reversed(range(int(x.max(initial=0)).bit_length())):
        part = x >> (digit + 1)
        is_upper = (x >> digit) & 1 == 1
        place = part * n_levels + y  # by part, then by metric
        # They stand by metric already, and numbers of 16 bits are sorted in as many steps as there are.
        narrow = part.astype(np.uint16 if part.max(initial=0) < 2**16 else np.int64)
        in_order = by_metric[np.argsort(narrow[by_metric], kind="stable")]
        lower, upper = in_order[~is_upper[in_order]], in_order[is_upper[in_order]]
        begins, ends = part[upper] * n_levels, (part[upper] + 1) * n_levels
        first, last = np.searchsorted(place[lower], begins), np.searchsorted(place[lower], ends)
        meets = last > first
        upper, first, last = upper[meets], first[meets], last[meets]
        if len(upper):
            below = np.searchsorted(place[lower], place[upper])
            above = np.searchsorted(place[lower], place[upper], side="right")
            yield _Split(lower, upper, first, below, above, last)


def _by_sorting(x: _Places, y: _Places, draws: Draws, cluster: Counts) -> Floats:
    splits = list(_splits(x, y))
    result = np.zeros(len(draws))
    for rows, of_image in item_weights(draws, len(x)):
        for split in splits:
            sums = running_sums(np.take(of_image, cluster[split.lower], axis=0))  # (n + 1, b)
            upper = np.take(of_image, cluster[split.upper], axis=0)  # (m, b)
            balance = np.take(sums, split.below, axis=0)
            balance += np.take(sums, split.above, axis=0)
            balance -= np.take(sums, split.first, axis=0)
            balance -= np.take(sums, split.last, axis=0)
            result[rows] += np.einsum("ib,ib->b", upper, balance)
    return result


def _by_products(x: _Places, y: _Places, draws: Draws, cluster: Counts) -> Floats:
    by_image = np.argsort(cluster, kind="stable")
    x, y = x[by_image], y[by_image]
    starts = np.searchsorted(cluster[by_image], np.arange(draws.shape[1]))  # (C,)

    def signs(rows: slice) -> npt.NDArray[np.float32]:
        order = np.sign(x[rows, None] - x[None, :]) * np.sign(y[rows, None] - y[None, :])
        return np.asarray(order, dtype=np.float32)

    return quadratic_form(signs, starts, len(x), draws) / 2


def quadratic_form(
    compare: PairValues, starts: _Places, n_items: int, draws: Draws, *, copies: bool = True
) -> Floats:
    """Add up a symmetric value of pairs of items over all pairs of each resample, in both orders.

    Args:
        compare: Gives the values of some rows of items, sorted by image, against all items: (n, N).
        starts: (C,) where each image's items begin.
        n_items: N.
        draws: (B, C) how often each image was drawn.
        copies: Whether copies of one image meet each other. If not, items of one image meet in each copy
            alone.

    Returns:
        (B,) the sums. They are exact for small whole values.
    """
    present = np.append(starts, n_items)[1:] > starts  # reduceat wants no empty image
    used = np.flatnonzero(present)
    begins = starts[used]
    ends = np.append(begins, n_items)[1:]
    # Whole numbers below 2**24 are exact in float32, which takes half the time of float64.
    counts = draws[:, used].astype(np.float32)
    result = np.zeros(len(draws))
    step = max(1, min(512, _CELLS_AT_ONCE * max(1, len(used)) // max(1, n_items) ** 2))
    for first in range(0, len(used), step):
        end_if_over()
        few = slice(first, min(first + step, len(used)))
        sums = compare(slice(int(begins[few][0]), int(ends[few][-1]))).astype(np.float32, copy=False)
        if len(used) < n_items:
            sums = np.add.reduceat(sums, begins, axis=1)
            sums = np.add.reduceat(sums, begins[few] - begins[few][0], axis=0)  # (n, C)
        # The matrix is symmetric: the square on its diagonal, and twice what stands to the right of it.
        square = counts[:, few] @ sums[:, few].T
        if few.stop < len(used):
            square += 2 * (counts[:, few.stop :] @ sums[:, few.stop :].T)
        square *= counts[:, few]
        result += square.sum(axis=1, dtype=np.float64)
        if not copies:
            within = sums[np.arange(few.stop - first), np.arange(first, few.stop)].astype(np.float64)
            result -= (counts[:, few] * (counts[:, few] - 1)).astype(np.float64) @ within
    return result
