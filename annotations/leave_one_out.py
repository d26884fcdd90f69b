"""Each rater against the other raters, and what a person reaches on average: the human ceiling.

In comments: B resamples, C images, I items, N ratings, R raters, V distinct values.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy import sparse

from annotations.correlation import MIN_ITEMS, Statistic
from annotations.errors import InvalidScoresError
from annotations.kappa import MIN_SHARED
from annotations.long_form import Level, Ratings, Value, as_ratings
from annotations.resampled import MEASURES, Coefficient
from annotations.resampling import Counts, Floats, check_options, draw_blocks, percentile_interval
from annotations.within_groups import Policy, mean_over_groups, within_groups

Over = Literal["pooled", "per_image", "per_image_zero"]

# Bounds the memory of one step to some tens of megabytes.
_CELLS_AT_ONCE: Final = 2_000_000


@dataclass(frozen=True)
class RaterAgreement:
    """One rater against the others.

    Attributes:
        statistic: The agreement with the others on the items that somebody else has rated too.
        n_tied: Items on which the others' majority is tied between several answers; 0 for scales.
    """

    statistic: Statistic
    n_tied: int


@dataclass(frozen=True)
class LeaveOneOut:
    """Every rater against the others, and what a person reaches on average.

    Attributes:
        measure: The name of the coefficient for scales, in [-1, 1]; "accuracy" for names, in [0, 1].
        raters: Each rater's agreement, in the order in which they first come.
        human_ceiling: Mean over the raters that have a value; its n counts the items that two have rated.
        n_raters: How many raters have a value.
        n_groups: Images that those items are of.
        n_resamples: Resamples asked for.
        confidence: Of the intervals, for example 0.95.
        seed: Of the resamples.
    """

    measure: str
    raters: dict[Hashable, RaterAgreement]
    human_ceiling: Statistic
    n_raters: int
    n_groups: int
    n_resamples: int
    confidence: float
    seed: int


def leave_one_out(
    items: Sequence[Hashable],
    raters: Sequence[Hashable],
    values: Sequence[Value],
    *,
    groups: Sequence[Hashable],
    level: Level,
    coefficient: Coefficient = "spearman_rho",
    over: Over = "pooled",
    min_items: int = MIN_SHARED,
    n_resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> LeaveOneOut:
    """Hold each rater against the others, and estimate the human ceiling with an interval over images.

    On ordinal and interval levels the agreement is a correlation with the mean of the others' answers; on the
    nominal level it is the share of items on which the rater gives the others' majority answer. Where k
    answers of the others tie for the majority, giving one of them counts 1/k; such items are counted.

    Args:
        items: (N,) what was rated: a caption, or a caption and one of its units.
        raters: (N,) who rated it; the same rater at most once an item.
        values: (N,) the answers; None and NaN are no answer. Strings with the nominal level only.
        groups: (N,) the image of each item; images are resampled whole, for all raters at once.
        level: "nominal", "ordinal" or "interval"; the last two are computed alike.
        coefficient: Of scales; the nominal level has none.
        over: "pooled" over all items of a rater; or the mean of the values inside images, those where one
            side is constant dropped ("per_image") or counted as 0 ("per_image_zero"). Of scales too.
        min_items: Shared items below which a rater has no value, at least 3.
        n_resamples: How many resamples to draw; 0 for no intervals.
        confidence: Of the intervals, between 0 and 1.
        seed: Of the resamples; the same seed and the same data in the same order give the same intervals.

    Returns:
        The agreement of each rater and the ceiling, the plain mean over the raters that have a value. A value
        is NaN, with the reason as its note, on too few shared items, and for scales where the rater's answers
        or the others' means are all equal. In a resample the ceiling is the mean over the raters that have a
        value there.

    Raises:
        InvalidScoresError: If the lengths differ, a rater has rated an item twice, an item stands under two
            images, a value does not fit the level, or an option is out of range.

    Source:
        ours: docs/ratings.md, Agreement between raters.
    """
    check_options(n_resamples, confidence)
    if min_items < MIN_ITEMS:
        raise InvalidScoresError(f"min_items must be at least {MIN_ITEMS}; got {min_items}")
    if coefficient not in MEASURES or over not in get_args(Over):
        raise InvalidScoresError(
            f"no human ceiling in {coefficient!r} {over!r}; there are {', '.join(MEASURES)}; "
            f"{', '.join(get_args(Over))}"
        )
    every = as_ratings(items, raters, values, groups=groups, level=level)
    shared = every.shared()
    credit, others, tied = _against_others(shared, level)
    own = shared.places[shared.value]
    rows = [np.flatnonzero(shared.rater == rater) for rater in range(len(every.raters))]
    reasons = [_undefined(own[row], others[row], level, min_items) for row in rows]
    inside: dict[int, _Inside] = {}
    if over != "pooled" and level != "nominal":
        inside = {
            rater: _inside(own[row], others[row], shared.group[row], coefficient)
            for rater, row in enumerate(rows)
            if not reasons[rater]
        }
        for rater, of_images in inside.items():
            if np.isnan(of_images.values).all():
                reasons[rater] = "none of the rater's images has two items that differ on both sides"
    measured = [rater for rater, reason in enumerate(reasons) if not reason]
    n_groups = len(shared.groups)
    cells = {rater: _cells(own[rows[rater]], others[rows[rater]]) for rater in measured}
    blocks = []
    for draws in draw_blocks(n_groups, n_resamples=n_resamples if measured else 0, seed=seed):
        block = np.full((len(draws), len(rows)), np.nan)
        if level == "nominal":
            block[:, measured] = _accuracies(draws, credit, shared, len(rows))[:, measured]
        elif inside:
            for rater in measured:
                of = inside[rater]
                policy: Policy = "drop" if over == "per_image" else "zero"
                block[:, rater] = mean_over_groups(of.values, of.sizes, draws[:, of.images], policy)
        else:
            for rater in measured:
                own_answers, mean_answers, cell = cells[rater]
                counts = _per_cell(draws, shared.group[rows[rater]], cell, len(own_answers))
                block[:, rater] = MEASURES[coefficient](
                    own_answers, mean_answers, counts, np.arange(len(own_answers))
                )
        blocks.append(block)
    values_of = np.concatenate(blocks)  # (1 + B, R); the first row is the data itself
    compared = {
        name: RaterAgreement(
            statistic=_statistic(
                values_of[:, rater],
                n=len(rows[rater]),
                n_groups=len(np.unique(shared.group[rows[rater]])),
                confidence=confidence,
                reason=reasons[rater],
                otherwise="none of the rater's images is drawn, or one side is constant",
            ),
            n_tied=int(tied[rows[rater]].sum()),
        )
        for rater, name in enumerate(every.raters)
    }
    return LeaveOneOut(
        measure="accuracy" if level == "nominal" else coefficient,
        raters=compared,
        human_ceiling=_ceiling(values_of, measured, shared, confidence),
        n_raters=len(measured),
        n_groups=n_groups,
        n_resamples=n_resamples,
        confidence=confidence,
        seed=seed,
    )


@dataclass(frozen=True)
class _Inside:
    """A rater's coefficient inside each of the rater's images: (G,) images, items of each, and values."""

    images: Counts
    sizes: Counts
    values: Floats


def _inside(own: Floats, others: Floats, group: Counts, coefficient: Coefficient) -> _Inside:
    images, number = np.unique(group, return_inverse=True)
    values = within_groups(own, others, number, len(images))[coefficient]
    return _Inside(images, np.bincount(number), values)


def _ceiling(values: Floats, measured: list[int], shared: Ratings, confidence: float) -> Statistic:
    """Average over the raters that have a value, on the data and on each resample."""
    n_raters = values.shape[1]
    reason = ""
    if n_raters < 2:
        reason = f"a human ceiling needs two raters; there {'is' if n_raters else 'are'} {n_raters}"
    elif not measured:
        reason = f"none of the {n_raters} raters has a value"
    present = ~np.isnan(values)
    means = np.where(present, values, 0).sum(axis=1) / np.maximum(present.sum(axis=1), 1)
    means[~present.any(axis=1)] = np.nan
    statistic = _statistic(
        means,
        n=len(np.unique(shared.item)),
        n_groups=len(shared.groups),
        confidence=confidence,
        reason=reason,
        otherwise="no rater has one",
    )
    left_out = n_raters - len(measured)
    if reason or not left_out:
        return statistic
    note = f"{left_out} of {n_raters} raters have no value and are left out"
    return replace(statistic, note="; ".join(part for part in (note, statistic.note) if part))


def _statistic(
    values: Floats, *, n: int, n_groups: int, confidence: float, reason: str, otherwise: str
) -> Statistic:
    if reason:
        return Statistic(math.nan, n, math.nan, math.nan, reason)
    low, high, note = percentile_interval(values[1:], confidence, n_groups=n_groups, otherwise=otherwise)
    return Statistic(float(values[0]), n, low, high, note)


def _undefined(own: Floats, others: Floats, level: Level, min_items: int) -> str:
    if len(own) < min_items:
        return f"needs at least {min_items} items that somebody else rated too; there are {len(own)}"
    if level == "nominal":
        return ""
    if (own == own[0]).all():
        return "the rater's answers are all equal"
    if (others == others[0]).all():
        return "the means of the others' answers are all equal"
    return ""


def _against_others(shared: Ratings, level: Level) -> tuple[Floats, Floats, npt.NDArray[np.bool_]]:
    """Find each rating's credit, the mean of the others, and whether their majority is tied: (N,) each."""
    nothing = np.zeros(len(shared))
    if level == "nominal":
        credit, tied = _majority_credit(shared)
        return credit, nothing, tied
    own = shared.places[shared.value]
    total = np.bincount(shared.item, weights=own)
    others = (total[shared.item] - own) / (np.bincount(shared.item)[shared.item] - 1)
    # Means that are equal on paper may differ in their last digit, and would no longer tie.
    return nothing, np.round(others, 12), nothing.astype(bool)


