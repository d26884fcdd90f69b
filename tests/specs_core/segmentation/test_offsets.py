"""Units survive whatever captions are typed with: the pieces joined are the caption, and no word is cut."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from specs_core.segmentation import SEGMENTERS, segment

PIECES = {
    "decimals": ["3.5 m", "1,000 birds", "$2.50", "16:9", "5' 11\"", "1/2", "No. 7", "v2.0.1"],
    "abbreviations": ["St. Louis", "e.g. a cat", "U.S. flag", "Mr. O'Neil", "est. 1962", "a.m.", "etc."],
    "quotation marks": ['"DO NOT ENTER."', "“STOP”", "‘hi’", '"open', "the 'A'", "«oui»", '"'],
    "line breaks": ["\n", "\r\n", "\n\n", "\r\n\r\n", "\r", "\u2028", "\x0b"],
    "lists": ["\n- a dog", "\n* a red car", "\n1. a tree", "\n2) a house,", "\n• two cats", "\n\t– one"],
    "emoji": ["🚗", "👨‍👩‍👧", "🏳️‍🌈 flag", "❤️", "a 🐶 dog"],
    "blanks": ["\u00a0", "\u2009", "\u3000", "  ", "\t", "a\u00a0b"],
    "brackets": ["(", ")", "[a sign", "{", "(on the left)", "]) ", "<b>"],
    "words": [
        "a small dog",
        "with a hat,",
        "on the wall",
        "is",
        "which is red",
        "and",
        "the",
        "left-to-right.",
    ],
}
WORD = re.compile(r"[^\W_]+(?:[.,:'’/\-][^\W_]+)*")


def _checked_units(caption, segmenter):
    units = segment(caption, segmenter=segmenter)
    assert "".join(unit.text for unit in units) == caption
    assert all(unit.text and unit.text == caption[unit.start : unit.end] for unit in units)
    assert [unit.start for unit in units] == [0, *(unit.end for unit in units[:-1])]
    return units


@pytest.mark.parametrize("segmenter", SEGMENTERS)
@pytest.mark.parametrize("kind", PIECES)
def test_segment_caption_of_one_kind_of_pieces_rebuilds_it(kind, segmenter):
    caption = "A red car " + " stands beside a tall tree, ".join(PIECES[kind]) + " near a house."
    _checked_units(caption, segmenter)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(
            st.sampled_from([piece for pieces in PIECES.values() for piece in pieces]),
            st.sampled_from([" ", ", ", ". ", "\n", "\r\n\r\n", "\u00a0", ""]),
        ),
        min_size=1,
        max_size=30,
    ).map(lambda pairs: "x" + "".join(piece + gap for piece, gap in pairs)),
    st.sampled_from(SEGMENTERS),
)
def test_segment_any_mixture_of_pieces_rebuilds_it(caption, segmenter):
    _checked_units(caption, segmenter)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                [piece for kind in ("words", "decimals", "abbreviations", "emoji") for piece in PIECES[kind]]
                + ["back-to-back", "t-shirt", "3-D", "rock'n'roll", "20%", "#1", "A4", "O’Neil’s", "and/or"]
            ),
            st.sampled_from([" ", " ", ", ", ". ", "\r\n", "\u00a0"]),
        ),
        min_size=1,
        max_size=30,
    ).map(lambda pairs: "".join(piece + gap for piece, gap in pairs)),
    st.sampled_from(SEGMENTERS),
)
def test_segment_words_and_numbers_are_never_cut(caption, segmenter):
    inside = {i for match in WORD.finditer(caption) for i in range(match.start() + 1, match.end())}
    starts = {unit.start for unit in _checked_units(caption, segmenter)}
    assert not starts & inside


@pytest.mark.parametrize("segmenter", SEGMENTERS)
@pytest.mark.parametrize(
    ("plain", "typed"),
    [
        ("a small dog", "a\u00a0small\u2009dog"),
        ("on the grass. Behind", "on the grass.\r\n\r\nBehind"),
        ("on the grass", "on\r\nthe\tgrass"),
        ("small", "sm\u200ball"),
        ("red house", "red  \n house"),
    ],
)
def test_segment_other_white_space_keeps_the_same_units(plain, typed, segmenter):
    caption = "There is a small dog on the grass. Behind it stands a red house, with two windows."
    assert plain in caption

    def words(text):
        units = segment(text, segmenter=segmenter)
        return [unit.text.replace("\u200b", "").split() for unit in units]

    assert words(caption.replace(plain, typed)) == words(caption)


@pytest.mark.parametrize("segmenter", SEGMENTERS)
def test_segment_bulleted_list_starts_a_unit_at_every_item(segmenter):
    items = ["a red car on a road", "two tall trees", "1 old house of stone"]
    for mark in ("- ", "* ", "• ", "1. ", "2) "):
        caption = "The picture shows:\r\n" + "\r\n".join(mark + item for item in items)
        starts = {unit.start for unit in segment(caption, segmenter=segmenter)}
        for item in items[1:]:
            assert caption.index(item) - len(mark) in starts or caption.index(item) in starts, (mark, item)
