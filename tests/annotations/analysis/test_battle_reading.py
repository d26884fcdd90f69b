"""Battles with the scores of both captions."""

import math

import numpy as np
import pytest
from sqlalchemy import update

from annotations.analysis.reading import read_battles, read_table
from annotations.analysis.table import Choice
from annotations.campaigns import create_campaign, delete_campaign
from annotations.engine import writing
from annotations.items import add_battle, delete_item, get_item
from annotations.reveals import record_reveal
from annotations.schema import items
from annotations.store import withdraw_rating

OTHER = "e" * 64


@pytest.fixture
def make_battle(engine, make_item):
    def make(image: int, first: str = "a", second: str = "b", **options) -> tuple[str, str, str]:
        pair = [
            make_item(image=image, caption=text, units=[(text, 0, 4)], source=source, **options)
            for text, source in (("One.", first), ("Two.", second))
        ]
        battle = add_battle(engine, *pair, overlap=9)
        return battle, *get_item(engine, battle).battle

    return make


@pytest.fixture
def vote(rate):
    def save(battle: tuple[str, ...], rater: str, winner: int, both_poor: int = 0, **options) -> None:
        answers = {"winner": winner, "both_poor": both_poor}
        rate(battle[0], rater, answers=answers, verdicts=(), **options)

    return save


def test_battles_have_winners_and_scores_of_either_side(engine, make_battle, make_item, rate, vote, score):
    one, two = make_battle(1), make_battle(2, "", "c")
    for place, value in enumerate((one[1], one[2], two[1])):
        score(value, 0.1 * (place + 1), similarity=0.5)
        score(value, 7, model="long", model_sha256=OTHER)
    rated = make_item()
    score(rated)
    rate(rated)
    vote(two, "Ada", 0, 1)
    vote(one, "Bo", 2)
    vote(one, "Ada", 1)
    table = read_table(engine)
    battles = read_battles(engine, table)
    assert battles.first == (one[1], one[1], two[1])
    assert battles.second == (one[2], one[2], two[2])
    assert battles.winner == ("a", "b", "tie")
    assert battles.both_poor == (False, False, True)
    assert [table.names[table.raters.index(rater)] for rater in battles.rater if rater in table.raters] == [
        "Ada",
        "Ada",
    ]
    systems = {item_id: get_item(engine, item_id).source or "" for item_id in (*one[1:], *two[1:])}
    assert battles.first_system == tuple(systems[item_id] for item_id in battles.first)
    assert battles.second_system == tuple(systems[item_id] for item_id in battles.second)
    assert battles.image[0] == battles.image[1] != battles.image[2]
    assert battles.first_scores["specs"].tolist() == [0.1, 0.1, pytest.approx(0.3)]
    np.testing.assert_array_equal(battles.second_scores["specs"], [0.2, 0.2, math.nan])
    assert list(battles.first_scores) == ["specs", "cosine", "unit_count", "random"]
    assert battles.first_scores["unit_count"].tolist() == [1, 1, 1]
    assert len(battles) == 3


def test_battles_that_are_deleted_withdrawn_or_to_learn_on_are_left_out(engine, make_battle, vote):
    kept, deleted, training, withdrawn = (make_battle(image) for image in range(4))
    gone = create_campaign(engine, "Gone")
    elsewhere = make_battle(5, campaign_id=gone)
    for battle in (kept, deleted, training, withdrawn, elsewhere):
        vote(battle, "Ada", 1)
    vote(kept, "Ada", 2, days=1)
    delete_item(engine, deleted[0])
    withdraw_rating(engine, "Ada", withdrawn[0], application_version="1")
    delete_campaign(engine, gone)
    with writing(engine) as connection:
        connection.execute(update(items).where(items.c.id == training[0]).values(role="training"))
    battles = read_battles(engine, read_table(engine))
    assert (battles.first, battles.winner) == ((kept[1],), ("b",))


def test_battles_follow_the_choice(engine, make_battle, vote, score):
    other = create_campaign(engine, "Other")
    one, two, three = make_battle(1), make_battle(2, "a", "c"), make_battle(3, campaign_id=other)
    for number, battle in enumerate((one, two, three)):
        for item_id in battle[1:]:
            score(item_id)
            score(item_id, 10 + 10 * number, metric="length_tokens")
        vote(battle, "Ada", 1, days=number)
    record_reveal(engine, "Bo", one[0])
    vote(one, "Bo", 2)
    ada = read_battles(engine, read_table(engine)).rater[0]

    def fought(**options) -> list[str]:
        return list(read_battles(engine, read_table(engine), Choice(**options)).first)

    assert fought() == [one[1], one[1], two[1], three[1]]
    assert fought(campaigns=(other,)) == [three[1]]
    assert fought(systems=("a", "b")) == [one[1], one[1], three[1]]
    assert fought(raters=(ada,)) == [one[1], two[1], three[1]]
    assert fought(blind_only=True) == [one[1], two[1], three[1]]
    assert fought(since="2026-03-16", until="2026-03-16") == [two[1]]
    assert fought(longest=15) == [one[1], one[1]]


