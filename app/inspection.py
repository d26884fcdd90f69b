"""From an image and a caption to a scored curve, and from there to an item that can be rated."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cuts import Cut, word_starts
from app.segmentations import saved_cuts
from specs_core.checkpoints import resolve
from specs_core.errors import CaptionError, ImageError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from app.context import AppContext
    from app.settings import Settings
    from specs_core.curve import ScoreCurve

BUNDLED_MODEL = "scenes"
MAX_THRESHOLD = 0.2
"""The deepest dip threshold that the page offers, in cosine."""
_KEPT_CONTROLS = frozenset("\n\t")


@dataclass(frozen=True)
class Inspection:
    """One scored caption, as the page keeps it between events.

    Attributes:
        record: The curve as ``specs_core.curve.curve_record`` gives it; for a corrected cut its provenance
            says what was corrected, by whom and when.
        curve: The curve itself.
        image_path: The uploaded file in the server's cache.
        filename: What the visitor's file was called.
        caption: The caption as it was scored.
        context_length: Tokens that the model reads.
        model: Name under which the model was loaded, or None for the default.
        weights_sha256: Checksum of the model's weights.
        image_features: (D,) float32, of the image under that model.
        image_sha256: Of the image's pixels.
        cut: How the caption is cut, which is what the curve goes over.
        automatic: How the segmenter cuts it.
        saved: How people have cut it for this image and saved it, the first one first.
        words: Offsets at which the caption can be cut, the first one 0 (W words).
        notes: Plain sentences about what was done to the image or the caption.
        needs_other_model: Whether the model knows drawn scenes only and the image is not one.
        serial: Tells one scoring from another.
        item: The name that image and caption go by in an address; "" where they have none.
    """

    record: dict[str, Any]
    curve: ScoreCurve = field(repr=False, compare=False)
    image_path: str
    filename: str
    caption: str
    context_length: int
    model: str | None
    weights_sha256: str
    image_features: npt.NDArray[np.float32] = field(repr=False, compare=False)
    image_sha256: str
    cut: Cut
    automatic: Cut
    saved: tuple[Cut, ...]
    words: tuple[int, ...]
    notes: tuple[str, ...]
    needs_other_model: bool
    serial: int
    item: str = ""


def checked_caption(caption: str | None, settings: Settings) -> tuple[str, tuple[str, ...]]:
    """Return a caption that can be scored and stored, and notes on what was changed in it.

    Args:
        caption: What came from the page; its length was not checked there.
        settings: For the longest accepted caption.

    Raises:
        CaptionError: If it is empty, or longer than the settings allow.
    """
    caption = caption or ""
    if len(caption) > settings.max_caption_characters:
        raise CaptionError(
            f"The caption has {len(caption):,} characters; at most {settings.max_caption_characters:,} are "
            "read. Shorten it and score again"
        )
    words = len(caption.split())
    if words > settings.max_caption_words:
        raise CaptionError(
            f"The caption has {words:,} words; at most {settings.max_caption_words:,} are read. "
            "Shorten it and score again"
        )
    # Control characters and lone surrogates have no meaning in a caption, and databases refuse some of them.
    kept = "".join(
        " " if unicodedata.category(char) in ("Cc", "Cs") and char not in _KEPT_CONTROLS else char
        for char in caption.replace("\r\n", "\n").replace("\r", "\n")
    ).strip()
    if not kept:
        raise CaptionError("There is no caption yet. Write or paste one and press Score")
    changed = any(unicodedata.category(char) in ("Cc", "Cs") and char not in "\n\t\r" for char in caption)
    return kept, (("Control characters in the caption were read as spaces.",) if changed else ())


def inspect_caption(
    context: AppContext,
    *,
    image_path: str | None,
    caption: str | None,
    model: str | None,
    segmenter: str,
    on_download: Callable[[int, int], None] | None = None,
    on_stage: Callable[[float, str], None] | None = None,
) -> Inspection:
    """Score one caption of one image.

    Args:
        context: The open context.
        image_path: The uploaded file, or None.
        caption: The caption as it came from the page.
        model: Name of a model; None means the default of the settings.
        segmenter: Name of a segmenter.
        on_download: Called with (bytes so far, bytes in all) while a model is downloaded.
        on_stage: Called with how far the work is, in [0, 1], and what is being done, in words.

    Raises:
        SpecsError: If the image, the caption or the model will not do; the message is one for the page.
        AnnotationError: If the saved segmentations cannot be read.
    """
    stage = on_stage or (lambda share, words: None)
    if not image_path:
        raise ImageError("There is no image yet. Upload, paste or take one, or choose an example")
    text, caption_notes = checked_caption(caption, context.settings)
    # Imported here: the page must be up before the parser and torch are.
    from app.photographs import looks_like_a_drawn_scene
    from app.pictures import pixel_sha256
    from specs_core.curve import curve_of_units, curve_record
    from specs_core.images import load_image
    from specs_core.segmentation import segment, segmenter_version

    stage(0.05, "Reading the image")
    loaded = load_image(image_path)
    stage(0.15, f"Loading the model {resolve(model or context.settings.model).label}")
    encoder = context.encoders.get(model, on_progress=on_download)
    stage(0.8, "Reading the caption")
    units = segment(text, segmenter=segmenter)
    version = segmenter_version(segmenter)
    features = encoder.image_features([loaded.image])[0]
    curve = curve_of_units(
        encoder,
        features,
        units,
        segmenter=segmenter,
        segmenter_version=version,
        memory=context.encoders.memory(encoder).only_kept(),
    )
    automatic = Cut(segmenter, version, tuple(unit.start for unit in units))
    image_sha256 = pixel_sha256(loaded.image)
    saved = saved_cuts(context.engine, image_sha256=image_sha256, caption=text)
    return Inspection(
        record=curve_record(curve, encoder),
        curve=curve,
        image_path=image_path,
        filename=Path(image_path).name,
        caption=text,
        context_length=curve.context_length,
        model=model,
        weights_sha256=encoder.weights_sha256,
        image_features=features,
        image_sha256=image_sha256,
        cut=automatic,
        automatic=automatic,
        saved=saved,
        words=word_starts(text, [automatic.starts, *(cut.starts for cut in saved)]),
        notes=(*loaded.notes, *caption_notes),
        needs_other_model=(
            encoder.checkpoint.name == BUNDLED_MODEL and not looks_like_a_drawn_scene(loaded.image)
        ),
        serial=new_serial(),
    )


def new_serial() -> int:
    """Return a number that tells one scoring from another."""
    return time.monotonic_ns()


def store_item(context: AppContext, inspection: Inspection, *, campaign_id: str) -> str:
    """Store a scored caption as an item that can be rated, with its score, and return the item's id.

    Storing the same image, caption and segmentation again gives the same item of the campaign.

    Raises:
        CaptionError: If the units are corrected and not saved: a rating hangs on a version that is kept.
        SpecsError: If the image has gone from the server's cache.
        AnnotationError: If the store refuses.
        OSError: If the image cannot be written.
    """
    from annotations.items import add_item
    from app.stored_scores import store_record

    if inspection.cut.is_unsaved:
        raise CaptionError(
            "These units are not saved yet. Save them below the caption; then they can be rated"
        )
    image_id = store_image(context, inspection)
    record = inspection.record
    item_id = add_item(
        context.engine,
        image_id=image_id,
        caption=inspection.caption,
        units=[(unit["text"], unit["start"], unit["end"]) for unit in record["units"]],
        segmenter_version=inspection.cut.version,
        campaign_id=campaign_id,
        source="inspect",
    )
    store_record(context.engine, item_id, record, weights_sha256=inspection.weights_sha256)
    return item_id


def store_image(context: AppContext, inspection: Inspection) -> str:
    """Store the image of a scored caption, and return its id; the same pixels are one image.

    Raises:
        SpecsError: If the image has gone from the server's cache.
        AnnotationError: If the store refuses.
        OSError: If the image cannot be written.
    """
    from annotations.images import add_image
    from app.pictures import pixel_sha256
    from specs_core.images import read_image

    image = read_image(inspection.image_path)
    image_id = add_image(
        context.engine,
        sha256=pixel_sha256(image),
        filename=inspection.filename,
        width=image.width,
        height=image.height,
    )
    context.pictures.save(image_id, image)
    return image_id
