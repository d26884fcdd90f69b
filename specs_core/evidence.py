"""What speaks for and against each unit besides its delta, as one record (numpy only)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from specs_core.curve import ScoreCurve, curve_record, number_or_none
from specs_core.leave_one_out import LeaveOneOut, leave_one_out

if TYPE_CHECKING:
    from specs_core.attribution import CaptionAttribution
    from specs_core.encoder import Encoder
    from specs_core.segmentation.units import DetailUnit


def attribute_units(
    encoder: Encoder, image_features: npt.NDArray[np.float32], units: Sequence[DetailUnit]
) -> tuple[CaptionAttribution | None, str]:
    """Attribute the words of as many whole units as the model reads behind the template.

    Args:
        encoder: The model.
        image_features: (D,) of the image.
        units: U units; joined they are the caption.

    Returns:
        The attribution of the units that fit, or None; and a sentence on what is missing, "" for nothing.
    """
    from specs_core.attribution import TEMPLATE, attribute
    from specs_core.errors import AttributionError

    fit = len(units)
    text = "".join(unit.text for unit in units)
    while fit and encoder.count_tokens(TEMPLATE + text) > encoder.context_length:
        fit -= 1
        text = text[: len(text) - len(units[fit].text)]
    if not text.strip():
        return None, "No unit fits the model's context, so no word is attributed."
    try:
        found = attribute(encoder, image_features, text)
    except AttributionError as error:
        return None, f"Words are not attributed: {error}."
    left = len(units) - fit
    if not left:
        return found, ""
    which = "The last unit lies" if left == 1 else f"The last {left} units lie"
    return found, f"{which} beyond the model's context together with the template; their words have no value."


def is_uncertain(delta: float | None, gain: float | None, threshold: float = 0.0) -> bool:
    """Tell whether only one of the two views calls a unit wrong, so that neither should be believed alone.

    Args:
        delta: What the unit adds in order, None where there is no such number.
        gain: What it adds left out, likewise.
        threshold: A fall of more than this, in cosine, calls a unit wrong.
    """
    return delta is not None and gain is not None and (delta < -threshold) != (gain < -threshold)


def with_leave_one_out(
    record: dict[str, Any], found: LeaveOneOut, *, threshold: float | None = None
) -> dict[str, Any]:
    """Return a curve's record whose units also say what the caption is without them.

    Args:
        record: As `specs_core.curve.curve_record` gives it.
        found: Of the same caption and image.
        threshold: Dip threshold; None for the record's.

    Returns:
        The record; every unit has `leave_one_out` (what it adds to the caption's cosine, or None) and
        `uncertain` (whether the two views disagree).
    """
    cut = record["provenance"]["dip_threshold"] if threshold is None else threshold
    gains = [number_or_none(gain) for gain in found.gain]
    units = [
        {**unit, "leave_one_out": gain, "uncertain": is_uncertain(unit["delta"], gain, cut)}
        for unit, gain in zip(record["units"], gains, strict=True)
    ]
    return {**record, "units": units}


def with_attribution(
    record: dict[str, Any], found: CaptionAttribution | None, note: str = ""
) -> dict[str, Any]:
    """Return a curve's record that also has its words' attributions.

    Args:
        record: As `specs_core.curve.curve_record` gives it.
        found: As `attribute_units` gives it.
        note: Likewise.

    Returns:
        The record with `attribution_note` and `attribution`: None, or template, start_layer_text, epsilon,
        mode, cosine, clip_score, sum_negative_attribution, f_clip_score and words (text, start, end in the
        caption, attribution, misaligned).
    """
    if found is None:
        return {**record, "attribution": None, "attribution_note": note}
    names = ("template", "start_layer_text", "epsilon", "mode", "cosine", "clip_score")
    values = found.as_dict()
    said = {name: values[name] for name in (*names, "sum_negative_attribution", "f_clip_score")}
    words = [
        {
            "text": word.text,
            "start": word.start,
            "end": word.end,
            "attribution": None if math.isnan(word.attribution) else word.attribution,
            "misaligned": word.misaligned,
        }
        for word in found.words
    ]
    return {**record, "attribution": {**said, "words": words}, "attribution_note": note}


def evidence_record(
    encoder: Encoder,
    image_features: npt.NDArray[np.float32],
    curve: ScoreCurve,
    *,
    threshold: float = 0.0,
    on_progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Return all that is known of one scored caption, as a JSON object.

    Args:
        encoder: The model that scored it.
        image_features: (D,) of the image.
        curve: Of the caption.
        threshold: Dip threshold, a cosine difference of 0 or more.
        on_progress: Called with the texts encoded so far and those in all.

    Returns:
        `specs_core.curve.curve_record` with what `with_leave_one_out` and `with_attribution` add.

    Source: ours: docs/metrics.md, "Leave one out" and "Word attribution".
    """
    record = curve_record(curve, encoder, threshold=threshold)
    record = with_attribution(record, *attribute_units(encoder, image_features, curve.units))
    found = leave_one_out(encoder, image_features, curve, on_progress=on_progress)
    return with_leave_one_out(record, found)
