import json
import math

import numpy as np
import pytest

from specs_core.errors import DataError
from specs_core.evaluation.word_evidence import SIGNALS, WordEvidence
from specs_core.evaluation.word_fusion import (
    TERMS,
    Fusion,
    fit_fusion,
    fusion_terms,
    fusion_text,
    read_fusion,
)


def evidence_of(unit, **signals):
    words = len(unit)
    suspicion = {name: np.array(signals.get(name, [math.nan] * words), dtype=float) for name in SIGNALS}
    return WordEvidence(suspicion, np.array(unit), 0.5, -0.1, -0.1, words, words)


def test_terms_of_hand_worked_signals():
    evidence = evidence_of([0, 0, 1], word_delta=[math.nan, 3.0, -4.0], word_leave_one_out=[1.0, -1.0, 1.0])
    terms = dict(zip(TERMS, fusion_terms(evidence).T, strict=True))
    size = math.sqrt((9 + 16) / 2)  # over the two words that have a delta
    assert terms["word_delta"] == pytest.approx([0, math.log1p(3 / size), -math.log1p(4 / size)])
    assert terms["word_leave_one_out"] == pytest.approx([math.log(2), -math.log(2), math.log(2)])
    # The second word lies 2 below the worst of its unit; both neighbours are worse.
    assert terms["word_leave_one_out_below_worst"] == pytest.approx([0, math.log(3), 0])
    assert terms["word_leave_one_out_beside"] == pytest.approx([math.log(2)] * 3)
    assert terms["attribution"].tolist() == [0, 0, 0]


def test_terms_do_not_depend_on_the_scale_of_a_model():
    small = evidence_of([0, 1], unit_delta=[0.01, -0.02], word_leave_one_out=[0.03, -0.01])
    large = evidence_of([0, 1], unit_delta=[1, -2], word_leave_one_out=[3, -1])
    np.testing.assert_allclose(fusion_terms(small), fusion_terms(large), rtol=1e-12)


def test_log_odds_are_the_weighted_sum_and_nan_for_a_word_that_is_not_read():
    evidence = evidence_of(
        [0, 0, 1], word_delta=[math.nan, 1.0, math.nan], word_leave_one_out=[1.0, 1.0, math.nan]
    )
    weights = dict.fromkeys(TERMS, 0.0) | {"word_delta": 2.0}
    odds = Fusion(-1.0, weights, 0.0, {}).suspicion(evidence)
    assert odds[:2] == pytest.approx([-1.0, -1.0 + 2 * math.log(2)])
    assert math.isnan(odds[2])


def drawn(captions=60, seed=4):
    """Captions of five words of which one is false; its leave-one-out and its unit's delta tell."""
    rng = np.random.default_rng(seed)
    found, labels = [], []
    for _ in range(captions):
        label = np.arange(5) == rng.integers(5)
        unit = np.array([0, 0, 1, 1, 1])
        delta = rng.normal(0, 0.5, 2)[unit] + 2.0 * np.isin(unit, unit[label])
        found.append(
            evidence_of(
                unit,
                unit_delta=delta,
                word_leave_one_out=rng.normal(0, 1, 5) + 2 * label,
                attribution=[0] * 5,
            )
        )
        labels.append(label.tolist())
    return found, labels


def test_fitted_weights_follow_what_tells_and_are_those_of_the_likelihood():
    evidence, labels = drawn()
    fusion = fit_fusion(evidence, labels, provenance={"of": "test"})
    assert fusion.weights["unit_delta"] > 0.5
    assert fusion.weights["word_leave_one_out"] + fusion.weights["word_leave_one_out_beside"] > 0
    assert fusion.weights["attribution"] == 0
    odds = np.concatenate([fusion.suspicion(each) for each in evidence])
    positive = np.concatenate([np.array(row) for row in labels])
    # At the maximum, as many are expected as there are: the bias has no ridge.
    assert (1 / (1 + np.exp(-odds))).sum() == pytest.approx(positive.sum(), abs=1e-5)
    assert fit_fusion(evidence, labels, provenance={"of": "test"}) == fusion


def test_the_threshold_gives_the_highest_f1():
    evidence, labels = drawn()
    fusion = fit_fusion(evidence, labels, provenance={})
    odds = np.concatenate([fusion.suspicion(each) for each in evidence])
    positive = np.concatenate([np.array(row) for row in labels])

    def f1(threshold):
        flagged = odds > threshold
        return 2 * (flagged & positive).sum() / (flagged.sum() + positive.sum())

    assert f1(fusion.threshold) == max(f1(value) for value in [*odds, odds.min() - 1])


def test_fitting_without_a_hallucinated_word_is_an_error():
    evidence, labels = drawn(3)
    with pytest.raises(DataError, match="one kind only"):
        fit_fusion(evidence, [[False] * len(row) for row in labels], provenance={})
    with pytest.raises(DataError, match="one kind only"):
        fit_fusion([], [], provenance={})


def test_weights_come_back_as_they_were_written(tmp_path):
    evidence, labels = drawn()
    fusion = fit_fusion(evidence, labels, provenance={"model": "tiny"})
    path = tmp_path / "fusion.json"
    path.write_text(fusion_text(fusion))
    assert read_fusion(path) == fusion


def test_weights_of_other_terms_or_of_none_are_an_error_that_says_what_to_do(tmp_path):
    path = tmp_path / "fusion.json"
    value = {"bias": 0, "threshold": 0, "provenance": {}, "weights": dict.fromkeys(TERMS, 1.0)}
    for broken in (
        {**value, "weights": {"attribution": 1.0}},
        {**value, "weights": {**value["weights"], "more": 1.0}},
        {**value, "bias": math.nan},
        [],
    ):
        path.write_text(json.dumps(broken))
        with pytest.raises(DataError, match="specs evaluate words --fit"):
            read_fusion(path)
    with pytest.raises(DataError, match=r"none\.json cannot be read"):
        read_fusion(tmp_path / "none.json")


def test_the_weights_in_the_package_name_scenes_that_no_figure_is_measured_on():
    fusion = read_fusion()
    assert set(fusion.weights) == set(TERMS)
    assert fusion.provenance["scenes"].startswith("11-")
    assert fusion.provenance["model"] == "scenes"
