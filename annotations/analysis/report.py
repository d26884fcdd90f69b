"""Everything that ratings and scores say together, as one record: what the report that can be sent holds."""

import math
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

import numpy as np

from annotations.analysis.battles import BattlePart, battle_part
from annotations.analysis.correlations import Correlations, correlations
from annotations.analysis.dips import Calibration, DipPart, calibration, dip_part
from annotations.analysis.lengths import LengthPart, length_part
from annotations.analysis.people import PeopleReport, people_report
from annotations.analysis.score_settings import ScoreSettings, not_recorded
from annotations.analysis.table import SENTINELS, AnalysisTable, BattleTable, UnitTable
from annotations.analysis.thinning import DRAWN, Thinned, thin
from annotations.errors import InvalidScoresError

PACKAGES: Final = ("specs-lens", "numpy", "scipy", "plotly", "sqlalchemy")
"""Whose versions the report names."""


MOST_FOR_EVERYTHING: Final = 6000
"""Captions up to which every coefficient has an interval; pairwise accuracy takes their square in time."""

_NONE: Final = np.zeros(0, dtype=np.int64)
NO_UNITS: Final = UnitTable(_NONE, (), _NONE, _NONE, np.zeros(0), (), (), 0)
"""The units of a report that has none."""

NO_BATTLES: Final = BattleTable((), (), (), (), (), (), (), (), {}, {})
"""The battles of a report that has none."""


@dataclass(frozen=True)
class ReportOptions:
    """How the figures of a report are computed.

    Attributes:
        metric: The metric of the figures of one metric; None for specs, or else the first that is there.
        coefficient: What metrics are sorted by, and what tests and buckets compare.
        level: At which.
        threshold: Of the dips, in cosine.
        n_resamples: Of every interval.
        n_permutations: Of each test between metrics, at most.
        confidence: Of every interval.
        seed: Of all resamples, folds, permutations and draws.
        everything: Whether every coefficient at every level has an interval, not the chosen one alone; None
            for all of them up to `MOST_FOR_EVERYTHING` captions.
        at_most: Of the agreement between people: ratings that are compared, those of a random sample of
            images where there are more; None for all.
        names: Whether raters stand under their names; otherwise they are numbered.
    """

    metric: str | None = None
    coefficient: str = "kendall_tau_b"
    level: str = "pooled"
    threshold: float = 0.0
    n_resamples: int = 2000
    n_permutations: int = 2000
    confidence: float = 0.95
    seed: int = 0
    everything: bool | None = None
    at_most: int | None = None
    names: bool = False


@dataclass(frozen=True)
class Origin:
    """Where the data of a report come from.

    Attributes:
        source: In words, for example the name of a file.
        choice: What of it went in, name and value in words; empty for all of it.
        settings: How the scores of the chosen weights were made; None where nothing records it.
        knows_blind: Whether it is known which ratings were given before the metric was seen.
    """

    source: str
    choice: Mapping[str, str] = field(default_factory=dict)
    settings: ScoreSettings | None = None
    knows_blind: bool = True


@dataclass(frozen=True, eq=False)
class Report:
    """One report, of one set of weights.

    Attributes:
        made_at: When, UTC.
        seconds: How long the computation took.
        origin: Where the data come from.
        settings: How the scores were made.
        question: The scale that metrics are held against; "" where there is none.
        metric: The metric of the figures of one metric; "" where there is none.
        options: How, with `everything` settled.
        table: The rated captions.
        drawn: The points of the scatter that are drawn; None without a metric and a scale.
        correlations: None where nobody has answered on a scale.
        lengths: Likewise.
        people: What people say among themselves.
        battles: None where there are none, and none was left out.
        dips: None where no unit of a scored cut was judged.
        calibration: None without dips.
        versions: Of the packages, by name, and of Python.
        system: What the report was computed on.
    """

    made_at: datetime
    seconds: float
    origin: Origin
    settings: ScoreSettings
    question: str
    metric: str
    options: ReportOptions
    table: AnalysisTable
    drawn: Thinned | None
    correlations: Correlations | None
    lengths: LengthPart | None
    people: PeopleReport
    battles: BattlePart | None
    dips: DipPart | None
    calibration: Calibration | None
    versions: Mapping[str, str]
    system: str


