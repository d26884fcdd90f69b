"""Dips as a detector of hallucinated units: the figures, the whole sweep of thresholds, and the calibration.

In comments: K thresholds or bins, U units.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, get_args

import numpy as np
import numpy.typing as npt
from scipy import stats

from annotations.analysis.table import UnitTable
from annotations.analysis.threshold_grid import STEP, ThresholdGrid, thinned, threshold_grid
from annotations.conformal import (
    CalibratedThreshold,
    calibrate_threshold,
    images_needed,
    realised_rate,
    split_images,
)
from annotations.correlation import ArrayLike, Statistic
from annotations.correlation_report import without_nan
from annotations.detection import Detection, ThresholdSweep, Unsure, detect, sweep_thresholds, unit_labels
from annotations.resampling import Counts, Floats, check_options

WAYS: Final[tuple[Unsure, ...]] = get_args(Unsure)
"""What a verdict of "unsure" may count as."""

_BINS: Final = 40
# Where more images with a flag than this would be needed, a promise is out of reach.
_MOST_FLAGGED: Final = 20_000


@dataclass(frozen=True, eq=False)
class DeltaHistogram:
    """How many units have which delta; one edge of the bins is 0, so that dips have bins of their own.

    Attributes:
        edges: (K + 1,) of the bins.
        hallucinated: (K,) units that the majority calls hallucinated.
        supported: (K,) those that it calls supported.
    """

    edges: Floats
    hallucinated: Counts
    supported: Counts


@dataclass(frozen=True, eq=False)
class DipPart:
    """Dips held against the majority of the verdicts.

    Attributes:
        detection: At the threshold, with "unsure" counted as asked.
        ways: The same for every way of counting "unsure".
        grid: Precision, recall and F1 at the thresholds of a slider.
        sweep: The same at every threshold, thinned to what a drawing needs; the extremes are in it. Empty
            where no unit has a majority and a delta.
        n_sweep: Thresholds before the thinning.
        deltas: Histogram of the units behind the figures.
        n_units: Units of the table, judged or not.
        n_stale: Verdicts on cuts that the chosen weights have not scored.
    """

    detection: Detection
    ways: Mapping[Unsure, Detection]
    grid: ThresholdGrid
    sweep: ThresholdSweep
    n_sweep: int
    deltas: DeltaHistogram
    n_units: int
    n_stale: int


@dataclass(frozen=True)
class Calibration:
    """A threshold with a promise from some of the images, and what it comes to on the others.

    Attributes:
        calibrated: The threshold, NaN where nothing can be promised, and what was tried.
        realised: Mean share of wrong flags over the other images with a flag; NaN without a threshold.
        n_images: Images with a unit that has a majority and a delta, on both sides.
        share: Of those, to calibrate on.
        seed: Of the split, the drawn flags and the resamples.
        unsure: What a verdict of "unsure" counts as.
        equal_chances: Whether all items weigh the same; what is promised is of images drawn like these.
        sentence: What is promised, or why nothing is and what it would take.
    """

    calibrated: CalibratedThreshold
    realised: Statistic
    n_images: int
    share: float
    seed: int
    unsure: Unsure
    equal_chances: bool
    sentence: str

    @property
    def threshold(self) -> float:
        """The threshold, NaN where nothing can be promised."""
        return self.calibrated.threshold


def dip_part(
    units: UnitTable,
    *,
    threshold: float = 0.0,
    unsure: Unsure = "left_out",
    weights: ArrayLike | None = None,
    marks: Iterable[float] = (),
    n_resamples: int = 2000,
    n_resamples_others: int | None = None,
    confidence: float = 0.95,
    seed: int = 0,
) -> DipPart:
    """Hold dips against the majority: every figure, at the threshold and along all thresholds.

    Args:
        units: The units with their deltas and verdicts.
        threshold: A unit is flagged where its delta is below minus this.
        unsure: What a verdict of "unsure" counts as.
        weights: (U,) the sampling weight of each unit's item, above 0; all 1 where not given.
        marks: Further thresholds that the grid has to hold.
        n_resamples: Of the intervals; 0 for none.
        n_resamples_others: Of those of the other ways to count "unsure"; as many where not given.
        confidence: Of the intervals.
        seed: Of the resamples.

    Returns:
        The part. What is not defined is NaN, with the reason.

    Raises:
        InvalidScoresError: As `annotations.detection.detect` raises it.
    """
    check_options(n_resamples, confidence)
    others = n_resamples if n_resamples_others is None else n_resamples_others
    ways = {
        way: detect(
            units.delta,
            units.verdicts,
            items=units.item.tolist(),
            images=units.image,
            threshold=threshold,
            unsure=way,
            weights=weights,
            n_resamples=n_resamples if way == unsure else others,
            confidence=confidence,
            seed=seed,
        )
        for way in WAYS
    }
    labels = unit_labels(units.verdicts, unsure=unsure).hallucinated
    weight = np.ones(len(units)) if weights is None else np.asarray(weights, dtype=np.float64)
    kept = ~np.isnan(labels) & ~np.isnan(units.delta)
    whole = sweep_thresholds(units.delta, labels, weights=weight) if kept.any() else _no_sweep()
    return DipPart(
        detection=ways[unsure],
        ways=ways,
        grid=_grid(units, ways[unsure], weights, (threshold, *marks)),
        sweep=thinned(whole),
        n_sweep=len(whole.threshold),
        deltas=_histogram(units.delta[kept], labels[kept]),
        n_units=len(units),
        n_stale=units.n_stale,
    )


def with_marks(
    part: DipPart, units: UnitTable, *, marks: Iterable[float], weights: ArrayLike | None = None
) -> DipPart:
    """Return a part whose grid also holds further thresholds; all else of it stays.

    Args:
        part: From `dip_part`.
        units: What it was made of.
        marks: The thresholds; the grid loses those that were marked before.
        weights: As `dip_part` was given them.

    Raises:
        InvalidScoresError: If a mark is not finite.
    """
    return replace(part, grid=_grid(units, part.detection, weights, (part.detection.threshold, *marks)))


def calibration(
    units: UnitTable,
    *,
    rate: float = 0.2,
    failure: float = 0.1,
    share: float = 0.5,
    seed: int = 0,
    unsure: Unsure = "left_out",
    weights: ArrayLike | None = None,
    n_resamples: int = 2000,
) -> Calibration:
    """Find a threshold with a promise on some of the judged images, and look at it on the others.

    Args:
        units: The units with their deltas and verdicts.
        rate: The false-discovery rate to promise, between 0 and 1.
        failure: The chance of breaking the promise that is accepted, between 0 and 1.
        share: Of the judged images, to calibrate on, between 0 and 1.
        seed: To be settled before looking; trying several breaks the promise.
        unsure: What a verdict of "unsure" counts as.
        weights: (U,) the sampling weight of each unit's item; they only tell whether images were drawn alike.
        n_resamples: Of the interval of the realised rate.

    Returns:
        The threshold and its promise, or a sentence that says what one would take.

    Raises:
        InvalidScoresError: If an option is out of range, or a delta is infinite.

    Source:
        docs/analysis.md, A threshold with a promise.
    """
    labels = unit_labels(units.verdicts, unsure=unsure).hallucinated
    rows = np.flatnonzero(~np.isnan(labels) & ~np.isnan(units.delta))
    images = [units.image[row] for row in rows.tolist()]
    drawn = split_images(images, share=share, seed=seed)

    def side(of: npt.NDArray[np.bool_]) -> dict[str, Any]:
        return {
            "deltas": units.delta[rows[of]],
            "hallucinated": labels[rows[of]],
            "images": [image for image, is_in in zip(images, of.tolist(), strict=True) if is_in],
        }

    calibrated = calibrate_threshold(**side(drawn), rate=rate, failure=failure, seed=seed)
    if math.isnan(calibrated.threshold):
        realised = Statistic(math.nan, 0, math.nan, math.nan, "there is no threshold to look at")
    else:
        realised = realised_rate(
            **side(~drawn), threshold=calibrated.threshold, n_resamples=n_resamples, seed=seed
        )
    given = None if weights is None else np.asarray(weights, dtype=np.float64)[rows]
    equal = given is None or len(given) == 0 or bool((given == given[0]).all())
    n_images = len(set(images))
    flagged = {image for image, delta in zip(images, units.delta[rows], strict=True) if delta < 0}
    return Calibration(
        calibrated=calibrated,
        realised=realised,
        n_images=n_images,
        share=share,
        seed=seed,
        unsure=unsure,
        equal_chances=equal,
        sentence=_sentence(calibrated, share, n_images, len(flagged), equal),
    )


def _sentence(of: CalibratedThreshold, share: float, n_images: int, n_with_dip: int, equal: bool) -> str:
    if not math.isnan(of.threshold):
        promise = (
            f"At most {of.rate:.0%} of the flags on an image are wrong, on average over images like the "
            f"{of.n_images:,} of the calibration that have a flag; the chance that the calibration misleads "
            f"is at most {of.failure:.0%}."
        )
        if equal:
            return promise
        return (
            f"{promise} The items were drawn with unequal chances, so images like those are not an even draw."
        )
    if n_images == 0:
        return (
            "No image has a unit with a majority and a delta: judge units on Rate, and score their captions."
        )
    needed = images_needed(of.rate, of.failure)
    start = f"Nothing can be promised at {of.rate:.0%} from {of.n_images:,} images"
    if any(candidate.n_flagged_images >= needed for candidate in of.candidates):
        best = min(candidate.observed_rate for candidate in of.candidates if candidate.n_flagged_images)
        enough = _enough(of, share)
        if enough is None:
            return (
                f"{start}: at the best threshold {best:.0%} of the flags on an image were wrong. More images "
                "will hardly help; promise a higher rate."
            )
        return (
            f"{start}: at the best threshold {best:.0%} of the flags on an image were wrong, and that few "
            f"images leave the rate open. If it stays so, some {enough:,} judged images would do where there "
            f"are {n_images:,}."
        )
    # What the calibration needs is images with a dip; the others come along, and so does the other side.
    total = math.ceil(needed * n_images / max(n_with_dip, 1) / share)
    return (
        f"{start}: it takes {needed} with a dip there, even if no flag is wrong, so about {total:,} judged "
        f"images in all where there are {n_images:,}. Judge more, or promise less."
    )


def _enough(of: CalibratedThreshold, share: float) -> int | None:
    """Count the judged images at which one of the thresholds would pass if its rate stayed as it was seen."""
    counts = []
    for candidate in of.candidates:
        if not candidate.n_flagged_images or candidate.observed_rate >= of.rate:
            continue
        flagged = np.arange(1, _MOST_FLAGGED + 1)
        wrong = np.floor(candidate.observed_rate * flagged)
        passes = stats.binom.cdf(wrong, flagged, of.rate) <= of.failure / len(of.candidates)
        if passes.any():
            per_image = candidate.n_flagged_images / of.n_images
            counts.append(math.ceil(int(flagged[passes.argmax()]) / per_image / share))
    return min(counts, default=None)


def as_record(part: DipPart) -> dict[str, Any]:
    """Return a part as plain data for JSON, with None for what is not defined."""
    grid, histogram = part.grid, part.deltas
    record: dict[str, Any] = without_nan(
        {
            "threshold": part.detection.threshold,
            "unsure": part.detection.unsure,
            "n_units": part.n_units,
            "n_stale": part.n_stale,
            "ways": dict(part.ways),
            "grid": {
                "threshold": grid.threshold.tolist(),
                "n_flagged": grid.n_flagged.tolist(),
                **{name: _listed(getattr(grid, name)) for name in ("precision", "recall", "f1")},
            },
            "n_sweep": part.n_sweep,
            "sweep": _listed(part.sweep),
            "deltas": _listed(histogram),
        }
    )
    return record


def _grid(
    units: UnitTable, like: Detection, weights: ArrayLike | None, marks: Iterable[float]
) -> ThresholdGrid:
    """Compute the grid that goes with a detection: its way of counting, its resamples."""
    labels = unit_labels(units.verdicts, unsure=like.unsure).hallucinated
    rows = np.flatnonzero(~np.isnan(labels) & ~np.isnan(units.delta))
    weight = np.ones(len(units)) if weights is None else np.asarray(weights, dtype=np.float64)
    return threshold_grid(
        units.delta[rows],
        labels[rows],
        images=[units.image[row] for row in rows.tolist()],
        weights=weight[rows],
        marks=marks,
        n_resamples=like.n_resamples,
        confidence=like.confidence,
        seed=like.seed,
    )


def _listed(arrays: Any) -> dict[str, list[float]]:
    return {name: getattr(arrays, name).tolist() for name in arrays.__dataclass_fields__}


def _no_sweep() -> ThresholdSweep:
    none: Floats = np.zeros(0)
    return ThresholdSweep(none, np.zeros(0, dtype=np.int64), none, none, none, none)


def _histogram(delta: Floats, labels: Floats) -> DeltaHistogram:
    if len(delta) == 0:
        none = np.zeros(0, dtype=np.int64)
        return DeltaHistogram(np.zeros(0), none, none)
    low, high = min(0.0, float(delta.min())), max(0.0, float(delta.max()))
    width = (high - low) / _BINS or STEP
    first, last = math.floor(low / width), max(math.ceil(high / width), math.floor(low / width) + 1)
    edges: Floats = np.arange(first, last + 1, dtype=np.float64) * width
    # Rounding may leave the outermost delta a hair outside.
    edges[0], edges[-1] = min(edges[0], low), max(edges[-1], high)
    counts = [np.histogram(delta[labels == label], bins=edges)[0].astype(np.int64) for label in (1, 0)]
    return DeltaHistogram(edges, *counts)
