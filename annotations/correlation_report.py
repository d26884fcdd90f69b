"""Everything that can be said of metrics and people from one table of scores, as data for JSON.

In comments: N rows or items.
"""

import dataclasses
import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, Final

import numpy as np

from annotations.correlation_levels import LevelTable, correlate_metrics
from annotations.errors import InvalidScoresError
from annotations.known_systems import correlate_known_systems, told_of_unknown
from annotations.length_effects import (
    BOUNDARY,
    Bucket,
    LengthValue,
    Recommendation,
    length_buckets,
    partial_correlations,
    weigh_recommendation,
)
from annotations.level_values import too_few
from annotations.metric_ranking import rank_metrics
from annotations.permutation import Swap, TestLevel
from annotations.resampled import Coefficient
from annotations.resampling import Counts, Floats, numbered
from annotations.williams import why_unsuited, williams_test

LEVELS: Final = {
    "pooled": "over all items together",
    "per_image": "mean of the values inside images; images where one side is constant are dropped",
    "per_image_zero": "the same mean, with 0 for images where one side is constant",
    "per_system": "mean of the values inside systems; systems where one side is constant are dropped",
    "per_system_zero": "the same mean, with 0 for systems where one side is constant",
    "between_systems": "over the systems' mean scores",
}
"""What each level means, by its name."""


@dataclass(frozen=True)
class Scores:
    """A table of scores, a row an item.

    Attributes:
        human: (N,) NaN where missing.
        metrics: By name, (N,) scores; NaN where missing.
        groups: (N,) the image of each item.
        systems: (N,) what wrote each caption, "" where nobody knows; or None.
        lengths: (N,) of the captions in tokens, or None.
        n_rows: Rows of the table before rows of one item were averaged.
    """

    human: Floats
    metrics: Mapping[str, Floats]
    groups: Sequence[str]
    systems: Sequence[str] | None
    lengths: Floats | None
    n_rows: int


@dataclass(frozen=True)
class Options:
    """How the figures are computed.

    Attributes:
        n_resamples: Of the intervals.
        confidence: Of the intervals.
        seed: Of the resamples, folds and permutations.
        coefficient: What the tests and the recommendation compare.
        level: Of the tests.
        swap: Of the tests: "image" or "item".
        n_permutations: Of each test, at most.
        edges: Of the length buckets; None for quartiles.
        short_metric: The metric advised for short captions, or None for no such test.
        long_metric: The metric advised for long ones.
        boundary: In tokens.
    """

    n_resamples: int = 2000
    confidence: float = 0.95
    seed: int = 0
    coefficient: Coefficient = "kendall_tau_b"
    level: TestLevel = "pooled"
    swap: Swap = "image"
    n_permutations: int = 2000
    edges: Sequence[float] | None = None
    short_metric: str | None = None
    long_metric: str | None = None
    boundary: float = BOUNDARY


def average_items(scores: Scores, items: Sequence[Hashable]) -> Scores:
    """Put the rows of one item together: the mean of what is not missing.

    Args:
        scores: A row a rating.
        items: (N,) the item of each row.

    Returns:
        A row an item, in the order in which items first come. Its system is the one that any row names.

    Raises:
        InvalidScoresError: If the rows of an item differ in image or system.
    """
    number, names = numbered(items)
    order = np.argsort(number, kind="stable")
    rows_of = np.split(order, np.cumsum(np.bincount(number, minlength=len(names)))[:-1])
    for labels, what in ((scores.groups, "image"), (scores.systems, "system")):
        for name, rows in zip(names, rows_of, strict=True):
            found = set() if labels is None else _named(labels, rows)
            if len(found) > 1:
                one, other = sorted(found)[:2]
                raise InvalidScoresError(
                    f"item {name!r} stands under the {what}s {one!r} and {other!r}; give each its own name"
                )
    first = [int(rows[0]) for rows in rows_of]

    def means(values: Floats) -> Floats:
        return np.array([_mean(values[rows]) for rows in rows_of])

    return replace(
        scores,
        human=means(scores.human),
        metrics={name: means(values) for name, values in scores.metrics.items()},
        groups=[scores.groups[row] for row in first],
        systems=None
        if scores.systems is None
        else ["".join(_named(scores.systems, rows)) for rows in rows_of],
        lengths=None if scores.lengths is None else means(scores.lengths),
    )


