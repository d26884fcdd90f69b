"""Each rater against the others: hand-worked cases, a slow plain version, laws, undefined cases."""

import math
import re
from collections import Counter
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_interval import plain_ends
from scipy import stats

from annotations.errors import InvalidScoresError
from annotations.leave_one_out import leave_one_out

LEVELS = ("nominal", "ordinal")
each_level = pytest.mark.parametrize("level", LEVELS)
CELLS = st.dictionaries(st.tuples(st.integers(0, 7), st.integers(0, 3)), st.integers(1, 4), min_size=1)


def against_others(rows, level, **options):
    items, raters, values = zip(*rows, strict=True)
    options = {"groups": [item // 2 for item in items], "n_resamples": 0, "min_items": 3, **options}
    return leave_one_out(items, raters, values, level=level, **options)


def plain_agreement(rows, rater, level):
    """Work out one rater's agreement with the others; None where there is none."""
    own, others = [], []
    for item, name, value in rows:
        rest = [v for i, r, v in rows if i == item and r != rater]
        if name == rater and rest:
            own.append(value)
            others.append(rest)
    if len(own) < 3:
        return None
    if level == "nominal":
        credits = []
        for value, rest in zip(own, others, strict=True):
            counts = Counter(rest)
            best = [v for v, times in counts.items() if times == max(counts.values())]
            credits.append((value in best) / len(best))
        return fmean(credits)
    means = [fmean(rest) for rest in others]
    if len(set(own)) < 2 or len(set(means)) < 2:
        return None
    return float(stats.spearmanr(own, means).statistic)


def simulated(n_images, generator, *, level="ordinal", per_image=2, n_raters=3):
    rows = []
    for item in range(n_images * per_image):
        truth = generator.integers(1, 6)
        for rater in range(n_raters):
            answer = int(np.clip(truth + generator.integers(-1, 2), 1, 5))
            rows.append((item, rater, answer if level != "nominal" else "abcde"[answer - 1]))
    return rows


def test_accuracy_of_hand_worked_answers_shares_out_ties_and_counts_them():
    rows = [
        *((0, "a", "s"), (0, "b", "s"), (0, "c", "s")),  # everybody agrees
        *((1, "a", "s"), (1, "b", "s"), (1, "c", "h")),  # a: tie of s and h, half; b too; c: against s, none
        *((2, "a", "u"), (2, "b", "s"), (2, "c", "h")),  # all apart: ties for everybody, none
        (3, "a", "s"),  # nobody else
    ]
    result = against_others(rows, "nominal")
    values = {name: (of.statistic.value, of.statistic.n, of.n_tied) for name, of in result.raters.items()}
    assert values == {"a": (0.5, 3, 2), "b": (0.5, 3, 2), "c": (pytest.approx(1 / 3), 3, 1)}
    assert result.human_ceiling.value == pytest.approx((0.5 + 0.5 + 1 / 3) / 3)
    assert (result.human_ceiling.n, result.n_raters, result.n_groups) == (3, 3, 2)
    assert result.measure == "accuracy"


def test_spearman_of_hand_worked_answers_is_with_the_mean_of_the_others():
    rows = [(item, "a", value) for item, value in enumerate([1, 2, 3, 4])]
    rows += [(item, "b", value) for item, value in enumerate([1, 3, 2, 4])]
    rows += [(item, "c", value) for item, value in enumerate([1, 1, 4, 4])]
    result = against_others(rows, "ordinal")
    # The others of a average to 1, 2, 3, 4: the same order as a. Those of b to 1, 1.5, 3.5, 4: as for a, so
    # squared rank differences 0, 1, 1, 0. Those of c to 1, 2.5, 2.5, 4 against 1, 1, 4, 4.
    assert result.raters["a"].statistic.value == pytest.approx(1)
    assert result.raters["b"].statistic.value == pytest.approx(1 - 6 * 2 / (4 * 15))
    assert result.raters["c"].statistic.value == pytest.approx(3 / math.sqrt(4 * 4.5))
    assert result.human_ceiling.value == pytest.approx((1 + 0.8 + 1 / math.sqrt(2)) / 3)
    assert result.measure == "spearman_rho"


SCIPY = {
    "pearson_r": lambda x, y: stats.pearsonr(x, y).statistic,
    "spearman_rho": lambda x, y: stats.spearmanr(x, y).statistic,
    "kendall_tau_b": lambda x, y: stats.kendalltau(x, y).statistic,
    "kendall_tau_c": lambda x, y: stats.kendalltau(x, y, variant="c").statistic,
}


@pytest.mark.parametrize("coefficient", SCIPY)
@pytest.mark.parametrize("over", ["pooled", "per_image", "per_image_zero"])
def test_the_ceiling_in_another_coefficient_is_that_of_plain_resamples(coefficient, over):
    rows = simulated(12, np.random.default_rng(8), per_image=3)
    rows = [(item, rater, min(value, 3)) for item, rater, value in rows]  # so that images are constant
    answers = {(item, rater): value for item, rater, value in rows}
    groups = np.array([item // 3 for item, _, _ in rows])
    found = against_others(
        rows, "interval", groups=groups.tolist(), coefficient=coefficient, over=over, n_resamples=30, seed=3
    )

    def of(items, rater):
        own = [answers[item, rater] for item in items]
        others = [fmean(answers[item, r] for r in range(3) if r != rater) for item in items]
        if len(set(own)) < 2 or len(set(others)) < 2:
            return math.nan if over == "per_image" else 0.0
        return SCIPY[coefficient](own, others)

    def plain(images):
        values = []
        for rater in range(3):
            inside = [[3 * image + k for k in range(3)] for image in images]
            if over == "pooled":
                values.append(of([item for items in inside for item in items], rater))
            else:
                values.append(np.nanmean([of(items, rater) for items in inside]))
        return fmean(values)

    ceiling = found.human_ceiling
    assert found.measure == coefficient
    assert ceiling.value == pytest.approx(plain(range(12)))
    drawn = np.random.default_rng(3).integers(0, 12, (30, 12))
    expected = plain_ends([plain(images) for images in drawn], 0.95, 12)
    assert [ceiling.low, ceiling.high] == pytest.approx(expected)


def test_a_rater_with_one_item_an_image_has_no_value_inside_images():
    rows = [(item, rater, (item + rater) % 5) for item in range(6) for rater in range(2)]
    found = against_others(rows, "interval", groups=[item for item, _, _ in rows], over="per_image")
    assert math.isnan(found.human_ceiling.value)
    assert "none of the rater's images has two items" in found.raters[0].statistic.note


def test_a_ceiling_that_does_not_exist_is_named():
    with pytest.raises(InvalidScoresError, match="'pearson_r' 'per_system'"):
        against_others([(0, 0, 1)], "interval", coefficient="pearson_r", over="per_system")


@each_level
@given(cells=CELLS)
def test_agreement_is_that_of_the_slow_plain_version(level, cells):
    rows = [(*key, value) for key, value in cells.items()]
    result = against_others(rows, level)
    values = []
    for rater, found in result.raters.items():
        expected = plain_agreement(rows, rater, level)
        values.append(expected)
        assert found.statistic.value == pytest.approx(
            math.nan if expected is None else expected, abs=1e-9, nan_ok=True
        )
    defined = [value for value in values if value is not None]
    assert result.n_raters == len(defined)
    assert result.human_ceiling.value == pytest.approx(
        fmean(defined) if defined else math.nan, abs=1e-9, nan_ok=True
    )


@each_level
@given(cells=CELLS, seed=st.integers(0, 9))
def test_agreement_when_rows_are_shuffled_and_items_renamed_stays(level, cells, seed):
    rows = [(*key, value) for key, value in cells.items()]
    generator = np.random.default_rng(seed)
    items = generator.permutation(8)
    moved = [(int(items[item]), rater, value) for item, rater, value in rows]
    moved = [moved[row] for row in generator.permutation(len(moved))]
    before, after = against_others(rows, level), against_others(moved, level)
    assert after.human_ceiling.value == pytest.approx(before.human_ceiling.value, abs=1e-12, nan_ok=True)
    for rater, found in before.raters.items():
        assert after.raters[rater].statistic.value == pytest.approx(
            found.statistic.value, abs=1e-12, nan_ok=True
        )
        assert after.raters[rater].n_tied == found.n_tied


def test_means_that_are_equal_on_paper_tie():
    # The others of a have a mean of 10/3 on the first two items; in floating point the last digits differ.
    others = [(4.2, 3.2, 2.6), (4.3, 3.1, 2.6), (4.8, 4.8, 4.8), (1, 1, 1)]
    rows = [(item, name, v) for item, of in enumerate(others) for name, v in zip("bcd", of, strict=True)]
    rows += [(item, "a", value) for item, value in enumerate([0.3, 0.4, 4.9, 0.1])]
    expected = stats.spearmanr([2, 3, 4, 1], [2.5, 2.5, 4, 1]).statistic
    assert against_others(rows, "interval").raters["a"].statistic.value == pytest.approx(expected)


def test_ceiling_counts_the_resamples_in_which_no_rater_has_a_value():
    # Without the last of five images all answers are equal.
    rows = [(item, rater, 1 + (item > 15)) for item in range(20) for rater in "ab"]
    result = against_others(rows, "ordinal", groups=[row[0] // 4 for row in rows], n_resamples=401, seed=2)
    note = result.human_ceiling.note
    assert "of 401 resamples have a value; in the others no rater has one" in note, note
    defined = int(re.search(r"(\d+) of 401", note)[1])
    assert defined == int(re.search(r"(\d+) of 401", result.raters["a"].statistic.note)[1])
    assert defined / 401 == pytest.approx(1 - 0.8**5, abs=0.1)


@each_level
def test_intervals_are_those_of_a_slow_plain_bootstrap_for_all_raters_at_once(level):
    rows = simulated(10, np.random.default_rng(1), level=level)
    result = against_others(rows, level, n_resamples=30, confidence=0.8, seed=4)
    drawn = np.random.default_rng(4).integers(0, 10, size=(30, 10))
    draws = [np.bincount(images, minlength=10) for images in drawn]
    values = []
    for draw in draws:
        copies = [((i, copy), r, v) for i, r, v in rows for copy in range(draw[i // 2])]
        values.append([plain_agreement(copies, rater, level) for rater in range(3)])
    for rater in range(3):
        expected = plain_ends([row[rater] for row in values], 0.8, 10)
        found = result.raters[rater].statistic
        assert [found.low, found.high] == pytest.approx(expected, abs=1e-9)
    expected = plain_ends(np.mean(values, axis=1), 0.8, 10)
    assert [result.human_ceiling.low, result.human_ceiling.high] == pytest.approx(expected, abs=1e-9)
    assert result.human_ceiling.note == ""


@each_level
def test_agreement_in_small_chunks_gives_the_same(level, monkeypatch):
    rows = simulated(12, np.random.default_rng(2), level=level)
    whole = against_others(rows, level, n_resamples=25)
    for module in ("leave_one_out", "resampling"):
        monkeypatch.setattr(f"annotations.{module}._CELLS_AT_ONCE", 40)
    in_chunks = against_others(rows, level, n_resamples=25)
    assert in_chunks.human_ceiling.value == pytest.approx(whole.human_ceiling.value, abs=1e-12)
    assert in_chunks.human_ceiling.low == pytest.approx(whole.human_ceiling.low, abs=1e-12)


@each_level
def test_ceiling_of_a_rater_whose_images_are_few_counts_resamples_without_them(level):
    rows = simulated(20, np.random.default_rng(3), level=level)
    late = [(item, rater + 10 * (item > 29 and rater == 2), value) for item, rater, value in rows]
    result = against_others(late, level, n_resamples=3000)
    # Rater 12 stands on five of twenty images; .75 ** 20 = .003 of the resamples miss all five.
    assert "of 3,000 resamples have a value" in result.raters[12].statistic.note
    assert result.human_ceiling.note == ""
    assert not math.isnan(result.human_ceiling.low)


@settings(max_examples=30)
@each_level
@given(cells=CELLS)
def test_resampled_agreement_of_any_ratings_raises_no_warning_and_is_in_range(level, cells):
    rows = [(*key, value) for key, value in cells.items()]
    result = against_others(rows, level, n_resamples=20)
    for statistic in [result.human_ceiling, *(of.statistic for of in result.raters.values())]:
        for value in (statistic.value, statistic.low, statistic.high):
            assert math.isnan(value) or -1 <= value <= 1
        assert statistic.note or not math.isnan(statistic.low)


@pytest.mark.parametrize(
    ("rows", "level", "rater_note", "ceiling_note"),
    [
        ([(0, "a", 1)], "nominal", "needs at least 3 items that somebody", "needs two raters; there is 1"),
        (
            [(i, r, 1) for i in range(2) for r in "ab"],
            "ordinal",
            "needs at least 3 items that somebody else rated too; there are 2",
            "none of the 2 raters has a value",
        ),
        (
            [(i, r, 1 if r == "a" else i) for i in range(4) for r in "ab"],
            "ordinal",
            "the rater's answers are all equal",
            "none of the 2 raters has a value",
        ),
        (
            [(i, r, i if r == "a" else 1) for i in range(4) for r in "ab"],
            "interval",
            "the means of the others' answers are all equal",
            "none of the 2 raters has a value",
        ),
    ],
)
def test_agreement_with_nothing_to_compute_is_nan_with_n_and_the_reason(
    rows, level, rater_note, ceiling_note
):
    result = against_others(rows, level, n_resamples=10)
    found = result.raters["a"].statistic
    for statistic, note in ((found, rater_note), (result.human_ceiling, ceiling_note)):
        assert math.isnan(statistic.value)
        assert math.isnan(statistic.low)
        assert note in statistic.note
    assert found.n == (0 if len(rows) == 1 else len(rows) // 2)
    assert result.n_raters == 0


def test_agreement_of_no_ratings_says_so():
    result = leave_one_out([], [], [], groups=[], level="nominal")
    assert result.raters == {}
    assert result.human_ceiling.note == "a human ceiling needs two raters; there are 0"


def test_ceiling_says_how_many_raters_it_leaves_out():
    rows = [*simulated(6, np.random.default_rng(5)), (0, "new", 3)]
    result = against_others(rows, "ordinal", n_resamples=0)
    assert result.human_ceiling.note == "1 of 4 raters have no value and are left out; no resamples drawn"
    assert (result.n_raters, len(result.raters)) == (3, 4)


def test_agreement_by_default_needs_ten_shared_items():
    rows = simulated(5, np.random.default_rng(6), per_image=1)
    short = leave_one_out(*zip(*rows, strict=True), groups=[row[0] for row in rows], level="nominal")
    assert "needs at least 10 items" in short.raters[0].statistic.note


@pytest.mark.slow
@each_level
def test_ceiling_interval_covers_the_truth_about_as_often_as_it_says(level):
    generator = np.random.default_rng(8)
    rows = simulated(10_000, generator, level=level)
    truth = against_others(rows, level).human_ceiling.value
    covered = 0
    for _ in range(200):
        result = against_others(simulated(60, generator, level=level), level, n_resamples=300)
        covered += result.human_ceiling.low <= truth <= result.human_ceiling.high
    print(f"{level}: {covered / 200:.4f}")  # a figure of docs/ratings.md; pytest -s shows it
    assert 0.88 <= covered / 200 <= 0.99


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"min_items": 2}, "at least 3; got 2"),
        ({"n_resamples": -1}, "got -1, 0.95"),
        ({"level": "ratio"}, "'ratio'"),
        ({"groups": [1]}, "1 groups"),
    ],
)
def test_agreement_of_what_will_not_do_says_what_is_wrong(options, sentence):
    with pytest.raises(InvalidScoresError, match=sentence):
        leave_one_out([1, 2], ["a", "b"], [1, 2], **{"groups": [1, 2], "level": "nominal", **options})
