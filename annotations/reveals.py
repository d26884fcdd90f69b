"""Who has been shown the metric's score of an item, and when: ratings given later say so."""

from datetime import datetime
from typing import Final

from sqlalchemy import Engine, bindparam, insert, select

from annotations.engine import reading, writing
from annotations.items import find_item
from annotations.raters import ensure_rater, find_rater
from annotations.schema import reveals, timestamp

FIRST_REVEAL: Final = select(reveals.c.revealed_at).where(
    reveals.c.item_id == bindparam("own_item"), reveals.c.rater_id == bindparam("own_rater")
)
"""When the rater ``own_rater`` was first shown the score of the item ``own_item``."""


def record_reveal(engine: Engine, rater: str, item_id: str, *, now: datetime | None = None) -> str:
    """Write down that a rater is about to be shown the metric's score of an item.

    To be called before the score leaves the server. Every rating saved later carries the time.

    Args:
        engine: From `open_database`.
        rater: The rater's name; written down on the first visit.
        item_id: The item.
        now: The time; the clock's when None.

    Returns:
        When the score was first shown to this rater; UTC, ISO 8601.

    Raises:
        InvalidRecordError: If the name is empty, too long or holds control characters.
        UnknownRecordError: If there is no such item.
        StorageError: If the database fails.
    """
    with writing(engine) as connection:
        rater_id = ensure_rater(connection, rater)
        find_item(connection, item_id)
        first: str | None = connection.scalar(FIRST_REVEAL, {"own_item": item_id, "own_rater": rater_id})
        if first is None:
            first = timestamp(now)
            connection.execute(insert(reveals).values(item_id=item_id, rater_id=rater_id, revealed_at=first))
    return first


def revealed_at(engine: Engine, rater: str, item_id: str) -> str | None:
    """Read when a rater was first shown the metric's score of an item.

    Args:
        engine: From `open_database`.
        rater: The rater's name.
        item_id: The item.

    Returns:
        The time, UTC, ISO 8601; None while the rater is blind to the score.

    Raises:
        InvalidRecordError: If the name is empty, too long or holds control characters.
        StorageError: If the database fails.
    """
    with reading(engine) as connection:
        rater_id = find_rater(connection, rater)
        if rater_id is None:
            return None
        return connection.scalar(FIRST_REVEAL, {"own_item": item_id, "own_rater": rater_id})
