"""The current ratings of items, and those among them that a choice lets through (R ratings)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, select

from annotations.analysis.kept_ratings import RevisionRows
from annotations.analysis.table import Choice
from annotations.errors import InvalidRecordError
from annotations.resampling import Counts
from annotations.schema import raters

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class RatingRows:
    """Ratings, a row a rater and item.

    Attributes:
        row: (R,) the row of the revision that counts, among all revisions.
        revisions: (R,) their ids.
        item: (R,) numbers of the items.
        rater: (R,) numbers of the raters.
        day: (R,) UTC, ``2026-01-31``.
        is_revealed: (R,) whether the rater had seen the metric before.
        raters: Ids of the people, as `rater` numbers them, in the order of their names.
        names: Their names.
    """

    row: Counts
    revisions: list[str]
    item: Counts
    rater: Counts
    day: npt.NDArray[np.str_]
    is_revealed: Flags
    raters: list[str]
    names: list[str]


def read_ratings(connection: Connection, places: Mapping[str, int], given: RevisionRows) -> RatingRows:
    """Find the current ratings of items among all revisions, in an open transaction.

    As the view `current_ratings` has them; sorting in memory takes a third of the time of the view, which
    looks for a newer revision of each one.

    Args:
        connection: From `annotations.engine.reading`.
        places: The number of each item by its id; ratings of others are left out.
        given: All revisions, as that transaction sees them.

    Returns:
        The ratings.
    """
    names = {row.id: row.name for row in connection.execute(select(raters.c.id, raters.c.name))}
    people = sorted(names, key=lambda rater_id: (names[rater_id], rater_id))
    number_of = {rater_id: number for number, rater_id in enumerate(people)}
    item = np.array([places.get(item_id, -1) for item_id in given.items], dtype=np.int64)[given.item]
    rater = np.array([number_of[rater_id] for rater_id in given.raters], dtype=np.int64)[given.rater]
    # The last revision of each rater on each item is the one that the next row of another pair follows.
    order = np.lexsort((given.number, rater, item))
    is_last = np.ones(len(order), dtype=np.bool_)
    is_last[:-1] = (np.diff(item[order]) != 0) | (np.diff(rater[order]) != 0)
    counts = np.zeros(len(order), dtype=np.bool_)
    counts[order[is_last]] = True
    rows = np.flatnonzero(counts & ~given.is_withdrawn & (item >= 0))
    return RatingRows(
        row=rows,
        revisions=[given.ids[row] for row in rows.tolist()],
        item=item[rows],
        rater=rater[rows],
        day=given.day[rows],
        is_revealed=given.is_revealed[rows],
        raters=people,
        names=[names[rater_id] for rater_id in people],
    )


def apply_choice(rows: RatingRows, choice: Choice, kept: Flags) -> tuple[Flags, dict[str, int]]:
    """Keep the ratings that a choice lets through: raters, days, and whether the metric had been seen.

    Args:
        rows: The ratings.
        choice: What goes in; what it says of items is not looked at here.
        kept: (R,) which ratings are looked at.

    Returns:
        (R,) which are left of those, and how many are not, by the reason.

    Raises:
        InvalidRecordError: If a day is not written as ``2026-01-31``.
    """
    for day in (choice.since, choice.until):
        _check_day(day)
    chosen = set(choice.raters)
    is_chosen = np.array([not chosen or rater_id in chosen for rater_id in rows.raters], dtype=np.bool_)
    reasons = {"ratings by other raters": ~is_chosen[rows.rater]}
    if choice.since is not None:
        reasons[f"ratings before {choice.since}"] = rows.day < choice.since
    if choice.until is not None:
        reasons[f"ratings after {choice.until}"] = rows.day > choice.until
    if choice.blind_only:
        reasons["ratings given after the rater had seen the metric"] = rows.is_revealed
    return drop(kept, reasons)


def drop(kept: Flags, reasons: Mapping[str, Flags]) -> tuple[Flags, dict[str, int]]:
    """Drop what there is a reason to drop, and count it under the first reason that it falls under.

    Args:
        kept: (N,) what is there.
        reasons: By name, (N,) what falls under it.

    Returns:
        (N,) what is left, and the counts that are not 0.
    """
    left_out = {}
    for reason, falls in reasons.items():
        number = int(np.count_nonzero(kept & falls))
        if number:
            left_out[reason] = number
            kept = kept & ~falls
    return kept, left_out


def _check_day(day: str | None) -> None:
    if day is None:
        return
    try:
        is_day = date.fromisoformat(day).isoformat() == day
    except ValueError:
        is_day = False
    if not is_day:
        raise InvalidRecordError(f"a day is written as 2026-01-31; got {day!r}")
