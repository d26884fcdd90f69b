"""Snapshots in a folder: consistent, only after a change, kept by rule, and heeded at the start."""

import sqlite3
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from annotations import snapshots
from annotations.assignment import next_item, release
from annotations.backup import Backups, refuse_if_newer_snapshot, snapshot
from annotations.backup_folder import (
    BackupFolder,
    next_name,
    open_place,
    snapshot_names,
    superfluous,
    taken_at,
)
from annotations.engine import open_database, reading, writing
from annotations.errors import InvalidRecordError, NewerDatabaseError, StorageError
from annotations.items import delete_item
from annotations.schema import metadata, revisions
from annotations.snapshots import export_snapshot, read_snapshot
from annotations.store import save_rating

NOON = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:12288] = b"\xff" * 8192
    path.write_bytes(content)


# What a snapshot holds


def test_snapshot_holds_every_row_of_every_table(tmp_path, engine, make_item, make_rating):
    save_rating(engine, make_rating(make_item()))
    path = snapshot(engine, tmp_path / "backups")
    assert path.parent == tmp_path / "backups"
    copy = open_database(f"sqlite:///{path}", must_exist=True)
    with reading(engine) as one, reading(copy) as other:
        for table in metadata.sorted_tables:
            keys = [column.name for column in table.primary_key]
            rows = [
                sorted(map(tuple, connection.execute(select(table))), key=repr) for connection in (one, other)
            ]
            assert rows[0] == rows[1], f"{table.name} by {keys}"
    copy.dispose()


def test_snapshot_is_one_file_that_nobody_else_may_read(tmp_path, engine, make_item):
    make_item()
    path = snapshot(engine, tmp_path / "backups")
    assert files(path.parent) == [path.name]
    assert path.stat().st_mode & 0o777 == 0o600
    # What SQLite puts here says whether a file is used with a log beside it; 2 is with.
    assert path.read_bytes()[18:20] == b"\x01\x01"
    read_snapshot(path)
    assert files(path.parent) == [path.name], "reading it must leave nothing beside it"