def _named(labels: Sequence[str], rows: Counts) -> set[str]:
    return {labels[row] for row in rows.tolist()} - {""}


def _mean(values: Floats) -> float:
    present = [float(value) for value in values if not math.isnan(value)]
    # fsum rounds once, so that the same answers in another order give the same mean, and tie.
    return math.fsum(present) / len(present) if present else math.nan


def correlation_report(scores: Scores, options: Options) -> dict[str, Any]:
    """Compute every coefficient of every metric, the tests between metrics, and the effects of length.

    Args:
        scores: A row an item.
        options: How.

    Returns:
        Plain data; NaN where there is nothing to compute. "metrics" holds, for each, its counts and warnings
        and each coefficient by level; "tests" (with two metrics or more) and "length" (with lengths) hold the
        rest. Where Williams' test holds for no two metrics, "williams" is empty and "no_williams" says why.

    Raises:
        InvalidScoresError: If the table or the options will not do.
    """
    drawn: dict[str, Any] = {
        "n_resamples": options.n_resamples,
        "confidence": options.confidence,
        "seed": options.seed,
    }
    metrics = {
        name: {
            "n_items": table.n_items,
            "n_missing": table.n_missing,
            "n_images": table.n_images,
            "n_systems": table.n_systems,
            "n_without_system": (without := _without_system(scores, name)),
            "warnings": (*table.warnings, *_told(table, without)),
            **table.values,
        }
        for name, table in _tables(scores, drawn).items()
    }
    report: dict[str, Any] = {
        "n_rows": scores.n_rows,
        "n_items": len(scores.human),
        **drawn,
        "metrics": metrics,
    }
    if len(metrics) > 1:
        report["tests"] = _tests(scores, options)
    if scores.lengths is not None:
        report["length"] = _length(scores, options, drawn)
    elif options.short_metric is not None or options.edges is not None:
        raise InvalidScoresError("figures by length need the lengths of the captions; name their column")
    report["levels"] = LEVELS
    return report


def _tables(scores: Scores, drawn: dict[str, Any]) -> dict[str, LevelTable]:
    if scores.systems is None:
        return correlate_metrics(scores.human, scores.metrics, groups=scores.groups, **drawn)
    return correlate_known_systems(
        scores.human, scores.metrics, groups=scores.groups, systems=scores.systems, **drawn
    )


def _without_system(scores: Scores, name: str) -> int:
    """Count the items with both scores whose system nobody knows."""
    if scores.systems is None:
        return 0
    unknown = np.array([system == "" for system in scores.systems], dtype=bool)
    return int((unknown & ~np.isnan(scores.human) & ~np.isnan(scores.metrics[name])).sum())


def _told(table: LevelTable, n_without_system: int) -> list[str]:
    """Say of a metric what its levels do not."""
    found = []
    if n_without_system:
        found.append(told_of_unknown(n_without_system, table.n_items))
    pearson = table.values["pearson_r"]["pooled"].value
    if pearson < 0:
        found.append(
            f"inverse_r_squared does not tell the sign: pearson_r is {pearson:.4f}, below 0, which goes "
            f"against people however small inverse_r_squared is"
        )
    return found


