"""What the Inspect page shows of the evidence on a scored caption, as plain data for the page's script."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from app.views.inspection import record_csv, with_threshold
from specs_core.report.wording import explain_left_out, scientific, signed

if TYPE_CHECKING:
    from app.evidence import Evidence

# Attributions are near 1e-4: they are told in units of that, which is said beside them.
_SCALE = 1e4


def evidence_view(evidence: Evidence, curve_record: dict[str, Any], *, threshold: float) -> dict[str, Any]:
    """Return everything that the page shows of the evidence.

    Args:
        evidence: As far as it has been gathered.
        curve_record: Of the scored caption, as ``specs_core.curve.curve_record`` gives it.
        threshold: A fall of more than this, in cosine, calls a unit wrong.

    Returns:
        serial; step (done, total) or None; f_clip_score and note; units, each with gain, uncertain, sentence
        and pieces: the unit's text in parts [text, shade in [-1, 1] or None, misaligned, what to say].
    """
    record = evidence.record(with_threshold(curve_record, threshold), threshold=threshold)
    attribution = record["attribution"]
    words = [] if attribution is None else attribution["words"]
    largest = max((abs(word["attribution"] or 0.0) for word in words), default=0.0) or 1.0
    step = evidence.step
    return {
        "serial": str(evidence.serial),
        "threshold": threshold,
        "step": None if step is None else [step.done, step.total],
        "f_clip_score": "" if attribution is None else scientific(attribution["f_clip_score"]),
        "note": record["attribution_note"],
        "units": [
            {
                "gain": _gain(unit, step is None),
                "against": unit.get("leave_one_out") is not None and unit["leave_one_out"] < -threshold,
                "uncertain": unit.get("uncertain", False),
                "sentence": _sentence(unit, gathered=step is None),
                "pieces": _pieces(unit, words, largest),
            }
            for unit in record["units"]
        ],
        "csv": record_csv(record),
        "json": json.dumps(record, ensure_ascii=False, indent=2),
    }


def _gain(unit: dict[str, Any], gathered: bool) -> str:
    gain = unit.get("leave_one_out")
    if gain is None:
        return "—" if gathered else "…"
    return signed(gain)


def _sentence(unit: dict[str, Any], *, gathered: bool) -> str:
    if not gathered:
        return "What the caption is without this unit is still being worked out."
    return explain_left_out(unit)


def _pieces(unit: dict[str, Any], words: list[dict[str, Any]], largest: float) -> list[list[Any]]:
    """Return a unit's text in parts, words apart from what stands between them; joined they are the text."""
    pieces: list[list[Any]] = []
    text, at, end = unit["text"], 0, unit["end"]
    for word in words:
        if word["end"] <= unit["start"] or word["start"] >= end:
            continue
        first, last = max(word["start"] - unit["start"], 0), min(word["end"], end) - unit["start"]
        if first > at:
            pieces.append([text[at:first], None, False, ""])
        value = word["attribution"]
        shade = None if value is None else round(value / largest, 3)
        said = "" if value is None else f"{signed(_SCALE * value, 2)}"
        pieces.append([text[first:last], shade, word["misaligned"], said])
        at = last
    if at < len(text):
        pieces.append([text[at:], None, False, ""])
    return pieces