def test_answers_that_the_choice_leaves_out_are_counted_under_the_reasons_of_captions(
    engine, make_battle, vote, score
):
    other = create_campaign(engine, "Other")
    one, two, three = make_battle(1), make_battle(2, "a", "c"), make_battle(3, campaign_id=other)
    for number, battle in enumerate((one, two, three)):
        for item_id in battle[1:]:
            score(item_id)
        score(battle[1], 10 + 10 * number, metric="length_tokens")
        vote(battle, "Ada", 1, days=number)
    score(one[2], 12, metric="length_tokens")
    score(three[2], 99, metric="length_tokens")
    record_reveal(engine, "Bo", one[0])
    vote(one, "Bo", 2)
    ada = read_battles(engine, read_table(engine)).rater[0]
    default = read_battles(engine, read_table(engine)).campaign[0]

    def left_out(**options) -> dict[str, int]:
        choice = Choice(**options)
        battles = read_battles(engine, read_table(engine), choice)
        assert len(battles) + sum(battles.left_out.values()) == 4
        return dict(battles.left_out)

    assert default != "Other"
    assert left_out() == {}
    assert left_out(campaigns=(other,)) == {"captions of other campaigns": 3}
    assert left_out(systems=("a", "b")) == {"captions of other systems": 1}
    assert left_out(raters=(ada,)) == {"ratings by other raters": 1}
    assert left_out(blind_only=True) == {"ratings given after the rater had seen the metric": 1}
    assert left_out(since="2026-03-16", until="2026-03-16") == {
        "ratings before 2026-03-16": 2,
        "ratings after 2026-03-16": 1,
    }
    assert left_out(shortest=11, longest=50) == {
        "captions of unknown length in tokens": 1,
        "captions of fewer than 11 tokens": 2,
        "captions of more than 50 tokens": 1,
    }
    # Under the first reason only, as captions are.
    assert left_out(campaigns=(other,), raters=("nobody",), longest=50) == {
        "captions of other campaigns": 3,
        "ratings by other raters": 1,
    }


def test_battles_without_rated_captions_take_the_weights_that_scored_most(engine, make_battle, vote, score):
    battle = make_battle(1)
    vote(battle, "Ada", 1)
    score(battle[1], 0.25)
    score(battle[1], 0.5, model="long", model_sha256=OTHER)
    score(battle[2], 0.75, model="long", model_sha256=OTHER)
    table = read_table(engine)
    assert table.model is None
    battles = read_battles(engine, table)
    assert (battles.first_scores["specs"].tolist(), battles.second_scores["specs"].tolist()) == (
        [0.5],
        [0.75],
    )
    scenes = read_battles(engine, table, Choice(model_sha256="f" * 64))
    assert scenes.first_scores["specs"].tolist() == [0.25]


def test_battles_name_their_campaign_where_no_caption_of_theirs_is_rated(engine, make_battle, vote):
    one = make_battle(1)
    other = make_battle(2, campaign_id=create_campaign(engine, "pairs"))
    vote(one, "Ada", 1)
    vote(other, "Ada", 1)
    battles = read_battles(engine, read_table(engine))
    assert len(set(battles.campaign)) == 2
    assert battles.campaign[battles.first.index(other[1])] == "pairs"


def test_metrics_have_the_same_names_in_captions_and_in_battles(
    engine, make_battle, make_item, rate, vote, score
):
    battle, rated = make_battle(1), make_item()
    alike = "a library with the same long name and settings, "
    for number, of in ((1, (rated, *battle[1:])), (2, (rated,)), (3, battle[1:])):
        for item_id in of:
            source = {"model": f"{alike}{number}", "model_sha256": str(number) * 64}
            score(item_id, 0.1 * number, metric="bleu_4", **source)
            score(item_id, 0.2 * number, metric=f"judge_{number}", **source)
    for item_id in battle[1:]:
        score(item_id, 0.5)
        score(item_id, 0.25, metric="clip_score")
        score(item_id, 0.75, metric="clip_score", model="CLIP elsewhere", model_sha256="4" * 64)
    score(rated, 0.75, metric="clip_score", model="CLIP elsewhere", model_sha256="4" * 64)
    rate(rated)
    vote(battle, "Ada", 1)

    def names(weights: str | None) -> tuple[set[str], set[str]]:
        table = read_table(engine, Choice(model_sha256=weights))
        battles = read_battles(engine, table, Choice(model_sha256=weights))
        return set(table.metrics), set(battles.first_scores)

    cut = "a library with the same long name and s…"
    sentinels = {"unit_count", "random"}
    # No caption that is rated by itself has a score of weights; those of the battles count all the same.
    captions, fought = names(None)
    told = {f"bleu_4 ({cut}, 11111111)", "judge_1", "clip_score (CLIP elsewhere)"}
    assert captions == {*told, f"bleu_4 ({cut}, 22222222)", "judge_2", *sentinels}
    assert fought == {*told, f"bleu_4 ({cut}, 33333333)", "judge_3", "specs", "clip_score", *sentinels}
    # A metric keeps its name whatever weights are chosen.
    score(rated, 0.5, metric="cosine", model="other", model_sha256=OTHER)
    captions, fought = names(OTHER)
    assert told <= captions
    assert told <= fought
