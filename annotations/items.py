"""Images and items: what is rated. An item is one caption of one image, cut into detail units."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Engine, Row, insert, select, update

from annotations.cuts import checked_spans, checked_text, checked_version, ensure_units, stored_spans
from annotations.engine import reading, writing
from annotations.errors import InvalidRecordError, UnknownRecordError
from annotations.schema import images, items, new_id, timestamp

DEFAULT_OVERLAP: Final = 3
"""How many raters an item gets unless it is added with another number."""


@dataclass(frozen=True)
class Image:
    """An image as the store knows it; its pixels stand in a file named after the id.

    Attributes:
        id: 32 hexadecimal digits, drawn at random.
        sha256: Of the file's bytes, 64 lower-case hexadecimal digits.
        filename: As it was uploaded.
        width: In pixels.
        height: In pixels.
    """

    id: str
    sha256: str
    filename: str
    width: int
    height: int


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
    """One caption of one image.

    Attributes:
        id: 32 hexadecimal digits, drawn at random.
        image_id: Of the image.
        caption: The text.
        caption_sha256: Of its UTF-8 bytes.
        units: The detail units in order; joined they are the caption.
        segmenter_version: What cut the caption.
        source: Where the caption comes from, for example a captioner's name. Not to be shown to raters.
        overlap: How many raters the item gets at most.
        created_at: UTC, ISO 8601.
        deleted_at: When the item was deleted, or None.
    """

    id: str
    image_id: str
    caption: str
    caption_sha256: str
    units: tuple[Unit, ...]
    segmenter_version: str
    source: str | None
    overlap: int
    created_at: str
    deleted_at: str | None


def add_image(engine: Engine, *, sha256: str, filename: str, width: int, height: int) -> str:
    """Write an image down; the same bytes are one image, however often they come.

    Args:
        engine: From `open_database`.
        sha256: Of the file's bytes, 64 lower-case hexadecimal digits.
        filename: As it was uploaded.
        width: In pixels, at least 1.
        height: In pixels, at least 1.

    Returns:
        The image's id.

    Raises:
        InvalidRecordError: If the checksum or a size is malformed.
        StorageError: If the database fails.
    """
    if not re.fullmatch("[0-9a-f]{64}", sha256):
        raise InvalidRecordError(f"an image's sha256 has 64 lower-case hexadecimal digits; got {sha256!r}")
    if width < 1 or height < 1:
        raise InvalidRecordError(f"an image is at least 1 x 1 pixels; got {width} x {height}")
    with writing(engine) as connection:
        image_id = connection.scalar(select(images.c.id).where(images.c.sha256 == sha256))
        if image_id is None:
            image_id = new_id()
            connection.execute(
                insert(images).values(
                    id=image_id,
                    sha256=sha256,
                    filename=checked_text("file name", filename),
                    width=width,
                    height=height,
                    created_at=timestamp(),
                )
            )
    return image_id


def get_image(engine: Engine, image_id: str) -> Image:
    """Read one image.

    Args:
        engine: From `open_database`.
        image_id: From `add_image`.

    Returns:
        The image.

    Raises:
        UnknownRecordError: If there is no such image.
        StorageError: If the database fails.
    """
    columns = (images.c.id, images.c.sha256, images.c.filename, images.c.width, images.c.height)
    with reading(engine) as connection:
        row = connection.execute(select(*columns).where(images.c.id == image_id)).one_or_none()
    if row is None:
        raise UnknownRecordError(f"there is no image {image_id!r}")
    return Image(*row)


def require_image(connection: Connection, image_id: str) -> None:
    """Refuse an id that no image has.

    Raises:
        UnknownRecordError: If there is no such image.
    """
    if connection.scalar(select(images.c.id).where(images.c.id == image_id)) is None:
        raise UnknownRecordError(f"there is no image {image_id!r}")


def add_item(
    engine: Engine,
    *,
    image_id: str,
    caption: str,
    units: Sequence[tuple[str, int, int]],
    segmenter_version: str,
    source: str | None = None,
    overlap: int = DEFAULT_OVERLAP,
) -> str:
    """Write an item down; the same image, caption and segmenter are one item, however often they come.

    Adding an item again leaves it as it is, source and overlap included, except that one that was deleted is
    there again.

    Args:
        engine: From `open_database`.
        image_id: From `add_image`.
        caption: The text, not only white space.
        units: Text, start and end of each detail unit in order; together they cover the whole caption.
        segmenter_version: What cut the caption, at most 120 characters.
        source: Where the caption comes from. It is never part of an `Assignment`.
        overlap: How many raters the item gets at most, at least 1.

    Returns:
        The item's id.

    Raises:
        InvalidRecordError: If the caption is empty, the units do not cover it, the overlap is below 1, or the
            same segmenter version has cut the same caption in another way before.
        UnknownRecordError: If there is no such image.
        StorageError: If the database fails.
    """
    checked_text("caption", caption)
    if not caption.strip():
        raise InvalidRecordError("an item needs a caption; this one is empty")
    checked_version(segmenter_version)
    if overlap < 1:
        raise InvalidRecordError(f"an item needs at least 1 rater; got an overlap of {overlap}")
    spans = checked_spans(caption, units)
    caption_sha256 = hashlib.sha256(caption.encode()).hexdigest()
    with writing(engine) as connection:
        require_image(connection, image_id)
        ensure_units(connection, caption_sha256, segmenter_version, spans)
        item_id: str | None = connection.scalar(
            select(items.c.id).where(
                items.c.image_id == image_id,
                items.c.caption_sha256 == caption_sha256,
                items.c.segmenter_version == segmenter_version,
            )
        )
        if item_id is not None:
            connection.execute(update(items).where(items.c.id == item_id).values(deleted_at=None))
            return item_id
        item_id = new_id()
        connection.execute(
            insert(items).values(
                id=item_id,
                image_id=image_id,
                caption=caption,
                caption_sha256=caption_sha256,
                segmenter_version=segmenter_version,
                source=source,
                overlap=overlap,
                created_at=timestamp(),
            )
        )
    return item_id


def get_item(engine: Engine, item_id: str) -> Item:
    """Read one item, deleted or not.

    Args:
        engine: From `open_database`.
        item_id: From `add_item`.

    Returns:
        The item.

    Raises:
        UnknownRecordError: If there is no such item.
        StorageError: If the database fails.
    """
    with reading(engine) as connection:
        return find_item(connection, item_id)


def delete_item(engine: Engine, item_id: str) -> None:
    """Take an item out of circulation; its ratings stay, and `add_item` or `restore_item` brings it back.

    Args:
        engine: From `open_database`.
        item_id: From `add_item`.

    Raises:
        UnknownRecordError: If there is no such item.
        StorageError: If the database fails.
    """
    _set_deleted_at(engine, item_id, timestamp())


def restore_item(engine: Engine, item_id: str) -> None:
    """Bring a deleted item back with everything that was said of it.

    Args:
        engine: From `open_database`.
        item_id: From `add_item`.

    Raises:
        UnknownRecordError: If there is no such item.
        StorageError: If the database fails.
    """
    _set_deleted_at(engine, item_id, None)


def find_item(connection: Connection, item_id: str) -> Item:
    """Read one item in an open transaction.

    Args:
        connection: From `reading` or `writing`.
        item_id: From `add_item`.

    Returns:
        The item.

    Raises:
        UnknownRecordError: If there is no such item.
    """
    row = connection.execute(select(items).where(items.c.id == item_id)).one_or_none()
    if row is None:
        raise UnknownRecordError(f"there is no item {item_id!r}")
    return _item(connection, row)


def _item(connection: Connection, row: Row[tuple[object, ...]]) -> Item:
    spans = stored_spans(connection, row.caption_sha256, row.segmenter_version)
    return Item(
        id=row.id,
        image_id=row.image_id,
        caption=row.caption,
        caption_sha256=row.caption_sha256,
        units=tuple(Unit(row.caption[start:end], start, end) for start, end in spans),
        segmenter_version=row.segmenter_version,
        source=row.source,
        overlap=row.overlap,
        created_at=row.created_at,
        deleted_at=row.deleted_at,
    )


def _set_deleted_at(engine: Engine, item_id: str, moment: str | None) -> None:
    with writing(engine) as connection:
        changed = connection.execute(update(items).where(items.c.id == item_id).values(deleted_at=moment))
        if changed.rowcount == 0:
            raise UnknownRecordError(f"there is no item {item_id!r}")
