"""Database files that cannot be used: one sentence each, nothing written, nothing overwritten."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from annotations.engine import open_database, reading
from annotations.errors import NewerDatabaseError, StorageError
from annotations.images import add_image
from annotations.store import save_rating

# Opens the database of the first argument under a limit, tries to write, and says in one line how it went.
PROGRAM = """
import resource, sys
from annotations.engine import open_database
from annotations.errors import AnnotationError
from annotations.images import add_image
url, largest_file = sys.argv[1], int(sys.argv[2])
try:
    engine = open_database(url)
    if largest_file:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
    for number in range(10_000):
        add_image(engine, sha256=f"{number:064x}", filename="x" * 1000, width=1, height=1)
        print(number, flush=True)
except AnnotationError as error:
    print(f"{type(error).__name__}: {error}")
"""


@pytest.fixture
def store_in_child() -> Callable[..., list[str]]:
    """Run the program above as somebody to whom permissions apply; the lines that it prints."""
    prefix = []
    if os.geteuid() == 0:
        setpriv = shutil.which("setpriv")
        if not setpriv:
            pytest.skip("no permission stops root, and setpriv, which would, is not installed")
        prefix = [setpriv, "--bounding-set", "-dac_override,-dac_read_search", "--"]

    def run(path: Path, largest_file: int = 0) -> list[str]:
        command = [*prefix, sys.executable, "-c", PROGRAM, f"sqlite:///{path}", str(largest_file)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.splitlines()

    return run


@pytest.fixture
def path(tmp_path: Path, empty_database: Path) -> Path:
    """A database in a folder of its own with one image in it."""
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / "specs.sqlite3"
    shutil.copy(empty_database, path)
    engine = open_database(f"sqlite:///{path}")
    add_image(engine, sha256="a" * 64, filename="a.png", width=2, height=3)
    engine.dispose()
    return path


def everything_in(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def images_in(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return connection.execute("SELECT count(*) FROM images").fetchone()[0]


def test_file_that_is_read_only_is_left_as_it_was(path, store_in_child):
    path.chmod(0o444)
    before = everything_in(path.parent)
    (line,) = store_in_child(path)
    assert line.startswith("StorageError: cannot use sqlite:///")
    assert "read-only; make both writable" in line
    assert everything_in(path.parent) == before


def test_file_in_a_read_only_folder_is_left_as_it_was(path, store_in_child):
    before = everything_in(path.parent)
    path.parent.chmod(0o555)
    try:
        (line,) = store_in_child(path)
        assert "writable" in line
        assert everything_in(path.parent) == before
    finally:
        path.parent.chmod(0o755)


def test_new_file_in_a_read_only_folder_is_refused(tmp_path, store_in_child):
    folder = tmp_path / "data"
    folder.mkdir(mode=0o555)
    (line,) = store_in_child(folder / "specs.sqlite3")
    assert "the file cannot be opened; check that its folder exists and is writable" in line
    assert everything_in(folder) == {}


def test_folder_that_cannot_be_made_is_named(tmp_path, store_in_child):
    (tmp_path / "data").mkdir(mode=0o555)
    (line,) = store_in_child(tmp_path / "data" / "new" / "specs.sqlite3")
    assert f"cannot make the folder {tmp_path / 'data' / 'new'}" in line


def test_file_that_may_not_be_read_is_left_as_it_was(path, store_in_child):
    before = everything_in(path.parent)
    path.chmod(0)
    (line,) = store_in_child(path)
    path.chmod(0o600)
    assert "the file cannot be opened" in line
    assert everything_in(path.parent) == before


def test_save_when_the_disk_takes_no_more_keeps_what_was_acknowledged_and_nothing_else(path, store_in_child):
    *saved, last = store_in_child(path, 200_000)
    assert "StorageError: cannot use sqlite:///" in last
    assert "disk" in last
    assert len(saved) > 5
    assert images_in(path) == 1 + len(saved)
    engine = open_database(f"sqlite:///{path}")
    add_image(engine, sha256="b" * 64, filename="b.png", width=2, height=3)
    engine.dispose()
    assert images_in(path) == 2 + len(saved)


def damaged(whole: bytes, damage: str) -> bytes:
    page = int.from_bytes(whole[16:18])
    middle = len(whole) // page // 2 * page
    if damage == "header":
        return b"\x00" * 16 + whole[16:]
    if damage == "first page":
        return whole[:100] + b"\xa5" * (page - 100) + whole[page:]
    if damage == "page in the middle":
        return whole[:middle] + b"\xa5" * page + whole[middle + page :]
    if damage == "last page missing":
        return whole[:-page]
    return whole[: middle + page // 2]


@pytest.mark.parametrize(
    "damage", ["header", "first page", "page in the middle", "last page missing", "cut within a page"]
)
def test_damaged_file_says_so_and_is_left_as_it_was(path, damage):
    path.write_bytes(damaged(path.read_bytes(), damage))
    before = everything_in(path.parent)
    with pytest.raises(StorageError, match=r"is damaged; restore it|is not a SQLite database") as caught:
        open_database(f"sqlite:///{path}")
    assert "\n" not in str(caught.value)
    assert everything_in(path.parent) == before


@pytest.mark.parametrize(
    "statements",
    [
        ["CREATE TABLE albums (id INTEGER)"],
        ["CREATE TABLE albums (id INTEGER)", "PRAGMA user_version = 3"],
        ["PRAGMA application_id = 252006675"],
        [
            "CREATE TABLE albums (id INTEGER)",
            "CREATE TABLE alembic_version (version_num VARCHAR(32))",
            "INSERT INTO alembic_version VALUES ('5f2c1e0b9a77')",
        ],
        [
            "CREATE TABLE albums (id INTEGER)",
            "CREATE TABLE alembic_version (version_num VARCHAR(32))",
            "INSERT INTO alembic_version VALUES ('0001')",
        ],
    ],
)
def test_file_of_another_program_is_left_as_it_was(tmp_path, statements):
    path = tmp_path / "photos.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)
    before = everything_in(tmp_path)
    with pytest.raises(StorageError, match=r"photos\.sqlite3: it belongs to another program"):
        open_database(f"sqlite:///{path}")
    assert everything_in(tmp_path) == before


def test_database_of_a_newer_version_with_ratings_in_it_is_left_as_it_was(path):
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.execute("PRAGMA journal_mode = DELETE")
    before = everything_in(path.parent)
    with pytest.raises(NewerDatabaseError, match="is at version 9999"):
        open_database(f"sqlite:///{path}")
    assert everything_in(path.parent) == before


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_file_that_another_program_damages_while_it_is_open_says_so(
    engine, database_url, make_item, make_rating
):
    item_id = make_item()
    save_rating(engine, make_rating(item_id))
    path = Path(database_url.removeprefix("sqlite:///"))
    engine.dispose()  # closes the connections, and so moves the log into the file
    whole = path.read_bytes()
    page = int.from_bytes(whole[16:18])
    path.write_bytes(whole[:page] + b"\xa5" * (len(whole) - page))
    with (
        pytest.raises(StorageError, match="is damaged; restore it from a backup"),
        reading(engine) as connection,
    ):
        connection.exec_driver_sql("SELECT * FROM revisions").all()


@pytest.fixture
def crashed(path: Path, tmp_path: Path) -> Path:
    """A database as a crash leaves it: twenty more images, all of them in the log only."""
    engine = open_database(f"sqlite:///{path}")
    with engine.connect() as keeps_the_log_open:
        for number in range(20):
            add_image(engine, sha256=f"{number:064x}", filename="a.png", width=2, height=3)
        copy = tmp_path / "crashed"
        copy.mkdir()
        for name in (path.name, f"{path.name}-wal"):
            shutil.copy(path.with_name(name), copy / name)
        assert not keeps_the_log_open.closed
    engine.dispose()
    return copy / path.name


def spoil(path: Path, *, at: int, length: int = 8) -> None:
    log = path.with_name(path.name + "-wal")
    content = log.read_bytes()
    at %= len(content)
    log.write_bytes(
        content[:at] + bytes(255 - byte for byte in content[at : at + length]) + content[at + length :]
    )


def test_database_after_a_crash_has_all_that_was_committed(crashed):
    open_database(f"sqlite:///{crashed}").dispose()
    assert images_in(crashed) == 21


@pytest.mark.parametrize(
    ("at", "length"),
    [(0, 4), (16, 8), (32 + 24 + 100, 8), (32 + 24 + 4096 + 8, 8), (20_000, 1), (20_000, 9_000)],
)
def test_damaged_log_says_so_and_nothing_is_touched(crashed, at, length):
    spoil(crashed, at=at, length=length)
    before = everything_in(crashed.parent)
    with pytest.raises(StorageError, match=r"its write-ahead log specs.sqlite3-wal is damaged; restore both"):
        open_database(f"sqlite:///{crashed}")
    assert everything_in(crashed.parent) == before


def test_log_that_a_crash_left_unfinished_opens_with_every_transaction_before_it(crashed):
    spoil(crashed, at=-100)
    open_database(f"sqlite:///{crashed}").dispose()
    assert images_in(crashed) == 20


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_log_that_is_cut_opens_with_whole_transactions_only(crashed, part):
    log = crashed.with_name(crashed.name + "-wal")
    log.write_bytes(log.read_bytes()[: int(part * log.stat().st_size)])
    open_database(f"sqlite:///{crashed}").dispose()
    assert 1 <= images_in(crashed) < 21


def test_log_of_a_database_that_is_in_use_is_never_taken_for_damaged(path):
    engine = open_database(f"sqlite:///{path}")
    for number in range(30):
        add_image(engine, sha256=f"{number:064x}", filename="x" * 40_000, width=2, height=3)
        open_database(f"sqlite:///{path}").dispose()
    engine.dispose()
    assert images_in(path) == 31
