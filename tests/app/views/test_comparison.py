"""The figure and the data of the Compare page, from comparisons written down by hand."""

import csv
import io
import json
from typing import Any

import pytest

from app.comparison import Comparison, Entry
from app.views.comparison import (
    SERIES_COLOURS,
    SERIES_SYMBOLS,
    comparison_csv,
    comparison_figure,
    comparison_record,
    comparison_view,
)

VERMILION = "#d55e00"


def entry(letter: str, *units: tuple[str, float | None], **changed: Any) -> Entry:
    """Return an entry from (text, cosine) of its units."""
    record_units: list[dict[str, Any]] = []
    before = None
    for text, cosine in units:
        delta = None if before is None or cosine is None else cosine - before
        record_units.append(
            {
                "text": text,
                "similarity": cosine,
                "delta": delta,
                "dip": delta is not None and delta < 0,
            }
        )
        before = cosine
    known = [cosine for _, cosine in units if cosine is not None]
    last = known[-1] if known else None
    beyond = sum(cosine is None for _, cosine in units)
    caption = "".join(text for text, _ in units)
    options: dict[str, Any] = {
        "letter": letter,
        "image_path": "/uploads/scene.png",
        "filename": "scene.png",
        "thumbnail": "",
        "caption": caption,
        "record": {
            "model": "tiny",
            "provenance": {
                "units_beyond_context": beyond,
                "weights_sha256": "ab" * 32,
                "segmenter_version": "dependency-2",
            },
            "score": None if last is None else (last + 1) / 2,
            "similarity": last,
            "tokens": 100 * len(units),
            "units": record_units,
        },
        "words": len(caption.split()),
        "f_clip_score": -0.00125,
        "f_clip_note": "",
        "notes": (),
    }
    return Entry(**{**options, **changed})


def comparison(*entries: Entry, kind: Any = "captions") -> Comparison:
    return Comparison(kind=kind, entries=entries, model="tiny", context_length=248, serial=7)


A = entry("A", ("A red car, ", 0.2), ("under a kite, ", 0.1), ("on a road.", 0.3))
C = entry("C", ("A red car, ", 0.2), ("beside <b>a dog</b>, ", 0.15), ("asleep.", 0.05))


def test_figure_gives_each_letter_its_own_colour_and_symbol_and_keeps_vermilion_for_dips() -> None:
    five = comparison(*(entry(letter, ("One, ", 0.1), ("two.", 0.05)) for letter in "ABCDE"))
    figure = comparison_figure(five)
    lines, dips = figure.data[::2], figure.data[1::2]
    assert [line.name for line in lines] == list("ABCDE")
    assert len({line.line.color for line in lines}) == len({line.marker.symbol for line in lines}) == 5
    assert VERMILION not in {line.line.color for line in lines}
    assert not any("triangle" in line.marker.symbol for line in lines)
    assert {(mark.marker.color, mark.marker.symbol) for mark in dips} == {(VERMILION, "triangle-down")}
    assert [note.name for note in figure.layout.annotations] == list("ABCDE")


def test_figure_of_letters_that_are_not_in_a_row_keeps_their_colours() -> None:
    figure = comparison_figure(comparison(A, C))
    assert [line.line.color for line in figure.data[::2]] == [SERIES_COLOURS[0], SERIES_COLOURS[2]]
    assert figure.data[2].marker.symbol == SERIES_SYMBOLS[2]
    assert list(figure.data[3].x) == [2, 3]
    assert list(figure.data[3].y) == pytest.approx([0.15, 0.05])


def test_figure_shows_letter_text_cosine_and_delta_and_no_markup_of_the_caption() -> None:
    hover = comparison_figure(comparison(A, C)).data[2].text
    assert hover[1].startswith("<b>C · 2 · beside &lt;b&gt;a dog&lt;/b&gt;,</b>")
    assert "cosine 0.150" in hover[1]
    assert "delta −0.050" in hover[1]
    assert "▼ dip" in hover[1]
    assert "delta" not in hover[0]


def test_figure_with_units_beyond_the_context_ends_the_curve_before_them() -> None:
    long = entry("B", ("One, ", 0.1), ("two, ", 0.2), ("three.", None))
    figure = comparison_figure(comparison(A, long))
    assert figure.data[2].y[2] is None
    assert [(note.name, note.x) for note in figure.layout.annotations] == [("A", 3), ("B", 2)]
    nothing = entry("B", ("One.", None))
    assert [note.name for note in comparison_figure(comparison(A, nothing)).layout.annotations] == ["A"]


