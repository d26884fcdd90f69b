"""The table of an analysis as it is read from the database, on SQLite and on PostgreSQL."""

import pytest

from annotations.analysis.reading import read_table
from annotations.scores import save_scores
from annotations.store import save_rating

SHA, OTHER = "f" * 64, "e" * 64


@pytest.fixture
def score(engine):
    def save(item_id: str, value: float = 0.5, **options: object) -> None:
        values = {"metric": "specs", "model": "scenes", "model_sha256": SHA, **options}
        save_scores(engine, item_id, score=value, **values)

    return save


def test_table_has_the_answers_and_scores_of_rated_captions(engine, make_item, make_rating, score):
    first, second = make_item(source="a"), make_item()
    score(first, 0.4, similarity=-0.2)
    score(second, 0.6, similarity=0.2)
    save_rating(engine, make_rating(first, "Bo", overall=5))
    save_rating(engine, make_rating(first, "Ada", overall=2))
    save_rating(engine, make_rating(second, "Ada", overall=4))
    table = read_table(engine)
    assert (table.items, table.systems) == ((first, second), ("a", ""))
    assert table.images[0] != table.images[1]
    assert table.names == ("Ada", "Bo")
    assert table.human("overall").tolist() == [3.5, 4.0]
    overall = table.answers["overall"]
    assert (overall.low, overall.high) == (1, 5)
    assert (overall.item.tolist(), overall.rater.tolist(), overall.value.tolist()) == (
        [0, 0, 1],
        [0, 1, 0],
        [2, 5, 4],
    )
    assert list(table.metrics) == ["specs", "cosine", "unit_count", "random"]
    assert table.metrics["specs"].tolist() == [0.4, 0.6]
    assert table.metrics["cosine"].tolist() == [-0.2, 0.2]
    assert table.metrics["unit_count"].tolist() == [3, 3]
    assert (table.n_ratings, table.n_blind, table.left_out) == (3, 3, {})
