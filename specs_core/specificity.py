"""How often similarity rises with a true detail and falls with a false one (numpy only).

A pair is a prefix of a caption and the same prefix with one more unit; its gap is cos(prefix + unit) -
cos(prefix). SR_pos is the share of pairs with a true unit whose gap is above zero, SR_neg the share of pairs
with a false one whose gap is below. A gap of exactly zero counts for neither. A pair without a gap (NaN: the
text is longer than the model reads) is left out and counted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from specs_core.scoring import FloatArray

RESAMPLES = 2000
# Resampled weights that stand in memory together, as a number of values.
_BLOCK = 4_000_000

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Interval:
    """A bootstrap interval; both ends are NaN where there are fewer than two clusters."""

    low: float
    high: float


@dataclass(frozen=True)
class Rate:
    """A specificity rate.

    Attributes:
        micro: Share over pairs, in [0, 1]; NaN without pairs.
        macro: Mean over captions of the share within the caption; NaN without pairs.
        micro_interval: Of micro.
        macro_interval: Of macro.
        pairs: Pairs with a gap.
        captions: Captions with at least one of these.
        left_out: Pairs without a gap.
    """

    micro: float
    macro: float
    micro_interval: Interval
    macro_interval: Interval
    pairs: int
    captions: int
    left_out: int


@dataclass(frozen=True)
class HiMo:
    """HiMo@K of one caption: the value in [-1, 1], or NaN and the reason why there is none."""

    value: float
    reason: str = ""


@dataclass(frozen=True)
class PublishedRates:
    """What the published computation makes of a data set, and what it does not see of it.

    Attributes:
        sr_pos: Mean over the captions that it keeps, in [0, 1]; NaN where it keeps none.
        sr_neg: Likewise.
        captions: Captions in all.
        captions_lost: Captions that it drops.
        captions_lost_by_sign: Of these, the ones that it would keep if no cosine were below zero.
        pairs: Pairs with a true unit in all; those with a false unit are as many.
        pairs_lost: Pairs that it does not see.
    """

    sr_pos: float
    sr_neg: float
    captions: int
    captions_lost: int
    captions_lost_by_sign: int
    pairs: int
    pairs_lost: int


def sr_pos(
    gap: npt.ArrayLike,
    caption: npt.ArrayLike,
    *,
    cluster: npt.ArrayLike | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Rate:
    """Return the share of pairs with a true unit whose similarity rises.

    Args:
        gap: (P,) cos(prefix + unit) - cos(prefix); NaN where the model does not read the text.
        caption: (P,) int, which caption each pair belongs to.
        cluster: (P,) int, what is resampled together (an image with all its captions); the caption if None.
        resamples: Bootstrap resamples.
        seed: Equal seeds give equal intervals.

    Returns:
        The rate with 95 % intervals.

    Raises:
        ValueError: The shapes differ, or a caption belongs to two clusters.

    Source: Chen et al. 2025, SPECS, equation 1 (micro); the intervals are ours: docs/specificity.md.
    """
    return _rate(gap, caption, cluster, sign=1.0, resamples=resamples, seed=seed)


def sr_neg(
    gap: npt.ArrayLike,
    caption: npt.ArrayLike,
    *,
    cluster: npt.ArrayLike | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Rate:
    """Return the share of pairs with a false unit whose similarity falls.

    Args, returns and raises are those of `sr_pos`.

    Source: Chen et al. 2025, SPECS, equation 2 (micro).
    """
    # Differs from the paper: its equation 2 is printed with the inequality reversed.
    return _rate(gap, caption, cluster, sign=-1.0, resamples=resamples, seed=seed)


def margin_sweep(
    gap: npt.ArrayLike, caption: npt.ArrayLike, margins: npt.ArrayLike, *, rising: bool
) -> tuple[FloatArray, FloatArray]:
    """Return the rates that remain when a gap has to exceed a margin.

    Args:
        gap: (P,) as for `sr_pos`.
        caption: (P,) int.
        margins: (M,) cosine differences, 0 or more.
        rising: True counts gap > margin (true units), False gap < -margin (false ones).

    Returns:
        Micro and macro, each (M,) in [0, 1]; NaN where no pair has a gap.

    Raises:
        ValueError: The shapes differ, or a margin is negative.

    Source: ours: docs/specificity.md, "Rates".
    """
    gaps, captions = _scored(gap, caption)
    grid = np.asarray(margins, dtype=np.float64)
    if grid.size and not grid.min() >= 0:
        raise ValueError(f"margins have to be 0 or more, got {grid.min()}")
    if not gaps.size:
        return np.full(grid.shape, np.nan), np.full(grid.shape, np.nan)
    gaps = gaps if rising else -gaps
    order = np.argsort(gaps)
    # The first pair, in rising order, that exceeds each margin; it and all after it count.
    first = np.searchsorted(gaps[order], grid, side="right")  # (M,)
    _, index, counts = np.unique(captions, return_inverse=True, return_counts=True)
    weight = 1.0 / (counts[index] * len(counts))  # (P,) sums to 1
    tail = np.append(np.cumsum(weight[order][::-1])[::-1], 0.0)  # (P + 1,)
    return (len(gaps) - first) / len(gaps), tail[first]


def himo_at_k(similarity: npt.ArrayLike, k: int | None = None) -> HiMo:
    """Return the correlation of similarity with the number of the prefix, over K prefixes of a caption.

    The K prefixes are spread evenly over the caption's U: number j ends with unit ceil(j U / K), the last
    one is the whole caption. Prefixes that the model does not read (NaN) are no part of the caption here.

    Args:
        similarity: (U,) cosine of image and prefix.
        k: Number of prefixes, 2 or more; None for all of them.

    Returns:
        Pearson's r; NaN where the caption has fewer than K (or 2) prefixes, or they all have one similarity.

    Raises:
        ValueError: k is below 2.

    Source: Wu et al. 2025, HiMo-CLIP, HiMo@K.
    """
    # Differs from the paper: its code gives 0 where the correlation is undefined.
    if k is not None and k < 2:
        raise ValueError(f"HiMo@K needs at least 2 prefixes, got K = {k}")
    values = np.asarray(similarity, dtype=np.float64)
    values = values[~np.isnan(values)]
    wanted = len(values) if k is None else k
    if len(values) < max(wanted, 2):
        return HiMo(math.nan, "too few prefixes")
    number = np.arange(1, wanted + 1)
    chosen = values[-(-number * len(values) // wanted) - 1]
    if np.ptp(chosen) == 0:
        return HiMo(math.nan, "constant similarity")
    deviation = (chosen - chosen.mean()) / np.ptp(chosen)  # scaled, so that tiny gaps do not underflow
    centred = number - number.mean()
    r = np.sum(deviation * centred) / np.sqrt(np.sum(deviation**2) * np.sum(centred**2))
    return HiMo(float(np.clip(r, -1.0, 1.0)))


def cluster_bootstrap(
    total: npt.ArrayLike,
    count: npt.ArrayLike,
    *,
    resamples: int = RESAMPLES,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Return the percentile interval of sum(total) / sum(count) when whole clusters are drawn again.

    Args:
        total: (C,) what each cluster adds to the numerator, such as its hits.
        count: (C,) what it adds to the denominator, such as its pairs; above zero.
        resamples: Bootstrap resamples, each of C clusters drawn with replacement.
        confidence: In (0, 1).
        seed: Equal seeds give equal intervals.

    Returns:
        The interval; NaN for fewer than two clusters, which show no variation.

    Source: Field and Welsh 2007, Bootstrapping clustered data: the cluster bootstrap.
    """
    totals, counts = np.asarray(total, dtype=np.float64), np.asarray(count, dtype=np.float64)
    clusters = len(totals)
    if clusters < 2:
        return Interval(math.nan, math.nan)
    rng = np.random.default_rng(seed)
    even = np.full(clusters, 1.0 / clusters)
    values = []
    for start in range(0, resamples, block := max(1, _BLOCK // clusters)):
        # How often each cluster is drawn: one row a resample.
        drawn = rng.multinomial(clusters, even, size=min(block, resamples - start))  # (B, C)
        values.append((drawn @ totals) / (drawn @ counts))
    low, high = np.quantile(np.concatenate(values), [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(low), float(high))


def published_rates(prefixes: Sequence[npt.ArrayLike], false: Sequence[npt.ArrayLike]) -> PublishedRates:
    """Return the rates as the published code computes them, with what it loses.

    It takes the prefixes that a false unit follows, so all but the last, and counts those with a cosine above
    zero; with c of them it reads the first c - 1 pairs of the caption, which leaves out the last unit, and it
    drops captions where that is one pair or none. The rates are means over the captions that are left.

    Args:
        prefixes: For each of N captions (U,) the cosines of its prefixes; NaN at the end for those that the
            model does not read, which are no part of the caption here.
        false: For each caption (U - 1,) the cosines of prefix 0 to U - 2 with a false unit behind it; NaN
            where there is none, which the caption's mean passes over.

    Returns:
        The rates and the losses.

    Raises:
        ValueError: The two do not fit together.

    Source: Chen et al. 2025, SPECS, as its published code computes it: docs/specificity.md, "Published".
    """
    rising: list[float] = []
    falling: list[float] = []
    pairs = read = by_sign = 0
    for number, (given, given_false) in enumerate(zip(prefixes, false, strict=True)):
        row, false_row = np.asarray(given, dtype=np.float64), np.asarray(given_false, dtype=np.float64)
        if len(false_row) != max(len(row) - 1, 0):
            raise ValueError(
                f"caption {number} has {len(row)} prefixes and {len(false_row)} with a false unit; "
                f"it needs {max(len(row) - 1, 0)}"
            )
        row = row[~np.isnan(row)]
        bases = row[:-1]
        n = int((bases > 0).sum()) - 1
        pairs += len(bases)
        if n > 1:
            read += n
            rising.append(float(np.mean(row[1 : n + 1] > row[:n])))
            gap = false_row[:n] - row[:n]
            gap = gap[~np.isnan(gap)]
            if gap.size:
                falling.append(float(np.mean(gap < 0)))
        elif len(bases) - 1 > 1:
            by_sign += 1
    return PublishedRates(
        sr_pos=float(np.mean(rising)) if rising else math.nan,
        sr_neg=float(np.mean(falling)) if falling else math.nan,
        captions=len(prefixes),
        captions_lost=len(prefixes) - len(rising),
        captions_lost_by_sign=by_sign,
        pairs=pairs,
        pairs_lost=pairs - read,
    )


def _scored(gap: npt.ArrayLike, caption: npt.ArrayLike) -> tuple[FloatArray, IntArray]:
    gaps, captions = np.asarray(gap, dtype=np.float64), np.asarray(caption)
    if gaps.ndim != 1 or gaps.shape != captions.shape:
        raise ValueError(f"gap {gaps.shape} and caption {captions.shape} need the same single axis")
    scored = ~np.isnan(gaps)
    return gaps[scored], captions[scored].astype(np.int64)


def _rate(
    gap: npt.ArrayLike,
    caption: npt.ArrayLike,
    cluster: npt.ArrayLike | None,
    *,
    sign: float,
    resamples: int,
    seed: int,
) -> Rate:
    gaps, captions = _scored(gap, caption)
    _, owners = _scored(gap, caption if cluster is None else cluster)
    left_out = len(np.asarray(gap)) - len(gaps)
    if not gaps.size:
        nothing = Interval(math.nan, math.nan)
        return Rate(math.nan, math.nan, nothing, nothing, 0, 0, left_out)
    hits = sign * gaps > 0  # (P,)
    _, first, index = np.unique(captions, return_index=True, return_inverse=True)
    of_caption = owners[first]  # (N,)
    if (of_caption[index] != owners).any():
        wrong = captions[of_caption[index] != owners][0]
        raise ValueError(f"caption {wrong} belongs to more than one cluster")
    hits_in, pairs_in = np.bincount(index, weights=hits), np.bincount(index)  # (N,)
    share = hits_in / pairs_in
    _, owner = np.unique(of_caption, return_inverse=True)  # (N,) into C clusters
    options = {"resamples": resamples, "seed": seed}
    return Rate(
        micro=float(hits.mean()),
        macro=float(share.mean()),
        micro_interval=cluster_bootstrap(
            np.bincount(owner, weights=hits_in), np.bincount(owner, weights=pairs_in), **options
        ),
        macro_interval=cluster_bootstrap(np.bincount(owner, weights=share), np.bincount(owner), **options),
        pairs=len(gaps),
        captions=len(share),
        left_out=left_out,
    )
