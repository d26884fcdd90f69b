"""Which system writes the better captions: strengths from battles, with intervals and clusters.

In comments: B resamples, N battles, S systems.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from annotations.bradley_terry import (
    DEFAULT_RIDGE,
    Battles,
    Winner,
    check_ridge,
    count_battles,
    fit_strengths,
)
from annotations.correlation import Statistic
from annotations.resampling import Counts, Floats, check_options, draw_blocks, percentile_interval

# Strengths that are equal on paper may differ by this much.
_ROUNDING: Final = 1e-6


@dataclass(frozen=True)
class SystemStrength:
    """One system among the others.

    Attributes:
        strength: Log-odds of beating a system of strength 0, the mean of its component; n counts its battles.
        wins: Battles won.
        losses: Battles lost.
        ties: Battles without a winner.
        cluster: 1 for the best systems; systems that share one are not told apart. None without resamples.
        component: Number of its component, from 0; strengths compare within one component only.
    """

    strength: Statistic
    wins: int
    losses: int
    ties: int
    cluster: int | None
    component: int


@dataclass(frozen=True)
class Ranking:
    """Strengths of all systems.

    Attributes:
        systems: Each system, the strongest first within its component.
        components: Systems that battles link, directly or through others; one where all are linked.
        undefeated: Systems that won every one of their battles.
        winless: Systems that lost every one of theirs.
        n_battles: Battles with an answer.
        n_ties: Those without a winner.
        n_unanswered: Battles left out because they have no answer.
        n_groups: Images that the battles are of.
        note: What a reader must know of the whole; otherwise empty.
        ridge: As given.
        n_resamples: Resamples asked for.
        confidence: Of the intervals and of the clusters, for example 0.95.
        seed: Of the resamples.
    """

    systems: dict[Hashable, SystemStrength]
    components: tuple[tuple[Hashable, ...], ...]
    undefeated: tuple[Hashable, ...]
    winless: tuple[Hashable, ...]
    n_battles: int
    n_ties: int
    n_unanswered: int
    n_groups: int
    note: str
    ridge: float
    n_resamples: int
    confidence: float
    seed: int


def rank_systems(
    first: Sequence[Hashable],
    second: Sequence[Hashable],
    winners: Sequence[Winner | None],
    *,
    groups: Sequence[Hashable] | None = None,
    ridge: float = DEFAULT_RIDGE,
    n_resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Ranking:
    """Fit Bradley-Terry strengths, with percentile intervals by cluster bootstrap over images.

    Args:
        first: (N,) the system on side a of each battle.
        second: (N,) the system on side b.
        winners: (N,) "a", "b" or "tie"; None is no answer, which is counted and left out.
        groups: (N,) the image of each battle; without them battles are drawn as if they were independent.
        ridge: Weight of the penalty, half of it times the squared strengths; above 0.
        n_resamples: How many resamples to draw; 0 for no intervals and no clusters.
        confidence: Of the intervals, and of all clusters together, between 0 and 1.
        seed: Of the resamples; the same seed and data give the same intervals.

    Returns:
        The strengths. A system that won or lost everything has a finite one by the ridge alone, and its note
        says so. Resamples in which the battles fall apart have no value; they are counted.

    Raises:
        InvalidScoresError: If the lengths differ, a system meets itself, an answer is not one of the three,
            no battle has an answer, or an option is out of range.

    Source:
        Bradley and Terry, Rank analysis of incomplete block designs, 1952; when strengths are finite: Ford,
        Solution of a ranking problem from binary comparisons, 1957; the rest: docs/analysis.md, Battles.
    """
    check_options(n_resamples, confidence)
    check_ridge(ridge)
    battles = count_battles(first, second, winners, groups=groups)
    point = fit_strengths(battles, battles.on_the_data, ridge=ridge)[0]  # (S,)
    blocks = [np.zeros((0, len(battles.systems)))]
    if battles.n_groups > 1:
        draws = draw_blocks(battles.wins.shape[0], n_resamples=n_resamples, seed=seed)
        next(draws)  # the data itself, together with the imagined images
        blocks += [fit_strengths(battles, block, ridge=ridge) for block in draws]
    resampled = np.concatenate(blocks)  # (B, S)
    clusters = _clusters(point, resampled, battles.component, confidence)
    tally = _tally(battles)  # (S, 3)
    played = tally.sum(axis=1)
    undefeated, winless = tally[:, 0] == played, tally[:, 1] == played

    def system(number: int) -> SystemStrength:
        low, high, note = percentile_interval(
            resampled[:, number], confidence, n_groups=battles.n_groups, otherwise="the battles fall apart"
        )
        verb = "won" if undefeated[number] else "lost" if winless[number] else ""
        held = f"{verb} all of its {played[number]:,} battles: only the ridge keeps its strength finite"
        strength = Statistic(float(point[number]), int(played[number]), low, high, note)
        if verb:
            strength = replace(strength, note="; ".join(part for part in (held, note) if part))
        wins, losses, ties = tally[number].tolist()
        cluster = clusters[number] if clusters else None
        return SystemStrength(strength, wins, losses, ties, cluster, int(battles.component[number]))

    order = np.lexsort((-point, battles.component)).tolist()
    names = battles.systems
    members = [
        tuple(names[number] for number in order if battles.component[number] == component)
        for component in range(int(battles.component.max()) + 1)
    ]
    return Ranking(
        systems={names[number]: system(number) for number in order},
        components=tuple(members),
        undefeated=tuple(names[number] for number in order if undefeated[number]),
        winless=tuple(names[number] for number in order if winless[number]),
        n_battles=len(battles.first),
        n_ties=int((battles.outcome == 0.5).sum()),
        n_unanswered=battles.n_unanswered,
        n_groups=battles.n_groups,
        note=_note(battles, members, grouped=groups is not None),
        ridge=ridge,
        n_resamples=n_resamples,
        confidence=confidence,
        seed=seed,
    )


def _clusters(point: Floats, resampled: Floats, component: Counts, confidence: float) -> list[int] | None:
    """Give each system the number of its cluster; None where no resample has a value."""
    known = resampled[~np.isnan(resampled).any(axis=1)]
    if len(known) < 2 or 2 * len(known) < len(resampled):
        return None
    off = known - point  # (B, S)
    rows = [np.flatnonzero(component == component[number]) for number in range(len(point))]
    spread = [np.std(known[:, [number]] - known[:, rows[number]], axis=0) for number in range(len(point))]
    largest = np.zeros(len(known))
    for number, others in enumerate(rows):
        apart = np.abs(off[:, [number]] - off[:, others])
        scaled = np.divide(apart, spread[number], out=np.zeros_like(apart), where=spread[number] > 0)
        largest = np.maximum(largest, scaled.max(axis=1))
    # One bound for all pairs at once, so that the clusters together keep their level.
    bound = np.quantile(largest, confidence)
    clusters = [0] * len(point)
    for of in range(int(component.max()) + 1):
        current: list[int] = []
        cluster = 1
        for number in sorted(np.flatnonzero(component == of).tolist(), key=lambda at: (-point[at], at)):
            places = np.searchsorted(rows[number], current)
            apart = np.abs(point[number] - point[current]) if current else np.zeros(0)
            if (apart > bound * spread[number][places] + _ROUNDING).any():
                cluster, current = cluster + 1, []
            current.append(number)
            clusters[number] = cluster
    return clusters


def _tally(battles: Battles) -> Counts:
    """Count wins, losses and ties of each system: (S, 3)."""
    columns = []
    for a_is in (1.0, 0.0, 0.5):
        of_a, of_b = battles.first[battles.outcome == a_is], battles.second[battles.outcome == 1 - a_is]
        columns.append(np.bincount(np.concatenate([of_a, of_b]), minlength=len(battles.systems)))
    return np.stack(columns, axis=1).astype(np.int64)


def _note(battles: Battles, members: list[tuple[Hashable, ...]], *, grouped: bool) -> str:
    parts = []
    if len(members) > 1:
        listed = " | ".join(", ".join(map(str, names)) for names in members)
        parts.append(
            f"no battle links the {len(members)} components {listed}: strengths compare within one only"
        )
    n_real = battles.n_groups
    if battles.wins.shape[0] > n_real:
        parts.append(
            "some systems never lost to some others: how far they are apart rests on the ridge, and their "
            "intervals on one imagined loss"
        )
    if not grouped:
        parts.append("no images are named: battles are drawn as if they were independent")
    return "; ".join(parts)
