"""The record of what was done to people's work: who did what, on what, and when. It is append-only."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, insert, select

from annotations.engine import reading
from annotations.schema import audit, new_id, timestamp


@dataclass(frozen=True)
class Act:
    """One thing that somebody did.

    Attributes:
        actor: The person's name, or what program did it.
        action: For example ``return item``.
        subject: Id of what it was done to.
        details: What else there is to say.
        at: UTC, ISO 8601.
    """

    actor: str
    action: str
    subject: str
    details: dict[str, Any]
    at: str


def record_act(
    connection: Connection, actor: str | None, action: str, subject: str, details: Mapping[str, Any]
) -> None:
    """Write an act down in the transaction that does it, so that there is never one without the other.

    Args:
        connection: From `annotations.engine.writing`.
        actor: The person's name, at most 80 characters; None writes nothing, for what nobody ordered.
        action: What was done, at most 40 characters.
        subject: Id of what it was done to.
        details: What else there is to say; anything that JSON can hold.
    """
    if actor is None:
        return
    connection.execute(
        insert(audit).values(
            id=new_id(),
            actor=actor,
            action=action,
            subject=subject,
            details=json.dumps(dict(details), ensure_ascii=False, allow_nan=False),
            created_at=timestamp(),
        )
    )


def audit_log(
    engine: Engine, limit: int = 100, *, offset: int = 0, subject: str | None = None
) -> tuple[Act, ...]:
    """Read what was done, the newest first.

    Args:
        engine: From `open_database`.
        limit: At most this many.
        offset: How many of the newest to leave out.
        subject: Only what was done to this, unless None.

    Raises:
        StorageError: If the database fails.
    """
    query = select(audit).order_by(audit.c.created_at.desc(), audit.c.id).limit(limit).offset(offset)
    if subject is not None:
        query = query.where(audit.c.subject == subject)
    with reading(engine) as connection:
        return tuple(
            Act(row.actor, row.action, row.subject, json.loads(row.details), row.created_at)
            for row in connection.execute(query)
        )
