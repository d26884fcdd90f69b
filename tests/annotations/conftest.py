"""A database for each test, and short ways to fill it.

The tests run on SQLite; with SPECS_TEST_DATABASE set to the URL of an empty PostgreSQL database (which they
wipe) the same tests run there.
"""

import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from PIL import Image
from sqlalchemy import Engine, create_engine

from annotations.engine import open_database
from annotations.images import add_image
from annotations.importing import ImportPlan, ImportReport, import_items
from annotations.items import add_item
from annotations.store import NewRating

CAPTION = "A red car. Above it flies a kite, blue and small."
UNITS = [("A red car.", 0, 10), (" Above it flies a kite,", 10, 33), (" blue and small.", 33, 49)]

SCALES = {"correctness": 2, "thoroughness": 4, "overall": 3}

ItemMaker = Callable[..., str]
RatingMaker = Callable[..., NewRating]
PictureMaker = Callable[..., bytes]
OldDatabase = Callable[[str], tuple[Path, dict[str, set[tuple[object, ...]]]]]


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with all tables and no rows; copying it is faster than migrating anew."""
    path = tmp_path_factory.mktemp("database") / "empty.sqlite3"
    open_database(f"sqlite:///{path}").dispose()
    return path


@pytest.fixture
def database_url(tmp_path: Path, empty_database: Path) -> str:
    server = os.environ.get("SPECS_TEST_DATABASE")
    if server:
        engine = create_engine(server)
        with engine.begin() as connection:
            connection.exec_driver_sql("DROP SCHEMA public CASCADE")
            connection.exec_driver_sql("CREATE SCHEMA public")
        engine.dispose()
        return server
    path = tmp_path / "specs.sqlite3"
    shutil.copy(empty_database, path)
    return f"sqlite:///{path}"


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = open_database(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def make_item(engine: Engine) -> ItemMaker:
    """Add an item; each call has an image of its own unless told otherwise."""
    images = iter(range(10**6))

    def make(*, image: int | None = None, **options: object) -> str:
        number = next(images) if image is None else image
        image_id = add_image(engine, sha256=f"{number:064x}", filename=f"{number}.png", width=64, height=48)
        values = {"caption": CAPTION, "units": UNITS, "segmenter_version": "test-1", **options}
        return add_item(engine, image_id=image_id, **values)

    return make


@pytest.fixture
def make_rating() -> RatingMaker:
    """Fill in a form; each call draws a new nonce unless told otherwise."""
    nonces = iter(range(10**6))

    def make(item_id: str, rater: str = "Ada", **changes: object) -> NewRating:
        given = {name: changes.pop(name, value) for name, value in SCALES.items()}
        values = {
            "answers": given,
            "verdicts": ("supported", None, "hallucinated"),
            "nonce": f"nonce-{next(nonces)}",
            "guideline_version": "1",
            "application_version": "0.1.0",
            **changes,
        }
        return NewRating(item_id=item_id, rater=rater, **values)

    return make


@pytest.fixture
def old_database(tmp_path: Path) -> OldDatabase:
    """Make a database of an older version with one rated item; return its file, and its rows by table."""

    def make(revision: str) -> tuple[Path, dict[str, set[tuple[object, ...]]]]:
        path = tmp_path / "old.sqlite3"
        _migrate(path, revision)
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            return path, _fill(connection)

    return make


def _migrate(path: Path, revision: str) -> None:
    """Make a database as the program made it at an older version."""
    config = Config()
    folder = Path(open_database.__code__.co_filename).parent / "migrations"
    config.set_main_option("script_location", str(folder))
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()


def _fill(connection: sqlite3.Connection) -> dict[str, set[tuple[object, ...]]]:
    """Put one rated item into a database of the first version, and return its rows."""
    now, sha = "2026-01-31T09:05:00.000000Z", "c" * 64
    rows = {
        "images": [("f" * 32, "a" * 64, "a.png", 2, 3, now)],
        "items": [("i" * 32, "f" * 32, CAPTION, sha, "auto-1", "inspect", 3, now, None)],
        "units": [(sha, "auto-1", start, end) for _, start, end in UNITS],
        "raters": [("r" * 32, "Ada", now)],
        "assignments": [("i" * 32, "r" * 32, "done", now, now, None)],
        "revisions": [("v" * 32, "i" * 32, "r" * 32, 1, 1, "nonce-old", 0, "", "1", "0.1.0", None, now)],
        "answers": [("v" * 32, name, 3) for name in ("correctness", "thoroughness", "overall")],
        "verdicts": [
            ("v" * 32, sha, "auto-1", 0, 10, "supported"),
            ("v" * 32, sha, "auto-1", 33, 49, "hallucinated"),
        ],
        "scores": [("i" * 32, "specs", "d" * 64, "scenes", 0.6, 0.2, None, now)],
    }
    for table, values in rows.items():
        marks = ", ".join("?" * len(values[0]))
        connection.executemany(f"INSERT INTO {table} VALUES ({marks})", values)
    return {table: set(values) for table, values in rows.items()}


@pytest.fixture
def draw_picture() -> PictureMaker:
    """Write an image of one colour, and return its bytes."""

    def draw(path: Path, colour: str = "red", size: tuple[int, int] = (40, 30)) -> bytes:
        Image.new("RGB", size, colour).save(path)
        return path.read_bytes()

    return draw


@pytest.fixture
def folder(tmp_path: Path, draw_picture: PictureMaker) -> Path:
    """A folder with the images red.jpg and blue.png, for tables that name them."""
    folder = tmp_path / "table"
    folder.mkdir()
    draw_picture(folder / "red.jpg")
    draw_picture(folder / "blue.png", "blue", (64, 48))
    return folder


@pytest.fixture
def take(engine: Engine, folder: Path, tmp_path: Path) -> Callable[..., ImportReport]:
    """Write rows as JSON lines beside the images, and import them."""

    def run(*rows: dict[str, object], **plan: object) -> ImportReport:
        table = folder / "table.jsonl"
        table.write_text("".join(json.dumps(row) + "\n" for row in rows))
        options = {"campaign": "study", "create": True, **plan}
        return import_items(engine, table, ImportPlan(**options), images=tmp_path / "images")

    return run
