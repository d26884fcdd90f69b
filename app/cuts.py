"""Ways to cut one caption into detail units, and where it can be cut at all."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from specs_core.segmentation import SEGMENTERS
from specs_core.segmentation.units import DetailUnit, cut_at

CORRECTED = "corrected"
"""What stands in the place of a segmenter's name where a person has cut the caption."""

SEGMENTER_CHOICES = [(name.replace("_", " "), name) for name in SEGMENTERS]
"""What is shown and what is sent of every segmenter that may be chosen."""

_WORD = re.compile(r"\S+")


@dataclass(frozen=True)
class Cut:
    """One way to cut a caption.

    Attributes:
        segmenter: Name of the segmenter, or ``corrected``.
        version: Name of the segmentation version.
        starts: Offset of each unit's first character, ascending, the first one 0 (U units).
        based_on: Version of the cut that was corrected; empty for a segmenter's.
        key: Of a saved correction, its id; else empty.
        saved_by: Who saved the correction; empty where nobody has.
        saved_at: When, UTC, ISO 8601; empty where nobody has.
    """

    segmenter: str
    version: str
    starts: tuple[int, ...]
    based_on: str = ""
    key: str = ""
    saved_by: str = ""
    saved_at: str = ""

    @property
    def is_unsaved(self) -> bool:
        """Whether this is a person's cut that nobody has saved."""
        return self.segmenter == CORRECTED and not self.key

    def units(self, caption: str) -> tuple[DetailUnit, ...]:
        """Return the detail units; joined they are the caption."""
        ends = (*self.starts[1:], len(caption))
        return tuple(
            DetailUnit(caption[start:end], start, end) for start, end in zip(self.starts, ends, strict=True)
        )


def word_starts(caption: str, cuts: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    """Return the offsets at which a caption can be cut: before words, and wherever it has been cut already.

    White space and punctuation that stands alone belong to the word before, as in the units themselves.

    Args:
        caption: The caption, not empty.
        cuts: Offsets at which units start in the cuts that there are.

    Returns:
        Ascending offsets, the first one 0 (W words).
    """
    known = sorted({0, *(start for starts in cuts for start in starts)})
    return tuple(
        start + piece.start
        for start, end in zip(known, [*known[1:], len(caption)], strict=True)
        for piece in cut_at(caption[start:end], (word.start() for word in _WORD.finditer(caption[start:end])))
    )
