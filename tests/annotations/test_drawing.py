"""Which captions of a campaign come next, and draws that write weights, on both databases."""

import json
import math
from collections.abc import Callable

import numpy as np
import pytest
from sqlalchemy import Engine, select, update

from annotations.assignment import next_item
from annotations.audit import audit_log
from annotations.campaigns import create_campaign, delete_campaign
from annotations.cli import main
from annotations.drawing import draw_next, rank_next
from annotations.engine import reading, writing
from annotations.errors import InvalidRecordError, ItemFullError, UnknownRecordError
from annotations.items import add_battle, delete_item
from annotations.next_items import draw_items, item_gains, sampling_probabilities
from annotations.next_pool import DRAWN_PRIORITY
from annotations.schema import items
from annotations.scores import save_scores
from annotations.store import save_rating

SHA = "a" * 64
RATERS = ("Ada", "Ben", "Cy")


@pytest.fixture
def campaign(engine: Engine) -> str:
    return create_campaign(engine, "study", overlap=2, asks_verdicts=False)


@pytest.fixture
def fill(engine: Engine, campaign: str, make_item, make_rating) -> Callable[..., list[str]]:
    """Add captions with scores; an entry of `ratings` holds the answers that one of them has."""

    def filled(ratings: list[list[int]], scores: list[float | None] | None = None) -> list[str]:
        generator = np.random.default_rng(len(ratings))
        found = []
        for number, of_item in enumerate(ratings):
            item = make_item(
                campaign_id=campaign, caption=f"Caption {number}.", units=None, segmenter_version=""
            )
            found.append(item)
            score = generator.random() if scores is None else scores[number]
            if score is not None:
                save_scores(engine, item, metric="specs", model="m", model_sha256=SHA, score=score)
            for rater, overall in zip(RATERS, of_item, strict=False):
                save_rating(engine, make_rating(item, rater, overall=overall, verdicts=()))
        return found

    return filled


def rows_of(engine: Engine, *columns: str) -> dict[str, tuple]:
    with reading(engine) as connection:
        query = select(items.c.id, *(items.c[name] for name in columns))
        return {row[0]: tuple(row[1:]) for row in connection.execute(query)}


def test_captions_when_ranked_by_gain_are_all_there_in_the_order_of_the_gains(engine, campaign, fill):
    ratings = [[5, 4], [1, 2], [3, 3], [2], [], [], []]
    scores = [0.9, 0.2, 0.6, 0.7, 0.1, 0.99, None]
    made = fill(ratings, scores)
    found = rank_next(engine, campaign)
    gains = item_gains([math.nan if one is None else one for one in scores], ratings)
    expected = dict(zip(made, gains.gain.tolist(), strict=True))
    assert {item.item_id: item.gain for item in found.items} == pytest.approx(expected, nan_ok=True)
    known = [item.gain for item in found.items[:-1]]
    assert known == sorted(known, reverse=True)
    assert found.items[-1].item_id == made[6]  # without a score nobody can say
    assert (found.n_items, found.n_rated, found.n_scored, found.n_waiting) == (7, 4, 6, 0)
    assert (found.pearson_r, found.model, found.model_sha256) == (pytest.approx(gains.pearson_r), "m", SHA)
    assert [item.item_id for item in rank_next(engine, campaign, limit=2).items] == [
        item.item_id for item in found.items[:2]
    ]


def test_captions_when_ranked_by_gap_start_with_the_one_that_raters_put_elsewhere(engine, campaign, fill):
    made = fill([[1], [2], [3], [4], [5], []], [0.9, 0.2, 0.3, 0.4, 0.5, 0.99])
    found = rank_next(engine, "study", by="gap")
    assert (found.items[0].item_id, found.items[0].gap) == (made[0], 1.0)
    assert (found.items[-1].item_id, math.isnan(found.items[-1].gap)) == (made[5], True)
    assert (found.items[0].n_ratings, found.items[0].rating) == (1, 1.0)


def test_what_is_no_caption_to_be_judged_when_ranked_is_left_out(engine, campaign, fill, make_item):
    made = fill([[], [], [], [], []])
    other = make_item(image=99, campaign_id=campaign, caption="One.", units=None, segmenter_version="")
    another = make_item(image=99, campaign_id=campaign, caption="Two.", units=None, segmenter_version="")
    add_battle(engine, other, another)
    make_item(caption="Elsewhere.", units=None, segmenter_version="")
    delete_item(engine, made[0])
    with writing(engine) as connection:
        for item, role in ((made[1], "gold"), (made[2], "training")):
            connection.execute(update(items).where(items.c.id == item).values(role=role))
    assert {item.item_id for item in rank_next(engine, campaign).items} == {*made[3:], other, another}


