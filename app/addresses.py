"""Views that an address names: an item, and the settings with which it is looked at."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from app.answers import FormError, read_item_id, read_text
from app.examples import load_examples
from app.inspection import MAX_THRESHOLD, Inspection, store_item
from app.models import chosen_checkpoint
from app.unit_editing import with_cut
from specs_core.errors import UnknownModelError
from specs_core.segmentation import SEGMENTERS

if TYPE_CHECKING:
    from PIL.Image import Image

    from annotations.accounts import Account
    from annotations.items import Item
    from app.context import AppContext

_EXAMPLE = "example-"


@dataclass(frozen=True)
class NamedItem:
    """An image and a caption that go by a name.

    Attributes:
        name: What stands in the address as ``item``.
        image_sha256: Of the image's pixels.
        caption: The caption.
        version: Name of the version of its units; "" for that of the segmenter.
    """

    name: str
    image_sha256: str
    caption: str
    version: str = ""


@dataclass(frozen=True)
class ViewSettings:
    """How a caption is looked at; None for what the address does not say.

    Attributes:
        model: Choice of a model.
        segmenter: Name of a segmenter.
        threshold: Dip threshold, a cosine difference of 0 or more.
    """

    model: str | None
    segmenter: str | None
    threshold: float | None


def read_settings(context: AppContext, payload: object) -> ViewSettings:
    """Read the settings out of an address.

    Args:
        context: The open context.
        payload: The request, with the texts ``model``, ``units`` and ``threshold``, "" for none.

    Raises:
        FormError: If one of them is none that the page has.
    """
    model, segmenter, written = (read_text(payload, name) for name in ("model", "units", "threshold"))
    if model:
        try:
            chosen_checkpoint(context.settings, model)
        except UnknownModelError as error:
            raise FormError(f"The link's model cannot be chosen here: {error}.") from error
    if segmenter and segmenter not in SEGMENTERS:
        raise FormError(f"The link's units are made by {segmenter[:40]!r}, which is not known here.")
    try:
        threshold = float(written) if written else None
    except ValueError:
        threshold = math.nan
    if threshold is not None and not 0 <= threshold <= MAX_THRESHOLD:
        raise FormError(f"The link's dip threshold is no number from 0 to {MAX_THRESHOLD}.")
    return ViewSettings(model or None, segmenter or None, threshold)


def store_link(context: AppContext, shown: Inspection) -> str:
    """Store a scored caption so that an address can name it, and return the item's id.

    It is not handed out to be rated, and whoever has the address may see it.

    Raises:
        CaptionError: If the units are corrected and not saved.
        SpecsError: If the image has gone from the server's cache.
        AnnotationError: If the store refuses.
        OSError: If the image cannot be written.
    """
    from annotations.campaign_tables import LINKS_CAMPAIGN

    return store_item(context, shown, campaign_id=LINKS_CAMPAIGN)


def open_item(context: AppContext, payload: object, account: Account | None) -> tuple[NamedItem, Image]:
    """Return the image and the caption that an address names.

    An item of a blind campaign is shown with its curve only to somebody who has rated or sent it, and to
    those who decide about the ratings.

    Args:
        context: The open context.
        payload: The request; ``item`` is an example's name or the id of a stored item.
        account: Who asks, or None for a visitor.

    Raises:
        FormError: If there is no such item here, its image is gone, or it is still to be rated unseen.
        AnnotationError: If the database fails.
        ImageError: If its image cannot be read.
    """
    from annotations.errors import UnknownRecordError
    from annotations.items import get_item
    from app.pictures import pixel_sha256
    from specs_core.images import read_image

    name = read_text(payload, "item")
    if name.startswith(_EXAMPLE):
        if name not in (known := _examples_by_name()):
            raise FormError("The link names an example that is not here.")
        named, path = known[name]
        return named, read_image(path)
    item_id = read_item_id(payload)
    try:
        item = get_item(context.engine, item_id)
    except UnknownRecordError as error:
        raise FormError("The link names a caption that is not stored on this server.") from error
    if item.kind == "battle" or not _may_open(context, item, account):
        raise FormError(
            "The link names a caption that is rated unseen. Sign in on the Rate page and rate it; then it "
            "opens."
        )
    path = context.pictures.find(item.image_id)
    if item.deleted_at is not None or path is None:
        raise FormError("The link names a caption that has been deleted here.")
    image = read_image(path)
    return NamedItem(item_id, pixel_sha256(image), item.caption, item.segmenter_version), image


def _may_open(context: AppContext, item: Item, account: Account | None) -> bool:
    from annotations.campaigns import get_campaign
    from annotations.reveals import revealed_at
    from app.rating import has_rated

    if not get_campaign(context.engine, item.campaign_id).blind:
        return True
    if account is None:
        return False
    return (
        account.role != "rater"
        or revealed_at(context.engine, account.name, item.id) is not None
        or has_rated(context, account.name, item.id)
    )


def recognise(context: AppContext, shown: Inspection, opened: NamedItem | None) -> Inspection:
    """Return a scored caption under the name that it goes by, with the units that belong to the name.

    Args:
        context: The open context.
        shown: The scored caption.
        opened: What an address named last, if anything.

    Raises:
        FormError: If the model's file has changed meanwhile.
        SpecsError: If the model cannot be loaded.
    """
    for named in (*(() if opened is None else (opened,)), *named_examples()):
        if (named.image_sha256, named.caption) != (shown.image_sha256, shown.caption):
            continue
        if named.version in ("", shown.automatic.version):
            return replace(shown, item=named.name)
        for cut in shown.saved:
            if cut.version == named.version:
                return replace(with_cut(context, shown, cut), item=named.name)
        note = (
            f"The link is to the units of {named.version}; these are those of {shown.automatic.version}, so "
            "they may differ."
        )
        return replace(shown, notes=(*shown.notes, note))
    return shown


def named_examples() -> tuple[NamedItem, ...]:
    """Return the examples with both of their captions."""
    return tuple(named for named, _ in _examples_by_name().values())


@cache
def _examples_by_name() -> dict[str, tuple[NamedItem, Path]]:
    """Return the examples with both of their captions and their image file."""
    from app.pictures import pixel_sha256
    from specs_core.images import read_image

    found = {}
    for example in load_examples():
        sha256 = pixel_sha256(read_image(example.path))
        for kind, caption in (("true", example.caption), ("false", example.false_caption)):
            name = f"{_EXAMPLE}{Path(example.image).stem}-{kind}"
            found[name] = NamedItem(name, sha256, caption), example.path
    return found
