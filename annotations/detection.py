"""Dips as a detector of the units that the majority of raters calls hallucinated.

A unit is flagged where its delta, the similarity of this prefix minus that of the one before, falls below
minus a threshold; the suspicion of a unit is minus its delta.

In comments: B resamples, C images (clusters), N units, P of them hallucinated.
"""

import math
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
import numpy.typing as npt

from annotations.correlation import ArrayLike, Statistic
from annotations.errors import InvalidScoresError
from annotations.resampling import Counts, Floats, check_options, draw_blocks, numbered, percentile_interval

VERDICTS: Final = ("supported", "hallucinated", "unsure")

Unsure = Literal["left_out", "hallucinated", "supported"]
"""What a verdict of "unsure" counts as."""

# Bounds the memory of one step to some tens of megabytes.
_CELLS_AT_ONCE: Final = 2_000_000


@dataclass(frozen=True, eq=False)
class UnitLabels:
    """What the majority says of each unit (N units).

    Attributes:
        hallucinated: (N,) 1 where more verdicts say hallucinated than supported, 0 where fewer do, NaN
            otherwise.
        tied: (N,) as many say the one as the other, and some do.
        unrated: (N,) no verdict counts.
        n_unsure: Verdicts of "unsure", on all units.
        unsure: What those count as.
    """

    hallucinated: Floats
    tied: npt.NDArray[np.bool_]
    unrated: npt.NDArray[np.bool_]
    n_unsure: int
    unsure: Unsure


@dataclass(frozen=True)
class Detection:
    """How well dips find hallucinated units.

    Attributes:
        precision: Of the flagged units, the share that is hallucinated.
        recall: Of the hallucinated units, the share that is flagged.
        f1: Harmonic mean of the two, 2 TP / (2 TP + FP + FN).
        auroc: Chance that a hallucinated unit is more suspicious than another one; a tie counts one half.
        average_precision: Mean precision over the hallucinated units, each at the threshold that just
            reaches it; what chance gives is `prevalence`.
        prevalence: Share of hallucinated units.
        n_units: Units with a majority and a delta; everything rests on these.
        n_hallucinated: Those that are hallucinated.
        n_flagged: Those that are flagged.
        n_items: Captions that they are of.
        n_images: Images that those are of.
        n_tied: Units left out because the majority is tied.
        n_unrated: Units left out because no verdict counts.
        n_without_delta: Units with a majority left out because they have no delta.
        n_unsure: Verdicts of "unsure", on all units.
        unsure: What those count as.
        threshold: As given.
        n_resamples: Resamples asked for.
        confidence: Of the intervals, for example 0.95.
        seed: Of the resamples.
    """

    precision: Statistic
    recall: Statistic
    f1: Statistic
    auroc: Statistic
    average_precision: Statistic
    prevalence: float
    n_units: int
    n_hallucinated: int
    n_flagged: int
    n_items: int
    n_images: int
    n_tied: int
    n_unrated: int
    n_without_delta: int
    n_unsure: int
    unsure: Unsure
    threshold: float
    n_resamples: int
    confidence: float
    seed: int


@dataclass(frozen=True, eq=False)
class ThresholdSweep:
    """What every threshold would give (K thresholds, falling: the strictest first).

    Attributes:
        threshold: (K,) units are flagged whose suspicion is above it.
        n_flagged: (K,) how many are; 0 at the first threshold and all at the last.
        precision: (K,) NaN where none is flagged.
        recall: (K,) NaN where no unit is hallucinated.
        f1: (K,) NaN where no unit is hallucinated and none is flagged.
        false_positive_rate: (K,) share of the supported units that is flagged; NaN where there are none.
    """

    threshold: Floats
    n_flagged: Counts
    precision: Floats
    recall: Floats
    f1: Floats
    false_positive_rate: Floats


