"""What was worked out once and is kept for a while: the last few results, each made by one thread only."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar, cast

_Value = TypeVar("_Value")


class Kept:
    """The results that were asked for last.

    Args:
        capacity: How many, at least 1; the one that was asked for longest ago goes first.

    Raises:
        ValueError: Fewer than one.
    """

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"at least one result has to be kept; got {capacity}")
        self._capacity = capacity
        self._lock = threading.Lock()
        self._made: OrderedDict[Hashable, Any] = OrderedDict()
        self._making: dict[Hashable, threading.Lock] = {}

    def __len__(self) -> int:
        """Return how many results are kept."""
        return len(self._made)

    def once(self, key: Hashable, make: Callable[[], _Value]) -> _Value:
        """Return a result, and make it where it is not kept.

        Whoever asks while it is being made waits for it. Where making it fails nothing is kept, and the next
        one tries again.

        Args:
            key: What the result depends on.
            make: Makes it.
        """
        with self._lock:
            if key in self._made:
                self._made.move_to_end(key)
                return cast("_Value", self._made[key])
            turn = self._making.setdefault(key, threading.Lock())
        with turn:
            with self._lock:
                if key in self._made:
                    return cast("_Value", self._made[key])
            try:
                value = make()
                with self._lock:
                    self._made[key] = value
                    while len(self._made) > self._capacity:
                        self._made.popitem(last=False)
            finally:
                with self._lock:
                    self._making.pop(key, None)
        return value
