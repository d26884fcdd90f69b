"""Battles: two captions of one image, their balanced sides, and a winner apart from quality."""

import json

import pytest
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from annotations.assignment import claim_item, next_item
from annotations.campaigns import create_campaign
from annotations.engine import writing
from annotations.errors import InvalidRecordError, ItemFullError, UnknownRecordError
from annotations.exporting import export_ratings
from annotations.items import add_battle, delete_item, get_item
from annotations.revisions import ratings
from annotations.schema import items
from annotations.store import NewRating, save_rating


@pytest.fixture
def pair(make_item):
    return (
        make_item(image=1, caption="One.", units=[("One.", 0, 4)], source="a"),
        make_item(image=1, caption="Two.", units=[("Two.", 0, 4)], source="b"),
    )


@pytest.fixture
def battle(engine, pair):
    return add_battle(engine, *pair, overlap=100)


def vote(item_id, rater, winner, both_poor=0, nonce=None):
    return NewRating(
        item_id=item_id,
        rater=rater,
        answers={"winner": winner, "both_poor": both_poor},
        verdicts=(),
        nonce=nonce or f"nonce-{rater}",
        guideline_version="1",
        application_version="1",
    )


def test_battle_in_either_order_is_one_battle(engine, pair):
    first = add_battle(engine, *pair)
    assert add_battle(engine, *pair[::-1]) == first
    item = get_item(engine, first)
    assert (item.kind, set(item.battle), item.caption, item.units) == ("battle", set(pair), "", ())
    assert item.is_cut


def test_battle_of_captions_that_cannot_meet_says_why(engine, pair, battle, make_item):
    elsewhere = make_item(image=2)
    other = make_item(image=1, campaign_id=create_campaign(engine, "Other"))
    same = make_item(image=1, caption="One.", units=[("One.", 0, 4)], source="c")
    for one, two, sentence in (
        (pair[0], elsewhere, "not of one image"),
        (pair[0], other, "not of one image in one campaign"),
        (pair[0], same, "the same caption"),
        (pair[0], battle, "a battle itself"),
        (pair[0], pair[0], "the same caption"),
    ):
        with pytest.raises(InvalidRecordError, match=sentence):
            add_battle(engine, one, two)
    with pytest.raises(UnknownRecordError, match="'nowhere'"):
        add_battle(engine, pair[0], "nowhere")


def test_sides_are_drawn_once_and_come_up_as_often(engine, battle):
    sides = {f"r{number}": claim_item(engine, f"r{number}", battle).flipped for number in range(20)}
    assert sum(sides.values()) == 10
    for rater, flipped in sides.items():
        again = claim_item(engine, rater, battle)
        assert again.flipped == flipped
        assert again.sides == (
            ("Two.", "One.") if flipped == first_is_one(engine, battle) else ("One.", "Two.")
        )


def first_is_one(engine, battle) -> bool:
    return get_item(engine, get_item(engine, battle).battle[0]).caption == "One."


def test_sides_of_one_raters_battles_come_up_as_often(engine, make_item):
    flipped = []
    for image in range(10):
        captions = [
            make_item(image=image, caption=text, units=[(text, 0, len(text))]) for text in ("One.", "Two.")
        ]
        flipped.append(claim_item(engine, "Ada", add_battle(engine, *captions)).flipped)
    assert sum(flipped) == 5


def test_vote_keeps_the_winner_apart_from_whether_both_are_poor(engine, battle):
    save_rating(engine, vote(battle, "Ada", 1, both_poor=1))
    save_rating(engine, vote(battle, "Bo", 0))
    assert [(rating.kind, rating.answers) for rating in ratings(engine)] == [
        ("battle", {"winner": 1, "both_poor": 1}),
        ("battle", {"winner": 0, "both_poor": 0}),
    ]
    first, _ = ratings(engine)
    assert (first.battle, first.verdicts, first.caption) == (get_item(engine, battle).battle, (), "")
    assert isinstance(first.flipped, bool)


@pytest.mark.parametrize(
    ("winner", "both_poor", "sentence"),
    [(3, 0, "winner .* from 0 to 2; got 3"), (1, 2, "both_poor .* from 0 to 1; got 2")],
)
def test_vote_for_nobody_is_refused(engine, battle, winner, both_poor, sentence):
    with pytest.raises(InvalidRecordError, match=sentence):
        save_rating(engine, vote(battle, "Ada", winner, both_poor))
    assert list(ratings(engine)) == []


def test_battle_takes_no_more_raters_than_its_overlap(engine, pair):
    battle = add_battle(engine, *pair, overlap=1)
    save_rating(engine, vote(battle, "Ada", 1))
    with pytest.raises(ItemFullError):
        save_rating(engine, vote(battle, "Bo", 2))


def test_battle_that_was_deleted_is_there_again_when_added(engine, pair, battle):
    delete_item(engine, battle)
    assert next_item(engine, "Ada").item_id in pair
    assert add_battle(engine, *pair) == battle
    assert get_item(engine, battle).deleted_at is None


def test_export_of_a_vote_names_both_captions(engine, battle, tmp_path):
    save_rating(engine, vote(battle, "Ada", 2))
    with (tmp_path / "votes.jsonl").open("w") as stream:
        export_ratings(engine, stream, format="jsonl")
    row = json.loads((tmp_path / "votes.jsonl").read_text())
    assert row["battle"] == list(get_item(engine, battle).battle)
    assert row["answers"] == {"winner": 2, "both_poor": 0}


def test_battle_without_two_captions_is_refused_by_the_database_too(engine, battle):
    def spoil() -> None:
        with writing(engine) as connection:
            connection.execute(update(items).where(items.c.id == battle).values(second_id=None))

    with pytest.raises(IntegrityError, match="ck_items_kind_complete"):
        spoil()
