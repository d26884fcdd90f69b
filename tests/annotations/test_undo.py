"""Taking a submission back, items that come back to their rater, and a rater's own work."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from annotations.assignment import claim_item, next_item
from annotations.campaigns import create_campaign
from annotations.drafts import load_draft
from annotations.engine import reading, writing
from annotations.errors import UnknownRecordError
from annotations.items import get_item
from annotations.own_work import pace, submissions
from annotations.places import hand_back
from annotations.raters import find_rater
from annotations.revisions import ratings
from annotations.schema import items
from annotations.store import save_rating, undo_rating, withdraw_rating

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def done(engine, item_id) -> int:
    with reading(engine) as connection:
        return connection.scalar(select(items.c.done).where(items.c.id == item_id))


def test_undo_of_a_first_rating_withdraws_it_and_keeps_its_answers_as_the_draft(
    engine, make_item, make_rating
):
    item = make_item(overlap=1)
    save_rating(engine, make_rating(item, comment="no kite"))
    receipt = undo_rating(engine, "Ada", item, application_version="1")
    assert list(ratings(engine)) == []
    assert [one.withdrawn for one in ratings(engine, all_revisions=True)] == [False, True]
    assert receipt.number == 2
    assert load_draft(engine, "Ada", item) == {
        "answers": {"correctness": 2, "thoroughness": 4, "overall": 3},
        "verdicts": ["supported", None, "hallucinated"],
        "comment": "no kite",
    }
    # The place is still the rater's, and nobody else's.
    assert next_item(engine, "Bo") is None
    assert next_item(engine, "Ada").item_id == item
    assert done(engine, item) == 0


def test_undo_of_a_change_brings_back_what_was_said_before(engine, make_item, make_rating):
    item = make_item()
    save_rating(engine, make_rating(item, overall=1, comment="first"))
    save_rating(
        engine, make_rating(item, overall=5, verdicts=("unsure", "unsure", "unsure"), comment="second")
    )
    undo_rating(engine, "Ada", item, application_version="1")
    (now,) = ratings(engine)
    assert (now.number, now.answers["overall"], now.comment) == (3, 1, "first")
    assert [verdict.verdict for verdict in now.verdicts] == ["supported", None, "hallucinated"]
    assert load_draft(engine, "Ada", item)["comment"] == "second"
    assert done(engine, item) == 1


def test_undo_twice_brings_back_what_was_undone(engine, make_item, make_rating):
    item = make_item()
    save_rating(engine, make_rating(item, overall=1))
    save_rating(engine, make_rating(item, overall=5))
    undo_rating(engine, "Ada", item, application_version="1")
    undo_rating(engine, "Ada", item, application_version="1")
    assert [rating.answers["overall"] for rating in ratings(engine)] == [5]


def test_undo_of_nothing_says_so(engine, make_item, make_rating):
    item = make_item()
    save_rating(engine, make_rating(item, "Bo"))
    with pytest.raises(UnknownRecordError, match="by 'Ada'"):
        undo_rating(engine, "Ada", item, application_version="1")
    assert len(list(ratings(engine))) == 1


def test_finished_places_are_counted_whatever_becomes_of_the_rating(engine, make_item, make_rating):
    item = make_item(overlap=2)
    save_rating(engine, make_rating(item, "Ada"))
    save_rating(engine, make_rating(item, "Ada"))
    assert done(engine, item) == 1
    save_rating(engine, make_rating(item, "Bo"))
    assert done(engine, item) == 2
    withdraw_rating(engine, "Ada", item, application_version="1")
    assert done(engine, item) == 1
    assert claim_item(engine, "Cy", item).item_id == item


def test_returned_item_comes_first_with_its_reason_and_its_rating_stays(engine, make_item, make_rating):
    first, _ = make_item(), make_item()
    save_rating(engine, make_rating(first))
    claimed = next_item(engine, "Ada").item_id
    with writing(engine) as connection:
        hand_back(connection, first, find_rater(connection, "Ada"), reason="look at the kite")
    again = next_item(engine, "Ada")
    assert (again.item_id, again.returned, again.finished) == (first, "look at the kite", True)
    assert [rating.number for rating in ratings(engine)] == [1]
    save_rating(engine, make_rating(first, overall=1))
    assert next_item(engine, "Ada").item_id == claimed
    assert done(engine, first) == 1


def test_training_items_come_first_and_gold_ones_as_often_as_the_campaign_says(
    engine, make_item, make_rating
):
    campaign = create_campaign(engine, "Gold", gold_every=4)
    made = [make_item(campaign_id=campaign, overlap=10**6) for _ in range(42)]
    with writing(engine) as connection:
        for role, some in (("training", made[:2]), ("gold", made[2:22])):
            connection.execute(update(items).where(items.c.id.in_(some)).values(role=role))
    roles = []
    for _ in range(22):
        given = next_item(engine, "Ada", campaign_id=campaign)
        roles.append(get_item(engine, given.item_id).role)
        assert given.training == (roles[-1] == "training")
        save_rating(engine, make_rating(given.item_id, nonce=given.item_id))
    assert roles[:2] == ["training", "training"]
    assert 1 <= roles[2:].count("gold") <= 12
    assert "regular" in roles


def test_own_submissions_are_newest_first_and_nobody_elses(engine, make_item, make_rating):
    first, second = make_item(), make_item()
    save_rating(engine, make_rating(first))
    save_rating(engine, make_rating(second))
    save_rating(engine, make_rating(first, "Bo"))
    assert [one.item_id for one in submissions(engine, "Ada")] == [second, first]
    assert [one.item_id for one in submissions(engine, "Ada", limit=1)] == [second]
    assert submissions(engine, "Cy") == ()
    withdraw_rating(engine, "Ada", second, application_version="1")
    assert [one.item_id for one in submissions(engine, "Ada")] == [first]


def test_pace_is_of_the_last_day_and_the_active_time(engine, make_item, make_rating):
    for hours, seconds in ((30, 100.0), (3, 10.0), (2, 30.0), (1, None)):
        rating = make_rating(make_item(), active_seconds=seconds)
        save_rating(engine, rating, now=NOW - timedelta(hours=hours))
    found = pace(engine, "Ada", now=NOW)
    assert (found.today, found.median_seconds) == (3, 30.0)
    assert pace(engine, "Bo", now=NOW).median_seconds is None
