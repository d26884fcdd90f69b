"""What the Inspect page shows of one scored caption, as plain data for the page's script.

Every text of the user's travels as data and is put into the page with ``textContent``: none becomes HTML.
"""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from app.views.curve import is_dip
from app.views.spreadsheet import inert_cell
from specs_core.report.wording import explain_unit, notices, signed, unsigned

_CSV_COLUMNS = (
    "unit",
    "text",
    "start",
    "end",
    "tokens",
    "similarity",
    "score",
    "delta",
    "dip",
    "leave_one_out",
    "uncertain",
    "segmentation",
)


def with_threshold(record: dict[str, Any], threshold: float) -> dict[str, Any]:
    """Return a curve's record with its dips told anew for another threshold.

    Args:
        record: A curve as ``specs_core.curve.curve_record`` gives it.
        threshold: A dip is a delta below minus this, in cosine.
    """
    return {
        **record,
        "provenance": {**record["provenance"], "dip_threshold": threshold},
        "units": [{**unit, "dip": is_dip(unit["delta"], threshold)} for unit in record["units"]],
    }


def record_csv(record: dict[str, Any]) -> str:
    """Return a curve's units as CSV, one row a unit, each with the version of the segmentation.

    What has not been gathered (leave-one-out, uncertain) is empty. Text that a spreadsheet would run gets an
    apostrophe.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(_CSV_COLUMNS)
    version = record["provenance"]["segmenter_version"]
    for number, unit in enumerate(record["units"], start=1):
        text = unit["text"]
        safe = inert_cell(text)
        values = [unit.get(name) for name in _CSV_COLUMNS[2:-1]]
        writer.writerow([number, safe, *("" if value is None else value for value in values), version])
    return out.getvalue()


def legend() -> str:
    """Return the words, as HTML, on how the marks in the caption and the table are to be read."""
    return (
        '<ul class="lens-legend">'
        '<li><i class="lens-mark lens-mark-dip">▼ dip</i> read in order, the unit lowers the similarity by '
        "more than the threshold.</li>"
        '<li><i class="lens-mark">not a verdict</i> a small, rare or hard-to-see detail dips as well, and a '
        "false one can hide among true ones.</li>"
        '<li><i class="lens-mark lens-mark-unsure">? uncertain</i> only one of the two views, in order and '
        "left out of the whole caption, calls the unit wrong.</li>"
        '<li><i class="lens-mark"><span class="lens-for">words</span> <span class="lens-against">words</span>'
        "</i> the image speaks for the first kind and against the second, underlined where misaligned "
        "(CLIP4DM).</li></ul>"
    )


def _is_beyond(unit: dict[str, Any]) -> bool:
    return unit["similarity"] is None and not unit.get("off")


def _number(value: float | None) -> str:
    return "—" if value is None else unsigned(value)


def photograph_notice() -> str:
    """Return the words, as HTML, for a photograph under a model that knows drawn scenes only."""
    return (
        "<p><b>This looks like a photograph, and the model scenes knows drawn scenes only.</b> Its numbers "
        "here say nothing about the caption. The model specs is made for photographs; it is downloaded once, "
        "which needs a network. Its weights were trained on ShareGPT4V (CC BY-NC 4.0: "
        "not for commercial use).</p>"
    )


def inspection_view(
    record: dict[str, Any],
    *,
    context_length: int,
    threshold: float = 0.0,
    notes: tuple[str, ...] = (),
    serial: int = 0,
    item: str = "",
    settings: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return everything that the page's script shows of one scored caption.

    Args:
        record: A curve as ``specs_core.curve.curve_record`` gives it.
        context_length: Tokens that the model reads, start and end included.
        threshold: A dip is a delta below minus this, in cosine.
        notes: Plain sentences about the image.
        serial: Tells one scoring from another; the page keeps the chosen unit while it stays the same.
        item: The name that image and caption go by in an address, "" for none.
        settings: What else belongs into an address: model, segmenter, threshold.
    """
    record = with_threshold(record, threshold)
    read = [unit for unit in record["units"] if not unit.get("off")]
    deltas = [abs(unit["delta"]) for unit in record["units"] if unit["delta"] is not None]
    largest = max(deltas, default=0.0) or 1.0
    dips = sum(unit["dip"] for unit in record["units"])
    return {
        "serial": str(serial),
        "item": item,
        "settings": settings or {},
        "model": record["model"],
        "score": _number(record["score"]),
        "cosine": _number(record["similarity"]),
        "tokens": f"{record['tokens']} / {context_length}",
        "over": record["tokens"] > context_length,
        "dips": f"▼ {dips} dip{'' if dips == 1 else 's'}" if dips else "no dips",
        "has_dips": dips > 0,
        "notices": [*notes, *notices({**record, "units": read}, context_length=context_length)],
        "units": [
            {
                "text": unit["text"],
                "tokens": unit["tokens"],
                "cosine": _number(unit["similarity"]),
                "delta": "—" if unit["delta"] is None else signed(unit["delta"]),
                "bar": 0 if unit["delta"] is None else round(abs(unit["delta"]) / largest, 4),
                "falls": unit["delta"] is not None and unit["delta"] < 0,
                "dip": unit["dip"],
                "beyond": _is_beyond(unit),
                "off": unit.get("off", False),
                "change": unit.get("change", ""),
                "was": _number(unit.get("before")),
                "explanation": "Switched off: the curve is that of the caption without it."
                if unit.get("off")
                else explain_unit(unit, number=number, context_length=context_length),
            }
            for number, unit in enumerate(record["units"], start=1)
        ],
        "csv": record_csv(record),
        "json": json.dumps(record, ensure_ascii=False, indent=2),
    }
