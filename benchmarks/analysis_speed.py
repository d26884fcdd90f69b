"""Time the correlations of an analysis: the quick call that answers a click, and the one with intervals.

Eight metrics, four of them sentinels, three captions an image, three answers from 1 to 5 on each. "quick"
is every value but pairwise accuracy, without intervals and tests; the others are `correlations` as it stands,
with 2,000 resamples and permutation tests of every two metrics, sorted by kendall_tau_b at that level.
Processor seconds count all threads.

    python benchmarks/analysis_speed.py [--items 5000 33000] [--levels per_image pooled] [--json]
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np

from annotations.analysis.correlations import correlations
from annotations.analysis.table import SENTINELS, AnalysisTable, Answers, Provenance

LOADINGS = {"specs": 0.8, "clip": 0.6, "rouge_l": 0.3, "meteor": 0.3, **dict.fromkeys(SENTINELS, 0.0)}


def made_up(n_items: int) -> AnalysisTable:
    """Make a table of normal scores."""
    generator = np.random.default_rng(0)
    quality = generator.normal(size=n_items)
    item, rater = np.repeat(np.arange(n_items), 3), np.tile(np.arange(3), n_items)
    value = np.clip(np.round(3 + quality[item] + 0.7 * generator.normal(size=3 * n_items)), 1, 5)
    return AnalysisTable(
        items=tuple(f"item-{number}" for number in range(n_items)),
        images=tuple(f"image-{number // 3}" for number in range(n_items)),
        captions=("",) * n_items,
        systems=tuple(f"system-{number % 3}" for number in range(n_items)),
        campaigns=("",) * n_items,
        lengths=generator.integers(10, 150, n_items).astype(float),
        weights=np.ones(n_items),
        metrics={name: of * quality + 0.6 * generator.normal(size=n_items) for name, of in LOADINGS.items()},
        provenance={name: Provenance("", "") for name in LOADINGS},
        raters=("a", "b", "c"),
        names=("A", "B", "C"),
        answers={"overall": Answers(1, 5, item, rater, value)},
        n_ratings=3 * n_items,
        n_blind=3 * n_items,
        models=(),
        model=None,
        left_out={},
    )


def main() -> None:
    """Print for each size and call the seconds, wall clock and processor."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, nargs="+", default=[5000, 33_000])
    parser.add_argument("--levels", nargs="*", default=["per_image", "pooled"])
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    found = []
    for n_items in args.items:
        table = made_up(n_items)
        for call in ("quick", *args.levels):
            begun, processor = time.perf_counter(), time.process_time()
            correlations(
                table,
                question="overall",
                level="per_image" if call == "quick" else call,
                quick=call == "quick",
            )
            found.append(
                {
                    "items": n_items,
                    "call": call,
                    "seconds": round(time.perf_counter() - begun, 2),
                    "processor_seconds": round(time.process_time() - processor, 2),
                }
            )
            if not args.json:
                print(
                    "{items:>7,} items  {call:10} {seconds:8.2f} s  {processor_seconds:8.2f} s".format(
                        **found[-1]
                    )
                )
    if args.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
