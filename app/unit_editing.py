"""Correcting the units of a scored caption: another cut, its curve, and keeping it as a version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from app.answers import FormError, as_form, read_text
from app.cuts import CORRECTED, Cut, word_starts
from app.inspection import Inspection, new_serial, store_image
from app.segmentations import saved_cuts
from app.shown import encoder_of

if TYPE_CHECKING:
    from app.context import AppContext

AUTOMATIC = "automatic"
"""The segmenter's cut, in the list of versions."""


def read_firsts(payload: object, *, word_count: int) -> tuple[int, ...]:
    """Read where units begin out of a request, which need not come from our own page.

    Args:
        payload: The request; ``firsts`` has the number of each unit's first word, without the first unit's.
        word_count: How many words the caption has (W words).

    Returns:
        The numbers, each from 1 to W - 1.

    Raises:
        FormError: If there are too many, or one is no word of the caption or not behind the one before.
    """
    firsts = as_form(payload).get("firsts")
    if not isinstance(firsts, (list, tuple)):
        raise FormError("The boundaries cannot be read. Reload the page.")
    if len(firsts) >= word_count:
        raise FormError(f"{len(firsts)} boundaries are too many for a caption of {word_count} words.")
    before = 0
    for number, first in enumerate(firsts, start=1):
        if isinstance(first, bool) or not isinstance(first, int) or not 0 < first < word_count:
            raise FormError(
                f"Boundary {number} does not stand before a word of this caption, which has {word_count}."
            )
        if first <= before:
            raise FormError(f"Boundary {number} does not stand behind the one before it. Reload the page.")
        before = first
    return tuple(firsts)


def apply_units(context: AppContext, shown: Inspection, payload: object) -> Inspection:
    """Draw the curve over the units that a person has made.

    Args:
        context: The open context.
        shown: The caption as it is shown.
        payload: The request, with ``firsts`` as `read_firsts` reads it.

    Raises:
        FormError: If the boundaries will not do.
        SpecsError: If the model cannot be loaded.
    """
    firsts = read_firsts(payload, word_count=len(shown.words))
    return with_cut(context, shown, _cut_at(shown, (0, *(shown.words[first] for first in firsts))))


def choose_version(context: AppContext, shown: Inspection, payload: object) -> Inspection:
    """Draw the curve over one of the versions that there are.

    Args:
        context: The open context.
        shown: The caption as it is shown.
        payload: The request; ``version`` is ``automatic`` or the id of a saved correction.

    Raises:
        FormError: If there is no such version of this caption.
        SpecsError: If the model cannot be loaded.
    """
    wanted = read_text(payload, "version")
    for cut in (shown.automatic, *shown.saved):
        if wanted == (cut.key or AUTOMATIC):
            return with_cut(context, shown, cut)
    raise FormError("There is no such version of this caption. Press Score to see those that there are.")


def save_units(context: AppContext, shown: Inspection, rater: str) -> Inspection:
    """Keep the units that are shown as a version of their own; saved already, they stay as they are.

    Args:
        context: The open context.
        shown: The caption as it is shown, with a person's units.
        rater: Name of the person who is signed in.

    Raises:
        FormError: If the units are the segmenter's.
        SpecsError: If the image has gone from the server's cache.
        AnnotationError: If the name will not do or the store refuses. Nothing of the version is stored then.
        OSError: If the image cannot be written.
    """
    from annotations.raters import clean_name
    from annotations.segmentations import save_segmentation

    cut = shown.cut
    if cut.segmenter != CORRECTED:
        raise FormError("These are the automatic units, which need no saving. Edit them first.")
    if cut.key:
        return shown
    rater = clean_name(rater)
    base = next(known for known in (shown.automatic, *shown.saved) if known.version == cut.based_on)
    stored = save_segmentation(
        context.engine,
        image_id=store_image(context, shown),
        caption=shown.caption,
        cut=_triples(cut, shown.caption),
        based_on=base.version,
        based_on_cut=_triples(base, shown.caption),
        rater=rater,
    )
    saved = saved_cuts(context.engine, image_sha256=shown.image_sha256, caption=shown.caption)
    kept = next(known for known in saved if known.key == stored.id)
    words = word_starts(shown.caption, [shown.automatic.starts, *(known.starts for known in saved)])
    return replace(
        shown,
        cut=kept,
        saved=saved,
        words=words,
        record=_signed_record(shown.record, kept),
        # The page keeps what it shows, unless words are counted otherwise now.
        serial=shown.serial if words == shown.words else new_serial(),
    )


def _cut_at(shown: Inspection, starts: tuple[int, ...]) -> Cut:
    """Return the known cut at these places, or else a new correction of the one that is shown."""
    from annotations.segmentations import corrected_version

    for known in (shown.automatic, *shown.saved, shown.cut):
        if known.starts == starts:
            return known
    spans = list(zip(starts, (*starts[1:], len(shown.caption)), strict=True))
    based_on = shown.cut.based_on if shown.cut.is_unsaved else shown.cut.version
    return Cut(CORRECTED, corrected_version(spans), starts, based_on=based_on)


def with_cut(context: AppContext, shown: Inspection, cut: Cut) -> Inspection:
    """Draw the curve of a scored caption over another cut of it.

    Raises:
        FormError: If the model's file has changed since.
        SpecsError: If the model cannot be loaded.
    """
    from specs_core.curve import curve_of_units, curve_record

    encoder = encoder_of(context, shown)
    curve = curve_of_units(
        encoder,
        shown.image_features,
        cut.units(shown.caption),
        segmenter=cut.segmenter,
        segmenter_version=cut.version,
        memory=context.encoders.memory(encoder).only_kept(),
    )
    record = _signed_record(curve_record(curve, encoder), cut)
    # With other units it is no longer what an address named.
    return replace(shown, cut=cut, record=record, curve=curve, serial=new_serial(), item="")


def _signed_record(record: dict[str, Any], cut: Cut) -> dict[str, Any]:
    """Return a curve's record that says which version was corrected, by whom and when."""
    said = {"based_on": cut.based_on, "corrected_by": cut.saved_by, "corrected_at": cut.saved_at}
    return {
        **record,
        "provenance": {**record["provenance"], **{name: value for name, value in said.items() if value}},
    }


def _triples(cut: Cut, caption: str) -> Sequence[tuple[str, int, int]]:
    return [(unit.text, unit.start, unit.end) for unit in cut.units(caption)]
