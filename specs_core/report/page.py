"""One scored caption as an HTML page that needs nothing else, and the same as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

from PIL import Image

from specs_core.errors import DataError
from specs_core.images import read_image
from specs_core.report.caption_marks import caption_html
from specs_core.report.curve_drawing import curve_svg
from specs_core.report.document import asset, data_element, document
from specs_core.report.picture import Picture, picture, pixels_sha256
from specs_core.report.unit_parts import details_html, table_html
from specs_core.report.wording import counted, notices, scientific, unsigned

KIND = "specs report"
_LABELS = {
    "specs_version": "specs version",
    "weights_sha256": "weights sha256",
    "context_length": "context, tokens",
    "image_size": "model's image side, pixels",
    "torch_version": "torch",
    "open_clip_version": "open_clip",
    "segmenter_version": "segmenter version",
    "dip_threshold": "dip threshold, cosine",
    "units_beyond_context": "units beyond the context",
    "start_layer_text": "attribution: first text layer",
    "template": "attribution: template",
    "epsilon": "attribution: epsilon",
    "mode": "attribution: mode",
}


def report_record(
    record: Mapping[str, Any],
    image: Image.Image | bytes,
    *,
    made_at: datetime,
    title: str = "",
    file_name: str = "",
    extra: Mapping[str, str] | None = None,
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """Return a report as one JSON object.

    Args:
        record: As `specs_core.evidence.evidence_record` gives it, with U units.
        image: What was scored: RGB, as `specs_core.images.read_image` gives it, or the bytes of its file.
        made_at: When, with a time zone.
        title: What the report is called; "" for the image's file name.
        file_name: The image's, without a folder.
        extra: More to stand in the provenance, such as who corrected the units.
        notes: Plain sentences that the reader has to know, such as on the image or the model.

    Returns:
        The record with report (kind, title, made_at in UTC), caption, image (file_name, width, height,
        pixels_sha256) and notes; `extra` stands in its provenance.

    Raises:
        DataError: The record has no units or no evidence, or `extra` names what the record says itself.
        ImageError: The bytes are no image.
        ValueError: `made_at` has no time zone.

    Source: ours: docs/report.md.
    """
    if made_at.tzinfo is None:
        raise ValueError(f"made_at has no time zone: {made_at.isoformat()}")
    _check(record, extra or {})
    pixels = _pixels(image)
    return {
        "report": {
            "kind": KIND,
            "title": title or file_name or "Report",
            "made_at": made_at.astimezone(UTC).isoformat(timespec="seconds"),
        },
        "caption": "".join(unit["text"] for unit in record["units"]),
        "image": {
            "file_name": file_name,
            "width": pixels.width,
            "height": pixels.height,
            "pixels_sha256": pixels_sha256(pixels),
        },
        **record,
        "provenance": {**record["provenance"], **(extra or {})},
        "notes": [*notes, *notices(record, context_length=record["provenance"]["context_length"])],
    }


def report_json(record: Mapping[str, Any], image: Image.Image | bytes, **options: Any) -> str:
    """Return what `report_record` gives for the same arguments as JSON text, two spaces a level."""
    return json_text(report_record(record, image, **options))


def json_text(value: Any) -> str:
    """Return a value as the JSON text of a file; half characters, which UTF-8 lacks, become "?"."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2)
    return text.encode("utf-8", "replace").decode("utf-8") + "\n"


def report_page(
    record: Mapping[str, Any],
    image: Image.Image | bytes,
    *,
    made_at: datetime,
    title: str = "",
    file_name: str = "",
    extra: Mapping[str, str] | None = None,
    notes: Sequence[str] = (),
    index: str = "",
) -> str:
    """Return a report as an HTML document: image, curve, caption, units, word attribution, provenance.

    It asks nothing of the network, can be read without scripts and printed; the image in it is encoded
    anew, without metadata and at most 1,600 pixels long.

    Args:
        record: As in `report_record`.
        image: Likewise.
        made_at: Likewise.
        title: Likewise.
        file_name: Likewise.
        extra: Likewise.
        notes: Likewise.
        index: Address of a page that lists this one, "" for none.

    Raises:
        DataError: As `report_record`.
        ImageError: Likewise.
        ValueError: Likewise.
    """
    pixels = _pixels(image)
    report = report_record(
        record, pixels, made_at=made_at, title=title, file_name=file_name, extra=extra, notes=notes
    )
    return page_of(report, pixels, index=index)


