"""Ratings as arrays: three parallel sequences, checked and numbered once for every statistic of agreement.

Ratings come from the store as rows, most raters have seen few of the items, and values may be words; a matrix
of items by raters would be empty for the most part and could hold numbers only. So the input is the rows.

In comments: N ratings, I items, R raters, V distinct values.
"""

import math
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from annotations.errors import InvalidScoresError
from annotations.resampling import Counts, Floats, numbered

Level = Literal["nominal", "ordinal", "interval"]
Value = str | float | None


@dataclass(frozen=True)
class Ratings:
    """Ratings that have a value, sorted by item and then by value.

    Attributes:
        item: (N,) number of the item.
        rater: (N,) number of the rater.
        group: (N,) number of the image.
        value: (N,) position in `levels`.
        items: I names.
        raters: R names.
        groups: C names.
        levels: (V,) the distinct numbers in growing order; for names their numbers, 0 to V - 1.
    """

    item: Counts
    rater: Counts
    group: Counts
    value: Counts
    items: tuple[Hashable, ...]
    raters: tuple[Hashable, ...]
    groups: tuple[Hashable, ...]
    levels: Floats

    def __len__(self) -> int:
        """Return the number of ratings, N."""
        return len(self.item)

    @property
    def places(self) -> Floats:
        """The levels times a power of two, which is exact, so that the largest magnitude is below 1: (V,)."""
        _, exponent = np.frexp(np.abs(self.levels).max(initial=0))
        return np.ldexp(self.levels, -int(exponent))

    def shared(self) -> "Ratings":
        """Keep the ratings whose item somebody else has rated too; number images and levels anew."""
        kept = np.bincount(self.item, minlength=1)[self.item] > 1
        groups, group = np.unique(self.group[kept], return_inverse=True)
        levels, value = np.unique(self.value[kept], return_inverse=True)
        return replace(
            self,
            item=self.item[kept],
            rater=self.rater[kept],
            group=group.astype(np.int64),
            value=value.astype(np.int64),
            groups=tuple(self.groups[number] for number in groups),
            levels=self.levels[levels],
        )


def as_ratings(
    items: Sequence[Hashable],
    raters: Sequence[Hashable],
    values: Sequence[Value],
    *,
    groups: Sequence[Hashable],
    level: Level,
) -> Ratings:
    """Check and number ratings.

    Args:
        items: (N,) what was rated: a caption, or a caption and one of its units.
        raters: (N,) who rated it.
        values: (N,) the answers; None and NaN are no answer and leave the row out.
        groups: (N,) the image of each item.
        level: "nominal" takes strings and numbers, the others numbers only.

    Returns:
        The ratings.

    Raises:
        InvalidScoresError: If the lengths differ, the level is unknown, a value is infinite or of the wrong
            type, a rater has rated one item twice, or an item stands under two images.
    """
    if level not in get_args(Level):
        raise InvalidScoresError(
            f"the level of measurement is {level!r}; it must be one of {get_args(Level)}"
        )
    if not len(items) == len(raters) == len(values) == len(groups):
        raise InvalidScoresError(
            f"there are {len(items)} items, {len(raters)} raters, {len(values)} values and {len(groups)} "
            f"groups; they must be as many"
        )
    kept = [row for row, value in enumerate(values) if not is_missing(value)]
    item, item_names = numbered([items[row] for row in kept])
    rater, rater_names = numbered([raters[row] for row in kept])
    group, group_names = numbered([groups[row] for row in kept])
    value, levels = positions([values[row] for row in kept], level)
    _check_once(item, rater, item_names, rater_names)
    group_of_item = np.zeros(len(item_names), dtype=np.int64)
    group_of_item[item] = group
    strays = np.flatnonzero(group_of_item[item] != group)
    if len(strays):
        raise InvalidScoresError(
            f"item {item_names[item[strays[0]]]!r} stands under more than one image; give each its own name"
        )
    order = np.lexsort((value, item))
    return Ratings(
        item=item[order],
        rater=rater[order],
        group=group[order],
        value=value[order],
        items=tuple(item_names),
        raters=tuple(rater_names),
        groups=tuple(group_names),
        levels=levels,
    )


def meetings(item: Counts) -> Iterator[tuple[Counts, Counts]]:
    """Find every two rows of one item, each two once.

    Args:
        item: (N,) the item of each row, sorted.

    Yields:
        (M,) the earlier row of each two and (M,) the later one; in all as many as there are pairs of rows.
    """
    earlier = np.arange(len(item))
    step = 1
    while len(earlier):
        earlier = earlier[earlier + step < len(item)]
        earlier = earlier[item[earlier] == item[earlier + step]]
        if len(earlier):
            yield earlier, earlier + step
        step += 1


def is_missing(value: Value) -> bool:
    """Tell whether a value is no answer: None or NaN."""
    return value is None or (not isinstance(value, str) and math.isnan(value))


def positions(values: Sequence[Value], level: Level) -> tuple[Counts, Floats]:
    """Number the distinct values.

    Args:
        values: (N,) answers, none of them missing.
        level: "nominal" takes strings and numbers, the others finite numbers only.

    Returns:
        (N,) the position of each value; (V,) the distinct numbers in growing order, or 0 to V - 1 for names.

    Raises:
        InvalidScoresError: If a value does not fit the level.
    """
    if level == "nominal":
        value, names = numbered(values)
        return value, np.arange(len(names), dtype=np.float64)
    for value_given in values:
        if isinstance(value_given, str):
            raise InvalidScoresError(
                f"the value {value_given!r} is text; numbers are needed here, and text only with the nominal "
                f"level"
            )
    numbers = np.asarray(values, dtype=np.float64)
    if np.isinf(numbers).any():
        raise InvalidScoresError("a rating is infinite; only finite values and NaN can be compared")
    levels, positions = np.unique(numbers, return_inverse=True)
    return positions.astype(np.int64), levels


def _check_once(item: Counts, rater: Counts, items: list[Hashable], raters: list[Hashable]) -> None:
    both = item * max(1, len(raters)) + rater
    distinct, first, times = np.unique(both, return_index=True, return_counts=True)
    if len(distinct) < len(both):
        row = first[np.argmax(times > 1)]
        raise InvalidScoresError(
            f"rater {raters[rater[row]]!r} has {times.max()} ratings of item {items[item[row]]!r}; "
            f"keep one, for example the latest"
        )
