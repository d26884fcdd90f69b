"""The figure of a curve."""

import json
from itertools import pairwise
from typing import Any

import pytest

from app.views.curve import curve_figure, empty_figure, is_dip
from specs_core.report.wording import signed, unsigned


def record(*similarity: float | None, texts: list[str] | None = None) -> dict[str, Any]:
    units, before = [], None
    for number, value in enumerate(similarity):
        delta = None if value is None or before is None else value - before
        text = texts[number] if texts else f"unit {number} "
        units.append(
            {"text": text, "similarity": value, "score": None, "delta": delta, "dip": False, "tokens": 3}
        )
        before = value
    return {"units": units}


def test_curve_figure_marks_each_dip_with_a_triangle_a_label_and_a_band() -> None:
    figure = curve_figure(record(0.1, 0.2, 0.15, 0.16))
    line, marks = figure.data
    assert list(line.y) == [0.1, 0.2, 0.15, 0.16]
    assert list(marks.x) == [3]
    assert marks.marker.symbol == "triangle-down"
    assert list(marks.text) == ["<b>−0.050</b>"]
    assert [shape.opacity for shape in figure.layout.shapes] == [0, 0, 1, 0]


def test_curve_figure_with_a_threshold_counts_only_deeper_falls() -> None:
    values = record(0.30, 0.28, 0.18)
    assert list(curve_figure(values).data[1].x) == [2, 3]
    assert list(curve_figure(values, threshold=0.05).data[1].x) == [3]
    assert list(curve_figure(values, threshold=0.2).data[1].x) == []


def test_curve_figure_keeps_units_without_a_score_on_the_axis_and_off_the_line() -> None:
    figure = curve_figure(record(0.1, 0.2, None, None))
    assert figure.layout.xaxis.range == (0.5, 4.5)
    assert list(figure.data[0].y)[2:] == [None, None]
    assert list(figure.data[0].text)[2:] == ["", ""]
    assert figure.layout.annotations[0].text == "beyond the context: not read"
    assert figure.layout.annotations[0].x == 3.5


def test_curve_figure_of_a_caption_that_does_not_fit_at_all_is_drawn() -> None:
    assert json.loads(curve_figure(record(None)).to_json())["data"][0]["y"] == [None]


def test_curve_figure_escapes_the_caption_in_its_hover() -> None:
    hover = curve_figure(record(0.1, texts=["<script>alert(1)</script> & <b>more</b>"])).data[0].text[0]
    assert "<script" not in hover
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &lt;b&gt;more&lt;/b&gt;" in hover


def test_curve_figure_breaks_long_texts_in_its_hover() -> None:
    hover = curve_figure(record(0.1, texts=["word " * 100 + "x" * 500])).data[0].text[0]
    assert all(len(line) < 70 for line in hover.split("<br>"))
    assert hover.count("<br>") <= 5


def test_curve_figure_of_many_units_names_no_more_ticks_than_fit() -> None:
    assert len(curve_figure(record(*[0.5] * 60)).layout.xaxis.tickvals) <= 14


@pytest.mark.parametrize(("units", "most"), [(12, 6), (24, 8), (60, 0)])
def test_curve_figure_labels_the_deepest_dips_that_have_room(units: int, most: int) -> None:
    marks = curve_figure(record(*[0.5 - 0.001 * number * (number % 2) for number in range(units)])).data[1]
    assert len(marks.x) == units // 2
    labelled = [number for number, text in zip(marks.x, marks.text, strict=True) if text]
    assert len(labelled) <= most
    assert all(after - before >= 0.09 * units for before, after in pairwise(labelled))
    assert (units in labelled) is (most > 0), "the last dip is the deepest"


def test_curve_figure_keeps_the_visitors_zoom() -> None:
    assert curve_figure(record(0.1)).layout.uirevision == curve_figure(record(0.2, 0.1)).layout.uirevision


def test_empty_figure_says_what_to_do_as_text() -> None:
    assert empty_figure("Press <Score>").layout.annotations[0].text == "Press &lt;Score&gt;"


@pytest.mark.parametrize(
    ("delta", "threshold", "dip"),
    [(-0.01, 0.0, True), (0.0, 0.0, False), (-0.01, 0.01, False), (None, 0.0, False)],
)
def test_is_dip_is_strict_and_needs_a_delta(delta: float | None, threshold: float, dip: bool) -> None:
    assert is_dip(delta, threshold) is dip


def test_numbers_have_a_real_minus_and_deltas_a_sign() -> None:
    assert (signed(0.0421), signed(-0.0421), unsigned(-0.5)) == ("+0.042", "−0.042", "−0.500")


@pytest.mark.parametrize(
    ("value", "text"), [(-0.0004, "−0.0004"), (0.00021, "+0.0002"), (-1e-6, "−<0.0001"), (0.0, "+0.000")]
)
def test_signed_of_a_tiny_number_is_never_a_signed_zero(value: float, text: str) -> None:
    assert signed(value) == text


@pytest.mark.parametrize(("spread", "tickformat"), [(0.3, ".2f"), (0.03, ".3f")])
def test_curve_figure_tells_the_ticks_of_a_flat_curve_apart(spread: float, tickformat: str) -> None:
    assert curve_figure(record(0.2, 0.2 + spread)).layout.yaxis.tickformat == tickformat


def test_sentence_of_an_empty_figure_is_broken_for_a_narrow_page() -> None:
    figure = empty_figure("Add an image and a caption and press <Score>.")
    assert figure.layout.annotations[0].text == "Add an image and a caption and<br>press &lt;Score&gt;."
