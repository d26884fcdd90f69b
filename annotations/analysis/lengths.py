"""Length of captions: do metrics agree with people on short ones as on long ones?

In comments: N items.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from annotations.analysis.correlation_rows import MIN_SHARE
from annotations.analysis.metric_names import metric_name
from annotations.analysis.table import SENTINELS, AnalysisTable
from annotations.correlation import Statistic
from annotations.correlation_levels import FEW_GROUPS, TIES
from annotations.errors import InvalidScoresError
from annotations.length_effects import (
    BOUNDARY,
    Bucket,
    Recommendation,
    length_buckets,
    partial_correlations,
    weigh_recommendation,
)
from annotations.level_values import correlation_for
from annotations.resampling import Floats

Flags = npt.NDArray[np.bool_]

SHORT_METRICS: Final = ("clip_score", "clip", "clipscore")
"""Under which names CLIP's score may stand."""


@dataclass(frozen=True)
class LengthPart:
    """What the length of captions does.

    Attributes:
        question: The scale that metrics are held against.
        coefficient: Of the buckets and of the recommendation.
        sentinels: Those of the metrics that mean nothing by themselves.
        buckets: Captions of similar length, the shortest first, on the items that all metrics have scored.
        partial: pearson_r and spearman_rho by metric, with length partialled out.
        recommendation: The advice "one metric below a length, another from there on", put to the test; None
            where one of the two has no scores.
        no_recommendation: Why there is none, in one sentence; otherwise empty.
        n_items: Rated items whose length is known.
        n_without_length: Rated items whose length nobody knows.
        n_compared: Items of the buckets.
        shortest: Fewest tokens of a rated caption; NaN without lengths.
        longest: Most tokens.
        notices: What a reader has to know, in plain sentences.
        n_resamples: Of the intervals.
        confidence: Of the intervals.
        seed: Of the resamples.
    """

    question: str
    coefficient: str
    sentinels: tuple[str, ...]
    buckets: tuple[Bucket, ...]
    partial: Mapping[str, Mapping[str, Statistic]]
    recommendation: Recommendation | None
    no_recommendation: str
    n_items: int
    n_without_length: int
    n_compared: int
    shortest: float
    longest: float
    notices: tuple[str, ...]
    n_resamples: int
    confidence: float
    seed: int


