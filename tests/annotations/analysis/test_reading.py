"""The table of an analysis as it is read from the database, on SQLite and on PostgreSQL."""

import math

import numpy as np
import pytest
from sqlalchemy import update

from annotations.analysis.reading import database_stamp, read_table
from annotations.analysis.table import Choice
from annotations.campaigns import create_campaign, delete_campaign, list_campaigns
from annotations.engine import writing
from annotations.errors import InvalidRecordError
from annotations.items import add_battle, delete_item, restore_item
from annotations.questions import Question
from annotations.recutting import recut_item
from annotations.reveals import record_reveal
from annotations.schema import items, scores
from annotations.store import withdraw_rating

SHA, OTHER = "f" * 64, "e" * 64
CAPTION = "A red car. Above it flies a kite, blue and small."


def overall(table) -> list[tuple[str, str, float]]:
    given = table.answers["overall"]
    rows = zip(given.item.tolist(), given.rater.tolist(), given.value.tolist(), strict=True)
    return [(table.items[item], table.names[rater], value) for item, rater, value in rows]


def test_table_has_the_answers_and_scores_of_rated_captions(engine, make_item, rate, score):
    first, second = make_item(source="a"), make_item()
    score(first, 0.4, similarity=-0.2)
    score(second, 0.6, similarity=0.2)
    rate(first, "Bo", 5)
    rate(first, "Ada", 2)
    rate(second, "Ada", 4)
    table = read_table(engine)
    assert (table.items, table.systems) == ((first, second), ("a", ""))
    assert len(set(table.images)) == 2
    assert set(table.captions) == {CAPTION}
    assert set(table.campaigns) == {list_campaigns(engine)[0].name}
    assert (table.names, len(table.raters)) == (("Ada", "Bo"), 2)
    assert list(table.answers) == ["correctness", "thoroughness", "overall"]
    assert table.human("overall").tolist() == [3.5, 4.0]
    assert overall(table) == [(first, "Ada", 2), (first, "Bo", 5), (second, "Ada", 4)]
    assert (table.answers["overall"].low, table.answers["overall"].high) == (1, 5)
    assert list(table.metrics) == ["specs", "cosine", "unit_count", "random"]
    assert table.metrics["specs"].tolist() == [0.4, 0.6]
    assert table.metrics["cosine"].tolist() == [-0.2, 0.2]
    assert table.metrics["unit_count"].tolist() == [3, 3]
    assert table.weights.tolist() == [1, 1]
    assert (table.n_ratings, table.n_blind, table.left_out) == (3, 3, {})
    assert np.isnan(table.lengths).all()


def test_table_of_an_empty_store_is_empty(engine):
    table = read_table(engine)
    assert (len(table), table.answers, table.metrics, table.models, table.model) == (0, {}, {}, (), None)
    assert (table.n_ratings, table.raters, table.left_out) == (0, (), {})


def test_table_never_has_what_is_deleted_withdrawn_replaced_or_no_regular_caption(
    engine, make_item, rate, score
):
    kept, withdrawn, deleted, gold, unrated = (make_item(source="a") for _ in range(5))
    pair = make_item(image=99, caption="One.", units=[("One.", 0, 4)], source="a")
    battle = add_battle(engine, pair, make_item(image=99, caption="Two.", units=[("Two.", 0, 4)], source="b"))
    gone = create_campaign(engine, "Gone")
    elsewhere = make_item(campaign_id=gone)
    with writing(engine) as connection:
        connection.execute(update(items).where(items.c.id == gold).values(role="gold"))
    for item_id in (kept, withdrawn, deleted, gold, elsewhere):
        rate(item_id, "Ada", 1)
        score(item_id)
    score(unrated)
    rate(kept, "Ada", 4, days=1)
    withdraw_rating(engine, "Ada", withdrawn, application_version="1")
    rate(battle, "Ada", answers={"winner": 1, "both_poor": 0}, verdicts=())
    delete_item(engine, deleted)
    delete_campaign(engine, gone)
    table = read_table(engine)
    assert overall(table) == [(kept, "Ada", 4)]
    assert (table.n_ratings, table.left_out) == (1, {})
    assert [(one.model, one.captions) for one in table.models] == [("scenes", 1)]


def test_choice_of_campaigns_systems_and_raters_counts_what_it_leaves_out(engine, make_item, rate):
    other = create_campaign(engine, "Other")
    here, there, unknown = make_item(source="a"), make_item(campaign_id=other, source="a"), make_item()
    for item_id in (here, there, unknown):
        rate(item_id, "Ada")
        rate(item_id, "Bo")
    table = read_table(engine, Choice(campaigns=(other,)))
    assert (table.items, table.campaigns) == ((there,), ("Other",))
    assert table.left_out["captions of other campaigns"] == 2
    table = read_table(engine, Choice(systems=("",)))
    assert table.items == (unknown,)
    assert table.left_out["captions of other systems"] == 2
    bo = read_table(engine).raters[1]
    table = read_table(engine, Choice(raters=(bo,), systems=("a",)))
    assert (table.names, table.items, table.n_ratings) == (("Bo",), (here, there), 2)
    assert table.left_out["captions of other systems"] == 1
    assert table.left_out["ratings by other raters"] == 2