def _majority_credit(shared: Ratings) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Credit each rating for giving the others' majority answer, shared out where several tie: (N,)."""
    n_values = len(shared.levels)
    if n_values == 0:
        return np.zeros(0), np.zeros(0, dtype=bool)
    _, item = np.unique(shared.item, return_inverse=True)
    given = sparse.csr_array((np.ones(len(item)), (item, shared.value)), shape=(len(shared), n_values))
    credit, tied = np.zeros(len(item)), np.zeros(len(item), dtype=bool)
    step = max(1, _CELLS_AT_ONCE // n_values)
    for start in range(0, len(item), step):
        rows = slice(start, start + step)
        others = given[item[rows]].toarray()  # (n, V)
        each = np.arange(len(others))
        others[each, shared.value[rows]] -= 1
        most = others == others.max(axis=1, keepdims=True)
        tied[rows] = most.sum(axis=1) > 1
        credit[rows] = most[each, shared.value[rows]] / most.sum(axis=1)
    return credit, tied


def _cells(own: Floats, others: Floats) -> tuple[Floats, Floats, npt.NDArray[np.intp]]:
    """Put items with the same two answers together: both answers of each cell, and the cell of each item.

    On a scale of five there are few cells however many the items, which makes resampling that much faster.
    """
    distinct, cell = np.unique(np.stack([own, others]), axis=1, return_inverse=True)
    return distinct[0], distinct[1], cell.reshape(-1)


def _per_cell(draws: Counts, group: Counts, cell: npt.NDArray[np.intp], n_cells: int) -> Counts:
    """Count how many items of each cell are drawn in each resample: (B, cells)."""
    used, column = np.unique(group, return_inverse=True)
    ones = np.ones(len(cell), dtype=np.int64)
    table = sparse.csr_array((ones, (column, cell)), shape=(len(used), n_cells))
    return np.asarray(draws[:, used] @ table)


def _accuracies(draws: Counts, credit: Floats, shared: Ratings, n_raters: int) -> Floats:
    """Compute each rater's mean credit on each resample: (B, R); NaN where none of the rater's images is."""
    shape = (draws.shape[1], n_raters)
    weights = draws.astype(np.float64)
    where = (shared.group, shared.rater)
    met = np.asarray(weights @ sparse.csr_array((credit, where), shape=shape))
    of = np.asarray(weights @ sparse.csr_array((np.ones(len(credit)), where), shape=shape))
    return np.where(of > 0, met / np.maximum(of, 1), np.nan)
