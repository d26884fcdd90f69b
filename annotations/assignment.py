"""Who rates what next, under a hard cap of raters per item, and the unfinished work of each rater.

A rater holds an item under a lease. The lease counts against the item's overlap until it expires; every
draft renews it. What a rater has finished counts for ever and is never handed out to that rater again. Each
decision is one transaction that no other writer overlaps, so the cap holds whatever the number of raters and
processes.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Engine, String, bindparam, func, or_, select

from annotations.drafts import find_draft
from annotations.engine import reading, writing
from annotations.items import Unit, find_item
from annotations.places import (
    FINISHED,
    FIRST_OPEN,
    IN_HAND,
    IS_OPEN,
    Place,
    campaign_lease,
    find_place,
    free,
    hold,
)
from annotations.raters import ensure_rater, find_rater
from annotations.schema import assignments, campaigns, items, timestamp

_FIRST_IN_HAND: Final = IN_HAND.limit(1)
_RUNNING: Final = (
    select(campaigns.c.id, campaigns.c.gold_every)
    .where(campaigns.c.deleted_at.is_(None), campaigns.c.paused_at.is_(None))
    .order_by(campaigns.c.created_at, campaigns.c.id)
)
_RUNS: Final = items.c.campaign_id.in_(
    select(campaigns.c.id).where(
        campaigns.c.deleted_at.is_(None),
        campaigns.c.paused_at.is_(None),
        or_(bindparam("campaign_id", type_=String) == "", campaigns.c.id == bindparam("campaign_id")),
    )
)
_IN_HAND_COUNT: Final = select(func.count()).select_from(IN_HAND.subquery())
_OPEN_COUNT: Final = select(func.count()).select_from(items).where(IS_OPEN, _RUNS)
_OWN_OPEN_COUNT: Final = (
    select(func.count())
    .select_from(assignments)
    .join(items, items.c.id == assignments.c.item_id)
    .where(assignments.c.rater_id == bindparam("rater_id"), IS_OPEN, _RUNS)
)
_DONE: Final = (
    select(func.count())
    .select_from(assignments)
    .join(items, items.c.id == assignments.c.item_id)
    .where(
        assignments.c.rater_id == bindparam("rater_id"),
        assignments.c.state.in_(FINISHED),
        or_(bindparam("campaign_id", type_=String) == "", items.c.campaign_id == bindparam("campaign_id")),
    )
)


@dataclass(frozen=True)
class Assignment:
    """An item in a rater's hands: all that the page may show before the rating is submitted.

    It holds neither scores nor other people's answers nor the caption's source.

    Attributes:
        item_id: Of the item.
        campaign_id: Of the campaign that it belongs to.
        kind: ``caption`` or ``battle``.
        training: Whether the item is one to learn on, with feedback.
        image_id: Of its image.
        caption: The text; "" for a battle.
        units: The detail units in order; joined they are the caption. Empty for a battle and until the
            caption is cut.
        segmenter_version: What cut the caption; "" for a battle and until the caption is cut.
        sides: The two captions of a battle, the left one first; None for a caption.
        flipped: Whether the left one is the battle's second. Not to be shown to the rater.
        returned: Why the item came back to the rater who had submitted it, or None.
        draft: What this rater has entered so far, as given to `save_draft`, or None.
        draft_saved_at: When the draft was saved; UTC, ISO 8601. None without one.
        lease_expires_at: Until when the item is kept for this rater; UTC, ISO 8601. None if this rater has
            submitted a rating of it before: then it is kept for ever.
    """

    item_id: str
    campaign_id: str
    kind: str
    training: bool
    image_id: str
    caption: str
    units: tuple[Unit, ...]
    segmenter_version: str
    sides: tuple[str, str] | None
    flipped: bool
    returned: str | None
    draft: dict[str, Any] | None
    draft_saved_at: str | None
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
        left: Items this rater could still be given, the one in hand included; those that other raters
            hold all places of count too, because they may give them back.
    """

    done: int
    left: int


