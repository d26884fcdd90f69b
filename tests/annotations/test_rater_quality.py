"""Expected answers and pace: hand-worked cases, parity with scipy, undefined cases."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from annotations.errors import InvalidScoresError
from annotations.rater_quality import GoldAccuracy, Pace, gold_accuracy, median_pace, meets, wilson_interval


@pytest.mark.parametrize(
    ("answer", "expected", "met"),
    [
        ("hallucinated", "hallucinated", True),
        ("unsure", "hallucinated", False),
        (4, (4, 5), True),
        (5, (4, 5), True),
        (3, (4, 5), False),
        (3, (3, 3), True),
    ],
)
def test_meets_compares_verdicts_and_ranges_with_their_ends(answer, expected, met):
    assert meets(answer, expected) is met


def test_gold_accuracy_of_hand_worked_answers():
    rows = [
        ("ann", "hallucinated", "hallucinated"),
        ("ann", 4, (4, 5)),
        ("ann", 2, (4, 5)),
        ("ann", None, "supported"),
        ("bob", "unsure", "hallucinated"),
        ("cyd", math.nan, (1, 2)),
        ("cyd", None, "supported"),
    ]
    result = gold_accuracy(*zip(*rows, strict=True))
    assert list(result) == ["ann", "bob", "cyd"]
    # Wilson by hand, 2 of 3, z = 1.959964: (2 + 1.920729) / 6.841459 around, +- z sqrt(2/3 + .960365) / 6.84.
    assert result["ann"] == GoldAccuracy(
        value=pytest.approx(2 / 3),
        low=pytest.approx(0.20766, abs=1e-5),
        high=pytest.approx(0.93851, abs=1e-5),
        n=3,
        n_met=2,
        n_unanswered=1,
        note="",
    )
    assert (result["bob"].value, result["bob"].low, result["bob"].n) == (0, 0, 1)
    cyd = result["cyd"]
    assert math.isnan(cyd.value)
    assert math.isnan(cyd.low)
    assert math.isnan(cyd.high)
    assert (cyd.n, cyd.n_unanswered) == (0, 2)
    assert cyd.note == "none of the 2 expected answers was given an answer"


def test_gold_accuracy_of_nobody_is_empty():
    assert gold_accuracy([], [], []) == {}


@given(data=st.data(), n=st.integers(1, 5000), confidence=st.floats(0.5, 0.999))
def test_wilson_interval_is_that_of_scipy_and_holds_the_share(data, n, confidence):
    n_met = data.draw(st.integers(0, n))
    low, high = wilson_interval(n_met, n, confidence=confidence)
    expected = stats.binomtest(n_met, n).proportion_ci(confidence, method="wilson")
    assert [low, high] == pytest.approx([expected.low, expected.high], abs=1e-9)
    assert 0 <= low <= n_met / n <= high <= 1


def test_wilson_interval_of_nothing_is_nan():
    assert all(math.isnan(end) for end in wilson_interval(0, 0))


def test_pace_is_the_median_and_leaves_out_unknown_times():
    rows = [("a", 10), ("b", 31.5), ("a", 3600), ("a", None), ("a", 20), ("c", math.nan), ("b", 30)]
    result = median_pace(*zip(*rows, strict=True))
    assert (result["a"], result["b"]) == (Pace(20, 3), Pace(30.75, 2))
    assert result["c"].n == 0
    assert math.isnan(result["c"].median_seconds)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: meets("supported", (1, 2)), "'supported' cannot be held against"),
        (lambda: meets(3, "supported"), "3 cannot be held against 'supported'"),
        (lambda: meets(3, (5, 4)), "between 5 and 4"),
        (lambda: gold_accuracy(["a"], [1], []), "1 raters, 1 answers and 0 expected"),
        (lambda: gold_accuracy(["a"], [1], [(1, 2)], confidence=1), "got 0, 1"),
        (lambda: wilson_interval(3, 2), "3 of 2"),
        (lambda: median_pace(["a"], []), "1 raters and 0 times"),
        (lambda: median_pace(["a"], [-1]), "'a' took -1 seconds"),
        (lambda: median_pace(["a"], [math.inf]), "took inf seconds"),
    ],
)
def test_what_will_not_do_is_an_error_that_says_what_is_wrong(call, sentence):
    with pytest.raises(InvalidScoresError, match=sentence):
        call()