def page_of(report: Mapping[str, Any], image: Image.Image, *, index: str = "") -> str:
    """Return the page of a report whose JSON object is there already.

    Args:
        report: As `report_record` gives it.
        image: The RGB image of the report.
        index: As in `report_page`.
    """
    shown = picture(image)
    title = report["report"]["title"]
    made = report["report"]["made_at"].replace("T", " ").replace("+00:00", " UTC")
    up = f'<a href="{escape(index)}">All captions</a>' if index else ""
    body = (
        f'<header><div><span class="brand">SPECS Lens report</span>{up}</div><h1>{escape(title)}</h1>'
        f'<p class="soft">{escape(made)}, model {escape(report["model"])}</p></header>\n'
        f'{_notes(report["notes"])}<main>\n<div class="left">{_figure(shown, report["image"])}</div>\n'
        f'<div class="right">{_curve_card(report)}\n{_caption_card(report)}\n'
        f'<section class="card" id="details" aria-live="polite">{details_html(report)}</section>\n'
        f'<section class="card">{table_html(report)}</section></div>\n</main>\n'
        f'<div class="below">{_legend(report)}\n{_provenance(report)}</div>\n'
        f"{data_element('report-data', report)}"
    )
    return document(
        title=f"{title} – SPECS Lens report",
        body=body,
        styles=(asset("frame.css"), asset("page.css"), asset("curve.css")),
        scripts=(asset("page.js"),),
    )


def _check(record: Mapping[str, Any], extra: Mapping[str, str]) -> None:
    units = record.get("units")
    if not units:
        raise DataError("a report needs a caption with at least one unit, got 0")
    if "attribution" not in record or any("leave_one_out" not in unit for unit in units):
        raise DataError(
            "a report needs the record of specs_core.evidence.evidence_record; this one has a curve alone"
        )
    double = sorted(set(extra) & set(record["provenance"]))
    if double:
        raise DataError(f"extra names what the provenance holds already: {', '.join(double)}")


def _pixels(image: Image.Image | bytes) -> Image.Image:
    return read_image(image) if isinstance(image, bytes) else image.convert("RGB")


def _notes(notes: Sequence[str]) -> str:
    return "".join(f'<p class="note">{escape(note)}</p>\n' for note in notes)


def _figure(shown: Picture, image: Mapping[str, Any]) -> str:
    size = f"{image['width']} × {image['height']} pixels"
    if shown.scaled:
        size += f", shown here at {shown.width} × {shown.height}; the model read the original"
    name = image["file_name"] or "the image"
    return (
        f'<figure class="card"><img src="{shown.uri}" width="{shown.width}" height="{shown.height}" '
        f'alt="{escape(name)}"><figcaption class="soft"><b>{escape(name)}</b> {size}</figcaption></figure>'
    )