def unit_labels(verdicts: Sequence[Sequence[str]], *, unsure: Unsure = "left_out") -> UnitLabels:
    """Find the majority of each unit.

    Args:
        verdicts: (N,) the verdicts on each unit, one from each rater; empty where nobody has judged it.
        unsure: What a verdict of "unsure" counts as: nothing, hallucinated, or supported.

    Returns:
        The labels. A tie has none, whichever way it might be broken.

    Raises:
        InvalidScoresError: If a verdict or `unsure` is unknown.
    """
    if unsure not in get_args(Unsure):
        raise InvalidScoresError(f"unsure counts as {unsure!r}; it must be one of {get_args(Unsure)}")
    counts = np.zeros((len(verdicts), len(VERDICTS)), dtype=np.int64)
    for unit, of_unit in enumerate(verdicts):
        for verdict in of_unit:
            if verdict not in VERDICTS:
                raise InvalidScoresError(f"a verdict on unit {unit} is {verdict!r}; it must be in {VERDICTS}")
            counts[unit, VERDICTS.index(verdict)] += 1
    n_unsure = int(counts[:, 2].sum())
    against = counts[:, 1] + (counts[:, 2] if unsure == "hallucinated" else 0)
    speaking = counts[:, 0] + (counts[:, 2] if unsure == "supported" else 0)
    hallucinated = np.where(against == speaking, np.nan, (against > speaking).astype(np.float64))
    return UnitLabels(
        hallucinated=hallucinated,
        tied=(against == speaking) & (against > 0),
        unrated=against + speaking == 0,
        n_unsure=n_unsure,
        unsure=unsure,
    )


