"""How far each metric agrees with people: coefficients, rank clusters, the human ceiling, and what to know.

In comments: N items.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, Final, cast

import numpy as np

from annotations.analysis.correlation_notices import notices
from annotations.analysis.correlation_rows import (
    Ceiling,
    Counted,
    MetricRow,
    WilliamsPair,
    count_table,
    letters_of,
    merit,
)
from annotations.analysis.table import SENTINELS, AnalysisTable
from annotations.correlation import Statistic
from annotations.correlation_levels import (
    IMAGE_LEVELS,
    INVERSE_NOTE,
    SYSTEM_LEVELS,
    TIES,
    LevelTable,
    LevelValue,
)
from annotations.correlation_report import LEVELS
from annotations.errors import InvalidScoresError
from annotations.known_systems import correlate_known_systems
from annotations.leave_one_out import Over, leave_one_out
from annotations.level_values import correlation_for
from annotations.metric_ranking import Ranking, rank_metrics
from annotations.permutation import TestLevel
from annotations.resampled import MEASURES, Coefficient
from annotations.resampling import Floats
from annotations.weighting import effective_n, weighted_correlation
from annotations.williams import williams_test

QUICK_ANSWERS: Final = 20_000
"""Answers beyond which the human ceiling comes with the intervals."""


@dataclass(frozen=True)
class Correlations:
    """How far each metric agrees with people on one question.

    Attributes:
        question: The scale that metrics are held against.
        coefficient: What the rows are sorted by, and what the tests compare.
        level: At which.
        rows: The metrics, the best first; then those with scores of fewer than half of the rated items, and
            last those without a value.
        ceiling: What a person reaches against the other people.
        ranking: Tests of every two metrics that are no sentinels; None where there are none.
        no_ranking: Why there are none, in one sentence; otherwise empty.
        williams: Williams' test of every two such metrics, where it holds.
        effective_n: Items of equal weight that would say as much as the weighted ones; None where nothing was
            drawn with unequal chances.
        weighted_coefficient: What `MetricRow.weighted` is; empty where there is none.
        counted: What the figures rest on.
        notices: What a reader has to know, in plain sentences.
        ties: How each coefficient treats ties, by its name.
        levels: What each level means, by its name.
        inverse_note: What inverse_r_squared is.
        quick: Whether intervals, tests and pairwise accuracy were left for later.
        n_resamples: Of the intervals.
        confidence: Of the intervals; the tests have the level 1 - confidence.
        seed: Of resamples, folds and permutations.
    """

    question: str
    coefficient: str
    level: str
    rows: tuple[MetricRow, ...]
    ceiling: Ceiling
    ranking: Ranking | None
    no_ranking: str
    williams: tuple[WilliamsPair, ...]
    effective_n: float | None
    weighted_coefficient: str
    counted: Counted
    notices: tuple[str, ...]
    ties: Mapping[str, str]
    levels: Mapping[str, str]
    inverse_note: str
    quick: bool
    n_resamples: int
    confidence: float
    seed: int


def correlations(
    table: AnalysisTable,
    *,
    question: str,
    coefficient: str = "kendall_tau_b",
    level: str = "per_image",
    quick: bool = False,
    alone: bool = False,
    everything: bool = False,
    n_resamples: int = 2000,
    n_permutations: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Correlations:
    """Correlate every metric of a table with people, and compare the metrics.

    Args:
        table: The rated captions with their scores.
        question: The scale, one of `table.answers`.
        coefficient: What to sort by and to compare, one of `TIES`.
        level: At which, one of `LEVELS`.
        quick: Whether to leave out intervals, tests, pairwise accuracy unless it is what to sort by, and the
            human ceiling of more than `QUICK_ANSWERS` answers: fast enough to answer a click.
        alone: Whether to leave out other coefficients and, with `quick`, other levels over systems.
        everything: Whether every coefficient at every level gets an interval; otherwise the chosen one does.
        n_resamples: Of the intervals; 0 for none.
        n_permutations: Of each test, at most.
        confidence: Of the intervals, between 0 and 1.
        seed: Of resamples, folds and permutations.

    Returns:
        The part. A value that does not exist is NaN, with the reason as its note.

    Raises:
        InvalidScoresError: If nobody was asked the question, or an option is out of range.

    Source:
        Definitions: docs/analysis.md, Correlation.
    """
    _check(table, question, coefficient, level)
    n_resamples = 0 if quick else n_resamples
    drawn = {"n_resamples": n_resamples, "confidence": confidence, "seed": seed}
    human = table.human(question)
    some = (coefficient,) if alone else (coefficient, *MEASURES, "inverse_r_squared") if quick else TIES
    names = [name for name in TIES if name in some]
    over = IMAGE_LEVELS if quick and alone and level in IMAGE_LEVELS else (*IMAGE_LEVELS, *SYSTEM_LEVELS)
    whole = _tables(table, human, coefficient, level, names, over, everything=everything, drawn=drawn)
    weighted, weighed = bool((table.weights != 1).any()), correlation_for(coefficient)
    rows = tuple(
        MetricRow(
            name=name,
            sentinel=name in SENTINELS,
            model=table.provenance[name].model if name in table.provenance else "",
            sha256=table.provenance[name].sha256 if name in table.provenance else "",
            chosen=_chosen(found, coefficient, level),
            values=found.values,
            n_items=found.n_items,
            n_missing=int((~np.isnan(human)).sum()) - found.n_items,
            n_images=found.n_images,
            cluster="",
            weighted=weighted_correlation(
                weighed, human, table.metrics[name], table.weights, groups=table.images, **cast(Any, drawn)
            )
            if weighted
            else None,
        )
        for name, found in whole.items()
    )
    ranking, no_ranking = None, "the tests come with the intervals"
    if not quick:
        ranking, no_ranking = _rank(
            table, human, rows, coefficient, level, confidence=confidence, n=n_permutations, seed=seed
        )
    if ranking is not None:
        rows = tuple(replace(row, cluster=letters_of(ranking.clusters.get(row.name))) for row in rows)
    part = Correlations(
        question=question,
        coefficient=coefficient,
        level=level,
        rows=tuple(sorted(rows, key=lambda row: _place(row, coefficient))),
        ceiling=_ceiling(table, question, coefficient, level, drawn, quick=quick),
        ranking=ranking,
        no_ranking=no_ranking,
        williams=_williams(table, human, rows, coefficient, level) if not quick else (),
        effective_n=effective_n(table.weights[~np.isnan(human)]) if weighted else None,
        weighted_coefficient=weighed if weighted else "",
        counted=count_table(table, question, human),
        notices=(),
        ties=TIES,
        levels=LEVELS,
        inverse_note=INVERSE_NOTE,
        quick=quick,
        n_resamples=n_resamples,
        confidence=confidence,
        seed=seed,
    )
    return replace(part, notices=notices(part))


def _check(table: AnalysisTable, question: str, coefficient: str, level: str) -> None:
    for what, name, known in (
        ("question", question, tuple(table.answers)),
        ("coefficient", coefficient, tuple(TIES)),
        ("level", level, tuple(LEVELS)),
    ):
        if name not in known:
            raise InvalidScoresError(
                f"there is no {what} {name!r} here; there are {', '.join(known) or 'none'}"
            )


def _tables(
    table: AnalysisTable,
    human: Floats,
    coefficient: str,
    level: str,
    names: Sequence[str],
    over: Sequence[str],
    *,
    everything: bool,
    drawn: dict[str, Any],
) -> dict[str, LevelTable]:
    """Compute all values, and the intervals that are asked for."""
    if everything:
        return _at_all_levels(table, human, names, over, drawn)
    points = _at_all_levels(table, human, names, over, {**drawn, "n_resamples": 0})
    if drawn["n_resamples"] == 0:
        return points
    resampled = _at_all_levels(table, human, [coefficient], [level], drawn)
    return {
        name: replace(
            found,
            values={
                each: {**levels, **resampled[name].values.get(each, {})}
                for each, levels in found.values.items()
            },
        )
        for name, found in points.items()
    }


def _at_all_levels(
    table: AnalysisTable, human: Floats, names: Sequence[str], levels: Sequence[str], drawn: dict[str, Any]
) -> dict[str, LevelTable]:
    return correlate_known_systems(
        human,
        table.metrics,
        groups=table.images,
        systems=table.systems,
        levels=levels,
        coefficients=names,
        **drawn,
    )


def _chosen(found: LevelTable, coefficient: str, level: str) -> LevelValue:
    value = found.values[coefficient].get(level)
    if value is not None:
        return value
    reason = f"{coefficient} is computed over all items only"
    if level in SYSTEM_LEVELS and coefficient != "inverse_r_squared":
        reason = "no caption names the system that wrote it"
    nothing = math.nan
    return LevelValue(nothing, nothing, nothing, 0, 0, 0, 0, "none", TIES[coefficient], (), reason)


def _place(row: MetricRow, coefficient: str) -> tuple[bool, bool, float, str]:
    value = row.chosen.value
    if math.isnan(value):
        return True, True, 0, row.name
    return False, not row.has_scored_enough, -merit(value, coefficient), row.name


def _compared(coefficient: str, level: str) -> tuple[Coefficient | None, TestLevel | None]:
    """Find what the tests can compare for what the rows are sorted by."""
    name = "pearson_r" if coefficient == "inverse_r_squared" else coefficient
    at = {"pooled": "pooled", "per_image": "per_image", "per_image_zero": "per_image"}.get(level)
    return cast(Coefficient, name) if name in MEASURES else None, cast(TestLevel | None, at)


def comparable(rows: Sequence[MetricRow]) -> list[str]:
    """Name the metrics that are compared: no sentinels, with a value, and with scores of most rated items."""
    return [
        row.name
        for row in rows
        if not row.sentinel and not math.isnan(row.chosen.value) and row.has_scored_enough
    ]


def _rank(
    table: AnalysisTable,
    human: Floats,
    rows: Sequence[MetricRow],
    coefficient: str,
    level: str,
    *,
    confidence: float,
    n: int,
    seed: int,
) -> tuple[Ranking | None, str]:
    compared, at = _compared(coefficient, level)
    if compared is None or at is None:
        what = f"of {coefficient}" if compared is None else f"at the level {level}"
        return None, f"there is no permutation test {what}"
    names = comparable(rows)
    if len(names) < 2:
        return None, f"a comparison wants two metrics with scores of most items; there are {len(names)}"
    ranking = rank_metrics(
        human,
        {name: table.metrics[name] for name in names},
        groups=table.images,
        coefficient=compared,
        level=at,
        alpha=1 - confidence,
        n_permutations=n,
        seed=seed,
    )
    if not ranking.clusters:
        return None, f"on the {ranking.n_items:,} items that all metrics have scored there is no {compared}"
    return ranking, ""


def _williams(
    table: AnalysisTable, human: Floats, rows: Sequence[MetricRow], coefficient: str, level: str
) -> tuple[WilliamsPair, ...]:
    tests = [
        WilliamsPair(
            one,
            other,
            williams_test(
                human,
                table.metrics[one],
                table.metrics[other],
                groups=table.images,
                coefficient=coefficient,
                level=level,
            ),
        )
        for one, other in combinations(comparable(rows), 2)
        if coefficient == "pearson_r" and level == "pooled"
    ]
    return tuple(pair for pair in tests if not pair.test.refused)


def _ceiling(
    table: AnalysisTable, question: str, coefficient: str, level: str, drawn: dict[str, Any], *, quick: bool
) -> Ceiling:
    given = table.answers[question]
    reason = ""
    if quick and len(given.value) > QUICK_ANSWERS:
        reason = "it comes with the intervals"
    elif coefficient not in MEASURES or level not in ("pooled", "per_image", "per_image_zero"):
        reason = f"it is not defined for {coefficient} at the level {level}"
    elif not table.knows_raters:
        reason = "nothing tells the raters apart; it is of people who rated the same items"
    if reason:
        return Ceiling(Statistic(math.nan, 0, math.nan, math.nan, reason), 0)
    items = given.item.tolist()
    found = leave_one_out(
        items,
        given.rater.tolist(),
        given.value.tolist(),
        groups=[table.images[item] for item in items],
        level="interval",
        coefficient=cast(Coefficient, coefficient),
        over=cast(Over, level),
        **drawn,
    )
    return Ceiling(found.human_ceiling, found.n_raters)
