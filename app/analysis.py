"""The score held against the ratings: which items go in, and what comes out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from annotations.correlation import Statistic, correlate
from annotations.revisions import ratings
from annotations.scores import ScoredItem, scores_and_ratings
from app.stored_scores import METRIC
from app.views.analysis import Coefficient, Counts, Point

if TYPE_CHECKING:
    from sqlalchemy import Engine

N_RESAMPLES: Final = 2000
SEED: Final = 0

_DEFINITIONS: Final = {
    "pearson_r": "linear association of the values",
    "spearman_rho": "pearson_r of the ranks; ties share their mean rank",
    "kendall_tau_b": "pairs in the same order minus pairs in opposite order, ties corrected",
}


@dataclass(frozen=True)
class ModelChoice:
    """A set of weights whose scores can be analysed; scores of other weights are never mixed in.

    Attributes:
        model: Name of the model.
        model_sha256: Of its weights.
        captions: Rated captions that it has scored.
    """

    model: str
    model_sha256: str
    captions: int

    @property
    def label(self) -> str:
        """What stands in the list of models: name, start of the checksum, rated captions."""
        return f"{self.model} · {self.model_sha256[:8]} ({self.captions})"


@dataclass(frozen=True)
class Analysis:
    """Everything that the Analyse page shows.

    Attributes:
        models: The weights to choose from, the one with the most captions first.
        chosen: The weights that are shown, or None when no rated caption has a score.
        points: One for each rated caption that the chosen weights have scored (N items).
        counts: How much lies behind the numbers.
        coefficients: One row for each statistic; empty below three points.
    """

    models: tuple[ModelChoice, ...]
    chosen: ModelChoice | None
    points: tuple[Point, ...]
    counts: Counts
    coefficients: tuple[Coefficient, ...]


def analyse(engine: Engine, *, model_sha256: str | None = None, blind_only: bool = False) -> Analysis:
    """Hold the scores of one set of weights against what people gave overall.

    Args:
        engine: The open ratings database.
        model_sha256: Of the weights; None or unknown ones mean those with the most rated captions.
        blind_only: Whether to leave out ratings that were given after the rater had seen the curve.

    Raises:
        AnnotationError: If the database fails.
    """
    rows = [
        row
        for row in scores_and_ratings(engine, blind_only=blind_only)
        if row.metric == METRIC and "overall" in row.answers
    ]
    models = _models(rows)
    chosen = next((choice for choice in models if choice.model_sha256 == model_sha256), None)
    chosen = chosen or (models[0] if models else None)
    points = tuple(
        _point(row) for row in rows if chosen is not None and row.model_sha256 == chosen.model_sha256
    )
    scored = {point.item_id for point in points}
    raters, unscored = set(), set()
    n_ratings = n_blind = 0
    for rating in ratings(engine):
        is_blind = rating.metric_revealed_at is None
        if blind_only and not is_blind:
            continue
        if rating.item_id not in scored:
            unscored.add(rating.item_id)
            continue
        raters.add(rating.rater_id)
        n_ratings += 1
        n_blind += is_blind
    counts = Counts(
        images=len({point.image_id for point in points}),
        captions=len(points),
        raters=len(raters),
        ratings=n_ratings,
        blind=n_blind,
        without_score=len(unscored),
    )
    return Analysis(
        models=models,
        chosen=chosen,
        points=points,
        counts=counts,
        coefficients=_coefficients(points),
    )


def unscored_items(engine: Engine, model_sha256: str) -> tuple[str, ...]:
    """Return the ids of the rated items that a set of weights has not scored, the longest rated first.

    Raises:
        AnnotationError: If the database fails.
    """
    scored = {
        row.item_id
        for row in scores_and_ratings(engine)
        if (row.metric, row.model_sha256) == (METRIC, model_sha256)
    }
    rated = dict.fromkeys(rating.item_id for rating in ratings(engine))
    return tuple(item_id for item_id in rated if item_id not in scored)


def _models(rows: Sequence[ScoredItem]) -> tuple[ModelChoice, ...]:
    captions: dict[tuple[str, str], int] = {}
    for row in rows:
        key = (row.model, row.model_sha256)
        captions[key] = captions.get(key, 0) + 1
    found = [ModelChoice(model, sha256, count) for (model, sha256), count in captions.items()]
    return tuple(sorted(found, key=lambda choice: (-choice.captions, choice.model, choice.model_sha256)))


def _point(row: ScoredItem) -> Point:
    return Point(
        item_id=row.item_id,
        image_id=row.image_id,
        caption=row.caption,
        score=row.score,
        human=row.answers["overall"],
        n_ratings=row.raters,
        n_blind=row.raters - row.revealed,
    )


def _coefficients(points: Sequence[Point]) -> tuple[Coefficient, ...]:
    if len(points) < 3:
        return ()
    result = correlate(
        [point.human for point in points],
        [point.score for point in points],
        groups=[point.image_id for point in points],
        n_resamples=N_RESAMPLES,
        seed=SEED,
    )
    return tuple(
        _coefficient(name, definition, getattr(result, name)) for name, definition in _DEFINITIONS.items()
    )


def _coefficient(name: str, definition: str, statistic: Statistic) -> Coefficient:
    return Coefficient(
        name, definition, statistic.value, statistic.low, statistic.high, statistic.n, statistic.note
    )