def test_scores_when_two_models_have_some_are_those_of_the_one_with_more_unless_asked(engine, campaign, fill):
    made = fill([[1], [3], [5], []], [0.1, 0.5, 0.9, None])
    save_scores(engine, made[3], metric="specs", model="other", model_sha256="b" * 64, score=0.4)
    assert (rank_next(engine, campaign).model, rank_next(engine, campaign).n_scored) == ("m", 3)
    asked = rank_next(engine, campaign, model_sha256="b" * 64)
    assert (asked.model, asked.n_scored) == ("other", 1)
    assert "there are 0" in asked.note


def test_the_cosine_when_it_has_no_row_is_the_similarity_behind_specs(engine, campaign, fill):
    made = fill([[1], [3], [5], [2], []], [None] * 5)
    stored = {"model": "m", "model_sha256": SHA}
    for number, item in enumerate(made[:4]):
        save_scores(engine, item, metric="specs", score=0.9, similarity=0.1 * number, **stored)
    save_scores(engine, made[1], metric="cosine", score=0.7, **stored)
    for item in made[:2]:
        save_scores(engine, item, metric="cosine", score=0.5, model="other", model_sha256="b" * 64)
    found = rank_next(engine, campaign, metric="cosine")
    scores = {item.item_id: item.score for item in found.items}
    expected = [0.0, 0.7, 0.2, pytest.approx(0.3), pytest.approx(math.nan, nan_ok=True)]
    assert [scores[item] for item in made] == expected
    assert (found.model, found.model_sha256, found.n_scored) == ("m", SHA, 4)
    assert found.pearson_r == pytest.approx(np.corrcoef([0.0, 0.7, 0.2, 0.3], [1, 3, 5, 2])[0, 1])
    assert rank_next(engine, campaign, metric="cosine", model_sha256="b" * 64).n_scored == 2
    drawn = draw_next(engine, campaign, n=4, by="gap", metric="cosine", model_sha256=SHA)
    assert (drawn.metric, drawn.model_sha256) == ("cosine", SHA)
    assert len({one.probability for one in drawn.items}) > 1


def test_weights_when_named_by_their_beginning_are_found_and_others_are_refused(engine, campaign, fill):
    made = fill([[1], [3], [5], [], []])
    for item in made[:3]:
        other = {"model": "other", "model_sha256": "ab" * 32}
        save_scores(engine, item, metric="specs", score=0.4, **other)
        save_scores(engine, item, metric="bleu_4", model="sacrebleu", model_sha256="c" * 64, score=12.0)
    assert rank_next(engine, campaign, model_sha256="ABABab").model == "other"
    before = rows_of(engine, "weight", "priority", "overlap")
    there = r"there are aaaaaaaaaaaa \(m\), abababababab \(other\)$"
    for sha256, error, said in (
        ("d" * 64, UnknownRecordError, f"'study' has a score of 'specs' by a model of SHA-256 'd+'; {there}"),
        ("c" * 64, UnknownRecordError, f"by a model of SHA-256 'c+'; {there}"),
        ("", UnknownRecordError, "'' is too short to tell weights apart: .* at least 6"),
        ("a", UnknownRecordError, "'a' is too short to tell weights apart: .* at least 6"),
    ):
        for choose in (rank_next, draw_next):
            with pytest.raises(error, match=said):
                choose(engine, campaign, model_sha256=sha256, **({"n": 2} if choose is draw_next else {}))
    save_scores(engine, made[0], metric="cosine", model="m", model_sha256=SHA, score=0.1)
    with pytest.raises(InvalidRecordError, match="has a score of 'chrf'; there are scores of bleu_4, cos"):
        rank_next(engine, campaign, metric="chrf")
    assert rows_of(engine, "weight", "priority", "overlap") == before
    assert draw_next(engine, campaign, n=2, metric="bleu_4", model_sha256="cccccc").metric == "bleu_4"


def test_a_draw_when_made_writes_the_weights_and_chances_of_the_pure_functions(engine, campaign, fill):
    ratings = [[5, 4], [1, 2], [3, 3], [2]] + [[] for _ in range(20)]
    made = fill(ratings)
    before = {item.item_id: item for item in rank_next(engine, campaign).items}
    drawn = draw_next(engine, campaign, n=6, seed=3, actor="Ada")
    chances = sampling_probabilities(np.sqrt([before[item].gain for item in made]), 6)
    expected = {
        made[one.item]: one.weight if not ratings[one.item] else 1.0 for one in draw_items(chances, seed=3)
    }
    assert {one.item_id: one.weight for one in drawn.items} == pytest.approx(expected)
    stored = rows_of(engine, "weight", "priority", "overlap")
    for item in made:
        if item in expected:
            assert stored[item][:2] == (pytest.approx(expected[item]), DRAWN_PRIORITY)
        else:
            assert stored[item] == (1.0, 0, 2)
    assert (drawn.n_pool, drawn.n_unrated, drawn.earlier_share, drawn.note) == (24, 20, 0.0, "")
    acts = audit_log(engine, subject=campaign)
    assert (acts[0].actor, acts[0].action) == ("Ada", "draw items")
    assert {name: acts[0].details[name] for name in ("seed", "number", "sizes", "could_be_drawn")} == {
        "seed": 3,
        "number": 6,
        "sizes": "root of the gain",
        "could_be_drawn": 24,
    }