def analysis_report(
    table: AnalysisTable,
    units: UnitTable,
    battles: BattleTable,
    *,
    question: str | None = None,
    origin: Origin,
    options: ReportOptions,
    tell: Callable[[str], None] = lambda step: None,
) -> Report:
    """Compute every part of the report.

    Args:
        table: The rated captions with the scores of one set of weights.
        units: Their units with what people said of them.
        battles: The battles.
        question: The scale; None for overall, or else the first that was asked.
        origin: Where all of it comes from.
        options: How.
        tell: Called with the name of each step before it begins.

    Returns:
        The report. A part that there is nothing for is None.

    Raises:
        InvalidScoresError: If there is neither a rating nor a battle, nobody was asked the question, the
            metric has no scores, or an option is out of range.

    Source:
        docs/analysis.md, The report.
    """
    begun = time.monotonic()
    if not len(table) and not len(battles):
        raise InvalidScoresError(
            "there is nothing to report: no rating of a caption and no battle is in this choice"
        )
    table, battles = with_names(table, battles) if options.names else without_names(table, battles)
    if options.everything is None:
        options = replace(options, everything=len(table) <= MOST_FOR_EVERYTHING)
    asked = _question(table, question)
    metric = _metric(table, options.metric)
    drawn: dict[str, Any] = {
        "n_resamples": options.n_resamples,
        "confidence": options.confidence,
        "seed": options.seed,
    }
    correlated = by_length = None
    if asked:
        tell("correlations")
        correlated = correlations(
            table,
            question=asked,
            coefficient=options.coefficient,
            level=options.level,
            everything=bool(options.everything),
            n_permutations=options.n_permutations,
            **drawn,
        )
        tell("length of captions")
        by_length = length_part(table, question=asked, coefficient=options.coefficient, **drawn)
    dips = promised = None
    if any(units.verdicts) and not np.isnan(units.delta).all():
        tell("dips")
        weights = table.weights[units.item]
        dips = dip_part(units, threshold=options.threshold, weights=weights, **drawn)
        promised = calibration(units, weights=weights, n_resamples=options.n_resamples, seed=options.seed)
    fought = None
    if len(battles) or battles.left_out:
        tell("battles")
        fought = battle_part(battles, **drawn)
    tell("agreement of people")
    among = people_report(table, units, battles, at_most=options.at_most, **drawn)
    points = None
    if asked and metric:
        points = thin(table.human(asked), table.metrics[metric], limit=DRAWN, seed=options.seed)
    return Report(
        made_at=datetime.now(UTC),
        seconds=time.monotonic() - begun,
        origin=origin,
        settings=origin.settings or not_recorded(table),
        question=asked,
        metric=metric,
        options=options,
        table=table,
        drawn=points,
        correlations=correlated,
        lengths=by_length,
        people=among,
        battles=fought,
        dips=dips,
        calibration=promised,
        versions=_versions(),
        system=f"{platform.system()} {platform.machine()}",
    )


def default_draws(n_items: int) -> int:
    """Return how many resamples and permutations are sensible for so many captions."""
    return 2000 if n_items <= MOST_FOR_EVERYTHING else 1000


def _question(table: AnalysisTable, question: str | None) -> str:
    asked = [name for name, given in table.answers.items() if len(given.value)]
    if question is None:
        return "overall" if "overall" in asked else asked[0] if asked else ""
    if question not in asked:
        raise InvalidScoresError(
            f"nobody in this choice has answered the question {question!r}; the questions with answers are "
            f"{', '.join(asked) or 'none'}"
        )
    return question


def _metric(table: AnalysisTable, metric: str | None) -> str:
    scored = [name for name, scores in table.metrics.items() if not np.isnan(scores).all()]
    if metric is None:
        named = [name for name in ("specs", *scored) if name in scored and name not in SENTINELS]
        return (named or scored or [""])[0]
    if metric not in scored:
        raise InvalidScoresError(
            f"there is no score of the metric {metric!r} in this choice; the metrics with scores are "
            f"{', '.join(scored) or 'none'}"
        )
    return metric


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # run from its source
            found[name] = "not installed"
    return found


def without_names(table: AnalysisTable, battles: BattleTable) -> tuple[AnalysisTable, BattleTable]:
    """Number the raters, so that nobody is named in what is sent.

    Args:
        table: The rated captions.
        battles: The battles, by the same people or others.

    Returns:
        Both with "rater 1", "rater 2" and so on in place of ids and names.
    """
    ids = dict.fromkeys([*table.raters, *battles.rater])
    return _renamed(table, battles, {rater: f"rater {place}" for place, rater in enumerate(ids, start=1)})


def with_names(table: AnalysisTable, battles: BattleTable) -> tuple[AnalysisTable, BattleTable]:
    """Put the raters' names in place of their ids, where they are known.

    Args:
        table: The rated captions.
        battles: The battles, by the same people or others.
    """
    known = dict(zip(table.raters, table.names, strict=True))
    return _renamed(table, battles, {rater: known.get(rater, rater) for rater in [*known, *battles.rater]})


def _renamed(
    table: AnalysisTable, battles: BattleTable, names: Mapping[str, str]
) -> tuple[AnalysisTable, BattleTable]:
    renamed = tuple(names[rater] for rater in table.raters)
    return replace(table, raters=renamed, names=renamed), replace(
        battles, rater=tuple(names[rater] for rater in battles.rater)
    )


def limits_of(report: Report) -> tuple[float, float] | None:
    """Return the lowest and highest answer that the question allows, or None where nobody knows."""
    given = report.table.answers.get(report.question)
    if given is None or math.isnan(given.low) or math.isnan(given.high) or given.high <= given.low:
        return None
    return given.low, given.high
