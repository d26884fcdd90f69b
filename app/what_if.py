"""What if: the curve of a scored caption with units switched off, edited or added."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from app.answers import FormError, as_form
from app.inspection import Inspection, checked_caption
from app.shown import encoder_of
from specs_core.errors import CaptionError
from specs_core.segmentation.units import DetailUnit

if TYPE_CHECKING:
    from app.context import AppContext
    from app.settings import Settings
    from specs_core.corrections import Correction

MAX_ADDED_UNITS: Final = 50
EDITED: Final = "what-if"
"""What stands in the place of a segmenter's name in the record of a changed caption."""

_NUMBERS: Final = ("similarity", "score", "delta")


@dataclass(frozen=True)
class Row:
    """One unit of a changed caption, or one that is switched off.

    Attributes:
        unit: Its number in the scored caption, from 0; None for one that was added.
        text: Its words, without the white space around them.
        is_on: Whether it is part of the changed caption.
    """

    unit: int | None
    text: str
    is_on: bool


@dataclass(frozen=True)
class WhatIf:
    """A changed caption with its curve.

    Attributes:
        serial: Of the scored caption that was changed.
        rows: Its units and those that are off, in order (R rows).
        record: The curve over the units that are on, as `specs_core.curve.curve_record` gives it.
        caption: The units that are on, joined.
    """

    serial: int
    rows: tuple[Row, ...]
    record: dict[str, Any]
    caption: str


def read_rows(payload: object, shown: Inspection) -> tuple[Row, ...]:
    """Read a changed caption out of a request, which need not come from our own page.

    Args:
        payload: The request; ``rows`` has an object for each unit: ``unit`` (its number, from 0, or none for
            an added one), ``text`` where it is not the unit's own, ``off``.
        shown: The scored caption.

    Returns:
        The rows: all units of the caption in their order, with the added ones between.

    Raises:
        FormError: If units are missing, doubled or out of order, too many are added, or a text is blank.
    """
    rows = as_form(payload).get("rows")
    if not isinstance(rows, (list, tuple)):
        raise FormError("The changed units cannot be read. Reload the page.")
    units = shown.record["units"]
    if len(rows) > len(units) + MAX_ADDED_UNITS:
        raise FormError(f"At most {MAX_ADDED_UNITS} units can be added to a caption.")
    read: list[Row] = []
    expected = 0
    for row in rows:
        form = as_form(row)
        unit, text = form.get("unit"), form.get("text")
        if unit is not None:
            if isinstance(unit, bool) or not isinstance(unit, int) or unit != expected or unit >= len(units):
                raise FormError("The units are not those of this caption. Press Score and change them again.")
            expected += 1
        own = "" if unit is None else units[unit]["text"].strip()
        words = own if text is None else text
        if not isinstance(words, str) or not (words := words.strip()):
            raise FormError("A unit needs words: write some, or switch the unit off.")
        read.append(Row(unit, words, not form.get("off")))
    if expected != len(units):
        raise FormError(f"The caption has {len(units)} units and {expected} came. Reload the page.")
    return tuple(read)


def changed_units(rows: Sequence[Row], shown: Inspection, settings: Settings) -> tuple[DetailUnit, ...]:
    """Return the units that are on as units of a caption of their own; joined they are that caption.

    The white space behind a unit stays as it was; where there is none and words follow, a space is put in.

    Args:
        rows: From `read_rows`.
        shown: The scored caption.
        settings: For the longest accepted caption.

    Raises:
        FormError: If all units are off.
        CaptionError: If the caption is too long, or holds what a caption cannot hold.
    """
    own = shown.record["units"]
    on = [row for row in rows if row.is_on]
    units, start = [], 0
    for number, row in enumerate(on, start=1):
        before = "" if row.unit is None else own[row.unit]["text"]
        space = before[len(before.rstrip()) :] or " "
        text = row.text + (space if number < len(on) else "")
        units.append(DetailUnit(text, start, start + len(text)))
        start += len(text)
    caption = "".join(unit.text for unit in units)
    if not caption:
        raise FormError("All units are off; switch one on first.")
    if checked_caption(caption, settings)[0] != caption:
        raise CaptionError("The changed words hold control characters; write them without")
    return tuple(units)


