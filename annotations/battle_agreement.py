"""Does a metric pick the winners that people pick: caption by caption, and system by system.

In comments: B resamples, C images (clusters), N battles, P imagined images, S systems.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from annotations.bradley_terry import (
    DEFAULT_RIDGE,
    Battles,
    Winner,
    check_ridge,
    count_battles,
    fit_strengths,
)
from annotations.correlation import MIN_ITEMS, ArrayLike, Statistic
from annotations.errors import InvalidScoresError
from annotations.resampling import Counts, Floats, check_options, draw_blocks, percentile_interval


@dataclass(frozen=True)
class BattleAgreement:
    """How far one metric agrees with battles.

    Attributes:
        accuracy: Over battles with a winner, the share in which the winner has the higher score; two scores
            that are tied count one half, as drawing lots would.
        accuracy_with_ties: Over all battles, the share in which the metric says what people say: the winner
            has the higher score, or both are tied.
        kendall_tau_b: Of strengths and mean scores of the systems; n counts systems.
        pearson_r: Of the same.
        n_battles: Battles with an answer and both scores.
        n_human_ties: Those without a winner.
        n_metric_ties: Those whose scores differ by no more than the threshold.
        n_left_out: Battles without an answer or without a score.
        n_groups: Images that the battles are of.
        tie_threshold: As given.
        n_resamples: Resamples asked for.
        confidence: Of the intervals, for example 0.95.
        seed: Of the resamples.
    """

    accuracy: Statistic
    accuracy_with_ties: Statistic
    kendall_tau_b: Statistic
    pearson_r: Statistic
    n_battles: int
    n_human_ties: int
    n_metric_ties: int
    n_left_out: int
    n_groups: int
    tie_threshold: float
    n_resamples: int
    confidence: float
    seed: int


def agree_with_battles(
    first: Sequence[Hashable],
    second: Sequence[Hashable],
    winners: Sequence[Winner | None],
    first_scores: ArrayLike,
    second_scores: ArrayLike,
    *,
    groups: Sequence[Hashable] | None = None,
    tie_threshold: float = 0.0,
    ridge: float = DEFAULT_RIDGE,
    n_resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> BattleAgreement:
    """Hold a metric against battles, with percentile intervals by cluster bootstrap over images.

    A system's mean score is over its captions, of which one that fights several battles counts once: the
    same system, image and score are the same caption. The systems are fixed; images are resampled, and
    strengths and means are computed anew on each resample.

    Args:
        first: (N,) the system on side a of each battle.
        second: (N,) the system on side b.
        winners: (N,) "a", "b" or "tie"; None leaves the battle out.
        first_scores: (N,) the metric's score of the caption on side a; NaN leaves the battle out.
        second_scores: (N,) that of the caption on side b.
        groups: (N,) the image of each battle; without them every battle counts as an image of its own.
        tie_threshold: Scores that differ by no more than this are tied; at least 0.
        ridge: Of the strengths, as for `rank_systems`.
        n_resamples: How many resamples to draw; 0 for no intervals.
        confidence: Of the intervals, between 0 and 1.
        seed: Of the resamples.

    Returns:
        The agreement. A value is NaN, with the reason as its note, where there is nothing to compute it from:
        no battle with a winner; fewer than three systems, or systems that no battles link.

    Raises:
        InvalidScoresError: If the lengths differ, a score is infinite, no battle is left, or as for
            `rank_systems`.

    Source:
        Accuracy with ties: Deutsch, Foster and Freitag, Ties Matter, 2023, acc-eq; the rest:
        docs/analysis.md, Battles.
    """
    check_options(n_resamples, confidence)
    check_ridge(ridge)
    if not 0 <= tie_threshold < math.inf:
        raise InvalidScoresError(f"the tie threshold must be at least 0 and finite; got {tie_threshold}")
    scores = _checked_scores(first_scores, second_scores, len(first))  # (2, N)
    known = np.asarray(~np.isnan(scores).any(axis=0))
    scored = [winner if here else None for winner, here in zip(winners, known.tolist(), strict=True)]
    battles = count_battles(first, second, scored, groups=groups)
    scores = scores[:, [row for row, winner in enumerate(scored) if winner is not None]]
    lead = scores[0] - scores[1]
    said = np.where(np.abs(lead) <= tie_threshold, 0.5, (lead > 0).astype(np.float64))
    decided = battles.outcome != 0.5
    credit = np.where(said == 0.5, 0.5, said == battles.outcome)
    same = (said == battles.outcome).astype(np.float64)
    draws = list(draw_blocks(battles.wins.shape[0], n_resamples=n_resamples, seed=seed))
    draws[0] = battles.on_the_data
    if battles.n_groups < 2:
        draws = draws[:1]
    real = [block[:, : battles.n_groups] for block in draws]

    def statistic(values: Floats, n: int, reason: str, otherwise: str) -> Statistic:
        if reason:
            return Statistic(math.nan, n, math.nan, math.nan, reason)
        low, high, note = percentile_interval(
            values[1:], confidence, n_groups=battles.n_groups, otherwise=otherwise
        )
        return Statistic(float(values[0]), n, low, high, note)

    on_decided = _share(real, battles.group[decided], credit[decided], battles.n_groups)
    on_all = _share(real, battles.group, same, battles.n_groups)
    linked, tau, r = _between_systems(battles, scores, draws, ridge)
    n_systems = len(battles.systems)
    no_winner = "" if decided.any() else f"none of the {len(same)} battles has a winner"
    falls_apart = "the battles fall apart, or one side is constant"
    return BattleAgreement(
        accuracy=statistic(on_decided, int(decided.sum()), no_winner, "no battle has a winner"),
        accuracy_with_ties=statistic(on_all, len(same), "", "there is no battle"),
        kendall_tau_b=statistic(tau, n_systems, linked, falls_apart),
        pearson_r=statistic(r, n_systems, linked, falls_apart),
        n_battles=len(same),
        n_human_ties=int((~decided).sum()),
        n_metric_ties=int((said == 0.5).sum()),
        n_left_out=len(winners) - len(same),
        n_groups=battles.n_groups,
        tie_threshold=tie_threshold,
        n_resamples=n_resamples,
        confidence=confidence,
        seed=seed,
    )


def _checked_scores(first: ArrayLike, second: ArrayLike, n: int) -> Floats:
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if a.shape != (n,) or b.shape != (n,):
        raise InvalidScoresError(f"there are {n} battles, and scores of shape {a.shape} and {b.shape}")
    scores = np.stack([a, b])
    if np.isinf(scores).any():
        raise InvalidScoresError("a score is infinite; only finite scores and NaN can be compared")
    return scores


def _share(draws: list[Counts], group: Counts, credit: Floats, n_groups: int) -> Floats:
    """Average the credit on each resample: (B,); NaN where a resample holds none of the battles."""
    met = np.bincount(group, weights=credit, minlength=n_groups)
    of = np.bincount(group, minlength=n_groups).astype(np.float64)
    tops, bottoms = np.concatenate([block @ met for block in draws]), np.concatenate([b @ of for b in draws])
    return np.where(bottoms > 0, tops / np.maximum(bottoms, 1), np.nan)


def _between_systems(
    battles: Battles, scores: Floats, draws: list[Counts], ridge: float
) -> tuple[str, Floats, Floats]:
    """Correlate strengths and mean scores on each resample: why not, or tau-b and r, (B,) each."""
    n = len(battles.systems)
    nothing = np.full(1, np.nan)
    if n < MIN_ITEMS:
        return f"needs at least {MIN_ITEMS} systems; there are {n}", nothing, nothing
    if battles.component.max() > 0:
        parts = int(battles.component.max()) + 1
        reason = f"the battles fall apart into {parts} components, whose strengths do not compare"
        return reason, nothing, nothing
    # One row for each caption: what system, what image, what score.
    rows = np.unique(
        np.stack(
            [
                np.concatenate([battles.first, battles.second]),
                np.concatenate([battles.group, battles.group]),
                scores.reshape(-1),
            ]
        ),
        axis=1,
    )
    system, image = rows[0].astype(np.int64), rows[1].astype(np.int64)
    total = sparse.csr_array((rows[2], (image, system)), shape=(battles.n_groups, n))
    count = sparse.csr_array((np.ones(len(system)), (image, system)), shape=(battles.n_groups, n))
    taus, rs = [], []
    for block in draws:
        weights = block[:, : battles.n_groups].astype(np.float64)
        captions = np.asarray(weights @ count)
        means = np.asarray(weights @ total) / np.maximum(captions, 1)  # (b, S)
        strengths = fit_strengths(battles, block, ridge=ridge)
        known = (captions > 0).all(axis=1) & ~np.isnan(strengths).any(axis=1)
        # Equal on paper may differ in the last digits, and would no longer tie.
        tau, r = _row_correlations(np.round(strengths, 6), np.round(means, 12))
        taus.append(np.where(known, tau, np.nan))
        rs.append(np.where(known, r, np.nan))
    tau, r = np.concatenate(taus), np.concatenate(rs)
    reason = "" if not math.isnan(tau[0]) else "all strengths or all mean scores of the systems are equal"
    return reason, tau, r


def _row_correlations(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Compute tau-b and Pearson's r of each row of (B, S): (B,) each; NaN where one is constant."""
    one, other = np.triu_indices(x.shape[1], 1)
    tau_parts = np.zeros((3, len(x)))
    for a, b in zip(one, other, strict=True):
        up_x, up_y = np.sign(x[:, a] - x[:, b]), np.sign(y[:, a] - y[:, b])
        tau_parts += np.stack([up_x * up_y, up_x**2, up_y**2])
    x, y = x - x.mean(axis=1, keepdims=True), y - y.mean(axis=1, keepdims=True)
    varies = (tau_parts[1] > 0) & (tau_parts[2] > 0)
    results = []
    for top, below_x, below_y in (
        (tau_parts[0], tau_parts[1], tau_parts[2]),
        ((x * y).sum(axis=1), (x * x).sum(axis=1), (y * y).sum(axis=1)),
    ):
        below = np.sqrt(below_x) * np.sqrt(below_y)
        varies_here = varies & (below > 0)
        ratio = np.divide(top, below, out=np.full(len(x), np.nan), where=varies_here)
        results.append(np.clip(ratio, -1, 1))
    return results[0], results[1]
