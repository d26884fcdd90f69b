"""The metric's score of a stored item: computed, kept, and read again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from annotations.items import get_item
from annotations.scores import find_curve
from app.item_cuts import ensure_cut
from app.stored_scores import METRIC, store_record
from specs_core.checkpoints import resolve
from specs_core.errors import ImageError

if TYPE_CHECKING:
    from PIL import Image

    from annotations.items import Item
    from app.context import AppContext
    from app.pictures import PictureStore
    from specs_core.encoder import Encoder
    from specs_core.segmentation.units import DetailUnit


class MissingImageError(ImageError):
    """The image of an item of which there is no file."""


def score_item(context: AppContext, item_id: str, encoder: Encoder) -> dict[str, Any]:
    """Score an item as its stored units cut it, store the score, and return the curve's record.

    Args:
        context: The open context.
        item_id: Of the item.
        encoder: The loaded model.

    Raises:
        AnnotationError: If there is no such item or the database fails.
        SpecsError: If the image cannot be read.
    """
    # Imported here: the page must be up before torch is.
    from specs_core.curve import curve_of_units, curve_record

    item = ensure_cut(context, get_item(context.engine, item_id))
    curve = curve_of_units(
        encoder,
        encoder.image_features([item_picture(context.pictures, item.image_id)])[0],
        item_units(item),
        segmenter="stored",
        segmenter_version=item.segmenter_version,
    )
    record = curve_record(curve, encoder)
    store_record(context.engine, item_id, record, weights_sha256=encoder.weights_sha256)
    return record


def item_picture(pictures: PictureStore, image_id: str) -> Image.Image:
    """Return the image of an item as the metric sees it.

    Args:
        pictures: The stored images.
        image_id: Of the image.

    Raises:
        MissingImageError: If there is no file of it.
        ImageError: If the file cannot be read.
    """
    from specs_core.images import read_image

    path = pictures.find(image_id)
    if path is None:
        raise MissingImageError(
            f"The image of this caption is missing from the data folder (image {image_id})."
        )
    return read_image(path)


def item_units(item: Item) -> tuple[DetailUnit, ...]:
    """Return the units of an item as the metric takes them."""
    from specs_core.segmentation.units import DetailUnit

    return tuple(DetailUnit(unit.text, unit.start, unit.end) for unit in item.units)


def stored_curve(context: AppContext, item_id: str) -> dict[str, Any] | None:
    """Return a curve that is stored already, the default model's before any other."""
    default = resolve(context.encoders.default_name).label
    return find_curve(context.engine, item_id, metric=METRIC, preferred_model=default)


def curve_view(record: Mapping[str, Any], *, threshold: float = 0.0) -> dict[str, Any]:
    """Return what the Rate page shows of a curve's record.

    Args:
        record: From `specs_core.curve.curve_record`.
        threshold: A dip is a delta below minus this, in cosine.
    """
    units = record["units"]
    if record["score"] is None:
        return {
            "problem": "The caption's first unit is longer than the model can read, so there is no curve."
        }
    return {
        "model": record["model"],
        "score": record["score"],
        "similarity": [unit["similarity"] for unit in units],
        "delta": [unit["delta"] for unit in units],
        "dip": [unit["delta"] is not None and unit["delta"] < -threshold for unit in units],
        "threshold": threshold,
    }