def what_if(context: AppContext, shown: Inspection, payload: object) -> WhatIf:
    """Score a changed caption against the image of the scored one.

    Image and, up to the first change, text are not encoded again.

    Args:
        context: The open context.
        shown: The scored caption.
        payload: The request, as `read_rows` reads it.

    Raises:
        FormError: If the request will not do, or all units are off.
        SpecsError: If the caption will not do or the model cannot be loaded.
    """
    from specs_core.curve import curve_of_units, curve_record

    rows = read_rows(payload, shown)
    units = changed_units(rows, shown, context.settings)
    caption = "".join(unit.text for unit in units)
    encoder = encoder_of(context, shown)
    curve = curve_of_units(
        encoder, shown.image_features, units, segmenter=EDITED, memory=context.encoders.memory(encoder)
    )
    record = curve_record(curve, encoder)
    return WhatIf(shown.serial, rows, record, caption)


def correct(
    context: AppContext,
    shown: Inspection,
    payload: object,
    *,
    threshold: float,
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[Correction, tuple[Row, ...], tuple[int, ...]]:
    """Propose which flagged units of a changed or unchanged caption to drop.

    Flagged are those that either view calls wrong: dips, and units without which the caption is better.

    Args:
        context: The open context.
        shown: The scored caption.
        payload: The request, as `read_rows` reads it.
        threshold: A fall of more than this, in cosine, calls a unit wrong.
        on_progress: Called with the texts encoded so far and the most that there can be.

    Returns:
        The correction, whose units are numbers among the units that are on; the rows; and for each unit that
        is on its row.

    Raises:
        FormError: If the request will not do.
        SpecsError: If the caption will not do or the model cannot be loaded.
    """
    import numpy as np

    from specs_core.corrections import best_correction
    from specs_core.curve import curve_of_units
    from specs_core.leave_one_out import leave_one_out

    rows = read_rows(payload, shown)
    places = tuple(number for number, row in enumerate(rows) if row.is_on)
    units = changed_units(rows, shown, context.settings)
    encoder = encoder_of(context, shown)
    curve = curve_of_units(encoder, shown.image_features, units, memory=context.encoders.memory(encoder))
    views = leave_one_out(encoder, shown.image_features, curve, on_progress=on_progress)
    flagged = np.flatnonzero(curve.dips(threshold) | (views.gain < -threshold)).tolist()
    found = best_correction(encoder, shown.image_features, curve, flagged, on_progress=on_progress)
    return found, rows, places


def merged_record(shown: Inspection, edited: WhatIf) -> dict[str, Any]:
    """Return a changed caption's record with a unit for every row.

    Rows that are off have no numbers and ``off``; every unit has ``change`` ("", "edited" or "added") and
    ``before``, the cosine that the unit had in the scored caption, or None.

    Args:
        shown: The scored caption.
        edited: The changed one.
    """
    own = shown.record["units"]
    scored = iter(edited.record["units"])
    units = []
    for row in edited.rows:
        was = None if row.unit is None else own[row.unit]
        unit = (
            dict(next(scored))
            if row.is_on
            else {
                "text": row.text,
                "tokens": 0,
                "similarity": None,
                "score": None,
                "delta": None,
                "dip": False,
            }
        )
        edit = "added" if was is None else "" if row.text == was["text"].strip() else "edited"
        unit |= {"off": not row.is_on, "change": edit, "before": was and was["similarity"]}
        if not unit["text"][-1:].isspace():
            unit["text"] += " "
        units.append(unit)
    return {**edited.record, "units": units}


def kept(edited: WhatIf | None, shown: Inspection | None) -> WhatIf | None:
    """Return a changed caption where it is one of the scored caption, None where it is of an earlier one."""
    return edited if edited and shown and edited.serial == shown.serial else None


def with_units_off(rows: Sequence[Row], off: Sequence[int]) -> tuple[Row, ...]:
    """Return rows of which those with the given numbers are switched off."""
    return tuple(replace(row, is_on=row.is_on and number not in off) for number, row in enumerate(rows))
