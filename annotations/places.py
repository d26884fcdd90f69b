"""The places on an item: how many there are, who has one, and until when.

A ``held`` place counts against the item's overlap until its lease has expired, a ``done`` place for ever, a
``released`` place never. All functions work in a transaction that the caller has opened with `writing`, in
which nobody else can take a place.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import BindParameter, Connection, and_, bindparam, exists, func, insert, or_, select, update

from annotations.errors import ItemFullError, UnknownRecordError
from annotations.schema import assignments, items, timestamp

# Built once rather than for every claim: while one writer builds a statement, the others wait.
_now: BindParameter[str] = bindparam("now")
_rater: BindParameter[str] = bindparam("rater_id")
_mine, _all = assignments.alias("mine"), assignments.alias("taken")
_taken = (
    select(func.count())
    .select_from(_all)
    .where(
        _all.c.item_id == items.c.id,
        or_(
            _all.c.state == "done",
            and_(_all.c.state == "held", _all.c.lease_expires_at > _now),
        ),
    )
    .correlate(items)
    .scalar_subquery()
)
_has_room = _taken < items.c.overlap
_is_mine = and_(_mine.c.item_id == items.c.id, _mine.c.rater_id == _rater)

IN_HAND: Final = (
    select(items.c.id)
    .join(_mine, _is_mine)
    .where(
        _mine.c.state == "held",
        items.c.deleted_at.is_(None),
        or_(_mine.c.lease_expires_at > _now, _has_room),
    )
    .order_by(_mine.c.claimed_at, items.c.id)
)
"""Items that ``rater_id`` holds and may go on with at ``now``, the longest held first."""

OPEN_TO: Final = (
    select(items.c.id)
    .where(items.c.deleted_at.is_(None), ~exists().where(_is_mine), _has_room)
    .order_by(_taken, items.c.created_at, items.c.id)
)
"""Items that ``rater_id`` has never held and that have room at ``now``, the least rated first."""

_PLACE: Final = (
    select(_mine.c.state, _mine.c.lease_expires_at, _has_room.label("has_room"))
    .select_from(items)
    .outerjoin(_mine, _is_mine)
    .where(items.c.id == bindparam("item_id"), items.c.deleted_at.is_(None))
)
_OWN: Final = and_(
    assignments.c.item_id == bindparam("own_item"), assignments.c.rater_id == bindparam("own_rater")
)
_TAKE: Final = insert(assignments)
_KEEP: Final = (
    update(assignments)
    .where(_OWN)
    .values(state="held", lease_expires_at=bindparam("until"), skip_reason=None)
)
_END: Final = update(assignments).where(_OWN).values(state=bindparam("to"), skip_reason=bindparam("reason"))


@dataclass(frozen=True)
class Place:
    """What a rater has of an item.

    Attributes:
        state: ``held``, ``released`` or ``done``; None if the rater never had a place.
        lease_expires_at: UTC, ISO 8601; None if the rater never had a place.
        has_room: Whether fewer raters have a place than the item may have.
    """

    state: str | None
    lease_expires_at: str | None
    has_room: bool

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
    values = {"item_id": item_id, "rater_id": rater_id, "now": timestamp(now)}
    row = connection.execute(_PLACE, values).one_or_none()
    if row is None:
        raise UnknownRecordError(f"there is no item {item_id!r}, or it was deleted")
    return Place(row.state, row.lease_expires_at, bool(row.has_room))


def hold(connection: Connection, item_id: str, rater_id: str, *, lease: timedelta, now: datetime) -> Place:
    """Make sure that a rater has a place on an item.

    A finished place stays finished; any other one is held until ``now + lease``.

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
    place = find_place(connection, item_id, rater_id, now=now)
    if place.state == "done":
        return place
    if not place.has_room and not place.is_held(now):
        raise ItemFullError(f"item {item_id} already has all the raters it may have; go on with another one")
    until = timestamp(now + lease)
    if place.state is None:
        row = {"item_id": item_id, "rater_id": rater_id, "state": "held", "claimed_at": timestamp(now)}
        connection.execute(_TAKE, row | {"lease_expires_at": until})
    else:
        connection.execute(_KEEP, {"own_item": item_id, "own_rater": rater_id, "until": until})
    return Place("held", until, place.has_room)


def finish(connection: Connection, item_id: str, rater_id: str) -> None:
    """Mark a rater's place on an item as finished: it is nobody else's for ever."""
    _end(connection, item_id, rater_id, to="done")


def free(connection: Connection, item_id: str, rater_id: str, *, reason: str | None = None) -> None:
    """Give a rater's place on an item to whoever comes next."""
    _end(connection, item_id, rater_id, to="released", reason=reason)


def _end(connection: Connection, item_id: str, rater_id: str, *, to: str, reason: str | None = None) -> None:
    connection.execute(_END, {"own_item": item_id, "own_rater": rater_id, "to": to, "reason": reason})
