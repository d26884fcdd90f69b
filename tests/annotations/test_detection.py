"""Dips against verdicts: hand-worked cases, scipy, slow plain versions, laws, undefined cases."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_interval import plain_ends
from scipy import stats

from annotations.detection import detect, sweep_thresholds, unit_labels
from annotations.errors import InvalidScoresError
from annotations.resampling import draw_blocks

H, S, U = "hallucinated", "supported", "unsure"
NAMES = ("precision", "recall", "f1", "auroc", "average_precision")
POLICIES = ("left_out", "hallucinated", "supported")

# Few distinct deltas, so that ties are common.
UNITS = st.lists(
    st.tuples(
        st.sampled_from([-0.2, -0.1, 0.0, 0.1, math.nan]),
        st.lists(st.sampled_from([H, S, U]), max_size=3),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=25,
)


def detected(units, **options):
    deltas, verdicts, images = zip(*units, strict=True)
    return detect(deltas, verdicts, items=images, images=images, **{"n_resamples": 0, **options})


def plain_figures(deltas, true, threshold):
    """Work the five figures out unit by unit; NaN where one is not defined."""
    flagged = [delta < -threshold for delta in deltas]
    tp = sum(f and t for f, t in zip(flagged, true, strict=True))
    fp, fn = sum(flagged) - tp, sum(true) - tp
    positive = [-d for d, t in zip(deltas, true, strict=True) if t]
    negative = [-d for d, t in zip(deltas, true, strict=True) if not t]
    auroc = math.nan
    if positive and negative:
        auroc = stats.mannwhitneyu(positive, negative).statistic / (len(positive) * len(negative))
    precisions = [sum(p >= at for p in positive) / sum(-d >= at for d in deltas) for at in positive]
    return [
        tp / (tp + fp) if tp + fp else math.nan,
        tp / (tp + fn) if tp + fn else math.nan,
        2 * tp / (2 * tp + fp + fn) if tp + fp + fn else math.nan,
        auroc,
        float(np.mean(precisions)) if positive else math.nan,
    ]


def simulated(n_images, generator, *, strength=1.0):
    units = []
    for image in range(n_images):
        share = generator.beta(1, 3)  # units of one image are alike
        for _ in range(5):
            false = generator.random() < share
            delta = round(0.05 * generator.normal(-strength * false), 2)
            units.append((delta, [H if false else S], image))
    return units


def test_figures_of_hand_worked_units():
    units = [
        *((-0.3, [H, H, S], 0), (-0.2, [S], 0), (-0.1, [H], 1), (0.1, [H], 1), (0.2, [S, S], 1)),
        *((math.nan, [H], 0), (-0.5, [H, S], 1), (-0.5, [], 1), (-0.5, [U], 1)),
    ]
    result = detected(units)
    # Flagged: -0.3 true, -0.2 false, -0.1 true. Missed: 0.1.
    assert [getattr(result, name).value for name in NAMES] == pytest.approx(
        [2 / 3, 2 / 3, 4 / 6, (2 + 1 + 1) / 6, (1 + 2 / 3 + 3 / 4) / 3]
    )
    assert (result.n_units, result.n_hallucinated, result.n_flagged) == (5, 3, 3)
    assert (result.n_tied, result.n_unrated, result.n_without_delta, result.n_unsure) == (1, 2, 1, 1)
    assert (result.precision.n, result.recall.n, result.f1.n, result.auroc.n) == (3, 3, 4, 5)
    assert result.prevalence == pytest.approx(3 / 5)
    assert (result.n_items, result.n_images) == (2, 2)
    deeper = detected(units, threshold=0.2)  # a dip of just 0.2 is not deeper than 0.2
    assert (deeper.n_flagged, deeper.precision.value, deeper.recall.value) == (1, 1, pytest.approx(1 / 3))


@pytest.mark.parametrize(
    ("verdicts", "labels"),
    [
        # left out, as hallucinated, as supported
        ([H, U], (1, 1, None)),
        ([S, U], (0, None, 0)),
        ([U], (None, 1, 0)),
        ([H, S, U], (None, 1, 0)),
        ([H, H, S, U], (1, 1, None)),
        ([H, S], (None, None, None)),
        ([], (None, None, None)),
    ],
)
def test_majority_with_unsure_counted_all_three_ways(verdicts, labels):
    for policy, expected in zip(POLICIES, labels, strict=True):
        result = unit_labels([verdicts], unsure=policy)
        assert result.hallucinated[0] == pytest.approx(
            math.nan if expected is None else expected, nan_ok=True
        )
        assert (result.tied[0] or result.unrated[0]) == (expected is None)
        assert not (result.tied[0] and result.unrated[0])
        assert result.n_unsure == verdicts.count(U)


@given(units=UNITS, threshold=st.sampled_from([-0.15, 0.0, 0.1, 0.3]), unsure=st.sampled_from(POLICIES))
def test_figures_are_those_of_the_slow_plain_version_or_say_why_not(units, threshold, unsure):
    result = detected(units, threshold=threshold, unsure=unsure)
    labels = unit_labels([unit[1] for unit in units], unsure=unsure).hallucinated
    kept = [
        (unit[0], label == 1)
        for unit, label in zip(units, labels, strict=True)
        if not math.isnan(unit[0]) and not math.isnan(label)
    ]
    assert result.n_units == len(kept)
    assert len(units) == len(kept) + result.n_tied + result.n_unrated + result.n_without_delta
    expected = plain_figures(*zip(*kept, strict=True), threshold) if kept else [math.nan] * 5
    for name, value in zip(NAMES, expected, strict=True):
        found = getattr(result, name)
        assert found.value == pytest.approx(value, abs=1e-12, nan_ok=True)
        assert math.isnan(found.value) == (found.note not in ("no resamples drawn", *ONE_IMAGE))


ONE_IMAGE = ("all items are of one image: no interval over images",)


@settings(max_examples=30)
@given(units=UNITS)
def test_resampled_figures_are_ordered_in_range_and_explained(units):
    result = detected(units, n_resamples=20)
    for name in NAMES:
        found = getattr(result, name)
        assert found.note or not math.isnan(found.low)
        assert math.isnan(found.low) or 0 <= found.low <= found.high <= 1


@given(units=UNITS)
def test_whole_weights_count_units_as_often(units):
    weights = [1 + row % 3 for row in range(len(units))]
    copied = [unit for unit, weight in zip(units, weights, strict=True) for _ in range(weight)]
    weighted, repeated = detected(units, weights=weights), detected(copied)
    for name in NAMES:
        assert getattr(weighted, name).value == pytest.approx(getattr(repeated, name).value, nan_ok=True)
    assert weighted.prevalence == pytest.approx(repeated.prevalence, nan_ok=True)


def test_intervals_are_those_of_a_slow_plain_bootstrap_over_images():
    units = simulated(12, np.random.default_rng(1))
    result = detected(units, n_resamples=40, confidence=0.8, seed=2, threshold=0.02)
    draws = np.concatenate(list(draw_blocks(12, n_resamples=40, seed=2)))[1:]
    values = []
    for draw in draws:
        copies = [unit for unit in units for _ in range(draw[unit[2]])]
        values.append(plain_figures([c[0] for c in copies], [c[1] == [H] for c in copies], 0.02))
    for column, name in enumerate(NAMES):
        low, high = plain_ends([row[column] for row in values], 0.8, 12)
        assert (getattr(result, name).low, getattr(result, name).high) == pytest.approx((low, high))


def test_figures_in_small_chunks_are_the_same(monkeypatch):
    units = simulated(20, np.random.default_rng(3))
    whole = detected(units, n_resamples=50)
    for module in ("detection", "resampling"):
        monkeypatch.setattr(f"annotations.{module}._CELLS_AT_ONCE", 40)
    chunks = detected(units, n_resamples=50)
    for name in NAMES:
        assert getattr(chunks, name) == getattr(whole, name)


@given(units=UNITS)
def test_sweep_row_by_row_is_the_detection_at_that_threshold(units):
    labels = unit_labels([unit[1] for unit in units]).hallucinated
    deltas = np.array([unit[0] for unit in units])
    if np.isnan(labels + deltas).all():
        with pytest.raises(InvalidScoresError, match=f"none of the {len(units)} units"):
            sweep_thresholds(deltas, labels)
        return
    sweep = sweep_thresholds(deltas, labels)
    assert (np.diff(sweep.threshold) < 0).all()
    for row, threshold in enumerate(sweep.threshold):
        found = detected(units, threshold=threshold)
        assert sweep.n_flagged[row] == found.n_flagged
        assert sweep.precision[row] == pytest.approx(found.precision.value, nan_ok=True)
        assert sweep.recall[row] == pytest.approx(found.recall.value, nan_ok=True)
        assert sweep.f1[row] == pytest.approx(found.f1.value, nan_ok=True)
    assert (sweep.n_flagged[0], sweep.n_flagged[-1]) == (0, found.n_units)
    # The area under the curve of recall over the false positives is AUROC.
    area = np.trapezoid(sweep.recall, sweep.false_positive_rate)
    assert area == pytest.approx(detected(units).auroc.value, nan_ok=True)


@pytest.mark.parametrize(
    ("units", "name", "sentence"),
    [
        ([(0.1, [S], 0), (0.2, [H], 1)], "precision", "none of the 2 units is flagged at this threshold"),
        ([(-0.1, [S], 0)], "recall", "none of the 1 units is hallucinated by the majority"),
        ([(0.1, [S], 0)], "f1", "none of the 1 units is hallucinated by the majority, and none is flagged"),
        ([(-0.1, [H], 0)], "auroc", "all 1 units are hallucinated by the majority"),
        ([(-0.1, [S], 0)], "average_precision", "is hallucinated by the majority"),
        ([(-0.1, [H, S], 0)], "auroc", "no unit has a majority and a delta"),
    ],
)
def test_figure_that_is_not_defined_is_nan_and_says_why(units, name, sentence):
    found = getattr(detected(units, n_resamples=10), name)
    assert math.isnan(found.value)
    assert math.isnan(found.low)
    assert sentence in found.note


def test_resamples_without_a_hallucinated_unit_are_counted():
    units = [(-0.1 * (image == 0), [H if image == 0 else S], image) for image in range(6)]
    note = detected(units, n_resamples=1000).recall.note
    assert "of 1,000 resamples have a value; in the others it is not defined" in note
    assert int(note.split(" of ")[0]) / 1000 == pytest.approx(1 - (5 / 6) ** 6, abs=0.05)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"verdicts": [["wrong"]]}, "unit 0 is 'wrong'"),
        ({"unsure": "maybe"}, "'maybe'"),
        ({"deltas": [math.inf]}, "a delta is infinite"),
        ({"deltas": [0.1, 0.2]}, r"shape \(2,\), 1 lists"),
        ({"weights": [0.0]}, "a weight is not above 0"),
        ({"threshold": math.nan}, "finite; got nan"),
        ({"n_resamples": -1}, "got -1"),
    ],
)
def test_units_that_will_not_do_say_what_is_wrong(options, sentence):
    options = {"deltas": [0.1], "verdicts": [[S]], **options}
    with pytest.raises(InvalidScoresError, match=sentence):
        detect(items=[0], images=[0], **options)


@pytest.mark.slow
def test_intervals_cover_the_truth_about_as_often_as_they_say():
    generator = np.random.default_rng(4)
    reference = detected(simulated(60_000, generator), threshold=0.03)
    covered = dict.fromkeys(NAMES, 0)
    for _ in range(300):
        result = detected(simulated(60, generator), threshold=0.03, n_resamples=400)
        for name in NAMES:
            found = getattr(result, name)
            covered[name] += found.low <= getattr(reference, name).value <= found.high
    print({name: round(times / 300, 3) for name, times in covered.items()})  # docs/analysis.md
    assert all(0.9 <= times / 300 <= 0.985 for times in covered.values())


def test_sweep_with_whole_weights_is_that_of_units_repeated_so_often():
    deltas, labels, weights = [-0.2, -0.1, -0.1, 0.1, 0.3], [1, 0, 1, 1, 0], [3, 1, 2, 1, 4]
    found = sweep_thresholds(deltas, labels, weights=weights)
    repeated = sweep_thresholds(np.repeat(deltas, weights), np.repeat(labels, weights))
    for name in ("threshold", "precision", "recall", "f1", "false_positive_rate"):
        np.testing.assert_allclose(getattr(found, name), getattr(repeated, name))
    assert found.n_flagged.tolist() == [0, 1, 3, 4, 5]
