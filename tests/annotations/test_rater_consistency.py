"""One rater's tasks against each other: hand-worked cases, scipy, a plain bootstrap, undefined cases."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plain_interval import plain_ends
from scipy import stats

from annotations.errors import InvalidScoresError
from annotations.rater_consistency import rater_consistency
from annotations.resampling import draw_blocks

H, S, U = "hallucinated", "supported", "unsure"
IMAGES = {item: item // 2 for item in range(40)}


def consistency(verdicts=(), answers=(), battles=(), **options):
    return rater_consistency(verdicts, answers, battles, **{"images": IMAGES, "n_resamples": 0, **options})


def judged(rater, item, *verdicts):
    return [(rater, item, verdict) for verdict in verdicts]


def simulated(generator, n_items=40):
    verdicts, answers, battles = [], [], []
    quality = generator.random(n_items)
    for item in range(n_items):
        verdicts += judged("r", item, *(S if generator.random() < quality[item] else H for _ in range(4)))
        answers.append(("r", item, int(np.clip(round(1 + 4 * quality[item] + generator.normal()), 1, 5))))
    for item in range(0, n_items, 2):
        lead = quality[item] - quality[item + 1] + generator.normal(0, 0.3)
        battles.append(("r", item, item + 1, "tie" if abs(lead) < 0.1 else "a" if lead > 0 else "b"))
    return verdicts, answers, battles


def test_coefficients_of_a_hand_worked_rater():
    verdicts = [*judged("r", 0, S, S), *judged("r", 1, S, H, U), *judged("r", 2, H, H), *judged("r", 3, U)]
    answers = [("r", 0, 5), ("r", 1, 3), ("r", 2, 1), ("r", 3, 3), ("r", 4, math.nan)]
    battles = [
        ("r", 0, 1, "a"),  # consistent both ways
        ("r", 2, 1, "a"),  # against both
        ("r", 3, 1, "b"),  # equal answers; no share of 3
        ("r", 0, 2, "tie"),
        ("r", 0, 4, "a"),  # 4 is in no other task
    ]
    found = consistency(verdicts, answers, battles)["r"]
    # Shares 0, 1/2, 1 against 5, 3, 1.
    assert (found.verdicts_scale.value, found.verdicts_scale.n) == (pytest.approx(-1), 3)
    assert (found.battles_scale.value, found.battles_scale.n) == (pytest.approx(1.5 / 3), 3)
    assert (found.battles_verdicts.value, found.battles_verdicts.n) == (pytest.approx(1 / 2), 2)
    assert (found.n_equal_answers, found.n_equal_shares, found.n_ties) == (1, 0, 1)
    # Unsure as hallucinated: shares 0, 2/3, 1, 1, so that 3 loses to 1 by its verdicts too.
    harsh = consistency(verdicts, answers, battles, unsure="hallucinated")["r"]
    expected = stats.spearmanr([0, 2 / 3, 1, 1], [5, 3, 1, 3]).statistic
    assert (harsh.verdicts_scale.value, harsh.verdicts_scale.n) == (pytest.approx(expected), 4)
    assert (harsh.battles_verdicts.value, harsh.battles_verdicts.n) == (pytest.approx(2 / 3), 3)
    mild = consistency(verdicts, answers, battles, unsure="supported")["r"]
    assert mild.battles_verdicts.value == pytest.approx(1 / 3)


def test_raters_are_kept_apart():
    first, second = simulated(np.random.default_rng(1)), simulated(np.random.default_rng(2))
    both = [[*one, *[("q", *row[1:]) for row in other]] for one, other in zip(first, second, strict=True)]
    together = consistency(*both, n_resamples=20)
    assert list(together) == ["r", "q"]
    assert together["r"] == consistency(*first, n_resamples=20)["r"]
    assert together["q"] == consistency(*second, n_resamples=20)["r"]
    assert together["r"] != together["q"]


def test_intervals_are_those_of_a_plain_bootstrap_over_images():
    verdicts, answers, battles = simulated(np.random.default_rng(3))
    found = consistency(verdicts, answers, battles, n_resamples=30, confidence=0.8, seed=4)["r"]
    share = np.array([np.mean([v == H for _, i, v in verdicts if i == item]) for item in range(40)])
    answer = np.array([row[2] for row in answers])
    draws = np.concatenate(list(draw_blocks(20, n_resamples=30, seed=4)))[1:]
    rhos = []
    for draw in draws:
        at = [item for item in range(40) for _ in range(draw[item // 2])]
        rhos.append(stats.spearmanr(share[at], answer[at]).statistic)
    expected = plain_ends(rhos, 0.8, 20)
    assert (found.verdicts_scale.low, found.verdicts_scale.high) == pytest.approx(tuple(expected))
    decided = [row for row in battles if row[3] != "tie"]
    credit = []
    for _, a, b, winner in decided:
        lead = (answer[a] - answer[b]) * (1 if winner == "a" else -1)
        credit.append(0.5 if lead == 0 else float(lead > 0))
    draws = np.concatenate(list(draw_blocks(len(decided), n_resamples=30, seed=4)))[1:]
    low, high = plain_ends(draws @ np.array(credit) / len(decided), 0.8, len(decided))
    assert found.battles_scale.value == pytest.approx(np.mean(credit))
    assert (found.battles_scale.low, found.battles_scale.high) == pytest.approx((low, high))


@given(
    verdicts=st.lists(st.tuples(st.sampled_from("rq"), st.integers(0, 5), st.sampled_from([H, S, U]))),
    answers=st.dictionaries(st.tuples(st.sampled_from("rq"), st.integers(0, 5)), st.integers(1, 5)),
    battles=st.lists(
        st.tuples(
            st.sampled_from("rs"), st.integers(0, 2), st.integers(3, 5), st.sampled_from(["a", "b", "tie"])
        )
    ),
)
def test_coefficients_of_any_rater_are_in_range_or_explained_and_turn_with_the_sides(
    verdicts, answers, battles
):
    rows = [(*key, value) for key, value in answers.items()]
    found = consistency(verdicts, rows, battles, n_resamples=10)
    other = {"a": "b", "b": "a", "tie": "tie"}
    swapped = [(rater, b, a, other[winner]) for rater, a, b, winner in battles]
    turned = [(rater, a, b, other[winner]) for rater, a, b, winner in battles]
    same, against = consistency(verdicts, rows, swapped), consistency(verdicts, rows, turned)
    assert set(found) == {row[0] for of in (verdicts, rows, battles) for row in of}
    for rater, of in found.items():
        for statistic, lowest in ((of.verdicts_scale, -1), (of.battles_scale, 0), (of.battles_verdicts, 0)):
            assert math.isnan(statistic.value) or lowest <= statistic.value <= 1
            assert statistic.note or not math.isnan(statistic.low)
        assert same[rater].battles_scale.value == pytest.approx(of.battles_scale.value, nan_ok=True)
        assert against[rater].battles_scale.value == pytest.approx(1 - of.battles_scale.value, nan_ok=True)


@pytest.mark.parametrize(
    ("verdicts", "answers", "note"),
    [
        ([*judged("r", 0, S), *judged("r", 1, S)], [("r", 0, 1)], "verdicts and an answer; there are 1"),
        ([row for i in range(3) for row in judged("r", i, S)], [("r", i, i) for i in range(3)], "all shares"),
        (
            [row for i in range(3) for row in judged("r", i, S, *[H] * i)],
            [("r", i, 3) for i in range(3)],
            "the rater's answers are all equal",
        ),
    ],
)
def test_coefficient_that_is_not_defined_is_nan_with_the_reason(verdicts, answers, note):
    found = consistency(verdicts, answers, n_resamples=5)["r"]
    assert math.isnan(found.verdicts_scale.value)
    assert note in found.verdicts_scale.note
    assert "no battle with a winner is of two captions with answers" in found.battles_scale.note
    assert "captions with verdicts" in found.battles_verdicts.note


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ({"answers": [("r", 0, 1), ("r", 0, 2)]}, "more than one answer on item 0"),
        ({"answers": [("r", 0, math.inf)]}, "item 0 is infinite"),
        ({"battles": [("r", 0, 1, "c")]}, "rater 'r' is 'c'"),
        ({"verdicts": [("r", 0, "wrong")]}, "'wrong'"),
        ({"unsure": "maybe"}, "'maybe'"),
        ({"verdicts": judged("r", 99, S), "answers": [("r", 99, 1)]}, "item 99 has no image"),
        ({"confidence": 0}, "got 0, 0"),
    ],
)
def test_tasks_that_will_not_do_say_what_is_wrong(rows, sentence):
    with pytest.raises(InvalidScoresError, match=sentence):
        consistency(**rows)
