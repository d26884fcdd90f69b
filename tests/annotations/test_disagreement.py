"""Disagreement of one item: hand-worked cases, a slow plain version, laws."""

import itertools
import math
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotations.disagreement import Disagreement, item_disagreements
from annotations.errors import InvalidScoresError

RATERS = st.sampled_from("abcd")
CELL = st.tuples(st.integers(0, 3), RATERS, st.integers(0, 2))
ANSWERS = st.dictionaries(CELL, st.one_of(st.none(), st.integers(1, 5)), max_size=30)
VERDICTS = st.dictionaries(CELL, st.sampled_from(["supported", "hallucinated", "unsure"]), max_size=30)


def rows_of(cells):
    return [(*key, value) for key, value in cells.items()]


def plain(rows, item, difference):
    """Average the pairs of each question of one item, then its questions."""
    questions = {}
    for of, _, question, value in rows:
        if of == item and value is not None:
            questions.setdefault(question, []).append(value)
    means = [
        fmean(difference(a, b) for a, b in itertools.combinations(values, 2))
        for values in questions.values()
        if len(values) > 1
    ]
    return fmean(means) if means else None


def test_disagreement_of_hand_worked_items():
    answers = [
        *(("x", "a", "overall", 1), ("x", "b", "overall", 5)),
        *(("x", "a", "correctness", 2), ("x", "b", "correctness", 3)),
        # Pairs 1-2, 1-5, 2-5: differences 1, 4, 3, of a range of 4.
        *(("y", "a", "overall", 5), ("y", "b", "overall", 1), ("y", "c", "overall", 2)),
        ("z", "a", "overall", 3),
    ]
    verdicts = [
        # Three raters, two alike: two of three pairs differ. The second unit has two verdicts, equal.
        *(("x", "a", 0, "supported"), ("x", "b", 0, "hallucinated"), ("x", "c", 0, "supported")),
        *(("x", "a", 9, "unsure"), ("x", "b", 9, "unsure"), ("x", "c", 20, "supported")),
        *(("w", "a", 0, "supported"), ("w", "b", 0, "unsure")),
    ]
    result = item_disagreements(answers, verdicts)
    assert list(result) == ["x", "y", "z", "w"]
    assert result["x"] == Disagreement(
        scales=pytest.approx((1 + 1 / 4) / 2),
        verdicts=pytest.approx(1 / 3),
        combined=pytest.approx((5 / 8 + 1 / 3) / 2),
        n_raters=3,
    )
    assert result["y"] == Disagreement(pytest.approx(8 / 12), None, pytest.approx(8 / 12), 3)
    assert result["z"] == Disagreement(None, None, None, 1)
    assert result["w"] == Disagreement(None, 1, 1, 2)


@given(answers=ANSWERS, verdicts=VERDICTS)
def test_disagreement_is_that_of_the_slow_plain_version(answers, verdicts):
    answers, verdicts = rows_of(answers), rows_of(verdicts)
    result = item_disagreements(answers, verdicts)
    assert set(result) == {row[0] for row in [*answers, *verdicts] if row[3] is not None}
    for item, found in result.items():
        scales = plain(answers, item, lambda a, b: abs(a - b) / 4)
        units = plain(verdicts, item, lambda a, b: float(a != b))
        known = [part for part in (scales, units) if part is not None]
        expected = (scales, units, fmean(known) if known else None)
        for value, wanted in zip((found.scales, found.verdicts, found.combined), expected, strict=True):
            assert (value is None) == (wanted is None)
            assert value == (None if wanted is None else pytest.approx(wanted, abs=1e-12))
        everybody = [row[1] for row in [*answers, *verdicts] if row[0] == item and row[3] is not None]
        assert found.n_raters == len(set(everybody))


@given(answers=ANSWERS, verdicts=VERDICTS, random=st.randoms(use_true_random=False))
def test_disagreement_lies_in_range_and_does_not_depend_on_order_or_who(answers, verdicts, random):
    answers, verdicts = rows_of(answers), rows_of(verdicts)
    before = item_disagreements(answers, verdicts)
    others = dict(zip("abcd", random.sample("wxyz", 4), strict=True))
    moved = [[(i, others[r], q, v) for i, r, q, v in rows] for rows in (answers, verdicts)]
    for rows in moved:
        random.shuffle(rows)
    after = item_disagreements(*moved)
    assert set(after) == set(before)
    for item, found in before.items():
        for name in ("scales", "verdicts", "combined", "n_raters"):
            value = getattr(found, name)
            assert getattr(after[item], name) == (None if value is None else pytest.approx(value, abs=1e-12))
            assert value is None or name == "n_raters" or 0 <= value <= 1


@given(answers=ANSWERS)
def test_disagreement_on_a_stretched_scale_stays(answers):
    rows = rows_of(answers)
    wide = [(i, r, q, None if v is None else (v - 1) * 25) for i, r, q, v in rows]
    before, after = item_disagreements(rows, []), item_disagreements(wide, [], scale=(0, 100))
    for item, found in before.items():
        assert (after[item].scales is None) == (found.scales is None)
        assert found.scales is None or after[item].scales == pytest.approx(found.scales, abs=1e-12)


def test_disagreement_does_not_grow_with_the_number_of_raters():
    two = [("x", rater, "overall", value) for rater, value in zip("ab", (1, 5), strict=True)]
    halves = [("x", rater, "overall", value) for rater, value in enumerate([1, 5] * 50)]
    assert item_disagreements(two, [])["x"].scales == 1
    assert item_disagreements(halves, [])["x"].scales == pytest.approx(50 * 50 / (100 * 99 / 2))


def test_disagreement_of_nothing_is_nothing():
    assert item_disagreements([], []) == {}
    assert item_disagreements([("x", "a", "overall", None)], [("x", "a", 0, math.nan)]) == {}


def test_disagreement_of_an_item_whose_raters_share_no_question_is_none():
    rows = [("x", "a", "overall", 1), ("x", "b", "correctness", 5)]
    assert item_disagreements(rows, []) == {"x": Disagreement(None, None, None, 2)}


@pytest.mark.parametrize(
    ("answers", "verdicts", "scale", "sentence"),
    [
        ([("x", "a", "overall", 6)], [], (1, 5), "6 does not lie on the scale from 1 to 5"),
        ([("x", "a", "overall", "good")], [], (1, 5), "'good' is text"),
        ([], [], (5, 5), "from 5 to 5"),
        ([], [], (0, math.inf), "from 0 to inf"),
        ([], [("x", "a", 3, "s"), ("x", "a", 3, "h")], (1, 5), "rater 'a' has more than one answer to 3 of"),
    ],
)
def test_disagreement_of_what_will_not_do_says_what_is_wrong(answers, verdicts, scale, sentence):
    with pytest.raises(InvalidScoresError, match=sentence):
        item_disagreements(answers, verdicts, scale=scale)