def length_part(
    table: AnalysisTable,
    *,
    question: str,
    coefficient: str = "kendall_tau_b",
    short_metric: str | None = None,
    long_metric: str = "specs",
    boundary: float = BOUNDARY,
    edges: Sequence[float] | None = None,
    n_resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> LengthPart:
    """Hold metrics against people among captions of similar length, and with length partialled out.

    Args:
        table: The rated captions, their scores and lengths.
        question: The scale, one of `table.answers`.
        coefficient: Of the buckets and of the recommendation, one of `TIES`; for one that is no correlation
            kendall_tau_b, or pearson_r for inverse_r_squared.
        short_metric: Advised below the boundary; when None the first of `SHORT_METRICS` that is there, one of
            other weights than `long_metric` before one of the same.
        long_metric: Advised from the boundary on.
        boundary: In tokens.
        edges: Where buckets meet, in tokens; None cuts at the quartiles.
        n_resamples: Of the intervals; 0 for none, and then no verdict on the advice.
        confidence: Of the intervals, between 0 and 1.
        seed: Of the resamples.

    Returns:
        The part. A value that does not exist is NaN, with the reason as its note.

    Raises:
        InvalidScoresError: If nobody was asked the question, or an option is out of range.

    Source:
        Definitions: docs/analysis.md, Length of captions.
    """
    for what, name, known in (
        ("question", question, tuple(table.answers)),
        ("coefficient", coefficient, tuple(TIES)),
    ):
        if name not in known:
            raise InvalidScoresError(
                f"there is no {what} {name!r} here; there are {', '.join(known) or 'none'}"
            )
    if short_metric is None:
        short_metric = _clip(table, long_metric)
    measure = correlation_for(coefficient)
    human = table.human(question)
    rated = ~np.isnan(human)
    usable = rated & ~np.isnan(table.lengths)
    shared: dict[str, Any] = {
        "lengths": table.lengths,
        "groups": table.images,
        "n_resamples": n_resamples,
        "confidence": confidence,
        "seed": seed,
    }
    n_items = int(usable.sum())
    compared, few = _compared(table, usable)
    buckets: tuple[Bucket, ...] = ()
    if compared and n_items:
        buckets = length_buckets(human, compared, edges=edges, coefficients=[measure], **shared)
    recommendation, no_recommendation = None, _why_not(table, usable, (short_metric, long_metric))
    if not no_recommendation:
        recommendation = weigh_recommendation(
            human,
            table.metrics[short_metric],
            table.metrics[long_metric],
            names=(short_metric, long_metric),
            boundary=boundary,
            coefficient=measure,
            **shared,
        )
    n_compared = sum(bucket.n for bucket in buckets)
    return LengthPart(
        question=question,
        coefficient=measure,
        sentinels=tuple(name for name in table.metrics if name in SENTINELS),
        buckets=buckets,
        partial={
            name: partial_correlations(human, scores, **shared) for name, scores in table.metrics.items()
        }
        if n_items
        else {},
        recommendation=recommendation,
        no_recommendation=no_recommendation,
        n_items=n_items,
        n_without_length=int(rated.sum()) - n_items,
        n_compared=n_compared,
        shortest=float(table.lengths[usable].min()) if n_items else math.nan,
        longest=float(table.lengths[usable].max()) if n_items else math.nan,
        notices=(
            *(
                [f"Nothing is by length in {coefficient}; this is {measure}."]
                if measure != coefficient
                else []
            ),
            *(_same_weights(table, short_metric, long_metric) if recommendation else []),
            *_notices(n_items, int(rated.sum()), n_compared, few, buckets),
        ),
        n_resamples=n_resamples,
        confidence=confidence,
        seed=seed,
    )


def _clip(table: AnalysisTable, long_metric: str) -> str:
    """Find the score of CLIP, which has its source behind its name where there are several."""

    def stored_as(name: str) -> str:
        return (table.provenance[name].metric if name in table.provenance else "") or name

    own = table.provenance[long_metric].sha256 if long_metric in table.provenance else ""
    found = [name for name in table.metrics if stored_as(name) in SHORT_METRICS]
    return min(
        found,
        key=lambda name: (
            bool(own) and name in table.provenance and table.provenance[name].sha256 == own,
            SHORT_METRICS.index(stored_as(name)),
        ),
        default=SHORT_METRICS[0],
    )


def _compared(table: AnalysisTable, usable: Flags) -> tuple[dict[str, Floats], list[str]]:
    """Choose the metrics of the buckets, which compare on items that all have scored, and name the others."""
    n_scored = {name: int((~np.isnan(scores[usable])).sum()) for name, scores in table.metrics.items()}
    few = [name for name, n in n_scored.items() if n < max(1, MIN_SHARE * usable.sum())]
    return {name: scores for name, scores in table.metrics.items() if name not in few}, few


def _why_not(table: AnalysisTable, usable: Flags, names: tuple[str, str]) -> str:
    for name in names:
        if name not in table.metrics or np.isnan(table.metrics[name][usable]).all():
            short, long = map(metric_name, names)
            return f"the advice is about {short} and {long}, and {metric_name(name)} has no scores here"
    return ""


def _same_weights(table: AnalysisTable, short: str, long: str) -> list[str]:
    """Say where the advice is not the paper's, which is about two models."""
    one, other = (table.provenance.get(name) for name in (short, long))
    if one is None or other is None or not one.sha256 or one.sha256 != other.sha256:
        return []
    names = f"{metric_name(short)} and {metric_name(long)}"
    return [
        f"{names} are of the same weights here, so this is no comparison of two models; import scores of "
        f"CLIP itself to test the paper's advice."
    ]


def _notices(
    n_items: int, n_rated: int, n_compared: int, few: list[str], buckets: Sequence[Bucket]
) -> list[str]:
    found = []
    if n_items == 0:
        return [
            "No rated caption has a known length in tokens: let the captions be scored, or import lengths."
        ]
    if n_items < n_rated:
        found.append(
            f"{n_rated - n_items:,} of {n_rated:,} rated captions have no known length and are left out."
        )
    if few:
        found.append(
            f"Too few captions have a score of {', '.join(map(metric_name, few))} for the buckets, which "
            f"hold captions that all metrics have scored."
        )
    if 0 < n_compared < n_items:
        found.append(f"{n_compared:,} of {n_items:,} captions have scores of all metrics of the buckets.")
    small = [bucket for bucket in buckets if bucket.n_groups < FEW_GROUPS]
    if small:
        found.append(
            f"{len(small)} of {len(buckets)} buckets have fewer than {FEW_GROUPS} images: their intervals "
            f"are themselves uncertain."
        )
    return found
