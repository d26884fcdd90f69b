"""What a rater has done: the submissions, to go back to, and the pace."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Final

from sqlalchemy import BindParameter, Engine, and_, bindparam, func, or_, select

from annotations.engine import reading
from annotations.raters import find_rater
from annotations.schema import current_ratings, items, timestamp

_PACE_OF = 50
"""The latest submissions from which the pace is taken."""

_said = current_ratings.c
_campaign: BindParameter[str] = bindparam("campaign_id")
_OWN: Final = and_(
    _said.rater_id == bindparam("rater_id"), or_(_campaign == "", items.c.campaign_id == _campaign)
)
_SINCE: Final = (
    select(func.count())
    .select_from(current_ratings)
    .join(items, items.c.id == _said.item_id)
    .where(_OWN, _said.created_at > bindparam("since"))
)
_LATEST_SECONDS: Final = (
    select(_said.active_seconds)
    .join(items, items.c.id == _said.item_id)
    .where(_OWN, _said.active_seconds.is_not(None))
    .order_by(_said.receipt.desc())
    .limit(_PACE_OF)
)


@dataclass(frozen=True)
class Submission:
    """One of a rater's own current ratings.

    Attributes:
        item_id: What was rated.
        kind: ``caption`` or ``battle``.
        caption: The text; "" for a battle.
        saved_at: UTC, ISO 8601.
    """

    item_id: str
    kind: str
    caption: str
    saved_at: str


@dataclass(frozen=True)
class Pace:
    """How fast a rater works.

    Attributes:
        today: Submissions within the last 24 hours.
        median_seconds: Median of the active time of the latest 50 submissions that have one, or None.
    """

    today: int
    median_seconds: float | None


def submissions(
    engine: Engine, rater: str, *, campaign_id: str | None = None, limit: int = 50
) -> tuple[Submission, ...]:
    """Read a rater's own current ratings, the newest first.

    Args:
        engine: From `open_database`.
        rater: The rater's name.
        campaign_id: Only of this campaign, unless None.
        limit: At most so many.

    Returns:
        The submissions; none for a name that has not come yet.

    Raises:
        InvalidRecordError: If the name is empty, too long or holds control characters.
        StorageError: If the database fails.
    """
    said = current_ratings.c
    with reading(engine) as connection:
        query = (
            select(said.item_id, items.c.kind, func.coalesce(items.c.caption, ""), said.created_at)
            .join(items, items.c.id == said.item_id)
            .where(said.rater_id == find_rater(connection, rater), items.c.deleted_at.is_(None))
            .order_by(said.receipt.desc())
            .limit(limit)
        )
        if campaign_id is not None:
            query = query.where(items.c.campaign_id == campaign_id)
        return tuple(Submission(*row) for row in connection.execute(query))


def pace(engine: Engine, rater: str, *, campaign_id: str | None = None, now: datetime | None = None) -> Pace:
    """Say how fast a rater works.

    Args:
        engine: From `open_database`.
        rater: The rater's name.
        campaign_id: Only of this campaign, unless None.
        now: The time; the clock's when None.

    Returns:
        The pace.

    Raises:
        InvalidRecordError: If the name is empty, too long or holds control characters.
        StorageError: If the database fails.
    """
    day_ago = timestamp((now or datetime.now(UTC)) - timedelta(days=1))
    with reading(engine) as connection:
        values = {"campaign_id": campaign_id or "", "rater_id": find_rater(connection, rater) or ""}
        latest = connection.scalars(_LATEST_SECONDS, values).all()
        count = connection.scalar(_SINCE, values | {"since": day_ago}) or 0
    return Pace(count, median(latest) if latest else None)
