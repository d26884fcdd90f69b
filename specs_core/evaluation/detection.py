"""Average precision, precision, recall, F1 and hit rates of a detector, with cluster bootstrap (numpy only).

A detector gives every case a suspicion, higher for what it rather takes for false. A case that it says
nothing about (NaN: words beyond the context) counts as the least suspicious of all, and is never flagged.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from specs_core.scoring import FloatArray
from specs_core.specificity import RESAMPLES, IntArray, Interval

BoolArray = npt.NDArray[np.bool_]

# Resampled weights that stand in memory together, as a number of values.
_BLOCK = 4_000_000
# Clusters times thresholds up to which every cluster's counts stand in a table: then resampling is a matrix
# product instead of a walk through the cases for each resample.
_TABLE = 16_000_000


@dataclass(frozen=True)
class Figure:
    """A figure with its 95 % interval; NaN where there is nothing to compute it from."""

    value: float
    interval: Interval


@dataclass(frozen=True)
class Flags:
    """What flagging every case above a threshold gives.

    Attributes:
        precision: Share of the flagged cases that are positive; NaN where none is flagged.
        recall: Share of the positive cases that are flagged; NaN without any.
        f1: 2 TP / (flagged + positive); NaN where both are none.
        flagged: Cases flagged.
    """

    precision: Figure
    recall: Figure
    f1: Figure
    flagged: int


def average_precision(suspicion: npt.ArrayLike, positive: npt.ArrayLike) -> float:
    """Return the mean, over the positive cases, of the precision at the threshold that just reaches each.

    Cases of equal suspicion are reached together. Nothing is interpolated.

    Args:
        suspicion: (N,) higher is more suspicious; NaN is the least.
        positive: (N,) bool.

    Returns:
        In (0, 1]; the share of positives for a detector that knows nothing, NaN without any positive.

    Raises:
        ValueError: The shapes differ.

    Source: sum over thresholds of (recall step) times precision, as scikit-learn's average_precision_score
        defines it: docs/hallucination.md, "Figures".
    """
    scores, labels = _checked(suspicion, positive)
    if not labels.any():
        return math.nan
    order, ends = _ranking(scores)
    true = np.cumsum(labels[order])[ends]  # (thresholds,)
    steps = np.diff(true, prepend=0)
    return float((steps * true / (ends + 1)).sum() / true[-1])


def resampled_average_precision(
    suspicion: npt.ArrayLike,
    positive: npt.ArrayLike,
    cluster: npt.ArrayLike,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> FloatArray:
    """Return the average precision of resamples in which whole clusters are drawn again.

    Equal seeds draw the same clusters whatever the suspicion, so that two detectors can be compared
    resample by resample.

    Args:
        suspicion: (N,) as in `average_precision`.
        positive: (N,) bool.
        cluster: (N,) int, what is drawn together.
        resamples: B resamples, each of as many clusters as there are.
        seed: Of the draws.

    Returns:
        (B,); NaN for a resample without positives.

    Raises:
        ValueError: The shapes differ.

    Source: Field and Welsh 2007, Bootstrapping clustered data: the cluster bootstrap.
    """
    scores, labels = _checked(suspicion, positive)
    clusters, owner = np.unique(np.asarray(cluster), return_inverse=True)
    if owner.shape != scores.shape:
        raise ValueError(f"{scores.shape[0]} cases and clusters of shape {owner.shape}")
    order, ends = _ranking(scores)
    owner, labels = owner[order], labels[order]
    # Where no positive is reached, recall makes no step: only the other thresholds matter.
    ends = ends[np.diff(np.cumsum(labels)[ends], prepend=0) > 0]  # (T,)
    if not ends.size:
        return np.full(resamples, np.nan)
    tables = None
    if len(clusters) * ends.size <= _TABLE:
        tables = [_reached(owner, weight, ends, len(clusters)) for weight in (None, labels)]
    values = []
    for drawn in _draws(len(clusters), resamples, seed, width=len(scores) if tables is None else ends.size):
        if tables is None:
            weight = drawn[:, owner]  # (b, N)
            seen, true = (np.cumsum(each, axis=1)[:, ends] for each in (weight, weight * labels))
        else:
            seen, true = (drawn @ table for table in tables)  # (b, T)
        steps = np.diff(true, axis=1, prepend=0)
        precision = np.divide(true, seen, out=np.zeros_like(true), where=seen > 0)
        area, total = (steps * precision).sum(axis=1), true[:, -1]
        values.append(np.divide(area, total, out=np.full(len(drawn), np.nan), where=total > 0))
    return np.concatenate(values)


def resampled_sums(
    counts: npt.ArrayLike, cluster: npt.ArrayLike, *, resamples: int = RESAMPLES, seed: int = 0
) -> FloatArray:
    """Return sums over resamples in which whole clusters are drawn again.

    Args:
        counts: (N, K) what each case adds to K sums.
        cluster: (N,) int, what is drawn together.
        resamples: B resamples.
        seed: Of the draws, which are those of `resampled_average_precision`.

    Returns:
        (B, K).
    """
    values = np.asarray(counts, dtype=np.float64)
    clusters, owner = np.unique(np.asarray(cluster), return_inverse=True)
    sums = np.stack([np.bincount(owner, weights=column) for column in values.T], axis=1)  # (C, K)
    drawn = _draws(len(clusters), resamples, seed, width=len(clusters))
    return np.concatenate([block @ sums for block in drawn])


def interval_of(values: FloatArray, *, clusters: int) -> Interval:
    """Return the 95 % percentile interval of resampled figures, NaN for fewer than two clusters.

    Args:
        values: (B,); resamples without a figure are left out.
        clusters: From how many clusters they were drawn.
    """
    known = values[~np.isnan(values)]
    if clusters < 2 or not known.size:
        return Interval(math.nan, math.nan)
    low, high = np.quantile(known, [0.025, 0.975])
    return Interval(float(low), float(high))


def flags(
    suspicion: npt.ArrayLike,
    positive: npt.ArrayLike,
    cluster: npt.ArrayLike,
    threshold: float,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Flags:
    """Return precision, recall and F1 of flagging every case whose suspicion is above a threshold.

    Args:
        suspicion: (N,) higher is more suspicious; NaN is never flagged.
        positive: (N,) bool.
        cluster: (N,) int, what is drawn together.
        threshold: The suspicion that has to be exceeded.
        resamples: Bootstrap resamples.
        seed: Of the draws.

    Raises:
        ValueError: The shapes differ.

    Source: pooled over all cases: docs/hallucination.md, "Figures".
    """
    scores, labels = _checked(suspicion, positive)
    flagged = np.nan_to_num(scores, nan=-np.inf) > threshold
    counts = np.stack([flagged & labels, flagged, labels], axis=1).astype(np.float64)
    clusters = len(np.unique(np.asarray(cluster)))
    drawn = resampled_sums(counts, cluster, resamples=resamples, seed=seed) if len(scores) else counts

    def share(tops: IntArray, bottoms: IntArray) -> Figure:
        """Return a figure that is a ratio of sums of the columns of `counts`."""
        top, bottom = counts.sum(axis=0) @ tops, counts.sum(axis=0) @ bottoms
        values = _ratio(drawn @ tops, drawn @ bottoms)
        return Figure(float(_ratio(top, bottom)), interval_of(values, clusters=clusters))

    hits, calls, cases = np.eye(3, dtype=np.int64)
    return Flags(
        precision=share(hits, calls),
        recall=share(hits, cases),
        f1=share(2 * hits, calls + cases),
        flagged=int(flagged.sum()),
    )


def hit_rate(
    hits: npt.ArrayLike, cluster: npt.ArrayLike, *, resamples: int = RESAMPLES, seed: int = 0
) -> Figure:
    """Return the mean of hits, each in [0, 1].

    Args:
        hits: (N,).
        cluster: (N,) int, what is drawn together.
        resamples: Bootstrap resamples.
        seed: Of the draws.
    """
    values = np.asarray(hits, dtype=np.float64)
    if not values.size:
        return Figure(math.nan, Interval(math.nan, math.nan))
    counts = np.stack([values, np.ones_like(values)], axis=1)
    drawn = resampled_sums(counts, cluster, resamples=resamples, seed=seed)
    clusters = len(np.unique(np.asarray(cluster)))
    return Figure(float(values.mean()), interval_of(_ratio(drawn[:, 0], drawn[:, 1]), clusters=clusters))


def _checked(suspicion: npt.ArrayLike, positive: npt.ArrayLike) -> tuple[FloatArray, BoolArray]:
    scores, labels = np.asarray(suspicion, dtype=np.float64), np.asarray(positive, dtype=np.bool_)
    if scores.ndim != 1 or scores.shape != labels.shape:
        raise ValueError(
            f"suspicion has shape {scores.shape} and positive {labels.shape}; they have to agree"
        )
    return scores, labels


def _ranking(scores: FloatArray) -> tuple[IntArray, IntArray]:
    """Return the order from the most suspicious on, and the place of the last case of each suspicion."""
    known = np.nan_to_num(scores, nan=-np.inf, posinf=np.inf, neginf=-np.inf)
    order = np.argsort(-known, kind="stable")
    ranked = known[order]
    last = np.append(ranked[1:] != ranked[:-1], np.True_)[: len(ranked)]
    return order, np.flatnonzero(last)


def _reached(owner: IntArray, weight: BoolArray | None, ends: IntArray, clusters: int) -> FloatArray:
    """Return (C, T): of each cluster's ranked cases, how many each threshold reaches, weighted if asked."""
    last = int(ends[-1]) + 1
    step = np.searchsorted(ends, np.arange(last))  # the first threshold that reaches a case
    counts = np.bincount(
        owner[:last] * len(ends) + step,
        weights=None if weight is None else weight[:last],
        minlength=clusters * len(ends),
    )
    table: FloatArray = counts.reshape(clusters, len(ends)).astype(np.float64).cumsum(axis=1)
    return table


def _draws(clusters: int, resamples: int, seed: int, *, width: int) -> Iterator[FloatArray]:
    """Yield how often each cluster is drawn, (b, C), b at a time; the draws do not depend on `width`."""
    if not clusters:
        return
    rng = np.random.default_rng(seed)
    even = np.full(clusters, 1.0 / clusters)
    step = max(1, _BLOCK // max(width, clusters))
    for start in range(0, resamples, step):
        yield rng.multinomial(clusters, even, size=min(step, resamples - start)).astype(np.float64)


def _ratio(top: npt.ArrayLike, bottom: npt.ArrayLike) -> FloatArray:
    above, below = np.asarray(top, dtype=np.float64), np.asarray(bottom, dtype=np.float64)
    ratio: FloatArray = np.full(above.shape, np.nan)
    return np.divide(above, below, out=ratio, where=np.asarray(below > 0))
