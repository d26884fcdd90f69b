"""What the Compare page shows of a comparison: its figure, and plain data for the page's script.

Every text of the user's travels as data and is put into the page with ``textContent``, or is escaped where
plotly reads HTML.
"""

from __future__ import annotations

import csv
import html
import io
import json
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from app.views.curve import curve_layout, hover_text
from app.views.spreadsheet import inert_cell
from specs_core.report.wording import signed, unsigned

if TYPE_CHECKING:
    from app.comparison import Comparison, Entry

HEIGHT = 340
# Okabe and Ito's colours without vermilion, which is a dip's alone; the style sheet has the dark page's.
SERIES_COLOURS = ("#0072b2", "#009e73", "#cc79a7", "#1d2330", "#e69f00")
# No triangles, which mark dips.
SERIES_SYMBOLS = ("circle", "square", "diamond", "cross", "star")
# Captions that begin alike share a part of their curve: what lies below shows in the gaps of what lies above.
SERIES_DASHES = ("solid", "9px,4px", "3px,3px", "12px,3px,3px,3px", "6px,2px")
_INK, _SOFT, _LINE, _CARD, _DIP = "#1d2330", "#5d6779", "#e3e4e0", "#ffffff", "#d55e00"
_LETTERS = "ABCDE"
# Letters at the ends of curves nearer than these, in units and as a share of the height, would overlap.
_LETTER_UNITS, _LETTER_SHARE = 1.2, 0.055
_MANY_SHARED_WORDS = 4
_CSV_COLUMNS = (
    *("letter", "image", "caption", "score", "similarity", "best", "words", "tokens", "units"),
    *("units_beyond_context", "dips", "deepest_dip_unit", "deepest_dip_text", "deepest_dip_delta"),
    *("f_clip_score", "model", "weights_sha256", "segmentation"),
)


def series_number(letter: str) -> int:
    """Return which colour and symbol a letter has, from 0."""
    return _LETTERS.index(letter)


def comparison_figure(comparison: Comparison) -> go.Figure:
    """Draw the curves over one another, each with its own colour, symbol and letter.

    Traces 2i and 2i + 1 are the line of entry i and its dips.

    Args:
        comparison: Two to five entries.
    """
    longest = max(len(entry.record["units"]) for entry in comparison.entries)
    known = [
        unit["similarity"]
        for entry in comparison.entries
        for unit in entry.record["units"]
        if unit["similarity"] is not None
    ]
    traces: list[go.Scatter] = []
    for entry in comparison.entries:
        traces += _traces(entry)
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    room = max(high - low, 0.02)
    layout = curve_layout(longest)
    layout.hovermode = "closest"
    layout.hoverdistance = 40
    layout.uirevision = "comparison"
    layout.annotations = _letters(comparison, room)
    # Room for the letters behind the last points.
    layout.xaxis.range = [0.5, longest + max(0.8, 0.06 * longest)]
    layout.yaxis.range = [low - 0.1 * room, high + 0.1 * room]
    layout.yaxis.tickformat = ".2f" if room > 0.08 else ".3f"
    return go.Figure(data=traces, layout=layout)


def _traces(entry: Entry) -> list[go.Scatter]:
    units = entry.record["units"]
    number = series_number(entry.letter)
    colour = SERIES_COLOURS[number]
    numbers = list(range(1, len(units) + 1))
    hover = [_hover(entry.letter, place, unit) for place, unit in zip(numbers, units, strict=True)]
    dips = set(entry.dips)
    line = go.Scatter(
        x=numbers,
        y=[unit["similarity"] for unit in units],
        name=entry.letter,
        mode="lines+markers",
        line={"color": colour, "width": 2.25, "dash": SERIES_DASHES[number]},
        # A dip's point is drawn by the second trace; here it keeps its place in the line and in the hover.
        marker={
            "symbol": SERIES_SYMBOLS[number],
            "size": [0 if index in dips else 9 for index in range(len(units))],
            "color": colour,
            "opacity": 1,
            "line": {"width": 0},
        },
        text=hover,
        hovertemplate="%{text}<extra></extra>",
        cliponaxis=False,
    )
    marks = go.Scatter(
        x=[index + 1 for index in entry.dips],
        y=[units[index]["similarity"] for index in entry.dips],
        name=f"{entry.letter} dips",
        mode="markers",
        marker={"symbol": "triangle-down", "size": 13, "color": _DIP, "line": {"width": 0}},
        hoverinfo="skip",
        cliponaxis=False,
    )
    return [line, marks]


def _hover(letter: str, place: int, unit: dict[str, Any]) -> str:
    if unit["similarity"] is None:
        return ""
    delta = "" if unit["delta"] is None else f" &nbsp; delta {html.escape(signed(unit['delta']))}"
    return (
        f"<b>{letter} · {place} · {hover_text(unit['text'])}</b>"
        f"<br>cosine {unsigned(unit['similarity'])}{delta}{' &nbsp; ▼ dip' if unit['dip'] else ''}"
    )


def _letters(comparison: Comparison, room: float) -> list[dict[str, Any]]:
    """Return each curve's letter behind its last point; letters that would overlap are moved apart."""
    ends = []
    for entry in comparison.entries:
        scored = [
            (place, unit["similarity"])
            for place, unit in enumerate(entry.record["units"], start=1)
            if unit["similarity"] is not None
        ]
        if scored:
            ends.append((entry.letter, *scored[-1]))
    placed: list[tuple[str, int, float, float]] = []
    gap = _LETTER_SHARE * 1.2 * room
    for letter, x, y in sorted(ends, key=lambda end: end[2]):
        near = [at for _, other, _, at in placed if abs(other - x) < _LETTER_UNITS]
        placed.append((letter, x, y, max([y, *(at + gap for at in near)])))
    return [
        {
            "text": f"<b>{letter}</b>",
            "x": x,
            "y": at,
            "xanchor": "left",
            "xshift": 9,
            "showarrow": False,
            "font": {"size": 14, "color": SERIES_COLOURS[series_number(letter)]},
            "name": letter,
        }
        for letter, x, _, at in sorted(placed)
    ]


