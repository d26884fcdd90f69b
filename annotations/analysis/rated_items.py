"""The captions that somebody has rated, what was answered of them, and how many units they have (N items)."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Connection, Select, exists, func, select

from annotations.analysis.chosen_ratings import Flags, RatingRows
from annotations.analysis.kept_ratings import RevisionRows
from annotations.analysis.table import Answers, Choice
from annotations.analysis.wide_queries import read_columns
from annotations.resampling import Counts, Floats
from annotations.schema import campaigns, items, questions, revisions, units


@dataclass(frozen=True, eq=False)
class ItemRows:
    """Captions.

    Attributes:
        added: (N,) when each was added.
        ids: (N,) ids.
        images: (N,) ids of their images.
        captions: (N,) texts.
        systems: (N,) what wrote each; "" where nobody knows.
        campaign_ids: (N,) ids of their campaigns.
        campaigns: (N,) names of their campaigns.
        weights: (N,) sampling weights.
    """

    added: tuple[str, ...]
    ids: tuple[str, ...]
    images: tuple[str, ...]
    captions: tuple[str, ...]
    systems: tuple[str, ...]
    campaign_ids: tuple[str, ...]
    campaigns: tuple[str, ...]
    weights: Floats

    def only(self, rows: Counts) -> "ItemRows":
        """Return some of the captions.

        Args:
            rows: The numbers of those, in order.
        """

        def some(texts: tuple[str, ...]) -> tuple[str, ...]:
            return tuple([texts[row] for row in rows.tolist()])

        return ItemRows(
            some(self.added),
            some(self.ids),
            some(self.images),
            some(self.captions),
            some(self.systems),
            some(self.campaign_ids),
            some(self.campaigns),
            self.weights[rows],
        )

    def order(self) -> Counts:
        """Return (N,) the numbers of the captions in the order in which they were added."""
        order = sorted(range(len(self.ids)), key=lambda row: (self.added[row], self.ids[row]))
        return np.array(order, dtype=np.int64)

    def joined(self, new: "ItemRows") -> "ItemRows":
        """Return these captions and then others, not put in order.

        Args:
            new: The others.
        """
        return ItemRows(
            self.added + new.added,
            self.ids + new.ids,
            self.images + new.images,
            self.captions + new.captions,
            self.systems + new.systems,
            self.campaign_ids + new.campaign_ids,
            self.campaigns + new.campaigns,
            np.concatenate([self.weights, new.weights]),
        )


@dataclass(frozen=True, eq=False)
class AnswerRows:
    """Answers, A rows in any order.

    Attributes:
        rating: (A,) number of the rating, as the rows of ratings stand.
        question: (A,) number of the question.
        value: (A,) the answer.
        low: (A,) the lowest that the question allowed when it was given.
        high: (A,) the highest.
        questions: The names, as `question` numbers them, in the order in which campaigns ask.
    """

    rating: Counts
    question: Counts
    value: Counts
    low: Counts
    high: Counts
    questions: tuple[str, ...]


def rated_ids() -> Select[Any]:
    """Select the ids of items of any kind that somebody has ever rated."""
    return select(revisions.c.item_id)


def is_rated() -> ColumnElement[bool]:
    """Return whether a row of ``items`` has ever been rated.

    On SQLite this goes through the items in their order, and ``IN`` through those of `rated_ids` in another
    one, which takes longer where most items are rated.
    """
    return exists().where(revisions.c.item_id == items.c.id)


def read_items(connection: Connection, wanted: ColumnElement[bool]) -> ItemRows:
    """Read regular captions, in an open transaction.

    Deleted ones and those of deleted campaigns are left out.

    Args:
        connection: From `annotations.engine.reading`.
        wanted: True of the rows of ``items`` that are read.
    """
    query = (
        select(
            items.c.created_at,
            items.c.id,
            items.c.image_id,
            items.c.caption,
            items.c.source,
            items.c.campaign_id,
            campaigns.c.name.label("campaign"),
            items.c.weight,
        )
        .join(campaigns, campaigns.c.id == items.c.campaign_id)
        .where(
            items.c.kind == "caption",
            items.c.role == "regular",
            items.c.deleted_at.is_(None),
            campaigns.c.deleted_at.is_(None),
            wanted,
        )
    )
    added, ids, images, captions, systems, campaign_ids, names, weights = map(
        tuple, read_columns(connection, query)
    )
    texts = (added, ids, images, captions, systems, campaign_ids, names)
    rows = ItemRows(*texts, np.array(weights, dtype=np.float64))
    return rows.only(rows.order())


def items_left_out(
    campaign_ids: Sequence[str], systems: Sequence[Sequence[str]], choice: Choice
) -> dict[str, Flags]:
    """Return which items a choice leaves out for what they are, by the reason.

    Args:
        campaign_ids: (N,) of their campaigns.
        systems: (N,) what wrote their captions, once for each of the captions that an item has.
        choice: What goes in.

    Returns:
        (N,) each.
    """

    def outside(values: Sequence[str], wanted: Sequence[str]) -> Flags:
        return np.array([bool(wanted) and value not in wanted for value in values], dtype=np.bool_)

    return {
        "captions of other campaigns": outside(campaign_ids, choice.campaigns),
        "captions of other systems": np.any([outside(of, choice.systems) for of in systems], axis=0),
    }


def lengths_outside(lengths: Floats, choice: Choice) -> dict[str, Flags]:
    """Return which captions a choice leaves out for their length in tokens, (N,) each, by the reason."""
    reasons = {}
    if choice.shortest is not None or choice.longest is not None:
        reasons["captions of unknown length in tokens"] = np.isnan(lengths)
    if choice.shortest is not None:
        reasons[f"captions of fewer than {choice.shortest:g} tokens"] = lengths < choice.shortest
    if choice.longest is not None:
        reasons[f"captions of more than {choice.longest:g} tokens"] = lengths > choice.longest
    return reasons


def count_units(connection: Connection, places: Mapping[str, int], wanted: ColumnElement[bool]) -> Floats:
    """Count the units of captions as they are cut now, in an open transaction.

    Args:
        connection: From `annotations.engine.reading`.
        places: The number of each item by its id, 0 to N - 1.
        wanted: True of the rows of ``items`` that are these, and of few others.

    Returns:
        (N,) numbers of units; NaN where a caption is not cut.
    """
    number = (
        select(func.count())
        .where(
            units.c.caption_sha256 == items.c.caption_sha256,
            units.c.segmenter_version == items.c.segmenter_version,
        )
        .scalar_subquery()
    )
    query = select(items.c.id, number.label("units")).where(items.c.segmenter_version != "", wanted)
    counts = np.full(len(places), math.nan)
    for item_id, units_of_it in zip(*read_columns(connection, query), strict=True):
        if item_id in places:
            counts[places[item_id]] = units_of_it
    return counts


def read_answers(connection: Connection, ratings: RatingRows, given: RevisionRows) -> AnswerRows:
    """Find the answers of ratings among all answers, in an open transaction.

    Args:
        connection: From `annotations.engine.reading`.
        ratings: The ratings; answers of others are left out.
        given: All revisions, among which these ratings were found.
    """
    positions = connection.execute(
        select(questions.c.name, func.min(questions.c.position).label("position")).group_by(questions.c.name)
    )
    place_of = {row.name: row.position for row in positions}
    known = sorted(given.questions, key=lambda name: (place_of.get(name, math.inf), name))
    number_of = {name: number for number, name in enumerate(known)}
    renumbered = np.array([number_of[name] for name in given.questions], dtype=np.int64)
    rating_of = np.full(len(given.ids), -1, dtype=np.int64)
    rating_of[ratings.row] = np.arange(len(ratings.row))
    rating = rating_of[given.revision]
    kept = rating >= 0
    value, low, high = (column[kept] for column in (given.value, given.low, given.high))
    return AnswerRows(rating[kept], renumbered[given.question[kept]], value, low, high, tuple(known))


def answers_by_question(
    given: AnswerRows, item: Counts, rater: Counts
) -> tuple[dict[str, Answers], dict[str, int]]:
    """Put the answers to each question together, on the scale that most of them are on.

    Args:
        given: The answers.
        item: (R,) number of the item of each rating; below 0 for ratings that are left out.
        rater: (R,) number of the rater.

    Returns:
        The answers by question, and how many stand on another scale, by the reason in words.
    """
    found: dict[str, Answers] = {}
    left_out: dict[str, int] = {}
    is_in = item[given.rating] >= 0
    for number, name in enumerate(given.questions):
        mine = np.flatnonzero(is_in & (given.question == number))
        scales = Counter(zip(given.low[mine].tolist(), given.high[mine].tolist(), strict=True))
        if not scales:
            continue
        low, high = min(scales, key=lambda scale: (-scales[scale], scale))
        if len(scales) > 1:
            on_it = (given.low[mine] == low) & (given.high[mine] == high)
            reason = f"answers to {name!r} on another scale than {low} to {high}"
            left_out[reason] = int(np.count_nonzero(~on_it))
            mine = mine[on_it]
        rating = given.rating[mine]
        mine = mine[np.lexsort((rater[rating], item[rating]))]
        rating = given.rating[mine]
        found[name] = Answers(low, high, item[rating], rater[rating], given.value[mine].astype(np.float64))
    return found, left_out
