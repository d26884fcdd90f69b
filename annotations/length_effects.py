"""Length of captions: correlations by bucket and with length partialled out, and an advice put to the test.

In comments: B resamples, C images, N items.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from annotations.correlation import ArrayLike, Statistic, paired, undefined
from annotations.errors import InvalidScoresError
from annotations.resampled import MEASURES, Coefficient, resampled_pearson, resampled_spearman
from annotations.resampling import Counts, Floats, all_draws, check_options, numbered, percentile_interval

BOUNDARY: Final = 60.0
"""The SPECS paper recommends CLIP for captions below this many tokens, and SPECS from there on."""

N_BUCKETS: Final = 4
"""Buckets of about as many items each, where no edges are given."""

_BUCKET_COEFFICIENTS: Final[tuple[Coefficient, ...]] = ("pearson_r", "spearman_rho", "kendall_tau_b")

Verdict = Literal["borne out", "contradicted", "undecided", "not weighed", "no data"]


@dataclass(frozen=True)
class LengthValue(Statistic):
    """A coefficient, or a difference of two, with its interval and what it rests on.

    Attributes:
        n_groups: Images that its items come from.
        policy: What becomes of images without a value: always "none", for nothing is averaged over images.
    """

    n_groups: int
    policy: str


@dataclass(frozen=True)
class Bucket:
    """Captions of similar length.

    Attributes:
        low: Shortest length of the bucket, in tokens.
        high: Lengths are below this; the last bucket has none and says infinity.
        n: Items with both scores.
        n_groups: Images that they come from.
        coefficients: By metric and by name.
    """

    low: float
    high: float
    n: int
    n_groups: int
    coefficients: dict[str, dict[str, LengthValue]]


@dataclass(frozen=True)
class Recommendation:
    """The advice to use one metric below a length and another from there on, tested on the data.

    Attributes:
        short_metric: Advised below the boundary.
        long_metric: Advised from the boundary on.
        boundary: In tokens.
        coefficient: What is compared.
        below: Coefficient of the short metric less that of the long one, on captions below the boundary.
        above: The same from the boundary on.
        change: `below` less `above`: how much the advice depends on length.
        verdict: "borne out" where the interval of `below` lies above zero and that of `above` below zero;
            "contradicted" where either lies wholly on the wrong side; "not weighed" where there are values
            and no resamples were asked for; "no data" where one has no interval all the same; otherwise
            "undecided".
    """

    short_metric: str
    long_metric: str
    boundary: float
    coefficient: Coefficient
    below: LengthValue
    above: LengthValue
    change: LengthValue
    verdict: Verdict


@dataclass(frozen=True)
class _Sample:
    """The items that all have scored, their images and the resamples: the first of (1 + B, C) is the data."""

    human: Floats
    metrics: dict[str, Floats]
    length: Floats
    image: Counts
    draws: Counts
    confidence: float

    def value(self, values: Floats, rows: Counts, reason: str = "") -> LengthValue:
        """Put the value of some items and its resamples, (1 + B,), into a value with its interval."""
        value = low = high = math.nan
        note, n_groups = reason, len(np.unique(self.image[rows]))
        if not reason:
            value = float(values[0])
            low, high, note = percentile_interval(
                values[1:],
                self.confidence,
                n_groups=n_groups,
                otherwise="one side is constant or nothing is left",
            )
        return LengthValue(value, len(rows), low, high, note, n_groups, "none")

    def resampled(self, name: str, coefficient: Coefficient, rows: Counts) -> tuple[Floats, str]:
        """Compute a coefficient of some items: (1 + B,), and why there is none."""
        human, metric = self.human[rows], self.metrics[name][rows]
        reason = undefined(human, metric)
        if reason:
            return np.full(len(self.draws), np.nan), reason
        return MEASURES[coefficient](human, metric, self.draws, self.image[rows]), ""


def _sample(
    human_scores: ArrayLike,
    metrics: Mapping[str, ArrayLike],
    lengths: ArrayLike,
    groups: Sequence[Hashable],
    n_resamples: int,
    confidence: float,
    seed: int,
) -> _Sample:
    check_options(n_resamples, confidence)
    human, length = paired(human_scores, lengths)
    scores = {name: paired(human_scores, values)[1] for name, values in metrics.items()}
    if len(groups) != len(human):
        raise InvalidScoresError(
            f"there are {len(human)} items and {len(groups)} groups; they must be as many"
        )
    kept = ~(np.isnan(human) | np.isnan(length))
    for each in scores.values():
        kept &= ~np.isnan(each)
    image, images = numbered([group for group, keep in zip(groups, kept, strict=True) if keep])
    return _Sample(
        human=human[kept],
        metrics={name: each[kept] for name, each in scores.items()},
        length=length[kept],
        image=image,
        draws=all_draws(len(images), n_resamples=n_resamples, seed=seed),
        confidence=confidence,
    )


def length_buckets(
    human_scores: ArrayLike,
    metrics: Mapping[str, ArrayLike],
    *,
    lengths: ArrayLike,
    groups: Sequence[Hashable],
    edges: Sequence[float] | None = None,
    coefficients: Sequence[Coefficient] = _BUCKET_COEFFICIENTS,
    n_resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> tuple[Bucket, ...]:
    """Correlate metrics with people among captions of similar length.

    Args:
        human_scores: (N,) NaN leaves the item out.
        metrics: By name, (N,) scores; an item that one of them has not scored is left out of all.
        lengths: (N,) of the captions, in tokens.
        groups: (N,) the image of each item.
        edges: Growing lengths at which buckets meet, k edges making k + 1 buckets; None cuts at the
            quartiles. A caption as long as an edge belongs above it.
        coefficients: Which to compute; pearson_r, spearman_rho and kendall_tau_b unless said otherwise.
        n_resamples: How many resamples of images to draw; all buckets share them.
        confidence: Of the intervals, between 0 and 1.
        seed: Of the resamples.

    Returns:
        The buckets that lie between the edges, the shortest first; an empty one has NaN and says why.

    Raises:
        InvalidScoresError: If the lengths of the lists differ, a value is infinite, the edges do not grow, or
            an option is out of range.

    Source:
        The question of figure 3 of the SPECS paper; the buckets are ours: docs/analysis.md, Correlation.
    """
    for coefficient in coefficients:
        if coefficient not in MEASURES:
            raise InvalidScoresError(
                f"there is no {coefficient!r} by length; there are {', '.join(MEASURES)}"
            )
    sample = _sample(human_scores, metrics, lengths, groups, n_resamples, confidence, seed)
    if edges is None:
        limits = _quantiles(sample.length)
    else:
        limits = [float(edge) for edge in edges]
        if not np.isfinite(limits).all() or (np.diff(limits) <= 0).any():
            raise InvalidScoresError(f"the edges of length buckets must be finite and grow; got {limits}")
    bounds = [0.0, *limits, math.inf]
    if any(limit <= 0 for limit in limits):
        raise InvalidScoresError(f"the edges of length buckets must be above 0; got {limits}")
    number = np.digitize(sample.length, limits)
    buckets = []
    for place in range(len(bounds) - 1):
        rows = np.flatnonzero(number == place)
        found: dict[str, dict[str, LengthValue]] = {}
        for name in sample.metrics:
            found[name] = {}
            for coefficient in coefficients:
                values, reason = sample.resampled(name, coefficient, rows)
                found[name][coefficient] = sample.value(values, rows, reason)
        n_groups = len(np.unique(sample.image[rows]))
        buckets.append(Bucket(bounds[place], bounds[place + 1], len(rows), n_groups, found))
    return tuple(buckets)


def _quantiles(length: Floats) -> list[float]:
    """Cut at whole numbers of tokens into buckets of about as many items each."""
    if len(length) == 0:
        return []
    cuts = np.ceil(np.quantile(length, np.arange(1, N_BUCKETS) / N_BUCKETS))
    return [float(cut) for cut in np.unique(cuts) if cut > max(0, length.min())]


def partial_correlations(
    human_scores: ArrayLike,
    metric_scores: ArrayLike,
    *,
    lengths: ArrayLike,
    groups: Sequence[Hashable],
    n_resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> dict[str, LengthValue]:
    """Correlate a metric with people with the length of captions partialled out.

    Args:
        human_scores: (N,) NaN leaves the item out.
        metric_scores: (N,) NaN leaves the item out.
        lengths: (N,) of the captions, in tokens. NaN leaves the item out.
        groups: (N,) the image of each item.
        n_resamples: How many resamples of images to draw; 0 for no intervals.
        confidence: Of the intervals, between 0 and 1.
        seed: Of the resamples.

    Returns:
        "pearson_r", of what is left after straight lines in length, and "spearman_rho", the same of ranks.
        NaN, with the reason, where one of the three is constant or length alone says all of one score.

    Raises:
        InvalidScoresError: If the lengths of the lists differ, a value is infinite, or an option is out of
            range.

    Source:
        (r_hm - r_hl r_ml) / sqrt((1 - r_hl^2) (1 - r_ml^2)), h people, m metric, l length: Fisher, The
        distribution of the partial correlation coefficient, 1924.
    """
    sample = _sample(human_scores, {"metric": metric_scores}, lengths, groups, n_resamples, confidence, seed)
    human, metric, length = sample.human, sample.metrics["metric"], sample.length
    reason = undefined(human, metric)
    if not reason and (length == length[0]).all():
        reason = "all captions have the same length"
    found = {}
    for name, measure in (("pearson_r", resampled_pearson), ("spearman_rho", resampled_spearman)):
        values, why = np.full(len(sample.draws), np.nan), reason
        if not reason:
            hm, hl, ml = (
                measure(x, y, sample.draws, sample.image)
                for x, y in ((human, metric), (human, length), (metric, length))
            )
            left = (1 - hl**2) * (1 - ml**2)
            known = left > 1e-12
            values[known] = np.clip((hm - hl * ml)[known] / np.sqrt(left[known]), -1, 1)
            if np.isnan(values[0]):
                why = "length alone says all of one of the two scores"
        found[name] = sample.value(values, np.arange(len(human)), why)
    return found


def weigh_recommendation(
    human_scores: ArrayLike,
    short_scores: ArrayLike,
    long_scores: ArrayLike,
    *,
    lengths: ArrayLike,
    groups: Sequence[Hashable],
    names: tuple[str, str] = ("CLIP", "SPECS"),
    boundary: float = BOUNDARY,
    coefficient: Coefficient = "kendall_tau_b",
    n_resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Recommendation:
    """Test the advice "one metric for short captions, the other for long ones" on the data at hand.

    Args:
        human_scores: (N,) NaN leaves the item out.
        short_scores: (N,) of the metric advised for short captions. NaN leaves the item out.
        long_scores: (N,) of the metric advised for long ones. NaN leaves the item out.
        lengths: (N,) of the captions, in tokens.
        groups: (N,) the image of each item.
        names: Of the two metrics.
        boundary: Captions of this many tokens or more are long.
        coefficient: What is compared.
        n_resamples: How many resamples of images to draw; both sides share them.
        confidence: Of the intervals, between 0 and 1.
        seed: Of the resamples.

    Returns:
        Both differences with intervals, how much they differ, and a verdict.

    Raises:
        InvalidScoresError: If the lengths of the lists differ, a value is infinite, or an option is out of
            range.

    Source:
        The advice: the SPECS paper. The test is ours: docs/analysis.md, Correlation.
    """
    metrics = {"short": short_scores, "long": long_scores}
    sample = _sample(human_scores, metrics, lengths, groups, n_resamples, confidence, seed)
    sides, reasons = [], []
    rows_of = (np.flatnonzero(sample.length < boundary), np.flatnonzero(sample.length >= boundary))
    for rows in rows_of:
        (short, why), (long, other) = (sample.resampled(name, coefficient, rows) for name in metrics)
        sides.append(short - long)
        reasons.append(why or other)
    below, above = (sample.value(*side) for side in zip(sides, rows_of, reasons, strict=True))
    change = sample.value(sides[0] - sides[1], np.concatenate(rows_of), reasons[0] or reasons[1])
    return Recommendation(
        names[0],
        names[1],
        boundary,
        coefficient,
        below,
        above,
        change,
        _verdict(below, above, n_resamples=n_resamples),
    )


def _verdict(below: LengthValue, above: LengthValue, *, n_resamples: int) -> Verdict:
    if n_resamples == 0 and not (math.isnan(below.value) or math.isnan(above.value)):
        return "not weighed"
    if math.isnan(below.low) or math.isnan(above.low):
        return "no data"
    if below.low > 0 and above.high < 0:
        return "borne out"
    if below.high < 0 or above.low > 0:
        return "contradicted"
    return "undecided"
