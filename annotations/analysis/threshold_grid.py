"""Thresholds for dips: the figures at every one that a slider takes, and the sweep as a drawing needs it.

Everything that a threshold decides is a sum over units, so its intervals at many thresholds take one
resampling: the flags of each image at each threshold, times how often the image was drawn.

In comments: B resamples, C images, K thresholds, U units.
"""

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from annotations.correlation import Statistic
from annotations.detection import ThresholdSweep
from annotations.errors import InvalidScoresError
from annotations.resampling import Counts, Floats, draw_blocks, numbered, percentile_interval

STEP: Final = 0.001
"""Between two thresholds of the grid, in cosine."""

HIGHEST: Final = 0.2
"""The last threshold of the grid, in cosine."""

# Of the drawn sweep: this many stretches of even numbers of flags and as many of even thresholds, each with
# its first point and its extremes.
_STRETCHES: Final = 60


@dataclass(frozen=True, eq=False)
class Band:
    """One figure at each threshold of a grid.

    Attributes:
        value: (K,) NaN where it is not defined.
        low: (K,) lower end of its interval, or NaN.
        high: (K,) upper end, or NaN.
        n: (K,) units that it rests on.
    """

    value: Floats
    low: Floats
    high: Floats
    n: Counts


@dataclass(frozen=True)
class AtThreshold:
    """What one threshold gives.

    Attributes:
        threshold: Units are flagged whose delta is below minus this.
        n_flagged: How many are.
        precision: Of the flagged units, the share that is hallucinated.
        recall: Of the hallucinated units, the share that is flagged.
        f1: Harmonic mean of the two.
    """

    threshold: float
    n_flagged: int
    precision: Statistic
    recall: Statistic
    f1: Statistic


@dataclass(frozen=True, eq=False)
class ThresholdGrid:
    """The figures that depend on the threshold, at those that a slider can take (K of them, rising).

    Attributes:
        threshold: (K,) from 0 to `HIGHEST` by `STEP`, and whatever else was asked for.
        n_flagged: (K,) units that are flagged.
        precision: Of the flagged units, the share that is hallucinated.
        recall: Of the hallucinated units, the share that is flagged.
        f1: Harmonic mean of the two.
    """

    threshold: Floats
    n_flagged: Counts
    precision: Band
    recall: Band
    f1: Band

    def at(self, threshold: float) -> AtThreshold:
        """Return the figures at the threshold of the grid that is nearest."""
        row = int(np.abs(self.threshold - threshold).argmin())

        def statistic(band: Band, otherwise: str) -> Statistic:
            value = float(band.value[row])
            note = otherwise if math.isnan(value) else ""
            return Statistic(value, int(band.n[row]), float(band.low[row]), float(band.high[row]), note)

        return AtThreshold(
            threshold=float(self.threshold[row]),
            n_flagged=int(self.n_flagged[row]),
            precision=statistic(self.precision, "nothing is flagged at this threshold"),
            recall=statistic(self.recall, "no unit is hallucinated by the majority"),
            f1=statistic(self.f1, "no unit is hallucinated, and none is flagged"),
        )


def thinned(sweep: ThresholdSweep) -> ThresholdSweep:
    """Leave out thresholds that a drawing does not show.

    Args:
        sweep: Of any length.

    Returns:
        At most some 500 thresholds: the first and the last, and of every stretch of even thresholds and of
        even numbers of flags the first one and those with the lowest and the highest precision and the
        highest F1.
    """
    n = len(sweep.threshold)
    if n <= 2 * _STRETCHES:
        return sweep
    kept = {0, n - 1}
    by_flags = np.searchsorted(sweep.n_flagged, np.linspace(0, sweep.n_flagged[-1], _STRETCHES + 1))
    falling = np.linspace(sweep.threshold[0], sweep.threshold[-1], _STRETCHES + 1)
    by_threshold = np.searchsorted(-sweep.threshold, -falling)
    for edges in (by_flags, by_threshold):
        for start, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            if start == end:
                continue
            # Where nothing is flagged there is no precision; F1 may be missing everywhere.
            precision = sweep.precision[start:end]
            low, high = np.nan_to_num(precision, nan=2.0), np.nan_to_num(precision, nan=-1.0)
            best = np.nan_to_num(sweep.f1[start:end], nan=-1.0)
            kept |= {start, *(start + int(at) for at in (low.argmin(), high.argmax(), best.argmax()))}
    rows = np.array(sorted(kept))
    return ThresholdSweep(
        threshold=sweep.threshold[rows],
        n_flagged=sweep.n_flagged[rows],
        precision=sweep.precision[rows],
        recall=sweep.recall[rows],
        f1=sweep.f1[rows],
        false_positive_rate=sweep.false_positive_rate[rows],
    )


