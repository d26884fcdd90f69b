"""Long work that tells how far it is while it runs."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
Report = Callable[[int, int], None]

# A page takes several answers a second without falling behind.
_EVERY_SECONDS = 0.2


@dataclass(frozen=True)
class Step:
    """How far the work is: ``done`` of ``total``."""

    done: int
    total: int


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """What came of the work."""

    value: T


class _NobodyListensError(Exception):
    """Ends the work of a visitor who has gone, or has asked for something else."""


def in_steps(work: Callable[[Report], T]) -> Iterator[Step | Outcome[T]]:
    """Run work in a thread, yielding how far it is and at last what came of it.

    Where the caller stops listening, the work ends at its next report.

    Args:
        work: Gets a function to report (done, total) to.

    Raises:
        Exception: Whatever the work raises.
    """
    waiting: queue.Queue[Step | Outcome[T] | BaseException] = queue.Queue()
    given_up = threading.Event()
    told = 0.0

    def report(done: int, total: int) -> None:
        nonlocal told
        if given_up.is_set():
            raise _NobodyListensError
        if time.monotonic() - told >= _EVERY_SECONDS:
            told = time.monotonic()
            waiting.put(Step(done, total))

    def run() -> None:
        try:
            waiting.put(Outcome(work(report)))
        except BaseException as error:  # noqa: BLE001 - handed on to whoever listens
            waiting.put(error)

    threading.Thread(target=run, name="evidence", daemon=True).start()
    try:
        while True:
            came = waiting.get()
            if isinstance(came, BaseException):
                raise came
            yield came
            if isinstance(came, Outcome):
                return
    finally:
        # Not waited for: a generator that is given up is closed on the server's event loop.
        given_up.set()
