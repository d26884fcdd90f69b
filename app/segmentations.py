"""Corrected cuts in the store, as the page knows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.cuts import CORRECTED, Cut

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from annotations.segmentations import Segmentation


def saved_cuts(engine: Engine, *, image_sha256: str, caption: str) -> tuple[Cut, ...]:
    """Return the cuts that people saved for a caption of an image, the first one first.

    Args:
        engine: The open database.
        image_sha256: Of the image's pixels.
        caption: The caption.

    Raises:
        AnnotationError: If the database fails.
    """
    from annotations.segmentations import read_segmentations

    return tuple(
        _cut(stored) for stored in read_segmentations(engine, image_sha256=image_sha256, caption=caption)
    )


def _cut(stored: Segmentation) -> Cut:
    return Cut(
        segmenter=CORRECTED,
        version=stored.segmenter_version,
        starts=tuple(unit.start for unit in stored.units),
        based_on=stored.based_on,
        key=stored.id,
        saved_by=stored.rater,
        saved_at=stored.saved_at,
    )
