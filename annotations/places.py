"""The places on an item: how many there are, who has one, and until when.

A ``held`` place counts against the item's overlap until its lease has expired, a ``done`` or ``returned``
place for ever, a ``released`` place never. ``items.done`` counts the finished ones. All functions work in a
transaction that the caller has opened with `writing`, in which nobody else can take a place.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    BindParameter,
    Connection,
    Row,
    and_,
    bindparam,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from annotations.errors import ItemFullError, UnknownRecordError
from annotations.schema import assignments, campaigns, items, timestamp

FINISHED: Final = ("done", "returned")
"""States of a place whose rater has submitted a rating."""

# Built once rather than for every claim: while one writer builds a statement, the others wait.
_now: BindParameter[str] = bindparam("now")
_rater: BindParameter[str] = bindparam("rater_id")
_campaign: BindParameter[str] = bindparam("campaign_id")
_mine, _all = assignments.alias("mine"), assignments.alias("taken")
_held = (
    select(func.count())
    .select_from(_all)
    .where(_all.c.item_id == items.c.id, _all.c.state == "held", _all.c.lease_expires_at > _now)
    .correlate(items)
    .scalar_subquery()
)
_has_room = items.c.done + _held < items.c.overlap
_is_mine = and_(_mine.c.item_id == items.c.id, _mine.c.rater_id == _rater)
IS_OPEN: Final = and_(items.c.deleted_at.is_(None), items.c.done < items.c.overlap)
"""Items that may be handed out, in the words of the index of open items."""

IN_HAND: Final = (
    select(items.c.id)
    .join(_mine, _is_mine)
    .join(campaigns, campaigns.c.id == items.c.campaign_id)
    .where(
        campaigns.c.deleted_at.is_(None),
        campaigns.c.paused_at.is_(None),
        items.c.deleted_at.is_(None),
        or_(_campaign == "", items.c.campaign_id == _campaign),
        or_(
            _mine.c.state == "returned",
            and_(_mine.c.state == "held", or_(_mine.c.lease_expires_at > _now, _has_room)),
        ),
    )
    .order_by(_mine.c.state.desc(), _mine.c.claimed_at, items.c.id)
)
"""Items that ``rater_id`` may go on with at ``now``, returned ones first; campaign "" is any."""

# How many items are looked at for the one that is in the fewest hands: more than raters work at once.
_LOOKED_AT: Final = 64

_open = (
    select(items.c.id, items.c.priority, items.c.created_at, (items.c.done + _held).label("taken"))
    .where(
        items.c.campaign_id == _campaign,
        items.c.role == bindparam("role"),
        IS_OPEN,
        ~exists().where(_is_mine),
        _has_room,
    )
    .order_by(items.c.priority, items.c.done, items.c.created_at, items.c.id)
    .limit(_LOOKED_AT)
    .subquery("open_items")
)
FIRST_OPEN: Final = (
    select(_open.c.id).order_by(_open.c.priority, _open.c.taken, _open.c.created_at, _open.c.id).limit(1)
)
"""The item of a campaign and role that ``rater_id`` has never held and that fewest raters have so far."""

_PLACE: Final = (
    select(
        _mine.c.state, _mine.c.lease_expires_at, _mine.c.flipped, _has_room.label("has_room"), items.c.kind
    )
    .select_from(items)
    .outerjoin(_mine, _is_mine)
    .where(items.c.id == bindparam("item_id"), items.c.deleted_at.is_(None))
)
_OWN: Final = and_(
    assignments.c.item_id == bindparam("own_item"), assignments.c.rater_id == bindparam("own_rater")
)
_LEASE: Final = (
    select(campaigns.c.lease_minutes)
    .join(items, items.c.campaign_id == campaigns.c.id)
    .where(items.c.id == bindparam("item_id"))
)
_TAKE: Final = insert(assignments)
_KEEP: Final = (
    update(assignments)
    .where(_OWN)
    .values(state="held", lease_expires_at=bindparam("until"), skip_reason=None)
)
_END: Final = update(assignments).where(_OWN).values(state=bindparam("to"), skip_reason=bindparam("reason"))
_COUNT: Final = (
    update(items).where(items.c.id == bindparam("own_item")).values(done=items.c.done + bindparam("step"))
)


@dataclass(frozen=True)
class Place:
    """What a rater has of an item.

    Attributes:
        state: ``held``, ``released``, ``done`` or ``returned``; None if the rater never had a place.
        lease_expires_at: UTC, ISO 8601; None if the rater never had a place.
        has_room: Whether fewer raters have a place than the item may have.
        flipped: Whether this rater is shown a battle's second caption on the left; None for a caption.
    """

    state: str | None
    lease_expires_at: str | None
    has_room: bool
    flipped: bool | None = None

    @property
    def is_finished(self) -> bool:
        """Whether the rater has submitted a rating of the item."""
        return self.state in FINISHED

    def is_held(self, now: datetime) -> bool:
        """Tell whether the place is the rater's at a moment: the lease runs, or nobody has come since."""
        return self.state == "held" and (self.has_room or (self.lease_expires_at or "") > timestamp(now))


