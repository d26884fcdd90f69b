"""Databases of earlier versions, with what people put into them, brought up to date.

`versions/NNNN.sql` holds rows as a program of that version wrote them, in SQL that both databases take, one
statement a line: only what the version added, since the files of all earlier versions are run before it. A
new migration needs a new file; an old one is never altered.
"""

import shutil
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, MetaData, inspect

import annotations.engine
from annotations.engine import open_database, reading, writing
from annotations.errors import StorageError
from annotations.items import get_item
from annotations.revisions import ratings
from annotations.segmentations import read_segmentations
from annotations.store import NewRating, save_rating

MIGRATIONS = Path(annotations.engine.__file__).parent / "migrations"
ROWS = Path(__file__).parent / "versions"

# Since version 0004 an unknown source is empty, because a unique constraint takes two NULLs for different.
NO_SOURCE = ("source", "")

Row = frozenset[tuple[str, object]]


def configuration(folder: Path = MIGRATIONS) -> Config:
    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    return config


VERSIONS = sorted(script.revision for script in ScriptDirectory.from_config(configuration()).walk_revisions())


def connect(url: str) -> Engine:
    """Reach a database with the settings of the store, and leave its tables as they are."""
    return annotations.engine._create(url, must_exist=False)


def build(url: str, version: str) -> None:
    """Make a database as the program of that version left it."""
    engine = connect(url)
    for step in VERSIONS[: VERSIONS.index(version) + 1]:
        annotations.engine._bring_up_to_date(engine, step)
        with writing(engine) as connection:
            for line in (ROWS / f"{step}.sql").read_text(encoding="utf-8").splitlines():
                if not line.startswith("--"):
                    connection.exec_driver_sql(line)
    engine.dispose()


def content(url: str) -> tuple[str | None, dict[str, set[Row]]]:
    """The version, and for each table the rows, each with the names of its columns."""
    engine, metadata = connect(url), MetaData()
    with reading(engine) as connection:
        version = MigrationContext.configure(connection).get_current_revision()
        metadata.reflect(connection)
        rows = {
            name: {frozenset(row.items()) for row in connection.execute(table.select()).mappings()}
            for name, table in metadata.tables.items()
            if name != "alembic_version"
        }
    engine.dispose()
    return version, rows


def test_every_version_has_rows_of_its_time():
    assert [f"{number:04d}" for number in range(1, len(VERSIONS) + 1)] == VERSIONS
    assert [path.stem for path in sorted(ROWS.glob("*.sql"))] == VERSIONS


@pytest.mark.parametrize("version", VERSIONS)
def test_rows_of_a_version_fill_each_of_its_tables(new_url, version):
    build(new_url, version)
    stored_version, tables = content(new_url)
    assert stored_version == version
    assert {name for name, rows in tables.items() if not rows} == set()


@pytest.mark.parametrize("version", VERSIONS)
def test_open_a_database_of_an_earlier_version_brings_it_up_to_date_and_keeps_every_value(new_url, version):
    build(new_url, version)
    _, before = content(new_url)
    open_database(new_url).dispose()
    now, after = content(new_url)
    assert now == VERSIONS[-1]
    assert before.keys() <= after.keys()
    for name, rows in before.items():
        rows = {frozenset(pair if pair != ("source", None) else NO_SOURCE for pair in row) for row in rows}
        columns = {column for row in rows for column, _ in row}
        kept = {frozenset(pair for pair in row if pair[0] in columns) for row in after[name]}
        assert rows <= kept, name


@pytest.mark.parametrize("version", VERSIONS)
def test_ratings_of_an_earlier_version_are_read_and_continued(new_url, version):
    build(new_url, version)
    engine = open_database(new_url)
    (current,) = [rating for rating in ratings(engine) if rating.item_id == "item-1"]
    assert (current.rater, current.number, current.answers["correctness"], current.answers["overall"]) == (
        "Ada",
        2,
        4,
        4,
    )
    assert [verdict.verdict for verdict in current.verdicts] == ["unsure", "hallucinated"]
    assert [unit.text for unit in get_item(engine, "item-1").units] == ["A kite 🪁.", " It is red."]
    form = NewRating(
        item_id="item-1",
        rater="Ada",
        answers={"correctness": 5, "thoroughness": 5, "overall": 5},
        verdicts=("supported", None),
        nonce="new",
        guideline_version="2",
        application_version="9",
    )
    # Version 0004 has another rating of this rater, of a battle.
    assert save_rating(engine, form).number == (4 if version >= "0004" else 3)
    assert {rating.number for rating in ratings(engine, item_id="item-1", all_revisions=True)} == {1, 2, 3}
    if version >= "0002":
        (corrected,) = read_segmentations(engine)
        assert (corrected.rater, corrected.based_on) == ("Ada", "dependency-1")
    engine.dispose()


@pytest.mark.parametrize("version", VERSIONS)
def test_triggers_of_an_earlier_version_still_stand_after_the_update(new_url, version):
    build(new_url, version)
    open_database(new_url).dispose()
    engine = connect(new_url)
    for statement in ("UPDATE answers SET value = 5", "DELETE FROM verdicts", "DELETE FROM units"):
        with pytest.raises(Exception, match="append-only"), writing(engine) as connection:
            connection.exec_driver_sql(statement)
    engine.dispose()


FAILING = '''
"""Make a table, alter what is there, and fail."""
from alembic import op

revision, down_revision = "9998", "{head}"


def upgrade():
    op.execute("CREATE TABLE half (id INTEGER)")
    op.execute("UPDATE raters SET name = 'nobody' || id")
    op.execute("ALTER TABLE items ADD COLUMN half TEXT")
    {failure}
'''


@pytest.mark.parametrize(
    ("failure", "error", "sentence"),
    [
        ("op.execute('INSERT INTO nowhere VALUES (1)')", StorageError, "cannot use .*nowhere"),
        ("raise ZeroDivisionError('in the middle')", ZeroDivisionError, "in the middle"),
    ],
)
def test_migration_that_fails_in_the_middle_leaves_the_database_as_it_was(
    new_url, tmp_path, monkeypatch, failure, error, sentence
):
    build(new_url, VERSIONS[-1])
    before = content(new_url)
    folder = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, folder)
    code = FAILING.format(head=VERSIONS[-1], failure=failure)
    (folder / "versions" / "9998_fails.py").write_text(code)
    with monkeypatch.context() as patch:
        patch.setattr("annotations.engine._alembic_config", lambda: configuration(folder))
        with pytest.raises(error, match=sentence):
            open_database(new_url)
    assert content(new_url) == before
    open_database(new_url).dispose()


def test_first_migration_that_fails_leaves_no_table(new_url, tmp_path, monkeypatch):
    folder = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, folder)
    code = FAILING.format(head=VERSIONS[-1], failure="raise ZeroDivisionError")
    (folder / "versions" / "9998_fails.py").write_text(code)
    with monkeypatch.context() as patch:
        patch.setattr("annotations.engine._alembic_config", lambda: configuration(folder))
        with pytest.raises(ZeroDivisionError):
            open_database(new_url)
    engine = connect(new_url)
    assert inspect(engine).get_table_names() == []
    engine.dispose()
    open_database(new_url).dispose()
