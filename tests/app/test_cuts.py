"""Where a caption can be cut: between words, and wherever it has been cut already."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cuts import Cut, word_starts
from specs_core.segmentation.units import cut_at


def words(caption: str, *cuts: tuple[int, ...]) -> list[str]:
    starts = word_starts(caption, cuts)
    return [unit.text for unit in Cut("dependency", "1", starts).units(caption)]


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("A red car, parked.", ["A ", "red ", "car, ", "parked."]),
        ("A dog - and\n a\u00a0cat .", ["A ", "dog - ", "and\n ", "a\u00a0", "cat ."]),
        ("\U0001f697\U0001f697 on 2.5 m", ["\U0001f697\U0001f697 ", "on ", "2.5 ", "m"]),
        ("“Stop!” ( it says )", ["“Stop!” ( ", "it ", "says )"]),
        ("one", ["one"]),
        ("...", ["..."]),
    ],
)
def test_word_starts_of_a_caption_stand_before_words(caption: str, expected: list[str]) -> None:
    assert words(caption) == expected


def test_word_starts_where_a_cut_lies_inside_a_word_keep_it() -> None:
    assert words("A red/blue car", (0, 6)) == ["A ", "red/", "blue ", "car"]
    assert words("A dog - a cat", (0, 6)) == ["A ", "dog ", "- a ", "cat"]


@given(st.text(min_size=1).filter(str.strip), st.lists(st.integers(0, 60), max_size=6))
def test_word_starts_of_any_text_hold_every_cut_and_rebuild_the_caption(
    caption: str, offsets: list[int]
) -> None:
    cut = tuple(unit.start for unit in cut_at(caption, {offset % len(caption) for offset in offsets}))
    starts = word_starts(caption, [cut])
    assert set(cut) <= set(starts)
    assert list(starts) == sorted(set(starts))
    assert "".join(words(caption, cut)) == caption