def test_choice_of_days_takes_both_ends_in_utc(engine, make_item, rate):
    item_id, late = make_item(), make_item()
    rate(item_id, "Ada", 1, days=-0.51)  # the evening before
    rate(item_id, "Bo", 2, days=-0.49)
    rate(item_id, "Cy", 3, days=0.49)
    rate(late, "Ada", 4, days=0.51)
    table = read_table(engine, Choice(since="2026-03-15", until="2026-03-15"))
    assert overall(table) == [(item_id, "Bo", 2), (item_id, "Cy", 3)]
    assert table.left_out["ratings before 2026-03-15"] == 1
    assert table.left_out["ratings after 2026-03-15"] == 1
    for day in ("15.3.2026", "2026-3-5", "20260315", ""):
        with pytest.raises(InvalidRecordError, match=f"written as 2026-01-31; got {day!r}"):
            read_table(engine, Choice(until=day))


def test_choice_of_blind_ratings_leaves_out_those_given_after_the_reveal(engine, make_item, rate):
    item_id, seen = make_item(), make_item()
    for one in (item_id, seen):
        record_reveal(engine, "Bo", one)
        rate(one, "Bo", 5)
    rate(item_id, "Ada", 1)
    both, blind = read_table(engine), read_table(engine, Choice(blind_only=True))
    assert (both.n_ratings, both.n_blind, len(both)) == (3, 1, 2)
    assert (blind.n_ratings, blind.n_blind, blind.items) == (1, 1, (item_id,))
    assert blind.left_out["ratings given after the rater had seen the metric"] == 2


def test_choice_of_lengths_counts_in_tokens_of_the_chosen_weights(engine, make_item, rate, score):
    short, middle, long, unknown = (make_item() for _ in range(4))
    for item_id, tokens in ((short, 9), (middle, 10), (long, 21)):
        score(item_id)
        score(item_id, tokens, metric="length_tokens")
        score(item_id, 15, metric="length_tokens", model="other", model_sha256=OTHER)
    score(unknown)
    score(unknown, 15, metric="length_tokens", model="other", model_sha256=OTHER)
    for item_id in (short, middle, long, unknown):
        rate(item_id)
    everything = read_table(engine)
    np.testing.assert_array_equal(everything.lengths, [9, 10, 21, math.nan])
    np.testing.assert_array_equal(everything.metrics["length_tokens"], everything.lengths)
    table = read_table(engine, Choice(shortest=10, longest=20))
    assert table.items == (middle,)
    assert table.left_out == {
        "captions of unknown length in tokens": 1,
        "captions of fewer than 10 tokens": 1,
        "captions of more than 20 tokens": 1,
    }
    assert table.model.captions == 4
    assert read_table(engine, Choice(longest=21, shortest=21)).items == (long,)


def test_scores_of_other_weights_never_come_in(engine, make_item, rate, score):
    first, second, third = (make_item() for _ in range(3))
    for item_id in (first, second):
        score(item_id, 0.4, similarity=-0.2)
        score(item_id, 0.9, metric="text_only")
    score(first, 0.7, model="long", model_sha256=OTHER, similarity=0.3)
    score(first, 0.8, metric="clip_score", model="long", model_sha256=OTHER)
    for item_id in (first, second, third):
        rate(item_id)
    table = read_table(engine)
    assert [(one.model, one.sha256, one.captions) for one in table.models] == [
        ("scenes", SHA, 2),
        ("long", OTHER, 1),
    ]
    assert table.model == table.models[0]
    assert list(table.metrics) == ["specs", "cosine", "unit_count", "text_only", "random"]
    np.testing.assert_array_equal(table.metrics["specs"], [0.4, 0.4, math.nan])
    assert table.left_out == {"captions without a score of scenes, kept for other metrics": 1}
    long = read_table(engine, Choice(model_sha256=OTHER))
    assert list(long.metrics) == ["specs", "cosine", "clip_score", "unit_count", "random"]
    np.testing.assert_array_equal(long.metrics["cosine"], [0.3, math.nan, math.nan])
    assert (long.provenance["clip_score"].model, long.provenance["cosine"].sha256) == ("long", OTHER)
    assert long.left_out == {"captions without a score of long, kept for other metrics": 2}
    assert read_table(engine, Choice(model_sha256="unknown")).model.sha256 == SHA


