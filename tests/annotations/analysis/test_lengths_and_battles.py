"""The parts on lengths and on battles: what they say where there is little or nothing to compute."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from known_process import Process, without_scores

from annotations.analysis.battles import battle_part
from annotations.analysis.lengths import length_part
from annotations.analysis.record import as_record
from annotations.analysis.table import Provenance
from annotations.battle_agreement import agree_with_battles
from annotations.errors import InvalidScoresError
from annotations.ranking import rank_systems


@pytest.fixture(scope="module")
def known():
    return Process(n_images=40).draw(seed=4)


def lengths_of(table, **options):
    return length_part(table, **{"question": "fine", "n_resamples": 40, **options})


def said(part, words):
    return [notice for notice in part.notices if words in notice]


def chosen(battles, rows):
    """Keep some answers."""
    columns = {
        name: tuple(getattr(battles, name)[row] for row in rows)
        for name in (
            *("image", "first", "second", "first_system", "second_system", "winner", "both_poor", "rater"),
        )
    }
    scores = {
        side: {name: values[rows] for name, values in getattr(battles, side).items()}
        for side in ("first_scores", "second_scores")
    }
    return replace(battles, **columns, **scores)


def test_captions_of_unknown_length_are_left_out_and_counted(known):
    lengths = known.table.lengths.copy()
    lengths[:10] = math.nan
    part = lengths_of(replace(known.table, lengths=lengths))
    assert (part.n_items, part.n_without_length, part.n_compared) == (150, 10, 150)
    assert said(part, "10 of 160 rated captions have no known length")
    nothing = lengths_of(replace(known.table, lengths=np.full(160, math.nan)))
    assert (nothing.buckets, nothing.partial, nothing.recommendation) == ((), {}, None)
    assert said(nothing, "No rated caption has a known length")
    assert json.loads(json.dumps(as_record(nothing), allow_nan=False))["shortest"] is None


def test_the_advice_is_about_clip_under_the_name_that_its_scores_have_and_tells_of_same_weights(known):
    assert "clip" in known.table.metrics
    assert lengths_of(known.table).recommendation.short_metric == "clip"
    scores = {("clip_score" if name == "clip" else name): of for name, of in known.table.metrics.items()}
    sources = {name: Provenance("m", "a" * 64) for name in scores}
    part = lengths_of(replace(known.table, metrics=scores, provenance=sources))
    assert (part.no_recommendation, part.recommendation.short_metric) == ("", "clip_score")
    assert said(part, "CLIPScore and SPECS are of the same weights here, so this is no comparison of two")
    sources["clip_score"] = Provenance("other", "b" * 64)
    assert not said(lengths_of(replace(known.table, metrics=scores, provenance=sources)), "same weights")


def test_the_advice_takes_the_score_of_another_clip_before_one_of_the_same_weights(known):
    imported = "clip_score (ViT-B-32)"
    scores = {("clip_score" if name == "clip" else name): of for name, of in known.table.metrics.items()}
    scores[imported] = scores["clip_score"]
    sources = {name: Provenance("m", "a" * 64, metric=name) for name in scores}
    sources[imported] = Provenance("ViT-B-32", "b" * 64, metric="clip_score")
    part = lengths_of(replace(known.table, metrics=scores, provenance=sources))
    assert (part.no_recommendation, part.recommendation.short_metric) == ("", imported)
    assert not said(part, "same weights")


def test_a_metric_with_few_scores_leaves_the_buckets_to_the_others(known):
    part = lengths_of(without_scores(known.table, "rouge_l", np.arange(100)))
    assert "rouge_l" not in part.buckets[0].coefficients
    assert "rouge_l" in part.partial
    assert part.n_compared == 160
    assert said(part, "Too few captions have a score of ROUGE-L")
    some = lengths_of(without_scores(known.table, "rouge_l", np.arange(30)))
    assert said(some, "130 of 160 captions have scores of all metrics")


def test_advice_on_a_metric_without_scores_is_not_weighed_and_the_reason_is_given(known):
    part = lengths_of(known.table, short_metric="bleu")
    assert part.recommendation is None
    assert part.no_recommendation == "the advice is about bleu and SPECS, and bleu has no scores here"


@pytest.mark.parametrize(
    ("coefficient", "stand_in"),
    [("inverse_r_squared", "pearson_r"), ("pairwise_accuracy", "kendall_tau_b")],
)
def test_a_coefficient_that_is_none_by_length_is_replaced_and_named(known, coefficient, stand_in):
    part = lengths_of(known.table, coefficient=coefficient)
    assert part.coefficient == stand_in == part.recommendation.coefficient
    assert list(part.buckets[0].coefficients["specs"]) == [stand_in]
    assert said(part, f"Nothing is by length in {coefficient}; this is {stand_in}.")


def test_length_itself_has_no_partial_correlation_with_length(known):
    found = lengths_of(known.table).partial["length_tokens"]["pearson_r"]
    assert math.isnan(found.value)
    assert "length alone says all" in found.note


def test_lengths_of_a_question_that_nobody_asked_are_refused(known):
    with pytest.raises(InvalidScoresError, match="no question 'beauty'"):
        lengths_of(known.table, question="beauty")


def test_battles_are_those_of_the_pure_functions(known):
    battles = known.battles
    part = battle_part(battles, n_resamples=50, seed=3)
    expected = rank_systems(
        battles.first_system, battles.second_system, battles.winner,
        groups=battles.image, n_resamples=50, seed=3,
    )  # fmt: skip
    assert part.ranking == expected
    agreement = agree_with_battles(
        battles.first_system, battles.second_system, battles.winner,
        battles.first_scores["specs"], battles.second_scores["specs"],
        groups=battles.image, n_resamples=50, seed=3,
    )  # fmt: skip
    row = next(row for row in part.rows if row.name == "specs")
    for name in ("accuracy", "accuracy_with_ties", "kendall_tau_b", "pearson_r"):
        assert getattr(row, name) == getattr(agreement, name)
    assert (part.n_answers, part.n_pairs, part.n_images, part.n_raters) == (120, 120, 40, 3)
    assert part.n_ties == sum(winner == "tie" for winner in battles.winner)
    assert [row.accuracy.value for row in part.rows] == sorted(
        (row.accuracy.value for row in part.rows), reverse=True
    )


def test_captions_of_one_system_count_at_the_level_of_captions_only(known):
    battles = known.battles
    same = replace(
        battles,
        second_system=(*battles.first_system[:10], *battles.second_system[10:]),
        first_system=(*battles.first_system[:20], *("",) * 10, *battles.first_system[30:]),
    )
    part = battle_part(same, n_resamples=20)
    assert (part.n_unlike, part.ranking.n_battles) == (100, 100)
    assert said(part, "20 of 120 answers are on captions of one system or of unknown ones")
    row, whole = (
        next(row for row in each.rows if row.name == "specs")
        for each in (part, battle_part(battles, n_resamples=20))
    )
    assert row.n_battles == 120
    assert row.accuracy.value == whole.accuracy.value
    nameless = battle_part(replace(battles, first_system=("",) * 120), n_resamples=20)
    assert nameless.ranking is None
    assert said(nameless, "Systems are not ranked: no battle is between captions of two systems")
    assert next(r for r in nameless.rows if r.name == "specs").accuracy.value == whole.accuracy.value


def test_systems_that_no_battle_links_are_said_to_fall_apart(known):
    battles = known.battles
    pairs = ({"plain", "terse"}, {"fluent", "careful"})
    rows = [
        row
        for row, pair in enumerate(zip(battles.first_system, battles.second_system, strict=True))
        if set(pair) in pairs
    ]
    part = battle_part(chosen(battles, rows), n_resamples=20)
    assert len(part.ranking.components) == 2
    assert said(part, "No battle links the 2 components")
    assert all(math.isnan(row.kendall_tau_b.value) for row in part.rows)
    assert "fall apart into 2 components" in part.rows[0].kendall_tau_b.note


def test_a_metric_without_scores_comes_last_with_its_reason(known):
    nothing = np.full(120, math.nan)
    battles = known.battles
    part = battle_part(
        replace(battles, first_scores={**battles.first_scores, "specs": nothing}), n_resamples=20
    )
    row = part.rows[-1]
    assert (row.name, row.n_battles, row.n_left_out, row.accuracy.n) == ("specs", 0, 120, 0)
    assert math.isnan(row.accuracy.value)
    assert row.accuracy.note == "no battle is between two captions that this metric has scored"
    assert said(part, "out of 120: SPECS 120.")


def test_metrics_at_the_level_of_chance_are_named(known):
    chance = said(battle_part(known.battles, n_resamples=200), "which drawing lots reaches")
    assert len(chance) == 1
    assert "random" not in chance[0]  # sentinels are there to be at chance


def test_no_battles_are_nan_with_reasons_and_valid_json(known):
    part = battle_part(chosen(known.battles, []), n_resamples=20)
    assert part.ranking is None
    assert math.isnan(part.both_poor.value)
    assert part.both_poor.note == "there are no battles"
    assert part.notices == ("There are no battles: add pairs of captions to a campaign, or import battles.",)
    record = json.loads(json.dumps(as_record(part), allow_nan=False))
    assert record["both_poor"]["value"] is None
    full = json.dumps(as_record(battle_part(known.battles, n_resamples=20)), allow_nan=False)
    assert json.loads(full)["ranking"]["systems"]["careful"]["wins"] > 0


def test_a_tie_threshold_below_zero_is_refused(known):
    with pytest.raises(InvalidScoresError, match="must be at least 0"):
        battle_part(known.battles, tie_threshold=-1, n_resamples=0)
