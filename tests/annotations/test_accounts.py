"""People, roles and sign-in: codes, lock-out, sessions, and what the database file never holds."""

import sqlite3
from contextlib import closing

from annotations.engine import open_database
from annotations.revisions import ratings
from annotations.store import save_rating


def test_database_of_the_second_version_keeps_everything_and_its_raters_become_raters(
    old_database, make_rating
):
    path, before = old_database("0002")

    engine = open_database(f"sqlite:///{path}")
    save_rating(engine, make_rating("i" * 32, "Bo"))
    assert [rating.rater for rating in ratings(engine)] == ["Ada", "Bo"]
    engine.dispose()

    with closing(sqlite3.connect(path, isolation_level=None)) as now:
        for table, rows in before.items():
            width = len(next(iter(rows)))
            assert rows <= {row[:width] for row in now.execute(f"SELECT * FROM {table}")}
        people = now.execute("SELECT name, role, disabled_at, hub_id FROM raters ORDER BY name").fetchall()
    assert people == [("Ada", "rater", None, None), ("Bo", "rater", None, None)]
