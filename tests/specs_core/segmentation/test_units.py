import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specs_core.segmentation.units import DetailUnit, cut_at


def test_cut_at_offsets_gives_slices_with_offsets():
    assert cut_at("A red car on a road.", [10]) == (
        DetailUnit("A red car ", 0, 10),
        DetailUnit("on a road.", 10, 20),
    )


def test_cut_at_without_offsets_gives_the_whole_caption():
    assert cut_at("A car.", []) == (DetailUnit("A car.", 0, 6),)


def test_cut_at_punctuation_joins_it_to_the_unit_before():
    assert [unit.text for unit in cut_at("A car ... red", [6, 10])] == ["A car ... ", "red"]


def test_cut_at_leading_punctuation_joins_it_to_the_first_word():
    assert [unit.text for unit in cut_at("-- A car", [3])] == ["-- A car"]


def test_cut_at_emoji_keeps_it_as_a_unit():
    assert [unit.text for unit in cut_at("A car. 🚗", [7])] == ["A car. ", "🚗"]


@pytest.mark.parametrize("offset", [-1, 6, 100])
def test_cut_at_offset_outside_the_caption_raises_with_both_numbers(offset):
    with pytest.raises(ValueError, match=f"offset {offset} lies outside the caption of 6 characters"):
        cut_at("A car.", [offset])


def test_detail_unit_when_pickled_comes_back_equal():
    unit = DetailUnit("A car", 0, 5)
    assert pickle.loads(pickle.dumps(unit)) == unit


@given(st.text(min_size=1), st.data())
def test_cut_at_any_offsets_rebuilds_the_caption(caption, data):
    offsets = data.draw(st.lists(st.integers(0, len(caption) - 1)))
    units = cut_at(caption, offsets)
    assert "".join(unit.text for unit in units) == caption
    assert all(unit.text == caption[unit.start : unit.end] and unit.text for unit in units)
    assert {unit.start for unit in units} <= {0, *offsets}
