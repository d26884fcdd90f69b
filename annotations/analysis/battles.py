"""Battles: which system people prefer, and whether metrics pick the captions and systems that people pick.

In comments: B answers.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np

from annotations.analysis.metric_names import metric_name
from annotations.analysis.table import SENTINELS, BattleTable
from annotations.battle_agreement import BattleAgreement, agree_with_battles
from annotations.bradley_terry import DEFAULT_RIDGE, Winner
from annotations.correlation import Statistic
from annotations.level_values import too_few
from annotations.ranking import Ranking, rank_systems
from annotations.resampling import Floats, check_options
from annotations.weighting import hajek_mean


@dataclass(frozen=True)
class BattleRow:
    """One metric held against battles.

    Attributes:
        name: Of the metric.
        sentinel: Whether it means nothing by itself, and is there to be beaten.
        accuracy: Caption level: over answers with a winner, the share in which the winner has the higher
            score; tied scores count one half.
        accuracy_with_ties: Caption level: over all answers, the share in which the metric says what people
            say.
        kendall_tau_b: Model level: of the strengths and the mean scores of the systems; n counts systems.
        pearson_r: Model level: of the same.
        n_battles: Answers on two captions that both have a score.
        n_metric_ties: Those whose scores are tied.
        n_left_out: Answers on a caption without a score.
        tie_threshold: Scores that differ by no more are tied.
    """

    name: str
    sentinel: bool
    accuracy: Statistic
    accuracy_with_ties: Statistic
    kendall_tau_b: Statistic
    pearson_r: Statistic
    n_battles: int
    n_metric_ties: int
    n_left_out: int
    tie_threshold: float


@dataclass(frozen=True)
class BattlePart:
    """What battles say.

    Attributes:
        ranking: Strengths of the systems with intervals and clusters; None where there are none.
        no_ranking: Why there are none, in one sentence; otherwise empty.
        both_poor: Share of answers that call both captions poor.
        rows: The metrics, the one with the highest accuracy first; those without one last.
        n_answers: Answers of raters, B.
        n_ties: Those without a winner.
        n_pairs: Pairs of captions.
        n_images: Images.
        n_raters: People.
        n_unlike: Answers on captions of two different systems whose names are known.
        notices: What a reader has to know, in plain sentences.
        n_resamples: Of the intervals.
        confidence: Of the intervals and of the clusters.
        seed: Of the resamples.
        left_out: Answers that the choice leaves out, by the reason.
    """

    ranking: Ranking | None
    no_ranking: str
    both_poor: Statistic
    rows: tuple[BattleRow, ...]
    n_answers: int
    n_ties: int
    n_pairs: int
    n_images: int
    n_raters: int
    n_unlike: int
    notices: tuple[str, ...]
    n_resamples: int
    confidence: float
    seed: int
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def left_out_sentence(self) -> str:
        """Say how many answers the choice leaves out, and why; nothing where there are none."""
        if not self.left_out:
            return ""
        n = sum(self.left_out.values())
        reasons = ", ".join(f"{reason} {number:,}" for reason, number in self.left_out.items())
        return f"{n:,} {'answer is' if n == 1 else 'answers are'} left out: {reasons}."


def battle_part(
    battles: BattleTable,
    *,
    tie_threshold: float = 0.0,
    ridge: float = DEFAULT_RIDGE,
    n_resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> BattlePart:
    """Rank systems by battles, and hold every metric against the battles.

    Args:
        battles: The answers; one rater's answer to one pair of captions each.
        tie_threshold: Scores that differ by no more are tied; at least 0.
        ridge: Of the strengths, above 0.
        n_resamples: Of the intervals; 0 for no intervals and no clusters.
        confidence: Of the intervals, and of all clusters together, between 0 and 1.
        seed: Of the resamples.

    Returns:
        The part. A value that does not exist is NaN, with the reason as its note.

    Raises:
        InvalidScoresError: If an option is out of range.

    Source:
        Definitions: docs/analysis.md, Battles.
    """
    check_options(n_resamples, confidence)
    drawn: dict[str, Any] = {"n_resamples": n_resamples, "confidence": confidence, "seed": seed}
    systems = zip(battles.first_system, battles.second_system, strict=True)
    unlike = [row for row, (a, b) in enumerate(systems) if a and b and a != b]
    ranking, no_ranking = None, _no_ranking(battles, unlike)
    if not no_ranking:
        ranking = rank_systems(
            [battles.first_system[row] for row in unlike],
            [battles.second_system[row] for row in unlike],
            [cast(Winner, battles.winner[row]) for row in unlike],
            groups=[battles.image[row] for row in unlike],
            ridge=ridge,
            **drawn,
        )
    rows = [
        _row(battles, name, unlike, no_ranking, {"tie_threshold": tie_threshold, "ridge": ridge, **drawn})
        for name in battles.first_scores
        if name in battles.second_scores
    ]
    both_poor = hajek_mean(
        np.array(battles.both_poor, dtype=np.float64), np.ones(len(battles)), groups=battles.image, **drawn
    )
    if not len(battles):
        both_poor = replace(both_poor, note="there are no battles")
    part = BattlePart(
        ranking=ranking,
        no_ranking=no_ranking,
        both_poor=both_poor,
        rows=tuple(sorted(rows, key=_place)),
        n_answers=len(battles),
        n_ties=sum(winner == "tie" for winner in battles.winner),
        n_pairs=len({frozenset(pair) for pair in zip(battles.first, battles.second, strict=True)}),
        n_images=len(set(battles.image)),
        n_raters=len(set(battles.rater)),
        n_unlike=len(unlike),
        notices=(),
        left_out=battles.left_out,
        **drawn,
    )
    return replace(part, notices=tuple(_notices(part)))


def _place(row: BattleRow) -> tuple[bool, float, str]:
    value = row.accuracy.value
    return math.isnan(value), 0 if math.isnan(value) else -value, row.name


def _no_ranking(battles: BattleTable, unlike: Sequence[int]) -> str:
    if not len(battles):
        return "there are no battles"
    if not unlike:
        return "no battle is between captions of two systems whose names are known"
    return ""


def _row(
    battles: BattleTable, name: str, unlike: Sequence[int], no_ranking: str, options: dict[str, Any]
) -> BattleRow:
    first, second = battles.first_scores[name], battles.second_scores[name]
    scored = ~(np.isnan(first) | np.isnan(second))
    everything = list(range(len(battles)))
    # At the level of captions the system does not matter, so the two sides stand for systems.
    captions = _agree(battles, everything, first, second, ["a"] * len(battles), ["b"] * len(battles), options)
    models: BattleAgreement | None = None
    if scored[unlike].any():
        models = _agree(
            battles,
            unlike,
            first,
            second,
            [battles.first_system[row] for row in unlike],
            [battles.second_system[row] for row in unlike],
            options,
        )
    unscored = "no battle is between two captions that this metric has scored"
    no_models = no_ranking or "no battle between known systems has scores of this metric on both sides"
    return BattleRow(
        name=name,
        sentinel=name in SENTINELS,
        accuracy=captions.accuracy if captions else _nothing(unscored),
        accuracy_with_ties=captions.accuracy_with_ties if captions else _nothing(unscored),
        kendall_tau_b=models.kendall_tau_b if models else _nothing(no_models),
        pearson_r=models.pearson_r if models else _nothing(no_models),
        n_battles=int(scored.sum()),
        n_metric_ties=captions.n_metric_ties if captions else 0,
        n_left_out=int((~scored).sum()),
        tie_threshold=float(options["tie_threshold"]),
    )


def _agree(
    battles: BattleTable,
    rows: Sequence[int],
    first: Floats,
    second: Floats,
    first_system: Sequence[str],
    second_system: Sequence[str],
    options: dict[str, Any],
) -> BattleAgreement | None:
    if np.isnan(first[rows] + second[rows]).all():
        return None
    return agree_with_battles(
        first_system,
        second_system,
        [cast(Winner, battles.winner[row]) for row in rows],
        first[rows],
        second[rows],
        groups=[battles.image[row] for row in rows],
        **options,
    )


def _nothing(reason: str) -> Statistic:
    return Statistic(math.nan, 0, math.nan, math.nan, reason)


def _notices(part: BattlePart) -> list[str]:
    if part.n_answers == 0:
        return ["There are no battles: add pairs of captions to a campaign, or import battles."]
    found = []
    if few := too_few(part.n_images):
        found.append(f"{few}.")
    if part.no_ranking:
        found.append(f"Systems are not ranked: {part.no_ranking}.")
    elif part.n_unlike < part.n_answers:
        found.append(
            f"{part.n_answers - part.n_unlike:,} of {part.n_answers:,} answers are on captions of one system "
            f"or of unknown ones; they count at the level of captions only."
        )
    if part.ranking is not None and part.ranking.note:
        found.append(f"{part.ranking.note[0].upper()}{part.ranking.note[1:]}.")
    if not part.rows:
        found.append("No metric has scored these captions.")
    missing = [row for row in part.rows if row.n_left_out]
    if missing:
        found.append(
            f"Answers on captions without a score, out of {part.n_answers:,}: "
            + ", ".join(f"{metric_name(row.name)} {row.n_left_out:,}" for row in missing)
            + "."
        )
    chance = [
        metric_name(row.name)
        for row in part.rows
        if not row.sentinel and row.accuracy.low <= 0.5 <= row.accuracy.high
    ]
    if chance:
        found.append(
            f"The interval of the accuracy holds one half, which drawing lots reaches, for "
            f"{', '.join(chance)}."
        )
    return found