def test_snapshot_taken_while_another_thread_writes_holds_whole_ratings(
    tmp_path, engine, make_item, make_rating
):
    items = [make_item(overlap=60) for _ in range(3)]
    stop = threading.Event()
    saved = []

    def write():
        number = 0
        while not stop.is_set() and number < 150:
            saved.append(save_rating(engine, make_rating(items[number % 3], rater=f"r{number // 3}")))
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        paths = []
        while len(paths) < 6 and writer.is_alive():
            path = tmp_path / f"{len(paths)}.sqlite3"
            export_snapshot(engine, path)
            paths.append(path)
            time.sleep(0.02)
    finally:
        stop.set()
        writer.join()
    numbers = [read_snapshot(path).rows["revisions"] for path in paths]
    assert numbers == sorted(numbers)
    assert numbers[-1] > numbers[0], "nothing was written meanwhile, so nothing was shown"
    for path in paths:
        rows = read_snapshot(path).rows
        assert rows["answers"] == 3 * rows["revisions"]
        assert rows["verdicts"] == 2 * rows["revisions"]
        assert rows["raters"] == -(-rows["revisions"] // 3)


def test_snapshot_of_a_rating_that_is_in_the_log_only_holds_it(tmp_path, engine, make_item, make_rating):
    if engine.dialect.name != "sqlite":
        pytest.skip("a write-ahead log beside the file is SQLite's")
    save_rating(engine, make_rating(make_item()))
    log = Path(engine.url.database + "-wal")
    assert log.stat().st_size > 0
    assert read_snapshot(snapshot(engine, tmp_path / "backups")).rows["revisions"] == 1


# Only when something changed


def test_second_snapshot_without_a_change_is_the_first_one(tmp_path, engine, make_item, database_url):
    make_item()
    first = snapshot(engine, tmp_path / "backups")
    written = first.stat().st_mtime_ns
    # Opening writes to the header of the file, and another process has nothing in its memory.
    open_database(database_url).dispose()
    assert snapshot(engine, tmp_path / "backups") == first
    assert files(first.parent) == [first.name]
    assert first.stat().st_mtime_ns == written


def test_every_kind_of_change_makes_another_snapshot(tmp_path, engine, make_item, make_rating):
    item = make_item()
    seen = [snapshot(engine, tmp_path / "backups")]
    next_item(engine, "Ada")
    seen.append(snapshot(engine, tmp_path / "backups"))
    # These two change rows and add none.
    release(engine, "Ada", item)
    seen.append(snapshot(engine, tmp_path / "backups"))
    delete_item(engine, item)
    seen.append(snapshot(engine, tmp_path / "backups"))
    assert len(set(seen)) == 4
    assert files(tmp_path / "backups") == [path.name for path in seen]


def test_snapshot_of_an_empty_database_is_none(tmp_path, engine):
    assert snapshot(engine, tmp_path / "backups") is None
    assert not (tmp_path / "backups").exists()


def test_newest_snapshot_that_is_damaged_is_followed_by_a_good_one(tmp_path, engine, make_item, caplog):
    make_item()
    first = snapshot(engine, tmp_path / "backups")
    damage(first)
    second = snapshot(engine, tmp_path / "backups")
    assert second != first
    assert read_snapshot(second).rows["items"] == 1
    assert f"{first} is damaged" in caplog.text


# Names and retention


def test_name_of_a_snapshot_is_the_moment_in_utc():
    moment = datetime(2026, 11, 21, 15, 5, 3, tzinfo=UTC) - timedelta(hours=1)
    assert next_name([], now=moment) == "specs-20261121T140503Z.sqlite3"
    assert taken_at("specs-20261121T140503Z.sqlite3") == moment


def test_name_of_the_next_snapshot_sorts_last_even_when_the_clock_was_put_back():
    names = [next_name([], now=NOON)]
    names.append(next_name(names, now=NOON))
    names.append(next_name(names, now=NOON - timedelta(days=400)))
    assert names == sorted(set(names))


def test_names_that_are_no_snapshots_are_left_out():
    names = ["specs-20261121T140503Z.sqlite3", "specs-20260231T140503Z.sqlite3", "notes.txt", "specs.sqlite3"]
    assert snapshot_names([*names, ".specs-20261121T140503Z.sqlite3.part"]) == names[:1]
    with pytest.raises(InvalidRecordError, match=r"'specs\.sqlite3' is no name of a snapshot"):
        taken_at("specs.sqlite3")


def test_retention_keeps_the_newest_and_the_last_of_each_day():
    names = [
        next_name([], now=NOON + timedelta(days=day, hours=hour)) for day in range(5) for hour in (0, 4, 8)
    ]
    gone = superfluous(names, keep=2, days=3)
    assert [name for name in names if name not in gone] == [names[8], names[11], names[13], names[14]]
    assert superfluous(names, keep=2, days=0) == names[:-2]
    assert superfluous(names, keep=15, days=0) == []
    assert superfluous([], keep=1, days=30) == []


@pytest.mark.parametrize(("keep", "days"), [(0, 1), (1, -1)])
def test_retention_that_would_keep_nothing_is_refused(engine, tmp_path, keep, days):
    with pytest.raises(InvalidRecordError, match=f"got {keep} and {days}"):
        snapshot(engine, tmp_path / "backups", keep=keep, days=days)


def test_old_snapshots_go_once_a_new_one_is_there(tmp_path, engine, make_item):
    backups = Backups(engine, BackupFolder(tmp_path), keep=2, days=0)
    names = []
    for minute in range(4):
        make_item()
        names.append(backups.save(now=NOON + timedelta(minutes=minute)))
    assert backups.place.names() == names[-2:]
    backups.save(now=NOON + timedelta(days=50))
    assert backups.place.names() == names[-2:], "nothing changed, so nothing goes"


# What is no snapshot


def test_damaged_file_is_no_snapshot(tmp_path, engine, make_item):
    make_item()
    path = snapshot(engine, tmp_path / "backups")
    damage(path)
    with pytest.raises(StorageError, match=f"snapshot {path} is damaged .*take an older one"):
        read_snapshot(path)
    path.write_bytes(b"this is a letter" * 500)
    with pytest.raises(StorageError, match="is damaged"):
        read_snapshot(path)
    with pytest.raises(StorageError, match="there is no snapshot"):
        read_snapshot(tmp_path / "nowhere.sqlite3")


def test_damage_that_reading_all_rows_does_not_meet_is_found(tmp_path, engine, make_item):
    make_item()
    next_item(engine, "Ada")
    path = snapshot(engine, tmp_path / "backups")
    with sqlite3.connect(path) as connection:
        root = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE type = 'index' AND name LIKE 'ix_assignments%'"
        ).fetchone()[0]
    connection.close()
    content = bytearray(path.read_bytes())
    # An index of which a page says that it is empty.
    content[(root - 1) * 4096 : (root - 1) * 4096 + 8] = bytes([10, 0, 0, 0, 0, 16, 0, 0])
    path.write_bytes(content)
    with pytest.raises(StorageError, match=r"is damaged .*take an older one") as raised:
        read_snapshot(path)
    assert "\n" not in str(raised.value)


