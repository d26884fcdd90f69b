"""The part on dips: hand-worked figures, the same intervals as the plain detector, thinning, calibration."""

import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotations.analysis.dips import WAYS, as_record, calibration, dip_part, with_marks
from annotations.analysis.table import UnitTable
from annotations.analysis.threshold_grid import HIGHEST, STEP, thinned
from annotations.conformal import images_needed, split_images
from annotations.detection import detect, sweep_thresholds, unit_labels
from annotations.errors import InvalidScoresError

H, S, U = "hallucinated", "supported", "unsure"


def table(units, *, n_stale=0):
    """Units as (image, delta, verdicts), each image with one caption."""
    images = [image for image, _, _ in units]
    return UnitTable(
        item=np.array(images, dtype=np.int64),
        image=tuple(f"image-{image}" for image in images),
        start=np.arange(len(units)),
        end=np.arange(len(units)) + 1,
        delta=np.array([delta for _, delta, _ in units], dtype=np.float64),
        verdicts=tuple(tuple(verdicts) for _, _, verdicts in units),
        raters=tuple(tuple(range(len(verdicts))) for _, _, verdicts in units),
        n_stale=n_stale,
    )


def drawn(n_images, *, shift=0.03, share=0.3, spread=0.02, seed=0, n_units=5):
    """Units whose deltas are lower by `shift` where they are hallucinated."""
    generator = np.random.default_rng(seed)
    false = generator.random((n_images, n_units)) < share
    deltas = generator.normal(0.01, spread, false.shape) - shift * false
    return table(
        [
            (image, deltas[image, unit], [H if false[image, unit] else S])
            for image in range(n_images)
            for unit in range(n_units)
        ]
    )


SMALL = table(
    [
        (0, math.nan, [S]),
        (0, -0.05, [H, H, S]),
        (0, -0.02, [S, S]),
        (1, -0.03, [H]),
        (1, 0.01, [S]),
        (1, 0.02, [H]),
        (2, -0.04, [H, S]),
        (2, -0.01, [U]),
        (2, 0.03, []),
    ],
    n_stale=4,
)


def test_figures_of_a_small_table_are_those_worked_by_hand():
    part = dip_part(SMALL, threshold=0.025, n_resamples=200)
    found = part.detection
    # Judged with a delta: -0.05 H, -0.02 S, -0.03 H, 0.01 S, 0.02 H.
    assert (found.precision.value, found.recall.value, found.f1.value) == (1.0, 2 / 3, 0.8)
    assert found.auroc.value == pytest.approx(4 / 6)
    assert (found.n_units, found.n_hallucinated, found.n_images, found.prevalence) == (5, 3, 2, 0.6)
    assert (found.n_tied, found.n_unrated, found.n_without_delta, found.n_unsure) == (1, 2, 1, 1)
    assert (part.n_units, part.n_stale) == (9, 4)


def test_unsure_is_counted_in_every_way_whichever_is_asked_for():
    part = dip_part(SMALL, unsure="hallucinated", n_resamples=0)
    assert set(part.ways) == set(WAYS) == {"left_out", "hallucinated", "supported"}
    assert {way: found.n_units for way, found in part.ways.items()} == {
        "left_out": 5,
        "hallucinated": 6,
        "supported": 6,
    }
    assert part.ways["hallucinated"].n_hallucinated == 4
    assert part.ways["supported"].n_hallucinated == 3
    assert part.detection is part.ways["hallucinated"]


def test_fewer_resamples_of_the_other_ways_leave_theirs_without_intervals():
    part = dip_part(drawn(20), n_resamples=100, n_resamples_others=0)
    assert not math.isnan(part.detection.auroc.low)
    assert math.isnan(part.ways["supported"].auroc.low)
    assert part.ways["supported"].auroc.value == part.detection.auroc.value


@pytest.mark.parametrize("threshold", [0.0, 0.013, 0.2])
@pytest.mark.parametrize("weighted", [False, True])
def test_every_threshold_of_the_grid_has_the_intervals_of_the_plain_detector(threshold, weighted):
    units = drawn(25, seed=3)
    weights = np.random.default_rng(1).uniform(0.5, 4, 25)[units.item] if weighted else None
    part = dip_part(units, threshold=0.05, weights=weights, n_resamples=150, seed=7)
    plain = detect(
        units.delta,
        units.verdicts,
        items=units.item.tolist(),
        images=units.image,
        threshold=threshold,
        weights=weights,
        n_resamples=150,
        seed=7,
    )
    found = part.grid.at(threshold)
    assert found.n_flagged == plain.n_flagged
    for name in ("precision", "recall", "f1"):
        one, other = getattr(found, name), getattr(plain, name)
        assert (one.value, one.low, one.high, one.n) == pytest.approx(
            (other.value, other.low, other.high, other.n), nan_ok=True
        )


def test_grid_holds_the_steps_of_the_slider_and_what_was_marked():
    part = dip_part(drawn(10), threshold=0.0312345, marks=[0.07654321], n_resamples=0)
    thresholds = part.grid.threshold.tolist()
    assert {0.0, 0.001, 0.123, HIGHEST, 0.0312345, 0.07654321} <= set(thresholds)
    assert len(thresholds) == round(HIGHEST / STEP) + 3
    assert part.grid.at(0.0312345).threshold == 0.0312345
    assert part.grid.at(0.0314).threshold == 0.0312345
    assert part.grid.at(0.0319).threshold == 0.032


