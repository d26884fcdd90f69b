"""Metrics in clusters that the data can tell apart: permutation tests of every two, with Holm's correction.

In comments: M metrics, N items.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from annotations.correlation import ArrayLike, paired, undefined
from annotations.errors import InvalidScoresError
from annotations.permutation import (
    STOPPING_RULE,
    PermutationTest,
    Swap,
    TestLevel,
    permutation_test,
)
from annotations.resampled import MEASURES, Coefficient
from annotations.resampling import Floats, numbered
from annotations.within_groups import MIN_IN_GROUP, mean_over_groups, within_groups


@dataclass(frozen=True)
class Comparison:
    """Two metrics of a ranking.

    Attributes:
        first: The one with the larger coefficient.
        second: The other one.
        test: Of the two.
        adjusted_p: p after Holm's correction over all pairs that have one, or NaN.
    """

    first: str
    second: str
    test: PermutationTest
    adjusted_p: float


@dataclass(frozen=True)
class Ranking:
    """Metrics in clusters that the data can tell apart.

    Attributes:
        values: The coefficient of each metric, the largest first; NaN last.
        clusters: The cluster of each metric, from 1; those without a value have none.
        comparisons: Every two metrics.
        coefficient: What was compared.
        level: "pooled" or "per_image".
        swap: Whether all items of an image are swapped together, or each item by itself.
        alpha: Level of the tests.
        stopping_rule: Of the permutations.
        seed: Of the permutations.
        n_items: Items that all metrics and people have scored.
        n_images: Images that they come from.
    """

    values: dict[str, float]
    clusters: dict[str, int]
    comparisons: tuple[Comparison, ...]
    coefficient: Coefficient
    level: TestLevel
    swap: Swap
    alpha: float
    stopping_rule: str
    seed: int
    n_items: int
    n_images: int


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p values for their number so that the chance of any false discovery keeps to the level.

    Args:
        p_values: From 0 to 1; NaN is passed over and not counted.

    Returns:
        Adjusted values in the same order, at most 1.

    Source:
        Holm, A simple sequentially rejective multiple test procedure, 1979.
    """
    values = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(len(values), np.nan)
    order = np.argsort(values)[: int((~np.isnan(values)).sum())]
    steps = values[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return [float(value) for value in adjusted]


def rank_metrics(
    human_scores: ArrayLike,
    metrics: Mapping[str, ArrayLike],
    *,
    groups: Sequence[Hashable],
    coefficient: Coefficient = "kendall_tau_b",
    level: TestLevel = "pooled",
    swap: Swap = "image",
    alpha: float = 0.05,
    n_permutations: int = 10_000,
    seed: int = 0,
) -> Ranking:
    """Put metrics in clusters: the next cluster begins at the first one that loses to one of this cluster.

    All metrics are compared on the items that all of them have scored.

    Args:
        human_scores: (N,) NaN leaves the item out.
        metrics: By name, (N,) scores.
        groups: (N,) the image of each item.
        coefficient: As in `permutation_test`.
        level: As in `permutation_test`.
        swap: As in `permutation_test`.
        alpha: A difference counts where its adjusted p is at most this; between 0 and 1.
        n_permutations: At most so many for each two metrics.
        seed: Of the permutations.

    Returns:
        The ranking. A metric without a value is in no cluster.

    Raises:
        InvalidScoresError: If the lengths differ, a score is infinite, or an option is out of range.

    Source:
        Clusters as in the metrics tasks of WMT (Freitag et al. 2023), here with Holm's correction.
    """
    if not 0 < alpha < 1:
        raise InvalidScoresError(f"alpha must be between 0 and 1; got {alpha}")
    scores = {name: paired(human_scores, values)[1] for name, values in metrics.items()}
    human = np.asarray(human_scores, dtype=np.float64)
    if len(groups) != len(human):
        raise InvalidScoresError(
            f"there are {len(human)} items and {len(groups)} groups; they must be as many"
        )
    kept = ~np.isnan(human)
    for each in scores.values():
        kept &= ~np.isnan(each)
    shared = [group for group, keep in zip(groups, kept, strict=True) if keep]
    human = human[kept]
    values = {
        name: _coefficient(human, each[kept], shared, coefficient, level) for name, each in scores.items()
    }
    names = sorted(values, key=lambda name: (math.isnan(values[name]), -values[name], name))
    pairs = list(combinations(names, 2))
    tests = [
        permutation_test(
            human,
            scores[one][kept],
            scores[other][kept],
            groups=shared,
            coefficient=coefficient,
            level=level,
            swap=swap,
            n_permutations=n_permutations,
            seed=seed + number,
        )
        for number, (one, other) in enumerate(pairs)
    ]
    adjusted = holm([test.p for test in tests])
    better = {pair for pair, p in zip(pairs, adjusted, strict=True) if p <= alpha}
    return Ranking(
        values={name: values[name] for name in names},
        clusters=_clusters([name for name in names if not math.isnan(values[name])], better),
        comparisons=tuple(
            Comparison(one, other, test, p)
            for (one, other), test, p in zip(pairs, tests, adjusted, strict=True)
        ),
        coefficient=coefficient,
        level=level,
        swap=swap,
        alpha=alpha,
        stopping_rule=STOPPING_RULE,
        seed=seed,
        n_items=len(human),
        n_images=len(set(shared)),
    )


def _coefficient(
    human: Floats, metric: Floats, groups: Sequence[Hashable], coefficient: Coefficient, level: TestLevel
) -> float:
    if undefined(human, metric):
        return math.nan
    image, images = numbered(groups)
    once = np.ones((1, len(images)), dtype=np.int64)
    if level == "pooled":
        return float(MEASURES[coefficient](human, metric, once, image)[0])
    values = within_groups(human, metric, image, len(images))[coefficient]
    sizes = np.full(len(images), MIN_IN_GROUP)
    return float(mean_over_groups(values, sizes, once, "drop")[0])


def _clusters(names: Sequence[str], better: set[tuple[str, str]]) -> dict[str, int]:
    clusters: dict[str, int] = {}
    number, members = 1, list[str]()
    for name in names:
        if any((member, name) in better for member in members):
            number, members = number + 1, []
        members.append(name)
        clusters[name] = number
    return clusters
