"""Bradley-Terry strengths of systems from battles, fitted on many resamples at once.

In a battle people say which of two captions of one image is better. The chance that system i beats system j
is 1 / (1 + exp(strength j - strength i)), a tie counts as half a win for either, and a small ridge keeps
every strength finite.

In comments: B resamples, C images (clusters), N battles, P imagined images, S systems.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse import csgraph
from scipy.special import expit

from annotations.errors import InvalidScoresError
from annotations.resampling import Counts, Floats, numbered

DEFAULT_RIDGE: Final = 0.01
"""A normal prior with standard deviation 10 on each strength: next to nothing where there are battles."""

WINNERS: Final = ("a", "b", "tie")

# Bounds the memory of one step to some tens of megabytes.
_CELLS_AT_ONCE: Final = 2_000_000
_MAX_STEPS: Final = 200

Winner = Literal["a", "b", "tie"]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Battles:
    """Battles that have an answer, counted by image.

    Attributes:
        wins: (C + P, S * S) wins of system i over system j in column i * S + j, half a win per tie. The last
            P rows are imagined images, for resamples only.
        systems: S names.
        group: (N,) number of the image of each battle.
        n_groups: Images, C.
        first: (N,) number of the system on side a.
        second: (N,) number of the system on side b.
        outcome: (N,) 1 where a won, 0 where b won, 0.5 for a tie.
        component: (S,) number of the component of each system.
        n_unanswered: Battles without an answer.
    """

    wins: sparse.csr_array
    systems: tuple[Hashable, ...]
    group: Counts
    n_groups: int
    first: Counts
    second: Counts
    outcome: Floats
    component: Counts
    n_unanswered: int

    @property
    def on_the_data(self) -> Counts:
        """One draw in which every image comes once and no imagined one does: (1, C + P)."""
        return (np.arange(self.wins.shape[0]) < self.n_groups).astype(np.int64)[None, :]


def check_ridge(ridge: float) -> None:
    """Refuse a ridge that keeps nothing finite.

    Raises:
        InvalidScoresError: If it is not above 0, or not finite.
    """
    if not 0 < ridge < math.inf:
        raise InvalidScoresError(f"the ridge must be above 0 and finite; got {ridge}")


def count_battles(
    first: Sequence[Hashable],
    second: Sequence[Hashable],
    winners: Sequence[Winner | None],
    *,
    groups: Sequence[Hashable] | None = None,
) -> Battles:
    """Check battles and count them by image.

    Args:
        first: As for `rank_systems`.
        second: As for `rank_systems`.
        winners: As for `rank_systems`.
        groups: As for `rank_systems`.

    Returns:
        The battles that have an answer.

    Raises:
        InvalidScoresError: As for `rank_systems`.
    """
    images = list(range(len(first))) if groups is None else list(groups)
    if not len(first) == len(second) == len(winners) == len(images):
        raise InvalidScoresError(
            f"there are {len(first)} systems a, {len(second)} systems b, {len(winners)} winners and "
            f"{len(images)} groups; they must be as many"
        )
    for row, (side_a, side_b, winner) in enumerate(zip(first, second, winners, strict=True)):
        if winner is not None and winner not in WINNERS:
            raise InvalidScoresError(f"the winner of battle {row} is {winner!r}; it must be one of {WINNERS}")
        if side_a == side_b:
            raise InvalidScoresError(f"battle {row} is of {side_a!r} against itself; two systems are needed")
    kept = [row for row, winner in enumerate(winners) if winner is not None]
    if not kept:
        raise InvalidScoresError(f"none of the {len(winners)} battles has an answer; nothing can be ranked")
    both, systems = numbered([name for row in kept for name in (first[row], second[row])])
    group, names = numbered([images[row] for row in kept])
    a, b = both[::2], both[1::2]
    outcome = np.array([{"a": 1.0, "b": 0.0, "tie": 0.5}[winners[row] or ""] for row in kept])
    n, n_groups = len(systems), len(names)
    values = np.concatenate([outcome, 1 - outcome])
    cells = (np.concatenate([group, group]), np.concatenate([a * n + b, b * n + a]))
    wins = sparse.csr_array((values, cells), shape=(n_groups, n * n))
    won = np.asarray(wins.sum(axis=0)).reshape(n, n)
    _, component = csgraph.connected_components(won, directed=False)
    imagined = _imagined(won)
    return Battles(
        wins=sparse.vstack([wins, sparse.csr_array(imagined)], format="csr") if len(imagined) else wins,
        systems=tuple(systems),
        group=group,
        n_groups=n_groups,
        first=a,
        second=b,
        outcome=outcome,
        component=component.astype(np.int64),
        n_unanswered=len(winners) - len(kept),
    )


def fit_strengths(battles: Battles, draws: Counts, *, ridge: float) -> Floats:
    """Fit the strengths on each resample.

    Args:
        battles: From `count_battles`.
        draws: (B, C + P) how often each image was drawn.
        ridge: Above 0.

    Returns:
        (B, S) with mean 0 in each component; NaN throughout a resample whose battles link fewer systems than
        those of the data.
    """
    n = len(battles.systems)
    n_components = int(battles.component.max()) + 1
    together = battles.component[:, None] == battles.component[None, :]
    centring = together / together.sum(axis=0)  # (S, S)
    step = max(1, _CELLS_AT_ONCE // (n * n))
    parts = [np.zeros((0, n))]
    for start in range(0, len(draws), step):
        rows = draws[start : start + step].astype(np.float64)
        wins = np.asarray(rows @ battles.wins).reshape(-1, n, n)
        strengths = _maximise(wins, ridge)
        strengths -= strengths @ centring  # a mean of 0 up to rounding already, whatever the ridge
        strengths[_count_components(wins + wins.transpose(0, 2, 1) > 0) > n_components] = np.nan
        parts.append(strengths)
    return np.concatenate(parts)


def _maximise(wins: Floats, ridge: float) -> Floats:
    """Maximise the penalised likelihood of (B, S, S) wins by Newton's method with halved steps: (B, S)."""
    met = wins + wins.transpose(0, 2, 1)
    n = wins.shape[1]
    diagonal = np.arange(n)
    strengths = np.zeros(wins.shape[:2])
    best = _likelihood(strengths, wins, ridge)
    left = np.arange(len(wins))  # resamples that still move
    for _ in range(_MAX_STEPS):
        at = strengths[left]
        chance = expit(at[:, :, None] - at[:, None, :])
        slope = (wins[left] - met[left] * chance).sum(axis=2) - ridge * at
        spread = met[left] * chance * chance.transpose(0, 2, 1)
        curvature = -spread
        curvature[:, diagonal, diagonal] += spread.sum(axis=2) + ridge
        step = np.linalg.solve(curvature, slope[:, :, None])[:, :, 0]
        length = np.ones(len(left))
        for _ in range(60):
            value = _likelihood(at + length[:, None] * step, wins[left], ridge)
            # Near the top rounding hides whether a step still climbs; such a step is small anyway.
            worse = value < best[left] - 1e-9 * (1 + np.abs(best[left]))
            if not worse.any():
                break
            length[worse] /= 2
        strengths[left] = at + length[:, None] * step
        best[left] = value
        left = left[np.abs(length[:, None] * step).max(axis=1) > 1e-9]
        if not len(left):
            break
    return strengths


