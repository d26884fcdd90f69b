"""A PostgreSQL server that is gone, refuses, or holds what is not ours: one sentence each, nothing kept."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from sqlalchemy import Engine, func, select
from strict_warnings import WARNINGS_ARE_ERRORS

from annotations.engine import open_database, reading, writing
from annotations.errors import InvalidRecordError, NewerDatabaseError, StorageError
from annotations.images import add_image
from annotations.schema import images

pytestmark = WARNINGS_ARE_ERRORS

only_postgresql = pytest.mark.parametrize("backend", ["postgresql"], indirect=True)


FEW = {"max_connections": 8, "superuser_reserved_connections": 2}


@pytest.fixture(scope="module")
def frail(new_server):
    """A server that tests may stop; unlike the other one it keeps its word after a crash."""
    server = new_server(**FEW)
    yield server
    server.stop()


@pytest.fixture
def frail_engine(frail) -> Iterator[Engine]:
    engine = open_database(frail.url(frail.new_database()))
    yield engine
    engine.dispose()


def add(engine: Engine, number: int) -> str:
    return add_image(engine, sha256=f"{number:064x}", filename="a.png", width=2, height=3)


def images_in(engine: Engine) -> int:
    with reading(engine) as connection:
        return connection.execute(select(func.count()).select_from(images)).scalar_one()


def test_server_that_is_gone_in_the_middle_of_a_write_keeps_nothing_and_the_next_call_works(
    frail, frail_engine
):
    add(frail_engine, 1)

    def write_and_lose_the_server() -> None:
        with writing(frail_engine) as connection:
            row = {"id": "x", "sha256": "e" * 64, "filename": "x", "width": 1, "height": 1}
            connection.execute(images.insert().values(**row, created_at="now"))
            frail.stop()
            connection.execute(select(images))

    with pytest.raises(StorageError, match=r"server is stopping|connection to the server|cannot be reached"):
        write_and_lose_the_server()
    with pytest.raises(StorageError, match="the server cannot be reached; check that it runs"):
        add(frail_engine, 2)
    frail.start(**FEW)
    assert images_in(frail_engine) == 1
    add(frail_engine, 2)
    assert images_in(frail_engine) == 2


def test_server_that_is_gone_before_the_commit_gives_an_error_and_not_a_receipt(frail, frail_engine):
    def write_and_lose_the_server() -> None:
        with writing(frail_engine) as connection:
            row = {"id": "x", "sha256": "e" * 64, "filename": "x", "width": 1, "height": 1}
            connection.execute(images.insert().values(**row, created_at="now"))
            frail.stop()

    with pytest.raises(StorageError, match="server"):
        write_and_lose_the_server()
    frail.start(**FEW)
    assert images_in(frail_engine) == 0


def test_server_that_was_started_again_between_two_calls_goes_unnoticed(frail, frail_engine):
    add(frail_engine, 1)
    frail.stop()
    frail.start(**FEW)
    add(frail_engine, 2)
    frail.stop()
    frail.start(**FEW)
    assert images_in(frail_engine) == 2


def test_server_without_a_free_connection_says_so(frail, frail_engine):
    add(frail_engine, 1)
    with ExitStack() as stack:

        def read_ten_times_at_once() -> None:
            for _ in range(10):
                stack.enter_context(reading(frail_engine))

        with pytest.raises(StorageError, match="the server has no connection left"):
            read_ten_times_at_once()
    add(frail_engine, 2)


def test_open_with_a_wrong_password_says_so_and_hides_it(server):
    with pytest.raises(StorageError, match="does not let this user in; check user and password") as caught:
        open_database(server.url("postgres", login="ada:not-this-one"))
    assert "not-this-one" not in str(caught.value)


def test_open_with_the_right_password_gets_in(server):
    with pytest.raises(StorageError, match="may not create or change its tables; make the user the owner"):
        open_database(server.url("postgres", login="ada:open-sesame"))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ada:open-sesame@127.0.0.1:1/specs",
        "postgresql://ada:open-sesame@no-such-host.invalid/specs",
        "postgresql://ada:open-sesame@/specs?host=/nowhere",
    ],
)
def test_open_where_no_server_answers_says_so_and_hides_the_password(url):
    with pytest.raises(StorageError, match="the server cannot be reached; check that it runs") as caught:
        open_database(url)
    assert "open-sesame" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("postgresql+psycopg://ada:open-sesame@host/specs", "driver 'postgresql.psycopg' is not supported"),
        ("postgresql://ada:open-sesame@host/specs?sslmode=maybe", "sslmode is disable.*got 'maybe'"),
        (
            "postgresql://host/specs?user=ada&password=open-sesame",
            "options host and sslmode; got password, us",
        ),
        ("postgresql://ada:open-sesame@host:port/specs", "is not a database URL"),
        ("postgresql:/ada:open-sesame@host/specs", "is not a database URL"),
    ],
)
def test_open_a_server_url_that_will_not_do_says_why_and_hides_the_password(url, sentence):
    with pytest.raises(InvalidRecordError, match=sentence) as caught:
        open_database(url)
    assert "open-sesame" not in str(caught.value)


def test_open_a_database_that_is_not_on_the_server_says_so(server):
    with pytest.raises(StorageError, match="no such database on the server; create it with createdb"):
        open_database(server.url("nowhere"))


def test_open_a_database_that_does_not_hold_every_character_says_so(server):
    server.administer("CREATE DATABASE narrow OWNER specs ENCODING LATIN1 LOCALE 'C' TEMPLATE template0")
    with pytest.raises(StorageError, match="stores text as LATIN1; create one with createdb --encoding UTF8"):
        open_database(server.url("narrow"))


@only_postgresql
def test_open_a_database_of_a_newer_version_on_a_server_writes_nothing(new_url, server):
    open_database(new_url).dispose()
    name = new_url.split("@/")[1].split("?")[0]
    server.administer("UPDATE alembic_version SET version_num = '9999'", database=name)
    with pytest.raises(NewerDatabaseError, match=r"version 9999.*update the program"):
        open_database(new_url)
    (row,) = server.administer("SELECT version_num FROM alembic_version", database=name)
    assert row.version_num == "9999"


@only_postgresql
def test_open_a_database_of_another_program_on_a_server_writes_nothing(new_url, server):
    name = new_url.split("@/")[1].split("?")[0]
    server.administer("CREATE TABLE albums (id INTEGER)", database=name)
    with pytest.raises(StorageError, match="belongs to another program, with tables such as 'albums'"):
        open_database(new_url)
    tables = server.administer("SELECT tablename FROM pg_tables WHERE schemaname = 'public'", database=name)
    assert [row.tablename for row in tables] == ["albums"]


@only_postgresql
def test_open_a_server_by_many_at_once_migrates_once(new_url):
    errors, gate = [], threading.Barrier(4)

    def start() -> None:
        gate.wait()
        try:
            open_database(new_url).dispose()
        except Exception as error:  # noqa: BLE001 (told to the test)
            errors.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert errors == []


@only_postgresql
def test_read_only_transaction_on_a_server_refuses_to_write_and_the_next_one_writes(engine):
    with pytest.raises(StorageError, match="the server takes no writes"), reading(engine) as connection:
        connection.execute(images.delete())
    add(engine, 1)
    assert images_in(engine) == 1


def test_pool_that_is_in_use_says_that_there_are_too_many_requests(database_url, monkeypatch):
    monkeypatch.setattr("annotations.engine.POOL_TIMEOUT_SECONDS", 0.05)
    engine = open_database(database_url)
    with ExitStack() as stack:
        for _ in range(15):
            stack.enter_context(reading(engine))
        with pytest.raises(StorageError, match="too many requests at once; try again"):
            add(engine, 1)
    add(engine, 1)
    assert images_in(engine) == 1
    engine.dispose()
