"""Whether the lowest delta of a false caption lies on the false words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from specs_core.curve import ScoreCurve, score_curve
from specs_core.encoder import Encoder
from specs_core.errors import DataError
from specs_core.images import read_image
from specs_core.scenes.dataset import SceneRecord


@dataclass(frozen=True)
class Localisation:
    """Figures over N false captions.

    Attributes:
        items: N.
        hit_rate: Share of captions whose unit with the lowest delta overlaps the false span, in [0, 1].
        hit_rate_by_fact: The same by type of false fact, with the number of captions.
        auroc: Area under the ROC curve of -delta as a detector of units that overlap the false span, over
            all units with a delta; NaN where all of these units or none overlap it.
        rises: Share of the units of the true captions with rising similarity (SR_pos, micro).
        falls: Share of the false units whose delta is below zero.
        falls_by_fact: The same by type of false fact.
        unreachable: Captions whose false span lies in the first unit or past the context, which count as
            misses.
        ids: The items, in order; `hits` (N,) bool belongs to them.
        hits: Whether each item was hit.
    """

    items: int
    hit_rate: float
    hit_rate_by_fact: dict[str, tuple[float, int]]
    auroc: float
    rises: float
    falls: float
    falls_by_fact: dict[str, tuple[float, int]]
    unreachable: int
    ids: tuple[str, ...]
    hits: NDArray[np.bool_]


def units_in_span(curve: ScoreCurve, span: tuple[int, int]) -> NDArray[np.bool_]:
    """Return (U,) bool: which units overlap [start, end) by at least one character."""
    return np.array([unit.start < span[1] and span[0] < unit.end for unit in curve.units])


def lowest_delta_hits(curve: ScoreCurve, span: tuple[int, int]) -> bool:
    """Tell whether the unit with the lowest delta overlaps the span; without any delta it is a miss."""
    delta = curve.delta
    if np.isnan(delta).all():
        return False
    return bool(units_in_span(curve, span)[np.nanargmin(delta)])


def auroc(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    """Return the probability that a positive's score lies above a negative's, ties counting half.

    Args:
        scores: (U,) higher means more likely positive.
        positive: (U,).

    Returns:
        In [0, 1]; NaN where one of the two groups is empty.

    Source: Hanley and McNeil 1982, by the rank-sum statistic.
    """
    n_positive = int(positive.sum())
    n_negative = len(positive) - n_positive
    if not n_positive or not n_negative:
        return float("nan")
    ranks = rankdata(scores)
    return float((ranks[positive].sum() - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))


def evaluate_localisation(
    encoder: Encoder,
    records: Sequence[SceneRecord],
    folder: Path,
    *,
    segmenter: str = "dependency",
    on_item: Callable[[int], None] | None = None,
) -> Localisation:
    """Score the true and the false caption of every record and see where the lowest delta lies.

    Args:
        encoder: The model.
        records: Images with a true and a false caption.
        folder: What the records' image paths are relative to.
        segmenter: Which segmenter cuts the captions.
        on_item: Called with the number of items done.

    Raises:
        DataError: There are no records.
        ImageError: An image is missing or unreadable.

    Source: ours: docs/metrics.md, "Localisation".
    """
    if not records:
        raise DataError("There are no scenes to evaluate; draw some with `specs scenes`.")
    hits, falls, unreachable = [], [], 0
    rises: list[NDArray[np.bool_]] = []
    deltas, wrong = [], []
    for done, record in enumerate(records, start=1):
        image = read_image(folder / record.image)
        truth = score_curve(encoder, image, record.caption, segmenter=segmenter)
        rises.append(truth.delta[~np.isnan(truth.delta)] > 0)
        curve = score_curve(encoder, image, record.false_caption, segmenter=segmenter)
        hits.append(lowest_delta_hits(curve, record.false_span))
        overlap, known = units_in_span(curve, record.false_span), ~np.isnan(curve.delta)
        deltas.append(curve.delta[known])
        wrong.append(overlap[known])
        reached = curve.delta[known & overlap]
        unreachable += not len(reached)
        falls.append(bool(np.any(reached < 0)))
        if on_item is not None:
            on_item(done)
    hit_array, fall_array = np.array(hits), np.array(falls)
    facts = np.array([record.false_fact for record in records])
    return Localisation(
        items=len(records),
        hit_rate=float(hit_array.mean()),
        hit_rate_by_fact=_by_fact(hit_array, facts),
        auroc=auroc(-np.concatenate(deltas), np.concatenate(wrong)),
        rises=float(np.concatenate(rises).mean()) if any(map(len, rises)) else float("nan"),
        falls=float(fall_array.mean()),
        falls_by_fact=_by_fact(fall_array, facts),
        unreachable=unreachable,
        ids=tuple(record.id for record in records),
        hits=hit_array,
    )


def _by_fact(values: NDArray[np.bool_], facts: NDArray[np.str_]) -> dict[str, tuple[float, int]]:
    return {
        str(fact): (float(values[facts == fact].mean()), int((facts == fact).sum()))
        for fact in np.unique(facts)
    }
