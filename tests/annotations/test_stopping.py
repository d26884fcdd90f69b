"""Work that nobody waits for any more ends at its next block."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from annotations.agreement import krippendorff_alpha
from annotations.analysis.dips import dip_part
from annotations.analysis.table import UnitTable
from annotations.concordance import concordance
from annotations.correlation_levels import correlate_metrics
from annotations.leave_one_out import leave_one_out
from annotations.permutation import permutation_test
from annotations.resampling import all_draws
from annotations.stopping import Stopped, end_if_over, stopped_when

RNG = np.random.default_rng(5)
N = 120
HUMAN, METRIC, OTHER = (RNG.normal(size=N) for _ in range(3))
IMAGES = [f"image {row // 3}" for row in range(N)]
DRAWS = all_draws(40, n_resamples=20, seed=1)


def concordances(step: int) -> object:
    few = slice(None, None, step)
    return concordance(HUMAN[few], METRIC[few], DRAWS, np.arange(N)[few] // 3)


def dips() -> UnitTable:
    none: tuple[int, ...] = (0,)
    return UnitTable(
        item=np.arange(N),
        image=tuple(IMAGES),
        start=np.zeros(N, dtype=np.int64),
        end=np.ones(N, dtype=np.int64),
        delta=METRIC,
        verdicts=tuple(("hallucinated",) if value < 0 else ("supported",) for value in HUMAN),
        raters=(none,) * N,
        n_stale=0,
    )


WORK: dict[str, Callable[[], object]] = {
    "alpha": lambda: krippendorff_alpha(
        list(range(N)) * 2,
        ["a"] * N + ["b"] * N,
        np.concatenate([HUMAN, METRIC]).tolist(),
        groups=IMAGES * 2,
        level="interval",
    ),
    "ceiling": lambda: leave_one_out(
        list(range(N)) * 2,
        ["a"] * N + ["b"] * N,
        [1, 2, 3] * (2 * N // 3),
        groups=IMAGES * 2,
        level="ordinal",
    ),
    "dips": lambda: dip_part(dips()),
    "levels": lambda: correlate_metrics(HUMAN, {"m": METRIC}, groups=IMAGES, n_resamples=50),
    "pairs": lambda: concordances(1),
    "permutations": lambda: permutation_test(HUMAN, METRIC, OTHER, groups=IMAGES, n_permutations=500),
}


@pytest.mark.parametrize("name", WORK)
def test_work_ends_once_nobody_waits(name: str) -> None:
    with stopped_when(lambda: True), pytest.raises(Stopped):
        WORK[name]()


@pytest.mark.parametrize("name", WORK)
def test_work_that_somebody_waits_for_is_done(name: str) -> None:
    with stopped_when(lambda: False):
        assert WORK[name]() is not None


def test_permutations_end_in_the_middle() -> None:
    asked: list[int] = []

    def is_over() -> bool:
        asked.append(1)
        return len(asked) > 4

    alike = HUMAN + 0.1 * METRIC
    with stopped_when(is_over), pytest.raises(Stopped):
        permutation_test(HUMAN, alike, OTHER, groups=IMAGES, level="per_image", n_permutations=5000)
    assert len(asked) == 5


def test_nothing_ends_outside() -> None:
    with stopped_when(lambda: True):
        pass
    end_if_over()
    test = permutation_test(HUMAN, METRIC, OTHER, groups=IMAGES, n_permutations=50)
    assert not math.isnan(test.p)
