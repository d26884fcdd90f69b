"""The bootstrap over images that every statistic of this package shares.

A resample is not laid out rating by rating. It is a row of counts, one for each image, that says how often
that image was drawn; a statistic that is a function of sums over images takes it as weights.

In comments: B resamples, C images (clusters).
"""

import math
from collections.abc import Hashable, Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import special

from annotations.errors import InvalidScoresError
from annotations.stopping import end_if_over

MIN_DEFINED: Final = 0.5
"""Share of resamples that must have a value for an interval to be reported."""

MIN_GROUPS: Final = 5
"""Images below which there is no interval: of two, resamples have three values to tell 95 % from."""

_ROUNDING: Final = 1e-12

# Bounds the memory of one block of draws to some tens of megabytes.
_CELLS_AT_ONCE: Final = 2_000_000

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
Draws = Counts | Floats  # how often images are drawn, or with what weight


def check_options(n_resamples: int, confidence: float) -> None:
    """Refuse a number of resamples or a confidence that is out of range.

    Raises:
        InvalidScoresError: If `n_resamples` is negative or `confidence` not between 0 and 1.
    """
    if n_resamples < 0 or not 0 < confidence < 1:
        raise InvalidScoresError(
            f"n_resamples must be at least 0 and confidence between 0 and 1; got {n_resamples}, {confidence}"
        )


def numbered(names: Sequence[Hashable]) -> tuple[Counts, list[Hashable]]:
    """Number names in the order in which they first come.

    Args:
        names: (N,) names, repeated at will.

    Returns:
        (N,) the number of each, from 0; and the names, so that `found[number]` is the name.
    """
    numbers: dict[Hashable, int] = {}
    codes = np.array([numbers.setdefault(name, len(numbers)) for name in names], dtype=np.int64)
    return codes, list(numbers)


def draw_blocks(n_groups: int, *, n_resamples: int, seed: int) -> Iterator[Counts]:
    """Draw as many images as there are, with replacement, many times over.

    Args:
        n_groups: Images, C. With one image there is nothing to draw, and only the data itself comes.
        n_resamples: How many resamples to draw.
        seed: Of the draws; how they are cut into blocks does not change them.

    Yields:
        (b, C) how often each image comes. The very first row is the data itself: each image once.
    """
    yield np.ones((1, n_groups), dtype=np.int64)
    if n_groups < 2:
        return
    generator = np.random.default_rng(seed)
    step = max(1, _CELLS_AT_ONCE // n_groups)
    for start in range(0, n_resamples, step):
        end_if_over()
        # Images are drawn and counted one resample at a time: numpy's multinomial takes ten times as long.
        yield np.stack(
            [
                np.bincount(generator.integers(0, n_groups, n_groups), minlength=n_groups)
                for _ in range(min(step, n_resamples - start))
            ]
        )


def all_draws(n_groups: int, *, n_resamples: int, seed: int) -> Counts:
    """Draw as `draw_blocks` does, all at once: (1 + B, C), of which the first row is the data."""
    draws = np.ones((1 + (n_resamples if n_groups > 1 else 0), n_groups), dtype=np.int64)
    filled = 0
    for block in draw_blocks(n_groups, n_resamples=n_resamples, seed=seed):
        draws[filled : filled + len(block)] = block
        filled += len(block)
    return draws


def tail_share(confidence: float, n_groups: int) -> float:
    """Find the share of resamples that lies beyond either end of an interval.

    Resamples of C images vary too little, by (C - 1) / C in their variance, and plain percentiles take that
    variance for known. Here the interval of a mean is as wide as Student's.

    Args:
        confidence: Of the interval, between 0 and 1.
        n_groups: Images that were drawn from, C; at least 2.

    Returns:
        Below (1 - confidence) / 2, and near it where images are many: .0218 of 60 images for .95.

    Source:
        Hesterberg, What Teachers Should Know About the Bootstrap, The American Statistician 69(4), 2015: the
        expanded percentile interval.
    """
    student = special.stdtrit(n_groups - 1, (1 - confidence) / 2)
    return float(special.ndtr(math.sqrt(n_groups / (n_groups - 1)) * student))


def percentile_interval(
    values: Floats, confidence: float, *, n_groups: int, otherwise: str
) -> tuple[float, float, str]:
    """Find the expanded percentile interval of the values that resamples have: see `tail_share`.

    Args:
        values: (B,) the statistic on each resample; NaN where it has no value.
        confidence: Of the interval, between 0 and 1.
        n_groups: Images that were drawn from.
        otherwise: What is the matter with resamples that have no value, for the note.

    Returns:
        Low, high, and a note. Both ends are NaN, and the note says why, below `MIN_GROUPS` images, without
        resamples, where more than half of the resamples have no value, and where all have the same but for
        rounding. The note also counts those without a value where they are fewer.
    """
    if n_groups < 2:
        return math.nan, math.nan, "all items are of one image: no interval over images"
    if len(values) == 0:
        return math.nan, math.nan, "no resamples drawn"
    if n_groups < MIN_GROUPS:
        return math.nan, math.nan, f"no interval: {n_groups} images are too few, it takes {MIN_GROUPS}"
    defined = values[~np.isnan(values)]
    note = ""
    if len(defined) < len(values):
        note = f"{len(defined):,} of {len(values):,} resamples have a value; in the others {otherwise}"
    if len(defined) < MIN_DEFINED * len(values):
        return math.nan, math.nan, f"no interval: only {note}"
    if np.ptp(defined) <= _ROUNDING * np.abs(defined).max():
        # Such as a share of 0: an interval from 0 to 0 would promise that it never happens.
        same = "every resample has the same value, which says nothing of how far off it may be"
        return math.nan, math.nan, f"{note}; no interval: {same}" if note else f"no interval: {same}"
    tail = tail_share(confidence, n_groups)
    low, high = np.quantile(defined, [tail, 1 - tail])
    return float(low), float(high), note
