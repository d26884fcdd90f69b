"""Does a rater say the same in every task: verdicts on units, answers on scales, winners of battles.

In comments: B resamples, C images (clusters), N items or battles.
"""

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from annotations.bradley_terry import WINNERS
from annotations.correlation import MIN_ITEMS, Statistic
from annotations.detection import Unsure, unit_labels
from annotations.errors import InvalidScoresError
from annotations.long_form import is_missing
from annotations.resampled import resampled_spearman
from annotations.resampling import Counts, Floats, check_options, draw_blocks, numbered, percentile_interval


@dataclass(frozen=True)
class RaterConsistency:
    """One rater's tasks, held against each other.

    Attributes:
        verdicts_scale: spearman_rho of the share of hallucinated units with the answer on the scale, over the
            items with both; -1 is perfect consistency.
        battles_scale: Over battles with a winner, both of whose captions the rater put on the scale, the
            share in which the winner stands higher; equal answers count one half. 1 is perfect.
        battles_verdicts: The same with the share of hallucinated units: the winner has the lower one.
        n_equal_answers: Battles in `battles_scale` with equal answers.
        n_equal_shares: Battles in `battles_verdicts` with equal shares.
        n_ties: Battles without a winner, left out: on a coarse scale a tie contradicts nothing.
    """

    verdicts_scale: Statistic
    battles_scale: Statistic
    battles_verdicts: Statistic
    n_equal_answers: int
    n_equal_shares: int
    n_ties: int


