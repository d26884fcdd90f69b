"""Metric scores and their curves."""

import math

import pytest
from sqlalchemy import select

from annotations.engine import reading
from annotations.errors import InvalidRecordError, UnknownRecordError
from annotations.schema import scores
from annotations.scores import find_curve, load_curve, save_scores

SHA = "f" * 64


@pytest.fixture
def score(engine):
    def save(item_id: str, value: float = 0.5, **options: object) -> None:
        values = {"metric": "specs", "model": "scenes", "model_sha256": SHA, "similarity": 0.2, **options}
        save_scores(engine, item_id, score=value, **values)

    return save


def test_save_scores_again_replaces_the_row_of_the_same_weights(engine, make_item, score):
    item_id = make_item()
    score(item_id, 0.4, curve={"score": 0.4})
    score(item_id, 0.5, curve={"score": 0.5}, model="renamed")
    with reading(engine) as connection:
        (row,) = connection.execute(select(scores)).all()
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
    with reading(engine) as connection:
        assert connection.execute(select(scores)).all() == []


def test_save_scores_of_an_item_that_is_not_there_names_it(engine, score):
    with pytest.raises(UnknownRecordError, match="'nowhere'"):
        score("nowhere")


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
