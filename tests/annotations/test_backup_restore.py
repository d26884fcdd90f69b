"""Restoring: the round trip, what is refused, and that what is replaced is still there afterwards."""

import os
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Column, Engine, Integer, MetaData, Table, Text, create_engine, select
from sqlalchemy.exc import DBAPIError

from annotations import restoring, snapshots
from annotations.backup import snapshot
from annotations.cli import main
from annotations.engine import _bring_up_to_date, _create, open_database, reading, writing
from annotations.errors import NewerDatabaseError, StorageError
from annotations.raters import ensure_rater
from annotations.restoring import restore
from annotations.revisions import ratings
from annotations.schema import metadata
from annotations.snapshots import read_snapshot
from annotations.store import save_rating

MOMENT = datetime(2026, 11, 21, 14, 5, 3, tzinfo=UTC)


@pytest.fixture
def saved(tmp_path, engine, make_item, make_rating) -> Path:
    """A snapshot with a rating, its revision, and an item that nobody has rated."""
    item = make_item()
    save_rating(engine, make_rating(item))
    save_rating(engine, make_rating(item, overall=5, comment="=Ünïcode 🔎"))
    make_item()
    return snapshot(engine, tmp_path / "backups")


@pytest.fixture
def target(tmp_path) -> Path:
    return tmp_path / "elsewhere" / "specs.sqlite3"


def url_of(path: Path) -> str:
    return f"sqlite:///{path}"


def all_rows(engine: Engine) -> dict[str, list[tuple]]:
    with reading(engine) as connection:
        return {
            table.name: sorted(map(tuple, connection.execute(select(table))), key=repr)
            for table in metadata.sorted_tables
        }


def rows_of(path: Path) -> dict[str, list[tuple]]:
    engine = open_database(url_of(path), must_exist=True)
    try:
        return all_rows(engine)
    finally:
        engine.dispose()


def fill(path: Path, rater: str = "Grace") -> None:
    engine = open_database(url_of(path))
    with writing(engine) as connection:
        ensure_rater(connection, rater)
    engine.dispose()


def test_restored_database_equals_the_one_that_was_saved_in_every_table(engine, saved, target):
    done = restore(saved, url_of(target))
    assert done.replaced is None
    assert done.contents == read_snapshot(saved)
    assert rows_of(target) == all_rows(engine)
    assert sum(map(len, all_rows(engine).values())) == sum(done.contents.rows.values()) > 10
    assert [path.name for path in target.parent.iterdir()] == ["specs.sqlite3"]


def test_restored_database_takes_ratings_and_refuses_to_alter_them(saved, target, make_rating):
    restore(saved, url_of(target))
    engine = open_database(url_of(target))
    (rating,) = ratings(engine)
    save_rating(engine, make_rating(rating.item_id, rater="Grace", nonce="after"))
    with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM answers")
    engine.dispose()


def test_snapshot_of_an_older_version_is_brought_up_to_date(target, tmp_path):
    older = tmp_path / "older.sqlite3"
    engine = _create(f"sqlite:///{older}", must_exist=False)
    _bring_up_to_date(engine, "0001")
    rows = Path(__file__).parent / "versions" / "0001.sql"
    with writing(engine) as connection:
        for line in rows.read_text(encoding="utf-8").splitlines()[1:]:
            connection.exec_driver_sql(line)
    engine.dispose()
    before = older.read_bytes()
    restore(older, url_of(target))
    assert rows_of(target)["segmentations"] == []
    assert len(rows_of(target)["revisions"]) == 4
    assert older.read_bytes() == before


def test_database_that_holds_something_is_left_alone_unless_told_otherwise(saved, target):
    fill(target)
    before = rows_of(target)
    with pytest.raises(StorageError, match=f"the database {target} holds something.*--replace"):
        restore(saved, url_of(target))
    assert rows_of(target) == before
    assert list(target.parent.glob("*replaced*")) == []


def test_replaced_database_is_kept_whole_under_another_name(engine, saved, target):
    fill(target)
    before = rows_of(target)
    done = restore(saved, url_of(target), replace=True, now=MOMENT)
    assert done.replaced == target.with_name("specs.replaced-20261121T140503Z.sqlite3")
    assert rows_of(done.replaced) == before
    assert rows_of(target) == all_rows(engine)
    again = restore(saved, url_of(target), replace=True, now=MOMENT)
    assert again.replaced == target.with_name("specs.replaced-20261121T140503Z-2.sqlite3")
    assert rows_of(again.replaced) == all_rows(engine)
    assert rows_of(done.replaced) == before


def test_empty_database_needs_no_permission_to_be_replaced(engine, saved, target):
    open_database(url_of(target)).dispose()
    done = restore(saved, url_of(target))
    assert read_snapshot(done.replaced).rows["raters"] == 0
    assert rows_of(target) == all_rows(engine)


