"""Work that nobody waits for any more: whoever began it says when that is, and it ends at its next block."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

_IS_OVER: Final[ContextVar[Callable[[], bool] | None]] = ContextVar("is_over", default=None)


class Stopped(Exception):
    """Nobody waits for this any more. No error of the package, so that nobody is told of one."""


@contextmanager
def stopped_when(is_over: Callable[[], bool]) -> Iterator[None]:
    """Let what is worked out inside end early.

    Args:
        is_over: Asked between blocks of resamples and of permutations, so it must be quick.

    Raises:
        Stopped: Out of the work itself, once `is_over` says so.
    """
    token = _IS_OVER.set(is_over)
    try:
        yield
    finally:
        _IS_OVER.reset(token)


def end_if_over() -> None:
    """End the work that calls this where nobody waits for it any more.

    Raises:
        Stopped: If that is so.
    """
    is_over = _IS_OVER.get()
    if is_over is not None and is_over():
        raise Stopped
