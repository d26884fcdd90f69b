"""Time the report of an analysis, step by step, on drawn data: three captions an image, three raters each.

Every caption has five judged units, and every image one battle. Elapsed seconds say little while other work
goes on, so processor seconds stand beside them.

    python benchmarks/analysis_report.py [--items 5000] [--metrics 8] [--resamples N] [--json]
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from itertools import pairwise

import numpy as np

from annotations.analysis.report import MOST_FOR_EVERYTHING, Origin, ReportOptions, default_draws
from annotations.analysis.report_files import make_report
from annotations.analysis.table import AnalysisTable, Answers, BattleTable, UnitTable

CAPTIONS, RATERS, UNITS = 3, 3, 5


def draw(n: int, n_metrics: int) -> tuple[AnalysisTable, UnitTable, BattleTable]:
    """Draw captions, ratings, verdicts and battles."""
    random = np.random.default_rng(0)
    quality = random.normal(size=n)
    item, rater = np.repeat(np.arange(n), RATERS), np.tile(np.arange(RATERS), n)
    said = np.clip(np.round(3 + quality[item] + 0.6 * random.normal(size=len(item))), 1, 5)
    lengths = random.integers(10, 160, n).astype(float)
    names = ["specs", *(f"metric_{number}" for number in range(2, n_metrics - 1))]
    metrics = {name: quality + (1 + at) * random.normal(size=n) for at, name in enumerate(names)}
    metrics |= {"length_tokens": lengths, "random": random.random(n)}
    table = AnalysisTable(
        items=tuple(f"item-{row}" for row in range(n)),
        images=tuple(f"image-{row // CAPTIONS}" for row in range(n)),
        captions=("A caption of some length, as long as captions are.",) * n,
        systems=tuple("abc"[row % CAPTIONS] for row in range(n)),
        campaigns=("pilot",) * n,
        lengths=lengths,
        weights=np.ones(n),
        metrics=metrics,
        provenance={},
        raters=tuple(f"rater-{number}" for number in range(RATERS)),
        names=tuple(f"Rater {number}" for number in range(RATERS)),
        answers={"overall": Answers(1.0, 5.0, item, rater, said)},
        n_ratings=len(item),
        n_blind=len(item),
        models=(),
        model=None,
        left_out={},
    )
    of = np.repeat(np.arange(n), UNITS)
    false = random.random(len(of)) < 0.2
    units = UnitTable(
        item=of,
        image=tuple(table.images[row] for row in of.tolist()),
        start=np.tile(np.arange(UNITS), n),
        end=np.tile(np.arange(UNITS) + 1, n),
        delta=np.where(false, -0.01, 0.01) + 0.02 * random.normal(size=len(of)),
        verdicts=tuple((("hallucinated",) if each else ("supported",)) * RATERS for each in false.tolist()),
        raters=(tuple(range(RATERS)),) * len(of),
        n_stale=0,
    )
    first = np.arange(0, n - 1, CAPTIONS)
    battles = BattleTable(
        image=tuple(table.images[row] for row in first),
        first=tuple(table.items[row] for row in first),
        second=tuple(table.items[row + 1] for row in first),
        first_system=("a",) * len(first),
        second_system=("b",) * len(first),
        winner=tuple(random.choice(["a", "b", "tie"], len(first)).tolist()),
        both_poor=(False,) * len(first),
        rater=("rater-0",) * len(first),
        first_scores={name: scores[first] for name, scores in metrics.items()},
        second_scores={name: scores[first + 1] for name, scores in metrics.items()},
    )
    return table, units, battles


def main() -> None:
    """Print elapsed and processor seconds of every step, megabytes of the files, and the largest memory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=5000)
    parser.add_argument("--metrics", type=int, default=8, help="two sentinels among them")
    parser.add_argument("--resamples", type=int, help="default: as the command chooses")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    table, units, battles = draw(args.items, args.metrics)
    n_draws = default_draws(args.items) if args.resamples is None else args.resamples
    marks: list[tuple[str, float, float]] = []
    texts = make_report(
        table,
        units,
        battles,
        origin=Origin("drawn"),
        options=ReportOptions(n_resamples=n_draws, n_permutations=n_draws),
        tell=lambda step: marks.append((step, time.perf_counter(), time.process_time())),
    )
    marks.append(("end", time.perf_counter(), time.process_time()))
    steps = {
        name: {"seconds": round(after[1] - begun, 1), "processor": round(after[2] - used, 1)}
        for (name, begun, used), after in pairwise(marks)
    }
    report = {
        "items": args.items,
        "ratings": table.n_ratings,
        "metrics": len(table.metrics),
        "draws": n_draws,
        "every_interval": args.items <= MOST_FOR_EVERYTHING,
        "steps": steps,
        "seconds": round(marks[-1][1] - marks[0][1], 1),
        "processor": round(marks[-1][2] - marks[0][2], 1),
        "megabytes": {
            name: round(len(getattr(texts, name).encode()) / 1e6, 2) for name in ("html", "json", "csv")
        },
        "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    print(
        json.dumps(report) if args.json else "\n".join(f"{name}: {value}" for name, value in report.items())
    )


if __name__ == "__main__":
    main()
