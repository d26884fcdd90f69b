"""Williams' test of two correlations with the same variable, and where it does not hold."""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from annotations.correlation import MIN_ITEMS, ArrayLike, paired_with_both, undefined


@dataclass(frozen=True)
class WilliamsTest:
    """Williams' test of two dependent correlations.

    Attributes:
        t: Its statistic; above 0 where the first metric correlates better. NaN where it is refused.
        p: Two-sided; NaN where it is refused.
        n: Items.
        refused: Why it does not hold here, in one sentence; otherwise empty.
    """

    t: float
    p: float
    n: int
    refused: str


def williams_test(
    human_scores: ArrayLike,
    first_scores: ArrayLike,
    second_scores: ArrayLike,
    *,
    groups: Sequence[Hashable],
    coefficient: str = "pearson_r",
    level: str = "pooled",
) -> WilliamsTest:
    """Test whether two pooled Pearson correlations with the same human scores differ, two-sided.

    Args:
        human_scores: (N,) NaN leaves the item out.
        first_scores: (N,) of one metric. NaN leaves the item out.
        second_scores: (N,) of the other.
        groups: (N,) the image of each item.
        coefficient: Anything but "pearson_r" is refused.
        level: Anything but "pooled" is refused.

    Returns:
        The test, or why it does not hold: it rests on one Pearson correlation of independent items.

    Raises:
        InvalidScoresError: If the lengths differ or a score is infinite.

    Source:
        Williams, The comparison of regression variables, 1959; Steiger, Tests for comparing elements of a
        correlation matrix, 1980, equation 7.
    """
    human, first, second, of_items = paired_with_both(human_scores, first_scores, second_scores, groups)
    n, n_images = len(human), len(set(of_items))
    refused = undefined(human, first) or undefined(human, second)
    unsuited = why_unsuited(coefficient, level, n_items=n, n_images=n_images)
    if unsuited:
        refused = unsuited
    elif not refused and n <= MIN_ITEMS:
        refused = f"Williams' test needs at least {MIN_ITEMS + 1} items; there are {n}"
    if refused:
        return WilliamsTest(math.nan, math.nan, n, refused)
    r12, r13, r23 = (
        float(np.corrcoef(x, y)[0, 1]) for x, y in ((human, first), (human, second), (first, second))
    )
    t = williams_t(r12, r13, r23, n)
    if math.isnan(t):
        return WilliamsTest(t, t, n, "the two metrics are the same but for scale")
    return WilliamsTest(t, float(2 * stats.t.sf(abs(t), n - 3)), n, "")


def why_unsuited(coefficient: str, level: str, *, n_items: int, n_images: int) -> str:
    """Say why Williams' test does not hold whatever the scores.

    Args:
        coefficient: What is compared.
        level: At which.
        n_items: Items that are compared.
        n_images: Images that they come from.

    Returns:
        One sentence without a full stop; empty where the test holds.
    """
    if coefficient != "pearson_r" or level != "pooled":
        return f"Williams' test holds for one pooled pearson_r, not for {coefficient} at level {level}"
    if n_images < n_items:
        return (
            f"Williams' test wants independent items, and {n_items} items share {n_images} images: use the "
            f"permutation test"
        )
    return ""


def williams_t(r12: float, r13: float, r23: float, n: int) -> float:
    """Compute Williams' statistic of two correlations with one variable; t with n - 3 degrees of freedom.

    Args:
        r12: Correlation of people and the first metric.
        r13: Of people and the second metric.
        r23: Of the two metrics.
        n: Items, at least 4.

    Returns:
        The statistic; NaN where the two metrics are the same but for scale.
    """
    determinant = 1 - r12**2 - r13**2 - r23**2 + 2 * r12 * r13 * r23
    spread = 2 * (n - 1) / (n - 3) * determinant + ((r12 + r13) / 2) ** 2 * (1 - r23) ** 3
    if spread <= 1e-15:
        return math.nan
    return (r12 - r13) * math.sqrt((n - 1) * (1 + r23) / spread)
