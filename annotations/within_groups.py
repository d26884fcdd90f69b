"""Coefficients inside each group (an image), for thousands of small groups at once, and their mean.

In comments: B resamples, C images, G groups, N items, P pairs of items of one group.
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from annotations.long_form import meetings
from annotations.resampling import Counts, Floats

Policy = Literal["drop", "zero"]
POLICIES: Final[tuple[Policy, Policy]] = ("drop", "zero")

# Bounds the memory of one step to some tens of megabytes.
_CELLS_AT_ONCE: Final = 2_000_000

MIN_IN_GROUP: Final = 2
"""A group with fewer items has no pair to compare and is left out under either policy."""


@dataclass(frozen=True)
class Pairs:
    """Every two items that share a group, each two once.

    Attributes:
        group: (P,) their group.
        human: (P,) human score of the one less that of the other.
        metric: (P,) the same of the metric.
    """

    group: Counts
    human: Floats
    metric: Floats


def pairs_within(human: Floats, metric: Floats, group: Counts) -> Pairs:
    """Find every two items that share a group.

    Args:
        human: (N,) finite values.
        metric: (N,) finite values.
        group: (N,) number of each item's group.

    Returns:
        The pairs.
    """
    order = np.argsort(group, kind="stable")
    human, metric, group = human[order], metric[order], group[order]
    found = list(meetings(group))
    one = np.concatenate([np.zeros(0, dtype=np.int64), *(pair[0] for pair in found)])
    other = np.concatenate([np.zeros(0, dtype=np.int64), *(pair[1] for pair in found)])
    return Pairs(group[one], human[one] - human[other], metric[one] - metric[other])


def within_groups(human: Floats, metric: Floats, group: Counts, n_groups: int) -> dict[str, Floats]:
    """Compute the four correlations inside each group.

    Args:
        human: (N,) finite values.
        metric: (N,) finite values.
        group: (N,) number of each item's group, from 0 to G - 1.
        n_groups: G.

    Returns:
        By name, (G,) values in [-1, 1]. NaN where the group has one item or none, or one side is constant in
        it. Two items that differ on both sides correlate perfectly, as published evaluations have it.
    """
    varies = _varies(human, group, n_groups) & _varies(metric, group, n_groups)
    pairs = pairs_within(human, metric, group)
    balance = _per_group(np.sign(pairs.human) * np.sign(pairs.metric), pairs.group, n_groups)
    untied_x = _per_group(pairs.human != 0, pairs.group, n_groups)
    untied_y = _per_group(pairs.metric != 0, pairs.group, n_groups)
    size = np.bincount(group, minlength=n_groups).astype(np.float64)
    fewer = np.minimum(_distinct(human, group, n_groups), _distinct(metric, group, n_groups))
    return {
        "pearson_r": _pearson(human, metric, group, varies),
        "spearman_rho": _pearson(
            _mid_ranks(human, group, n_groups), _mid_ranks(metric, group, n_groups), group, varies
        ),
        "kendall_tau_b": _divide(balance, np.sqrt(untied_x * untied_y), varies),
        "kendall_tau_c": _divide(2 * balance, size**2 * (fewer - 1) / np.maximum(fewer, 1), varies),
    }


def mean_over_groups(values: Floats, sizes: Counts, draws: Counts, policy: Policy) -> Floats:
    """Average over groups on each resample, each group counting as often as it was drawn.

    Args:
        values: (G,) or (G, k) the value or values inside each group; NaN where it has none.
        sizes: (G,) items of each group.
        draws: (B, G) how often each group was drawn.
        policy: "drop" leaves groups without a value out, "zero" counts them as 0. Groups of fewer than two
            items are left out in either case.

    Returns:
        (B,) or (B, k) means; NaN where no group is left.
    """
    columns = values[:, None] if values.ndim == 1 else values
    filled, counted = _fill(columns, sizes[:, None], policy)
    both = np.concatenate([filled, counted], axis=1)
    step = max(1, _CELLS_AT_ONCE // max(1, len(values)))
    sums = np.concatenate(
        [draws[at : at + step].astype(np.float64) @ both for at in range(0, len(draws), step)]
    )
    total, n = np.split(sums, 2, axis=1)
    return np.where(n > 0, total / np.maximum(n, 1), np.nan).reshape(len(draws), *values.shape[1:])


def mean_of_rows(values: Floats, sizes: Counts, policy: Policy) -> Floats:
    """Average over groups whose values differ from resample to resample.

    Args:
        values: (B, G) the value inside each group; NaN where it has none.
        sizes: (G,) items of each group.
        policy: As in `mean_over_groups`.

    Returns:
        (B,) means; NaN where no group is left.
    """
    filled, counted = _fill(values, sizes, policy)
    total, n = filled.sum(axis=1), counted.sum(axis=1)
    return np.where(n > 0, total / np.maximum(n, 1), np.nan)


def _fill(values: Floats, sizes: Counts, policy: Policy) -> tuple[Floats, Floats]:
    """Put 0 where there is no value, and say what counts."""
    defined = ~np.isnan(values)
    counted = defined | (sizes >= MIN_IN_GROUP) if policy == "zero" else defined
    return np.where(defined, values, 0), counted.astype(np.float64)


def _per_group(values: npt.NDArray[np.generic], group: Counts, n_groups: int) -> Floats:
    return np.bincount(group, weights=values.astype(np.float64), minlength=n_groups).astype(np.float64)


def _varies(values: Floats, group: Counts, n_groups: int) -> npt.NDArray[np.bool_]:
    high, low = np.full(n_groups, -np.inf), np.full(n_groups, np.inf)
    np.maximum.at(high, group, values)
    np.minimum.at(low, group, values)
    return np.asarray(high > low)


def _distinct(values: Floats, group: Counts, n_groups: int) -> Floats:
    """Count the different values in each group: (G,)."""
    order = np.lexsort((values, group))
    values, group = values[order], group[order]
    is_new = np.append(True, (values[1:] != values[:-1]) | (group[1:] != group[:-1]))[: len(values)]
    return _per_group(is_new, group, n_groups)


def _mid_ranks(values: Floats, group: Counts, n_groups: int) -> Floats:
    """Rank items in their groups; ties share the mean rank: (N,). Ranks go on from group to group."""
    order = np.lexsort((values, group))
    ordered, sorted_group = values[order], group[order]
    is_new = np.append(True, (ordered[1:] != ordered[:-1]) | (sorted_group[1:] != sorted_group[:-1]))
    run = np.cumsum(is_new[: len(values)]) - 1
    begins = np.append(np.flatnonzero(is_new[: len(values)]), len(values))
    ranks = np.empty(len(values))
    ranks[order] = (begins[run] + begins[run + 1]) / 2
    sizes = np.bincount(group, minlength=n_groups)
    return ranks - (np.cumsum(sizes) - sizes)[group]


def _pearson(x: Floats, y: Floats, group: Counts, varies: npt.NDArray[np.bool_]) -> Floats:
    x, y = (_deviations(values, group, len(varies)) for values in (x, y))
    xx, yy, xy = (_per_group(product, group, len(varies)) for product in (x * x, y * y, x * y))
    return _divide(xy, np.sqrt(xx) * np.sqrt(yy), varies)


def _deviations(values: Floats, group: Counts, n_groups: int) -> Floats:
    """Subtract each group's mean and divide by its largest deviation: (N,)."""
    sizes = np.maximum(np.bincount(group, minlength=n_groups), 1)
    # Centred as a whole first, so that a mean far from zero costs no digits.
    values = values - values.mean() if len(values) else values
    values = values - (_per_group(values, group, n_groups) / sizes)[group]
    largest = np.zeros(n_groups)
    np.maximum.at(largest, group, np.abs(values))
    return np.asarray(values / np.where(largest > 0, largest, 1)[group])


def _divide(numerator: Floats, denominator: Floats, defined: npt.NDArray[np.bool_]) -> Floats:
    result = np.full(len(numerator), np.nan)
    defined = defined & (denominator > 0)
    result[defined] = np.clip(numerator[defined] / denominator[defined], -1, 1)
    return result