def detect(
    deltas: ArrayLike,
    verdicts: Sequence[Sequence[str]],
    *,
    items: Sequence[Hashable],
    images: Sequence[Hashable],
    threshold: float = 0.0,
    unsure: Unsure = "left_out",
    weights: ArrayLike | None = None,
    n_resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Detection:
    """Hold dips against the majority, with percentile intervals by cluster bootstrap over images.

    Args:
        deltas: (N,) of each unit; NaN, as for the first unit of a caption, leaves it out.
        verdicts: (N,) the verdicts on each unit, as for `unit_labels`.
        items: (N,) the caption of each unit.
        images: (N,) the image of each unit; units of one image are drawn together.
        threshold: A unit is flagged where its delta is below minus this.
        unsure: As for `unit_labels`.
        weights: (N,) the sampling weight of each unit's item, above 0; all 1 where not given. Figures are
            then shares of weight.
        n_resamples: How many resamples to draw; 0 for no intervals.
        confidence: Of the intervals, between 0 and 1.
        seed: Of the resamples; the same seed and data give the same intervals.

    Returns:
        The figures. One that is not defined is NaN, with the reason as its note.

    Raises:
        InvalidScoresError: If the lengths differ, a delta is infinite, a verdict is unknown, a weight is not
            above 0 and finite, or an option is out of range.

    Source:
        docs/analysis.md, Dips as a detector.
    """
    check_options(n_resamples, confidence)
    if not math.isfinite(threshold):
        raise InvalidScoresError(f"the threshold must be finite; got {threshold}")
    suspicion, labels, weight = _checked(deltas, verdicts, items, images, unsure, weights)
    kept = ~np.isnan(labels.hallucinated) & ~np.isnan(suspicion)
    rows = np.flatnonzero(kept).tolist()
    group, names = numbered([images[row] for row in rows])
    true = labels.hallucinated[kept] == 1
    flagged = suspicion[kept] > threshold
    figures = np.concatenate(
        list(
            _resampled(suspicion[kept], true, weight[kept], group, len(names), threshold, n_resamples, seed)
            if rows
            else [np.full((1, 5), np.nan)]
        )
    )  # (1 + B, 5)
    reasons = _reasons(len(rows), int(true.sum()), int(flagged.sum()))

    def statistic(column: int, n: int) -> Statistic:
        if reasons[column]:
            return Statistic(math.nan, n, math.nan, math.nan, reasons[column])
        low, high, note = percentile_interval(
            figures[1:, column], confidence, n_groups=len(names), otherwise="it is not defined"
        )
        return Statistic(float(figures[0, column]), n, low, high, note)

    return Detection(
        precision=statistic(0, int(flagged.sum())),
        recall=statistic(1, int(true.sum())),
        f1=statistic(2, int((true | flagged).sum())),
        auroc=statistic(3, len(rows)),
        average_precision=statistic(4, len(rows)),
        prevalence=float((weight[kept] * true).sum() / weight[kept].sum()) if rows else math.nan,
        n_units=len(rows),
        n_hallucinated=int(true.sum()),
        n_flagged=int(flagged.sum()),
        n_items=len({items[row] for row in rows}),
        n_images=len(names),
        n_tied=int(labels.tied.sum()),
        n_unrated=int(labels.unrated.sum()),
        n_without_delta=int((~np.isnan(labels.hallucinated) & np.isnan(suspicion)).sum()),
        n_unsure=labels.n_unsure,
        unsure=unsure,
        threshold=threshold,
        n_resamples=n_resamples,
        confidence=confidence,
        seed=seed,
    )


def sweep_thresholds(
    deltas: ArrayLike, hallucinated: ArrayLike, *, weights: ArrayLike | None = None
) -> ThresholdSweep:
    """Compute what every threshold gives, for a plot.

    Args:
        deltas: (N,) of each unit; NaN leaves it out.
        hallucinated: (N,) 1 or 0, or NaN, which leaves the unit out, as in `UnitLabels`.
        weights: (N,) as for `detect`; shares are then of weight, and `n_flagged` stays a count.

    Returns:
        One row for every set of units that a threshold can flag; negative thresholds, which flag units that
        are no dips, are the lower end of the curves.

    Raises:
        InvalidScoresError: If the lengths differ, or no unit has both.
    """
    suspicion, labels = -np.asarray(deltas, dtype=np.float64), np.asarray(hallucinated, dtype=np.float64)
    weight = np.ones(labels.shape) if weights is None else np.asarray(weights, dtype=np.float64)
    if suspicion.ndim != 1 or not suspicion.shape == labels.shape == weight.shape:
        raise InvalidScoresError(
            f"there are {suspicion.shape} deltas, {labels.shape} labels and {weight.shape} weights"
        )
    kept = ~np.isnan(suspicion) & ~np.isnan(labels)
    if not kept.any():
        raise InvalidScoresError(f"none of the {len(labels)} units has a delta and a majority")
    distinct, place = np.unique(-suspicion[kept], return_inverse=True)  # falling suspicions
    share = weight[kept]

    def running(values: Floats | None) -> Floats:
        sums: Floats = np.concatenate([[0.0], np.cumsum(np.bincount(place, weights=values))])
        return sums

    true, flagged = running(share * (labels[kept] == 1)), running(share)
    n_true, n = true[-1], flagged[-1]
    return ThresholdSweep(
        threshold=np.append(-distinct, np.nextafter(-distinct[-1], -np.inf)),
        n_flagged=running(None).astype(np.int64),
        precision=_over(true, flagged),
        recall=_over(true, np.full(len(true), n_true)),
        f1=_over(2 * true, flagged + n_true),
        false_positive_rate=_over(flagged - true, np.full(len(true), n - n_true)),
    )


def _checked(
    deltas: ArrayLike,
    verdicts: Sequence[Sequence[str]],
    items: Sequence[Hashable],
    images: Sequence[Hashable],
    unsure: Unsure,
    weights: ArrayLike | None,
) -> tuple[Floats, UnitLabels, Floats]:
    suspicion = -np.asarray(deltas, dtype=np.float64)
    weight = np.ones(len(verdicts)) if weights is None else np.asarray(weights, dtype=np.float64)
    if suspicion.shape != (len(verdicts),) or not len(verdicts) == len(items) == len(images) == len(weight):
        raise InvalidScoresError(
            f"there are deltas of shape {suspicion.shape}, {len(verdicts)} lists of verdicts, {len(items)} "
            f"items, {len(images)} images and {len(weight)} weights; there must be one of each for a unit"
        )
    if np.isinf(suspicion).any():
        raise InvalidScoresError("a delta is infinite; only finite ones and NaN can be compared")
    if not (np.isfinite(weight) & (weight > 0)).all():
        raise InvalidScoresError("a weight is not above 0 and finite")
    return suspicion, unit_labels(verdicts, unsure=unsure), weight


def _resampled(
    suspicion: Floats,
    true: npt.NDArray[np.bool_],
    weight: Floats,
    group: Counts,
    n_groups: int,
    threshold: float,
    n_resamples: int,
    seed: int,
) -> Iterator[Floats]:
    """Compute the five figures on the data and on each resample: (b, 5) at a time."""
    order = np.argsort(-suspicion, kind="stable")
    ranked, owner, share = suspicion[order], group[order], weight[order]
    n_flagged = int((ranked > threshold).sum())
    # Everything happens at hallucinated units: P of them, at these places among all N in falling order.
    hits = np.flatnonzero(true[order])
    # Before the first of the equally suspicious units, and after the last: among all, and among the hits.
    before, after = (np.searchsorted(-ranked, -ranked[hits], side=side) for side in ("left", "right"))
    hits_before, hits_after = (np.searchsorted(hits, at) for at in (before, after))
    hits_flagged = int(np.searchsorted(hits, n_flagged))
    step = max(1, _CELLS_AT_ONCE // len(ranked))
    for block in draw_blocks(n_groups, n_resamples=n_resamples, seed=seed):
        for start in range(0, len(block), step):
            drawn = block[start : start + step].astype(np.float64)[:, owner]  # (b, N)
            drawn *= share
            of_hits = drawn[:, hits]  # (b, P)
            seen, found = _running(drawn), _running(of_hits)  # (b, N + 1), (b, P + 1)
            n_all, n_true = seen[:, -1], found[:, -1]
            at_least, flags = found[:, hits_flagged], seen[:, n_flagged]
            found_after, seen_after = found[:, hits_after], seen[:, after]
            wrong_above = seen_after - found_after + seen[:, before] - found[:, hits_before]  # twice
            beaten = (of_hits * ((n_all - n_true)[:, None] - wrong_above / 2)).sum(axis=1)
            precisions = _over(found_after, seen_after)
            # Copies that were not drawn may come before anything that was.
            gained = np.where(of_hits > 0, of_hits * precisions, 0).sum(axis=1)
            yield np.stack(
                [
                    _over(at_least, flags),
                    _over(at_least, n_true),
                    _over(2 * at_least, flags + n_true),
                    _over(beaten, n_true * (n_all - n_true)),
                    _over(gained, n_true),
                ],
                axis=1,
            )


def _running(columns: Floats) -> Floats:
    """Add up (b, N) columns from the left, from 0 on: (b, N + 1)."""
    sums: Floats = np.zeros((len(columns), columns.shape[1] + 1))
    np.cumsum(columns, axis=1, out=sums[:, 1:])
    return sums


def _reasons(n: int, n_true: int, n_flagged: int) -> list[str]:
    """Say why each of the five figures is not defined; empty where it is."""
    if n == 0:
        return ["no unit has a majority and a delta"] * 5
    none = f"none of the {n:,} units is hallucinated by the majority"
    of_truth = none if n_true == 0 else ""
    of_auroc = of_truth or (f"all {n:,} units are hallucinated by the majority" if n_true == n else "")
    of_flags = "" if n_flagged else f"none of the {n:,} units is flagged at this threshold"
    of_f1 = f"{none}, and none is flagged" if n_true == 0 and not n_flagged else ""
    return [of_flags, of_truth, of_f1, of_auroc, of_truth]


def _over(top: Floats, bottom: Floats) -> Floats:
    ratio: Floats = np.full(np.shape(top), np.nan)
    return np.divide(top, bottom, out=ratio, where=np.asarray(bottom > 0))