def test_scores_without_weights_are_columns_of_their_own_and_told_apart(engine, make_item, rate, score):
    first, second = make_item(), make_item()
    score(first, similarity=0.1)
    for item_id, value in ((first, 10.0), (second, 20.0)):
        score(item_id, value, metric="chrf", model="sacrebleu 2", model_sha256="1" * 64)
        score(item_id, value + 1, metric="bleu", model="sacrebleu 2", model_sha256="2" * 64)
        score(item_id, value + 2, metric="bleu", model="x" * 60, model_sha256="3" * 64)
        score(item_id, value + 3, metric="bleu", model="x" * 50, model_sha256="4" * 64)
        score(item_id, value + 4, metric="unit_count", model="own", model_sha256="5" * 64)
        rate(item_id)
    score(first, 0.25, metric="random", model="random, seed 7", model_sha256="6" * 64)
    table = read_table(engine)
    cut = "x" * 39 + "…"
    assert list(table.metrics) == [
        "specs",
        "cosine",
        "bleu (sacrebleu 2)",
        f"bleu ({cut}, 33333333)",
        f"bleu ({cut}, 44444444)",
        "chrf",
        "unit_count",
        "random",
    ]
    assert table.metrics["chrf"].tolist() == [10, 20]
    assert table.metrics[f"bleu ({cut}, 44444444)"].tolist() == [13, 23]
    assert table.metrics["unit_count"].tolist() == [3, 3]
    assert table.metrics["random"][0] == 0.25
    assert table.provenance["chrf"].sha256 == "1" * 64
    stored = {name: source.metric for name, source in table.provenance.items()}
    assert (stored["bleu (sacrebleu 2)"], stored[f"bleu ({cut}, 33333333)"]) == ("bleu", "bleu")
    assert (stored["specs"], stored["cosine"], stored["unit_count"]) == ("specs", "cosine", "")
    with writing(engine) as connection:
        connection.execute(scores.delete().where(scores.c.metric == "specs"))
    table = read_table(engine)
    assert (table.model, table.models) == (None, ())
    assert "cosine" not in table.metrics
    assert table.left_out == {"captions without a score of any model, kept for other metrics": 2}


def test_cosine_of_its_own_row_comes_before_the_similarity(engine, make_item, rate, score):
    first, second = make_item(), make_item()
    score(first, similarity=0.1)
    score(second, similarity=0.2)
    score(second, 0.3, metric="cosine")
    rate(first)
    rate(second)
    assert read_table(engine).metrics["cosine"].tolist() == [0.1, 0.3]


def test_caption_that_is_not_cut_has_no_number_of_units_but_a_stored_one(engine, make_item, rate, score):
    # What is cut later can be rated before only by hand.
    item_id, cut = make_item(), make_item()
    rate(item_id)
    rate(cut)
    with writing(engine) as connection:
        connection.execute(update(items).where(items.c.id == item_id).values(segmenter_version=""))
    np.testing.assert_array_equal(read_table(engine).metrics["unit_count"], [math.nan, 3])
    for one in (item_id, cut):
        score(one, 7, metric="unit_count", model="own", model_sha256="5" * 64)
    assert read_table(engine).metrics["unit_count"].tolist() == [7, 3]


def test_random_sentinel_is_the_one_of_the_command_metrics(engine, make_item, rate):
    from specs_core.baselines.sentinels import random_score

    rate(make_item())
    table = read_table(engine)
    assert table.metrics["random"].tolist() == [random_score(item_id) for item_id in table.items]


def test_answers_on_another_scale_than_most_are_left_out_and_counted(engine, make_item, rate):
    seven = create_campaign(engine, "Seven", questions=[Question(name="overall", label="O", low=1, high=7)])
    usual, odd = [make_item(), make_item()], make_item(campaign_id=seven)
    for item_id in usual:
        rate(item_id)
    rate(odd, answers={"overall": 7})
    table = read_table(engine)
    assert (table.answers["overall"].low, table.answers["overall"].high) == (1, 5)
    assert table.left_out["answers to 'overall' on another scale than 1 to 5"] == 1
    np.testing.assert_array_equal(table.human("overall"), [3, 3, math.nan])
    only = read_table(engine, Choice(campaigns=(seven,)))
    assert (only.answers["overall"].high, list(only.answers)) == (7, ["overall"])


def test_stamp_changes_with_every_rating_score_and_item_and_with_nothing_else(engine, make_item, rate, score):
    item_id, campaign = make_item(), create_campaign(engine, "Other")
    seen = [database_stamp(engine)]

    def is_new() -> bool:
        stamp = database_stamp(engine)
        seen.append(stamp)
        return stamp not in seen[:-1]

    assert not is_new()
    for change in (
        lambda: rate(item_id),
        lambda: rate(item_id, overall=5),
        lambda: withdraw_rating(engine, "Ada", item_id, application_version="1"),
        lambda: score(item_id),
        lambda: score(item_id, 0.6),
        lambda: score(item_id, 0.6),
        lambda: score(item_id, 0.6, metric="clip_score"),
        make_item,
        lambda: recut_item(engine, item_id, [(CAPTION, 0, 49)], "test-2", actor="Olga"),
        lambda: delete_item(engine, item_id),
        lambda: restore_item(engine, item_id, actor="Olga"),
        lambda: delete_campaign(engine, campaign),
    ):  # fmt: skip
        change()
        assert is_new()
    record_reveal(engine, "Ada", item_id)
    assert not is_new()
