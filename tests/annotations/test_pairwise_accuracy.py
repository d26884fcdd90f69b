"""Pairwise accuracy with ties: hand-worked vectors, a plain version, and thresholds that do not cheat."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotations import pairwise_accuracy as module
from annotations.pairwise_accuracy import accuracy_of_pairs, accuracy_within_groups, pooled_accuracy


def plain_accuracy(pairs, threshold):
    """The share of ((human, metric), (human, metric)) pairs that are right; `threshold` may be a function."""
    right = []
    for one, other in pairs:
        limit = threshold(one, other) if callable(threshold) else threshold
        people, metric = one[0] - other[0], one[1] - other[1]
        right.append(
            abs(metric) <= limit
            if people == 0
            else abs(metric) > limit and np.sign(people) == np.sign(metric)
        )
    return np.mean(right)


@pytest.mark.parametrize(
    ("threshold", "accuracy"),
    [
        # Of ten pairs six in the same order; the metric does not tie the one that people tie.
        (0, 0.6),
        # A threshold of a half ties (2, 1.5), which was wrong, and (1, 1.5), which people tie.
        (0.5, 0.7),
        # Tied are then also (2, 1), (1, 3), (1.5, 3), (2, 3) and (5, 3).
        (2, 0.4),
    ],
)
def test_accuracy_of_hand_worked_vectors(threshold, accuracy):
    human, metric = np.array([1.0, 2, 2, 3, 4]), np.array([2, 1, 1.5, 5, 3])
    assert accuracy_of_pairs(human, metric, threshold) == pytest.approx(accuracy)


@settings(max_examples=50)
@given(
    rows=st.lists(st.tuples(st.integers(1, 4), st.integers(0, 6)), min_size=2, max_size=12),
    threshold=st.integers(0, 3),
)
def test_accuracy_is_that_of_a_plain_loop(rows, threshold):
    human, metric = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    expected = plain_accuracy(itertools.combinations(rows, 2), threshold)
    assert accuracy_of_pairs(human, metric, threshold) == pytest.approx(expected)


def noisy(n_images, per_image, seed, noise=0.6):
    generator = np.random.default_rng(seed)
    human = generator.integers(1, 6, n_images * per_image).astype(float)
    return human, human + generator.normal(0, noise, len(human)), np.arange(len(human)) // per_image


def test_pooled_accuracy_is_that_of_its_own_thresholds_with_resamples_laid_out():
    human, metric, image = noisy(8, 3, 1)
    generator = np.random.default_rng(5)
    draws = np.concatenate([np.ones((1, 8), dtype=int), generator.integers(0, 3, (5, 8))])
    found = pooled_accuracy(human, metric, draws, image, seed=4)
    fold, _ = module._deal(8, np.random.default_rng(4))
    n_folds = fold.max() + 1
    table = np.zeros((n_folds, n_folds))
    table[np.triu_indices(n_folds)] = found.thresholds
    table = np.maximum(table, table.T)
    for draw, value in zip(draws, found.values, strict=True):
        items = [
            (human[i], metric[i], image[i], copy) for i in range(len(human)) for copy in range(draw[image[i]])
        ]
        # Copies of one image do not meet; its items meet within each copy.
        pairs = [
            (one, other)
            for one, other in itertools.combinations(items, 2)
            if one[2] != other[2] or one[3] == other[3]
        ]
        expected = plain_accuracy(pairs, lambda one, other: table[fold[one[2]], fold[other[2]]])
        assert value == pytest.approx(expected, abs=1e-12)


@settings(max_examples=100)
@given(
    rows=st.lists(
        st.tuples(st.integers(1, 4), st.integers(0, 12), st.integers(0, 2)), min_size=2, max_size=14
    ),
    limits=st.lists(st.integers(0, 6), min_size=6, max_size=6),
)
def test_counting_right_pairs_by_sorting_is_comparing_every_two(rows, limits):
    # Steps of a tenth are not exact in binary, so differences that equal a threshold on paper test the edge.
    human, metric, fold = (np.array(column) for column in zip(*rows, strict=True))
    table = np.zeros((3, 3))
    table[np.triu_indices(3)] = np.array(limits) / 10
    table = np.maximum(table, table.T)
    points = list(zip(human.astype(float), metric / 10, fold.tolist(), strict=True))
    pairs = list(itertools.combinations(points, 2))
    expected = plain_accuracy(pairs, lambda one, other: table[one[2], other[2]])
    found = module.count_correct(human.astype(float), metric / 10, fold, table)
    assert found == round(expected * len(pairs))


def test_pooled_accuracy_of_the_data_alone_is_that_of_the_data_among_resamples():
    human, metric, image = noisy(60, 3, 7)
    alone, among = (
        pooled_accuracy(human, metric, np.ones((n, 60), dtype=int), image, seed=4) for n in (1, 2)
    )
    assert alone.values[0] == pytest.approx(among.values[0], abs=1e-12)
    assert alone.thresholds == among.thresholds


def test_pooled_thresholds_are_the_best_on_the_images_of_the_other_folds():
    human, metric, image = noisy(10, 2, 3)
    found = pooled_accuracy(human, metric, np.ones((1, 10), dtype=int), image, seed=2)
    fold, _ = module._deal(10, np.random.default_rng(2))
    corners = list(zip(*np.triu_indices(fold.max() + 1), strict=True))
    for (one, other), threshold in zip(corners, found.thresholds, strict=True):
        rest = ~np.isin(fold[image], [one, other])
        differences = np.abs(np.subtract.outer(metric, metric)).ravel()
        best = max(accuracy_of_pairs(human[rest], metric[rest], t) for t in np.append(differences, 0))
        assert accuracy_of_pairs(human[rest], metric[rest], threshold) >= best - 0.011


def test_thresholds_within_groups_are_the_best_on_the_groups_of_the_other_folds():
    human, metric, image = noisy(12, 4, 6)
    values, found = accuracy_within_groups(human, metric, image, 12, seed=2)
    fold, _ = module._deal(12, np.random.default_rng(2))

    def accuracy(number, threshold):
        return accuracy_of_pairs(human[image == number], metric[image == number], threshold)

    candidates = np.unique([0.0, *np.abs(np.subtract.outer(metric, metric)).ravel()])
    of_image = np.array([[accuracy(number, t) for t in candidates] for number in range(12)])
    for one, threshold in enumerate(found.thresholds):
        rest = np.flatnonzero(fold != one)
        best = of_image[rest].mean(axis=0).max()
        assert np.mean([accuracy(number, threshold) for number in rest]) == pytest.approx(best)
        for number in np.flatnonzero(fold == one):
            assert values[number] == pytest.approx(accuracy(number, threshold))
    assert found.values[0] == pytest.approx(values.mean())


def test_cross_fitted_accuracy_of_pure_noise_does_not_beat_what_noise_deserves():
    # People tie half of the pairs, and the metric knows nothing. A threshold fitted on the pairs that it is
    # judged on comes out above one half on average; a cross-fitted one does not.
    fitted, crossed = [], []
    for seed in range(60):
        generator = np.random.default_rng(seed)
        human, metric = generator.integers(0, 2, 24).astype(float), generator.normal(size=24)
        image = np.arange(24) // 2
        values, _ = accuracy_within_groups(human, metric, image, 12, seed=seed)
        crossed.append(values.mean())
        means = []
        for threshold in [0.0, *np.abs(metric[::2] - metric[1::2])]:
            each = [accuracy_of_pairs(human[image == i], metric[image == i], threshold) for i in range(12)]
            means.append(np.mean(each))
        fitted.append(max(means))
    assert np.mean(fitted) > 0.55
    assert np.mean(crossed) < 0.52


def test_accuracy_on_two_images_ties_equal_scores_only_and_says_so():
    human, metric, image = noisy(2, 4, 1)
    found = pooled_accuracy(human, metric, np.ones((1, 2), dtype=int), image, seed=0)
    assert found.thresholds == (0.0,)
    assert found.values[0] == pytest.approx(accuracy_of_pairs(human, metric, 0))
    assert "2 images are too few" in found.note
    assert "2 images are too few" in accuracy_within_groups(human, metric, image, 2, seed=0)[1].note


def test_accuracy_of_many_items_fits_its_thresholds_on_some_of_them(monkeypatch):
    human, metric, image = noisy(60, 3, 2)
    whole = pooled_accuracy(human, metric, np.ones((1, 60), dtype=int), image, seed=1)
    monkeypatch.setattr(module, "_ITEMS_FOR_FITTING", 60)
    some = pooled_accuracy(human, metric, np.ones((1, 60), dtype=int), image, seed=1)
    assert some.n_pairs == whole.n_pairs == 180 * 179 // 2
    assert some.values[0] == pytest.approx(whole.values[0], abs=0.03)
