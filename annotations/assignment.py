"""Who rates what next, under a hard cap of raters per item, and the unfinished work of each rater.

A rater holds an item under a lease. The lease counts against the item's overlap until it expires; every
draft renews it. What a rater has finished counts for ever and is never handed out to that rater again. Each
decision is one transaction that no other writer overlaps, so the cap holds whatever the number of raters and
processes.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Engine, and_, bindparam, func, insert, select, update

from annotations.engine import reading, writing
from annotations.errors import InvalidRecordError
from annotations.items import Unit, find_item
from annotations.places import IN_HAND, OPEN_TO, Place, find_place, free, hold
from annotations.raters import ensure_rater, find_rater
from annotations.schema import assignments, drafts, timestamp

DEFAULT_LEASE: Final = timedelta(minutes=30)
"""How long an item is kept for a rater after the last sign of life."""

MAX_DRAFT_CHARACTERS: Final = 200_000

_FIRST_IN_HAND: Final = IN_HAND.limit(1)
_FIRST_OPEN: Final = OPEN_TO.limit(1)
_COUNTS: Final = (
    select(func.count())
    .select_from(assignments)
    .where(assignments.c.rater_id == bindparam("rater_id"), assignments.c.state == "done"),
    select(func.count()).select_from(IN_HAND.subquery()),
    select(func.count()).select_from(OPEN_TO.subquery()),
)


@dataclass(frozen=True)
class Assignment:
    """An item in a rater's hands: all that the page may show before the rating is submitted.

    It holds neither scores nor other people's answers nor the caption's source.

    Attributes:
        item_id: Of the item.
        image_id: Of its image.
        caption: The text.
        units: The detail units in order; joined they are the caption.
        segmenter_version: What cut the caption.
        draft: What this rater has entered so far, as given to `save_draft`, or None.
        lease_expires_at: Until when the item is kept for this rater; UTC, ISO 8601. None if this rater has
            submitted a rating of it before: then it is kept for ever.
    """

    item_id: str
    image_id: str
    caption: str
    units: tuple[Unit, ...]
    segmenter_version: str
    draft: dict[str, Any] | None
    lease_expires_at: str | None

    @property
    def finished(self) -> bool:
        """Whether this rater has submitted a rating of the item before."""
        return self.lease_expires_at is None


@dataclass(frozen=True)
class Progress:
    """How far a rater has come.

    Attributes:
        done: Items this rater has rated.
        left: Items this rater could still be given now, the one in hand included.
    """

    done: int
    left: int


def next_item(
    engine: Engine, rater: str, *, lease: timedelta = DEFAULT_LEASE, now: datetime | None = None
) -> Assignment | None:
    """Hand a rater the item in hand, or else the one with the fewest raters so far.

    Who comes back gets the same item with its draft, also after the lease has expired if nobody has taken the
    place meanwhile. Items that this rater has released are not handed out again; `claim_item` takes them.

    Args:
        engine: From `open_database`.
        rater: The rater's name; written down on the first visit.
        lease: How long the item is kept.
        now: The time; the clock's when None.

    Returns:
        The assignment, or None when there is nothing left for this rater at present.

    Raises:
        InvalidRecordError: If the name is empty, too long or holds control characters.
        StorageError: If the database fails.
    """
    now = now or datetime.now(UTC)
    with writing(engine) as connection:
        rater_id = ensure_rater(connection, rater)
        values = {"rater_id": rater_id, "now": timestamp(now)}
        item_id = connection.scalar(_FIRST_IN_HAND, values) or connection.scalar(_FIRST_OPEN, values)
        if item_id is None:
            return None
        place = hold(connection, item_id, rater_id, lease=lease, now=now)
        return _assignment(connection, item_id, rater_id, place)


def claim_item(
    engine: Engine, rater: str, item_id: str, *, lease: timedelta = DEFAULT_LEASE, now: datetime | None = None
) -> Assignment:
    """Hand a rater one particular item.

    Args:
        engine: From `open_database`.
        rater: The rater's name; written down on the first visit.
        item_id: From `add_item`. An item that this rater has finished is handed out to be revised.
        lease: How long the item is kept.
        now: The time; the clock's when None.

    Returns:
        The assignment.

    Raises:
        InvalidRecordError: If the name is empty, too long or holds control characters.
        ItemFullError: If the item already has its number of other raters.
        UnknownRecordError: If there is no such item, or it was deleted.
        StorageError: If the database fails.
    """
    with writing(engine) as connection:
        rater_id = ensure_rater(connection, rater)
        place = hold(connection, item_id, rater_id, lease=lease, now=now or datetime.now(UTC))
        return _assignment(connection, item_id, rater_id, place)


def release(engine: Engine, rater: str, item_id: str, *, reason: str = "") -> None:
    """Give an item back unfinished, so that somebody else gets it; the draft is kept.

    Releasing an item that the rater does not hold, or has finished, changes nothing.

    Args:
        engine: From `open_database`.
        rater: The rater's name.
        item_id: From `next_item` or `claim_item`.
        reason: Why, in the rater's words.

    Raises:
        InvalidRecordError: If the name is empty, too long or holds control characters.
        UnknownRecordError: If there is no such item, or it was deleted.
        StorageError: If the database fails.
    """
    with writing(engine) as connection:
        rater_id = find_rater(connection, rater)
        if rater_id is None:
            return
        if find_place(connection, item_id, rater_id, now=datetime.now(UTC)).state == "held":
            free(connection, item_id, rater_id, reason=reason or None)


def progress(engine: Engine, rater: str, *, now: datetime | None = None) -> Progress:
    """Count what a rater has done and what is left to do.

    Args:
        engine: From `open_database`.
        rater: The rater's name.
        now: The time; the clock's when None.

    Returns:
        The counts; for a name that has not come yet nothing is done and everything open is left.

    Raises:
        InvalidRecordError: If the name is empty, too long or holds control characters.
        StorageError: If the database fails.
    """
    now = now or datetime.now(UTC)
    with reading(engine) as connection:
        # No id is empty, so that a stranger's counts come from the same queries.
        rater_id = find_rater(connection, rater) or ""
        values = {"rater_id": rater_id, "now": timestamp(now)}
        done, in_hand, still_open = (connection.scalar(query, values) or 0 for query in _COUNTS)
    return Progress(done=done, left=in_hand + still_open)


def save_draft(
    engine: Engine,
    rater: str,
    item_id: str,
    content: Mapping[str, Any],
    *,
    lease: timedelta = DEFAULT_LEASE,
    now: datetime | None = None,
) -> str:
    """Keep what a rater has entered so far, and renew the lease while the place is still the rater's.

    A draft is kept even when the place has gone to somebody else: nothing typed is thrown away.

    Args:
        engine: From `open_database`.
        rater: The rater's name; written down on the first visit.
        item_id: From `next_item` or `claim_item`.
        content: The form's state; anything that JSON can hold.
        lease: How long the item is kept from now on.
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
        mine = and_(drafts.c.item_id == item_id, drafts.c.rater_id == rater_id)
        if connection.execute(update(drafts).where(mine).values(row)).rowcount == 0:
            connection.execute(insert(drafts).values(item_id=item_id, rater_id=rater_id, **row))
        if place.is_held(now):
            hold(connection, item_id, rater_id, lease=lease, now=now)
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
        return None if rater_id is None else _draft(connection, item_id, rater_id)


def _draft(connection: Connection, item_id: str, rater_id: str) -> dict[str, Any] | None:
    text = connection.scalar(
        select(drafts.c.content).where(drafts.c.item_id == item_id, drafts.c.rater_id == rater_id)
    )
    return None if text is None else json.loads(text)


def _assignment(connection: Connection, item_id: str, rater_id: str, place: Place) -> Assignment:
    item = find_item(connection, item_id)
    return Assignment(
        item_id=item.id,
        image_id=item.image_id,
        caption=item.caption,
        units=item.units,
        segmenter_version=item.segmenter_version,
        draft=_draft(connection, item_id, rater_id),
        lease_expires_at=None if place.state == "done" else place.lease_expires_at,
    )
