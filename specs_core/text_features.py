"""What an encoder returns for texts that share their beginnings (numpy only)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from specs_core.segmentation.units import DetailUnit

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class PrefixFeatures:
    """Features of every prefix of a caption (U units).

    Attributes:
        features: (U, D) float32 of unit length; NaN for a prefix that is longer than the model reads.
        tokens: (U,) int64, the tokens that each unit adds.
        total_tokens: Tokens of the whole caption, start- and end-of-text included.
    """

    features: FloatArray
    tokens: npt.NDArray[np.int64]
    total_tokens: int


@dataclass(frozen=True)
class TextTree:
    """A caption with texts that leave it after a unit.

    Attributes:
        units: U units, at least one; joined they are the caption.
        branches: For each of B texts, how many units it keeps (0 to U) and the words that follow them.
    """

    units: Sequence[DetailUnit]
    branches: Sequence[tuple[int, str]] = ()

    def texts(self) -> list[str]:
        """Return the U prefixes, then the B branches, each as a whole text."""
        prefixes = list(accumulate(unit.text for unit in self.units))
        return prefixes + [("", *prefixes)[kept] + words for kept, words in self.branches]


@dataclass(frozen=True, eq=False)
class TreeFeatures:
    """Features of a caption's U prefixes and its B branches.

    Attributes:
        prefixes: (U, D) float32 of unit length; NaN for a text that is longer than the model reads.
        branches: (B, D) float32, likewise.
        prefix_tokens: (U,) int64, the tokens of each text, start- and end-of-text included.
        branch_tokens: (B,) int64.
    """

    prefixes: FloatArray
    branches: FloatArray
    prefix_tokens: npt.NDArray[np.int64]
    branch_tokens: npt.NDArray[np.int64]

    def readable(self, context_length: int) -> int:
        """Return how many units a model reads: those before the first prefix that does not fit.

        A unit behind that one does not count, whatever its own prefix's length.

        Args:
            context_length: Of the model, in tokens.
        """
        fitting = self.prefix_tokens <= context_length
        return len(fitting) if fitting.all() else int(np.argmin(fitting))
