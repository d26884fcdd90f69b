"""Time the bootstrap over images against resamples that are laid out item by item and given to scipy.

Both versions run in turn on the same items and the same draws, so that whatever else the machine does falls
on both alike; on the resamples that scipy gets too, the values must be the same. Scipy gets a few resamples
only, and its time is multiplied. Human scores are whole numbers from 1 to 5, or continuous with
`--continuous`, which is the harder case for Kendall. The last figure is for all that `correlate_levels`
computes, pairwise accuracy included.

    python benchmarks/correlation_speed.py [--items 5000] [--images 1667] [--resamples 10000] [--json]
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np
from scipy import stats

from annotations.correlation_levels import correlate_levels
from annotations.resampled import resampled_kendall_b, resampled_pearson, resampled_spearman
from annotations.resampling import all_draws

MEASURES = {
    "pearson_r": (resampled_pearson, stats.pearsonr),
    "spearman_rho": (resampled_spearman, stats.spearmanr),
    "kendall_tau_b": (resampled_kendall_b, stats.kendalltau),
}


def main() -> None:
    """Print for each coefficient the seconds of both, wall clock and processor, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=5000)
    parser.add_argument("--images", type=int, default=1667)
    parser.add_argument("--resamples", type=int, default=10_000)
    parser.add_argument("--scipy-resamples", type=int, default=100)
    parser.add_argument("--continuous", action="store_true")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    generator = np.random.default_rng(0)
    quality = generator.normal(size=args.items)
    human = quality if args.continuous else np.clip(np.round(3 + quality), 1, 5)
    metric = quality + generator.normal(size=args.items)
    cluster = np.arange(args.items) * args.images // args.items
    draws = all_draws(args.images, n_resamples=args.resamples, seed=0)
    report: dict[str, float] = {"items": args.items, "images": args.images, "resamples": args.resamples}
    for name, (ours, theirs) in MEASURES.items():
        begun, processor = time.perf_counter(), time.process_time()
        values = ours(human, metric, draws, cluster)
        seconds, processor = time.perf_counter() - begun, time.process_time() - processor
        begun = time.perf_counter()
        for row in range(args.scipy_resamples):
            items = np.repeat(np.arange(args.items), draws[row, cluster])
            expected = theirs(human[items], metric[items]).statistic
            if abs(values[row] - expected) > 1e-9:
                raise SystemExit(f"{name} of resample {row} is {values[row]}; scipy says {expected}")
        plain = (time.perf_counter() - begun) * args.resamples / args.scipy_resamples
        report[f"{name}_seconds"] = round(seconds, 2)
        report[f"{name}_processor_seconds"] = round(processor, 2)
        report[f"{name}_scipy_seconds"] = round(plain, 2)
        report[f"{name}_ratio"] = round(plain / seconds, 1)
    del draws
    begun, processor = time.perf_counter(), time.process_time()
    correlate_levels(human, metric, groups=list(cluster), n_resamples=args.resamples)
    report["all_levels_seconds"] = round(time.perf_counter() - begun, 2)
    report["all_levels_processor_seconds"] = round(time.process_time() - processor, 2)
    print(
        json.dumps(report) if args.json else "\n".join(f"{name:34} {value}" for name, value in report.items())
    )


if __name__ == "__main__":
    main()
