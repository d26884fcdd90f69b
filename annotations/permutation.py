"""Is one metric closer to people than another: the paired permutation test PERM-BOTH.

In comments: B permutations, C images, N items.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from annotations.correlation import ArrayLike, paired_with_both, undefined
from annotations.errors import InvalidScoresError
from annotations.resampled import MEASURES, Coefficient, unit_scale
from annotations.resampling import Counts, Floats, numbered
from annotations.stopping import end_if_over
from annotations.within_groups import mean_of_rows, within_groups

TestLevel = Literal["pooled", "per_image"]
Swap = Literal["image", "item"]

STOP_AFTER: Final = 100
"""Permutations at least as extreme as the data after which a test stops."""

STOPPING_RULE: Final = (
    f"Besag and Clifford 1991: stop at {STOP_AFTER} permutations at least as extreme as the data, after l of "
    f"them with p = {STOP_AFTER} / l; otherwise p = (k + 1) / (n + 1) after all n, k of them as extreme"
)

_BLOCK: Final = 250


@dataclass(frozen=True)
class PermutationTest:
    """A paired permutation test of two metrics, two-sided.

    Attributes:
        difference: The coefficient of the first metric less that of the second, on the z-scored data.
        p: Chance of a difference at least as large under the hypothesis that the two can be swapped; NaN
            where there is nothing to compute.
        n_items: Items that both metrics and people have scored.
        n_images: Images that they come from.
        n_permutations: Permutations that were used.
        stopped_early: Whether the stopping rule ended the test before the last permutation.
        note: Why p is NaN; otherwise empty.
    """

    difference: float
    p: float
    n_items: int
    n_images: int
    n_permutations: int
    stopped_early: bool
    note: str


def permutation_test(
    human_scores: ArrayLike,
    first_scores: ArrayLike,
    second_scores: ArrayLike,
    *,
    groups: Sequence[Hashable],
    coefficient: Coefficient = "kendall_tau_b",
    level: TestLevel = "pooled",
    swap: Swap = "image",
    n_permutations: int = 10_000,
    seed: int = 0,
) -> PermutationTest:
    """Test whether two metrics correlate differently with people (PERM-BOTH), two-sided.

    Both metrics are z-scored, so that their scores can be exchanged. If neither is better, nothing changes
    when scores of the two are swapped; how often a random swap gives a difference at least as large is p.

    Args:
        human_scores: (N,) NaN leaves the item out.
        first_scores: (N,) of one metric. NaN leaves the item out.
        second_scores: (N,) of the other.
        groups: (N,) the image of each item.
        coefficient: What is compared.
        level: "pooled" over all items, or "per_image", the mean of the values inside images, in which images
            without a value are dropped.
        swap: "image" swaps all items of an image together, which holds where the scores of one image's
            captions depend on each other. "item" swaps each by itself, as the published test does.
        n_permutations: At most so many.
        seed: Of the permutations.

    Returns:
        The test. p is NaN, with a note, where a coefficient does not exist.

    Raises:
        InvalidScoresError: If the lengths differ, a score is infinite, or an option is out of range.

    Source:
        Deutsch, Dror and Roth, A Statistical Analysis of Summarization Evaluation Metrics Using Resampling
        Methods, TACL 2021, PERM-BOTH; stopping: Besag and Clifford, Sequential Monte Carlo p-values, 1991.
    """
    # Differs from the paper: the published test swaps each item by itself and is one-sided.
    if n_permutations < 1:
        raise InvalidScoresError(f"n_permutations must be at least 1; got {n_permutations}")
    if coefficient not in MEASURES or level not in ("pooled", "per_image") or swap not in ("image", "item"):
        raise InvalidScoresError(
            f"no permutation test of {coefficient!r} at level {level!r} with swaps by {swap!r}; there are "
            f"{', '.join(MEASURES)}; pooled, per_image; image, item"
        )
    human, first, second, of_items = paired_with_both(human_scores, first_scores, second_scores, groups)
    image, images = numbered(of_items)
    n_images = len(images)
    reason = undefined(human, first) or undefined(human, second)
    if reason:
        return PermutationTest(math.nan, math.nan, len(human), n_images, 0, False, reason)
    swapped = _Swapped(human, _z_scores(first), _z_scores(second), image, n_images, coefficient, level)
    unit = image if swap == "image" else np.arange(len(human))
    n_units = int(unit.max()) + 1
    difference = float(swapped.differences(np.zeros((1, n_units), dtype=np.int64), unit)[0])
    if math.isnan(difference):
        reason = "no image has two items that differ on both sides"
        return PermutationTest(math.nan, math.nan, len(human), n_images, 0, False, reason)
    generator = np.random.default_rng(seed)
    used = extreme = 0
    while used < n_permutations:
        end_if_over()
        swaps = generator.integers(0, 2, (min(_BLOCK, n_permutations - used), n_units))
        found = np.abs(swapped.differences(swaps, unit))
        # A swap that leaves nothing to compute says nothing against the hypothesis; rounding must not either.
        hits = ~(found < abs(difference) - 1e-12)
        needed = STOP_AFTER - extreme
        if hits.sum() >= needed:
            used += int(np.flatnonzero(hits)[needed - 1]) + 1
            return PermutationTest(difference, STOP_AFTER / used, len(human), n_images, used, True, "")
        extreme += int(hits.sum())
        used += len(swaps)
    p = (extreme + 1) / (used + 1)
    return PermutationTest(difference, p, len(human), n_images, used, False, "")


@dataclass(frozen=True)
class _Swapped:
    """Differences of coefficients after swaps.

    The scores of both metrics stand below each other as 2 N items, and a swap says which of two copies of an
    item counts: weights of 0 and 1, just as in a resample.
    """

    human: Floats
    first: Floats
    second: Floats
    image: Counts
    n_images: int
    coefficient: Coefficient
    level: TestLevel

    def differences(self, swaps: Counts, unit: Counts) -> Floats:
        """Compute first less second for (B, units) swaps, 1 where the scores of a unit are swapped: (B,)."""
        if self.level == "pooled":
            human, metric = np.tile(self.human, 2), np.concatenate([self.first, self.second])
            copies = np.concatenate([unit, unit + swaps.shape[1]])
            measure = MEASURES[self.coefficient]
            one = measure(human, metric, np.concatenate([1 - swaps, swaps], axis=1), copies)
            return one - measure(human, metric, np.concatenate([swaps, 1 - swaps], axis=1), copies)
        sizes = np.bincount(self.image, minlength=self.n_images)
        if swaps.shape[1] == self.n_images and (unit == self.image).all():
            plain, other = (self._of_images(scores)[None] for scores in (self.first, self.second))
            return self._mean(np.where(swaps, other, plain), sizes) - self._mean(
                np.where(swaps, plain, other), sizes
            )
        result = np.empty(len(swaps))
        for row, swap in enumerate(swaps[:, unit] == 1):
            one = self._of_images(np.where(swap, self.second, self.first))[None]
            two = self._of_images(np.where(swap, self.first, self.second))[None]
            result[row] = (self._mean(one, sizes) - self._mean(two, sizes))[0]
        return result

    def _of_images(self, scores: Floats) -> Floats:
        return within_groups(self.human, scores, self.image, self.n_images)[self.coefficient]

    def _mean(self, values: Floats, sizes: Counts) -> Floats:
        return mean_of_rows(values, sizes, "drop")


def _z_scores(values: Floats) -> Floats:
    values = unit_scale(values)
    values = unit_scale(values - values.mean())
    return np.asarray(values / values.std())
