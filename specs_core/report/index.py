"""The page that lists many reports, the deepest dip first, and the same as a JSON object."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from specs_core.report.document import asset, document
from specs_core.report.wording import counted, scientific, signed, unsigned

KIND = "specs reports"
_CAPTION_START = 160
_UNIT_START = 90
# Name, class of its cells, and whether a reader wants the largest first.
_COLUMNS = (
    ("caption", "text", "text"),
    ("SPECS", "n", "up"),
    ("deepest dip", "dip-cell", "up"),
    ("dips", "n", "down"),
    ("uncertain", "n", "down"),
    ("F-CLIPScore", "n", "up"),
)


def summary(report: Mapping[str, Any], *, name: str | int, page: str, data: str) -> dict[str, Any]:
    """Return what the index says of a report.

    Args:
        report: As `specs_core.report.page.report_record` gives it.
        name: The row's id.
        page: The page's file, from the index's folder.
        data: The JSON file, likewise.

    Returns:
        id, page, json, image, caption, score, similarity, units, units_beyond_context, dips, uncertain,
        f_clip_score (None where no word is attributed), lowest (unit from 0, text, delta, dip) of the unit
        with the lowest delta, or None where no unit has one.
    """
    units = report["units"]
    known = [(unit["delta"], number) for number, unit in enumerate(units) if unit["delta"] is not None]
    lowest = None
    if known:
        delta, number = min(known)
        unit = units[number]
        lowest = {"unit": number, "text": unit["text"].strip(), "delta": delta, "dip": unit["dip"]}
    found = report["attribution"]
    return {
        "id": name,
        "page": page,
        "json": data,
        "image": report["image"]["file_name"],
        "caption": report["caption"],
        "score": report["score"],
        "similarity": report["similarity"],
        "units": len(units),
        "units_beyond_context": report["provenance"]["units_beyond_context"],
        "dips": sum(unit["dip"] for unit in units),
        "uncertain": sum(unit["uncertain"] for unit in units),
        "f_clip_score": None if found is None else found["f_clip_score"],
        "lowest": lowest,
    }


def by_depth(rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Return the places of summaries with the deepest dip first; equal ones as they came.

    A dip's delta is below that of any other unit, so rows without a dip follow, the lowest delta first, and
    at the end those without any delta.

    Args:
        rows: As `summary` gives them.
    """

    def depth(place: int) -> float:
        lowest = rows[place]["lowest"]
        return math.inf if lowest is None else float(lowest["delta"])

    return sorted(range(len(rows)), key=depth)


def index_page(
    record: Mapping[str, Any], thumbnails: Sequence[str], *, title: str = "SPECS Lens reports"
) -> str:
    """Return the index as an HTML document that needs nothing but the pages that it links to.

    Args:
        record: kind, source, made_at, provenance, rows (as `summary` gives them, in the order to be shown)
            and left_out (line, id, reason).
        thumbnails: A data URI for every row, in the same order.
        title: Plain text.

    Source: ours: docs/report.md.
    """
    rows, left_out = record["rows"], record["left_out"]
    made = record["made_at"].replace("T", " ").replace("+00:00", " UTC")
    said = [counted(len(rows), "caption"), f"{sum(row['dips'] > 0 for row in rows)} with a dip"]
    if left_out:
        said.append(f'<a href="#left-out">{len(left_out)} left out</a>')
    settings = record["provenance"]
    about = (
        f"{made}, model {settings['model']}, units by {settings['segmenter']}, "
        f"dip threshold {settings['dip_threshold']:g}"
    )
    body = (
        f'<header><div><span class="brand">SPECS Lens reports</span></div><h1>{escape(record["source"])}</h1>'
        f'<p>{", ".join(said)}</p><p class="soft">{escape(about)}</p></header>\n'
        '<p class="filter"><label>Filter <input id="filter" type="search" autocomplete="off" '
        'placeholder="words of a caption, or an id"></label> <span id="count" class="soft" '
        'role="status"></span></p>\n'
        f"{_table(rows, thumbnails)}{_left_out(left_out)}"
    )
    return document(
        title=title,
        body=body,
        styles=(asset("frame.css"), asset("index.css")),
        scripts=(asset("index.js"),),
    )


