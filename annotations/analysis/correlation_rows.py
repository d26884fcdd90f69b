"""What the correlations of an analysis are made of: a row a metric, the human ceiling, and counts."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from annotations.analysis.table import AnalysisTable
from annotations.correlation import Statistic
from annotations.level_values import LevelValue
from annotations.resampling import Floats
from annotations.williams import WilliamsTest

MIN_SHARE: Final = 0.5
"""Of the rated items; metrics that have scored fewer are not compared with others."""


@dataclass(frozen=True)
class MetricRow:
    """One metric held against people.

    Attributes:
        name: Of the metric.
        sentinel: Whether it means nothing by itself, and is there to be beaten.
        model: What gave the scores; "" where nobody knows.
        sha256: Of its weights; "" where nobody knows.
        chosen: The coefficient at the level that rows are sorted by.
        values: All coefficients by name and level.
        n_items: Rated items with a score.
        n_missing: Rated items without one.
        n_images: Images of the items with a score.
        cluster: A for the best, B for those that are significantly worse than one of A, and so on; "" for
            sentinels, and where nothing was tested.
        weighted: The coefficient, or the correlation that stands for it, over the pool from which items were
            drawn with unequal chances; None where none were.
    """

    name: str
    sentinel: bool
    model: str
    sha256: str
    chosen: LevelValue
    values: Mapping[str, Mapping[str, LevelValue]]
    n_items: int
    n_missing: int
    n_images: int
    cluster: str
    weighted: Statistic | None

    @property
    def has_scored_enough(self) -> bool:
        """Whether most rated items have a score, so that its value is of about the items of the others."""
        return self.n_items >= MIN_SHARE * (self.n_items + self.n_missing)


@dataclass(frozen=True)
class Ceiling:
    """What a person reaches: the mean over raters of each one's coefficient with the others' mean answer.

    Attributes:
        statistic: In the coefficient and at the level of the rows; NaN, with the reason, where there is none.
        n_raters: Raters that have a value.
    """

    statistic: Statistic
    n_raters: int


@dataclass(frozen=True)
class WilliamsPair:
    """Williams' test of two metrics.

    Attributes:
        first: The one.
        second: The other.
        test: Of the two.
    """

    first: str
    second: str
    test: WilliamsTest


@dataclass(frozen=True)
class Counted:
    """What the figures rest on.

    Attributes:
        n_items: Items that somebody has answered the question on.
        n_images: Their images.
        n_systems: Systems that wrote them, unknown ones left out.
        n_without_system: Those items whose system nobody knows.
        n_raters: People who have answered the question.
        n_answers: Their answers.
        fewest_per_item: Answers on the item with the fewest.
        mean_per_item: Answers on an item on average; NaN without items.
        most_per_item: Answers on the item with the most.
        n_ratings: Ratings of the table, whatever they answer.
        n_blind: Those given before the rater had seen the metric.
        knows_blind: Whether that is known; otherwise `n_blind` says nothing.
    """

    n_items: int
    n_images: int
    n_systems: int
    n_without_system: int
    n_raters: int
    n_answers: int
    fewest_per_item: int
    mean_per_item: float
    most_per_item: int
    n_ratings: int
    n_blind: int
    knows_blind: bool = True


def letters_of(cluster: int | None) -> str:
    """Name clusters A to Z, then AA and so on."""
    letters = ""
    left = cluster or 0
    while left:
        left, digit = divmod(left - 1, 26)
        letters = chr(ord("A") + digit) + letters
    return letters


def merit(value: float, coefficient: str) -> float:
    """Return a number that is the larger the better a metric does; of inverse_r_squared small is good.

    Args:
        value: Of the coefficient.
        coefficient: One of `TIES`.
    """
    return -value if coefficient == "inverse_r_squared" else value


def count_table(table: AnalysisTable, question: str, human: Floats) -> Counted:
    """Count what the figures on a question rest on.

    Args:
        table: The rated captions.
        question: The scale.
        human: (N,) mean of the raters; NaN where nobody answered it.
    """
    given = table.answers[question]
    rated = np.flatnonzero(~np.isnan(human)).tolist()
    per_item = np.bincount(given.item, minlength=len(table))[rated]
    return Counted(
        n_items=len(rated),
        n_images=len({table.images[row] for row in rated}),
        n_systems=len({table.systems[row] for row in rated} - {""}),
        n_without_system=sum(table.systems[row] == "" for row in rated),
        n_raters=len(np.unique(given.rater)),
        n_answers=len(given.value),
        fewest_per_item=int(per_item.min()) if rated else 0,
        mean_per_item=float(per_item.mean()) if rated else math.nan,
        most_per_item=int(per_item.max()) if rated else 0,
        n_ratings=table.n_ratings,
        n_blind=table.n_blind,
        knows_blind=table.knows_blind,
    )
