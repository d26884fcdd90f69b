"""Long work that tells how far it is."""

import threading
import time

import pytest

from app.reporting import Outcome, Report, Step, in_steps


def test_steps_come_before_the_outcome_and_not_too_many() -> None:
    def work(report: Report) -> str:
        for done in range(1, 101):
            report(done, 100)
        return "done"

    came = list(in_steps(work))
    assert came[-1] == Outcome("done")
    steps = came[:-1]
    assert 1 <= len(steps) < 20
    assert all(isinstance(step, Step) for step in steps)


def test_an_error_of_the_work_is_raised_where_one_listens() -> None:
    def work(report: Report) -> None:
        raise ValueError("no such unit")

    with pytest.raises(ValueError, match="no such unit"):
        list(in_steps(work))


def test_work_that_nobody_listens_to_ends_at_its_next_report() -> None:
    ended = threading.Event()

    def work(report: Report) -> None:
        try:
            for done in range(10_000):
                report(done, 10_000)
                time.sleep(0.01)
        finally:
            ended.set()

    steps = in_steps(work)
    next(steps)
    steps.close()
    assert ended.wait(5)
