"""Backups of the running app: in their thread, at its end, and before its start."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from annotations.backup import Backups, snapshot
from annotations.backup_folder import BackupFolder
from annotations.engine import open_database, writing
from annotations.errors import InvalidRecordError, StorageError
from annotations.raters import ensure_rater
from annotations.snapshots import read_snapshot
from app.backups import BackupThread, backup_report, open_backups
from app.context import open_context
from app.settings import Settings

REPOSITORY = Path(__file__).resolve().parents[2]
START_SECONDS = 300  # for a busy machine


@pytest.fixture
def engine(tmp_path: Path, with_database: Callable[[Path], Path]) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{with_database(tmp_path) / 'specs.sqlite3'}")
    yield engine
    engine.dispose()


def add_rater(engine: Engine, name: str) -> None:
    with writing(engine) as connection:
        ensure_rater(connection, name)


def wait_until(condition) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_thread_takes_a_snapshot_at_once_every_few_minutes_and_at_the_end(engine, tmp_path) -> None:
    place = BackupFolder(tmp_path / "backups")
    add_rater(engine, "Ada")
    with BackupThread(Backups(engine, place), seconds=0.05):
        wait_until(lambda: len(place.names()) == 1)
        add_rater(engine, "Grace")
        wait_until(lambda: len(place.names()) == 2)
    with BackupThread(Backups(engine, place), seconds=3_600) as thread:
        wait_until(lambda: thread.status().last_checked_at is not None)
        add_rater(engine, "Katherine")
        assert len(place.names()) == 2
    newest = place.folder / place.names()[-1]
    assert read_snapshot(newest).rows["raters"] == 3


def test_end_waits_for_the_snapshot_that_is_being_taken(engine, tmp_path) -> None:
    class SlowFolder(BackupFolder):
        def put(self, file: Path, name: str) -> None:
            started.set()
            time.sleep(0.3)
            super().put(file, name)

    started = threading.Event()
    place = SlowFolder(tmp_path / "backups")
    add_rater(engine, "Ada")
    thread = BackupThread(Backups(engine, place), seconds=3_600)
    thread.start()
    assert started.wait(60)
    add_rater(engine, "Grace")
    thread.stop()
    assert [read_snapshot(place.folder / name).rows["raters"] for name in place.names()] == [1, 2]


def test_thread_goes_on_after_a_failure(engine, tmp_path, caplog) -> None:
    blocked = tmp_path / "backups"
    blocked.write_text("a file where the folder should be")
    add_rater(engine, "Ada")
    with BackupThread(Backups(engine, BackupFolder(blocked)), seconds=0.05) as thread:
        wait_until(lambda: thread.status().last_error is not None)
        assert backup_report(thread) == {"status": "failing", "last_saved_at": None}
        assert "no backup was made: cannot " in caplog.text
        blocked.unlink()
        wait_until(lambda: thread.status().last_error is None)
    assert len(BackupFolder(blocked).names()) == 1
    said = backup_report(thread)
    assert said["status"] == "ok"
    assert said["last_saved_at"] == thread.status().last_saved_at.isoformat()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_thread_that_has_died_is_not_reported_as_fine(engine, tmp_path, monkeypatch) -> None:
    backups = Backups(engine, BackupFolder(tmp_path / "backups"))
    thread = BackupThread(backups, seconds=3_600)
    assert backup_report(thread)["status"] == "ok"
    monkeypatch.setattr(backups, "save", lambda: 1 / 0)
    thread.start()
    wait_until(lambda: backup_report(thread)["status"] == "failing")


def test_backups_by_default_go_into_the_data_folder_every_five_minutes(tmp_path, engine, monkeypatch) -> None:
    for name in list(os.environ):
        if name.startswith("SPECS_"):
            monkeypatch.delenv(name)
    settings = Settings(data=tmp_path)
    assert settings.backup_place == str(tmp_path / "backups")
    assert (settings.backup_minutes, settings.backup_keep) == (5, 24)
    monkeypatch.setenv("SPECS_BACKUP", "")
    assert Settings(data=tmp_path).backup_place == str(tmp_path / "backups")
    thread = open_backups(settings, engine)
    assert thread is not None
    assert thread.status().place == str(tmp_path / "backups")


def test_backups_that_are_switched_off_are_none(tmp_path, engine) -> None:
    assert open_backups(Settings(data=tmp_path, backup_minutes=0), engine) is None
    assert backup_report(None) == {"status": "off"}


def test_place_of_backups_that_is_none_is_told(tmp_path, engine) -> None:
    with pytest.raises(InvalidRecordError, match="no place for backups"):
        open_backups(Settings(data=tmp_path, backup="hf://ratings"), engine)


def test_context_of_an_empty_database_beside_a_snapshot_is_refused(tmp_path, engine) -> None:
    add_rater(engine, "Ada")
    snapshot(engine, tmp_path / "new" / "backups")
    with pytest.raises(StorageError, match=r"is empty while the backup specs-.* specs-ratings restore"):
        open_context(Settings(data=tmp_path / "new"))


# A server that is really started


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return {name: value for name, value in os.environ.items() if not name.startswith("SPECS_")} | {
        "SPECS_PORT": str(port),
        "SPECS_DATA": str(tmp_path / "data"),
        "SPECS_OPEN_BROWSER": "false",
        "GRADIO_TEMP_DIR": str(tmp_path / "uploads"),
        "HF_ENDPOINT": "http://127.0.0.1:9",
        "OMP_NUM_THREADS": "1",
    }


def start(environment: dict[str, str], log: Path) -> "subprocess.Popen[bytes]":
    with log.open("wb") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "app"],
            cwd=REPOSITORY,
            env=environment,
            stdout=out,
            stderr=subprocess.STDOUT,
        )


def health(environment: dict[str, str]) -> dict | None:
    try:
        address = f"http://127.0.0.1:{environment['SPECS_PORT']}/healthz"
        with urllib.request.urlopen(address, timeout=5) as answer:
            return json.load(answer)
    except (urllib.error.URLError, TimeoutError):
        return None


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_server_that_is_stopped_leaves_a_snapshot_with_the_last_rating(tmp_path, environment, number) -> None:
    log = tmp_path / "server.log"
    process = start(environment, log)
    try:
        deadline = time.monotonic() + START_SECONDS
        while (said := health(environment)) is None:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.2)
        # There is one already: of the account that the first start makes.
        assert said["backup"]["status"] == "ok"
        data = Path(environment["SPECS_DATA"])
        engine = open_database(f"sqlite:///{data / 'specs.sqlite3'}", must_exist=True)
        add_rater(engine, "saved a moment before the end")
        engine.dispose()
        # Pages hold such a connection open, which must not keep the last backup from being made.
        port = int(environment["SPECS_PORT"])
        with socket.create_connection(("127.0.0.1", port)) as page:
            page.sendall(b"GET /gradio_api/heartbeat/abc HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert page.recv(100).startswith(b"HTTP/1.1 200")
            process.send_signal(number)
            process.wait(60)
    finally:
        process.kill()
        process.wait()
    name = max(os.listdir(data / "backups"))
    assert read_snapshot(data / "backups" / name).rows["raters"] == 2
    assert "Traceback" not in log.read_text()
    assert process.returncode == 0
    # The disk of a host is gone after a restart, and the backups lie elsewhere.
    for path in data.glob("specs.sqlite3*"):
        path.unlink()
    refused = subprocess.run(
        [sys.executable, "-m", "app"], cwd=REPOSITORY, env=environment, capture_output=True, text=True
    )
    assert refused.returncode == 2
    assert f"specs-lens: the database sqlite:///{data / 'specs.sqlite3'} is empty while" in refused.stderr
    command = refused.stderr.split("restore it with: ")[1].split("   (or")[0].split()
    code = "import sys; from annotations.cli import main; sys.exit(main(sys.argv[1:]))"
    subprocess.run([sys.executable, "-c", code, *command[1:]], cwd=REPOSITORY, env=environment, check=True)
    assert read_snapshot_of(data / "specs.sqlite3") == {"admin", "saved a moment before the end"}


def read_snapshot_of(path: Path) -> set[str]:
    engine = open_database(f"sqlite:///{path}", must_exist=True)
    with engine.connect() as connection:
        names = {name for (name,) in connection.exec_driver_sql("SELECT name FROM raters")}
    engine.dispose()
    return names