def next_item(
    engine: Engine,
    rater: str,
    *,
    campaign_id: str | None = None,
    lease: timedelta | None = None,
    now: datetime | None = None,
) -> Assignment | None:
    """Hand a rater the item in hand, or else the next one.

    Items that were returned to the rater come first, then the one in hand. Who comes back gets the same item
    with its draft, also after the lease has expired if nobody has taken the place meanwhile. After those come
    the items to learn on, then those that were finished least often, with a gold one among them as often as
    the campaign says. Items that this rater has released are not handed out again; `claim_item` takes them.

    Args:
        engine: From `open_database`.
        rater: The rater's name; written down on the first visit.
        campaign_id: Of the campaign to take from; any that runs when None, the oldest first.
        lease: How long the item is kept; the campaign's time when None.
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
        values = {"rater_id": rater_id, "now": timestamp(now), "campaign_id": campaign_id or ""}
        item_id = connection.scalar(_FIRST_IN_HAND, values) or _first_open(connection, values)
        if item_id is None:
            return None
        place = hold(
            connection, item_id, rater_id, lease=lease or campaign_lease(connection, item_id), now=now
        )
        return _assignment(connection, item_id, rater_id, place)


def claim_item(
    engine: Engine, rater: str, item_id: str, *, lease: timedelta | None = None, now: datetime | None = None
) -> Assignment:
    """Hand a rater one particular item.

    Args:
        engine: From `open_database`.
        rater: The rater's name; written down on the first visit.
        item_id: From `add_item`. An item that this rater has finished is handed out to be revised.
        lease: How long the item is kept; the campaign's time when None.
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
        lease = lease or campaign_lease(connection, item_id)
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
        now = datetime.now(UTC)
        if find_place(connection, item_id, rater_id, now=now).state == "held":
            free(connection, item_id, rater_id, now=now, reason=reason or None)


def progress(
    engine: Engine, rater: str, *, campaign_id: str | None = None, now: datetime | None = None
) -> Progress:
    """Count what a rater has done and what is left to do.

    Args:
        engine: From `open_database`.
        rater: The rater's name.
        campaign_id: Of the campaign to count in; all that run when None.
        now: The time; the clock's when None.

    Returns:
        The counts; for a name that has not come yet nothing is done and everything open is left.

    Raises:
        InvalidRecordError: If the name is empty, too long or holds control characters.
        StorageError: If the database fails.
    """
    values = {"now": timestamp(now), "campaign_id": campaign_id or ""}
    with reading(engine) as connection:
        # No id is empty, so that a stranger's counts come from the same queries.
        values["rater_id"] = find_rater(connection, rater) or ""
        done = connection.scalar(_DONE, values) or 0
        in_hand = connection.scalar(_IN_HAND_COUNT, values) or 0
        left = (connection.scalar(_OPEN_COUNT, values) or 0) - (
            connection.scalar(_OWN_OPEN_COUNT, values) or 0
        )
    return Progress(done=done, left=in_hand + left)


def own_place(engine: Engine, rater: str, item_id: str) -> Place:
    """Read what a rater has of an item.

    Args:
        engine: From `open_database`.
        rater: The rater's name.
        item_id: Of the item.

    Returns:
        The place.

    Raises:
        InvalidRecordError: If the name is empty, too long or holds control characters.
        UnknownRecordError: If there is no such item, or it was deleted.
        StorageError: If the database fails.
    """
    with reading(engine) as connection:
        return find_place(connection, item_id, find_rater(connection, rater) or "", now=datetime.now(UTC))


def _first_open(connection: Connection, values: Mapping[str, str]) -> str | None:
    for campaign_id, gold_every in connection.execute(_RUNNING).all():
        if values["campaign_id"] not in ("", campaign_id):
            continue
        asked = {**values, "campaign_id": campaign_id}
        roles = ["training", "regular"]
        if gold_every:
            done = connection.scalar(_DONE, asked) or 0
            # Not to be foreseen by the rater, and the same whenever the rater asks again.
            drawn = hashlib.sha256(f"{campaign_id} {values['rater_id']} {done}".encode()).digest()
            if int.from_bytes(drawn[:8]) % gold_every == 0:
                roles.insert(1, "gold")
        for role in roles:
            item_id: str | None = connection.scalar(FIRST_OPEN, {**asked, "role": role})
            if item_id is not None:
                return item_id
    return None


def _assignment(connection: Connection, item_id: str, rater_id: str, place: Place) -> Assignment:
    item = find_item(connection, item_id)
    sides = None
    if item.battle is not None:
        captions = [find_item(connection, one).caption for one in item.battle]
        sides = (captions[1], captions[0]) if place.flipped else (captions[0], captions[1])
    draft, saved_at = find_draft(connection, item_id, rater_id)
    reason = None
    if place.state == "returned":
        reason = connection.scalar(
            select(assignments.c.return_reason).where(
                assignments.c.item_id == item_id, assignments.c.rater_id == rater_id
            )
        )
    return Assignment(
        item_id=item.id,
        campaign_id=item.campaign_id,
        kind=item.kind,
        training=item.role == "training",
        image_id=item.image_id,
        caption=item.caption,
        units=item.units,
        segmenter_version=item.segmenter_version,
        sides=sides,
        flipped=bool(place.flipped),
        returned=reason,
        draft=draft,
        draft_saved_at=saved_at,
        lease_expires_at=None if place.is_finished else place.lease_expires_at,
    )
