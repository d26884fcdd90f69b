"""What a project's owner does to items and ratings: hand one back, find items, see what was deleted."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Engine, Row, Select, func, or_, select

from annotations.audit import record_act
from annotations.campaigns import Campaign, list_campaigns
from annotations.cuts import checked_text
from annotations.engine import reading, writing
from annotations.errors import InvalidRecordError, UnknownRecordError
from annotations.items import find_item
from annotations.places import find_place, hand_back
from annotations.raters import clean_name, find_rater
from annotations.schema import images, items

MAX_REASON_CHARACTERS: Final = 500

_first, _second = items.alias("first_caption"), items.alias("second_caption")


@dataclass(frozen=True)
class ListedItem:
    """An item as the owner's list shows it.

    Attributes:
        id: Of the item.
        campaign_id: Of its campaign.
        kind: ``caption`` or ``battle``.
        role: ``regular``, ``training`` or ``gold``.
        image_id: Of its image.
        filename: Of the image, as it was uploaded.
        captions: The caption, or the two of a battle.
        source: Where the caption comes from, or None.
        done: How many raters have submitted a rating.
        overlap: How many raters it gets at most.
        created_at: UTC, ISO 8601.
        deleted_at: When it was deleted, or None.
    """

    id: str
    campaign_id: str
    kind: str
    role: str
    image_id: str
    filename: str
    captions: tuple[str, ...]
    source: str | None
    done: int
    overlap: int
    created_at: str
    deleted_at: str | None


@dataclass(frozen=True)
class FoundItems:
    """One page of a list of items.

    Attributes:
        items: The page.
        total: How many there are on all pages.
    """

    items: tuple[ListedItem, ...]
    total: int


@dataclass(frozen=True)
class Deleted:
    """What is out of circulation and can be restored.

    Attributes:
        campaigns: Deleted campaigns, in the order in which they were made.
        items: Deleted items of all campaigns, the last one deleted first; at most 200.
        total_items: How many deleted items there are.
    """

    campaigns: tuple[Campaign, ...]
    items: tuple[ListedItem, ...]
    total_items: int


def return_item(
    engine: Engine, item_id: str, rater: str, *, reason: str, actor: str, now: datetime | None = None
) -> None:
    """Hand a submitted item back to its rater, to look at again before any other one.

    The rating counts as it is until the rater submits another revision.

    Args:
        engine: From `open_database`.
        item_id: Of the item.
        rater: The rater's name.
        reason: Why, for the rater to read; 1 to 500 characters.
        actor: Who hands it back.
        now: The time; the clock's when None.

    Raises:
        InvalidRecordError: If the reason is missing or too long, or the name will not do.
        UnknownRecordError: If there is no such item, or this rater has no rating of it.
        StorageError: If the database fails.
    """
    reason = checked_text("reason", reason).strip()
    if not 1 <= len(reason) <= MAX_REASON_CHARACTERS:
        raise InvalidRecordError(
            f"a rater who gets an item back needs a reason of 1 to {MAX_REASON_CHARACTERS} characters; "
            f"this one has {len(reason)}"
        )
    with writing(engine) as connection:
        rater_id = find_rater(connection, rater)
        place = find_place(connection, item_id, rater_id or "", now=now or datetime.now(UTC))
        if rater_id is None or not place.is_finished:
            raise UnknownRecordError(
                f"{clean_name(rater)} has no submitted rating of item {item_id} that could be handed back"
            )
        hand_back(connection, item_id, rater_id, reason=reason)
        details = {"rater": clean_name(rater), "reason": reason}
        details["caption"] = find_item(connection, item_id).caption[:80]
        record_act(connection, actor, "return item", item_id, details)


def find_items(
    engine: Engine,
    *,
    campaign_id: str | None = None,
    text: str = "",
    deleted: bool = False,
    limit: int = 50,
    offset: int = 0,
) -> FoundItems:
    """List items whose captions hold a text, the newest first.

    Args:
        engine: From `open_database`.
        campaign_id: Only of this campaign, unless None.
        text: What a caption, either one of a battle, has to hold in any case; "" for all.
        deleted: Whether to list the deleted ones instead, the last one deleted first.
        limit: At most this many.
        offset: How many of the first to leave out.

    Raises:
        StorageError: If the database fails.
    """
    wanted: list[ColumnElement[bool]] = [
        items.c.deleted_at.is_not(None) if deleted else items.c.deleted_at.is_(None)
    ]
    if campaign_id is not None:
        wanted.append(items.c.campaign_id == campaign_id)
    if text:
        wanted.append(
            or_(*(table.c.caption.icontains(text, autoescape=True) for table in (items, _first, _second)))
        )
    order = items.c.deleted_at.desc() if deleted else items.c.created_at.desc()
    query = _listed().where(*wanted)
    with reading(engine) as connection:
        total = connection.scalar(select(func.count()).select_from(query.subquery())) or 0
        rows = connection.execute(query.order_by(order, items.c.id).limit(limit).offset(offset))
        return FoundItems(tuple(_item(row) for row in rows), total)


def deleted(engine: Engine) -> Deleted:
    """Read what was deleted and can be restored.

    Args:
        engine: From `open_database`.

    Raises:
        StorageError: If the database fails.
    """
    gone = tuple(campaign for campaign in list_campaigns(engine, deleted=True) if campaign.deleted_at)
    found = find_items(engine, deleted=True, limit=200)
    return Deleted(gone, found.items, found.total)


def _listed() -> Select[Any]:
    return (
        select(
            *(items.c[name] for name in ("id", "campaign_id", "kind", "role", "image_id", "caption")),
            *(items.c[name] for name in ("source", "done", "overlap", "created_at", "deleted_at")),
            images.c.filename,
            _first.c.caption.label("first_caption"),
            _second.c.caption.label("second_caption"),
        )
        .join(images, images.c.id == items.c.image_id)
        .outerjoin(_first, _first.c.id == items.c.first_id)
        .outerjoin(_second, _second.c.id == items.c.second_id)
    )


def _item(row: Row[Any]) -> ListedItem:
    captions = (row.caption,) if row.kind == "caption" else (row.first_caption, row.second_caption)
    return ListedItem(
        id=row.id,
        campaign_id=row.campaign_id,
        kind=row.kind,
        role=row.role,
        image_id=row.image_id,
        filename=row.filename,
        captions=captions,
        source=row.source or None,
        done=row.done,
        overlap=row.overlap,
        created_at=row.created_at,
        deleted_at=row.deleted_at,
    )
