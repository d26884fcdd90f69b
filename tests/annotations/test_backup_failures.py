"""Backups that fail: one sentence, nothing half-done left that counts, and no older snapshot lost."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from annotations import backup, backup_folder, snapshots
from annotations.backup import Backups, snapshot
from annotations.backup_folder import BackupFolder, taken_at
from annotations.errors import StorageError
from annotations.snapshots import export_snapshot


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def full_disk(_descriptor: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_export_that_fails_leaves_an_older_file_and_nothing_else(tmp_path, engine, make_item, monkeypatch):
    make_item()
    path = tmp_path / "out" / "one.sqlite3"
    path.parent.mkdir()
    export_snapshot(engine, path)
    before = path.read_bytes()
    make_item()
    monkeypatch.setattr(snapshots.os, "fsync", full_disk)
    with pytest.raises(StorageError, match=r"cannot write the snapshot .*one\.sqlite3: No space left"):
        export_snapshot(engine, path)
    assert path.read_bytes() == before
    assert files(path.parent) == ["one.sqlite3"]


def test_full_disk_is_one_sentence_and_leaves_older_snapshots(tmp_path, engine, make_item, monkeypatch):
    folder = tmp_path / "backups"
    backups = Backups(engine, BackupFolder(folder), keep=1, days=0)
    make_item()
    first = backups.save()
    good = backups.status()
    make_item()
    with monkeypatch.context() as broken:
        # The export beside the database still works: another disk.
        broken.setattr(backup, "export_snapshot", lambda engine, path: export_with_room(engine, path, broken))
        with pytest.raises(StorageError, match=f"cannot write a backup to {folder}: No space left") as raised:
            backups.save()
    assert "\n" not in str(raised.value)
    assert files(folder) == [first]
    assert backups.status().last_error == str(raised.value)
    assert backups.status().last_saved_at == good.last_saved_at == taken_at(first)
    second = backups.save()
    assert files(folder) == [second]
    assert backups.status().last_error is None


def export_with_room(engine, path, broken):
    export_snapshot(engine, path)
    broken.setattr(backup_folder.os, "fsync", full_disk)


def test_full_disk_under_the_copy_itself_is_one_sentence(tmp_path, database_url, engine, make_item):
    """A limit on the size of files, which only another process can have, is as good as a full disk."""
    for _ in range(40):
        make_item()
    folder = tmp_path / "backups"
    first = snapshot(engine, folder)
    make_item()
    code = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from annotations.backup import snapshot\n"
        "from annotations.engine import open_database\n"
        "engine = open_database(sys.argv[1])\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))\n"
        "try:\n"
        "    snapshot(engine, Path(sys.argv[2]))\n"
        "except OSError as error:\n"
        "    print(type(error).__name__, error)\n"
    )
    if engine.dialect.name == "sqlite":
        sentence = "StorageError cannot write the snapshot "
    else:
        sentence = "StorageError cannot use "
    answer = subprocess.run(
        [sys.executable, "-c", code, database_url, str(folder)], capture_output=True, text=True, check=True
    )
    assert answer.stdout.startswith(sentence)
    assert len(answer.stdout.splitlines()) == 1
    assert files(folder) == [first.name]


def test_folder_that_cannot_be_made_is_one_sentence(tmp_path, engine, make_item):
    make_item()
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StorageError, match=r"cannot .* .*file.*: Not a directory; .*SPECS_BACKUP"):
        snapshot(engine, tmp_path / "file" / "backups")


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_read_only_folder_is_one_sentence_and_keeps_what_it_has(tmp_path, engine, make_item):
    folder = tmp_path / "backups"
    make_item()
    first = snapshot(engine, folder)
    make_item()
    folder.chmod(0o500)
    try:
        with pytest.raises(StorageError, match=f"cannot write a backup to {folder}: Permission denied"):
            snapshot(engine, folder)
    finally:
        folder.chmod(0o700)
    assert files(folder) == [first.name]


def test_copy_that_does_not_read_back_the_same_is_not_kept(tmp_path, engine, make_item, monkeypatch):
    make_item()
    folder = tmp_path / "backups"

    def lose_the_end(source, target):
        target.write(source.read()[:-100])

    monkeypatch.setattr(backup_folder.shutil, "copyfileobj", lose_the_end)
    with pytest.raises(StorageError, match="other bytes than were written"):
        snapshot(engine, folder)
    assert files(folder) == []


def test_process_killed_in_the_middle_leaves_nothing_that_counts(tmp_path, database_url, engine, make_item):
    folder = tmp_path / "backups"
    make_item()
    first = snapshot(engine, folder)
    make_item()
    code = (
        "import os, sys, time\n"
        "from pathlib import Path\n"
        "from annotations import backup_folder\n"
        "from annotations.backup import snapshot\n"
        "from annotations.engine import open_database\n"
        "def hang(descriptor):\n"
        "    print('writing', flush=True)\n"
        "    time.sleep(600)\n"
        "engine = open_database(sys.argv[1])\n"
        "copied = backup_folder.shutil.copyfileobj\n"
        "def copy(source, target):\n"
        "    copied(source, target)\n"
        "    target.flush()\n"
        "    hang(0)\n"
        "backup_folder.shutil.copyfileobj = copy\n"
        "snapshot(engine, Path(sys.argv[2]))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, database_url, str(folder)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline() == "writing\n"
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    left = [name for name in files(folder) if name != first.name]
    assert len(left) == 1, "this test has to leave an unfinished file behind"
    assert left[0].endswith(".part")
    assert BackupFolder(folder).names() == [first.name]
    second = snapshot(engine, folder)
    assert files(folder) == [left[0], first.name, second.name], "a fresh one may be another process's"
    for stale in [folder / left[0], *tmp_path.glob(".specs-work-*")]:
        os.utime(stale, (time.time() - 7_200,) * 2)
    make_item()
    third = snapshot(engine, folder)
    assert files(folder) == [first.name, second.name, third.name]
    assert list(tmp_path.glob(".specs-work-*")) == []