def _table(rows: Sequence[Mapping[str, Any]], thumbnails: Sequence[str]) -> str:
    if not rows:
        return '<section class="card"><p>No caption could be scored; the reasons stand below.</p></section>'
    heads = ['<th scope="col" class="thumb"></th>']
    for name, kind, order in _COLUMNS:
        sorted_by = ' aria-sort="ascending"' if name == "deepest dip" else ""
        heads.append(f'<th scope="col" class="{kind}" data-order="{order}"{sorted_by}>{name}</th>')
    body = "".join(_row(row, uri) for row, uri in zip(rows, thumbnails, strict=True))
    return (
        f'<section class="card"><table id="reports"><thead><tr>{"".join(heads)}</tr></thead>'
        f"<tbody>{body}</tbody></table></section>"
    )


def _row(row: Mapping[str, Any], uri: str) -> str:
    lowest = row["lowest"]
    dip = ""
    if lowest is not None and lowest["dip"]:
        dip = (
            f'<b class="dip-text">▼ {escape(signed(lowest["delta"]))}</b> '
            f'<span dir="auto">{escape(_start(lowest["text"], _UNIT_START))}</span>'
        )
    beyond = row["units_beyond_context"]
    unread = f" · {counted(beyond, 'unit')} beyond the context" if beyond else ""
    link = f'<a href="{escape(row["page"])}" dir="auto">{escape(_start(row["caption"], _CAPTION_START))}</a>'
    about = f'<span class="soft">{escape(str(row["id"]))} · {counted(row["units"], "unit")}{unread}</span>'
    score, f_clip = row["score"], row["f_clip_score"]
    cells = (
        ("text", "", "", f"{link}{about}"),
        ("n", "SPECS", _value(score), "—" if score is None else unsigned(score)),
        (
            "dip-cell",
            "deepest dip",
            _value(None if lowest is None else lowest["delta"]),
            dip or '<span class="soft">none</span>',
        ),
        ("n", "dips", str(row["dips"]), str(row["dips"])),
        ("n", "uncertain", str(row["uncertain"]), _unsure(row["uncertain"])),
        ("n", "F-CLIPScore", _value(f_clip), "—" if f_clip is None else scientific(f_clip)),
    )
    parts = "".join(
        f'<td class="{kind}" data-name="{name}" data-value="{value}">{shown}</td>'
        for kind, name, value, shown in cells
    )
    # The filter looks through the whole caption, of which the cell shows the start.
    words = escape(f"{row['id']} {row['caption']} {row['image']}".lower())
    picture = f'<td class="thumb"><img src="{uri}" alt="" decoding="async"></td>'
    return f'<tr data-words="{words}">{picture}{parts}</tr>'


def _unsure(number: int) -> str:
    return f'<b class="unsure-text">? {number}</b>' if number else "0"


def _value(number: float | None) -> str:
    return "" if number is None else repr(float(number))


def _left_out(left_out: Sequence[Mapping[str, Any]]) -> str:
    if not left_out:
        return ""
    rows = "".join(
        f'<tr><td class="n">{row["line"]}</td><td>{escape("—" if row["id"] is None else str(row["id"]))}</td>'
        f"<td>{escape(row['reason'])}</td></tr>"
        for row in left_out
    )
    return (
        f'<section class="card" id="left-out"><h2>Left out: {len(left_out)}</h2><table><thead><tr>'
        '<th scope="col" class="n">line</th><th scope="col">id</th><th scope="col">reason</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></section>"
    )


def _start(text: str, length: int) -> str:
    """Return the start of a text in one line, cut behind a word, with an ellipsis where more follows."""
    line = " ".join(text.split())
    if len(line) <= length:
        return line
    cut = line[: length + 1].rpartition(" ")[0] or line[:length]
    return f"{cut.rstrip(' ,;:')} …"