def find_place(connection: Connection, item_id: str, rater_id: str, *, now: datetime) -> Place:
    """Look up what a rater has of an item.

    Args:
        connection: In a transaction.
        item_id: Of the item.
        rater_id: Of the rater.
        now: The time.

    Returns:
        The place.

    Raises:
        UnknownRecordError: If there is no such item, or it was deleted.
    """
    row = _find(connection, item_id, rater_id, now=now)
    return Place(row.state, row.lease_expires_at, bool(row.has_room), row.flipped)


def hold(connection: Connection, item_id: str, rater_id: str, *, lease: timedelta, now: datetime) -> Place:
    """Make sure that a rater has a place on an item.

    A finished place stays finished; any other one is held until ``now + lease``. The sides of a battle are
    drawn once for each rater, so that over the raters of the battle, and over the battles of the rater, each
    side comes up as often.

    Args:
        connection: From `writing`.
        item_id: Of the item.
        rater_id: Of the rater.
        lease: How long the place is kept.
        now: The time.

    Returns:
        The place as it is now.

    Raises:
        ItemFullError: If the item already has its number of other raters.
        UnknownRecordError: If there is no such item, or it was deleted.
    """
    row = _find(connection, item_id, rater_id, now=now)
    place = Place(row.state, row.lease_expires_at, bool(row.has_room), row.flipped)
    if place.is_finished:
        return place
    if not place.has_room and not place.is_held(now):
        raise ItemFullError(f"item {item_id} already has all the raters it may have; go on with another one")
    until, flipped = timestamp(now + lease), place.flipped
    if place.state is None:
        flipped = _draw_side(connection, item_id, rater_id) if row.kind == "battle" else None
        taken = {"item_id": item_id, "rater_id": rater_id, "state": "held", "claimed_at": timestamp(now)}
        connection.execute(_TAKE, taken | {"lease_expires_at": until, "flipped": flipped})
    else:
        connection.execute(_KEEP, {**_own(item_id, rater_id), "until": until})
    return Place("held", until, place.has_room, flipped)


def campaign_lease(connection: Connection, item_id: str) -> timedelta:
    """Read how long an item is kept for a rater, in an open transaction.

    Raises:
        UnknownRecordError: If there is no such item.
    """
    minutes = connection.scalar(_LEASE, {"item_id": item_id})
    if minutes is None:
        raise UnknownRecordError(f"there is no item {item_id!r}")
    return timedelta(minutes=minutes)


def finish(connection: Connection, item_id: str, rater_id: str, place: Place) -> None:
    """Mark a rater's place on an item as finished: it is nobody else's for ever.

    Args:
        connection: From `writing`.
        item_id: Of the item.
        rater_id: Of the rater.
        place: From `hold`.
    """
    _end(connection, item_id, rater_id, to="done")
    if not place.is_finished:
        connection.execute(_COUNT, {"own_item": item_id, "step": 1})


def free(
    connection: Connection, item_id: str, rater_id: str, *, now: datetime, reason: str | None = None
) -> None:
    """Give a rater's place on an item to whoever comes next."""
    place = find_place(connection, item_id, rater_id, now=now)
    _end(connection, item_id, rater_id, to="released", reason=reason)
    if place.is_finished:
        connection.execute(_COUNT, {"own_item": item_id, "step": -1})


def hand_back(connection: Connection, item_id: str, rater_id: str, *, reason: str) -> None:
    """Mark a finished place as one that its rater has to look at again."""
    _end(connection, item_id, rater_id, to="returned")
    connection.execute(update(assignments).where(_OWN).values(return_reason=reason), _own(item_id, rater_id))


def _find(connection: Connection, item_id: str, rater_id: str, *, now: datetime) -> Row[Any]:
    values = {"item_id": item_id, "rater_id": rater_id, "now": timestamp(now)}
    row = connection.execute(_PLACE, values).one_or_none()
    if row is None:
        raise UnknownRecordError(f"there is no item {item_id!r}, or it was deleted")
    return row


def _draw_side(connection: Connection, item_id: str, rater_id: str) -> bool:
    for condition in (assignments.c.item_id == item_id, assignments.c.rater_id == rater_id):
        sides = connection.scalars(
            select(assignments.c.flipped).where(condition, assignments.c.flipped.is_not(None))
        ).all()
        flipped = sum(bool(side) for side in sides)
        if 2 * flipped != len(sides):
            return 2 * flipped < len(sides)
    return bool(secrets.randbelow(2))


def _own(item_id: str, rater_id: str) -> dict[str, str]:
    return {"own_item": item_id, "own_rater": rater_id}


def _end(connection: Connection, item_id: str, rater_id: str, *, to: str, reason: str | None = None) -> None:
    connection.execute(_END, {**_own(item_id, rater_id), "to": to, "reason": reason})
