"""What several raters said of the same items, as columns for the statistics of agreement.

Of a large campaign only as many ratings are read as one answer of the server has time for. Items are taken in
the order of their ids, which are drawn at random, so that what is read is a random sample of the campaign and
the same one whenever somebody looks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sqlalchemy import Column, Connection, Select, and_, case, exists, func, select

from annotations.schema import answers, current_ratings, final_labels, items, verdicts

MAX_RATINGS: Final = 5000
"""How many ratings are compared at most."""


@dataclass(frozen=True)
class Pool:
    """Items that at least two raters have judged.

    Attributes:
        items: Their ids.
        ratings: How many ratings they have.
        total_items: How many such items the campaign has.
        total_ratings: How many ratings all of those have.
    """

    items: tuple[str, ...]
    ratings: int
    total_items: int
    total_ratings: int


class Answer(NamedTuple):
    """One rater's answer to one question of one item, or verdict on one of its units.

    Attributes:
        item_id: Of the item.
        kind: Of the item, ``caption`` or ``battle``.
        image_id: Of its image.
        rater_id: Of the rater.
        question: Name of the question; for a verdict, where its unit starts, in decimal digits.
        value: What was answered.
        low: Lowest answer of the question; 0 for a verdict.
        high: Highest answer of the question; 0 for a verdict.
    """

    item_id: str
    kind: str
    image_id: str
    rater_id: str
    question: str
    value: int | str
    low: int
    high: int


def rated_by_several(
    connection: Connection,
    campaign_id: str,
    *,
    at_most: int = MAX_RATINGS,
    undecided_first: bool = False,
) -> Pool:
    """Choose items that at least two raters have judged, in an open transaction.

    Args:
        connection: From `annotations.engine.reading`.
        campaign_id: Of the campaign.
        at_most: How many ratings they have at most in all, at least 2.
        undecided_first: Whether those without a final label are chosen before all others.
    """
    wanted = and_(
        items.c.campaign_id == campaign_id,
        items.c.role == "regular",
        items.c.deleted_at.is_(None),
        items.c.done >= 2,
    )
    total_items, total_ratings = connection.execute(
        select(func.count(), func.coalesce(func.sum(items.c.done), 0)).where(wanted)
    ).one()
    query = select(items.c.id, items.c.done).where(wanted)
    if undecided_first:
        query = query.order_by(case((exists().where(final_labels.c.item_id == items.c.id), 1), else_=0))
    chosen: list[str] = []
    ratings = 0
    for item_id, done in connection.execute(query.order_by(items.c.id).limit(max(1, at_most // 2))):
        if ratings + done > at_most and chosen:
            break
        chosen.append(item_id)
        ratings += done
    return Pool(tuple(chosen), ratings, total_items, int(total_ratings))


def read_answers(connection: Connection, item_ids: Sequence[str]) -> list[Answer]:
    """Read the current answers to the questions of items, in an open transaction."""
    asked = (answers.c.question, answers.c.value, answers.c.low, answers.c.high)
    rows = connection.execute(_said(asked, answers.c.revision_id, item_ids))
    return [Answer._make(row) for row in rows]


def read_verdicts(connection: Connection, item_ids: Sequence[str]) -> list[Answer]:
    """Read the current verdicts on the units of items, in an open transaction."""
    judged = (verdicts.c.start, verdicts.c.verdict)
    rows = connection.execute(_said(judged, verdicts.c.revision_id, item_ids))
    return [
        Answer(item, kind, image, rater, str(start), said, 0, 0)
        for item, kind, image, rater, start, said in rows
    ]


def _said(columns: tuple[Column[Any], ...], revision_id: Column[Any], item_ids: Sequence[str]) -> Select[Any]:
    """Select columns of a table that belongs to current ratings, behind the item and the rater."""
    return (
        select(items.c.id, items.c.kind, items.c.image_id, current_ratings.c.rater_id, *columns)
        .join(current_ratings, current_ratings.c.item_id == items.c.id)
        .join(revision_id.table, revision_id == current_ratings.c.id)
        .where(items.c.id.in_(item_ids))
    )
