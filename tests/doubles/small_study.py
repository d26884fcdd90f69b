"""A small study as tables: metrics, raters, verdicts and battles; small enough to be seen through."""

import math

import numpy as np

from annotations.analysis.table import (
    AnalysisTable,
    Answers,
    BattleTable,
    Provenance,
    UnitTable,
    Weights,
)

SHA256 = "a1" * 32
HOSTILE = "</script><script>alert('owned')</script><img src=x onerror=alert(1)>"
"""What somebody might put into a caption, or call a system."""

HOSTILE_SYSTEM = "<b>bold</b>&amp;"


def study(*, n_images: int = 40, hostile: bool = False, seed: int = 7) -> AnalysisTable:
    """A caption of each of two systems for every image, rated by three people."""
    random = np.random.default_rng(seed)
    n = 2 * n_images
    quality = random.normal(size=n)
    item, rater = np.repeat(np.arange(n), 3), np.tile(np.arange(3), n)
    said = np.clip(np.round(3 + quality[item] + 0.5 * random.normal(size=3 * n)), 1, 5)
    lengths = random.integers(12, 150, n).astype(float)
    specs = 0.6 + 0.1 * quality + 0.05 * random.normal(size=n)
    specs[5] = math.nan
    metrics = {
        "specs": specs,
        "clip": 0.3 + 0.05 * quality + 0.1 * random.normal(size=n),
        "length_tokens": lengths,
        "random": random.random(n),
    }
    systems = (HOSTILE_SYSTEM if hostile else "terse", "fluent")
    model = Weights("tiny", SHA256, n - 1)
    return AnalysisTable(
        items=tuple(f"item-{row}" for row in range(n)),
        images=tuple(f"image-{row // 2}" for row in range(n)),
        captions=tuple(HOSTILE if hostile else f"Caption {row}." for row in range(n)),
        systems=tuple(systems[row % 2] for row in range(n)),
        campaigns=("pilot",) * n,
        lengths=lengths,
        weights=np.ones(n),
        metrics=metrics,
        provenance={name: Provenance("tiny", SHA256) for name in ("specs", "clip")},
        raters=("r-ada", "r-bo", "r-cy"),
        names=("Ada Lovelace", "Bo", "Cy"),
        answers={"overall": Answers(1.0, 5.0, item, rater, said)},
        n_ratings=3 * n,
        n_blind=3 * n - 4,
        models=(model,),
        model=model,
        left_out={"ratings after the last day": 9},
    )


def study_units(table: AnalysisTable, *, seed: int = 8) -> UnitTable:
    """Four units a caption, all judged by two people; hallucinated ones dip more often."""
    random = np.random.default_rng(seed)
    n = 4 * len(table)
    item = np.repeat(np.arange(len(table)), 4)
    false = random.random(n) < 0.3
    delta = np.where(false, -0.02, 0.02) + 0.02 * random.normal(size=n)
    delta[::4] = math.nan
    word = np.where(false, "hallucinated", "supported").tolist()
    return UnitTable(
        item=item,
        image=tuple(table.images[row] for row in item.tolist()),
        start=np.tile(np.arange(4) * 10, len(table)),
        end=np.tile(np.arange(4) * 10 + 10, len(table)),
        delta=delta,
        verdicts=tuple((verdict, verdict) for verdict in word),
        raters=((0, 1),) * n,
        n_stale=2,
    )


def study_battles(table: AnalysisTable, *, seed: int = 9) -> BattleTable:
    """The two captions of every image against each other, judged by one person."""
    random = np.random.default_rng(seed)
    first, second = np.arange(0, len(table), 2), np.arange(1, len(table), 2)
    return BattleTable(
        image=tuple(table.images[row] for row in first),
        first=tuple(table.items[row] for row in first),
        second=tuple(table.items[row] for row in second),
        first_system=tuple(table.systems[row] for row in first),
        second_system=tuple(table.systems[row] for row in second),
        winner=tuple(random.choice(["a", "b", "tie"], len(first), p=[0.3, 0.6, 0.1]).tolist()),
        both_poor=(False,) * len(first),
        rater=("r-dan",) * len(first),
        first_scores={name: scores[first] for name, scores in table.metrics.items()},
        second_scores={name: scores[second] for name, scores in table.metrics.items()},
    )
