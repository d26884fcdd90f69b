"""What an analysis starts from: items with their scores, and what people said of them, as columns.

The tables are plain data: the database fills them (`annotations.analysis.reading`), and so does a CSV file
(`annotations.analysis.csv_table`); every part of the analysis takes nothing else.

In comments: N items, R answers, U units, V verdicts, B battles.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np

from annotations.resampling import Counts, Floats

SENTINELS: Final = ("length_tokens", "unit_count", "text_only", "random")
"""Metrics that mean nothing by themselves; what a metric has to beat."""


@dataclass(frozen=True)
class Choice:
    """What of the ratings goes into an analysis; everything, as it stands here.

    Attributes:
        campaigns: Ids; none means all.
        raters: Ids; none means all.
        systems: What wrote the captions; "" is an unknown one; none means all.
        shortest: Fewest tokens of a caption, or None.
        longest: Most tokens, or None.
        since: First day of the ratings, ``2026-01-31``, UTC, or None.
        until: Last day, that day included, or None.
        blind_only: Whether ratings are left out that were given after the rater had seen the metric.
        model_sha256: Of the weights whose scores are held against people; None for those that have scored
            the most rated captions. Scores of other weights are never compared with them.
    """

    campaigns: tuple[str, ...] = ()
    raters: tuple[str, ...] = ()
    systems: tuple[str, ...] = ()
    shortest: float | None = None
    longest: float | None = None
    since: str | None = None
    until: str | None = None
    blind_only: bool = False
    model_sha256: str | None = None


@dataclass(frozen=True)
class Provenance:
    """Where the scores of a metric are from.

    Attributes:
        model: Name of the model, or of the library and its version; "" where nobody knows.
        sha256: Of the model's weights, or of `model`; "" where nobody knows.
        metric: Under which they are stored, which the name of a column may only begin with; "" where they are
            not stored.
    """

    model: str
    sha256: str
    metric: str = ""


@dataclass(frozen=True)
class Weights:
    """Weights that can be chosen.

    Attributes:
        model: Name of the model.
        sha256: Of its weights.
        captions: Rated captions of the choice that they have scored.
    """

    model: str
    sha256: str
    captions: int


@dataclass(frozen=True, eq=False)
class Answers:
    """The answers to one question, the latest of each rater on each item.

    Attributes:
        low: Lowest answer that the question allows.
        high: Highest one.
        item: (R,) number of the item.
        rater: (R,) number of the rater.
        value: (R,) the answer.
    """

    low: float
    high: float
    item: Counts
    rater: Counts
    value: Floats


@dataclass(frozen=True, eq=False)
class AnalysisTable:
    """Captions that people have rated, a row an item; items to learn on or to check raters with are not here.

    Attributes:
        items: (N,) ids.
        images: (N,) ids of their images, the clusters of every interval.
        captions: (N,) their texts; "" where nobody knows.
        systems: (N,) what wrote each; "" where nobody knows.
        campaigns: (N,) names of their campaigns; "" where there is none.
        lengths: (N,) in tokens of the chosen model; NaN where nobody has counted.
        weights: (N,) sampling weights; 1 where an item was not drawn (docs/analysis.md, Which items next).
        metrics: By name, (N,) scores; NaN where an item has none. Sentinels are among them.
        provenance: By the name of the metric.
        raters: Ids of the people, as `Answers.rater` numbers them.
        names: Their names, in the same order.
        answers: By the name of the question.
        n_ratings: Ratings, one for each person and item.
        n_blind: Those given before the rater had seen the metric.
        models: The weights to choose from, those with the most captions first.
        model: The weights that were chosen; None where no rated caption has a score.
        left_out: How many rated items or ratings the choice leaves out, by the reason, in words.
        knows_blind: Whether it is known who had seen the metric; otherwise `n_blind` says nothing.
        knows_raters: Whether it is known who rated; otherwise the answers on one item are one answer.
    """

    items: tuple[str, ...]
    images: tuple[str, ...]
    captions: tuple[str, ...]
    systems: tuple[str, ...]
    campaigns: tuple[str, ...]
    lengths: Floats
    weights: Floats
    metrics: Mapping[str, Floats]
    provenance: Mapping[str, Provenance]
    raters: tuple[str, ...]
    names: tuple[str, ...]
    answers: Mapping[str, Answers]
    n_ratings: int
    n_blind: int
    models: tuple[Weights, ...]
    model: Weights | None
    left_out: Mapping[str, int]
    knows_blind: bool = True
    knows_raters: bool = True

    def __len__(self) -> int:
        """Return the number of items, N."""
        return len(self.items)

    def human(self, question: str) -> Floats:
        """Return (N,) the mean of the raters' answers to a question; NaN where nobody answered it."""
        return self._means[question]

    @cached_property
    def _means(self) -> dict[str, Floats]:
        means = {}
        for question, given in self.answers.items():
            # Sums of whole numbers are exact, so equal means tie. Other answers are sorted, so that the same
            # ones in another order give the same sum.
            order = np.lexsort((given.value, given.item))
            total = np.bincount(given.item[order], weights=given.value[order], minlength=len(self))
            count = np.bincount(given.item, minlength=len(self))
            means[question] = np.divide(total, count, out=np.full(len(self), math.nan), where=count > 0)
        return means


@dataclass(frozen=True, eq=False)
class UnitTable:
    """The detail units of the items of a table, with what the metric and people say of each.

    Verdicts on a cut of a caption that the chosen weights have not scored have no delta here.

    Attributes:
        item: (U,) number of the item in the table.
        image: (U,) id of its image.
        start: (U,) first code point in the caption.
        end: (U,) one past the last.
        delta: (U,) similarity of this prefix minus that of the one before; NaN where there is none (the
            first unit, one beyond the model's context, or one that was not scored).
        verdicts: (U,) what people said, ``supported``, ``hallucinated`` or ``unsure``, one a rater.
        raters: (U,) the numbers of those raters, in the same order.
        n_stale: Verdicts on cuts that nobody has scored; they are in the table without a delta.
    """

    item: Counts
    image: tuple[str, ...]
    start: Counts
    end: Counts
    delta: Floats
    verdicts: tuple[tuple[str, ...], ...]
    raters: tuple[tuple[int, ...], ...]
    n_stale: int

    def __len__(self) -> int:
        """Return the number of units, U."""
        return len(self.image)


@dataclass(frozen=True, eq=False)
class BattleTable:
    """Battles between captions, a row an answer of one rater.

    Attributes:
        image: (B,) id of the image.
        first: (B,) id of the first caption's item.
        second: (B,) id of the second caption's item.
        first_system: (B,) what wrote it; "" where nobody knows.
        second_system: (B,) the same of the second.
        winner: (B,) "a" for the first, "b" for the second, or "tie".
        both_poor: (B,) whether the rater called both poor, a judgement of its own beside the winner.
        rater: (B,) id of the rater.
        first_scores: By the name of the metric, (B,) score of the first caption; NaN where there is none.
        second_scores: The same of the second.
        campaign: (B,) name of the campaign of the battle; none where nobody knows any.
        left_out: How many answers the choice leaves out, by the reason, as `AnalysisTable.left_out` names it.
    """

    image: tuple[str, ...]
    first: tuple[str, ...]
    second: tuple[str, ...]
    first_system: tuple[str, ...]
    second_system: tuple[str, ...]
    winner: tuple[str, ...]
    both_poor: tuple[bool, ...]
    rater: tuple[str, ...]
    first_scores: Mapping[str, Floats]
    second_scores: Mapping[str, Floats]
    campaign: tuple[str, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return the number of answers, B."""
        return len(self.image)
