"""Opening the database: settings, versions, and a disk or a file that is not as it should be."""

import re
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import DatabaseError
from sqlalchemy.schema import CreateTable
from strict_warnings import WARNINGS_ARE_ERRORS

from annotations.engine import open_database, reading, writing
from annotations.errors import AnnotationError, InvalidRecordError, NewerDatabaseError, StorageError
from annotations.images import add_image, get_image
from annotations.schema import metadata, raters
from annotations.store import save_rating

pytestmark = WARNINGS_ARE_ERRORS


def url_of(path: Path) -> str:
    return f"sqlite:///{path}"


def rows_in(path: Path, table: str) -> int:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def test_open_in_a_folder_that_is_missing_makes_folder_and_tables(tmp_path):
    path = tmp_path / "new" / "folder" / "specs.sqlite3"
    open_database(url_of(path)).dispose()
    assert rows_in(path, "revisions") == 0


def test_open_gives_connections_with_the_promised_settings(tmp_path, wait_for_the_disk):
    engine = open_database(url_of(tmp_path / "specs.sqlite3"))
    with reading(engine) as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "foreign_keys", "busy_timeout", "synchronous")
        }
    engine.dispose()
    assert settings == {"journal_mode": "wal", "foreign_keys": 1, "busy_timeout": 5000, "synchronous": 2}


def test_open_twice_keeps_what_is_stored(database_url):
    engine = open_database(database_url)
    image_id = add_image(engine, sha256="a" * 64, filename="a.png", width=2, height=3)
    engine.dispose()
    again = open_database(database_url)
    assert get_image(again, image_id).filename == "a.png"
    again.dispose()


def test_migrated_tables_are_those_of_the_schema(engine):
    with reading(engine) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_check_constraints_of_the_migrations_are_those_of_the_schema(tmp_path):
    # The comparison above leaves check constraints out.
    path = tmp_path / "specs.sqlite3"
    open_database(url_of(path)).dispose()
    statements = " ".join(str(CreateTable(table)) for table in metadata.tables.values())
    declared = set(re.findall(r"CONSTRAINT (ck_\w+)", statements))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        written = " ".join(
            row[0] for row in connection.execute("SELECT sql FROM sqlite_master WHERE type = 'table'")
        )
    assert len(declared) > 10
    assert {name for name in declared if name not in written} == set()
    assert written.count("CONSTRAINT ck_") == len(declared)


def test_open_by_many_at_once_migrates_once(tmp_path):
    url, errors, gate = url_of(tmp_path / "specs.sqlite3"), [], threading.Barrier(6)

    def start() -> None:
        gate.wait()
        try:
            open_database(url).dispose()
        except AnnotationError as error:
            errors.append(error)

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert errors == []
    assert rows_in(tmp_path / "specs.sqlite3", "alembic_version") == 1


def test_open_a_database_of_a_newer_version_names_both_versions_and_writes_nothing(tmp_path):
    path = tmp_path / "specs.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        connection.execute("INSERT INTO alembic_version VALUES ('9999')")
    before = path.read_bytes()
    with pytest.raises(NewerDatabaseError, match=r"version 9999.*up to 0006"):
        open_database(url_of(path))
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["specs.sqlite3"]


def test_open_a_database_of_another_program_names_it_and_writes_nothing(tmp_path):
    path = tmp_path / "photos.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE albums (id INTEGER)")
    before = path.read_bytes()
    with pytest.raises(StorageError, match=r"photos\.sqlite3: it belongs to another program.*'albums'"):
        open_database(url_of(path))
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"this is a letter, not a database. " * 200, "not a SQLite database"),
        (b"SQLite format 3\x00" + b"\xff" * 5000, "not a SQLite database|damaged"),
    ],
)
def test_open_a_file_that_is_no_database_says_so_and_writes_nothing(tmp_path, content, sentence):
    path = tmp_path / "specs.sqlite3"
    path.write_bytes(content)
    with pytest.raises(StorageError, match=sentence):
        open_database(url_of(path))
    assert path.read_bytes() == content


