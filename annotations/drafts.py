"""Unfinished ratings, kept as they are entered."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Engine, and_, bindparam, insert, select, update

from annotations.engine import reading, writing
from annotations.errors import InvalidRecordError
from annotations.places import campaign_lease, find_place, hold
from annotations.raters import ensure_rater, find_rater
from annotations.schema import drafts, timestamp

MAX_DRAFT_CHARACTERS: Final = 200_000

_OWN: Final = and_(drafts.c.item_id == bindparam("own_item"), drafts.c.rater_id == bindparam("own_rater"))
_READ: Final = select(drafts.c.content, drafts.c.saved_at).where(_OWN)
_CHANGE: Final = (
    update(drafts).where(_OWN).values(content=bindparam("content"), saved_at=bindparam("saved_at"))
)
_ADD: Final = insert(drafts)


def save_draft(
    engine: Engine,
    rater: str,
    item_id: str,
    content: Mapping[str, Any],
    *,
    lease: timedelta | None = None,
    now: datetime | None = None,
) -> str:
    """Keep what a rater has entered so far, and renew the lease while the place is still the rater's.

    A draft is kept even when the place has gone to somebody else: nothing typed is thrown away.

    Args:
        engine: From `open_database`.
        rater: The rater's name; written down on the first visit.
        item_id: From `next_item` or `claim_item`.
        content: The form's state; anything that JSON can hold.
        lease: How long the item is kept from now on; the campaign's time when None.
        now: The time; the clock's when None.

    Returns:
        When it was saved; UTC, ISO 8601.

    Raises:
        InvalidRecordError: If the content is no JSON object, or has over 200,000 characters as JSON.
        UnknownRecordError: If there is no such item, or it was deleted.
        StorageError: If the database fails; then the draft before this one is still there.
    """
    now = now or datetime.now(UTC)
    try:
        text = json.dumps(dict(content), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidRecordError(f"a draft must be a JSON object: {error}") from error
    if len(text) > MAX_DRAFT_CHARACTERS:
        raise InvalidRecordError(
            f"a draft may have {MAX_DRAFT_CHARACTERS:,} characters; this one has {len(text):,}"
        )
    row = {"content": text, "saved_at": timestamp(now)}
    with writing(engine) as connection:
        rater_id = ensure_rater(connection, rater)
        place = find_place(connection, item_id, rater_id, now=now)
        mine = {"own_item": item_id, "own_rater": rater_id}
        if connection.execute(_CHANGE, mine | row).rowcount == 0:
            connection.execute(_ADD, {"item_id": item_id, "rater_id": rater_id, **row})
        if place.is_held(now):
            hold(connection, item_id, rater_id, lease=lease or campaign_lease(connection, item_id), now=now)
    return timestamp(now)


def load_draft(engine: Engine, rater: str, item_id: str) -> dict[str, Any] | None:
    """Read what a rater has entered so far.

    Args:
        engine: From `open_database`.
        rater: The rater's name.
        item_id: From `next_item` or `claim_item`.

    Returns:
        The content last given to `save_draft`, or None when there is none or the rating was submitted since.

    Raises:
        InvalidRecordError: If the name is empty, too long or holds control characters.
        StorageError: If the database fails.
    """
    with reading(engine) as connection:
        rater_id = find_rater(connection, rater)
        return None if rater_id is None else find_draft(connection, item_id, rater_id)[0]


def find_draft(
    connection: Connection, item_id: str, rater_id: str
) -> tuple[dict[str, Any] | None, str | None]:
    """Read a draft and when it was saved, in an open transaction; None twice where there is none."""
    row = connection.execute(_READ, {"own_item": item_id, "own_rater": rater_id}).one_or_none()
    return (None, None) if row is None else (json.loads(row.content), row.saved_at)
