"""What the tables of the rating store are written with: their registry, ids, and times."""

import secrets
from datetime import UTC, datetime

from sqlalchemy import Column, MetaData, String

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def new_id() -> str:
    """Draw a random id of 32 hexadecimal digits, which tells nothing about order or origin."""
    return secrets.token_hex(16)


def timestamp(moment: datetime | None = None) -> str:
    """Write a moment as the store writes times.

    Args:
        moment: An aware datetime; now when None.

    Returns:
        UTC with microseconds, 27 characters, for example ``2026-01-31T09:05:00.000000Z``.
    """
    moment = datetime.now(UTC) if moment is None else moment.astimezone(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def time_column(name: str, *, nullable: bool = False) -> Column[str]:
    """Return a column for a moment as `timestamp` writes it."""
    return Column(name, String(27), nullable=nullable)