def comparison_view(comparison: Comparison) -> dict[str, Any]:
    """Return everything that the page's script shows of a comparison."""
    return {
        "serial": str(comparison.serial),
        "kind": comparison.kind,
        "model": comparison.model,
        "threshold": comparison.threshold,
        "rows": [_row(entry, comparison) for entry in comparison.entries],
        "notices": _notices(comparison),
        "csv": comparison_csv(comparison),
        "json": json.dumps(comparison_record(comparison), ensure_ascii=False, indent=2),
    }


def _own_words(entry: Entry, comparison: Comparison) -> str:
    """Return what follows the words that a caption shares with the beginning of another one, or "".

    Captions that are compared often begin alike, and their first words would not tell them apart.
    """
    words = entry.caption.split()
    shared = 0
    for other in comparison.entries:
        if other is not entry:
            pairs = zip(words, other.caption.split(), strict=False)
            shared = max(shared, sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs)))
    return " ".join(words[shared:]) if shared >= _MANY_SHARED_WORDS else ""


def _row(entry: Entry, comparison: Comparison) -> dict[str, Any]:
    record = entry.record
    deepest = entry.deepest_dip
    return {
        "letter": entry.letter,
        "series": series_number(entry.letter) + 1,
        "title": " ".join(entry.caption.split()) if comparison.kind == "captions" else entry.filename,
        "own_words": _own_words(entry, comparison) if comparison.kind == "captions" else "",
        "thumbnail": entry.thumbnail,
        "score": "—" if record["score"] is None else unsigned(record["score"]),
        "cosine": "—" if record["similarity"] is None else unsigned(record["similarity"]),
        "best": entry.letter in comparison.best,
        "words": str(entry.words),
        "tokens": str(record["tokens"]),
        "over": record["tokens"] > comparison.context_length,
        "units": str(len(record["units"])),
        "f_clip": "—" if entry.f_clip_score is None else _thousandths(entry.f_clip_score),
        "f_clip_note": entry.f_clip_note,
        "deepest": None if deepest is None else entry.dips.index(deepest),
        "dips": [
            {
                "number": index + 1,
                "text": record["units"][index]["text"].strip(),
                "delta": signed(record["units"][index]["delta"]),
            }
            for index in entry.dips
        ],
    }


def _thousandths(value: float) -> str:
    """Return an F-CLIPScore in thousandths, where its digits are."""
    return "0" if value == 0 else signed(1000 * value, 2)


def _notices(comparison: Comparison) -> list[str]:
    notices = []
    for entry in comparison.entries:
        where = "" if comparison.kind == "captions" else f"Image {entry.letter}: "
        notices += [f"{where}{note}" for note in entry.notes]
    over = [entry for entry in comparison.entries if entry.record["provenance"]["units_beyond_context"]]
    for entry in over if comparison.kind == "captions" else over[:1]:
        beyond = entry.record["provenance"]["units_beyond_context"]
        whose = f"Caption {entry.letter}" if comparison.kind == "captions" else "The caption"
        notices.append(
            f"{whose} has {entry.record['tokens']} tokens; {comparison.model} reads "
            f"{comparison.context_length}. Its score leaves out the last {beyond} "
            f"{'unit' if beyond == 1 else 'units'}."
        )
    for entry in comparison.entries if comparison.kind == "captions" else comparison.entries[:1]:
        if entry.f_clip_note:
            whose = f"F-CLIPScore of {entry.letter}" if comparison.kind == "captions" else "F-CLIPScore"
            notices.append(f"{whose}: {entry.f_clip_note}")
    if comparison.length_decides:
        notices.append(
            "By SPECS these captions rank exactly as they do by their number of words, so their length may "
            "be all that the order shows."
        )
    # The same note on several entries is said once.
    return list(dict.fromkeys(notices))


def comparison_record(comparison: Comparison) -> dict[str, Any]:
    """Return a comparison as a JSON object: its entries, each with its whole curve."""
    return {
        "compared": comparison.kind,
        "model": comparison.model,
        "best": list(comparison.best),
        "entries": [
            {
                "letter": entry.letter,
                "image": entry.filename,
                "caption": entry.caption,
                "words": entry.words,
                "f_clip_score": entry.f_clip_score,
                "f_clip_score_note": entry.f_clip_note,
                "notes": list(entry.notes),
                "curve": entry.record,
            }
            for entry in comparison.entries
        ],
    }


def comparison_csv(comparison: Comparison) -> str:
    """Return a comparison as CSV, one row an entry; text that a spreadsheet would run gets an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(_CSV_COLUMNS)
    for entry in comparison.entries:
        record, deepest = entry.record, entry.deepest_dip
        unit = None if deepest is None else record["units"][deepest]
        values = (
            *(entry.letter, inert_cell(entry.filename), inert_cell(entry.caption)),
            *(record["score"], record["similarity"], entry.letter in comparison.best),
            *(entry.words, record["tokens"], len(record["units"])),
            *(record["provenance"]["units_beyond_context"], len(entry.dips)),
            None if deepest is None else deepest + 1,
            *((None, None) if unit is None else (inert_cell(unit["text"]), unit["delta"])),
            *(entry.f_clip_score, inert_cell(record["model"]), record["provenance"]["weights_sha256"]),
            record["provenance"]["segmenter_version"],
        )
        writer.writerow(["" if value is None else value for value in values])
    return out.getvalue()
