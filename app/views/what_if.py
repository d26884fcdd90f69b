"""What the Inspect page shows of a changed caption, as plain data for the page's script."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from app.views.inspection import inspection_view, record_csv, with_threshold
from specs_core.report.wording import signed, unsigned

if TYPE_CHECKING:
    from app.inspection import Inspection
    from app.what_if import Row, WhatIf
    from specs_core.corrections import Correction


def what_if_view(shown: Inspection, edited: WhatIf, *, threshold: float) -> dict[str, Any]:
    """Return everything that the page shows of a changed caption.

    Args:
        shown: The scored caption.
        edited: The changed one.
        threshold: A dip is a delta below minus this, in cosine.
    """
    from app.what_if import merged_record

    merged = merged_record(shown, edited)
    view = inspection_view(
        merged,
        context_length=shown.context_length,
        threshold=threshold,
        notes=shown.notes,
        serial=shown.serial,
    )
    taken = with_threshold(edited.record, threshold)
    before, after = shown.record["score"], edited.record["score"]
    return {
        **view,
        "csv": record_csv(taken),
        "json": json.dumps(taken, ensure_ascii=False, indent=2),
        "threshold": threshold,
        "was": "" if before is None else unsigned(before),
        "change": "" if None in (before, after) else signed(after - before),
        "caption": edited.caption,
        "rows": [row_json(row) for row in edited.rows],
    }


def row_json(row: Row) -> dict[str, Any]:
    """Return a row as `app.what_if.read_rows` reads it."""
    return {"unit": row.unit, "text": row.text, "off": not row.is_on}


def correction_view(
    found: Correction, rows: tuple[Row, ...], places: tuple[int, ...], serial: int
) -> dict[str, Any]:
    """Return a proposal: which rows to switch off, in order, and what each adds to the cosine.

    Args:
        found: The correction.
        rows: The rows that it is about (R rows).
        places: For each unit that is on, its row.
        serial: Of the scored caption.
    """
    from app.what_if import with_units_off

    off = [places[one.unit] for one in found.removals]
    return {
        "serial": str(serial),
        "drops": [
            {"row": row, "text": rows[row].text, "gain": signed(one.gain)}
            for row, one in zip(off, found.removals, strict=True)
        ],
        "before": unsigned(found.before),
        "after": unsigned(found.after),
        "rows": [row_json(row) for row in with_units_off(rows, off)],
    }