def rater_consistency(
    verdicts: Sequence[tuple[Hashable, Hashable, str]],
    answers: Sequence[tuple[Hashable, Hashable, float]],
    battles: Sequence[tuple[Hashable, Hashable, Hashable, str]],
    *,
    images: Mapping[Hashable, Hashable],
    unsure: Unsure = "left_out",
    n_resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> dict[Hashable, RaterConsistency]:
    """Hold each rater's verdicts, answers and battles against each other.

    Args:
        verdicts: (rater, item, verdict), one row for each unit that the rater judged.
        answers: (rater, item, answer) on one scale, higher being better, for example correctness; None and
            NaN are no answer.
        battles: (rater, first item, second item, winner), the winner being "a" for the first, "b" or "tie".
        images: The image of each item.
        unsure: What a verdict of "unsure" counts as: nothing, hallucinated, or supported.
        n_resamples: How many resamples of a rater's images to draw; 0 for no intervals.
        confidence: Of the intervals, between 0 and 1.
        seed: Of the resamples; the same for every rater.

    Returns:
        Every rater that comes in one of the three, in that order. A value is NaN, with the reason as its
        note, where a rater has too little in common between two tasks, or always said the same.

    Raises:
        InvalidScoresError: If a rater answered on an item twice, an item has no image, a verdict or a winner
            is unknown, an answer is infinite, or an option is out of range.

    Source:
        ours: docs/analysis.md, Consistency of a rater.
    """
    check_options(n_resamples, confidence)
    shares = _shares(verdicts, unsure)
    scale = _answers(answers)
    raters = list(dict.fromkeys(row[0] for rows in (verdicts, answers, battles) for row in rows))
    fought: dict[Hashable, list[tuple[Hashable, Hashable, str]]] = {rater: [] for rater in raters}
    for rater, first, second, winner in battles:
        if winner not in WINNERS:
            raise InvalidScoresError(f"a winner of rater {rater!r} is {winner!r}; it must be in {WINNERS}")
        fought[rater].append((first, second, winner))
    options = {"n_resamples": n_resamples, "confidence": confidence, "seed": seed}
    result = {}
    for rater in raters:
        on_scale, on_units = scale.get(rater, {}), shares.get(rater, {})
        against_scale, n_equal = _wins(fought[rater], on_scale, images, "answers", options)
        against_units, n_same = _wins(
            fought[rater], {item: -share for item, share in on_units.items()}, images, "verdicts", options
        )
        result[rater] = RaterConsistency(
            verdicts_scale=_correlation(on_units, on_scale, images, options),
            battles_scale=against_scale,
            battles_verdicts=against_units,
            n_equal_answers=n_equal,
            n_equal_shares=n_same,
            n_ties=sum(winner == "tie" for _, _, winner in fought[rater]),
        )
    return result


def _shares(
    verdicts: Sequence[tuple[Hashable, Hashable, str]], unsure: Unsure
) -> dict[Hashable, dict[Hashable, float]]:
    """Find each rater's share of hallucinated units on each item with a verdict that counts."""
    label = unit_labels([[verdict] for _, _, verdict in verdicts], unsure=unsure).hallucinated.tolist()
    units: dict[Hashable, dict[Hashable, list[float]]] = {}
    for (rater, item, _), hallucinated in zip(verdicts, label, strict=True):
        if not math.isnan(hallucinated):
            units.setdefault(rater, {}).setdefault(item, []).append(hallucinated)
    return {
        rater: {item: sum(of) / len(of) for item, of in by_item.items()} for rater, by_item in units.items()
    }


def _answers(
    answers: Sequence[tuple[Hashable, Hashable, float]],
) -> dict[Hashable, dict[Hashable, float]]:
    scale: dict[Hashable, dict[Hashable, float]] = {}
    for rater, item, answer in answers:
        if is_missing(answer):
            continue
        if math.isinf(answer):
            raise InvalidScoresError(f"the answer of rater {rater!r} on item {item!r} is infinite")
        if item in scale.setdefault(rater, {}):
            raise InvalidScoresError(
                f"rater {rater!r} has more than one answer on item {item!r}; keep the latest only"
            )
        scale[rater][item] = float(answer)
    return scale


def _correlation(
    shares: dict[Hashable, float],
    answers: dict[Hashable, float],
    images: Mapping[Hashable, Hashable],
    options: Mapping[str, float],
) -> Statistic:
    both = [item for item in shares if item in answers]
    # Shares that are equal on paper may differ in their last digit, and would no longer tie.
    x: Floats = np.round(np.array([shares[item] for item in both], dtype=np.float64), 12).astype(np.float64)
    y: Floats = np.array([answers[item] for item in both], dtype=np.float64)
    reason = ""
    if len(both) < MIN_ITEMS:
        reason = f"needs at least {MIN_ITEMS} items with verdicts and an answer; there are {len(both)}"
    elif np.ptp(x) == 0:
        reason = "all shares of hallucinated units are equal"
    elif np.ptp(y) == 0:
        reason = "the rater's answers are all equal"
    group, n_groups = _groups(both, images)
    return _statistic(
        lambda draws: resampled_spearman(x, y, draws, group), len(both), n_groups, reason, options
    )


def _wins(
    battles: Sequence[tuple[Hashable, Hashable, str]],
    height: Mapping[Hashable, float],
    images: Mapping[Hashable, Hashable],
    what: str,
    options: Mapping[str, float],
) -> tuple[Statistic, int]:
    """Compute the share of winners that stand higher, and count the battles whose captions stand level."""
    decided = [
        (first, second) if winner == "a" else (second, first)
        for first, second, winner in battles
        if winner != "tie" and first in height and second in height
    ]
    lead = np.round(np.array([height[won] - height[lost] for won, lost in decided], dtype=np.float64), 12)
    credit = (np.sign(lead) + 1) / 2
    group, n_groups = _groups([won for won, _ in decided], images)
    met, of = (np.bincount(group, weights=each, minlength=n_groups) for each in (credit, np.ones(len(lead))))
    reason = "" if decided else f"no battle with a winner is of two captions with {what} of this rater"
    statistic = _statistic(
        lambda draws: (draws @ met) / np.where(draws @ of > 0, draws @ of, np.nan),
        len(decided),
        n_groups,
        reason,
        options,
    )
    return statistic, int((lead == 0).sum())


def _groups(items: Sequence[Hashable], images: Mapping[Hashable, Hashable]) -> tuple[Counts, int]:
    missing = [item for item in items if item not in images]
    if missing:
        raise InvalidScoresError(f"item {missing[0]!r} has no image; name the image of every item")
    group, names = numbered([images[item] for item in items])
    return group, len(names)


def _statistic(
    of: Callable[[Counts], Floats], n: int, n_groups: int, reason: str, options: Mapping[str, float]
) -> Statistic:
    if reason:
        return Statistic(math.nan, n, math.nan, math.nan, reason)
    blocks = draw_blocks(n_groups, n_resamples=int(options["n_resamples"]), seed=int(options["seed"]))
    values = np.concatenate([np.asarray(of(block)) for block in blocks])
    low, high, note = percentile_interval(
        values[1:], options["confidence"], n_groups=n_groups, otherwise="one side is constant"
    )
    return Statistic(float(values[0]), n, low, high, note)
