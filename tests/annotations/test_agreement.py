"""Krippendorff's alpha: worked examples, a slow plain version from the definition, laws, undefined cases."""

import itertools
import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_interval import plain_ends

from annotations.agreement import krippendorff_alpha
from annotations.errors import InvalidScoresError
from annotations.resampling import draw_blocks

LEVELS = ("nominal", "ordinal", "interval")
each_level = pytest.mark.parametrize("level", LEVELS)

# Four observers on twelve units, from Krippendorff, Computing Krippendorff's alpha-reliability, 2011; 0 is
# no answer.
OBSERVERS = {
    "A": [1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0],
    "B": [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 3],
    "C": [0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 0],
    "D": [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, 0],
}
TEXTBOOK = [(unit, name, v) for name, row in OBSERVERS.items() for unit, v in enumerate(row) if v]

# Rows of (item, rater, value), a rater at most once an item. Two items make an image.
ROWS = st.dictionaries(
    st.tuples(st.integers(0, 7), st.integers(0, 4)), st.integers(1, 5), min_size=1, max_size=30
).map(lambda cells: [(item, rater, value) for (item, rater), value in cells.items()])


def alpha_of(rows, level, **options):
    items, raters, values = zip(*rows, strict=True)
    options = {"groups": [item // 2 for item in items], "n_resamples": 0, **options}
    return krippendorff_alpha(items, raters, values, level=level, **options)


def plain_alpha(rows, level):
    """Work alpha out as the definition says, pair by pair; None where it is undefined."""
    units = {}
    for item, _, value in rows:
        units.setdefault(item, []).append(value)
    units = [values for values in units.values() if len(values) > 1]
    pooled = [value for values in units for value in values]
    if len(set(pooled)) < 2:
        return None

    def squared_difference(a, b):
        if level == "nominal":
            return float(a != b)
        if level == "interval":
            return float((a - b) ** 2)
        low, high = min(a, b), max(a, b)
        between = sum(low <= value <= high for value in pooled)
        return (between - (pooled.count(low) + pooled.count(high)) / 2) ** 2 if a != b else 0.0

    n = len(pooled)
    observed = sum(
        squared_difference(a, b) / (len(values) - 1)
        for values in units
        for a, b in itertools.permutations(values, 2)
    )
    expected = sum(squared_difference(a, b) for a, b in itertools.permutations(pooled, 2))
    return 1 - (observed / n) / (expected / (n * (n - 1)))


@pytest.mark.parametrize(
    ("level", "published"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)]
)
def test_alpha_of_the_textbook_example_is_the_published_one(level, published):
    result = alpha_of(TEXTBOOK, level)
    assert round(result.value, 3) == published
    assert result.value == pytest.approx(plain_alpha(TEXTBOOK, level), abs=1e-12)
    # Unit 12 has one answer only.
    assert (result.n_items, result.n_ratings, result.n_raters, result.n_alone) == (11, 40, 4, 1)


@pytest.mark.parametrize(
    ("rows", "level", "expected"),
    [
        # Two raters, values 1 1, 1 2, 2 2: one of three items disagrees. Of the 15 pairs of six ratings 9
        # disagree. 1 - (1/3) / (9/15).
        ([(0, "a", 1), (0, "b", 1), (1, "a", 1), (1, "b", 2), (2, "a", 2), (2, "b", 2)], "nominal", 4 / 9),
        # Values 1 3 and 2 2. Observed (4 + 0) / 2 items; expected (1 + 1 + 4 + 0 + 1 + 1) / 6 pairs.
        ([(0, "a", 1), (0, "b", 3), (1, "a", 2), (1, "b", 2)], "interval", 1 - 2 / (8 / 6)),
        # The same ranked: 1, 2.5, 2.5, 4. Observed 9 / 2; expected (2.25 * 4 + 9) / 6.
        ([(0, "a", 1), (0, "b", 9), (1, "a", 2), (1, "b", 2)], "ordinal", 1 - 4.5 / 3),
        # Three raters, all apart: every pair disagrees, observed and expected alike.
        ([(0, "a", 1), (0, "b", 2), (0, "c", 3)], "nominal", 0),
    ],
)
def test_alpha_of_hand_worked_vectors(rows, level, expected):
    assert alpha_of(rows, level).value == pytest.approx(expected, abs=1e-12)


@each_level
@given(rows=ROWS)
def test_alpha_is_that_of_the_slow_plain_version(level, rows):
    expected = plain_alpha(rows, level)
    assert alpha_of(rows, level).value == pytest.approx(
        math.nan if expected is None else expected, abs=1e-9, nan_ok=True
    )


@each_level
@given(rows=ROWS, seed=st.integers(0, 9))
def test_alpha_when_rows_items_or_raters_are_permuted_stays(level, rows, seed):
    generator = np.random.default_rng(seed)
    items, raters = generator.permutation(8), generator.permutation(5)
    moved = [(int(items[i]), int(raters[r]), value) for i, r, value in rows]
    shuffled = [moved[row] for row in generator.permutation(len(moved))]
    assert alpha_of(shuffled, level).value == pytest.approx(
        alpha_of(rows, level).value, abs=1e-12, nan_ok=True
    )


@given(rows=ROWS)
def test_nominal_alpha_under_other_names_for_the_values_stays(rows):
    names = {1: "unsure", 2: "z", 3: "supported", 4: "", 5: "hallucinated"}
    named = [(item, rater, names[value]) for item, rater, value in rows]
    before, after = alpha_of(rows, "nominal", n_resamples=9), alpha_of(named, "nominal", n_resamples=9)
    assert (after.note, after.n_items) == (before.note, before.n_items)
    assert [after.value, after.low, after.high] == pytest.approx(
        [before.value, before.low, before.high], abs=1e-12, nan_ok=True
    )


@given(rows=ROWS)
def test_ordinal_alpha_under_a_growing_map_stays_and_interval_alpha_under_a_linear_one(rows):
    grown = [(item, rater, math.exp(value)) for item, rater, value in rows]
    linear = [(item, rater, 1e6 - 0.37 * value) for item, rater, value in rows]
    for level, mapped in (("ordinal", grown), ("interval", linear), ("ordinal", linear)):
        assert alpha_of(mapped, level).value == pytest.approx(
            alpha_of(rows, level).value, abs=1e-7, nan_ok=True
        )


@each_level
@given(rows=ROWS)
def test_alpha_is_at_most_one_and_one_exactly_when_all_items_agree(level, rows):
    value = alpha_of(rows, level).value
    units = {}
    for item, _, given_value in rows:
        units.setdefault(item, set()).add(given_value)
    if not math.isnan(value):
        assert value <= 1
        assert (value == 1) == all(
            len(units[item]) == 1 for item in units if sum(row[0] == item for row in rows) > 1
        )


@given(rows=ROWS)
def test_alpha_when_missing_and_lonely_ratings_are_added_stays(rows):
    more = [*rows, (0, 99, None), (1, 99, math.nan), (500, 99, 4)]
    for level in LEVELS:
        before, after = alpha_of(rows, level), alpha_of(more, level)
        if not math.isnan(before.value):
            assert (after.value, after.n_ratings) == (before.value, before.n_ratings)
            assert after.n_alone == before.n_alone + 1


@pytest.mark.parametrize("level", ["ordinal", "interval"])
@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_alpha_of_very_small_and_very_large_numbers_is_that_of_plain_ones(level, scale):
    scaled = [(item, rater, value * scale) for item, rater, value in TEXTBOOK]
    assert alpha_of(scaled, level).value == pytest.approx(alpha_of(TEXTBOOK, level).value, abs=1e-12)


# Undefined cases


@each_level
@pytest.mark.parametrize(
    ("rows", "counts", "note"),
    [
        ([(0, "a", None)], (0, 0, 0), "there are no ratings"),
        ([(0, "a", 1), (1, "a", 2)], (0, 0, 2), "one rater gave all ratings"),
        ([(0, "a", 1), (1, "b", 2)], (0, 0, 2), "no item has two ratings: the 2 raters have no item in"),
        (
            [(0, "a", 3), (0, "b", 3), (1, "a", 3), (1, "b", 3), (2, "a", 5)],
            (2, 4, 1),
            "all 4 ratings are eq",
        ),
    ],
)
def test_alpha_with_nothing_to_compute_is_nan_with_counts_and_the_reason(level, rows, counts, note):
    result = alpha_of(rows, level, n_resamples=10)
    assert math.isnan(result.value)
    assert math.isnan(result.low)
    assert math.isnan(result.high)
    assert (result.n_items, result.n_ratings, result.n_alone) == counts
    assert result.note.startswith(note)


def test_alpha_of_no_rows_at_all_says_that_there_are_no_ratings():
    assert krippendorff_alpha([], [], [], groups=[], level="nominal").note == "there are no ratings"


@pytest.mark.parametrize(
    ("columns", "options", "sentence"),
    [
        (([1], ["a"], [1, 2]), {}, "1 items, 1 raters, 2 values and 1 groups"),
        (([1, 1], ["a", "a"], [1, 2]), {}, "rater 'a' has 2 ratings of item 1"),
        (([1, 1], ["a", "b"], [1, 2]), {"groups": ["x", "y"]}, "item 1 stands under more than one image"),
        (([1], ["a"], ["good"]), {"level": "ordinal"}, "'good' is text"),
        (([1], ["a"], [math.inf]), {"level": "interval"}, "infinite"),
        (([1], ["a"], [1]), {"level": "ratio"}, "'ratio'"),
        (([1], ["a"], [1]), {"n_resamples": -1}, "got -1, 0.95"),
        (([1], ["a"], [1]), {"confidence": 0}, "got 2000, 0"),
    ],
)
def test_alpha_of_what_will_not_do_says_what_is_wrong(columns, options, sentence):
    with pytest.raises(InvalidScoresError, match=sentence):
        krippendorff_alpha(*columns, **{"groups": columns[0], "level": "nominal", **options})


# Intervals


def simulated(n_images, generator, *, per_image=3, n_raters=3):
    """Yes or no by three raters who err alike on the captions of one image; with the true alpha."""
    errors = (0.05, 0.35)
    rows = []
    for image in range(n_images):
        error = errors[generator.integers(2)]
        for item in range(image * per_image, (image + 1) * per_image):
            truth = generator.integers(2)
            rows += [(item, rater, int(truth ^ (generator.random() < error))) for rater in range(n_raters)]
    disagreement = np.mean([2 * error * (1 - error) for error in errors])
    return rows, 1 - disagreement / 0.5


@each_level
def test_alpha_gives_the_interval_of_a_slow_plain_bootstrap(level):
    rows, _ = simulated(8, np.random.default_rng(2), per_image=2)
    rows = [(item, rater, value + item % 3) for item, rater, value in rows][:-4]
    result = alpha_of(rows, level, n_resamples=40, confidence=0.8, seed=3)
    drawn = np.random.default_rng(3).integers(0, 8, size=(40, 8))
    draws = [np.bincount(images, minlength=8) for images in drawn]
    values = []
    for draw in draws:
        # A copy of an image is another image: its items get numbers of their own.
        copies = [
            ((item, copy), rater, value) for item, rater, value in rows for copy in range(draw[item // 2])
        ]
        values.append(plain_alpha(copies, level))
    assert [result.low, result.high] == pytest.approx(plain_ends(values, 0.8, 8), abs=1e-9)
    assert result.note == ""


@each_level
def test_alpha_in_small_chunks_gives_the_same(level, monkeypatch):
    rows, _ = simulated(20, np.random.default_rng(4))
    whole = alpha_of(rows, level, n_resamples=50)
    monkeypatch.setattr("annotations.agreement._CELLS_AT_ONCE", 9)
    monkeypatch.setattr("annotations.resampling._CELLS_AT_ONCE", 90)
    assert alpha_of(rows, level, n_resamples=50) == whole


def test_draws_come_the_same_in_blocks_of_any_size_and_begin_with_the_data(monkeypatch):
    whole = np.concatenate(list(draw_blocks(5, n_resamples=7, seed=1)))
    monkeypatch.setattr("annotations.resampling._CELLS_AT_ONCE", 11)
    blocks = list(draw_blocks(5, n_resamples=7, seed=1))
    assert [len(block) for block in blocks] == [1, 2, 2, 2, 1]
    assert (np.concatenate(blocks) == whole).all()
    assert (whole[0] == 1).all()
    assert (whole.sum(axis=1) == 5).all()


def test_alpha_with_the_same_seed_repeats_and_with_another_does_not():
    rows, _ = simulated(20, np.random.default_rng(5))
    first = alpha_of(rows, "nominal", n_resamples=99, seed=1)
    assert alpha_of(rows, "nominal", n_resamples=99, seed=1) == first
    other = alpha_of(rows, "nominal", n_resamples=99, seed=2)
    assert (other.value, other.low) != (first.value, first.low)
    assert other.value == first.value


def test_alpha_of_captions_of_few_images_has_a_wider_interval_than_of_many():
    rows, _ = simulated(20, np.random.default_rng(6), per_image=1)
    repeated = [(4 * item + copy, rater, value) for item, rater, value in rows for copy in range(4)]
    groups = [item // 4 for item, _, _ in repeated]
    clustered = alpha_of(repeated, "nominal", groups=groups, n_resamples=500)
    single = alpha_of(repeated, "nominal", groups=[item for item, _, _ in repeated], n_resamples=500)
    assert clustered.value == single.value
    assert clustered.high - clustered.low > 1.5 * (single.high - single.low)


def test_alpha_of_one_image_has_a_value_and_says_why_it_has_no_interval():
    result = alpha_of(TEXTBOOK, "nominal", groups=["one"] * len(TEXTBOOK), n_resamples=50)
    assert round(result.value, 3) == 0.743
    assert math.isnan(result.low)
    assert "one image" in result.note


def test_alpha_counts_the_resamples_that_have_no_value():
    # Only the fifth image holds another value; .8 ** 5 of the draws of five do without it.
    rows = [(item, rater, 1) for item in range(4) for rater in "ab"] + [(4, "a", 1), (4, "b", 2)]
    result = alpha_of(rows, "nominal", groups=[row[0] for row in rows], n_resamples=2000)
    assert not math.isnan(result.low)
    match = re.match(
        r"([\d,]+) of 2,000 resamples have a value; in the others all ratings are eq", result.note
    )
    assert int(match[1].replace(",", "")) / 2000 == pytest.approx(1 - 0.8**5, abs=0.04)


def test_alpha_when_too_few_resamples_have_a_value_gives_no_interval(monkeypatch):
    # Where one image of five has another value, two thirds of the draws hold both; it is never much fewer.
    monkeypatch.setattr("annotations.resampling.MIN_DEFINED", 0.8)
    rows = [(item, rater, 1 + (item == 4)) for item in range(5) for rater in "ab"]
    result = alpha_of(rows, "nominal", groups=[row[0] for row in rows], n_resamples=2000)
    assert result.value == 1
    assert math.isnan(result.low)
    assert result.note.startswith("no interval: only")


def test_alpha_without_resamples_says_so():
    assert alpha_of(TEXTBOOK, "nominal", n_resamples=0).note == "no resamples drawn"


@pytest.mark.slow
@pytest.mark.parametrize(("n_images", "at_least"), [(15, 0.88), (30, 0.9), (60, 0.91)])
def test_alpha_interval_covers_the_truth_about_as_often_as_it_says(n_images, at_least):
    generator, by_image, by_item = np.random.default_rng(7), 0, 0
    for _ in range(400):
        rows, truth = simulated(n_images, generator, per_image=4)
        clustered = alpha_of(rows, "nominal", groups=[item // 4 for item, _, _ in rows], n_resamples=400)
        by_image += clustered.low <= truth <= clustered.high
        single = alpha_of(rows, "nominal", groups=[item for item, _, _ in rows], n_resamples=400)
        by_item += single.low <= truth <= single.high
    # The figures of docs/ratings.md; pytest -s shows them.
    print(f"{n_images} images: {by_image / 400:.4f} over images, {by_item / 400:.4f} over items")
    assert at_least <= by_image / 400 <= 0.98
    assert by_item / 400 < 0.88


@settings(max_examples=20)
@given(rows=ROWS)
def test_alpha_interval_when_there_is_one_is_ordered(rows):
    for level in LEVELS:
        result = alpha_of(rows, level, n_resamples=20)
        assert math.isnan(result.low) == math.isnan(result.high)
        assert math.isnan(result.low) or result.low <= result.high <= 1
