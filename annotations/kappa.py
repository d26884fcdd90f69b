"""How far two raters agree beyond chance: Cohen's kappa, weighted or not, for one pair and for all pairs.

In comments: M meetings of two raters on an item, Q pairs of raters, R raters, V distinct values.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
import numpy.typing as npt

from annotations.errors import InvalidScoresError
from annotations.long_form import Ratings, Value, as_ratings, meetings
from annotations.resampling import Counts, Floats

Weights = Literal["none", "linear", "quadratic"]

MIN_SHARED: Final = 10
"""Below this number of shared items two raters are not compared unless another minimum is asked for."""

# Bounds the memory of one step to some tens of megabytes.
_CELLS_AT_ONCE: Final = 2_000_000


@dataclass(frozen=True)
class Kappa:
    """Agreement of two raters.

    Attributes:
        value: At most 1, which is perfect agreement; 0 is what chance gives; NaN where it is not defined.
        n_items: Items that both rated.
        agreement: Share of them with equal answers; NaN without any.
        note: Why the value is NaN or 0 by construction; otherwise empty.
    """

    value: float
    n_items: int
    agreement: float
    note: str


@dataclass(frozen=True)
class KappaMatrix:
    """Agreement of every two raters.

    Attributes:
        raters: R names, in the order in which they first come.
        value: (R, R) kappa, symmetric; NaN on the diagonal and where it is not defined.
        n_items: (R, R) items that both rated; on the diagonal, items that the rater rated.
        pairs: What is known of each two raters with an item in common; the first one comes first in `raters`.
        mean: Mean of the kappas that are defined (Light's kappa); NaN without any.
        n_defined: How many are.
        note: How many pairs are left out of the mean; empty when none is.
    """

    raters: tuple[Hashable, ...]
    value: Floats
    n_items: Counts
    pairs: dict[tuple[Hashable, Hashable], Kappa]
    mean: float
    n_defined: int
    note: str


def weighted_kappa(
    first: Sequence[Value],
    second: Sequence[Value],
    *,
    weights: Weights = "none",
    min_items: int = MIN_SHARED,
) -> Kappa:
    """Compute Cohen's kappa of two raters.

    Args:
        first: (N,) answers of one rater; None and NaN leave the item out.
        second: (N,) answers of the other.
        weights: What a disagreement counts: "none", 1 whatever the answers (they may be strings); "linear",
            the difference of the two numbers; "quadratic", its square.
        min_items: Shared items below which there is no value.

    Returns:
        Kappa; NaN, with the reason as its note, on too few shared items, and where both raters gave one and
        the same answer throughout.

    Raises:
        InvalidScoresError: If the lengths differ, a value does not fit the weights, or an option is unknown.

    Source:
        Cohen, A coefficient of agreement for nominal scales, 1960; Weighted kappa, 1968.
    """
    if len(first) != len(second):
        raise InvalidScoresError(
            f"there are {len(first)} and {len(second)} answers; there must be as many, None for a missing one"
        )
    items = [*range(len(first)), *range(len(second))]
    raters = ["first"] * len(first) + ["second"] * len(second)
    matrix = kappa_matrix(items, raters, [*first, *second], weights=weights, min_items=min_items)
    return matrix.pairs.get(("first", "second"), Kappa(math.nan, 0, math.nan, _too_few(0, min_items)))


def kappa_matrix(
    items: Sequence[Hashable],
    raters: Sequence[Hashable],
    values: Sequence[Value],
    *,
    weights: Weights = "none",
    min_items: int = MIN_SHARED,
) -> KappaMatrix:
    """Compute Cohen's kappa of every two raters on the items that they share.

    Args:
        items: (N,) what was rated.
        raters: (N,) who rated it; the same rater at most once an item.
        values: (N,) the answers; None and NaN are no answer.
        weights: As for `weighted_kappa`.
        min_items: Shared items below which two raters have no value.

    Returns:
        The matrix, and its mean over the pairs that have a value.

    Raises:
        InvalidScoresError: If the lengths differ, a rater has rated an item twice, a value does not fit the
            weights, or an option is unknown.

    Source:
        Cohen, Weighted kappa, 1968; the mean over pairs: Light, Measures of response agreement for
        qualitative data, 1971.
    """
    if weights not in get_args(Weights):
        raise InvalidScoresError(f"the weights are {weights!r}; they must be one of {get_args(Weights)}")
    if min_items < 1:
        raise InvalidScoresError(f"min_items must be at least 1; got {min_items}")
    level: Literal["nominal", "interval"] = "nominal" if weights == "none" else "interval"
    ratings = as_ratings(items, raters, values, groups=items, level=level)
    n_raters = len(ratings.raters)
    pair, first, second = _meetings(ratings)
    met, position = np.unique(pair, return_inverse=True)
    kappa, n_items, agreement, constant = _kappas(
        position, first, second, len(met), ratings.places, weights=weights
    )
    kappa[n_items < min_items] = np.nan
    value = np.full((n_raters, n_raters), np.nan)
    counts = np.diag(np.bincount(ratings.rater, minlength=n_raters))
    a, b = met // max(1, n_raters), met % max(1, n_raters)
    value[a, b] = value[b, a] = kappa
    counts[a, b] = counts[b, a] = n_items
    pairs = {
        (ratings.raters[a[row]], ratings.raters[b[row]]): Kappa(
            value=float(kappa[row]),
            n_items=int(n_items[row]),
            agreement=float(agreement[row]),
            note=_note(float(kappa[row]), int(n_items[row]), bool(constant[row]), min_items),
        )
        for row in range(len(met))
    }
    defined = kappa[~np.isnan(kappa)]
    n_pairs = n_raters * (n_raters - 1) // 2
    left_out = n_pairs - len(defined)
    return KappaMatrix(
        raters=ratings.raters,
        value=value,
        n_items=counts.astype(np.int64),
        pairs=pairs,
        mean=float(defined.mean()) if len(defined) else math.nan,
        n_defined=len(defined),
        note=_note_of_mean(n_raters, n_pairs, left_out),
    )


def _too_few(n_items: int, min_items: int) -> str:
    items = "item" if min_items == 1 else "items"
    return f"needs at least {min_items} {items} that both rated; there are {n_items}"


def _note(kappa: float, n_items: int, constant: bool, min_items: int) -> str:
    if n_items < min_items:
        return _too_few(n_items, min_items)
    if math.isnan(kappa):
        return f"both raters gave one and the same answer to all {n_items} items"
    if constant:
        return "0 by construction: one of the two raters gave the same answer to all items"
    return ""


def _note_of_mean(n_raters: int, n_pairs: int, left_out: int) -> str:
    if n_raters < 2:
        return f"agreement needs two raters; there are {n_raters}"
    if left_out == n_pairs:
        return f"none of the {n_pairs:,} pairs of raters has a value"
    return f"{left_out:,} of {n_pairs:,} pairs of raters have no value and are left out" if left_out else ""


def _meetings(ratings: Ratings) -> tuple[Counts, Counts, Counts]:
    """Find every two ratings of one item: the number of the pair of raters, and both values, (M,) each."""
    order = np.lexsort((ratings.rater, ratings.item))
    item, rater, value = ratings.item[order], ratings.rater[order], ratings.value[order]
    n_raters = len(ratings.raters)
    parts = [(rater[a] * n_raters + rater[b], value[a], value[b]) for a, b in meetings(item)]
    if not parts:
        nothing = np.zeros(0, dtype=np.int64)
        return nothing, nothing, nothing
    pair, first, second = (np.concatenate(column) for column in zip(*parts, strict=True))
    return pair, first, second


def _kappas(
    pair: npt.NDArray[np.intp],
    first: Counts,
    second: Counts,
    n_pairs: int,
    places: Floats,
    *,
    weights: Weights,
) -> tuple[Floats, Counts, Floats, npt.NDArray[np.bool_]]:
    """Compute kappa, meetings, share of equal answers, and whether one side is constant: (Q,) each."""
    n_values = max(1, len(places))
    n_items = np.bincount(pair, minlength=n_pairs)
    apart = np.abs(places[first] - places[second]) if len(places) else np.zeros(0)
    cost = {"none": (first != second).astype(float), "linear": apart, "quadratic": apart**2}[weights]
    observed = np.bincount(pair, weights=cost, minlength=n_pairs)
    same = np.bincount(pair, weights=first == second, minlength=n_pairs)
    kappa = np.full(n_pairs, np.nan)
    constant = np.zeros(n_pairs, dtype=bool)
    order = np.argsort(pair, kind="stable")
    step = max(1, _CELLS_AT_ONCE // n_values)
    for start in range(0, n_pairs, step):
        size = min(step, n_pairs - start)
        rows = order[slice(*np.searchsorted(pair[order], [start, start + size]))]
        at = (pair[rows] - start) * n_values
        a, b = (  # (size, V) how often each rater of a pair gives each value
            np.bincount(at + side[rows], minlength=size * n_values).reshape(size, n_values).astype(float)
            for side in (first, second)
        )
        here = slice(start, start + size)
        expected = _expected(a, b, places, weights=weights)
        several = ((a + b > 0).sum(axis=1) > 1) & (expected > 0)
        constant[here] = several & (((a > 0).sum(axis=1) == 1) | ((b > 0).sum(axis=1) == 1))
        part = np.full(size, np.nan)
        part[several] = 1 - (n_items[here] * observed[here])[several] / expected[several]
        part[constant[here]] = 0  # exactly; observed and expected differ by rounding only
        kappa[here] = part
    return kappa, n_items, same / np.maximum(n_items, 1), constant


def _expected(a: Floats, b: Floats, places: Floats, *, weights: Weights) -> Floats:
    """Sum the cost over all answers of one rater with all of the other: (Q,)."""
    n = a.sum(axis=1)
    if weights == "none":
        return np.asarray(n**2 - (a * b).sum(axis=1))
    if weights == "linear":
        below_a, below_b = np.cumsum(a, axis=1)[:, :-1], np.cumsum(b, axis=1)[:, :-1]
        split = below_a * (n[:, None] - below_b) + (n[:, None] - below_a) * below_b
        return np.asarray((split * np.diff(places)).sum(axis=1))
    means = [(side * places).sum(axis=1, keepdims=True) / n[:, None] for side in (a, b)]
    spread = [(side * (places - mean) ** 2).sum(axis=1) for side, mean in zip((a, b), means, strict=True)]
    return np.asarray(n * (spread[0] + spread[1]) + n**2 * (means[0] - means[1])[:, 0] ** 2)