def _likelihood(strengths: Floats, wins: Floats, ridge: float) -> Floats:
    apart = strengths[:, :, None] - strengths[:, None, :]
    return np.asarray(
        -(wins * np.logaddexp(0, -apart)).sum(axis=(1, 2)) - ridge / 2 * (strengths**2).sum(axis=1)
    )


def _count_components(linked: Bools) -> Floats:
    """Count the components of each of (B, S, S) symmetric graphs: (B,)."""
    n = linked.shape[1]
    reach = (linked | np.eye(n, dtype=np.bool_)).astype(np.float32)
    for _ in range(max(1, math.ceil(math.log2(max(2, n))))):
        reach = np.minimum(reach @ reach, 1)
    return np.asarray(np.round((1 / reach.sum(axis=2)).sum(axis=1)))


def _imagined(won: Floats) -> Floats:
    """Make images in which systems that never lost to others lose once: (P, S * S).

    Resamples of a system that won everything can never show it losing, so its interval would be of no width
    however few its battles. One more image in the draw, in which one of its battles ends the other way, is
    the rule of succession.
    """
    n = len(won)
    _, part = csgraph.connected_components(won, directed=True, connection="strong")
    one_sided = np.where(part[:, None] != part[None, :], won, 0)  # wins over those who never won back
    rows: dict[bytes, Floats] = {}
    for number in range(int(part.max()) + 1):
        inside = part == number
        for links in (one_sided * inside[:, None], one_sided * inside[None, :]):
            if links.sum() > 0:
                reverse = (links / links.sum()).T.reshape(-1)
                rows.setdefault((links > 0).tobytes(), reverse)
    return np.stack(list(rows.values())) if rows else np.zeros((0, n * n))
