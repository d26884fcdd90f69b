"""What people say among themselves: each number is that of the function it names, on the right rows."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from annotations.agreement import krippendorff_alpha
from annotations.analysis.people import people_report
from annotations.analysis.table import AnalysisTable, Answers, BattleTable, UnitTable
from annotations.errors import InvalidScoresError
from annotations.kappa import weighted_kappa
from annotations.leave_one_out import leave_one_out
from annotations.rater_consistency import rater_consistency

RATERS = ("ada", "ben", "cy")


def table_of(rows, *, questions=("correctness",), campaigns=None, images=None):
    """A table of items; rows hold (question, item, rater, value) by their numbers."""
    n_items = 1 + max((row[1] for row in rows), default=-1)
    return AnalysisTable(
        items=tuple(f"i{item:03d}" for item in range(n_items)),
        images=tuple(images or (f"p{item}" for item in range(n_items))),
        captions=("A caption.",) * n_items,
        systems=("",) * n_items,
        campaigns=tuple(campaigns or ("study",) * n_items),
        lengths=np.full(n_items, math.nan),
        weights=np.ones(n_items),
        metrics={},
        provenance={},
        raters=RATERS,
        names=("Ada", "Ben", "Cy"),
        answers={
            name: Answers(
                1.0,
                5.0,
                *(np.array([row[at] for row in rows if row[0] == name], dtype=np.int64) for at in (1, 2)),
                np.array([row[3] for row in rows if row[0] == name], dtype=np.float64),
            )
            for name in questions
        },
        n_ratings=len({row[1:3] for row in rows}),
        n_blind=0,
        models=(),
        model=None,
        left_out={},
    )


def units_of(table, said):
    """Units; each is (item, {rater: verdict})."""
    return UnitTable(
        item=np.array([item for item, _ in said], dtype=np.int64),
        image=tuple(table.images[item] for item, _ in said),
        start=np.arange(len(said)),
        end=np.arange(len(said)) + 1,
        delta=np.full(len(said), math.nan),
        verdicts=tuple(tuple(of.values()) for _, of in said),
        raters=tuple(tuple(of) for _, of in said),
        n_stale=0,
    )


def battles_of(table, rows):
    """Battles; each row is (first, second, winner, rater, both poor)."""
    return BattleTable(
        image=tuple(table.images[row[0]] for row in rows),
        first=tuple(table.items[row[0]] for row in rows),
        second=tuple(table.items[row[1]] for row in rows),
        first_system=("",) * len(rows),
        second_system=("",) * len(rows),
        winner=tuple(row[2] for row in rows),
        both_poor=tuple(row[4] for row in rows),
        rater=tuple(RATERS[row[3]] for row in rows),
        first_scores={},
        second_scores={},
    )


def study(n_items=60, *, noise=0.6, seed=0):
    """Three raters who see the same quality with noise: two scales, verdicts on two units, battles."""
    generator = np.random.default_rng(seed)
    images = [f"p{item // 2}" for item in range(n_items)]
    quality = generator.normal(size=n_items)
    rows, said, fights = [], [], []
    for item in range(n_items):
        units = [(item, {}), (item, {})]
        for rater in range(3):
            felt = quality[item] + noise * generator.normal(size=4)
            rows += [
                ("correctness", item, rater, float(np.clip(round(3 + felt[0]), 1, 5))),
                ("overall", item, rater, float(np.clip(round(3 + felt[1]), 1, 5))),
            ]
            for at, (_, of) in enumerate(units):
                of[rater] = "supported" if felt[2 + at] > 0 else "hallucinated"
            if item % 2:
                lead = quality[item] - quality[item - 1] + noise * generator.normal()
                winner = "tie" if abs(lead) < 0.2 else "b" if lead > 0 else "a"
                fights.append((item - 1, item, winner, rater, lead < -1))
        said += units
    table = table_of(rows, questions=("correctness", "overall"), images=images)
    return table, units_of(table, said), battles_of(table, fights)


def nothing(table):
    return units_of(table, []), battles_of(table, [])


def test_report_when_made_holds_the_numbers_of_the_functions_on_the_same_rows():
    table, units, battles = study()
    found = people_report(table, units, battles, n_resamples=50, seed=4)
    given = table.answers["overall"]
    rows = (given.item.tolist(), given.rater.tolist(), given.value.tolist())
    groups = [table.images[item] for item in rows[0]]
    options = {"groups": groups, "level": "ordinal", "n_resamples": 50, "seed": 4}
    of = {row.question: row for row in found.agreement}
    assert list(of) == ["correctness", "overall", "verdicts", "winner", "both_poor"]
    assert of["overall"].alpha == krippendorff_alpha(*rows, **options)
    assert (of["verdicts"].alpha.level, of["verdicts"].alpha.n_items) == ("nominal", len(units))
    assert (of["winner"].alpha.n_items, of["winner"].alpha.n_groups) == (30, 30)
    ceiling = next(row for row in found.ceilings if row.question == "overall").ceiling
    assert ceiling.human_ceiling == leave_one_out(*rows, **options).human_ceiling
    kappas = next(row for row in found.kappas if row.question == "overall")
    assert (kappas.weights, kappas.raters, kappas.n_answers) == ("quadratic", RATERS, (60, 60, 60))
    answers = [
        [value for rater, value in zip(rows[1], rows[2], strict=True) if rater == one] for one in (0, 2)
    ]
    pair = next(one for one in kappas.pairs if (one.first, one.second) == ("ada", "cy"))
    assert pair.kappa == weighted_kappa(*answers, weights="quadratic")
    assert [(row.rater, row.name) for row in found.consistency] == list(
        zip(RATERS, ("Ada", "Ben", "Cy"), strict=True)
    )
    assert found.scale == "correctness"
    assert (found.n_items, found.n_ratings, found.sample_note) == (90, 270, "")


def test_each_rater_when_held_against_himself_has_the_numbers_of_the_function():
    table, units, battles = study()
    found = people_report(table, units, battles, scale="overall", n_resamples=0)
    verdicts = [
        (RATERS[rater], table.items[item], verdict)
        for item, raters, said in zip(units.item, units.raters, units.verdicts, strict=True)
        for rater, verdict in zip(raters, said, strict=True)
    ]
    given = table.answers["overall"]
    answers = [
        (RATERS[rater], table.items[item], value)
        for item, rater, value in zip(given.item, given.rater, given.value, strict=True)
    ]
    fights = list(zip(battles.rater, battles.first, battles.second, battles.winner, strict=True))
    images = dict(zip(table.items, table.images, strict=True))
    alone = rater_consistency(verdicts, answers, fights, images=images, n_resamples=0)
    for row in found.consistency:
        assert repr(row.consistency) == repr(alone[row.rater])
    assert found.consistency[0].consistency.verdicts_scale.value < -0.3


def test_winners_when_a_row_has_the_two_captions_the_other_way_round_are_the_same_winners():
    table, units, _ = study(4)
    straight = battles_of(table, [(0, 1, "a", 0, False), (0, 1, "a", 1, False), (2, 3, "b", 0, False),
                                  (2, 3, "b", 1, False)])  # fmt: skip
    turned = battles_of(table, [(0, 1, "a", 0, False), (1, 0, "b", 1, False), (2, 3, "b", 0, False),
                                (3, 2, "a", 1, False)])  # fmt: skip
    alphas = []
    for battles in (straight, turned):
        found = people_report(table, units, battles, n_resamples=0)
        alphas.append(next(row for row in found.agreement if row.question == "winner").alpha)
    assert alphas[0] == alphas[1]
    assert alphas[0].value == 1.0


def test_campaigns_when_there_are_several_stand_after_all_of_them_together():
    table, *_ = study()
    table = replace(table, campaigns=("one",) * 40 + ("two",) * 20)
    found = people_report(table, *nothing(table), n_resamples=0)
    of = [(row.question, row.campaign, row.alpha.n_items) for row in found.agreement]
    assert of == [
        *(("correctness", name, n) for name, n in (("", 60), ("one", 40), ("two", 20))),
        *(("overall", name, n) for name, n in (("", 60), ("one", 40), ("two", 20))),
    ]
    # A battle tells its own campaign; its captions may be in none that anybody rates.
    rows = [(item, item + 1, "a", rater, False) for item in (0, 2) for rater in (0, 1)]
    battles = replace(battles_of(table, rows), first=("x", "x", "y", "y"), campaign=("p", "p", "q", "q"))
    fought = people_report(table, nothing(table)[0], battles, n_resamples=0).agreement
    assert [row.campaign for row in fought if row.question == "winner"] == ["", "p", "q"]
    single = people_report(replace(table, campaigns=("one",) * 60), *nothing(table), n_resamples=0)
    assert [row.campaign for row in single.agreement] == ["", ""]


def test_undefined_cases_when_reported_are_none_with_a_reason_in_the_record():
    rows = [("correctness", item, 0, float(1 + item % 5)) for item in range(12)]
    table = table_of(rows)
    record = people_report(table, *nothing(table), n_resamples=10).as_record()
    json.dumps(record, allow_nan=False)
    alpha = record["agreement"][0]["alpha"]
    assert alpha["value"] is None
    assert alpha["note"] == "one rater gave all ratings: agreement needs two raters on the same items"
    assert record["ceilings"][0]["ceiling"]["human_ceiling"]["note"].startswith("a human ceiling needs two")
    assert record["kappas"][0]["note"] == "agreement needs two raters; there are 1"
    consistency = record["consistency"][0]["consistency"]
    assert consistency["verdicts_scale"]["value"] is None
    assert "needs at least 3 items with verdicts and an answer" in consistency["verdicts_scale"]["note"]
    assert consistency["battles_scale"]["note"].startswith("no battle with a winner")


def test_nothing_rated_when_reported_is_an_empty_report():
    table = table_of([], questions=())
    found = people_report(table, *nothing(table))
    assert (found.agreement, found.kappas, found.consistency, found.scale) == ((), (), (), "")
    assert (found.n_items, found.n_ratings) == (0, 0)


def test_a_sample_when_drawn_keeps_images_whole_and_says_so():
    table, units, battles = study(200)
    found = people_report(table, units, battles, at_most=300, n_resamples=0, seed=2)
    assert found.total_ratings == 900
    assert 280 <= found.n_ratings <= 300
    assert found.sample_note == (
        f"{found.n_ratings} of 900 ratings are compared, those of a random sample of images (seed 2)"
    )
    of = {row.question: row.alpha for row in found.agreement}
    # Each image has two captions, one battle and four units, each with three raters.
    n_images = of["winner"].n_groups
    assert (of["overall"].n_items, of["verdicts"].n_items) == (2 * n_images, 4 * n_images)
    assert found.n_ratings == 9 * n_images
    assert found == people_report(table, units, battles, at_most=300, n_resamples=0, seed=2)
    other = people_report(table, units, battles, at_most=300, n_resamples=0, seed=3)
    assert other.agreement[0].alpha.value != of["correctness"].value
    whole = people_report(table, units, battles, n_resamples=0).agreement[0].alpha.value
    assert other.agreement[0].alpha.value == pytest.approx(whole, abs=0.15)


def test_people_who_only_judged_units_when_counted_are_there():
    table = table_of([("correctness", 0, 0, 3.0), ("correctness", 1, 0, 4.0)])
    units = units_of(table, [(0, {1: "supported", 2: "supported"}), (1, {1: "unsure", 2: "hallucinated"})])
    found = people_report(table, units, battles_of(table, []), n_resamples=0)
    assert found.n_ratings == 4
    assert {row.rater for row in found.consistency} == set(RATERS)
    verdicts = next(row for row in found.kappas if row.question == "verdicts")
    assert (verdicts.weights, set(verdicts.raters)) == ("none", {"ben", "cy"})


def test_a_scale_that_nobody_was_asked_is_refused():
    table, units, battles = study(4)
    with pytest.raises(InvalidScoresError, match="nobody was asked 'beauty'; the scales are correctness, ov"):
        people_report(table, units, battles, scale="beauty")
    with pytest.raises(InvalidScoresError, match="at least 1 rating must be compared; got 0"):
        people_report(table, units, battles, at_most=0)
