"""The part on correlations: what it says where figures are missing, doubtful, or not what they seem."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from known_process import METRICS, Metric, Process, without_scores

from annotations.analysis.correlations import correlations
from annotations.analysis.metric_names import metric_name
from annotations.analysis.record import as_record
from annotations.correlation_levels import correlate_levels
from annotations.errors import InvalidScoresError
from annotations.metric_ranking import rank_metrics


@pytest.fixture(scope="module")
def table():
    return Process(n_images=40).draw(seed=2).table


def part_of(table, **options):
    return correlations(table, **{"question": "overall", "n_resamples": 60, "n_permutations": 60, **options})


def rows_of(part):
    return {row.name: row for row in part.rows}


def levels_of(table, name):
    human, scores = table.human("overall"), table.metrics[name]
    return correlate_levels(human, scores, groups=table.images, systems=table.systems, n_resamples=60)


def said(part, words):
    return [notice for notice in part.notices if words in notice]


def test_the_chosen_coefficient_is_what_correlate_levels_gives_and_the_others_have_no_interval(table):
    part = part_of(table, coefficient="spearman_rho", level="pooled")
    for name, row in rows_of(part).items():
        whole = levels_of(table, name)
        assert row.chosen == whole.values["spearman_rho"]["pooled"]
        assert row.values["spearman_rho"]["pooled"] == row.chosen
        for coefficient, levels in whole.values.items():
            for level, value in levels.items():
                found = row.values[coefficient][level]
                assert found.value == pytest.approx(value.value, abs=1e-12, nan_ok=True)
                if (coefficient, level) != ("spearman_rho", "pooled"):
                    assert math.isnan(found.low)


def test_everything_has_the_intervals_of_correlate_levels(table):
    part = part_of(table, everything=True)
    whole = levels_of(table, "clip")
    assert json.dumps(as_record(rows_of(part)["clip"].values)) == json.dumps(as_record(whole.values))


def test_quick_values_are_those_of_the_second_call_without_tests(table):
    quick, slow = part_of(table, quick=True), part_of(table)
    assert [row.name for row in quick.rows] == [row.name for row in slow.rows]
    assert [row.chosen.value for row in quick.rows] == pytest.approx([row.chosen.value for row in slow.rows])
    assert quick.ceiling.statistic.value == slow.ceiling.statistic.value
    assert quick.ranking is None
    assert {row.cluster for row in quick.rows} == {""}
    assert "pairwise_accuracy" not in quick.rows[0].values
    chosen = part_of(table, quick=True, coefficient="pairwise_accuracy")
    assert len(chosen.rows[0].chosen.tie_thresholds) == 5


def test_quick_values_alone_leave_out_levels_over_systems_unless_one_is_chosen(table):
    whole = part_of(table, quick=True, level="pooled")
    alone = part_of(table, quick=True, alone=True, level="pooled")
    assert [row.name for row in alone.rows] == [row.name for row in whole.rows]
    known, all_known = rows_of(alone)["specs"].values, rows_of(whole)["specs"].values
    assert list(known) == ["kendall_tau_b"]
    assert list(known["kendall_tau_b"]) == ["pooled", "per_image", "per_image_zero"]
    for level, value in known["kendall_tau_b"].items():
        assert value.value == pytest.approx(all_known["kendall_tau_b"][level].value)
    over = part_of(table, quick=True, alone=True, level="per_system")
    expected = all_known["kendall_tau_b"]["per_system"].value
    assert rows_of(over)["specs"].chosen.value == pytest.approx(expected)


def test_rows_are_sorted_by_the_chosen_coefficient_and_one_without_a_value_comes_last(table):
    table = without_scores(table, "specs", slice(None))
    part = part_of(table, quick=True)
    values = [row.chosen.value for row in part.rows[:-1]]
    assert values == sorted(values, reverse=True)
    assert part.rows[-1].name == "specs"
    assert said(part, "SPECS has no kendall_tau_b (per_image): none of the 0 images")
    assert said(part, "out of 160: SPECS 160.")
    inverse = part_of(table, quick=True, coefficient="inverse_r_squared", level="pooled")
    values = [row.chosen.value for row in inverse.rows[:-1]]
    assert values == sorted(values)


def test_a_metric_that_few_items_have_stands_below_those_that_most_have(table):
    best = part_of(table, quick=True, level="pooled").rows[0].name
    few = np.flatnonzero(~np.isnan(table.metrics[best]))[100:]
    part = part_of(without_scores(table, best, few), quick=True, level="pooled")
    assert part.rows[-1].name != best  # 100 of 160 are most
    few = np.flatnonzero(~np.isnan(table.metrics[best]))[70:]
    part = part_of(without_scores(table, best, few), quick=True, level="pooled")
    assert part.rows[-1].name == best
    assert not any(metric_name(best) in notice for notice in said(part, "not above it"))


@pytest.mark.parametrize(("level", "on"), [("between_systems", "points"), ("per_system", "coefficients")])
def test_few_systems_are_warned_of_at_their_levels(table, level, on):
    assert said(
        part_of(table, level=level), f"4 systems are few: a value of the level {level} rests on so many {on}"
    )
    assert not said(part_of(table, level="pooled"), "systems are few")


def test_a_ceiling_of_answers_without_names_says_that_nothing_tells_the_raters_apart(table):
    ceiling = part_of(replace(table, knows_raters=False)).ceiling
    assert math.isnan(ceiling.statistic.value)
    assert "nothing tells the raters apart" in ceiling.statistic.note


def test_the_reason_of_a_missing_inverse_stands_without_its_definition(table):
    part = part_of(
        without_scores(table, "specs", slice(None)), coefficient="inverse_r_squared", level="pooled"
    )
    assert said(part, "SPECS has no inverse_r_squared (pooled): needs at least 3 items")


def test_clusters_are_those_of_rank_metrics_without_sentinels(table):
    part = part_of(table, n_permutations=200)
    own = {name: table.metrics[name] for name in ("specs", "clip", "rouge_l")}
    expected = rank_metrics(
        table.human("overall"), own, groups=table.images, level="per_image", n_permutations=200
    )
    assert part.ranking.clusters == expected.clusters
    assert {name: row.cluster for name, row in rows_of(part).items() if row.cluster} == {
        name: "ABC"[cluster - 1] for name, cluster in expected.clusters.items()
    }


def test_a_metric_with_few_scores_is_not_compared_and_the_sentence_says_so(table):
    rows = np.arange(90)
    part = part_of(without_scores(table, "rouge_l", rows))
    assert set(part.ranking.values) == {"specs", "clip"}
    assert rows_of(part)["rouge_l"].cluster == ""
    assert said(part, "fewer than half of the items have a score: ROUGE-L.")
    assert said(part, "out of 160: ROUGE-L 90.")
    some = part_of(without_scores(table, "rouge_l", np.arange(20)))
    assert said(some, "on the 140 of 160 items that all of them have scored")


def test_both_policies_are_shown_where_groups_are_constant():
    process = Process(n_images=40, systems=("one", "two"), quality=(0.0, 0.0), strengths=(0.5, -0.5))
    process = replace(process, metrics={"specs": METRICS["specs"]})
    part = part_of(process.draw(seed=1).table)
    values = rows_of(part)["specs"].values["kendall_tau_b"]
    dropped, zero = values["per_image"], values["per_image_zero"]
    assert dropped.n_undefined > 0
    assert said(part, f"SPECS {dropped.n_undefined} of 40, {dropped.value:.3f} or {zero.value:.3f}")


@pytest.mark.parametrize(("n_images", "few"), [(29, True), (30, False)])
def test_few_images_are_warned_of(n_images, few):
    part = part_of(Process(n_images=n_images).draw(seed=0).table, quick=True)
    assert bool(said(part, f"{n_images} images are few")) == few


def test_intervals_that_span_zero_and_sentinels_that_are_not_beaten_are_named():
    metrics = {"blind": Metric(loading=0.0, noise=1.0), "random": Metric(loading=0.9, noise=0.3)}
    part = part_of(Process(n_images=40, metrics=metrics).draw(seed=0).table)
    assert said(part, "spans zero for blind")
    assert said(part, "The sentinel “random numbers”")
    assert said(part, "blind (")
    assert said(part, "no scores of the sentinels “shuffled image”")


def test_unknown_systems_are_left_out_of_the_levels_of_systems_only(table):
    some = replace(table, systems=("",) * 40 + table.systems[40:])
    part = part_of(some, quick=True, level="per_system")
    row = rows_of(part)["specs"]
    assert (row.values["pearson_r"]["pooled"].n, row.chosen.n) == (160, 120)
    assert said(part, "40 of 160 items do not name the system")
    none = part_of(replace(table, systems=("",) * 160), quick=True, level="per_system")
    assert math.isnan(rows_of(none)["specs"].chosen.value)
    assert said(none, "no caption names the system that wrote it")


def test_williams_test_is_given_where_items_are_independent_and_nowhere_else(table):
    assert part_of(table, coefficient="pearson_r", level="pooled").williams == ()
    apart = replace(table, images=table.items)
    pairs = part_of(apart, coefficient="pearson_r", level="pooled").williams
    assert {frozenset((pair.first, pair.second)) for pair in pairs} == {
        frozenset(("specs", "clip")), frozenset(("specs", "rouge_l")), frozenset(("clip", "rouge_l")),
    }  # fmt: skip
    assert all(0 <= pair.test.p <= 1 for pair in pairs)
    assert part_of(apart, level="pooled").williams == ()


@pytest.mark.parametrize(
    ("coefficient", "level", "why"),
    [
        ("pairwise_accuracy", "pooled", "there is no permutation test of pairwise_accuracy"),
        ("kendall_tau_b", "between_systems", "there is no permutation test at the level between_systems"),
    ],
)
def test_without_a_test_there_are_no_clusters_and_a_sentence_says_why(table, coefficient, level, why):
    part = part_of(table, coefficient=coefficient, level=level)
    assert part.ranking is None
    assert said(part, why)
    assert math.isnan(part.ceiling.statistic.value)
    assert said(part, "There is no human ceiling")


def test_inverse_r_squared_inside_images_has_no_value_and_clusters_compare_pearson(table):
    inside = part_of(table, coefficient="inverse_r_squared")
    assert math.isnan(inside.rows[0].chosen.value)
    assert said(inside, "inverse_r_squared is computed over all items only")
    pooled = part_of(table, coefficient="inverse_r_squared", level="pooled")
    assert pooled.ranking.coefficient == "pearson_r"
    assert said(pooled, "Clusters compare pearson_r")
    assert "3.65 for r = .5228" in pooled.inverse_note


def test_counts_are_those_of_the_question(table):
    given = table.answers["overall"]
    first = replace(given, **{name: getattr(given, name)[3:] for name in ("item", "rater", "value")})
    part = part_of(replace(table, answers={"overall": first}, n_blind=470), quick=True)
    counted = part.counted
    assert (counted.n_items, counted.n_images, counted.n_systems, counted.n_raters) == (159, 40, 4, 3)
    assert (counted.fewest_per_item, counted.mean_per_item, counted.most_per_item) == (3, 3, 3)
    assert rows_of(part)["specs"].n_missing == 0
    assert said(part, "10 of 480 ratings were given after the rater had seen the metric")


def test_nothing_rated_is_nan_with_reasons_and_valid_json(table):
    given = table.answers["overall"]
    none = replace(given, **{name: getattr(given, name)[:0] for name in ("item", "rater", "value")})
    part = part_of(replace(table, answers={"overall": none}))
    assert all(math.isnan(row.chosen.value) for row in part.rows)
    assert part.counted.n_items == 0
    record = json.loads(json.dumps(as_record(part), allow_nan=False))
    assert record["rows"][0]["chosen"]["value"] is None
    assert record["counted"]["mean_per_item"] is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"question": "beauty"}, "no question 'beauty' here; there are fine, overall"),
        ({"coefficient": "tau"}, "no coefficient 'tau'"),
        ({"level": "image"}, "no level 'image'"),
        ({"confidence": 1.5}, "confidence between 0 and 1"),
    ],
)
def test_options_that_do_not_exist_are_named(table, options, message):
    with pytest.raises(InvalidScoresError, match=message):
        part_of(table, **options)


def test_metrics_that_share_no_item_are_not_compared_and_the_reason_is_told(table):
    apart = without_scores(table, "clip", np.arange(80))
    for name in METRICS:
        if name != "clip":
            apart = without_scores(apart, name, np.arange(80, 160))
    part = part_of(apart)
    assert part.ranking is None
    assert part.no_ranking == "on the 0 items that all metrics have scored there is no kendall_tau_b"
    assert said(part, "Metrics are not put in clusters: on the 0 items")
    assert not said(part, "Clusters compare")
    assert {row.cluster for row in part.rows} == {""}


def test_a_metric_that_goes_against_people_is_named_where_its_sign_is_squared_away(table):
    noise = np.random.default_rng(3).normal(size=len(table))
    turned = {**table.metrics, "turned": -table.metrics["clip"], "noise": noise}
    part = part_of(replace(table, metrics=turned), coefficient="inverse_r_squared", level="pooled")
    values = {name: row.values["pearson_r"]["pooled"].value for name, row in rows_of(part).items()}
    assert values["turned"] == pytest.approx(-values["clip"])
    (against,) = said(part, "does not tell the sign")
    assert "turned" in against
    assert "clip" not in against
    (spanning,) = said(part, "The interval of pearson_r spans zero for")
    assert "noise" in spanning
    assert "turned" not in spanning
    assert not said(part_of(table, coefficient="pearson_r", level="pooled"), "does not tell the sign")
