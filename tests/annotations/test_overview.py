"""How a campaign goes, in numbers worked out by hand."""

import math
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import update

from annotations.agreement import krippendorff_alpha
from annotations.assignment import claim_item, next_item, release
from annotations.campaign_tables import INSPECT_CAMPAIGN
from annotations.campaigns import create_campaign
from annotations.engine import writing
from annotations.errors import UnknownRecordError
from annotations.gold import Gold
from annotations.items import EVERYBODY, add_battle, delete_item
from annotations.oversight import return_item
from annotations.overview import campaign_overview
from annotations.schema import items
from annotations.store import save_rating

NOON = datetime(2026, 3, 15, 12, 0, tzinfo=UTC)


def overview(engine, **options):
    return campaign_overview(engine, INSPECT_CAMPAIGN, **{"now": NOON, **options})


def save(engine, make_rating, item_id, rater="Ada", *, days_ago: float = 0, **form):
    moment = NOON - timedelta(days=days_ago)
    save_rating(engine, make_rating(item_id, rater, **form), now=moment)


def make_gold(engine, item_id, gold: Gold):
    with writing(engine) as connection:
        known = {"role": "gold", "gold": gold.to_json(), "overlap": EVERYBODY}
        connection.execute(update(items).where(items.c.id == item_id).values(known))


def row(found, name):
    return next(rater for rater in found.raters if rater.name == name)


def test_empty_campaign_has_counts_of_zero_and_reasons_in_place_of_numbers(engine):
    found = overview(engine)
    assert (found.items, found.wanted, found.done, found.ratings, found.raters) == (0, 0, 0, 0, ())
    assert (found.expected_end, found.end_note) == (None, "nothing is left to rate")
    assert len(found.days) == 14
    assert found.battles is None
    assert [one.name for one in found.agreement] == ["correctness", "thoroughness", "overall", "verdicts"]
    assert all(math.isnan(one.alpha.value) for one in found.agreement)
    assert {one.alpha.note for one in found.agreement} == {"there are no ratings"}
    with pytest.raises(UnknownRecordError, match="no campaign 'nothing'"):
        campaign_overview(engine, "nothing")


def test_progress_counts_places_of_items_to_be_judged_only(engine, make_item, make_rating):
    first, second, gone, training = (make_item(overlap=4) for _ in range(4))
    make_gold(engine, training, Gold())
    for item in (first, second, gone, training):
        save(engine, make_rating, item)
    delete_item(engine, gone)
    found = overview(engine)
    assert (found.items, found.gold, found.wanted, found.done, found.ratings) == (2, 1, 8, 2, 3)


def test_expected_end_follows_from_the_ratings_of_the_last_week(engine, make_item, make_rating):
    made = [make_item(overlap=5) for _ in range(4)]  # 20 places
    save(engine, make_rating, made[0], days_ago=20)
    for number, item in enumerate(made):
        save(engine, make_rating, item, "Bo", days_ago=1 + number)
    found = overview(engine)
    assert found.per_day == pytest.approx(4 / 7)
    assert found.expected_end == date(2026, 3, 15) + timedelta(days=math.ceil(15 / (4 / 7)))
    by_day = dict(found.days)
    assert [by_day[date(2026, 3, day)] for day in (11, 12, 13, 14, 15)] == [1, 1, 1, 1, 0]
    assert sum(by_day.values()) == 4, "the rating of 20 days ago is not among the last 14 days"
    late = overview(engine, now=NOON + timedelta(days=30))
    assert (late.expected_end, late.end_note) == (None, "nobody has rated within the last 7 days")


def test_pace_of_the_first_hours_is_not_made_out_to_be_a_days(engine, make_item, make_rating):
    save(engine, make_rating, make_item(overlap=3), days_ago=1 / 24)
    training = make_item()
    make_gold(engine, training, Gold())
    save(engine, make_rating, training)
    assert overview(engine).per_day == 1, "what checks a rater brings the end no nearer"


def test_agreement_is_the_alpha_of_the_current_ratings(engine, make_item, make_rating):
    given = {"Ada": [1, 2, 3, 4, 5], "Bo": [1, 2, 4, 4, 5], "Cy": [2, 2, 3, 5, 4]}
    made = [make_item() for _ in range(5)]
    for rater, values in given.items():
        for item, value in zip(made, values, strict=True):
            save(engine, make_rating, item, rater, overall=1)
            save(engine, make_rating, item, rater, overall=value)
    found = {one.name: one.alpha for one in overview(engine).agreement}
    expected = krippendorff_alpha(
        [item for item in made for _ in given],
        [rater for _ in made for rater in given],
        [given[rater][number] for number in range(5) for rater in given],
        groups=[item for item in made for _ in given],
        level="ordinal",
        n_resamples=0,
    )
    assert found["overall"].value == pytest.approx(expected.value)
    assert (found["overall"].n_items, found["overall"].n_ratings) == (5, 15)
    assert found["overall"].low <= found["overall"].value <= found["overall"].high
    assert "ratings are equal" in found["correctness"].note
    # Ada, Bo and Cy say the same of every unit: units 1 and 3 of each caption have two values in all.
    assert (found["verdicts"].value, found["verdicts"].n_items) == (1, 10)