def test_unit_exactly_at_a_threshold_is_not_flagged_on_the_grid_either():
    units = table([(0, -0.05, [H]), (1, -0.06, [S]), (2, -0.04, [H])])
    part = dip_part(units, threshold=0.05, n_resamples=0)
    assert part.detection.n_flagged == part.grid.at(0.05).n_flagged == 1
    assert part.grid.at(0.049).n_flagged == 2


@pytest.mark.parametrize(
    ("units", "missing"),
    [
        (table([]), {"precision", "recall", "f1"}),
        (table([(0, math.nan, [H]), (1, 0.1, [])]), {"precision", "recall", "f1"}),
        (table([(0, 0.1, [S]), (1, 0.2, [S])]), {"precision", "recall", "f1"}),
        (table([(0, -0.1, [S]), (1, 0.2, [S])]), {"recall"}),
        (table([(0, 0.1, [H]), (1, 0.2, [S])]), {"precision"}),
    ],
)
def test_figure_that_is_not_defined_is_nan_with_a_reason(units, missing):
    part = dip_part(units, n_resamples=20)
    at = part.grid.at(0)
    for name in ("precision", "recall", "f1"):
        for found in (getattr(at, name), getattr(part.detection, name)):
            assert math.isnan(found.value) == (name in missing), name
            assert bool(found.note) >= (name in missing)
            assert not (math.isnan(found.value) and not math.isnan(found.low))
    json.dumps(as_record(part), allow_nan=False)


def test_sweep_of_many_units_is_thinned_and_keeps_its_extremes():
    generator = np.random.default_rng(0)
    delta = generator.standard_t(3, 100_000) * 0.01
    labels = (generator.random(100_000) < 1 / (1 + np.exp(60 * delta))).astype(float)
    whole = sweep_thresholds(delta, labels)
    few = thinned(whole)
    assert len(whole.threshold) > 90_000
    assert 200 < len(few.threshold) <= 500
    assert (np.diff(few.threshold) < 0).all()
    for name in ("precision", "recall", "f1", "false_positive_rate"):
        before, after = getattr(whole, name), getattr(few, name)
        assert np.nanmin(after) == np.nanmin(before), name
        assert np.nanmax(after) == np.nanmax(before), name
    assert few.n_flagged[[0, -1]].tolist() == [0, 100_000]
    # Between two points that are drawn next to each other nothing is hidden that a line would not show.
    line = np.interp(-whole.threshold, -few.threshold, few.recall)
    assert np.abs(line - whole.recall).max() < 0.03


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(st.integers(-40, 40), st.booleans()), min_size=1, max_size=400),
    st.sampled_from([1, 100]),
)
def test_thinned_sweep_is_a_part_of_the_whole_with_both_ends(units, scale):
    whole = sweep_thresholds([d / scale for d, _ in units], [float(h) for _, h in units])
    few = thinned(whole)
    rows = np.flatnonzero(np.isin(whole.threshold, few.threshold))
    assert {0, len(whole.threshold) - 1} <= set(rows.tolist())
    np.testing.assert_array_equal(whole.f1[rows], few.f1)
    assert np.nanmax(few.precision) == np.nanmax(whole.precision)


def test_histogram_counts_every_judged_unit_and_parts_dips_from_the_rest():
    units = drawn(60, seed=2)
    part = dip_part(units, n_resamples=0)
    histogram, found = part.deltas, part.detection
    assert histogram.hallucinated.sum() == found.n_hallucinated
    assert histogram.supported.sum() == found.n_units - found.n_hallucinated
    below = histogram.edges[1:] <= 0
    assert 0 in histogram.edges.tolist()
    assert histogram.hallucinated[below].sum() == detect_at_zero(units, H)
    assert histogram.supported[below].sum() == detect_at_zero(units, S)


def detect_at_zero(units, verdict):
    return sum(
        delta < 0 and given == (verdict,) for delta, given in zip(units.delta, units.verdicts, strict=True)
    )


def test_histogram_of_equal_deltas_still_has_a_bin():
    part = dip_part(table([(0, 0.0, [H]), (1, 0.0, [S])]), n_resamples=0)
    assert (part.deltas.hallucinated.sum(), part.deltas.supported.sum()) == (1, 1)


def test_record_is_plain_data_without_nan():
    record = as_record(dip_part(SMALL, threshold=0.2, n_resamples=0))
    assert record == json.loads(json.dumps(record, allow_nan=False))
    assert record["ways"]["left_out"]["precision"]["value"] is None
    assert record["ways"]["left_out"]["precision"]["note"].startswith("none of the 5 units is flagged")
    assert record["n_sweep"] == 6
    assert record["sweep"]["n_flagged"][-1] == 5


def test_threshold_that_is_not_finite_is_refused():
    with pytest.raises(InvalidScoresError, match="finite"):
        dip_part(SMALL, marks=[math.nan], n_resamples=0)