def _curve_card(report: Mapping[str, Any]) -> str:
    units, context = report["units"], report["provenance"]["context_length"]
    dips = sum(unit["dip"] for unit in units)
    unsure = sum(unit["uncertain"] for unit in units)
    found = report["attribution"]
    cells = [
        ("SPECS", _number(report["score"]), "big"),
        ("cosine", _number(report["similarity"]), ""),
        ("tokens", f"{report['tokens']} / {context}", ""),
        ("units", str(len(units)), ""),
        ("F-CLIPScore", "—" if found is None else scientific(found["f_clip_score"]), ""),
    ]
    parts = [
        f'<span><span class="soft">{name}</span> <b class="{kind}">{value}</b></span>'
        for name, value, kind in cells
    ]
    parts.append(f'<b class="dip-text">▼ {counted(dips, "dip")}</b>' if dips else "<b>no dips</b>")
    if unsure:
        parts.append(f'<b class="unsure-text">? {unsure} uncertain</b>')
    name = (
        f"Curve of the cosine over {counted(len(units), 'unit')} with {counted(dips, 'dip')}; see the table"
    )
    wide = curve_svg(units, width=780, height=300, name=name)
    narrow = curve_svg(units, width=350, height=250, name=name)
    return (
        f'<section class="card"><div class="headline">{"".join(parts)}</div><div id="curve">'
        f'<div class="wide">{wide}</div><div class="narrow">{narrow}</div>'
        '<div id="tip" hidden><b></b><span></span></div></div></section>'
    )


def _caption_card(report: Mapping[str, Any]) -> str:
    found = report["attribution"]
    words = [] if found is None else found["words"]
    switch = (
        '<label class="switch"><input type="checkbox" id="shading" checked> shade words</label>'
        if words
        else ""
    )
    note = f'<p class="soft">{escape(report["attribution_note"])}</p>' if report["attribution_note"] else ""
    return (
        f'<section class="card" id="caption-card"><div class="row"><h2>Caption</h2>{switch}</div>'
        f'<p id="caption" dir="auto">{caption_html(report["units"], words)}</p>{note}</section>'
    )


def _legend(report: Mapping[str, Any]) -> str:
    threshold = report["provenance"]["dip_threshold"]
    more = f" by more than {threshold:g}" if threshold else ""
    items = [
        (
            '<b class="dip-text">▼ dip</b>',
            f"A unit that lowers the cosine of the image and the text read so far{more}: a hint where to "
            "look, not a verdict, since small or hard-to-see details dip as well and a wrong one may not.",
        ),
        (
            '<b class="unsure-text">? uncertain</b>',
            "Only one of the two views, in order and left out, calls the unit wrong; neither should be "
            "believed alone.",
        ),
        (
            "<b>left out</b>",
            "What the unit adds to the cosine of the whole caption: below zero, the caption fits the image "
            "better without it.",
        ),
    ]
    found = report["attribution"]
    if found is not None:
        items.append(
            (
                '<b><span class="word for-3">for</span> <span class="word against-3">against</span></b>',
                "Green words raise the cosine and purple ones lower it, the stronger the shade the more, "
                "measured against this caption's strongest word (CLIP4DM); a shade is no probability.",
            )
        )
        items.append(
            (
                '<b><span class="word misaligned">misaligned</span></b>',
                f"A word below epsilon, {scientific(found['epsilon'])}; these words make up the F-CLIPScore "
                "(at most 0, higher is better).",
            )
        )
    rows = "".join(f"<dt>{mark}</dt><dd>{text}</dd>" for mark, text in items)
    return f'<section class="card"><h2>How to read it</h2><dl class="legend">{rows}</dl></section>'


def _provenance(report: Mapping[str, Any]) -> str:
    image = report["image"]
    values: dict[str, Any] = {
        "made at": report["report"]["made_at"],
        "image file": image["file_name"] or "—",
        "image size": f"{image['width']} × {image['height']}",
        "sha256 of its pixels": image["pixels_sha256"],
    }
    values |= {_LABELS.get(key, key.replace("_", " ")): value for key, value in report["provenance"].items()}
    found = report["attribution"]
    if found is not None:
        for key in ("template", "start_layer_text", "epsilon", "mode"):
            values[_LABELS[key]] = found[key]
        values["CLIPScore behind the template"] = unsigned(found["clip_score"])
    rows = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(_plain(value))}</dd></div>"
        for name, value in values.items()
    )
    return f'<section class="card"><h2>Provenance</h2><dl class="provenance">{rows}</dl></section>'


def _plain(value: Any) -> str:
    return (f"{value:g}" if isinstance(value, float) else str(value)) or "—"


def _number(value: float | None) -> str:
    return "—" if value is None else unsigned(value)
