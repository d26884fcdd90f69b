"""Which flagged units a caption is better without (numpy only)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from specs_core.curve import ScoreCurve
from specs_core.scoring import cosine

if TYPE_CHECKING:
    from specs_core.encoder import Encoder


@dataclass(frozen=True)
class Removal:
    """One unit to drop.

    Attributes:
        unit: Its number in the caption, from 0.
        gain: What dropping it adds to the cosine of what is left of the caption by then, above 0.
    """

    unit: int
    gain: float


@dataclass(frozen=True)
class Correction:
    """Units to drop, in the order in which they help most.

    Attributes:
        removals: At least none; each was the best one once those before it were gone.
        before: Cosine of the caption, as much of it as whole units fit the context.
        after: Cosine of what is left of the same units.
    """

    removals: tuple[Removal, ...]
    before: float
    after: float


def best_correction(
    encoder: Encoder,
    image_features: npt.NDArray[np.float32],
    curve: ScoreCurve,
    flagged: Sequence[int],
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> Correction:
    """Drop flagged units one by one, always the one whose removal raises the similarity most.

    It ends where no removal raises it any more, and never drops the last unit that is left. Greedy: a pair of
    units that only together lower the similarity is not found.

    Args:
        encoder: The model of the curve.
        image_features: (D,) of the image.
        curve: Of the caption (U units).
        flagged: Numbers of the units that may be dropped, from 0.
        on_progress: Called with the removals tried so far and the most that there can be.

    Returns:
        The units to drop, and what they add.

    Raises:
        ValueError: A flagged number is no unit of the curve.

    Source: ours: docs/metrics.md, "Best correction".
    """
    from specs_core.text_branches import features_without

    outside = [u for u in flagged if not 0 <= u < len(curve.units)]
    if outside:
        raise ValueError(f"unit {outside[0]} is not one of the curve's {len(curve.units)} units")
    # Units beyond the context are no part of what is scored, and would move into it as others go.
    left = [u for u in range(len(curve.units)) if not curve.beyond_context[u]]
    candidates = [u for u in left if u in set(flagged)]
    total = len(candidates) * (len(candidates) + 1) // 2
    before = now = curve.final_similarity
    removals: list[Removal] = []
    tried = 0
    while candidates and len(left) > 1:
        units = [curve.units[u] for u in left]
        places = [left.index(u) for u in candidates]

        def tell(done: int, _: int, sofar: int = tried) -> None:
            if on_progress is not None:
                on_progress(sofar + done, total)

        features = features_without(encoder, units, chosen=places, on_progress=tell)
        without = cosine(image_features, features)[places]
        tried += len(candidates)
        best = int(np.argmax(np.where(np.isnan(without), -np.inf, without)))
        if not without[best] > now:
            break
        removals.append(Removal(candidates[best], float(without[best] - now)))
        now = float(without[best])
        left.remove(candidates[best])
        del candidates[best]
    if on_progress is not None and total:
        on_progress(total, total)
    return Correction(tuple(removals), before, now)