def test_drawn_captions_when_somebody_rates_next_are_handed_out_first(engine, campaign, fill):
    made = fill([[] for _ in range(12)])
    drawn = {one.item_id for one in draw_next(engine, campaign, n=3, seed=1).items}
    assert drawn != set(made[:3])
    handed = set()
    for rater in RATERS:
        handed.add(next_item(engine, rater, campaign_id=campaign).item_id)
    assert handed == drawn


def test_chances_when_nothing_can_be_estimated_are_equal_and_the_note_says_why(engine, campaign, fill):
    fill([[] for _ in range(10)])
    drawn = draw_next(engine, campaign, n=4)
    assert {one.weight for one in drawn.items} == {2.5}
    assert "needs at least 3 rated items" in drawn.note


def test_captions_that_wait_when_drawn_again_are_left_and_the_weights_are_shared(engine, campaign, fill):
    fill([[] for _ in range(30)])
    first = draw_next(engine, campaign, n=10, seed=1)
    second = draw_next(engine, campaign, n=10, seed=1)
    assert not {one.item_id for one in first.items} & {one.item_id for one in second.items}
    assert (second.n_pool, second.earlier_share) == (20, 0.5)
    stored = rows_of(engine, "weight")
    # Half of an estimate in which ten stand for three each, half of one in which they are known already.
    assert {stored[one.item_id][0] for one in first.items} == {0.5 * 3 + 0.5 * 1}
    assert [stored[one.item_id][0] for one in second.items] == pytest.approx([0.5 * 2] * 10)
    waiting = rank_next(engine, campaign)
    assert waiting.n_waiting == 20
    total = sum(item.weight for item in waiting.items if item.waiting)
    assert total == pytest.approx(30)


def test_captions_rated_unasked_when_drawn_again_stand_for_themselves_in_one_of_two_estimates(
    engine, campaign, fill, make_rating
):
    made = fill([[5, 1], *([] for _ in range(20))])
    first = draw_next(engine, campaign, n=5, seed=1)
    entered = [one.item_id for one in first.items if one.entered]
    unasked = next(item for item in made[1:] if item not in entered)
    save_rating(engine, make_rating(unasked, "Ada", verdicts=()))
    second = draw_next(engine, campaign, n=5, seed=2)
    stored = rows_of(engine, "weight")
    assert stored[made[0]] == (1.0,)  # rated before the first draw
    assert stored[unasked] == (pytest.approx(1 - second.earlier_share),)
    assert 0 < second.earlier_share < 1


def test_captions_added_after_a_draw_when_drawn_are_not_shared_with_it(engine, campaign, fill, make_item):
    fill([[] for _ in range(10)])
    draw_next(engine, campaign, n=5, seed=1)
    added = [
        make_item(campaign_id=campaign, caption=f"Added {number}.", units=None, segmenter_version="")
        for number in range(10)
    ]
    second = draw_next(engine, campaign, n=15, seed=1)
    stored = rows_of(engine, "weight")
    assert {stored[item] for item in added} == {(1.0,)}
    assert second.earlier_share == 0.5
    assert sum(weight for (weight,) in stored.values()) == pytest.approx(20)


def test_all_captions_when_drawn_bit_by_bit_stand_for_all_of_them(engine, campaign, fill):
    fill([[] for _ in range(12)])
    for n in (5, 4, 3):
        draw_next(engine, campaign, n=n, seed=n)
    assert sum(weight for (weight,) in rows_of(engine, "weight").values()) == pytest.approx(12)
    with pytest.raises(InvalidRecordError, match="all 12 captions of campaign 'study' were drawn already"):
        draw_next(engine, campaign, n=1)


def test_a_caption_with_all_its_raters_when_drawn_gets_exactly_one_place_more(
    engine, campaign, fill, make_rating
):
    made = fill([[5, 4], [1, 2], [3, 1]])
    drawn = draw_next(engine, campaign, n=3)
    assert [(one.grown, one.entered, one.weight, one.overlap) for one in drawn.items] == [
        (True, False, 1.0, 3)
    ] * 3
    save_rating(engine, make_rating(made[0], "Cy", verdicts=()))
    with pytest.raises(ItemFullError):
        save_rating(engine, make_rating(made[0], "Dee", verdicts=()))
    assert rows_of(engine, "overlap", "done")[made[0]] == (3, 3)
    # It no longer waits, and another draw asks for one more.
    assert [one.item_id for one in draw_next(engine, campaign, n=1).items] == [made[0]]
    assert rows_of(engine, "overlap")[made[0]] == (4,)


