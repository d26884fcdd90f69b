"""A database for each test, and short ways to fill it.

A test that takes `engine` or `database_url` runs twice, on SQLite and on PostgreSQL. The server is started by
the tests and ends with them; where PostgreSQL is not installed its half is skipped.
"""

import json
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import Engine, Row, create_engine

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


@dataclass
class PostgresServer:
    """A server of the tests' own, reached through a socket in its folder and over no network.

    `specs` owns the databases and needs no password; `ada` needs `open-sesame`.
    """

    programs: Path
    folder: Path
    user: str | None  # whom it runs as; None: whoever runs the tests
    process: subprocess.Popen[bytes] | None = None
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(10**6)))

    def run(self, program: str, *arguments: object) -> str:
        command = [str(self.programs / program), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, **self.owner())
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stderr or done.stdout}")
        return done.stdout

    def owner(self) -> dict[str, Any]:
        """Whom to start programs as: PostgreSQL's refuse to run as root."""
        account = pwd.getpwnam(self.user) if self.user else None
        as_another = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if account else {}
        return {"cwd": self.folder, "env": {"PATH": os.defpath, "LC_ALL": "C"}, **as_another}

    def start(self, **settings: object) -> None:
        options = {"listen_addresses": "", "unix_socket_directories": self.folder, **settings}
        words = ["-D", "data"] + [f"--{name}={value}" for name, value in options.items()]
        # The shell ends the server when the tests are gone, however they ended: then its input is closed.
        script = '"$@" & server=$!; cat >&2; "$0" stop -s -m fast -D data; wait $server'
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                ["/bin/sh", "-c", script, self.programs / "pg_ctl", self.programs / "postgres", *words],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                **self.owner(),
            )
        patience = time.monotonic() + 60
        while "ready" not in self.state():
            if time.monotonic() > patience or self.process.poll() is not None:
                raise RuntimeError("PostgreSQL does not start: " + (self.folder / "log").read_text())
            time.sleep(0.02)

    def state(self) -> str:
        """What the server writes about itself; its last line is `ready` once it takes connections."""
        file = self.folder / "data" / "postmaster.pid"
        return file.read_text() if file.exists() else ""

    def stop(self) -> None:
        if self.process:
            self.process.stdin.close()
            self.process.wait(60)
            self.process = None

    def url(self, name: str, login: str = "specs") -> str:
        return f"postgresql://{login}@/{name}?host={self.folder}"

    def administrator(self, database: str) -> Engine:
        """Reach a database as the server's superuser; each statement is a transaction of its own."""
        return create_engine(
            f"postgresql+pg8000://postgres@/{database}",
            connect_args={"unix_sock": f"{self.folder}/.s.PGSQL.5432", "ssl_context": False},
            isolation_level="AUTOCOMMIT",
        )

    def administer(self, *statements: str, database: str = "postgres") -> list[Row[Any]]:
        """Run statements as the superuser; return the rows of the last one."""
        engine = self.administrator(database)
        with engine.connect() as connection:
            results = [connection.exec_driver_sql(statement) for statement in statements]
            rows = list(results[-1]) if results[-1].returns_rows else []
        engine.dispose()
        return rows

    def new_database(self, template: str = "template1") -> str:
        """Make a database that `specs` owns, without tables or as a copy of another; return its name."""
        name = f"test_{next(self.numbers)}"
        self.administer(f"CREATE DATABASE {name} OWNER specs TEMPLATE {template}")
        return name