# A threshold with a promise


def test_calibration_uses_one_half_of_the_judged_images_and_looks_at_the_other():
    units = drawn(200, shift=0.08, spread=0.05)
    found = calibration(units, rate=0.4, seed=5)
    assert (found.n_images, found.calibrated.n_images) == (200, 100)
    assert found.threshold >= 0
    wrong = []
    labels = unit_labels(units.verdicts).hallucinated
    inside = split_images(units.image, seed=5)
    for image in {name for name, is_in in zip(units.image, inside, strict=True) if not is_in}:
        rows = np.array([name == image for name in units.image]) & (units.delta < -found.threshold)
        if rows.any():
            wrong.append(1 - labels[rows].mean())
    assert found.realised.value == pytest.approx(np.mean(wrong))
    assert found.realised.n == len(wrong)
    assert found.realised.low <= found.realised.value <= found.realised.high
    assert found.realised.value > 0
    assert "At most 40%" in found.sentence
    assert "100" in found.sentence


def test_images_without_a_judged_unit_take_no_part_in_the_split():
    judged = drawn(100, shift=0.08)
    units = table(
        [
            *zip(judged.item.tolist(), judged.delta.tolist(), judged.verdicts, strict=True),
            *((image, -0.5, ()) for image in range(100, 400)),
        ]
    )
    assert calibration(units).calibrated.n_images == 50


def test_few_images_are_told_how_many_it_takes_and_that_many_perfect_ones_do():
    few = table([(image, -0.05, [H]) for image in range(10)])
    found = calibration(few, rate=0.2, failure=0.1)
    needed = images_needed(0.2, 0.1)
    assert math.isnan(found.threshold)
    assert math.isnan(found.realised.value)
    assert f"it takes {needed} with a dip" in found.sentence
    assert f"about {2 * needed} judged images in all where there are 10" in found.sentence
    enough = table([(image, -0.05, [H]) for image in range(2 * needed)])
    assert not math.isnan(calibration(enough, rate=0.2, failure=0.1).threshold)


def test_images_without_a_dip_raise_the_number_that_it_takes():
    few = table([(image, -0.05 if image % 4 == 0 else 0.05, [H]) for image in range(20)])
    assert f"about {4 * 2 * images_needed(0.2, 0.1)} judged images" in calibration(few).sentence


def test_rate_that_the_flags_do_not_keep_is_told_with_the_lowest_one_seen():
    found = calibration(drawn(200, shift=0.0, share=0.5), rate=0.2)
    assert math.isnan(found.threshold)
    assert "Nothing can be promised at 20% from 100 images: at the best threshold" in found.sentence
    assert "promise a higher rate" in found.sentence or "would do" in found.sentence


def test_no_judged_image_is_told_as_such():
    found = calibration(table([(0, -0.1, []), (1, math.nan, [H])]))
    assert "No image has a unit with a majority and a delta" in found.sentence
    assert (found.n_images, found.calibrated.n_units) == (0, 0)


def test_promise_from_items_drawn_with_unequal_chances_says_so():
    units = drawn(200, shift=0.08)
    weights = np.where(units.item % 2, 1.0, 3.0)
    assert calibration(units, weights=np.ones(len(units))).equal_chances
    found = calibration(units, weights=weights)
    assert not found.equal_chances
    assert "unequal chances" in found.sentence


def test_unsure_counts_in_the_calibration_as_asked():
    units = table([(image, -0.05, [U]) for image in range(60)])
    assert calibration(units).n_images == 0
    assert not math.isnan(calibration(units, unsure="hallucinated").threshold)
    assert math.isnan(calibration(units, unsure="supported").threshold)


def test_grid_with_further_marks_has_the_same_intervals_at_the_others():
    units = drawn(20)
    part = dip_part(units, threshold=0.01, marks=[0.0111], n_resamples=50, n_resamples_others=0)
    marked = with_marks(part, units, marks=[0.0222222])
    assert marked.detection is part.detection
    assert marked.grid.at(0.0222222).threshold == 0.0222222
    assert 0.0111 not in marked.grid.threshold
    assert marked.grid.at(0.02).precision == part.grid.at(0.02).precision


def test_every_stretch_of_a_thinned_sweep_keeps_its_first_point_and_its_extremes():
    generator = np.random.default_rng(3)
    delta = generator.normal(0, 0.03, 8_000)
    whole = sweep_thresholds(delta, (generator.random(8_000) < 0.4).astype(float))
    few = thinned(whole)
    kept = np.isin(whole.threshold, few.threshold)
    edges = np.linspace(whole.threshold[0], whole.threshold[-1], 61)
    for high, low in itertools.pairwise(edges.tolist()):
        inside = (whole.threshold <= high) & (whole.threshold > low) & (whole.n_flagged > 0)
        if not inside.any():
            continue
        assert kept[np.flatnonzero(inside)[0]] or not whole.n_flagged[np.flatnonzero(inside)[0] - 1]
        for best in (np.max, np.min):
            assert best(few.precision[np.isin(few.threshold, whole.threshold[inside])]) == best(
                whole.precision[inside]
            )
