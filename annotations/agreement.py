"""How far raters agree with each other: Krippendorff's alpha, with an interval by bootstrap over images.

Alpha is 1 minus the disagreement observed within items over the disagreement expected between any two
ratings. Both follow from how often two values meet and how often each occurs, which are sums over images; so
a resample of images is a weighted sum of what was counted once.

In comments: B resamples, C images (clusters), N ratings, P pairs of different values that meet, V values.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import sparse

from annotations.long_form import Level, Ratings, Value, as_ratings, meetings
from annotations.resampling import Counts, Floats, check_options, draw_blocks, percentile_interval

# Bounds the memory of one step to some tens of megabytes.
_CELLS_AT_ONCE: Final = 2_000_000


@dataclass(frozen=True)
class Alpha:
    """Krippendorff's alpha with its interval.

    Attributes:
        value: At most 1, which is perfect agreement; 0 is what chance gives; NaN where it is not defined.
        low: Lower end of the interval, or NaN.
        high: Upper end of the interval, or NaN.
        n_items: Items with at least two ratings; alpha rests on these.
        n_ratings: Ratings of those items.
        n_raters: Raters who gave those.
        n_groups: Images that those items are of.
        n_alone: Ratings left out because nobody else rated their item.
        note: Why something is NaN, or how many resamples the interval rests on; otherwise empty.
        level: How values differ: "nominal", "ordinal" or "interval".
        n_resamples: Resamples asked for.
        confidence: Of the interval, for example 0.95.
        seed: Of the resamples.
    """

    value: float
    low: float
    high: float
    n_items: int
    n_ratings: int
    n_raters: int
    n_groups: int
    n_alone: int
    note: str
    level: Level
    n_resamples: int
    confidence: float
    seed: int


@dataclass(frozen=True)
class _Coincidences:
    """What was counted in each image.

    Attributes:
        pairs: (C, P) how often two different values meet in an item, over the ratings of that item less one.
        first: (P,) the smaller value of each pair.
        second: (P,) the larger one.
        marginals: (C, V) how often each value occurs.
        places: (V,) the values, scaled.
    """

    pairs: sparse.csr_array
    first: Counts
    second: Counts
    marginals: sparse.csr_array
    places: Floats


def krippendorff_alpha(
    items: Sequence[Hashable],
    raters: Sequence[Hashable],
    values: Sequence[Value],
    *,
    groups: Sequence[Hashable],
    level: Level,
    n_resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Alpha:
    """Compute Krippendorff's alpha, with a percentile interval by cluster bootstrap over images.

    Ratings are three parallel sequences, not a matrix: most raters have seen few of the items.

    Args:
        items: (N,) what was rated: a caption, or a caption and one of its units.
        raters: (N,) who rated it; the same rater at most once an item.
        values: (N,) the answers; None and NaN are no answer. Strings with the nominal level only.
        groups: (N,) the image of each item, all items of an image being resampled together.
        level: "nominal": values are equal or not. "ordinal": two values are as far apart as there are ratings
            between them. "interval": the squared difference.
        n_resamples: How many resamples to draw; 0 for no interval.
        confidence: Of the interval, between 0 and 1.
        seed: Of the resamples; the same seed and the same data in the same order give the same interval.

    Returns:
        Alpha. It is NaN, with the reason as its note, where no item has two ratings, where one rater gave all
        ratings, and where all ratings that can be compared are equal, for then nothing tells agreement from
        always giving the same answer. The interval is NaN where there is one image only, or where more than
        half of the resamples have no value.

    Raises:
        InvalidScoresError: If the lengths differ, a rater has rated an item twice, an item stands under two
            images, a value does not fit the level, or an option is out of range.

    Source:
        Krippendorff, Content Analysis, 4th edition, 2018, chapter 12; the bootstrap in the spirit of Hayes
        and Krippendorff, Answering the call for a standard reliability measure for coding data, 2007.
    """
    # Differs from the paper: Hayes and Krippendorff draw pairs of ratings and keep the expected disagreement
    # of the data; here whole images are drawn and everything is computed anew, because captions of one image,
    # and units of one caption, are not independent.
    check_options(n_resamples, confidence)
    every = as_ratings(items, raters, values, groups=groups, level=level)
    together = every.shared()
    n_groups = len(together.groups)
    reason = _undefined(every, together)
    value = low = high = math.nan
    note = reason
    if not reason:
        counted = _count(together)
        blocks = draw_blocks(n_groups, n_resamples=n_resamples, seed=seed)
        alphas = np.concatenate([_alpha(block, counted, level) for block in blocks])
        value = float(alphas[0])
        low, high, note = percentile_interval(
            alphas[1:], confidence, n_groups=n_groups, otherwise="all ratings are equal"
        )
    return Alpha(
        value=value,
        low=low,
        high=high,
        n_items=len(np.unique(together.item)),
        n_ratings=len(together),
        n_raters=len(np.unique(together.rater)),
        n_groups=n_groups,
        n_alone=len(every) - len(together),
        note=note,
        level=level,
        n_resamples=n_resamples,
        confidence=confidence,
        seed=seed,
    )


def _undefined(every: Ratings, together: Ratings) -> str:
    if len(every) == 0:
        return "there are no ratings"
    if len(every.raters) == 1:
        return "one rater gave all ratings: agreement needs two raters on the same items"
    if len(together) == 0:
        return f"no item has two ratings: the {len(every.raters)} raters have no item in common"
    if len(together.levels) == 1:
        return (
            f"all {len(together):,} ratings are equal: nothing tells agreement from always giving one answer"
        )
    return ""


def _count(ratings: Ratings) -> _Coincidences:
    """Count in each image how often each value occurs and how often two values meet."""
    n_groups, n_values = len(ratings.groups), len(ratings.levels)
    per_item = np.bincount(ratings.item)
    ones = np.ones(len(ratings))
    marginals = sparse.csr_array((ones, (ratings.group, ratings.value)), shape=(n_groups, n_values))
    # One entry for each value that an item has, with how many raters gave it. Ratings are sorted by both.
    _, start, times = np.unique(
        ratings.item * n_values + ratings.value, return_index=True, return_counts=True
    )
    item, group, value = ratings.item[start], ratings.group[start], ratings.value[start]
    low, high, where, weight = [], [], [], []
    for one, other in meetings(item):
        low.append(value[one])
        high.append(value[other])
        where.append(group[one])
        weight.append(times[one] * times[other] / (per_item[item[one]] - 1))
    if not low:
        nothing = np.zeros(0, dtype=np.int64)
        none = sparse.csr_array((n_groups, 0), dtype=np.float64)
        return _Coincidences(none, nothing, nothing, marginals, ratings.places)
    met, column = np.unique(np.concatenate(low) * n_values + np.concatenate(high), return_inverse=True)
    pairs = sparse.csr_array(
        (np.concatenate(weight), (np.concatenate(where), column)), shape=(n_groups, len(met))
    )
    return _Coincidences(pairs, met // n_values, met % n_values, marginals, ratings.places)


def _alpha(draws: Counts, counted: _Coincidences, level: Level) -> Floats:
    """Compute alpha on each resample: (B,); NaN where all ratings of a resample are equal."""
    n_cells = max(1, len(counted.first) + len(counted.places))
    step = max(1, _CELLS_AT_ONCE // n_cells)
    parts = [_alpha_of_few(draws[at : at + step], counted, level) for at in range(0, len(draws), step)]
    return np.concatenate(parts)


def _alpha_of_few(draws: Counts, counted: _Coincidences, level: Level) -> Floats:
    weights = draws.astype(np.float64)
    met = np.asarray(weights @ counted.pairs)  # (B, P)
    occurs = np.asarray(weights @ counted.marginals)  # (B, V)
    total = occurs.sum(axis=1)  # (B,)
    # Sums over pairs in one order; both orders would double either sum and leave alpha as it is.
    if level == "nominal":
        observed = met.sum(axis=1)
        expected = (total**2 - (occurs**2).sum(axis=1)) / 2
    else:
        # The ordinal metric counts the ratings between two values, with half of those at either end: the
        # difference of their mid-ranks in this resample.
        place = counted.places - counted.places.mean()
        if level == "ordinal":
            place = np.cumsum(occurs, axis=1) - occurs / 2
        place = np.broadcast_to(place, occurs.shape)
        observed = (met * (place[:, counted.first] - place[:, counted.second]) ** 2).sum(axis=1)
        centre = (occurs * place).sum(axis=1, keepdims=True) / total[:, None]
        # The squared differences of all pairs are n times the squared deviations from the mean.
        expected = total * (occurs * (place - centre) ** 2).sum(axis=1)
    alphas = np.full(len(draws), np.nan)
    defined = ((occurs > 0).sum(axis=1) > 1) & (expected > 0)
    alphas[defined] = 1 - (total[defined] - 1) * observed[defined] / expected[defined]
    return alphas
