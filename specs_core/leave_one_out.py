"""What a caption would score without each of its units (numpy only)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from specs_core.curve import ScoreCurve
from specs_core.scoring import FloatArray, cosine

if TYPE_CHECKING:
    from specs_core.encoder import Encoder


@dataclass(frozen=True, eq=False)
class LeaveOneOut:
    """Similarity of an image with a caption without each of its units (U units).

    Attributes:
        similarity: Cosine of the caption, as much of it as whole units fit the context.
        without: (U,) float64 cosine of the same without a unit; NaN for a unit beyond the context, and for an
            only unit.
    """

    similarity: float
    without: FloatArray

    @property
    def gain(self) -> FloatArray:
        """(U,) what a unit adds to the caption's cosine; negative where it is better without."""
        return self.similarity - self.without

    def disagrees(self, curve: ScoreCurve, threshold: float = 0.0) -> npt.NDArray[np.bool_]:
        """Tell which units only one of the two views calls wrong, so that neither should be believed alone.

        Args:
            curve: Of the same caption, units and image.
            threshold: Dip threshold, a cosine difference of 0 or more, for both views.

        Returns:
            (U,) bool; false where either view has no value.
        """
        known = ~np.isnan(curve.delta) & ~np.isnan(self.gain)
        disagree: npt.NDArray[np.bool_] = known & (curve.dips(threshold) != (self.gain < -threshold))
        return disagree


def leave_one_out(
    encoder: Encoder,
    image_features: npt.NDArray[np.float32],
    curve: ScoreCurve,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> LeaveOneOut:
    """Score a caption without each of its units against an image that is already encoded.

    Args:
        encoder: The model of the curve.
        image_features: (D,) of the image.
        curve: Of the caption.
        on_progress: Called with the texts encoded so far and those in all.

    Returns:
        The similarities.

    Source: ours: docs/metrics.md, "Leave one out".
    """
    from specs_core.text_branches import features_without

    without = features_without(encoder, curve.units, on_progress=on_progress)
    return LeaveOneOut(curve.final_similarity, cosine(image_features, without))
