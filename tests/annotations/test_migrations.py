"""Databases of earlier versions, with what people put into them, brought up to date.

`versions/NNNN.sql` holds rows as a program of that version wrote them, in SQL that both databases take, one
statement a line: only what the version added, since the files of all earlier versions are run before it. A
new migration needs a new file; an old one is never altered.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, MetaData, inspect
from sqlalchemy.engine import make_url

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


def advance(url: str, version: str) -> None:
    """Bring a database of the version before to that version, and add the rows of its time."""
    engine = connect(url)
    annotations.engine._bring_up_to_date(engine, version)
    with writing(engine) as connection:
        for line in (ROWS / f"{version}.sql").read_text(encoding="utf-8").splitlines():
            if not line.startswith("--"):
                connection.exec_driver_sql(line)
    engine.dispose()


@pytest.fixture(scope="module")
def originals() -> dict[tuple[str, ...], str]:
    """Addresses of the databases that `build` and `update` have made, to be copied and never opened."""
    return {}


@pytest.fixture
def copy_of(backend, request, tmp_path_factory, originals) -> Iterator[Callable[[str], str]]:
    """Copy a database; return the address of the copy."""
    made = []

    def copy(url: str) -> str:
        if backend == "postgresql":
            server = request.getfixturevalue("server")
            made.append(server.url(server.new_database(template=make_url(url).database)))
            return made[-1]
        path = tmp_path_factory.mktemp("copy") / "specs.sqlite3"
        shutil.copy(make_url(url).database, path)
        return f"sqlite:///{path}"

    yield copy
    for url in set(made) - set(originals.values()):
        request.getfixturevalue("server").administer(f"DROP DATABASE {make_url(url).database} WITH (FORCE)")


@pytest.fixture
def build(backend, request, tmp_path_factory, originals, copy_of) -> Callable[[str], str]:
    """Make a database as the program of a version left it; return its address. Each step is made once."""

    def original(version: str) -> str:
        if (backend, version) not in originals:
            if version != VERSIONS[0]:
                url = copy_of(original(VERSIONS[VERSIONS.index(version) - 1]))
            elif backend == "postgresql":
                server = request.getfixturevalue("server")
                url = server.url(server.new_database())
            else:
                url = f"sqlite:///{tmp_path_factory.mktemp('original') / 'specs.sqlite3'}"
            advance(url, version)
            originals[backend, version] = url
        return originals[backend, version]

    return lambda version: copy_of(original(version))


@pytest.fixture
def update(backend, build, originals, copy_of) -> Callable[[str], str]:
    """Open a database that a version left and so bring it up to date, once; return the address of a copy."""

    def make(version: str) -> str:
        if (backend, version, "updated") not in originals:
            url = build(version)
            open_database(url).dispose()
            originals[backend, version, "updated"] = url
        return copy_of(originals[backend, version, "updated"])

    return make


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
def test_rows_of_a_version_fill_each_of_its_tables(build, version):
    url = build(version)
    stored_version, tables = content(url)
    assert stored_version == version
    assert {name for name, rows in tables.items() if not rows} == set()


@pytest.mark.parametrize("version", VERSIONS)
def test_open_a_database_of_an_earlier_version_brings_it_up_to_date_and_keeps_every_value(build, version):
    url = build(version)
    _, before = content(url)
    open_database(url).dispose()
    now, after = content(url)
    assert now == VERSIONS[-1]
    assert before.keys() <= after.keys()
    for name, rows in before.items():
        rows = {frozenset(pair if pair != ("source", None) else NO_SOURCE for pair in row) for row in rows}
        columns = {column for row in rows for column, _ in row}
        kept = {frozenset(pair for pair in row if pair[0] in columns) for row in after[name]}
        assert rows <= kept, name


@pytest.mark.parametrize("version", VERSIONS)
def test_ratings_of_an_earlier_version_are_read_and_continued(update, version):
    engine = open_database(update(version))
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
def test_triggers_of_an_earlier_version_still_stand_after_the_update(update, version):
    engine = connect(update(version))
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
    build, tmp_path, monkeypatch, failure, error, sentence
):
    url = build(VERSIONS[-1])
    before = content(url)
    folder = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, folder)
    code = FAILING.format(head=VERSIONS[-1], failure=failure)
    (folder / "versions" / "9998_fails.py").write_text(code)
    with monkeypatch.context() as patch:
        patch.setattr("annotations.engine._alembic_config", lambda: configuration(folder))
        with pytest.raises(error, match=sentence):
            open_database(url)
    assert content(url) == before
    open_database(url).dispose()


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
