"""Whole columns of a query at once."""

import pytest
from sqlalchemy import Float, cast, func, literal, literal_column, select, union_all

from annotations.analysis.wide_queries import read_columns
from annotations.engine import open_database, reading
from annotations.errors import StorageError

THIRD = 1 / 3


def test_columns_hold_text_numbers_and_nothing_as_they_are_stored(engine):
    text = 'a "quoted"\n\\ 🐈 \u2028 text'
    rows = union_all(
        select(literal(text).label("text"), literal(1).label("whole"), literal(THIRD).label("part")),
        select(literal(None), literal(2), cast(literal(None), Float)),
    ).subquery()
    with reading(engine) as connection:
        texts, numbers = read_columns(connection, select(rows.c.text, rows.c.whole))
        with_floats = read_columns(connection, select(rows.c.text, rows.c.whole, rows.c.part))
    assert dict(zip(numbers, texts, strict=True)) == {1: text, 2: None}
    assert sorted(zip(*with_floats[1:], strict=True)) == [(1, THIRD), (2, None)]


def test_columns_of_no_rows_are_empty(engine):
    query = select(literal(1).label("a"), literal("b").label("b")).where(literal(1) == 2)
    with reading(engine) as connection:
        assert read_columns(connection, query) == [[], []]
        assert read_columns(connection, query.add_columns(literal(0.5).label("c"))) == [[], [], []]


def test_error_among_the_rows_is_one_plain_sentence(tmp_path, empty_database):
    # The first row is read with the query, the second one after it.
    too_large = func.abs(literal_column("-9223372036854775808"), type_=Float)
    rows = union_all(select(literal(0.5).label("x")), select(too_large)).subquery()
    path = tmp_path / "specs.sqlite3"
    path.write_bytes(empty_database.read_bytes())
    engine = open_database(f"sqlite:///{path}")
    with pytest.raises(StorageError, match=r"cannot use .*: integer overflow"), reading(engine) as connection:
        read_columns(connection, select(rows.c.x))
    engine.dispose()