@pytest.fixture(scope="session")
def new_server() -> Iterator[Callable[..., PostgresServer]]:
    """Make and start servers; each has a folder of its own, and all end with the session."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    programs = installed[-1] if installed else Path(shutil.which("initdb") or "nowhere/initdb").parent
    if not (programs / "initdb").exists():
        pytest.skip("PostgreSQL is not installed (Debian: apt install postgresql)")
    user = None
    if os.geteuid() == 0:
        names = {account.pw_name for account in pwd.getpwall()}
        user = next((name for name in ("postgres", "nobody") if name in names), None)
        if user is None:
            pytest.skip("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")
    servers = []

    def new(**settings: object) -> PostgresServer:
        # Not in pytest's folder, which only the user who runs the tests can enter. A socket's path is short.
        folder = Path(tempfile.mkdtemp(prefix="specs-pg-"))
        server = PostgresServer(programs, folder, user)
        servers.append(server)
        if user:
            shutil.chown(folder, user)
        server.run(
            "initdb", "-D", "data", "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync", "-A", "trust"
        )
        access = "local all ada scram-sha-256\nlocal all all trust\n"
        (folder / "data" / "pg_hba.conf").write_text(access)
        server.start(**settings)
        server.administer("CREATE ROLE specs LOGIN", "CREATE ROLE ada LOGIN PASSWORD 'open-sesame'")
        return server

    yield new
    for server in servers:
        if server.process:
            # Nobody needs the data any more, so that nothing has to be written at the end.
            server.run("pg_ctl", "stop", "-m", "immediate", "-D", "data")
        server.stop()
        shutil.rmtree(server.folder)


@pytest.fixture(scope="session")
def server(new_server: Callable[..., PostgresServer]) -> PostgresServer:
    """One server for all tests of a process; nothing that it holds has to outlive a crash."""
    return new_server(fsync="off", synchronous_commit="off", full_page_writes="off")


@pytest.fixture(scope="session")
def reset_database(server: PostgresServer) -> Iterator[Callable[[], str]]:
    """Bring one database back to what it was when it was new, which is much faster than a new one."""
    name = server.new_database()
    open_database(server.url(name)).dispose()
    tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    names = [row.tablename for row in server.administer(tables, database=name)]
    copies = [f"CREATE TABLE original.{table} AS TABLE public.{table}" for table in names]
    server.administer("CREATE SCHEMA original", *copies, database=name)
    # Whoever is in the middle of something may hold a lock; who only waits for work may stay.
    busy = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND state <> 'idle' AND pid <> pg_backend_pid()"
    )
    restore = [f"DELETE FROM public.{t}; INSERT INTO public.{t} TABLE original.{t}" for t in names]
    # As a replica: without the triggers and foreign keys that keep all others from altering what was said.
    statement = "; ".join(["SET session_replication_role = replica", *restore])

    engine = server.administrator(name)
    with engine.connect() as connection:

        def reset() -> str:
            connection.exec_driver_sql(busy)
            connection.exec_driver_sql(statement)
            return server.url(name)

        yield reset
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    """What the ratings are kept in: a test that takes a database runs on each."""
    return request.param


@pytest.fixture
def database_url(backend: str, request: pytest.FixtureRequest) -> str:
    """A database with all tables and no rows."""
    if backend == "postgresql":
        return request.getfixturevalue("reset_database")()
    path = request.getfixturevalue("tmp_path") / "specs.sqlite3"
    shutil.copy(request.getfixturevalue("empty_database"), path)
    return f"sqlite:///{path}"


@pytest.fixture
def new_url(backend: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a database of this test's own that holds no tables yet."""
    if backend == "sqlite":
        yield f"sqlite:///{request.getfixturevalue('tmp_path') / 'new.sqlite3'}"
        return
    server = request.getfixturevalue("server")
    name = server.new_database()
    yield server.url(name)
    server.administer(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def postgres_engine(reset_database: Callable[[], str]) -> Iterator[Engine]:
    """Reach the database that `reset_database` resets. Connections, and statements in SQL, are made once."""
    engine = open_database(reset_database())
    yield engine
    engine.dispose()


@pytest.fixture
def engine(backend: str, database_url: str, request: pytest.FixtureRequest) -> Iterator[Engine]:
    if backend == "postgresql":
        yield request.getfixturevalue("postgres_engine")
        return
    engine = open_database(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def own_engine(database_url: str) -> Iterator[Engine]:
    """An engine of this test alone, for it to listen to."""
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
        given = changes.pop("answers", {name: changes.pop(name, value) for name, value in SCALES.items()})
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
