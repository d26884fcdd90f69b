"""Backups while the app runs: every few minutes in a thread of their own, and a last one when it stops."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from annotations.backup import Backups, refuse_if_newer_snapshot
from annotations.backup_folder import open_place

if TYPE_CHECKING:
    from types import TracebackType

    from sqlalchemy import Engine

    from annotations.backup import BackupStatus
    from app.settings import Settings


class BackupThread:
    """Backs the database up from ``start`` (or the beginning of a ``with`` block) until ``stop`` (its end).

    A backup that fails is logged in one sentence and tried again the next time; the app goes on.

    Args:
        backups: What takes the snapshots.
        seconds: Between two of them.
    """

    def __init__(self, backups: Backups, *, seconds: float) -> None:
        self._backups = backups
        self._seconds = seconds
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="backups", daemon=True)

    def start(self) -> None:
        """Take a snapshot now, in the background, and one every few minutes."""
        self._thread.start()

    def stop(self) -> None:
        """Wait for the snapshot that is being taken, if any, and take a last one."""
        self._stopped.set()
        self._thread.join()
        self._backups.try_to_save()

    def status(self) -> BackupStatus:
        """Return how the backups are doing."""
        status = self._backups.status()
        if self._thread.ident is not None and not self._thread.is_alive() and not self._stopped.is_set():
            # By a fault of the program, of which the log has the traceback.
            return replace(status, last_error="backups have stopped; start the app again")
        return status

    def __enter__(self) -> BackupThread:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self) -> None:
        while True:
            self._backups.try_to_save()
            if self._stopped.wait(self._seconds):
                return


def open_backups(settings: Settings, engine: Engine) -> BackupThread | None:
    """Return what backs a database up, None where the settings want no backups.

    Args:
        settings: Of the app.
        engine: Of the database, to which the app has not written anything yet.

    Raises:
        annotations.errors.AnnotationError: If the setting names no place, or the database is empty while a
            snapshot is not.
    """
    if not settings.backup_minutes:
        return None
    place = open_place(settings.backup_place)
    refuse_if_newer_snapshot(engine, place)
    backups = Backups(engine, place, keep=settings.backup_keep)
    return BackupThread(backups, seconds=60 * settings.backup_minutes)


def backup_report(backups: BackupThread | None) -> dict[str, Any]:
    """Return what the health check tells of the backups, which anybody may read: no path and no address.

    Args:
        backups: Of the running app.
    """
    if backups is None:
        return {"status": "off"}
    status = backups.status()
    return {
        "status": "ok" if status.last_error is None else "failing",
        "last_saved_at": None if status.last_saved_at is None else status.last_saved_at.isoformat(),
    }
