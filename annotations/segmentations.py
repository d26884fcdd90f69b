"""Cuts of a caption that a person corrected: each a version of its own, beside the automatic ones."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final

from sqlalchemy import Connection, Engine, Row, Select, and_, insert, select

from annotations.cuts import checked_spans, checked_text, checked_version, ensure_units
from annotations.engine import reading, writing
from annotations.errors import InvalidRecordError
from annotations.images import require_image
from annotations.items import Unit
from annotations.raters import ensure_rater
from annotations.schema import images, new_id, raters, segmentations, timestamp, units

PREFIX: Final = "corrected-"
"""What the name of every corrected version begins with; no segmenter's does."""

_ROWS_AT_ONCE: Final = 1000


@dataclass(frozen=True)
class Segmentation:
    """A cut of the caption of one image that one person corrected.

    Attributes:
        id: 32 hexadecimal digits, drawn at random.
        image_id: Of the image in front of which it was corrected.
        image_sha256: Of that image.
        caption: The text.
        caption_sha256: Of its UTF-8 bytes.
        segmenter_version: The version's name, from `corrected_version`.
        based_on: The version that was corrected.
        rater_id: Who corrected it, 32 hexadecimal digits.
        rater: That person's name.
        saved_at: UTC, ISO 8601.
        units: The detail units in order; joined they are the caption.
    """

    id: str
    image_id: str
    image_sha256: str
    caption: str
    caption_sha256: str
    segmenter_version: str
    based_on: str
    rater_id: str
    rater: str
    saved_at: str
    units: tuple[Unit, ...]


def corrected_version(spans: Sequence[tuple[int, int]]) -> str:
    """Name a corrected cut after itself, so that one name can never stand for two cuts of a caption.

    Args:
        spans: Start and end of each unit, in order.

    Returns:
        ``corrected-`` and 16 hexadecimal digits.
    """
    ends = ",".join(str(end) for _, end in spans)
    return PREFIX + hashlib.sha256(ends.encode()).hexdigest()[:16]


def save_segmentation(
    engine: Engine,
    *,
    image_id: str,
    caption: str,
    cut: Sequence[tuple[str, int, int]],
    based_on: str,
    based_on_cut: Sequence[tuple[str, int, int]],
    rater: str,
    now: datetime | None = None,
) -> Segmentation:
    """Write a corrected cut down as a version of its own, with who corrected what and when.

    The same cut saved again by the same person is the row that is there already. What was corrected is
    written down too, so that both cuts can be read back whatever becomes of the segmenter.

    Args:
        engine: From `open_database`.
        image_id: From `add_image`.
        caption: The text.
        cut: Text, start and end of each corrected unit in order; together they cover the whole caption.
        based_on: The version that was corrected, 1 to 120 characters.
        based_on_cut: How that version cuts the caption.
        rater: The person's name; written down on the first visit.
        now: The time; the clock's when None.

    Returns:
        The version as it is stored.

    Raises:
        InvalidRecordError: If either cut does not cover the caption, both are the same, the name of the
            person or of the version will not do, or ``based_on`` has cut this caption in another way before.
        UnknownRecordError: If there is no such image.
        StorageError: If the database fails. After any of these nothing of it is stored.
    """
    checked_text("caption", caption)
    checked_version(based_on)
    spans, before = checked_spans(caption, cut), checked_spans(caption, based_on_cut)
    if not spans:
        raise InvalidRecordError("a segmentation needs a caption; this one is empty")
    if spans == before:
        raise InvalidRecordError(f"these {len(spans)} units are those of {based_on}; nothing was corrected")
    version = corrected_version(spans)
    caption_sha256 = hashlib.sha256(caption.encode()).hexdigest()
    with writing(engine) as connection:
        require_image(connection, image_id)
        rater_id = ensure_rater(connection, rater)
        stored = _find(connection, image_id, caption_sha256, version, rater_id)
        if stored is not None:
            return stored
        ensure_units(connection, caption_sha256, based_on, before)
        ensure_units(connection, caption_sha256, version, spans)
        connection.execute(
            insert(segmentations).values(
                id=new_id(),
                image_id=image_id,
                caption=caption,
                caption_sha256=caption_sha256,
                segmenter_version=version,
                based_on=based_on,
                rater_id=rater_id,
                created_at=timestamp(now),
            )
        )
        stored = _find(connection, image_id, caption_sha256, version, rater_id)
    assert stored is not None
    return stored


def read_segmentations(
    engine: Engine, *, image_sha256: str | None = None, caption: str | None = None
) -> Iterator[Segmentation]:
    """Read corrected cuts one by one, in the order in which they were saved.

    Nothing is read before the first one is asked for; all come from one snapshot.

    Args:
        engine: From `open_database`.
        image_sha256: Only of this image, unless None.
        caption: Only of this caption, unless None.

    Yields:
        The segmentations.

    Raises:
        InvalidRecordError: If the caption is one that no database holds.
        StorageError: If the database fails.
    """
    query = _select()
    if image_sha256 is not None:
        query = query.where(images.c.sha256 == image_sha256)
    if caption is not None:
        digest = hashlib.sha256(checked_text("caption", caption).encode()).hexdigest()
        query = query.where(segmentations.c.caption_sha256 == digest)
    query = query.execution_options(yield_per=_ROWS_AT_ONCE)
    with reading(engine) as connection, connection.execute(query) as rows:
        for _, of_one in groupby(rows, key=lambda row: row.id):
            yield _segmentation(list(of_one))


def _select() -> Select[tuple[object, ...]]:
    """Return a query with one row for each unit of each segmentation."""
    return (
        select(
            segmentations,
            images.c.sha256.label("image_sha256"),
            raters.c.name.label("rater"),
            units.c.start,
            units.c.end,
        )
        .join(images, images.c.id == segmentations.c.image_id)
        .join(raters, raters.c.id == segmentations.c.rater_id)
        .join(
            units,
            and_(
                units.c.caption_sha256 == segmentations.c.caption_sha256,
                units.c.segmenter_version == segmentations.c.segmenter_version,
            ),
        )
        .order_by(segmentations.c.created_at, segmentations.c.id, units.c.start)
    )


def _find(
    connection: Connection, image_id: str, caption_sha256: str, version: str, rater_id: str
) -> Segmentation | None:
    rows = connection.execute(
        _select().where(
            segmentations.c.image_id == image_id,
            segmentations.c.caption_sha256 == caption_sha256,
            segmentations.c.segmenter_version == version,
            segmentations.c.rater_id == rater_id,
        )
    ).all()
    return _segmentation(rows) if rows else None


def _segmentation(rows: Sequence[Row[tuple[object, ...]]]) -> Segmentation:
    first = rows[0]
    return Segmentation(
        id=first.id,
        image_id=first.image_id,
        image_sha256=first.image_sha256,
        caption=first.caption,
        caption_sha256=first.caption_sha256,
        segmenter_version=first.segmenter_version,
        based_on=first.based_on,
        rater_id=first.rater_id,
        rater=first.rater,
        saved_at=first.created_at,
        units=tuple(Unit(first.caption[row.start : row.end], row.start, row.end) for row in rows),
    )
