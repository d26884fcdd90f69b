"""A threshold for dips with a promise: of what is flagged on an image, few flags are wrong.

What is promised, for images drawn like those of the calibration: over images on which anything is flagged,
the mean share of flags that the majority calls supported is at most `rate`, unless the calibration had bad
luck, which happens with a chance of at most `failure`. Images are independent; units of one image need not
be: one flag of each image is drawn at random, and whether drawn flags are wrong is then independent, with the
promised rate as its chance.

In comments: C images, N units, K candidates.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import stats

from annotations.correlation import ArrayLike, Statistic
from annotations.errors import InvalidScoresError
from annotations.resampling import Counts, Floats, check_options, draw_blocks, numbered, percentile_interval

# Each candidate flags about this many times fewer images than the one before.
_RATIO: Final = 2.0


@dataclass(frozen=True)
class Candidate:
    """One threshold that was tried.

    Attributes:
        threshold: Units are flagged whose delta is below minus this.
        n_flagged_images: Images of the calibration with a flag.
        n_wrong_drawn: Of one flag drawn from each of those, how many are wrong.
        observed_rate: Mean over those of the share of wrong flags; NaN without any.
        p_value: Chance of drawing so few wrong ones if the true rate were the promised one.
        holds: Whether the promise holds at this threshold.
    """

    threshold: float
    n_flagged_images: int
    n_wrong_drawn: int
    observed_rate: float
    p_value: float
    holds: bool


@dataclass(frozen=True)
class CalibratedThreshold:
    """A threshold and what is promised of it.

    Attributes:
        threshold: The lowest one at which the promise holds, at least 0; NaN where it holds at none.
        rate: The promised false-discovery rate.
        failure: Chance, over calibrations, that the promise is broken.
        n_images: Images of the calibration with a unit that has a delta and a majority.
        n_units: Those units.
        n_flagged_images: Images with a flag at the threshold.
        n_flagged_units: Flags at the threshold.
        observed_rate: Mean share of wrong flags over the images with a flag; NaN without a threshold.
        pooled_rate: Wrong flags over all flags; about this nothing is promised.
        n_left_out: Units without a delta or a majority.
        candidates: All thresholds that were tried, the strictest last.
        seed: Of the flags that were drawn.
        note: Why there is no threshold; otherwise empty.
    """

    threshold: float
    rate: float
    failure: float
    n_images: int
    n_units: int
    n_flagged_images: int
    n_flagged_units: int
    observed_rate: float
    pooled_rate: float
    n_left_out: int
    candidates: tuple[Candidate, ...]
    seed: int
    note: str


@dataclass(frozen=True, eq=False)
class _Units:
    """Units with a delta and a majority, by image.

    Attributes:
        suspicion: (N,) minus the delta.
        wrong: (N,) 1 where the majority says supported, so that a flag is wrong; otherwise 0.
        image: (N,) number of the image.
        n_images: C.
        n_left_out: Units without either.
    """

    suspicion: Floats
    wrong: Floats
    image: Counts
    n_images: int
    n_left_out: int

    def shares(self, threshold: float) -> tuple[Floats, Floats, Floats]:
        """Return flags, wrong flags and the share of wrong ones (NaN without flags) of each image: (C,)."""
        flagged = self.suspicion > threshold
        flags = np.bincount(self.image[flagged], minlength=self.n_images).astype(np.float64)
        wrong: Floats = np.bincount(
            self.image[flagged], weights=self.wrong[flagged], minlength=self.n_images
        ).astype(np.float64)
        share: Floats = np.full(self.n_images, np.nan)
        np.divide(wrong, flags, out=share, where=flags > 0)
        return flags, wrong, share

    def draw_one(self, threshold: float, priority: Floats) -> Floats:
        """Take the flag of each image with the highest priority: whether it is wrong, one for each image."""
        rows = np.flatnonzero(self.suspicion > threshold)
        rows = rows[np.lexsort((priority[rows], self.image[rows]))]
        last = np.append(np.diff(self.image[rows]) > 0, True)[: len(rows)]
        drawn: Floats = self.wrong[rows[last]]
        return drawn


def calibrate_threshold(
    deltas: ArrayLike,
    hallucinated: ArrayLike,
    *,
    images: Sequence[Hashable],
    rate: float = 0.2,
    failure: float = 0.1,
    seed: int = 0,
) -> CalibratedThreshold:
    """Find the lowest threshold at which a false-discovery rate can be promised.

    Args:
        deltas: (N,) of each unit of the calibration; NaN leaves it out.
        hallucinated: (N,) 1, 0 or NaN, as in `UnitLabels`; NaN leaves the unit out, and the promise is about
            units with a majority.
        images: (N,) the image of each unit.
        rate: The false-discovery rate to promise, between 0 and 1.
        failure: The chance of breaking the promise that is accepted, between 0 and 1.
        seed: Of the flags that are drawn; to be settled before looking, for trying many breaks the promise.

    Returns:
        The threshold. It is NaN, with the reason as its note, where there are too few images for any promise
        at this rate, and where no threshold keeps it.

    Raises:
        InvalidScoresError: If the lengths differ, a delta is infinite, a label is none of 1, 0 and NaN, or
            the rate or the chance is out of range.

    Source:
        Angelopoulos, Bates, Candès, Jordan and Lei, Learn then Test, 2021; the rate is the positive false
        discovery rate of Storey, 2002, within an image. Candidates from order statistics and one flag of
        each image are ours: docs/analysis.md, Dips as a detector.
    """
    for name, value in (("rate", rate), ("failure", failure)):
        if not 0 < value < 1:
            raise InvalidScoresError(f"the {name} must be between 0 and 1; got {value}")
    units = _checked(deltas, hallucinated, images)
    sizes = _sizes(units.n_images, rate, failure)
    highest: Floats = np.full(units.n_images, -np.inf)
    np.maximum.at(highest, units.image, units.suspicion)
    # Given the (k + 1)-th highest image, the images above it are independent draws from those above that
    # value; so its value may serve as a threshold although it comes from the data.
    falling = np.append(np.sort(highest)[::-1], -np.inf)
    priority = np.random.default_rng(seed).random(len(units.suspicion))
    candidates = []
    for size in sizes:
        threshold = max(0.0, float(falling[size]))
        drawn = units.draw_one(threshold, priority)
        n_wrong = int(drawn.sum())
        p_value = float(stats.binom.cdf(n_wrong, len(drawn), rate)) if len(drawn) else 1.0
        share = units.shares(threshold)[2]
        observed = float(np.nanmean(share)) if len(drawn) else math.nan
        # One of so many candidates: each is tested that much more strictly.
        holds = p_value <= failure / len(sizes)
        candidates.append(Candidate(threshold, len(drawn), n_wrong, observed, p_value, holds))
    chosen = min(
        (of.threshold for of in candidates if of.holds),
        default=math.nan,
    )
    flags, wrong, share = units.shares(chosen)  # nothing is above NaN
    some = bool(flags.any())
    return CalibratedThreshold(
        threshold=chosen,
        rate=rate,
        failure=failure,
        n_images=units.n_images,
        n_units=len(units.suspicion),
        n_flagged_images=int((flags > 0).sum()),
        n_flagged_units=int(flags.sum()),
        observed_rate=float(np.nanmean(share)) if some else math.nan,
        pooled_rate=float(wrong.sum() / flags.sum()) if some else math.nan,
        n_left_out=units.n_left_out,
        candidates=tuple(candidates),
        seed=seed,
        note=_note(chosen, candidates, units, highest, rate, failure),
    )


def images_needed(rate: float, failure: float, *, n_candidates: int = 1) -> int:
    """Count the flagged images without a wrong flag that a promise takes.

    Args:
        rate: The promised rate, between 0 and 1.
        failure: The accepted chance of breaking the promise, between 0 and 1.
        n_candidates: Thresholds that are tried.

    Returns:
        The least n with (1 - rate) ** n at most failure / n_candidates.
    """
    return math.ceil(math.log(failure / n_candidates) / math.log1p(-rate))


def split_images(images: Sequence[Hashable], *, share: float = 0.5, seed: int = 0) -> npt.NDArray[np.bool_]:
    """Draw the images to calibrate on; the others are for looking at the result.

    Args:
        images: (N,) the image of each unit.
        share: Of the images to draw, between 0 and 1.
        seed: Of the draw.

    Returns:
        (N,) whether the unit's image is drawn; all units of an image are on the same side.

    Raises:
        InvalidScoresError: If the share is out of range.
    """
    if not 0 < share < 1:
        raise InvalidScoresError(f"the share of images to calibrate on must be between 0 and 1; got {share}")
    number, names = numbered(images)
    drawn = np.zeros(len(names), dtype=np.bool_)
    drawn[np.random.default_rng(seed).permutation(len(names))[: round(share * len(names))]] = True
    return drawn[number]


def realised_rate(
    deltas: ArrayLike,
    hallucinated: ArrayLike,
    *,
    images: Sequence[Hashable],
    threshold: float,
    n_resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Statistic:
    """Measure the promised rate on images that the threshold was not calibrated on.

    Args:
        deltas: As for `calibrate_threshold`.
        hallucinated: As for `calibrate_threshold`.
        images: As for `calibrate_threshold`.
        threshold: Units are flagged whose delta is below minus this.
        n_resamples: How many resamples of images to draw; 0 for no interval.
        confidence: Of the interval, between 0 and 1.
        seed: Of the resamples.

    Returns:
        The mean, over images with a flag, of the share of wrong flags; its n counts those images.

    Raises:
        InvalidScoresError: As for `calibrate_threshold`, or an option is out of range.
    """
    check_options(n_resamples, confidence)
    units = _checked(deltas, hallucinated, images)
    share = units.shares(threshold)[2]
    known = ~np.isnan(share)
    n = int(known.sum())
    if n == 0:
        reason = f"nothing is flagged on any of the {units.n_images} images"
        return Statistic(math.nan, 0, math.nan, math.nan, reason)
    total, count = np.where(known, share, 0), known.astype(np.float64)
    values = []
    for draws in draw_blocks(units.n_images, n_resamples=n_resamples, seed=seed):
        top, bottom = draws @ total, draws @ count
        values.append(np.where(bottom > 0, top / np.maximum(bottom, 1), np.nan))
    rates = np.concatenate(values)
    low, high, note = percentile_interval(
        rates[1:], confidence, n_groups=units.n_images, otherwise="nothing is flagged"
    )
    return Statistic(float(rates[0]), n, low, high, note)


def _checked(deltas: ArrayLike, hallucinated: ArrayLike, images: Sequence[Hashable]) -> _Units:
    suspicion, labels = -np.asarray(deltas, dtype=np.float64), np.asarray(hallucinated, dtype=np.float64)
    if suspicion.ndim != 1 or suspicion.shape != labels.shape or len(images) != len(labels):
        raise InvalidScoresError(
            f"there are deltas of shape {suspicion.shape}, labels of shape {labels.shape} and {len(images)} "
            f"images; there must be one of each for a unit"
        )
    if np.isinf(suspicion).any():
        raise InvalidScoresError("a delta is infinite; only finite ones and NaN can be compared")
    if not (np.isnan(labels) | (labels == 0) | (labels == 1)).all():
        raise InvalidScoresError("a label is neither 1 (hallucinated) nor 0 (supported) nor NaN")
    kept = ~np.isnan(suspicion) & ~np.isnan(labels)
    image, names = numbered([images[row] for row in np.flatnonzero(kept).tolist()])
    return _Units(suspicion[kept], 1 - labels[kept], image, len(names), len(labels) - len(image))


def _sizes(n_images: int, rate: float, failure: float) -> list[int]:
    """Choose how many images each candidate may flag, from all of them down: K numbers.

    They depend on nothing but the number of images and the promise, as the test of several candidates needs.
    """
    sizes: list[int] = []
    size = float(n_images)
    while size >= 1 and round(size) >= images_needed(rate, failure, n_candidates=len(sizes) + 1):
        sizes.append(round(size))
        size /= _RATIO
    return sizes


def _note(
    chosen: float,
    candidates: list[Candidate],
    units: _Units,
    highest: Floats,
    rate: float,
    failure: float,
) -> str:
    if not math.isnan(chosen):
        return ""
    needed = images_needed(rate, failure)
    promise = f"a false-discovery rate of {rate:g} with {1 - failure:.0%} confidence"
    if not candidates:
        return (
            f"{promise} takes at least {needed} images with a flag, even if no flag is wrong; there are "
            f"{units.n_images} images: rate more of them, or promise less"
        )
    flagged = int((highest > 0).sum())
    if flagged < needed:
        return (
            f"{promise} takes at least {needed} images with a dip, even if no flag is wrong; of "
            f"{units.n_images} images {flagged} have one: rate more of them, or promise less"
        )
    best = min((of.observed_rate for of in candidates if of.n_flagged_images), default=math.nan)
    return (
        f"no threshold keeps {promise} on {units.n_images} images; the lowest rate seen is {best:.3f}: rate "
        f"more images, or promise less"
    )
