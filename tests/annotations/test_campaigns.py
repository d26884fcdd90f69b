"""Campaigns: what they ask, how they change, and what their items may be answered with."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from annotations.assignment import claim_item, next_item
from annotations.campaign_tables import INSPECT_CAMPAIGN, LINKS_CAMPAIGN
from annotations.campaigns import (
    change_campaign,
    create_campaign,
    delete_campaign,
    get_campaign,
    list_campaigns,
    pause_campaign,
)
from annotations.engine import reading
from annotations.errors import InvalidRecordError, UnknownRecordError
from annotations.questions import CRITERIA, Question
from annotations.revisions import ratings
from annotations.schema import campaigns, guidelines
from annotations.store import save_rating

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_every_database_has_the_campaigns_of_inspect_and_of_links(engine):
    inspect, links = list_campaigns(engine)
    assert (inspect.id, inspect.blind, inspect.paused_at) == (INSPECT_CAMPAIGN, True, None)
    assert (links.id, links.blind, links.paused_at is None) == (LINKS_CAMPAIGN, False, False)
    assert [question.name for question in inspect.questions] == ["correctness", "thoroughness", "overall"]
    assert inspect.questions == CRITERIA["correctness"]


def test_create_campaign_reads_back_by_name_and_id(engine):
    campaign_id = create_campaign(
        engine,
        "  Spring  2026 ",
        questions=CRITERIA["finecapeval"],
        guideline="# Look *twice*",
        overlap=5,
        lease_minutes=90,
        blind=False,
        asks_verdicts=False,
        gold_every=7,
    )
    campaign = get_campaign(engine, "Spring 2026")
    assert campaign == get_campaign(engine, campaign_id)
    assert [question.name for question in campaign.questions] == [
        "overall",
        "background",
        "object",
        "relations",
    ]
    assert (campaign.guideline, campaign.guideline_version) == ("# Look *twice*", 1)
    assert (campaign.overlap, campaign.lease, campaign.gold_every) == (5, timedelta(minutes=90), 7)
    assert (campaign.blind, campaign.asks_verdicts) == (False, False)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": " "}, "1 to 80 characters"),
        ({"name": "x" * 81}, "1 to 80 characters"),
        ({"name": "From Inspect"}, "a campaign 'From Inspect' already"),
        ({"overlap": 0}, "overlap of 0"),
        ({"lease_minutes": 0}, "got 0"),
        ({"gold_every": -1}, "got -1"),
        ({"guideline": "x" * 100_001}, "100,001"),
        ({"guideline": "a\x00"}, "NUL"),
        ({"questions": (), "asks_verdicts": False}, "asks nothing"),
        ({"questions": (Question(name="Overall", label="x"),)}, "got 'Overall'"),
        ({"questions": (Question(name="a", label="x"), Question(name="a", label="y"))}, "'a' is given twice"),
        ({"questions": (Question(name="a", label="x", low=5, high=5),)}, "from 5 to 5"),
        ({"questions": (Question(name="a", label="x", low=0, high=101),)}, "at most 100"),
        ({"questions": (Question(name="a", label=" "),)}, "needs a label"),
        ({"questions": (Question(name="a", label="x", labels={6: "y"}),)}, "label for 6"),
    ],
)
def test_create_campaign_with_a_value_that_will_not_do_says_which_and_keeps_nothing(
    engine, changes, sentence
):
    options = {"name": "New", **changes}
    with pytest.raises(InvalidRecordError, match=sentence):
        create_campaign(engine, options.pop("name"), **options)
    with reading(engine) as connection:
        assert connection.scalar(select(func.count()).select_from(campaigns)) == 2
        assert connection.scalar(select(func.count()).select_from(guidelines)) == 2


def test_change_of_the_guideline_is_another_version_and_ratings_keep_theirs(engine, make_item, make_rating):
    save_rating(engine, make_rating(make_item(), guideline_version="1"))
    changed = change_campaign(engine, INSPECT_CAMPAIGN, guideline="Look again.")
    same = change_campaign(engine, INSPECT_CAMPAIGN, guideline="Look again.", overlap=4)
    assert (changed.guideline, changed.guideline_version) == ("Look again.", 2)
    assert (same.guideline_version, same.overlap) == (2, 4)
    assert [rating.guideline_version for rating in ratings(engine)] == ["1"]


def test_change_of_the_questions_is_refused_after_the_first_rating(engine, make_item, make_rating):
    asked = (Question(name="overall", label="Overall", low=1, high=7),)
    campaign = create_campaign(engine, "Seven", questions=CRITERIA["correctness"])
    assert change_campaign(engine, campaign, asked=asked).questions == asked
    item = make_item(campaign_id=campaign)
    save_rating(engine, make_rating(item, answers={"overall": 7}))
    with pytest.raises(InvalidRecordError, match="'Seven' has ratings, so its questions stay"):
        change_campaign(engine, campaign, asked=CRITERIA["correctness"])
    assert get_campaign(engine, campaign).questions == asked


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        ({"overall": 8}, "overall must be a whole number from 1 to 7; got 8"),
        ({}, "'overall' is missing"),
        ({"overall": 3, "mood": 1}, "'mood' is none of these"),
        ({"correctness": 3}, "asks for overall; 'correctness' is none of these"),
    ],
)
def test_rating_that_does_not_answer_the_campaign_says_what_and_is_not_kept(
    engine, make_item, make_rating, answers, sentence
):
    asked = (Question(name="overall", label="Overall", low=1, high=7),)
    item = make_item(campaign_id=create_campaign(engine, "Seven", questions=asked))
    with pytest.raises(InvalidRecordError, match=sentence):
        save_rating(engine, make_rating(item, answers=answers))
    assert list(ratings(engine)) == []


def test_campaign_without_verdicts_takes_none(engine, make_item, make_rating):
    item = make_item(campaign_id=create_campaign(engine, "Scales", asks_verdicts=False))
    with pytest.raises(InvalidRecordError, match="0 units to be judged, and 3 verdicts"):
        save_rating(engine, make_rating(item))
    save_rating(engine, make_rating(item, verdicts=()))
    assert [rating.verdicts for rating in ratings(engine)] == [()]


def test_paused_campaign_hands_nothing_out_and_goes_on_where_it_was(engine, make_item):
    item = make_item()
    claim_item(engine, "Ada", item)
    pause_campaign(engine, INSPECT_CAMPAIGN, paused=True)
    assert next_item(engine, "Ada") is None
    assert next_item(engine, "Bo") is None
    pause_campaign(engine, INSPECT_CAMPAIGN, paused=False)
    assert next_item(engine, "Ada").item_id == item


def test_deleted_campaign_hands_nothing_out_and_can_be_restored(engine, make_item, make_rating):
    item = make_item()
    save_rating(engine, make_rating(item))
    delete_campaign(engine, INSPECT_CAMPAIGN)
    assert next_item(engine, "Bo") is None
    assert [campaign.id for campaign in list_campaigns(engine)] == [LINKS_CAMPAIGN]
    assert len(list_campaigns(engine, deleted=True)) == 2
    with pytest.raises(InvalidRecordError, match="was deleted and can be restored"):
        create_campaign(engine, "From Inspect")
    delete_campaign(engine, INSPECT_CAMPAIGN, deleted=False)
    assert next_item(engine, "Bo").item_id == item
    assert len(list(ratings(engine))) == 1


def test_next_item_of_a_campaign_leaves_the_others_alone(engine, make_item):
    make_item()
    campaign = create_campaign(engine, "Mine")
    mine = make_item(campaign_id=campaign)
    assert next_item(engine, "Ada", campaign_id=campaign).item_id == mine
    assert next_item(engine, "Ada", campaign_id=LINKS_CAMPAIGN) is None


def test_lease_of_an_item_is_its_campaigns(engine, make_item):
    item = make_item(campaign_id=create_campaign(engine, "Slow", lease_minutes=120), overlap=1)
    assert claim_item(engine, "Ada", item, now=START).lease_expires_at == "2026-03-01T14:00:00.000000Z"
    assert next_item(engine, "Bo", now=START + timedelta(minutes=119)) is None
    assert next_item(engine, "Bo", now=START + timedelta(minutes=121)).item_id == item


def test_campaign_that_is_not_there_is_named(engine, make_item):
    for act in (
        lambda: get_campaign(engine, "nowhere"),
        lambda: pause_campaign(engine, "nowhere", paused=True),
        lambda: delete_campaign(engine, "nowhere"),
        lambda: change_campaign(engine, "nowhere", overlap=1),
        lambda: make_item(campaign_id="nowhere"),
    ):
        with pytest.raises(UnknownRecordError, match="'nowhere'"):
            act()
