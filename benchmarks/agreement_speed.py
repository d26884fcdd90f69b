"""Time Krippendorff's alpha against a slow plain version that compares every two ratings of an item.

Three raters rate each item from 1 to 5, three items an image. Both versions run on the same ratings, in
turn, so that whatever else the machine does falls on both alike; the values must be the same. With
`--resamples` ours computes an interval too; a plain loop would compute alpha once more for each resample,
so the time of its one computation is multiplied, which leaves out what drawing and copying the ratings
would take.

    python benchmarks/agreement_speed.py [--ratings 9999] [--resamples 0] [--rounds 3] [--json]
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import time
from collections import Counter

import numpy as np

from annotations.agreement import krippendorff_alpha

LEVELS = ("nominal", "ordinal", "interval")
Rows = list[tuple[int, int, int]]


def draw_ratings(count: int) -> Rows:
    """Draw ratings as (item, rater, value): the item's own value, off by at most one."""
    generator = np.random.default_rng(0)
    truth = generator.integers(1, 6, count // 3)
    noise = generator.integers(-1, 2, (count // 3, 3))
    values = np.clip(truth[:, None] + noise, 1, 5)
    return [(item, rater, int(values[item, rater])) for item in range(count // 3) for rater in range(3)]


def plain_alpha(rows: Rows, level: str) -> float:
    """Compare every two ratings of an item; expect by how often each two values occur."""
    units: dict[int, list[int]] = {}
    for item, _, value in rows:
        units.setdefault(item, []).append(value)
    units = {item: values for item, values in units.items() if len(values) > 1}
    occurs = Counter(value for values in units.values() for value in values)
    n = sum(occurs.values())

    def squared_difference(a: int, b: int) -> float:
        if level == "nominal":
            return float(a != b)
        if level == "interval":
            return float((a - b) ** 2)
        between = sum(occurs[value] for value in range(min(a, b), max(a, b) + 1))
        return (between - (occurs[a] + occurs[b]) / 2) ** 2 if a != b else 0.0

    observed = sum(
        squared_difference(a, b) / (len(values) - 1)
        for values in units.values()
        for a, b in itertools.permutations(values, 2)
    )
    expected = sum(
        occurs[a] * occurs[b] * squared_difference(a, b) for a, b in itertools.permutations(occurs, 2)
    )
    return 1 - (n - 1) * observed / expected


def main() -> None:
    """Print for each level the seconds of both, medians over the rounds, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ratings", type=int, default=9999)
    parser.add_argument("--resamples", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    rows = draw_ratings(args.ratings)
    items, raters, values = (list(column) for column in zip(*rows, strict=True))
    groups = [item // 3 for item in items]
    report: dict[str, float] = {"ratings": len(rows), "resamples": args.resamples}
    for level in LEVELS:
        plain_seconds, own_seconds = [], []
        for _ in range(args.rounds):
            begun = time.perf_counter()
            expected = plain_alpha(rows, level)
            between = time.perf_counter()
            result = krippendorff_alpha(
                items, raters, values, groups=groups, level=level, n_resamples=args.resamples
            )
            own_seconds.append(time.perf_counter() - between)
            plain_seconds.append((between - begun) * (1 + args.resamples))
            if abs(result.value - expected) > 1e-9:
                raise SystemExit(f"{level}: alpha is {result.value}, and {expected} in the plain version")
        ratios = [plain / own for plain, own in zip(plain_seconds, own_seconds, strict=True)]
        report[f"{level}_seconds"] = round(statistics.median(own_seconds), 3)
        report[f"{level}_plain_seconds"] = round(statistics.median(plain_seconds), 3)
        report[f"{level}_ratio"] = round(statistics.median(ratios), 1)
    print(
        json.dumps(report) if args.json else "\n".join(f"{name:24} {value}" for name, value in report.items())
    )


if __name__ == "__main__":
    main()