def test_letters_of_curves_that_end_together_stand_apart() -> None:
    same = [entry(letter, ("One, ", 0.1), ("two.", 0.5)) for letter in "ABC"]
    heights = [note.y for note in comparison_figure(comparison(*same)).layout.annotations]
    assert min(b - a for a, b in zip(sorted(heights), sorted(heights)[1:], strict=False)) > 0.02


def test_view_marks_the_best_and_the_deepest_dip() -> None:
    view = comparison_view(comparison(A, C))
    first, second = view["rows"]
    assert (first["best"], second["best"]) == (True, False)
    assert (first["score"], first["cosine"], first["words"], first["units"]) == ("0.650", "0.300", "9", "3")
    assert (first["series"], second["series"]) == (1, 3)
    assert second["dips"][second["deepest"]] == {"number": 3, "text": "asleep.", "delta": "−0.100"}
    assert first["f_clip"] == "−1.25"
    assert json.loads(json.dumps(view)) == view


def test_view_of_captions_that_begin_alike_also_shows_what_is_their_own() -> None:
    alike = entry("B", ("A red car under a kite, ", 0.1), ("on a lawn.", 0.2))
    longer = entry("A", ("A red car under a kite, ", 0.1), ("on a road.", 0.2))
    rows = comparison_view(comparison(longer, alike))["rows"]
    assert [row["own_words"] for row in rows] == ["road.", "lawn."]
    assert rows[0]["title"] == "A red car under a kite, on a road."
    assert [row["own_words"] for row in comparison_view(comparison(A, C))["rows"]] == ["", ""]


def test_view_of_images_shows_their_names() -> None:
    pair = [
        entry("A", ("A car.", 0.1), filename="one.png", thumbnail="data:image/jpeg;base64,AA=="),
        entry("B", ("A car.", 0.2), filename="<i>.png", thumbnail="data:image/jpeg;base64,BB=="),
    ]
    view = comparison_view(comparison(*pair, kind="images"))
    assert [row["title"] for row in view["rows"]] == ["one.png", "<i>.png"]
    assert view["rows"][0]["thumbnail"] == "data:image/jpeg;base64,AA=="
    assert view["rows"][0]["own_words"] == ""


def test_notices_tell_of_units_left_out_of_attribution_and_of_length_once_each() -> None:
    long = entry("B", ("One, ", 0.1), ("two.", None), f_clip_note="Words are not attributed: no.")
    noted = entry("A", ("One.", 0.1), notes=("Only the first frame is used.",))
    notices = comparison_view(comparison(noted, long))["notices"]
    assert "Only the first frame is used." in notices
    assert "Caption B has 200 tokens; tiny reads 248. Its score leaves out the last 1 unit." in notices
    assert "F-CLIPScore of B: Words are not attributed: no." in notices
    by_length = comparison(
        entry("A", ("One two three.", 0.3)), entry("B", ("One.", 0.1)), entry("C", ("One two.", 0.2))
    )
    assert any("their number of words" in notice for notice in comparison_view(by_length)["notices"])
    both = [entry(letter, ("One.", 0.1), notes=("Same.",)) for letter in "AB"]
    assert comparison_view(comparison(*both))["notices"] == ["Same."]


def test_csv_has_a_row_for_each_entry_and_runs_nothing_in_a_spreadsheet() -> None:
    formula = entry("B", ("=SUM(A1) is ", 0.2), ("@written.", 0.1), f_clip_score=None)
    rows = list(csv.DictReader(io.StringIO(comparison_csv(comparison(A, formula)))))
    assert [row["letter"] for row in rows] == ["A", "B"]
    assert rows[1]["caption"] == "'=SUM(A1) is @written."
    assert rows[1]["deepest_dip_text"] == "'@written."
    assert (rows[1]["f_clip_score"], rows[0]["best"], rows[1]["best"]) == ("", "True", "False")
    assert float(rows[0]["similarity"]) == 0.3
    assert rows[0]["deepest_dip_unit"] == "2"


def test_record_holds_every_curve_whole() -> None:
    record = comparison_record(comparison(A, C))
    assert record["best"] == ["A"]
    assert [part["curve"] for part in record["entries"]] == [A.record, C.record]
    assert json.loads(comparison_view(comparison(A, C))["json"]) == record
