"""Results that are kept for a while: made once, by one thread, and forgotten in turn."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.kept import Kept


def test_result_asked_for_twice_is_made_once() -> None:
    kept, made = Kept(2), []

    results = [kept.once("a", lambda: made.append(1) or "value") for _ in range(2)]

    assert (results, made) == (["value", "value"], [1])


def test_result_asked_for_longest_ago_goes_first() -> None:
    kept, made = Kept(2), []
    for key in "abacb":
        kept.once(key, lambda key=key: made.append(key) or key)

    # "a" was asked for again before "c" came, so "b" went and had to be made anew.
    assert made == ["a", "b", "c", "b"]
    assert len(kept) == 2


def test_result_wanted_by_many_threads_is_made_by_one_while_the_others_wait() -> None:
    kept, made, started, may_end = Kept(2), [], threading.Event(), threading.Event()

    def make() -> str:
        made.append(1)
        started.set()
        assert may_end.wait(20)
        return "value"

    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(kept.once, "a", make) for _ in range(4)]
        assert started.wait(20)
        # Whoever wants something else does not wait.
        assert kept.once("b", lambda: "other") == "other"
        may_end.set()
        assert [one.result(20) for one in waiting] == ["value"] * 4
    assert made == [1]


def test_result_that_fails_is_not_kept_and_is_tried_again() -> None:
    kept = Kept(1)
    with pytest.raises(ValueError, match="no luck"):
        kept.once("a", lambda: (_ for _ in ()).throw(ValueError("no luck")))

    assert len(kept) == 0
    assert kept.once("a", lambda: "value") == "value"


def test_room_for_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="got 0"):
        Kept(0)