def test_a_rated_caption_with_room_when_drawn_keeps_its_overlap(engine, campaign, fill):
    made = fill([[5], [1], [3]])
    draw_next(engine, campaign, n=3)
    assert {rows_of(engine, "overlap", "weight")[item] for item in made} == {(2, 1.0)}


def test_a_draw_that_is_refused_when_looked_at_afterwards_has_changed_nothing(engine, campaign, fill):
    fill([[], [], []])
    before = rows_of(engine, "weight", "priority", "overlap")
    for n, said in ((0, "draw at least 1"), (4, "has 3 that do not wait already; draw at most 3")):
        with pytest.raises(InvalidRecordError, match=said):
            draw_next(engine, campaign, n=n, actor="Ada")
    with pytest.raises(InvalidRecordError, match="does not ask 'beauty'; it asks correctness, thoroughness"):
        draw_next(engine, campaign, n=1, question="beauty", actor="Ada")
    with pytest.raises(InvalidRecordError, match="the order is 'chance'"):
        draw_next(engine, campaign, n=1, by="chance", actor="Ada")
    with pytest.raises(UnknownRecordError, match="no campaign 'nowhere'"):
        draw_next(engine, "nowhere", n=1, actor="Ada")
    with pytest.raises(InvalidRecordError, match="seed of a draw must be at least 0; got -1"):
        draw_next(engine, campaign, n=1, seed=-1, actor="Ada")
    with pytest.raises(InvalidRecordError, match="has a score of 'spec'; there are scores of specs"):
        draw_next(engine, campaign, n=1, metric="spec", actor="Ada")
    assert rows_of(engine, "weight", "priority", "overlap") == before
    assert audit_log(engine) == ()


def test_an_empty_or_deleted_campaign_when_drawn_from_is_refused_in_a_sentence(engine, campaign):
    with pytest.raises(InvalidRecordError, match="campaign 'study' has no captions to draw from"):
        draw_next(engine, campaign, n=1)
    delete_campaign(engine, campaign)
    with pytest.raises(UnknownRecordError, match="campaign 'study' was deleted; restore it first"):
        draw_next(engine, campaign, n=1)


def test_the_same_seed_when_nothing_has_changed_draws_the_same_captions(engine, campaign, fill, make_item):
    fill([[] for _ in range(15)])
    drawn = draw_next(engine, campaign, n=5, seed=7)
    with writing(engine) as connection:
        connection.execute(update(items).values(weight=1.0, priority=0))
    assert draw_next(engine, campaign, n=5, seed=7) == drawn


def test_next_when_run_from_the_command_line_lists_and_draws(engine, database_url, campaign, fill, capsys):
    fill([[5, 4], [1, 2], [3, 3], [], []], [0.9, 0.2, 0.6, 0.7, None])
    places = ["next", "--campaign", "study", "--database", database_url]
    assert main([*places, "--limit", "2"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert listed[0].split() == ["gain", "score", "mean", "ratings", "weight", "caption"]
    assert len(listed) == 4
    assert "5 captions, 3 rated, 4 scored by specs, 0 drawn and waiting" in listed[3]
    assert main([*places, "--by", "gap", "--json"]) == 0
    ranking = json.loads(capsys.readouterr().out)
    assert (ranking["by"], len(ranking["items"]), ranking["items"][-1]["gap"]) == ("gap", 5, None)
    assert main([*places, "--draw", "2", "--seed", "4", "--json"]) == 0
    drawn = json.loads(capsys.readouterr().out)
    assert (drawn["seed"], len(drawn["items"])) == (4, 2)
    assert {item for item, (weight,) in rows_of(engine, "priority").items() if weight < 0} == {
        one["item_id"] for one in drawn["items"]
    }
    assert main([*places, "--limit", "-3"]) == 2
    assert "list at least 1" in capsys.readouterr().err
    assert main([*places, "--draw", "4"]) == 2
    assert "draw at most 3" in capsys.readouterr().err
    assert audit_log(engine)[0].actor == "command line"


def test_next_when_it_draws_tells_in_words_what_it_did(engine, database_url, campaign, fill, capsys):
    fill([[], [], [], [5, 5]])
    assert main(["next", "--campaign", "study", "--database", database_url, "--draw", "4"]) == 0
    told = capsys.readouterr().out
    assert "drew 4 of 4 captions of 'study' (seed 0)" in told
    assert "1 had all their raters and take one more" in told
    assert "so every caption had an equal chance" in told