def threshold_grid(
    delta: Floats,
    hallucinated: Floats,
    *,
    images: Sequence[Hashable],
    weights: Floats,
    marks: Iterable[float] = (),
    n_resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> ThresholdGrid:
    """Compute what the thresholds of a slider give, with intervals by cluster bootstrap over images.

    The draws are those of `annotations.detection.detect`, so the intervals are the same ones.

    Args:
        delta: (U,) of each unit, without NaN.
        hallucinated: (U,) 1 or 0, without NaN.
        images: (U,) the image of each unit.
        weights: (U,) the sampling weight of each unit's item.
        marks: Further thresholds that the grid has to hold.
        n_resamples: How many resamples to draw; 0 for no intervals.
        confidence: Of the intervals.
        seed: Of the resamples.

    Returns:
        The grid; NaN where there are no units.

    Raises:
        InvalidScoresError: If a mark is not finite.
    """
    even = np.arange(round(HIGHEST / STEP) + 1) * STEP
    # What a slider sends is a rounded multiple of its step.
    thresholds = np.unique(np.concatenate([np.round(even, 6), np.array(list(marks), dtype=np.float64)]))
    if not np.isfinite(thresholds).all():
        raise InvalidScoresError("a threshold is not finite; give a cosine difference")
    image, names = numbered(images)
    true = hallucinated == 1
    # A unit is flagged at all thresholds of the grid below its suspicion.
    reach = np.searchsorted(thresholds, -delta, side="left")  # (U,)
    n_flagged = _reaching(reach, np.ones(len(delta)), len(thresholds))
    n_hits = _reaching(reach[true], np.ones(int(true.sum())), len(thresholds))
    sums = []
    if len(delta):
        hits = _by_image(image[true], reach[true], weights[true], len(names), len(thresholds))  # (C, K)
        flags = _by_image(image, reach, weights, len(names), len(thresholds))
        totals = np.bincount(image[true], weights=weights[true], minlength=len(names))  # (C,)
        for draws in draw_blocks(len(names), n_resamples=n_resamples, seed=seed):
            drawn = draws.astype(np.float64)
            top, bottom, of = drawn @ hits, drawn @ flags, (drawn @ totals)[:, None]
            sums.append(np.stack([_ratio(top, bottom), _ratio(top, of), _ratio(2 * top, bottom + of)]))
    figures = (
        np.concatenate(sums, axis=1) if sums else np.full((3, 1, len(thresholds)), math.nan)
    )  # (3, 1 + B, K)
    n_true = np.full(len(thresholds), int(true.sum()))
    bands = []
    for figure, n in zip(figures, (n_flagged, n_true, n_flagged + n_true - n_hits), strict=True):
        ends = [
            percentile_interval(figure[1:, column], confidence, n_groups=len(names), otherwise="-")[:2]
            for column in range(len(thresholds))
        ]
        low, high = np.array(ends).T
        undefined = np.isnan(figure[0])
        low, high = np.where(undefined, math.nan, low), np.where(undefined, math.nan, high)
        bands.append(Band(figure[0], low, high, n.astype(np.int64)))
    return ThresholdGrid(thresholds, n_flagged.astype(np.int64), *bands)


def _reaching(reach: Counts, values: Floats, n: int) -> Floats:
    """Add up the values of the units that are flagged at each of n thresholds: (K,)."""
    return _from_the_end(np.bincount(reach, weights=values, minlength=n + 1).astype(np.float64))


def _by_image(image: Counts, reach: Counts, values: Floats, n_images: int, n: int) -> Floats:
    """Add up the values of the units that are flagged, by image and threshold: (C, K)."""
    cells = np.bincount(image * (n + 1) + reach, weights=values, minlength=n_images * (n + 1))
    return _from_the_end(cells.astype(np.float64).reshape(n_images, n + 1))


def _from_the_end(cells: Floats) -> Floats:
    # Cell k holds the units that are flagged at the first k thresholds; none is at the last of them all.
    sums: Floats = np.cumsum(cells[..., ::-1], axis=-1)[..., ::-1][..., 1:]
    return sums


def _ratio(top: Floats, bottom: Floats) -> Floats:
    ratio: Floats = np.full(top.shape, math.nan)
    bottom = np.broadcast_to(bottom, top.shape)
    return np.divide(top, bottom, out=ratio, where=bottom > 0)