def test_database_that_a_program_has_open_is_not_replaced(saved, target, monkeypatch):
    monkeypatch.setattr(restoring, "BUSY_TIMEOUT_SECONDS", 0.1)
    fill(target)
    running = open_database(url_of(target))
    with pytest.raises(StorageError, match=f"another program has {target} open; stop the app"):
        restore(saved, url_of(target), replace=True)
    with writing(running) as connection:
        ensure_rater(connection, "Katherine")
    running.dispose()
    assert len(rows_of(target)["raters"]) == 2
    assert list(target.parent.glob("*replaced*")) == []


def test_log_of_a_killed_program_is_part_of_what_is_kept(saved, target):
    code = (
        "import os, sys\n"
        "from annotations.engine import open_database, writing\n"
        "from annotations.raters import ensure_rater\n"
        "engine = open_database(sys.argv[1])\n"
        "with writing(engine) as connection:\n"
        "    ensure_rater(connection, 'in the log only')\n"
        "os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", code, url_of(target)], check=False)
    assert Path(f"{target}-wal").stat().st_size > 0, "this test needs a log that was left behind"
    done = restore(saved, url_of(target), replace=True)
    assert not Path(f"{done.replaced}-wal").exists(), "the log is in the file by now"
    assert "in the log only" in repr(rows_of(done.replaced)["raters"])
    assert "in the log only" not in repr(rows_of(target)["raters"])


def test_damaged_database_is_replaced_when_told_to_and_kept_as_it_is(engine, saved, target):
    target.parent.mkdir()
    letter = b"this is a letter and not a database" * 100
    target.write_bytes(letter)
    with pytest.raises(StorageError, match=f"what is in {target} cannot be told.*--replace"):
        restore(saved, url_of(target))
    assert target.read_bytes() == letter
    done = restore(saved, url_of(target), replace=True)
    assert done.replaced.read_bytes() == letter
    assert rows_of(target) == all_rows(engine)


def test_log_of_a_damaged_database_is_kept_with_it(engine, saved, target):
    target.parent.mkdir()
    target.write_bytes(b"this is a letter and not a database" * 100)
    target.with_name("specs.sqlite3-wal").write_bytes(b"what may be rescued")
    done = restore(saved, url_of(target), replace=True)
    assert Path(f"{done.replaced}-wal").read_bytes() == b"what may be rescued"
    assert rows_of(target) == all_rows(engine)


def test_snapshot_that_is_no_good_changes_nothing(saved, target, tmp_path):
    fill(target)
    before = rows_of(target)
    saved.write_bytes(saved.read_bytes()[:9_000])
    with pytest.raises(StorageError, match="is damaged"):
        restore(saved, url_of(target), replace=True)
    saved.unlink()
    with pytest.raises(StorageError, match="there is no snapshot"):
        restore(saved, url_of(target), replace=True)
    assert rows_of(target) == before
    assert [path.name for path in target.parent.iterdir()] == ["specs.sqlite3"]


def test_snapshot_of_a_newer_program_changes_nothing(saved, target):
    with sqlite3.connect(saved) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(NewerDatabaseError, match="9999"):
        restore(saved, url_of(target))
    assert not target.exists()


def test_restoring_that_fails_at_the_last_step_puts_the_old_database_back(saved, target, monkeypatch):
    fill(target)
    before = rows_of(target)
    replace = Path.replace

    def fail(path: Path, to: Path) -> Path:
        if path.name.endswith(".restoring"):
            raise OSError(5, "Input/output error")
        return replace(path, to)

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(StorageError, match=f"cannot restore to {target}: Input/output error"):
        restore(saved, url_of(target), replace=True)
    monkeypatch.undo()
    assert rows_of(target) == before
    assert [path.name for path in target.parent.iterdir()] == ["specs.sqlite3"]


def test_database_is_not_restored_from_itself(target):
    fill(target)
    with pytest.raises(StorageError, match="is the database itself"):
        restore(target, url_of(target), replace=True)


# The command


