"""Ticks, labels and places of the drawn curve."""

import itertools
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specs_core.report.caption_marks import shade
from specs_core.report.curve_drawing import curve_svg, labelled, tick_values
from specs_core.report.wording import counted, scientific


def units(*similarities: float | None) -> list[dict[str, Any]]:
    deltas = [None] + [None if b is None or a is None else b - a for a, b in itertools.pairwise(similarities)]
    return [
        {
            "text": f"unit {number} ",
            "similarity": value,
            "delta": delta,
            "dip": delta is not None and delta < 0,
            "leave_one_out": None,
            "uncertain": False,
        }
        for number, (value, delta) in enumerate(zip(similarities, deltas, strict=True), start=1)
    ]


def numbers(svg: str, pattern: str) -> list[float]:
    return [float(value) for value in re.findall(pattern, svg)]


@given(st.floats(-1, 0.99), st.floats(0.01, 2))
def test_tick_values_are_round_numbers_within_the_range(low: float, span: float) -> None:
    values = tick_values(low, low + span)
    assert 2 <= len(values) <= 6
    assert all(low - 1e-6 <= value <= low + span + 1e-6 for value in values)
    steps = {round(b - a, 9) for a, b in itertools.pairwise(values)}
    assert len(steps) == 1


def test_tick_values_of_a_fifth_are_every_five_hundredths() -> None:
    assert tick_values(0.06, 0.26) == pytest.approx([0.1, 0.15, 0.2, 0.25])


def test_curve_points_lie_higher_for_higher_cosines_and_inside_the_drawing() -> None:
    svg = curve_svg(units(0.1, 0.3, 0.2), width=400, height=300, name="c")
    line = re.search(r'class="line" points="([^"]+)"', svg).group(1)
    places = [tuple(map(float, place.split(","))) for place in line.split()]
    assert [x for x, _ in places] == sorted(x for x, _ in places)
    first, second, third = (y for _, y in places)
    assert 0 < second < third < first < 300


def test_bands_share_the_width_and_touch() -> None:
    svg = curve_svg(units(0.1, 0.3, 0.2), width=360, height=300, name="c")
    bands = re.findall(r'class="band[^"]*" data-unit="(\d)" x="([\d.]+)" y="4" width="([\d.]+)"', svg)
    assert [(name, float(x), float(width)) for name, x, width in bands] == [
        ("0", 50, 100),
        ("1", 150, 100),
        ("2", 250, 100),
    ]


def test_units_beyond_the_context_take_a_fifth_of_the_width_at_most_and_have_no_point() -> None:
    svg = curve_svg(units(0.1, 0.3, *[None] * 8), width=360, height=300, name="c")
    widths = numbers(svg, r'class="band"[^>]* width="([\d.]+)"')
    assert sum(widths[2:]) == pytest.approx(66, abs=1)
    assert sum(widths) == pytest.approx(300, abs=1)
    assert svg.count('class="point"') == 2
    assert ">3–10</text>" in svg


def test_curve_of_equal_cosines_is_drawn() -> None:
    assert svg_is_finite(curve_svg(units(0.1, 0.1), width=400, height=300, name="c"))
    assert svg_is_finite(curve_svg(units(0.1), width=400, height=300, name="c"))


def svg_is_finite(svg: str) -> bool:
    return "nan" not in svg and "inf" not in svg


def test_labels_go_to_the_deepest_of_dips_that_are_too_near_to_each_other() -> None:
    found = units(0.9, 0.8, 0.5, 0.4, 0.6, 0.55)
    assert labelled(found, step=30) == {2, 5}
    assert labelled(found, step=60) == {1, 2, 3, 5}
    assert labelled(found, step=5) == set()


@pytest.mark.parametrize(
    ("value", "text"), [(-5e-5, "−5.00e−5"), (0.0, "0"), (1234.0, "1.23e3"), (-2.6425e-4, "−2.64e−4")]
)
def test_scientific_numbers_have_a_real_minus(value: float, text: str) -> None:
    assert scientific(value) == text


def test_scientific_numbers_with_a_sign_have_a_plus() -> None:
    assert (scientific(0.5, sign=True), scientific(-0.5, sign=True)) == ("+5.00e−1", "−5.00e−1")


def test_counted_nouns() -> None:
    assert [counted(number, "dip") for number in (0, 1, 2)] == ["no dips", "1 dip", "2 dips"]


@pytest.mark.parametrize(
    ("value", "kinds"),
    [
        (1.0, ["for-4"]),
        (0.25, ["for-2"]),
        (-0.0626, ["against-2"]),
        (-0.0625, ["against-1"]),
        (0.009, []),
        (None, []),
    ],
)
def test_a_word_is_shaded_by_the_square_root_of_its_share(value: float | None, kinds: list[str]) -> None:
    assert shade(value, 1.0) == kinds
