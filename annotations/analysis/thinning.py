"""Which points of a large scatter are drawn: all that stand out, and a random draw of the rest.

In comments: N points, C columns.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from annotations.correlation import ArrayLike, paired
from annotations.errors import InvalidScoresError
from annotations.resampling import Counts, Floats

DRAWN: Final = 4000
"""Points that are drawn unless another number is given; more of them cover each other."""

LEAST: Final = 24
"""The smallest number of points that can be asked for."""

_COLUMNS: Final = 64
# Parts of the drawn points that are kept for what stands out; the rest shows where most points lie.
_OUTLINE, _RESIDUALS = 0.25, 0.125


@dataclass(frozen=True, eq=False)
class Thinned:
    """The points that are drawn.

    Attributes:
        rows: Their numbers, growing.
        n: Points that could have been drawn, those with both coordinates.
        n_missing: Points that lack a coordinate.
    """

    rows: Counts
    n: int
    n_missing: int

    @property
    def note(self) -> str:
        """How many of how many are drawn, and which; empty where all are."""
        if len(self.rows) == self.n:
            return ""
        return (
            f"{len(self.rows):,} of {self.n:,} points are drawn: the outermost, those farthest from the "
            "line, and a random draw of the others"
        )


def thin(x: ArrayLike, y: ArrayLike, *, limit: int = DRAWN, seed: int = 0) -> Thinned:
    """Choose the points of a scatter that are drawn, so that no extreme one is lost.

    Kept are the corners of the convex hull, the highest and lowest point of each of 64 columns, and those
    farthest from the least-squares line; then others, drawn at random, up to the limit. Where even these are
    too many (points on a circle are all corners), evenly spaced ones are kept, and always those that are
    leftmost, rightmost, highest and lowest.

    Args:
        x: (N,) NaN leaves a point out.
        y: (N,) NaN leaves a point out.
        limit: Draw at most so many, at least 24.
        seed: Of the random draw; the same points and seed give the same choice.

    Returns:
        The chosen points.

    Raises:
        InvalidScoresError: If the lengths differ, a value is infinite, or the limit is too small.

    Source:
        ours: docs/analysis.md, The report.
    """
    across, up = paired(x, y)
    if limit < LEAST:
        raise InvalidScoresError(f"a scatter draws at least {LEAST} points; got a limit of {limit}")
    known = np.flatnonzero(~(np.isnan(across) | np.isnan(up)))
    n_missing = len(across) - len(known)
    if len(known) <= limit:
        return Thinned(known, len(known), n_missing)
    across, up = _unit(across[known]), _unit(up[known])
    ends = np.array([across.argmin(), across.argmax(), up.argmin(), up.argmax()])
    outline = np.unique(np.concatenate([_hull(across, up), _columns(across, up)]))
    outline = _spaced(outline, int(_OUTLINE * limit), across, up)
    off = np.abs(linear_residuals(across, up))
    far = np.argpartition(off, len(off) - int(_RESIDUALS * limit))[len(off) - int(_RESIDUALS * limit) :]
    kept = np.unique(np.concatenate([ends, outline, far]))
    others = np.ones(len(known), dtype=bool)
    others[kept] = False
    drawn = np.random.default_rng(seed).choice(np.flatnonzero(others), limit - len(kept), replace=False)
    return Thinned(known[np.sort(np.concatenate([kept, drawn]))], len(known), n_missing)


def linear_fit(x: Floats, y: Floats) -> tuple[float, float]:
    """Fit y by a straight line in x, by least squares.

    Args:
        x: (N,) finite values.
        y: (N,) finite values.

    Returns:
        Slope and intercept; NaN without points. Where x is constant the slope is 0.
    """
    if len(x) == 0:
        return math.nan, math.nan
    across, up = x - x.mean(), y - y.mean()
    spread = float(across @ across)
    slope = float(across @ up) / spread if spread > 0 else 0.0
    return slope, float(y.mean() - slope * x.mean())


def linear_residuals(x: Floats, y: Floats) -> Floats:
    """Return (N,) what a straight line in x, fitted by least squares, leaves of y."""
    slope, intercept = linear_fit(x, y)
    return np.asarray(y - (slope * x + intercept))


def _unit(values: Floats) -> Floats:
    """Move and stretch to [0, 1], so that both axes count alike; constant values become 0."""
    low, high = float(values.min()), float(values.max())
    # Halved, because the difference of two large numbers may have no room.
    width = high / 2 - low / 2
    return (values / 2 - low / 2) / width if width > 0 else np.zeros(len(values))


def _hull(across: Floats, up: Floats) -> Counts:
    """Return the corners of the convex hull; of points on one line, nothing."""
    from scipy.spatial import ConvexHull, QhullError

    try:
        return np.asarray(ConvexHull(np.stack([across, up], axis=1)).vertices, dtype=np.int64)
    except QhullError:  # on one line, whose ends are the extremes of the axes
        return np.zeros(0, dtype=np.int64)


def _columns(across: Floats, up: Floats) -> Counts:
    """Return the highest and the lowest point of each column that has any."""
    column = np.minimum((across * _COLUMNS).astype(np.int64), _COLUMNS - 1)
    order = np.lexsort((up, column))
    begins = np.flatnonzero(np.append(True, np.diff(column[order]) > 0))
    ends = np.append(begins[1:], len(order)) - 1
    return np.unique(order[np.concatenate([begins, ends])])


def _spaced(rows: Counts, most: int, across: Floats, up: Floats) -> Counts:
    """Take evenly spaced ones, by their direction from the middle, where there are too many."""
    if len(rows) <= most:
        return rows
    order = np.argsort(np.arctan2(up[rows] - 0.5, across[rows] - 0.5), kind="stable")
    return rows[order[np.linspace(0, len(rows) - 1, most).astype(np.int64)]]
