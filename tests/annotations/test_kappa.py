"""Cohen's kappa: worked examples, a slow plain version, laws, undefined cases."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotations.errors import InvalidScoresError
from annotations.kappa import kappa_matrix, weighted_kappa

COST = {
    "none": lambda a, b: float(a != b),
    "linear": lambda a, b: float(abs(a - b)),
    "quadratic": lambda a, b: float((a - b) ** 2),
}
each_weights = pytest.mark.parametrize("weights", list(COST))
ANSWERS = st.one_of(st.none(), st.integers(1, 5))
PAIRS = st.lists(st.tuples(ANSWERS, ANSWERS), min_size=1, max_size=20)


def plain_kappa(pairs, weights):
    """Compare every answer of one with every answer of the other; None where that is always equal."""
    pairs = [(a, b) for a, b in pairs if a is not None and b is not None]
    cost = COST[weights]
    expected = sum(cost(a, b) for (a, _), (_, b) in itertools.product(pairs, pairs))
    if expected == 0:
        return None
    return 1 - len(pairs) * sum(cost(a, b) for a, b in pairs) / expected


@pytest.mark.parametrize(
    ("table", "weights", "expected"),
    [
        # Cohen 1960 in small: 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no. Agreement .7, by chance .5.
        ({(1, 1): 20, (1, 2): 5, (2, 1): 10, (2, 2): 15}, "none", 0.4),
        # Answers 1 1, 2 3, 3 2: costs 0, 1, 1; all nine comparisons 8 when linear and 12 when squared.
        ({(1, 1): 1, (2, 3): 1, (3, 2): 1}, "linear", 1 - 3 * 2 / 8),
        ({(1, 1): 1, (2, 3): 1, (3, 2): 1}, "quadratic", 1 - 3 * 2 / 12),
        ({(1, 2): 4, (2, 1): 4}, "none", -1),
        ({(1, 1): 4, (5, 5): 4}, "quadratic", 1),
    ],
)
def test_kappa_of_hand_worked_tables(table, weights, expected):
    first, second = zip(*[pair for pair, times in table.items() for _ in range(times)], strict=True)
    result = weighted_kappa(first, second, weights=weights, min_items=1)
    assert result.value == pytest.approx(expected, abs=1e-12)
    assert result.n_items == sum(table.values())
    assert result.agreement == pytest.approx(sum(n for (a, b), n in table.items() if a == b) / result.n_items)
    assert result.note == ""


@each_weights
@given(pairs=PAIRS)
def test_kappa_is_that_of_the_slow_plain_version(weights, pairs):
    expected = plain_kappa(pairs, weights)
    result = weighted_kappa(*zip(*pairs, strict=True), weights=weights, min_items=1)
    assert result.value == pytest.approx(math.nan if expected is None else expected, abs=1e-12, nan_ok=True)
    assert (result.note == "") or expected is None or expected == pytest.approx(0, abs=1e-12)


@each_weights
@given(pairs=PAIRS, seed=st.integers(0, 9))
def test_kappa_is_symmetric_at_most_one_and_blind_to_order(weights, pairs, seed):
    first, second = (list(column) for column in zip(*pairs, strict=True))
    value = weighted_kappa(first, second, weights=weights, min_items=1).value
    order = np.random.default_rng(seed).permutation(len(first))
    moved = weighted_kappa(
        [second[row] for row in order], [first[row] for row in order], weights=weights, min_items=1
    )
    assert moved.value == pytest.approx(value, abs=1e-12, nan_ok=True)
    assert math.isnan(value) or value <= 1


@given(pairs=PAIRS)
def test_unweighted_kappa_under_other_names_stays_and_linear_under_a_stretched_scale(pairs):
    first, second = zip(*pairs, strict=True)
    for weights, of in (
        ("none", {None: None, 1: "e", 2: "d", 3: "c", 4: "b", 5: "a"}),
        ("linear", {None: None, **{level: 7 - level / 4 for level in range(1, 6)}}),
    ):
        mapped = weighted_kappa([of[a] for a in first], [of[b] for b in second], weights=weights, min_items=1)
        plain = weighted_kappa(first, second, weights=weights, min_items=1)
        assert mapped.value == pytest.approx(plain.value, abs=1e-12, nan_ok=True)


@each_weights
@given(cells=st.dictionaries(st.tuples(st.integers(0, 9), st.sampled_from("abcd")), st.integers(1, 4)))
def test_matrix_holds_the_kappa_of_every_two_raters(weights, cells):
    items, raters = ([key[part] for key in cells] for part in (0, 1))
    matrix = kappa_matrix(items, raters, list(cells.values()), weights=weights, min_items=3)
    assert set(matrix.raters) == set(raters)
    values = []
    for a, b in itertools.combinations(range(len(matrix.raters)), 2):
        first, second = ([cells.get((item, matrix.raters[at])) for item in range(10)] for at in (a, b))
        single = weighted_kappa(first, second, weights=weights, min_items=3)
        assert matrix.value[a, b] == pytest.approx(single.value, abs=1e-12, nan_ok=True)
        assert matrix.value[b, a] == pytest.approx(single.value, abs=1e-12, nan_ok=True)
        assert matrix.n_items[a, b] == matrix.n_items[b, a] == single.n_items
        values.append(single.value)
    defined = [value for value in values if not math.isnan(value)]
    assert matrix.n_defined == len(defined)
    assert matrix.mean == pytest.approx(np.mean(defined) if defined else math.nan, abs=1e-12, nan_ok=True)
    assert [matrix.n_items[at, at] for at in range(len(matrix.raters))] == [
        raters.count(rater) for rater in matrix.raters
    ]
    assert np.isnan(np.diag(matrix.value)).all()


def test_matrix_in_small_chunks_gives_the_same(monkeypatch):
    generator = np.random.default_rng(1)
    rows = [(item, rater, int(generator.integers(1, 6))) for item in range(30) for rater in range(5)]
    whole = kappa_matrix(*zip(*rows, strict=True), weights="linear")
    monkeypatch.setattr("annotations.kappa._CELLS_AT_ONCE", 11)
    assert kappa_matrix(*zip(*rows, strict=True), weights="linear").pairs == whole.pairs


@pytest.mark.parametrize(
    ("first", "second", "n", "note"),
    [
        ([], [], 0, "needs at least 2 items that both rated; there are 0"),
        ([1, None], [None, 2], 0, "needs at least 2 items that both rated; there are 0"),
        ([1, 2, None], [1, None, 2], 1, "needs at least 2 items that both rated; there are 1"),
        ([3, 3, 1], [3, 3, None], 2, "both raters gave one and the same answer to all 2 items"),
    ],
)
@each_weights
def test_kappa_with_nothing_to_compute_is_nan_with_n_and_the_reason(weights, first, second, n, note):
    result = weighted_kappa(first, second, weights=weights, min_items=2)
    assert math.isnan(result.value)
    assert (result.n_items, result.note) == (n, note)


@each_weights
def test_kappa_of_a_rater_who_always_says_the_same_is_zero_and_says_why(weights):
    # Exactly 0, though the sums behind it are not those of exact numbers.
    varied = [0.3, 0, 0, 0.8, 0.9, 0.6, 0.7, 0.5, 0.9, 0.8]
    result = weighted_kappa([0] * 10, varied, weights=weights, min_items=1)
    assert result.value == 0
    assert weighted_kappa(varied, [0] * 10, weights=weights, min_items=1) == result
    assert "one of the two raters gave the same answer" in result.note


def test_matrix_counts_the_pairs_that_are_left_out_of_its_mean():
    rows = [(item, rater, item % 2) for item in range(4) for rater in "ab"] + [(0, "c", 1)]
    matrix = kappa_matrix(*zip(*rows, strict=True), min_items=2)
    assert (matrix.mean, matrix.n_defined) == (1, 1)
    assert matrix.note == "2 of 3 pairs of raters have no value and are left out"
    assert matrix.pairs["a", "c"].note == "needs at least 2 items that both rated; there are 1"
    assert kappa_matrix([1], ["a"], [1]).note == "agreement needs two raters; there are 1"
    assert kappa_matrix([], [], []).note == "agreement needs two raters; there are 0"
    nothing_shared = kappa_matrix([1, 2], ["a", "b"], [1, 1])
    assert nothing_shared.note == "none of the 1 pairs of raters has a value"
    assert math.isnan(nothing_shared.mean)
    assert nothing_shared.pairs == {}


@pytest.mark.parametrize(
    ("arguments", "options", "sentence"),
    [
        (([1], [1, 2]), {}, "1 and 2 answers"),
        (([1], [1]), {"weights": "cubic"}, "'cubic'"),
        (([1], [1]), {"min_items": 0}, "got 0"),
        ((["yes"], ["no"]), {"weights": "linear"}, "'yes' is text"),
    ],
)
def test_kappa_of_what_will_not_do_says_what_is_wrong(arguments, options, sentence):
    with pytest.raises(InvalidScoresError, match=sentence):
        weighted_kappa(*arguments, **options)