def _tests(scores: Scores, options: Options) -> dict[str, Any]:
    ranking = rank_metrics(
        scores.human,
        scores.metrics,
        groups=scores.groups,
        coefficient=options.coefficient,
        level=options.level,
        swap=options.swap,
        alpha=1 - options.confidence,
        n_permutations=options.n_permutations,
        seed=options.seed,
    )
    williams, no_williams = _williams(scores, options)
    comparisons = [
        {
            "first": pair.first,
            "second": pair.second,
            **_fields(pair.test),
            "adjusted_p": pair.adjusted_p,
        }
        for pair in ranking.comparisons
    ]
    return {**_fields(ranking), "comparisons": comparisons, "williams": williams, "no_williams": no_williams}


def _williams(scores: Scores, options: Options) -> tuple[list[dict[str, Any]], str]:
    """Test every two metrics, or say once why no test holds."""
    common = ~np.isnan([scores.human, *scores.metrics.values()]).any(axis=0)
    images = {scores.groups[row] for row in np.flatnonzero(common).tolist()}
    # Every two metrics have these items in common: where some share an image here, they do there.
    reason = why_unsuited(options.coefficient, options.level, n_items=int(common.sum()), n_images=len(images))
    if reason:
        return [], reason
    tests = [
        {
            "first": one,
            "second": other,
            **_fields(
                williams_test(
                    scores.human,
                    scores.metrics[one],
                    scores.metrics[other],
                    groups=scores.groups,
                    coefficient=options.coefficient,
                    level=options.level,
                )
            ),
        }
        for one, other in combinations(scores.metrics, 2)
    ]
    refusals = {test["refused"] for test in tests}
    if len(refusals) == 1 and "" not in refusals:
        return [], refusals.pop()
    return tests, ""


def _length(scores: Scores, options: Options, drawn: dict[str, Any]) -> dict[str, Any]:
    assert scores.lengths is not None
    shared: dict[str, Any] = {"lengths": scores.lengths, "groups": scores.groups, **drawn}
    found: dict[str, Any] = {
        "buckets": length_buckets(scores.human, scores.metrics, edges=options.edges, **shared),
        "partial": {
            name: partial_correlations(scores.human, values, **shared)
            for name, values in scores.metrics.items()
        },
    }
    if options.short_metric is not None and options.long_metric is not None:
        for name in (options.short_metric, options.long_metric):
            if name not in scores.metrics:
                raise InvalidScoresError(
                    f"{name!r} is none of the metrics, which are {', '.join(scores.metrics)}"
                )
        found["recommendation"] = weigh_recommendation(
            scores.human,
            scores.metrics[options.short_metric],
            scores.metrics[options.long_metric],
            names=(options.short_metric, options.long_metric),
            boundary=options.boundary,
            coefficient=options.coefficient,
            **shared,
        )
    found["warnings"] = _few_by_length(**found)
    return found


def _few_by_length(
    buckets: Sequence[Bucket],
    partial: Mapping[str, Mapping[str, LengthValue]],
    recommendation: Recommendation | None = None,
) -> list[str]:
    """Name what of the figures by length rests on few images; where there are none nothing has a value."""
    rests_on = {}
    for bucket in buckets:
        end = f"below {bucket.high:g}" if bucket.high < math.inf else "on"
        rests_on[f"from {bucket.low:g} tokens {end}"] = bucket.n_groups
    for name, values in partial.items():
        rests_on[f"with length partialled out, {name}"] = values["pearson_r"].n_groups
    if recommendation is not None:
        at = f"{recommendation.boundary:g} tokens"
        rests_on[f"the advice, below {at}"] = recommendation.below.n_groups
        rests_on[f"the advice, from {at} on"] = recommendation.above.n_groups
    return [f"{place}: {few}" for place, n in rests_on.items() if n and (few := too_few(n))]


def _fields(record: Any) -> dict[str, Any]:
    return {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}


def without_nan(value: Any) -> Any:
    """Turn a report into what JSON can hold.

    Args:
        value: Dataclasses, mappings, sequences, numbers and text.

    Returns:
        The same with dataclasses as objects, and None for NaN and infinity.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return without_nan(_fields(value))
    if isinstance(value, Mapping):
        return {str(key): without_nan(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
