"""How much the raters of one item disagree, to look at the most disputed items first.

In comments: G groups (one question or unit of one item), I items, N answers.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from annotations.errors import InvalidScoresError
from annotations.long_form import Level, Value, is_missing, positions
from annotations.resampling import Counts, Floats, numbered

SCALE: Final = (1, 5)
"""Lowest and highest answer on a scale, unless said otherwise."""

Row = tuple[Hashable, Hashable, Hashable, Value]
"""Item, rater, question or unit, and what the rater said."""


@dataclass(frozen=True)
class _Answers:
    """Answers that are there, sorted by group and then by value.

    Attributes:
        group: (N,) number of the group.
        item: (N,) number of the item.
        rater: (N,) number of the rater.
        value: (N,) position in `levels`.
        item_of_group: (G,) number of the item that a group belongs to.
        items: I names.
        raters: Their names.
        levels: (V,) the distinct numbers in growing order, or the numbers of the verdicts.
    """

    group: Counts
    item: Counts
    rater: Counts
    value: Counts
    item_of_group: Counts
    items: list[Hashable]
    raters: list[Hashable]
    levels: Floats


@dataclass(frozen=True)
class Disagreement:
    """How much the raters of one item disagree.

    Attributes:
        scales: Mean difference of two raters over the range of the scale, averaged over the questions that
            two have answered, in [0, 1]; None where there is no such question.
        verdicts: Share of pairs of raters with unequal verdicts, averaged over the units that two have
            judged, in [0, 1]; None where there is no such unit.
        combined: Mean of the two, or the one that there is; None where there is neither.
        n_raters: Raters of the item who gave any answer.
    """

    scales: float | None
    verdicts: float | None
    combined: float | None
    n_raters: int


def item_disagreements(
    answers: Sequence[Row], verdicts: Sequence[Row], *, scale: tuple[float, float] = SCALE
) -> dict[Hashable, Disagreement]:
    """Compute the disagreement of every item.

    Differences of pairs do not grow with the number of raters, so items with two and with five can stand in
    one queue.

    Args:
        answers: (item, rater, question, number) of the scales; None and NaN are no answer.
        verdicts: (item, rater, unit, verdict); None and NaN are no verdict. Any two verdicts that are not
            equal disagree alike.
        scale: Lowest and highest possible number.

    Returns:
        The disagreement of each item that has an answer, in the order in which they first come, those of
        `answers` first.

    Raises:
        InvalidScoresError: If a rater has answered a question or judged a unit of an item twice, a number
            does not lie on the scale, or the scale has no length.

    Source:
        ours: docs/ratings.md, Agreement between raters.
    """
    low, high = scale
    if not low < high or math.isinf(high - low):
        raise InvalidScoresError(f"the scale goes from {low} to {high}; give the lower end first")
    answered, judged = _sorted(answers, "interval"), _sorted(verdicts, "nominal")
    outside = (answered.levels < low) | (answered.levels > high)
    if outside.any():
        raise InvalidScoresError(
            f"the answer {answered.levels[outside][0]:g} does not lie on the scale from {low:g} to {high:g}"
        )
    number, items = numbered([*answered.items, *judged.items])
    places = number[: len(answered.items)], number[len(answered.items) :]  # where either's items stand
    both = np.full((2, len(items)), np.nan)
    for row, (of, apart) in enumerate(
        [(answered, _mean_differences(answered) / (high - low)), (judged, _unequal_pairs(judged))]
    ):
        both[row, places[row]] = _mean_over_groups(of, apart)
    known = ~np.isnan(both)
    combined = np.where(known, both, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    combined[~known.any(axis=0)] = np.nan
    n_raters = _raters_of_items(answered, judged, places, len(items))
    columns = [_or_none(column) for column in (both[0], both[1], combined)]
    return {
        item: Disagreement(*row)
        for item, row in zip(items, zip(*columns, n_raters.tolist(), strict=True), strict=True)
    }


def _sorted(rows: Sequence[Row], level: Level) -> _Answers:
    kept = [row for row in rows if not is_missing(row[3])]
    item, items = numbered([row[0] for row in kept])
    rater, raters = numbered([row[1] for row in kept])
    question, questions = numbered([row[2] for row in kept])
    value, levels = positions([row[3] for row in kept], level)
    groups, group = np.unique(item * max(1, len(questions)) + question, return_inverse=True)
    answer = group * max(1, len(raters)) + rater
    distinct, first, times = np.unique(answer, return_index=True, return_counts=True)
    if len(distinct) < len(answer):
        at = kept[first[np.argmax(times > 1)]]
        raise InvalidScoresError(
            f"rater {at[1]!r} has more than one answer to {at[2]!r} of item {at[0]!r}; keep the latest only"
        )
    order = np.lexsort((value, group))
    return _Answers(
        group=group[order].astype(np.int64),
        item=item[order],
        rater=rater[order],
        value=value[order],
        item_of_group=groups // max(1, len(questions)),
        items=items,
        raters=raters,
        levels=levels,
    )


def _mean_differences(answers: _Answers) -> Floats:
    """Compute the mean absolute difference of two answers of each group: (G,); NaN with fewer than two."""
    count = np.bincount(answers.group, minlength=len(answers.item_of_group))
    start = np.cumsum(count) - count
    # In growing order, the k-th of n answers is added k times and subtracted n - 1 - k times.
    rank = np.arange(len(answers.group)) - start[answers.group]
    sign = 2 * rank - count[answers.group] + 1
    total = np.bincount(answers.group, weights=sign * answers.levels[answers.value], minlength=len(count))
    return _over_pairs(total.astype(np.float64), count)


def _unequal_pairs(answers: _Answers) -> Floats:
    """Compute the share of pairs of unequal answers in each group: (G,); NaN with fewer than two."""
    n_values = max(1, len(answers.levels))
    count = np.bincount(answers.group, minlength=len(answers.item_of_group))
    cells, times = np.unique(answers.group * n_values + answers.value, return_counts=True)
    equal = np.bincount(cells // n_values, weights=times * (times - 1) / 2, minlength=len(count))
    return _over_pairs(count * (count - 1) / 2 - equal, count)


def _over_pairs(total: Floats, count: npt.NDArray[np.integer]) -> Floats:
    pairs = count * (count - 1) / 2
    return np.where(pairs > 0, np.maximum(total, 0) / np.maximum(pairs, 1), np.nan)


def _mean_over_groups(answers: _Answers, apart: Floats) -> Floats:
    """Average over the groups of each item that have a value: (I,); NaN without any."""
    known = ~np.isnan(apart)
    of = answers.item_of_group[known]
    total = np.bincount(of, weights=apart[known], minlength=len(answers.items))
    count = np.bincount(of, minlength=len(answers.items))
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _raters_of_items(
    answered: _Answers, judged: _Answers, places: tuple[Counts, Counts], n_items: int
) -> Counts:
    """Count the raters who have answered anything on each item: (I,)."""
    number, raters = numbered([*answered.raters, *judged.raters])
    parts = [
        places[0][answered.item] * max(1, len(raters)) + number[: len(answered.raters)][answered.rater],
        places[1][judged.item] * max(1, len(raters)) + number[len(answered.raters) :][judged.rater],
    ]
    met = np.unique(np.concatenate(parts)) // max(1, len(raters))
    return np.bincount(met, minlength=n_items).astype(np.int64)


def _or_none(column: Floats) -> list[float | None]:
    return [None if math.isnan(value) else value for value in column.tolist()]
