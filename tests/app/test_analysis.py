"""What the Analyse page reads of a real database, and what it keeps."""

import secrets
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine

from annotations.engine import open_database
from annotations.images import add_image
from annotations.items import add_item, delete_item
from annotations.scores import save_scores
from annotations.store import NewRating, save_rating, withdraw_rating
from app import analysis
from app.analysis import Readings, reading_of, shown_of, unscored_items
from app.analysis_choice import read_asked
from app.context import open_context
from app.pages.analyse_warm_up import warm_up
from app.settings import Settings

SHA = "a" * 64
OTHER_SHA = "b" * 64


@pytest.fixture
def engine(tmp_path: Path, with_database: Callable[[Path], Path]) -> Engine:
    return open_database(f"sqlite:///{with_database(tmp_path) / 'specs.sqlite3'}")


def add(engine: Engine, caption: str = "A car.", *, image_id: str | None = None) -> str:
    image_id = image_id or add_image(
        engine, sha256=secrets.token_hex(32), filename="a.png", width=8, height=8
    )
    return add_item(
        engine,
        image_id=image_id,
        caption=caption,
        units=[(caption, 0, len(caption))],
        segmenter_version="test-1",
    )


def rate(engine: Engine, item: str, overall: int, rater: str = "r-01") -> None:
    save_rating(
        engine,
        NewRating(
            item_id=item,
            rater=rater,
            answers={"correctness": 3, "thoroughness": 3, "overall": overall},
            verdicts=("supported",),
            nonce=secrets.token_hex(8),
            guideline_version="1",
            application_version="1",
        ),
    )


def score(engine: Engine, item: str, value: float, *, sha256: str = SHA, model: str = "scenes") -> None:
    save_scores(engine, item, metric="specs", model=model, model_sha256=sha256, score=value)


def rated_and_scored(engine: Engine, pairs: list[tuple[int, float]]) -> list[str]:
    items = []
    for overall, value in pairs:
        item = add(engine)
        rate(engine, item, overall)
        score(engine, item, value)
        items.append(item)
    return items


def test_reading_of_an_empty_database_has_no_items_and_no_options(engine: Engine) -> None:
    readings = Readings(engine)

    shown, tables = shown_of(readings, read_asked({}))

    assert len(tables.table) == 0
    assert readings.options(shown.stamp).raters == ()
    assert len(tables.units()) == len(tables.battles()) == 0


def test_reading_asked_for_twice_is_the_same_one_until_somebody_rates(engine: Engine) -> None:
    items = rated_and_scored(engine, [(1, 0.2), (3, 0.4)])
    readings, asked = Readings(engine), read_asked({})

    first, again = shown_of(readings, asked), shown_of(readings, asked)
    rate(engine, items[0], 5)
    later = shown_of(readings, asked)

    assert again[1] is first[1]
    assert first[1].table.human("overall").tolist() == [1, 3]
    assert later[1].table.human("overall").tolist() == [5, 3]
    # What was begun with the earlier state is finished with it.
    assert readings.tables(asked.choice, first[0].stamp) is first[1]


def test_what_was_read_ahead_is_not_read_again_for_whoever_opens_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = open_context(Settings(data=tmp_path))
    warm_up(context)
    rated_and_scored(context.engine, [(1, 0.2), (3, 0.4), (4, 0.1)])
    warm_up(context)
    monkeypatch.setattr(analysis, "read_table", lambda *_: pytest.fail("read again"))

    shown, tables = shown_of(context.readings, read_asked({}))

    assert len(tables.table) == 3
    # What the first picture needs was worked out too.
    assert len(tables.results) == 2
    assert shown.asked.question == "overall"


def test_rating_deletion_and_score_show_in_the_next_reading_of_the_same_app(engine: Engine) -> None:
    items = rated_and_scored(engine, [(1, 0.2), (3, 0.4)])
    readings, asked = Readings(engine), read_asked({})
    shown_of(readings, asked)

    rate(engine, items[0], 4, rater="r-02")
    assert shown_of(readings, asked)[1].table.human("overall").tolist() == [2.5, 3]
    withdraw_rating(engine, "r-02", items[0], application_version="1")
    assert shown_of(readings, asked)[1].table.human("overall").tolist() == [1, 3]
    score(engine, items[1], 0.9)
    assert shown_of(readings, asked)[1].table.metrics["specs"].tolist() == [0.2, 0.9]
    delete_item(engine, items[0])
    assert shown_of(readings, asked)[1].table.items == (items[1],)


def test_reading_of_another_choice_is_another_one(engine: Engine) -> None:
    rated_and_scored(engine, [(1, 0.2), (3, 0.4)])
    readings = Readings(engine)

    _, everything = shown_of(readings, read_asked({}))
    _, nothing = shown_of(readings, read_asked({"until": "2001-01-01"}))

    assert (len(everything.table), len(nothing.table)) == (2, 0)


def test_question_and_metric_that_are_not_there_give_way_to_those_that_are(engine: Engine) -> None:
    rated_and_scored(engine, [(1, 0.2)])

    shown, _ = shown_of(Readings(engine), read_asked({"question": "beauty", "metric": "magic"}))

    assert (shown.asked.question, shown.asked.metric) == ("overall", "specs")


def test_units_and_results_of_a_reading_are_made_once(engine: Engine) -> None:
    rated_and_scored(engine, [(1, 0.2)])
    shown, tables = shown_of(Readings(engine), read_asked({}))
    made: list[int] = []

    results = [tables.once("key", lambda: made.append(1) or "value") for _ in range(2)]

    assert (results, made) == (["value", "value"], [1])
    reading = reading_of(shown, tables)
    assert reading.units() is tables.units()
    assert reading.battles() is tables.battles()
    assert reading.asked is shown.asked


def test_unscored_items_are_those_without_a_score_of_these_very_weights(engine: Engine) -> None:
    items = rated_and_scored(engine, [(1, 0.1), (3, 0.2), (5, 0.3)])
    score(engine, items[0], 0.9, sha256=OTHER_SHA)
    readings = Readings(engine)

    left = {}
    for sha256 in (SHA, OTHER_SHA, "c" * 64):
        _, tables = shown_of(readings, read_asked({"model": sha256}))
        left[sha256] = set(unscored_items(tables.table, sha256))

    assert left == {SHA: set(), OTHER_SHA: set(items[1:]), "c" * 64: set(items)}