def test_commands_save_list_and_restore(tmp_path, engine, database_url, make_item, capsys, monkeypatch):
    folder = tmp_path / "backups"
    monkeypatch.setenv("SPECS_DB", database_url)
    monkeypatch.setenv("SPECS_BACKUP", str(folder))
    assert main(["snapshots"]) == 0
    assert capsys.readouterr().err == f"there are no snapshots in {folder}\n"
    assert main(["backup"]) == 0
    assert "is empty" in capsys.readouterr().err
    make_item()
    assert main(["backup"]) == 0
    (name,) = os.listdir(folder)
    assert capsys.readouterr().err == f"snapshot {name} written to {folder}\n"
    assert main(["backup"]) == 0
    assert capsys.readouterr().err == f"nothing has changed since the snapshot {name} in {folder}\n"
    (folder / "specs-20200101T000000Z.sqlite3").write_text("a letter")
    assert main(["snapshots"]) == 0
    damaged, good = capsys.readouterr().out.splitlines()
    assert damaged.startswith("specs-20200101T000000Z.sqlite3  cannot be restored: ")
    assert good.startswith(f"{name}  ")
    contents = "campaigns 2, guidelines 2, images 1, items 1, questions 6, units 3"
    assert good.endswith(contents)
    target = tmp_path / "new" / "specs.sqlite3"
    assert main(["restore", "--database", url_of(target)]) == 0
    assert capsys.readouterr().err == f"{name} restored: {contents}\n"
    assert rows_of(target) == all_rows(engine)
    assert main(["restore", "--database", url_of(target), name]) == 2
    assert "--replace" in capsys.readouterr().err
    assert main(["restore", "--database", url_of(target), "--replace", str(folder / name)]) == 0
    assert f"is now {target.parent}/specs.replaced-" in capsys.readouterr().err
    assert main(["restore", "specs-20990101T000000Z.sqlite3"]) == 2
    assert "there is no snapshot specs-20990101T000000Z.sqlite3" in capsys.readouterr().err


def test_commands_without_a_database_find_it_in_the_data_folder(tmp_path, capsys, monkeypatch):
    for name in ("SPECS_DB", "SPECS_BACKUP"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SPECS_DATA", str(tmp_path))
    fill(tmp_path / "specs.sqlite3")
    assert main(["backup"]) == 0
    assert len(os.listdir(tmp_path / "backups")) == 1
    monkeypatch.delenv("SPECS_DATA")
    assert main(["backup"]) == 2
    assert "--database" in capsys.readouterr().err
    assert main(["backup", "--database", url_of(tmp_path / "specs.sqlite3")]) == 0
    assert "nothing has changed" in capsys.readouterr().err


def test_backup_keeps_as_many_as_it_is_told(tmp_path, engine, database_url, make_item, capsys, monkeypatch):
    folder = tmp_path / "backups"
    arguments = ["backup", "--database", database_url, "--place", str(folder)]
    for number in range(3):
        make_item()
        assert main([*arguments, "--keep", "1"]) == 0
        assert len(os.listdir(folder)) == 1, number
    monkeypatch.setenv("SPECS_BACKUP_KEEP", "many")
    assert main(arguments) == 2
    assert "SPECS_BACKUP_KEEP='many'" in capsys.readouterr().err


# PostgreSQL


on_a_server = pytest.mark.skipif(
    not os.environ.get("SPECS_TEST_DATABASE"), reason="SPECS_TEST_DATABASE names no server"
)


@on_a_server
def test_server_is_restored_and_what_it_held_is_kept_in_a_file(
    tmp_path, engine, database_url, saved, make_item, make_rating
):
    before = all_rows(engine)
    save_rating(engine, make_rating(make_item(), rater="Grace"))
    after = all_rows(engine)
    with pytest.raises(StorageError, match=r"holds something.*--replace"):
        restore(saved, database_url)
    assert all_rows(engine) == after
    done = restore(saved, database_url, replace=True, keep_in=tmp_path)
    assert all_rows(engine) == before
    assert done.replaced.parent == tmp_path
    assert rows_of(done.replaced) == after
    with pytest.raises(DBAPIError, match="append-only"), create_engine(database_url).begin() as connection:
        connection.exec_driver_sql("DELETE FROM answers")


@on_a_server
def test_rows_that_a_new_file_begins_with_are_not_in_the_snapshot_of_a_server(
    tmp_path, engine, make_item, monkeypatch
):
    make_item()

    def open_with_rows(url: str) -> Engine:
        made = open_database(url)
        with writing(made) as connection:
            ensure_rater(connection, "made by a migration")
            # No trigger lets this one be removed.
            connection.exec_driver_sql(
                f"INSERT INTO units VALUES ('{'a' * 64}', 'made by a migration', 0, 1)"
            )
        return made

    monkeypatch.setattr(snapshots, "open_database", open_with_rows)
    path = snapshot(engine, tmp_path / "backups")
    monkeypatch.undo()
    assert rows_of(path) == all_rows(engine)
    with sqlite3.connect(path) as copy, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        copy.execute("DELETE FROM units")
    copy.close()


@on_a_server
def test_server_counts_on_behind_restored_numbers(engine, monkeypatch):
    numbered = MetaData()
    Table("numbered", numbered, Column("id", Integer, primary_key=True), Column("name", Text))
    monkeypatch.setattr(restoring, "metadata", numbered)
    with writing(engine) as connection:
        numbered.create_all(connection)
        connection.exec_driver_sql("INSERT INTO numbered (id, name) VALUES (7, 'restored')")
        restoring._set_counters(connection)
        added = connection.exec_driver_sql("INSERT INTO numbered (name) VALUES ('new') RETURNING id")
        assert added.scalar_one() == 8
