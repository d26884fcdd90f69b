"""Several captions of one image, or one caption of several images, scored to be held against each other."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from app.default_thresholds import default_of, value_of
from app.inspection import BUNDLED_MODEL, checked_caption, new_serial
from specs_core.checkpoints import resolve
from specs_core.errors import CaptionError, ImageError

if TYPE_CHECKING:
    from PIL import Image

    from app.context import AppContext

Kind = Literal["captions", "images"]
LETTERS = "ABCDE"
MAX_ENTRIES = len(LETTERS)
_THUMBNAIL_SIDE = 96
_PHOTOGRAPH = (
    "This looks like a photograph, and the model scenes knows drawn scenes only: its numbers here say "
    "nothing. Choose specs, which is made for photographs."
)


@dataclass(frozen=True)
class Entry:
    """One caption of one image among those compared.

    Attributes:
        letter: A to E, by the place of its field on the page.
        image_path: The uploaded file in the server's cache.
        filename: What the visitor's file was called.
        thumbnail: The image made small, as a ``data:`` address; "" where all entries have the same image.
        caption: The caption as it was scored.
        record: The curve as `specs_core.curve.curve_record` gives it, with dips at `Comparison.threshold`.
        words: Words of the caption.
        f_clip_score: Of the words that the attribution reaches, or None where there is none.
        f_clip_note: What keeps it from covering the whole caption, "" for nothing.
        notes: Plain sentences about what was done to the image or the caption.
    """

    letter: str
    image_path: str
    filename: str
    thumbnail: str
    caption: str
    record: dict[str, Any]
    words: int
    f_clip_score: float | None
    f_clip_note: str
    notes: tuple[str, ...]

    @property
    def dips(self) -> list[int]:
        """Numbers of the units that lower the similarity, from 0."""
        return [index for index, unit in enumerate(self.record["units"]) if unit["dip"]]

    @property
    def deepest_dip(self) -> int | None:
        """Number of the unit that lowers it most, from 0, or None without a dip."""
        units = self.record["units"]
        return min(self.dips, key=lambda index: units[index]["delta"], default=None)


@dataclass(frozen=True)
class Comparison:
    """What was compared, as the page keeps it between events.

    Attributes:
        kind: Whether the captions differ, or the images.
        entries: Two to five, in the order of their letters.
        model: The model's label.
        context_length: Tokens that it reads.
        threshold: A dip is a delta below minus this: the default of the model.
        serial: Tells one comparison from another.
    """

    kind: Kind
    entries: tuple[Entry, ...]
    model: str
    context_length: int
    serial: int
    threshold: float = 0.0

    @property
    def best(self) -> tuple[str, ...]:
        """Letters of the entries with the highest SPECS: several that are equal, or none without a score."""
        scores = {entry.letter: entry.record["score"] for entry in self.entries}
        highest = max((score for score in scores.values() if score is not None), default=None)
        return tuple(letter for letter, score in scores.items() if score is not None and score == highest)

    @property
    def length_decides(self) -> bool:
        """Whether three captions or more rank by SPECS exactly as they rank by their number of words."""
        if self.kind != "captions" or len(self.entries) < 3:
            return False
        scores = [entry.record["score"] for entry in self.entries]
        words = [entry.words for entry in self.entries]
        if None in scores or len(set(words)) < len(words):
            return False
        by_score = sorted(range(len(scores)), key=lambda index: scores[index])
        return by_score == sorted(range(len(words)), key=lambda index: words[index])


def compare_captions(
    context: AppContext,
    *,
    image_path: str | None,
    captions: Sequence[str | None],
    model: str | None,
    segmenter: str,
    on_download: Callable[[int, int], None] | None = None,
    on_stage: Callable[[float, str], None] | None = None,
) -> Comparison:
    """Score several captions of one image.

    Args:
        context: The open context.
        image_path: The uploaded file, or None.
        captions: As they came from the page, at most five; empty ones are left out.
        model: Name of a model; None means the default of the settings.
        segmenter: Name of a segmenter.
        on_download: Called with (bytes so far, bytes in all) while a model is downloaded.
        on_stage: Called with how far the work is, in [0, 1], and what is being done, in words.

    Raises:
        SpecsError: If the image, the captions or the model will not do; the message is one for the page.
        AnnotationError: If the model's default threshold cannot be read.
    """
    if not image_path:
        raise ImageError("There is no image yet. Upload, paste or take one; then compare its captions")
    _check_count(len(captions), "captions")
    texts: dict[str, tuple[str, tuple[str, ...]]] = {}
    for letter, caption in zip(LETTERS, captions, strict=False):
        if not (caption or "").strip():
            continue
        try:
            texts[letter] = checked_caption(caption, context.settings)
        except CaptionError as error:
            raise CaptionError(f"Caption {letter}: {error}") from error
    if len(texts) < 2:
        raise CaptionError("A comparison needs at least two captions. Write another one and press Compare")
    _check_different({letter: " ".join(text.split()) for letter, (text, _) in texts.items()}, "captions")
    pairs = [(letter, image_path, text, notes) for letter, (text, notes) in texts.items()]
    return _compare("captions", context, pairs, model, segmenter, on_download, on_stage)


def compare_images(
    context: AppContext,
    *,
    image_paths: Sequence[str] | None,
    caption: str | None,
    model: str | None,
    segmenter: str,
    on_download: Callable[[int, int], None] | None = None,
    on_stage: Callable[[float, str], None] | None = None,
) -> Comparison:
    """Score one caption of several images.

    Args:
        context: The open context.
        image_paths: The uploaded files, at most five.
        caption: As it came from the page.
        model: As in `compare_captions`.
        segmenter: Likewise.
        on_download: Likewise.
        on_stage: Likewise.

    Raises:
        SpecsError: If the images, the caption or the model will not do; the message is one for the page.
        AnnotationError: If the model's default threshold cannot be read.
    """
    paths = list(image_paths or ())
    if len(paths) < 2:
        raise ImageError("A comparison needs at least two images. Add another one and press Compare")
    _check_count(len(paths), "images")
    if not (caption or "").strip():
        raise CaptionError("There is no caption yet. Write or paste one and press Compare")
    text, notes = checked_caption(caption, context.settings)
    pairs = [(letter, path, text, notes) for letter, path in zip(LETTERS, paths, strict=False)]
    return _compare("images", context, pairs, model, segmenter, on_download, on_stage)


def _compare(
    kind: Kind,
    context: AppContext,
    pairs: Sequence[tuple[str, str, str, tuple[str, ...]]],
    model: str | None,
    segmenter: str,
    on_download: Callable[[int, int], None] | None,
    on_stage: Callable[[float, str], None] | None,
) -> Comparison:
    """Score (letter, image, caption, notes on the caption); each image and each caption is read once."""
    stage = on_stage or (lambda share, words: None)
    # Imported here: the page must be up before the parser and torch are.
    from app.photographs import looks_like_a_drawn_scene
    from app.pictures import pixel_sha256
    from specs_core.curve import curve_of_units, curve_record
    from specs_core.evidence import attribute_units
    from specs_core.images import load_image
    from specs_core.segmentation import segment, segmenter_version

    stage(0.05, "Reading the image" if kind == "captions" else "Reading the images")
    images = {}
    for letter, path, _, _ in pairs:
        if path not in images:
            try:
                images[path] = load_image(path)
            except ImageError as error:
                raise error if kind == "captions" else ImageError(f"Image {letter}: {error}") from error
    if kind == "images":
        _check_different({pair[0]: pixel_sha256(images[pair[1]].image) for pair in pairs}, "images")
    stage(0.1, f"Loading the model {resolve(model or context.settings.model).label}")
    encoder = context.encoders.get(model, on_progress=on_download)
    threshold = value_of(default_of(context, encoder.weights_sha256))
    features = {path: encoder.image_features([loaded.image])[0] for path, loaded in images.items()}
    units = {text: segment(text, segmenter=segmenter) for _, _, text, _ in pairs}
    version = segmenter_version(segmenter)
    entries = []
    for done, (letter, path, text, notes) in enumerate(pairs):
        stage(0.4 + 0.6 * done / len(pairs), f"Scoring {letter}")
        curve = curve_of_units(
            encoder, features[path], units[text], segmenter=segmenter, segmenter_version=version
        )
        found, missing = attribute_units(encoder, features[path], units[text])
        loaded = images[path]
        foreign = encoder.checkpoint.name == BUNDLED_MODEL and not looks_like_a_drawn_scene(loaded.image)
        entries.append(
            Entry(
                letter=letter,
                image_path=path,
                filename=Path(path).name,
                thumbnail=_data_address(loaded.image) if kind == "images" else "",
                caption=text,
                record=curve_record(curve, encoder, threshold=threshold),
                words=len(text.split()),
                f_clip_score=None if found is None else found.f_clip_score,
                f_clip_note=missing,
                notes=(*loaded.notes, *notes, *([_PHOTOGRAPH] if foreign else [])),
            )
        )
    return Comparison(
        kind, tuple(entries), encoder.checkpoint.label, encoder.context_length, new_serial(), threshold
    )


def _check_count(count: int, what: Kind) -> None:
    if count > MAX_ENTRIES:
        message = f"{count} {what} are too many to compare; at most {MAX_ENTRIES} go together. Remove some"
        raise CaptionError(message) if what == "captions" else ImageError(message)


def _check_different(values: dict[str, str], what: Kind) -> None:
    """Refuse two entries that are the same, by their letters."""
    seen: dict[str, str] = {}
    for letter, value in values.items():
        if value in seen:
            message = (
                f"{what.capitalize()} {seen[value]} and {letter} are the same, so there is nothing to "
                "compare. Change or remove one of them"
            )
            raise CaptionError(message) if what == "captions" else ImageError(message)
        seen[value] = letter


def _data_address(image: Image.Image) -> str:
    small = image.copy()
    small.thumbnail((_THUMBNAIL_SIDE, _THUMBNAIL_SIDE))
    buffer = io.BytesIO()
    small.save(buffer, format="JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
