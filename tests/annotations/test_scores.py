"""Metric scores and the table of scores beside ratings."""

import math

import pytest

from annotations.errors import InvalidRecordError, UnknownRecordError
from annotations.items import delete_item
from annotations.reveals import record_reveal
from annotations.scores import Counts, count, find_curve, load_curve, save_scores, scores_and_ratings
from annotations.store import save_rating, withdraw_rating

SHA = "f" * 64


@pytest.fixture
def score(engine):
    def save(item_id: str, value: float = 0.5, **options: object) -> None:
        values = {"metric": "specs", "model": "scenes", "model_sha256": SHA, "similarity": 0.2, **options}
        save_scores(engine, item_id, score=value, **values)

    return save


def test_table_has_one_row_for_each_item_and_model_with_mean_answers(engine, make_item, make_rating, score):
    first, second = make_item(source="a"), make_item()
    score(first, 0.4)
    score(first, 0.7, model="longclip-b", model_sha256="e" * 64)
    score(second, 0.6)
    save_rating(engine, make_rating(first, "Ada", correctness=1, thoroughness=2, overall=2))
    save_rating(engine, make_rating(first, "Bo", correctness=2, thoroughness=5, overall=5))
    save_rating(engine, make_rating(second, "Ada", correctness=5, thoroughness=5, overall=4))
    rows = scores_and_ratings(engine)
    assert [(row.item_id, row.model, row.score) for row in rows] == [
        (first, "longclip-b", 0.7),
        (first, "scenes", 0.4),
        (second, "scenes", 0.6),
    ]
    assert [
        (*(row.answers[name] for name in ("correctness", "thoroughness", "overall")), row.raters)
        for row in rows
    ] == [
        (1.5, 3.5, 3.5, 2),
        (1.5, 3.5, 3.5, 2),
        (5.0, 5.0, 4.0, 1),
    ]
    assert (rows[0].source, rows[0].segmenter_version, rows[0].similarity) == ("a", "test-1", 0.2)
    assert rows[0].image_id != rows[2].image_id


def test_table_uses_the_current_ratings_only(engine, make_item, make_rating, score):
    item_id = make_item()
    score(item_id)
    save_rating(engine, make_rating(item_id, "Ada", overall=1))
    save_rating(engine, make_rating(item_id, "Ada", overall=4))
    save_rating(engine, make_rating(item_id, "Bo", overall=1))
    withdraw_rating(engine, "Bo", item_id, application_version="0.1.0")
    (row,) = scores_and_ratings(engine)
    assert (row.answers["overall"], row.raters) == (4.0, 1)


def test_table_leaves_out_items_without_score_without_rating_or_deleted(
    engine, make_item, make_rating, score
):
    unscored, unrated, deleted = make_item(), make_item(), make_item()
    save_rating(engine, make_rating(unscored))
    score(unrated)
    score(deleted)
    save_rating(engine, make_rating(deleted))
    delete_item(engine, deleted)
    assert scores_and_ratings(engine) == ()
    assert count(engine) == Counts(images=2, items=2, scored=1, rated=1, raters=1, ratings=1)


def test_table_of_blind_ratings_leaves_out_those_given_after_the_metric_was_shown(
    engine, make_item, make_rating, score
):
    item_id = make_item()
    score(item_id)
    save_rating(engine, make_rating(item_id, "Ada", overall=1))
    record_reveal(engine, "Bo", item_id)
    save_rating(engine, make_rating(item_id, "Bo", overall=5))
    (both,) = scores_and_ratings(engine)
    (blind,) = scores_and_ratings(engine, blind_only=True)
    assert (both.answers["overall"], both.raters, both.revealed) == (3.0, 2, 1)
    assert (blind.answers["overall"], blind.raters, blind.revealed) == (1.0, 1, 0)


def test_save_scores_again_replaces_the_row_of_the_same_weights(engine, make_item, make_rating, score):
    item_id = make_item()
    score(item_id, 0.4, curve={"score": 0.4})
    score(item_id, 0.5, curve={"score": 0.5}, model="renamed")
    save_rating(engine, make_rating(item_id))
    (row,) = scores_and_ratings(engine)
    assert (row.score, row.model) == (0.5, "renamed")
    assert load_curve(engine, item_id, metric="specs", model_sha256=SHA) == {"score": 0.5}


def test_load_curve_of_an_item_without_one_is_none(engine, make_item, score):
    item_id = make_item()
    assert load_curve(engine, item_id, metric="specs", model_sha256=SHA) is None
    score(item_id, similarity=None)
    assert load_curve(engine, item_id, metric="specs", model_sha256=SHA) is None


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"value": math.nan}, "score of item .* is nan"),
        ({"similarity": math.inf}, "similarity of item .* is inf"),
        ({"metric": ""}, "needs a metric"),
        ({"model_sha256": ""}, "needs a model_sha256"),
        ({"curve": {"score": math.nan}}, "curve of item .* JSON"),
    ],
)
def test_save_scores_that_cannot_be_kept_says_why_and_stores_nothing(
    engine, make_item, score, changes, sentence
):
    item_id = make_item()
    with pytest.raises(InvalidRecordError, match=sentence):
        score(item_id, **changes)
    assert count(engine).scored == 0


def test_save_scores_of_an_item_that_is_not_there_names_it(engine, score):
    with pytest.raises(UnknownRecordError, match="'nowhere'"):
        score("nowhere")


def test_count_of_an_empty_database_is_all_zero(engine):
    assert count(engine) == Counts(images=0, items=0, scored=0, rated=0, raters=0, ratings=0)


def test_curve_of_the_preferred_model_is_found_before_that_of_another(engine, make_item, score):
    item_id, other = make_item(), make_item()
    score(item_id, curve={"of": "scenes"})
    score(item_id, model="longclip-b", model_sha256="a" * 64, curve={"of": "longclip-b"})
    score(item_id, model="early", model_sha256="0" * 64)
    score(item_id, metric="clip", curve={"of": "another metric"})
    score(other, curve={"of": "another item"})
    assert find_curve(engine, item_id, metric="specs", preferred_model="scenes") == {"of": "scenes"}
    for preferred in ("unknown", "early", None):
        found = find_curve(engine, item_id, metric="specs", preferred_model=preferred)
        assert found == {"of": "longclip-b"}
    assert find_curve(engine, item_id, metric="judge") is None
