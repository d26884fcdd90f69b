"""What is kept between two readings of the rating database, against readings that begin anew."""

from dataclasses import fields
from datetime import UTC, datetime

import numpy as np
import pytest
from sqlalchemy import insert, select, update

from annotations.analysis import kept_items, kept_ratings
from annotations.analysis.reading import KeptRows, read_battles, read_table, read_units
from annotations.campaigns import create_campaign, delete_campaign
from annotations.engine import reading, writing
from annotations.items import add_battle, delete_item, restore_item
from annotations.recutting import recut_item
from annotations.reveals import record_reveal
from annotations.schema import answers, campaigns, new_id, revisions
from annotations.store import withdraw_rating

CAPTION = "A red car. Above it flies a kite, blue and small."
NOON = datetime(2026, 3, 15, 12, tzinfo=UTC)


def assert_same(one: object, other: object) -> None:
    """Compare two tables, column by column, with NaN equal to NaN."""
    for field in fields(one):
        mine, theirs = getattr(one, field.name), getattr(other, field.name)
        if field.name == "answers":
            assert list(mine) == list(theirs)
            for name in mine:
                assert_same(mine[name], theirs[name])
        elif isinstance(mine, dict) and any(isinstance(value, np.ndarray) for value in mine.values()):
            assert list(mine) == list(theirs)
            for name in mine:
                np.testing.assert_array_equal(mine[name], theirs[name])
        elif isinstance(mine, np.ndarray):
            np.testing.assert_array_equal(mine, theirs)
        else:
            assert mine == theirs, field.name


@pytest.fixture
def kept_like_anew(engine):
    kept = KeptRows()

    def check():
        table = read_table(engine, kept_rows=kept)
        assert_same(table, read_table(engine))
        assert_same(read_units(engine, table, kept=kept.ratings), read_units(engine, table))
        assert_same(read_battles(engine, table, kept=kept.ratings), read_battles(engine, table))
        return table

    return check


@pytest.fixture
def read_rows(monkeypatch):
    """How many revisions and captions each reading of some or of all has brought."""
    found: list[tuple[str, int]] = []

    def counted(module, name, size):
        read = module._read

        def told(*arguments):
            rows = read(*arguments)
            found.append((name, size(rows)))
            return rows

        monkeypatch.setattr(module, "_read", told)

    counted(kept_ratings, "ratings", lambda rows: len(rows.ids))
    counted(kept_items, "items", lambda columns: len(columns.rows.ids))
    return found


def test_each_change_shows_at_once(engine, make_item, rate, score, kept_like_anew):
    late, first, second, third = (make_item() for _ in range(4))
    pair = [make_item(image=99, caption=text, units=[(text, 0, 4)]) for text in ("One.", "Two.")]
    battle, gone = add_battle(engine, *pair), create_campaign(engine, "Gone")
    elsewhere = make_item(campaign_id=gone)
    assert len(kept_like_anew()) == 0
    for item_id in (first, second, third, elsewhere):
        rate(item_id, "Bo", 2)
    score(first)
    assert kept_like_anew().human("overall").tolist() == [2, 2, 2, 2]

    rate(first, "Bo", 5)
    assert kept_like_anew().human("overall").tolist() == [5, 2, 2, 2]
    rate(first, "Ada", 3)
    assert kept_like_anew().human("overall").tolist() == [4, 2, 2, 2]
    withdraw_rating(engine, "Bo", first, application_version="1")
    assert kept_like_anew().human("overall").tolist() == [3, 2, 2, 2]
    # Added before the others and rated after them.
    score(late, 0.9)
    rate(late, "Ada", 1)
    assert kept_like_anew().items[:2] == (late, first)
    score(second, 0.2)
    np.testing.assert_array_equal(kept_like_anew().metrics["specs"], [0.9, 0.5, 0.2, np.nan, np.nan])
    score(second, 0.3)
    assert kept_like_anew().metrics["specs"][2] == 0.3
    record_reveal(engine, "Ada", third)
    rate(third, "Ada", 4)
    assert kept_like_anew().n_blind == 5
    rate(battle, "Ada", answers={"winner": 1, "both_poor": 0}, verdicts=())
    kept_like_anew()
    recut_item(engine, second, [(CAPTION, 0, 49)], "test-2", actor="Olga")
    assert kept_like_anew().metrics["unit_count"].tolist() == [3, 3, 1, 3, 3]
    delete_item(engine, third)
    assert third not in kept_like_anew().items
    restore_item(engine, third, actor="Olga")
    assert third in kept_like_anew().items
    with writing(engine) as connection:
        connection.execute(update(campaigns).where(campaigns.c.id == gone).values(name="Other"))
    assert kept_like_anew().campaigns[-1] == "Other"
    delete_campaign(engine, gone)
    assert elsewhere not in kept_like_anew().items


def test_later_reading_brings_only_what_is_new(engine, make_item, rate, score, read_rows):
    ids, kept = [make_item() for _ in range(5)], KeptRows()
    for item_id in ids[:4]:
        rate(item_id, "Ada")
        rate(item_id, "Bo")
    read_table(engine, kept_rows=kept)
    read_table(engine, kept_rows=kept)
    assert read_rows == [("ratings", 8), ("items", 4)]
    read_rows.clear()
    rate(ids[0], "Ada", 5)
    read_table(engine, kept_rows=kept)
    assert read_rows == [("ratings", 1)]
    read_rows.clear()
    rate(ids[4], "Cy", 5)
    read_table(engine, kept_rows=kept)
    assert read_rows == [("ratings", 1), ("items", 1)]
    read_rows.clear()
    score(ids[0])
    read_table(engine, kept_rows=kept)
    assert read_rows == [("items", 5)]


def test_rating_with_an_earlier_receipt_is_not_missed(engine, make_item, rate, kept_like_anew):
    # As another database's ratings may be when they are merged into this one.
    ids = [make_item() for _ in range(3)]
    rate(ids[0], "Ada", 2)

    def add(item_id: str, overall: int, receipt: int) -> None:
        with writing(engine) as connection:
            row = dict(connection.execute(select(revisions).limit(1)).mappings().one())
            row |= {"id": new_id(), "item_id": item_id, "nonce": f"nonce {receipt}", "receipt": receipt}
            connection.execute(insert(revisions).values(**row))
            scale = {"question": "overall", "value": overall, "low": 1, "high": 5}
            connection.execute(insert(answers).values(revision_id=row["id"], **scale))

    add(ids[1], 3, 7)
    assert kept_like_anew().human("overall").tolist() == [2, 3]
    add(ids[2], 4, 5)
    assert kept_like_anew().human("overall").tolist() == [2, 3, 4]


def test_older_snapshot_is_not_shown_what_came_later(engine, make_item, rate):
    item_id, kept = make_item(), KeptRows()
    rate(item_id, "Ada", 2)
    with reading(engine) as connection:
        before = kept.ratings.read(connection)
        rate(item_id, "Bo", 4)
        with reading(engine) as later:
            assert len(kept.ratings.read(later).ids) == 2
        assert kept.ratings.read(connection).ids == before.ids
