"""What an analysis can be narrowed to: the campaigns, people and systems that there are, and the days."""

from dataclasses import dataclass

from sqlalchemy import Engine, func, select

from annotations.engine import reading
from annotations.schema import campaigns, items, raters, revisions


@dataclass(frozen=True)
class Named:
    """Something that can be chosen.

    Attributes:
        id: By which `table.Choice` knows it.
        name: What people read.
    """

    id: str
    name: str


@dataclass(frozen=True)
class Options:
    """What can be chosen; some of it may have no rating that counts.

    Attributes:
        campaigns: Those that are not deleted, by name.
        raters: Everybody who has ever rated, by name.
        systems: What wrote the captions, "" for an unknown one, by name.
        days: First and last day of a rating, UTC, as in ``2026-01-31``; None where there is none.
    """

    campaigns: tuple[Named, ...]
    raters: tuple[Named, ...]
    systems: tuple[str, ...]
    days: tuple[str, str] | None


def read_options(engine: Engine) -> Options:
    """Read what an analysis can be narrowed to.

    Args:
        engine: From `open_database`.

    Raises:
        StorageError: If the database fails.
    """
    rated = select(revisions.c.rater_id).distinct()
    with reading(engine) as connection:
        some_campaigns = connection.execute(
            select(campaigns.c.id, campaigns.c.name)
            .where(campaigns.c.deleted_at.is_(None))
            .where(campaigns.c.id.in_(select(items.c.campaign_id).distinct()))
            .order_by(campaigns.c.name, campaigns.c.id)
        ).all()
        people = connection.execute(
            select(raters.c.id, raters.c.name).where(raters.c.id.in_(rated)).order_by(raters.c.name)
        ).all()
        systems = connection.execute(
            select(items.c.source)
            .where(items.c.kind == "caption", items.c.deleted_at.is_(None))
            .distinct()
            .order_by(items.c.source)
        ).all()
        first, last = connection.execute(
            select(func.min(revisions.c.created_at), func.max(revisions.c.created_at))
        ).one()
    return Options(
        campaigns=tuple(Named(row.id, row.name) for row in some_campaigns),
        raters=tuple(Named(row.id, row.name) for row in people),
        systems=tuple(row.source for row in systems),
        days=None if first is None else (first[:10], last[:10]),
    )
