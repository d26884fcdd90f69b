"""What a coefficient at a level is: value, interval, what it rests on, and what has to be known of it.

In comments: B resamples, C images, N items, S systems.
"""

import math
from dataclasses import dataclass, replace
from typing import Final, cast

from annotations.resampled import Coefficient
from annotations.resampling import Counts, Floats, percentile_interval

FEW_GROUPS: Final = 30
"""Below this number of images an interval by bootstrap over images is itself uncertain."""


TIES: Final = {
    "pearson_r": "takes the values as they are; ties need no treatment",
    "spearman_rho": "tied values share their mean rank",
    "kendall_tau_b": "pairs tied on one side are left out of that side's number of pairs",
    "kendall_tau_c": "tied pairs count as neither order; the number of levels of the side with fewer enters",
    "inverse_r_squared": "as pearson_r",
    "pairwise_accuracy": "a tie that people see is right where the metric's scores differ by no more than a "
    "threshold calibrated on other images",
}
"""How each coefficient treats ties, by its name."""

_TIES_BETWEEN_SYSTEMS: Final = {"pairwise_accuracy": "means tie where they are equal"}

_STAND_INS: Final[dict[str, Coefficient]] = {
    "pairwise_accuracy": "kendall_tau_b",
    "inverse_r_squared": "pearson_r",
}

INVERSE_NOTE: Final = (
    "1 / pearson_r**2: the paper's column '1-R^2' holds this in its own rows (3.65 for r = .5228) and "
    "something else in others"
)


@dataclass(frozen=True)
class LevelValue:
    """One coefficient at one level.

    Attributes:
        value: The coefficient; NaN where there is nothing to compute.
        low: Lower end of the interval, or NaN.
        high: Upper end of the interval, or NaN.
        n: Items that it rests on.
        n_groups: Images at the levels "pooled" and "per_image"; systems at the others.
        n_undefined: Groups with two items or more and no value because one side is constant in them.
        n_short: Groups with fewer than two items, which are left out under either policy.
        policy: What becomes of undefined groups: "drop", "zero", or "none" where nothing is averaged.
        ties: How ties are treated.
        tie_thresholds: Of pairwise accuracy, one for each fold or two folds; otherwise empty.
        note: Why something is NaN, what is to be known, or how many resamples the interval rests on.
    """

    value: float
    low: float
    high: float
    n: int
    n_groups: int
    n_undefined: int
    n_short: int
    policy: str
    ties: str
    tie_thresholds: tuple[float, ...]
    note: str


@dataclass(frozen=True)
class LevelTable:
    """All coefficients of one metric at all levels.

    Attributes:
        values: By coefficient and level: "pooled", "per_image", "per_image_zero" and, with systems,
            "per_system", "per_system_zero" and "between_systems".
        n_items: Items with both scores.
        n_missing: Items left out because one score is missing.
        n_images: Images with such items.
        n_systems: Systems with such items; 0 where none are given.
        warnings: What a reader should know before trusting the intervals.
        n_resamples: Resamples drawn for the intervals.
        confidence: Of the intervals, for example 0.95.
        seed: Of the resamples and of the folds of pairwise accuracy.
    """

    values: dict[str, dict[str, LevelValue]]
    n_items: int
    n_missing: int
    n_images: int
    n_systems: int
    warnings: tuple[str, ...]
    n_resamples: int
    confidence: float
    seed: int


@dataclass(frozen=True)
class Sample:
    """The items that have both scores, and the resamples.

    Attributes:
        human: (N,) scores.
        metric: (N,) scores.
        image: (N,) number of each item's image.
        system: (N,) number of each item's system, or None.
        systems: S.
        draws: (1 + B, C) how often each image was drawn; the first row is the data.
        coefficients: Names of those that are wanted.
        confidence: Of the intervals.
        seed: Of the folds.
    """

    human: Floats
    metric: Floats
    image: Counts
    system: Counts | None
    systems: int
    draws: Counts
    coefficients: tuple[str, ...]
    confidence: float
    seed: int


def too_few(n_groups: int, what: str = "image") -> str:
    """Warn of intervals that rest on few images.

    Args:
        n_groups: Images that they rest on.
        what: Is drawn, in the singular.

    Returns:
        One sentence without a full stop; empty where there are `FEW_GROUPS` or more.
    """
    if n_groups >= FEW_GROUPS:
        return ""
    are = f"1 {what} is" if n_groups == 1 else f"{n_groups} {what}s are"
    return f"{are} few: intervals by bootstrap over {what}s want {FEW_GROUPS} or more"


def correlation_for(coefficient: str) -> Coefficient:
    """Find the correlation that stands for a coefficient where only a correlation can be computed.

    Args:
        coefficient: One of `TIES`.

    Returns:
        Itself, kendall_tau_b for pairwise accuracy, or pearson_r for inverse_r_squared.
    """
    return _STAND_INS.get(coefficient) or cast(Coefficient, coefficient)


def ties_at(coefficient: str, level: str) -> str:
    """Say how a coefficient treats ties at a level.

    Args:
        coefficient: One of `TIES`.
        level: One of those of `LevelTable`.

    Returns:
        What `TIES` says, save between systems, where no threshold is calibrated.
    """
    at_level = _TIES_BETWEEN_SYSTEMS if level == "between_systems" else {}
    return at_level.get(coefficient, TIES[coefficient])


def level_value(
    sample: Sample, name: str, values: Floats, *, n: int, n_groups: int, reason: str = ""
) -> LevelValue:
    """Put a coefficient on the data and on each resample into a value with its interval.

    Args:
        sample: Whose.
        name: Of the coefficient.
        values: (1 + B,) the first is that of the data.
        n: Items that it rests on.
        n_groups: Images or systems that it rests on.
        reason: Why there is no value; empty where there is one.

    Returns:
        The value.
    """
    low = high = value = math.nan
    note = reason
    if not reason:
        value = float(values[0])
        low, high, note = percentile_interval(
            values[1:],
            sample.confidence,
            n_groups=sample.draws.shape[1],
            otherwise="one side is constant or nothing is left",
        )
    return LevelValue(value, low, high, n, n_groups, 0, 0, "none", TIES[name], (), note)


def with_note(value: LevelValue, note: str) -> LevelValue:
    """Return the value with a note in front of its own."""
    return replace(value, note="; ".join(part for part in (note, value.note) if part))


def inverse_of(pearson: LevelValue) -> LevelValue:
    """Turn pearson_r and its interval into 1 / r**2; the ends swap, and a zero inside leaves no upper end."""
    if math.isnan(pearson.value) or pearson.value == 0:
        reason = pearson.note if math.isnan(pearson.value) else "pearson_r is 0"
        value = low = high = math.nan
    else:
        reason, value = "", 1 / pearson.value**2
        ends = sorted(abs(end) for end in (pearson.low, pearson.high))
        low, high = (1 / ends[1] ** 2, 1 / ends[0] ** 2) if ends[0] > 0 else (math.nan, math.nan)
        if pearson.low <= 0 <= pearson.high:
            high, reason = math.nan, "no upper end: the interval of pearson_r spans zero"
        elif math.isnan(pearson.low):
            reason = pearson.note
    return replace(
        pearson,
        value=value,
        low=low,
        high=high,
        ties=TIES["inverse_r_squared"],
        note="; ".join(part for part in (INVERSE_NOTE, reason) if part),
    )