def test_agreement_of_a_large_campaign_rests_on_a_sample_that_says_so(engine, make_item, make_rating):
    for _ in range(5):
        item = make_item()
        save(engine, make_rating, item, "Ada")
        save(engine, make_rating, item, "Bo", overall=5)
    found = overview(engine, at_most=6)
    assert (found.compared.ratings, found.compared.total_ratings) == (6, 10)
    assert {one.alpha.n_items for one in found.agreement if one.name == "overall"} == {3}
    assert found.ratings == 10


def test_rater_rows_tell_count_pace_skips_and_what_waits(engine, make_item, make_rating):
    first, second, third, skipped = (make_item() for _ in range(4))
    save(engine, make_rating, first, active_seconds=10.0)
    save(engine, make_rating, second, active_seconds=30.0)
    claim_item(engine, "Ada", third, now=NOON - timedelta(seconds=50))
    save(engine, make_rating, third)
    claim_item(engine, "Ada", skipped, now=NOON)
    release(engine, "Ada", skipped, reason="too blurred")
    return_item(engine, first, "Ada", reason="again", actor="Olga")
    next_item(engine, "Bo", now=NOON)
    found = overview(engine)
    ada, bo = row(found, "Ada"), row(found, "Bo")
    assert (ada.ratings, ada.median_seconds, ada.returned) == (3, 30, 1)
    assert ada.skips == (("too blurred", 1),)
    assert ada.last_seen_at == "2026-03-15T12:00:00.000000Z"
    assert (bo.ratings, bo.median_seconds, bo.in_hand, bo.gold) == (0, None, 1, None)
    assert "nobody else" in bo.scales.note


def test_gold_accuracy_counts_expected_answers_that_each_rater_gave(engine, make_item, make_rating):
    item = make_item()
    # The first unit is 0:10; the expected piece of the last one is a part of it.
    expected = Gold(((0, 10, "supported"), (37, 48, "supported")), {"overall": (3, 4)})
    make_gold(engine, item, expected)
    save(engine, make_rating, item, "Ada", verdicts=("supported", None, "supported"), overall=4)
    save(engine, make_rating, item, "Bo", verdicts=("hallucinated", None, None), overall=3)
    found = overview(engine)
    ada, bo = row(found, "Ada").gold, row(found, "Bo").gold
    assert (ada.n_met, ada.n, ada.n_unanswered) == (3, 3, 0)
    assert (bo.n_met, bo.n, bo.n_unanswered) == (1, 2, 1)
    assert found.agreement[0].alpha.n_items == 0, "gold items say nothing of how far raters agree"


def test_agreement_with_others_needs_ten_items_and_then_has_a_value(engine, make_item, make_rating):
    made = [make_item() for _ in range(10)]
    verdicts = {"Ada": "supported", "Bo": "supported", "Cy": "unsure"}
    for number, item in enumerate(made):
        for rater, said in verdicts.items():
            grade = 1 + number % 5 if rater != "Cy" else 5 - number % 5
            form = {"overall": grade, "verdicts": (said, None, None)}
            save(engine, make_rating, item, rater, **form)
        if number == 8:
            assert "at least 10" in row(overview(engine), "Ada").scales.note
    found = overview(engine)
    ada, cy = row(found, "Ada"), row(found, "Cy")
    assert ada.verdicts.value == 0.5, "the two others are always split, so either answer counts half"
    assert (cy.verdicts.value, cy.verdicts.n) == (0, 10)
    assert cy.scales.value == pytest.approx(-1)
    assert cy.scales.note == "2 of 3 scales left out: no value"


def test_battles_are_counted_by_winner_and_by_source(engine, make_item, make_rating):
    made = {
        source: make_item(image=1, caption=source, units=[(source, 0, len(source))], source=source)
        for source in ("model a", "model b")
    }
    battle = add_battle(engine, *made.values())
    first_source = "model a" if min(made.values()) == made["model a"] else "model b"
    for rater, winner, poor in (("Ada", 1, 1), ("Bo", 1, 0), ("Cy", 0, 1)):
        save(engine, make_rating, battle, rater, answers={"winner": winner, "both_poor": poor}, verdicts=())
    found = overview(engine)
    battles = found.battles
    assert (battles.items, battles.ratings, battles.ties, battles.both_poor) == (1, 3, 1, 2)
    assert (battles.first_wins, battles.second_wins) == (2, 0)
    shares = {share.source: (share.wins, share.losses, share.ties) for share in battles.sources}
    other = ({*made} - {first_source}).pop()
    assert shares == {first_source: (2, 0, 1), other: (0, 2, 1)}
    assert found.agreement[-1].name == "winner"
    assert found.agreement[-1].alpha.n_ratings == 3


def test_ratings_of_another_campaign_are_not_counted(engine, make_item, make_rating):
    other = create_campaign(engine, "Other")
    save(engine, make_rating, make_item(campaign_id=other))
    assert (overview(engine).ratings, overview(engine).raters) == (0, ())
    assert campaign_overview(engine, other, now=NOON).ratings == 1