def test_database_of_another_program_is_no_snapshot(tmp_path):
    path = tmp_path / "other.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
    connection.close()
    with pytest.raises(StorageError, match="another program"):
        read_snapshot(path)


def test_snapshot_of_a_newer_program_says_so(tmp_path, engine, make_item):
    make_item()
    path = snapshot(engine, tmp_path / "backups")
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(NewerDatabaseError, match=r"at version 9999.*update the program"):
        read_snapshot(path)


# Refusing to start empty


@pytest.fixture
def empty(tmp_path):
    engine = open_database(f"sqlite:///{tmp_path / 'empty' / 'specs.sqlite3'}")
    yield engine
    engine.dispose()


def test_empty_database_beside_a_snapshot_is_refused_with_the_command(tmp_path, engine, make_item, empty):
    make_item()
    place = BackupFolder(tmp_path / "the backups")
    path = snapshot(engine, place.folder)
    with pytest.raises(StorageError) as raised:
        refuse_if_newer_snapshot(empty, place)
    said = str(raised.value)
    command = f"specs-ratings restore --database {empty.url} --place '{place.folder}' {path.name}"
    assert command in said
    assert "start afresh" in said
    assert "SPECS_BACKUP" in said
    assert "\n" not in said


def test_empty_database_beside_a_damaged_and_an_older_good_snapshot_names_the_good_one(
    tmp_path, engine, make_item, empty
):
    make_item()
    good = snapshot(engine, tmp_path / "backups")
    make_item()
    damage(snapshot(engine, tmp_path / "backups"))
    with pytest.raises(StorageError, match=f"the backup {good.name}"):
        refuse_if_newer_snapshot(empty, BackupFolder(tmp_path / "backups"))


def test_database_that_holds_something_may_start_beside_any_snapshot(tmp_path, engine, make_item):
    make_item()
    snapshot(engine, tmp_path / "backups")
    make_item()
    refuse_if_newer_snapshot(engine, BackupFolder(tmp_path / "backups"))


def test_empty_database_without_a_snapshot_may_start(tmp_path, empty):
    refuse_if_newer_snapshot(empty, BackupFolder(tmp_path / "backups"))
    (tmp_path / "backups").mkdir()
    export_snapshot(empty, tmp_path / "backups" / "specs-20261121T140503Z.sqlite3")
    refuse_if_newer_snapshot(empty, BackupFolder(tmp_path / "backups"))


def test_rows_that_a_fresh_start_makes_do_not_count_as_something(tmp_path, empty, monkeypatch):
    with writing(empty) as connection:
        connection.exec_driver_sql(
            "INSERT INTO raters (id, name, created_at) VALUES ('r', 'host', '2026-11-21T14:05:03.000000Z')"
        )
    fresh = snapshots._fresh_rows()
    monkeypatch.setattr(snapshots, "_fresh_rows", lambda: fresh | {"raters": 1})
    assert not snapshots.holds_anything(empty)
    assert snapshot(empty, tmp_path / "backups") is None
    monkeypatch.setattr(snapshots, "_fresh_rows", lambda: fresh)
    assert snapshots.holds_anything(empty)


@pytest.mark.parametrize("text", ["", "  ", "s3://bucket/name", "hf://datasets/name", "hf://models/a/b"])
def test_place_that_is_none_is_refused(text):
    with pytest.raises(InvalidRecordError, match="no place for backups"):
        open_place(text)


def test_snapshot_waits_for_no_writer(tmp_path, engine, make_item):
    make_item()
    with writing(engine) as connection:
        connection.execute(select(revisions))
        snapshot(engine, tmp_path / "backups")
