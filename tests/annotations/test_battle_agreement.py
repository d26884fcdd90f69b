"""A metric against battles: hand-worked cases, scipy and plain versions, undefined cases."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plain_interval import plain_ends
from scipy import stats

from annotations.battle_agreement import agree_with_battles
from annotations.errors import InvalidScoresError
from annotations.ranking import rank_systems
from annotations.resampling import draw_blocks

ROWS = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.integers(1, 3),
        st.sampled_from(["a", "b", "tie", None]),
        st.sampled_from([0.0, 0.5, 1.0, math.nan]),
        st.sampled_from([0.0, 0.5, 1.0]),
    ),
    min_size=1,
).map(lambda rows: [(a, (a + step) % 4, *rest) for a, step, *rest in rows])


def agreed(rows, **options):
    return agree_with_battles(*zip(*rows, strict=True), **{"n_resamples": 0, **options})


def simulated(n_images, generator):
    truth, rows, images = [1.0, 0.4, 0.0, -0.5], [], []
    for image in range(n_images):
        quality = generator.normal(truth, 0.7)
        score = np.round(0.3 * quality + generator.normal(0, 0.3, 4), 1)
        for _ in range(2):
            a, b = generator.choice(4, 2, replace=False)
            lead = quality[a] - quality[b]
            winner = "tie" if abs(lead) < 0.2 else "a" if lead > 0 else "b"
            rows.append((int(a), int(b), winner, score[a], score[b]))
            images.append(image)
    return rows, images


def test_accuracy_of_hand_worked_battles_treats_ties_as_it_says():
    rows = [
        ("x", "y", "a", 0.9, 0.1),  # right
        ("x", "y", "b", 0.9, 0.1),  # wrong
        ("y", "x", "a", 0.5, 0.5),  # a tie of scores: one half, and wrong where ties count
        ("y", "x", "tie", 0.5, 0.5),  # both tied: no winner to find, and right where ties count
        ("y", "x", "tie", 0.6, 0.5),  # the metric sees a winner: wrong where ties count
        ("y", "x", None, 0.6, 0.5),
        ("y", "x", "a", math.nan, 0.5),
    ]
    result = agreed(rows)
    assert (result.accuracy.value, result.accuracy.n) == (pytest.approx(1.5 / 3), 3)
    assert (result.accuracy_with_ties.value, result.accuracy_with_ties.n) == (pytest.approx(2 / 5), 5)
    counts = (result.n_battles, result.n_human_ties, result.n_metric_ties, result.n_left_out)
    assert counts == (5, 2, 2, 2)
    # With a threshold the fifth is a tie too, and the third stays one half.
    wider = agreed(rows, tie_threshold=0.2)
    assert wider.accuracy_with_ties.value == pytest.approx(3 / 5)
    assert (wider.accuracy.value, wider.n_metric_ties) == (pytest.approx(1.5 / 3), 3)


@given(rows=ROWS)
def test_accuracies_are_those_of_a_plain_loop_and_in_range(rows):
    kept = [row for row in rows if row[2] is not None and not math.isnan(row[3])]
    if not kept:
        with pytest.raises(InvalidScoresError, match="has an answer"):
            agreed(rows)
        return
    result = agreed(rows, n_resamples=10)
    said = ["tie" if x == y else "a" if x > y else "b" for _, _, _, x, y in kept]
    decided = [
        0.5 if tongue == "tie" else float(tongue == row[2])
        for tongue, row in zip(said, kept, strict=True)
        if row[2] != "tie"
    ]
    expected = np.mean(decided) if decided else math.nan
    assert result.accuracy.value == pytest.approx(expected, nan_ok=True)
    assert bool(result.accuracy.note.startswith("none of the")) == (not decided)
    same = np.mean([tongue == row[2] for tongue, row in zip(said, kept, strict=True)])
    assert result.accuracy_with_ties.value == pytest.approx(same)
    for statistic in (result.kendall_tau_b, result.pearson_r):
        assert math.isnan(statistic.value) or -1 <= statistic.value <= 1
        assert statistic.note or not math.isnan(statistic.low)


@given(rows=ROWS)
def test_accuracy_when_sides_are_swapped_stays_and_turns_round_with_the_metric(rows):
    rows = [row for row in rows if row[2] is not None and not math.isnan(row[3])] or [(0, 1, "a", 0.0, 1.0)]
    other = {"a": "b", "b": "a", "tie": "tie"}
    swapped = [(b, a, other[winner], y, x) for a, b, winner, x, y in rows]
    turned = [(a, b, winner, -x, -y) for a, b, winner, x, y in rows]
    before = agreed(rows).accuracy.value
    assert agreed(swapped).accuracy.value == pytest.approx(before, nan_ok=True)
    assert agreed(turned).accuracy.value == pytest.approx(1 - before, nan_ok=True)


def test_model_level_is_scipy_on_strengths_and_mean_scores_of_captions():
    rows, images = simulated(60, np.random.default_rng(1))
    result = agreed(rows, groups=images)
    ranking = rank_systems(*zip(*[row[:3] for row in rows], strict=True), n_resamples=0)
    captions = {}
    for (a, b, _, x, y), image in zip(rows, images, strict=True):
        captions.setdefault(a, set()).add((image, x))
        captions.setdefault(b, set()).add((image, y))
    means = [np.mean([score for _, score in captions[name]]) for name in ranking.systems]
    found = [system.strength.value for system in ranking.systems.values()]
    assert result.kendall_tau_b.value == pytest.approx(stats.kendalltau(found, means).statistic)
    assert result.pearson_r.value == pytest.approx(stats.pearsonr(found, means).statistic)
    assert result.pearson_r.n == 4


def test_intervals_are_those_of_a_plain_bootstrap_over_images():
    rows, images = simulated(40, np.random.default_rng(2))
    result = agreed(rows, groups=images, n_resamples=30, confidence=0.8, seed=3)
    draws = np.concatenate(list(draw_blocks(40, n_resamples=30, seed=3)))[1:]
    values = []
    for draw in draws:
        copies = [
            (*row, (image, copy))
            for row, image in zip(rows, images, strict=True)
            for copy in range(draw[image])
        ]
        plain = agreed([row[:5] for row in copies], groups=[row[5] for row in copies])
        values.append([getattr(plain, name).value for name in ("accuracy", "kendall_tau_b", "pearson_r")])
    for column, name in enumerate(("accuracy", "kendall_tau_b", "pearson_r")):
        expected = plain_ends([row[column] for row in values], 0.8, 40)
        found = getattr(result, name)
        assert (found.low, found.high) == pytest.approx(tuple(expected), abs=1e-6)


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([("x", "y", "a", 1, 0)] * 3, "needs at least 3 systems; there are 2"),
        ([("x", "y", "a", 1, 0), ("p", "q", "b", 1, 0)], "fall apart into 2 components"),
        ([("x", "y", "a", 1, 1), ("y", "z", "b", 1, 1)], "all mean scores of the systems are equal"),
    ],
)
def test_model_level_without_a_value_is_nan_with_the_reason(rows, sentence):
    result = agreed(rows, n_resamples=5)
    assert math.isnan(result.kendall_tau_b.value)
    assert sentence in result.kendall_tau_b.note
    assert sentence in result.pearson_r.note


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"tie_threshold": -1}, "at least 0 and finite; got -1"),
        ({"ridge": -1}, "above 0"),
        ({"first_scores": [1, 2]}, r"1 battles, and scores of shape \(2,\)"),
        ({"first_scores": [math.inf]}, "infinite"),
        ({"groups": [1, 2]}, "2 groups"),
    ],
)
def test_battles_that_will_not_do_say_what_is_wrong(options, sentence):
    options = {"first_scores": [1], "second_scores": [0], **options}
    with pytest.raises(InvalidScoresError, match=sentence):
        agree_with_battles(["x"], ["y"], ["a"], **options)