@pytest.mark.parametrize("damage", ["cut", "overwritten"])
def test_open_a_damaged_database_says_so_and_writes_nothing(tmp_path, empty_database, damage):
    whole = empty_database.read_bytes()
    content = (
        whole[: len(whole) // 2] if damage == "cut" else whole[:4096] + b"\xa5" * 20_000 + whole[24_096:]
    )
    path = tmp_path / "specs.sqlite3"
    path.write_bytes(content)
    with pytest.raises(StorageError, match="damaged"):
        open_database(url_of(path))
    assert path.read_bytes() == content


def test_open_a_read_only_file_says_so(tmp_path, empty_database):
    path = tmp_path / "specs.sqlite3"
    path.write_bytes(empty_database.read_bytes())
    with pytest.raises(StorageError, match="read-only"):
        open_database(f"sqlite:///file:{path}?mode=ro&uri=true")


def test_open_in_a_place_that_is_no_folder_says_so(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StorageError, match="cannot make the folder"):
        open_database(url_of(tmp_path / "file" / "specs.sqlite3"))


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("specs.sqlite3", "not a database URL"),
        ("mysql://server/specs", "'mysql' is not supported"),
    ],
)
def test_open_a_url_that_will_not_do_says_what_would(url, sentence):
    with pytest.raises(InvalidRecordError, match=sentence):
        open_database(url)


def test_error_about_a_server_hides_the_password():
    with pytest.raises(StorageError) as caught:
        open_database("postgresql://ada:open-sesame@127.0.0.1:1/specs")
    assert "open-sesame" not in str(caught.value)


def test_save_on_a_full_disk_says_so_and_keeps_nothing_of_it(tmp_path, engine, make_item, make_rating):
    if engine.dialect.name != "sqlite":
        pytest.skip("SQLite is the one that can be told how much room there is")
    item_id = make_item()
    save_rating(engine, make_rating(item_id, "Ada"))

    @event.listens_for(engine, "begin")
    def fill_the_disk(connection) -> None:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")  # SQLite takes it as "no page more than now"

    with pytest.raises(StorageError, match="disk is full"):
        save_rating(engine, make_rating(item_id, "Bo", comment="x" * 9_000))
    event.remove(engine, "begin", fill_the_disk)
    with reading(engine) as connection:
        counts = {
            name: connection.execute(text(f"SELECT count(*) FROM {name}")).scalar_one()
            for name in ("raters", "assignments", "revisions", "answers", "verdicts")
        }
    assert counts == {"raters": 1, "assignments": 1, "revisions": 1, "answers": 3, "verdicts": 2}


def test_save_while_another_program_keeps_the_file_locked_says_so(tmp_path, empty_database, monkeypatch):
    monkeypatch.setattr("annotations.engine.BUSY_TIMEOUT_SECONDS", 0.05)
    path = tmp_path / "specs.sqlite3"
    path.write_bytes(empty_database.read_bytes())
    engine = open_database(url_of(path))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageError, match="locked"):
        add_image(engine, sha256="a" * 64, filename="a.png", width=2, height=3)
    other.execute("ROLLBACK")
    add_image(engine, sha256="a" * 64, filename="a.png", width=2, height=3)
    assert rows_in(path, "images") == 1
    engine.dispose()
    other.close()


def test_writers_of_one_process_wait_for_each_other_longer_than_the_timeout_of_the_file(
    tmp_path, empty_database, monkeypatch
):
    monkeypatch.setattr("annotations.engine.BUSY_TIMEOUT_SECONDS", 0.01)
    path = tmp_path / "specs.sqlite3"
    path.write_bytes(empty_database.read_bytes())
    engine, begun = open_database(url_of(path)), threading.Event()

    def write_slowly() -> None:
        with writing(engine):
            begun.set()
            time.sleep(0.3)

    slow = threading.Thread(target=write_slowly)
    slow.start()
    begun.wait(10)
    add_image(engine, sha256="a" * 64, filename="a.png", width=2, height=3)
    slow.join(10)
    assert rows_in(path, "images") == 1
    engine.dispose()


def test_writing_when_the_block_fails_keeps_nothing(engine):
    def write_and_fail() -> None:
        with writing(engine) as connection:
            connection.execute(raters.insert().values(id="r", name="Ada", created_at="now"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()
    with reading(engine) as connection:
        assert connection.execute(text("SELECT count(*) FROM raters")).scalar_one() == 0


def test_reading_while_somebody_writes_does_not_wait(engine):
    with writing(engine) as writer:
        writer.execute(raters.insert().values(id="r", name="Ada", created_at="now"))
        with reading(engine) as reader:
            assert reader.execute(text("SELECT count(*) FROM raters")).scalar_one() == 0


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE revisions SET comment = 'never said'",
        "DELETE FROM revisions",
        "UPDATE answers SET value = 5",
        "DELETE FROM answers",
        "UPDATE verdicts SET verdict = 'supported'",
        "DELETE FROM verdicts",
    ],
)
def test_what_was_said_when_somebody_alters_it_is_refused_by_the_database(
    engine: Engine, make_item, make_rating, statement
):
    save_rating(engine, make_rating(make_item()))
    with pytest.raises(DatabaseError, match="append-only"), engine.begin() as connection:
        connection.execute(text(statement))
