"""Items: what one rater judges in one go. A caption of an image, or a battle between two captions of it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Engine, Row, bindparam, insert, select, update

from annotations.audit import record_act
from annotations.campaign_tables import INSPECT_CAMPAIGN
from annotations.campaigns import find_campaign
from annotations.cuts import checked_spans, checked_text, checked_version, ensure_units, stored_spans
from annotations.engine import reading, writing
from annotations.errors import InvalidRecordError, UnknownRecordError
from annotations.images import require_image
from annotations.schema import items, new_id, timestamp

EVERYBODY = 1_000_000
"""The overlap of an item that every rater may judge, such as one to learn on."""

_BY_ID: Final = select(items).where(items.c.id == bindparam("item_id"))


@dataclass(frozen=True)
class Unit:
    """One detail unit of a caption: ``caption[start:end] == text``.

    Attributes:
        text: The slice.
        start: First code point.
        end: One past the last code point.
    """

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Item:
    """What one rater judges in one go.

    Attributes:
        id: 32 hexadecimal digits, drawn at random.
        campaign_id: Of the campaign that it belongs to.
        kind: ``caption`` or ``battle``.
        role: ``regular``, ``training`` or ``gold``. Not to be shown to raters.
        image_id: Of the image.
        caption: The text; "" for a battle.
        caption_sha256: Of its UTF-8 bytes; "" for a battle.
        units: The detail units in order; joined they are the caption. Empty for a battle and until the
            caption is cut.
        segmenter_version: What cut the caption; "" for a battle and until the caption is cut.
        source: Where the caption comes from, for example a captioner's name. Not to be shown to raters.
        battle: The ids of the two captions' items, or None for a caption.
        overlap: How many raters the item gets at most.
        created_at: UTC, ISO 8601.
        deleted_at: When the item was deleted, or None.
    """

    id: str
    campaign_id: str
    kind: str
    role: str
    image_id: str
    caption: str
    caption_sha256: str
    units: tuple[Unit, ...]
    segmenter_version: str
    source: str | None
    battle: tuple[str, str] | None
    overlap: int
    created_at: str
    deleted_at: str | None

    @property
    def is_cut(self) -> bool:
        """Whether there is nothing left to cut."""
        return self.kind == "battle" or self.segmenter_version != ""


def add_item(
    engine: Engine,
    *,
    image_id: str,
    caption: str,
    units: Sequence[tuple[str, int, int]] | None,
    segmenter_version: str = "",
    campaign_id: str = INSPECT_CAMPAIGN,
    source: str | None = None,
    overlap: int | None = None,
) -> str:
    """Write an item down; the same image, caption, segmenter and source are one item of a campaign.

    Adding an item again leaves it as it is, overlap included, except that one that was deleted is there
    again.

    Args:
        engine: From `open_database`.
        image_id: From `annotations.images.add_image`.
        caption: The text, not only white space.
        units: Text, start and end of each detail unit in order; together they cover the whole caption. None
            for a caption that `cut_item` cuts later.
        segmenter_version: What cut the caption, at most 120 characters; "" without units.
        campaign_id: Of the campaign that it belongs to.
        source: Where the caption comes from. It is never part of an `Assignment`.
        overlap: How many raters the item gets at most, at least 1; the campaign's number when None.

    Returns:
        The item's id.

    Raises:
        InvalidRecordError: If the caption is empty, the units do not cover it, the overlap is below 1, or the
            same segmenter version has cut the same caption in another way before.
        UnknownRecordError: If there is no such image or campaign.
        StorageError: If the database fails.
    """
    checked_caption(caption)
    if (units is None) != (segmenter_version == ""):
        raise InvalidRecordError("units and the version of what cut them go together; give both or neither")
    spans = None if units is None else checked_spans(caption, units)
    if spans is not None:
        checked_version(segmenter_version)
    if overlap is not None and overlap < 1:
        raise InvalidRecordError(f"an item needs at least 1 rater; got an overlap of {overlap}")
    caption_sha256 = hashlib.sha256(caption.encode()).hexdigest()
    with writing(engine) as connection:
        require_image(connection, image_id)
        campaign = find_campaign(connection, campaign_id)
        if spans is not None:
            ensure_units(connection, caption_sha256, segmenter_version, spans)
        item_id: str | None = connection.scalar(
            select(items.c.id).where(
                items.c.campaign_id == campaign.id,
                items.c.image_id == image_id,
                items.c.caption_sha256 == caption_sha256,
                items.c.segmenter_version == segmenter_version,
                items.c.source == (source or ""),
            )
        )
        if item_id is not None:
            connection.execute(update(items).where(items.c.id == item_id).values(deleted_at=None))
            return item_id
        return insert_item(
            connection,
            campaign_id=campaign.id,
            image_id=image_id,
            caption=caption,
            caption_sha256=caption_sha256,
            segmenter_version=segmenter_version,
            source=checked_text("source", source or ""),
            overlap=overlap or campaign.overlap,
        )


def add_battle(engine: Engine, first_id: str, second_id: str, *, overlap: int | None = None) -> str:
    """Set two captions of one image against each other; the same two are one battle, in either order.

    Args:
        engine: From `open_database`.
        first_id: From `add_item`.
        second_id: From `add_item`; of the same image and campaign, with another caption.
        overlap: How many raters the battle gets at most, at least 1; the campaign's number when None.

    Returns:
        The battle's id.

    Raises:
        InvalidRecordError: If the two are not captions of one image in one campaign, or the same text.
        UnknownRecordError: If there is no such item.
        StorageError: If the database fails.
    """
    if overlap is not None and overlap < 1:
        raise InvalidRecordError(f"a battle needs at least 1 rater; got an overlap of {overlap}")
    with writing(engine) as connection:
        first, second = (find_item(connection, one) for one in sorted((first_id, second_id)))
        if "battle" in (first.kind, second.kind):
            raise InvalidRecordError(
                "a battle is between two captions; one of these items is a battle itself"
            )
        if (first.image_id, first.campaign_id) != (second.image_id, second.campaign_id):
            raise InvalidRecordError(
                f"items {first.id} and {second.id} are not of one image in one campaign; nothing can win"
            )
        if first.caption == second.caption:
            raise InvalidRecordError(
                f"items {first.id} and {second.id} have the same caption; nothing can win"
            )
        same = (items.c.first_id == first.id, items.c.second_id == second.id)
        battle_id: str | None = connection.scalar(select(items.c.id).where(*same))
        if battle_id is not None:
            connection.execute(update(items).where(items.c.id == battle_id).values(deleted_at=None))
            return battle_id
        return insert_item(
            connection,
            campaign_id=first.campaign_id,
            image_id=first.image_id,
            kind="battle",
            first_id=first.id,
            second_id=second.id,
            overlap=overlap or find_campaign(connection, first.campaign_id).overlap,
        )


def cut_item(
    engine: Engine, item_id: str, units: Sequence[tuple[str, int, int]], *, segmenter_version: str
) -> Item:
    """Write down how the caption of an item is cut; an item that is cut already stays as it is.

    Args:
        engine: From `open_database`.
        item_id: From `add_item`.
        units: Text, start and end of each detail unit in order; together they cover the whole caption.
        segmenter_version: What cut the caption, at most 120 characters.

    Returns:
        The item as it is cut now.

    Raises:
        InvalidRecordError: If the units do not cover the caption, or the same segmenter version has cut the
            same caption in another way before.
        UnknownRecordError: If there is no such item.
        StorageError: If the database fails.
    """
    checked_version(segmenter_version)
    with writing(engine) as connection:
        item = find_item(connection, item_id)
        if item.is_cut:
            return item
        ensure_units(connection, item.caption_sha256, segmenter_version, checked_spans(item.caption, units))
        connection.execute(
            update(items).where(items.c.id == item_id).values(segmenter_version=segmenter_version)
        )
        return find_item(connection, item_id)


def get_item(engine: Engine, item_id: str) -> Item:
    """Read one item, deleted or not.

    Args:
        engine: From `open_database`.
        item_id: From `add_item` or `add_battle`.

    Returns:
        The item.

    Raises:
        UnknownRecordError: If there is no such item.
        StorageError: If the database fails.
    """
    with reading(engine) as connection:
        return find_item(connection, item_id)


def delete_item(engine: Engine, item_id: str, *, actor: str | None = None) -> None:
    """Take an item out of circulation; its ratings stay, and `add_item` or `restore_item` brings it back.

    Args:
        engine: From `open_database`.
        item_id: From `add_item` or `add_battle`.
        actor: Who does it, for the audit log, unless None.

    Raises:
        UnknownRecordError: If there is no such item.
        StorageError: If the database fails.
    """
    _set_deleted_at(engine, item_id, timestamp(), actor, "delete item")


def restore_item(engine: Engine, item_id: str, *, actor: str | None = None) -> None:
    """Bring a deleted item back with everything that was said of it.

    Args:
        engine: From `open_database`.
        item_id: From `add_item` or `add_battle`.
        actor: Who does it, for the audit log, unless None.

    Raises:
        UnknownRecordError: If there is no such item.
        StorageError: If the database fails.
    """
    _set_deleted_at(engine, item_id, None, actor, "restore item")


def find_item(connection: Connection, item_id: str) -> Item:
    """Read one item in an open transaction.

    Args:
        connection: From `reading` or `writing`.
        item_id: From `add_item` or `add_battle`.

    Returns:
        The item.

    Raises:
        UnknownRecordError: If there is no such item.
    """
    row = connection.execute(_BY_ID, {"item_id": item_id}).one_or_none()
    if row is None:
        raise UnknownRecordError(f"there is no item {item_id!r}")
    return _item(connection, row)


def checked_caption(caption: str) -> str:
    """Return a caption that can be an item's.

    Raises:
        InvalidRecordError: If it is empty, or holds what no database takes.
    """
    if not checked_text("caption", caption).strip():
        raise InvalidRecordError("an item needs a caption; this one is empty")
    return caption


def insert_item(connection: Connection, **values: object) -> str:
    """Write a checked item down, in an open transaction, and return its id."""
    defaults = {"id": new_id(), "kind": "caption", "role": "regular", "priority": 0, "weight": 1.0, "done": 0}
    defaults |= {"segmenter_version": "", "source": ""}
    row = defaults | {"created_at": timestamp()} | values
    connection.execute(insert(items).values(row))
    return str(row["id"])


def _item(connection: Connection, row: Row[tuple[object, ...]]) -> Item:
    spans: tuple[tuple[int, int], ...] = ()
    if row.segmenter_version:
        spans = tuple(stored_spans(connection, row.caption_sha256, row.segmenter_version))
    return Item(
        id=row.id,
        campaign_id=row.campaign_id,
        kind=row.kind,
        role=row.role,
        image_id=row.image_id,
        caption=row.caption or "",
        caption_sha256=row.caption_sha256 or "",
        units=tuple(Unit(row.caption[start:end], start, end) for start, end in spans),
        segmenter_version=row.segmenter_version,
        source=row.source or None,
        battle=(row.first_id, row.second_id) if row.kind == "battle" else None,
        overlap=row.overlap,
        created_at=row.created_at,
        deleted_at=row.deleted_at,
    )


def _set_deleted_at(engine: Engine, item_id: str, moment: str | None, actor: str | None, action: str) -> None:
    with writing(engine) as connection:
        item = find_item(connection, item_id)
        connection.execute(update(items).where(items.c.id == item_id).values(deleted_at=moment))
        record_act(connection, actor, action, item_id, {"caption": item.caption[:80]})
