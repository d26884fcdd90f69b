"""Detail units: consecutive slices of a caption that rebuild it exactly."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DetailUnit:
    """A phrase of a caption that adds at least one visual detail.

    Attributes:
        text: the slice of the caption, `caption[start:end]`, with its punctuation and the space after it.
        start: offset of its first character in the caption.
        end: offset behind its last character; the next unit starts here.
    """

    text: str
    start: int
    end: int


def cut_at(caption: str, starts: Iterable[int]) -> tuple[DetailUnit, ...]:
    """Cut a caption into units at the given offsets.

    A piece without a letter, a digit or any other sign of its own (only punctuation or white space) joins the
    unit before it, or the one after it at the beginning of the caption, so every unit says something.

    Args:
        caption: the caption, not empty.
        starts: offsets at which a unit starts, in any order; 0 need not be among them.

    Returns:
        The units in order. Their texts joined are the caption.

    Raises:
        ValueError: an offset lies outside the caption.

    Source: ours: docs/units.md, What a unit is.
    """
    offsets = sorted({0, *starts})
    if offsets[0] < 0 or offsets[-1] >= max(len(caption), 1):
        outside = offsets[0] if offsets[0] < 0 else offsets[-1]
        raise ValueError(f"offset {outside} lies outside the caption of {len(caption)} characters")
    kept = [0]
    for start, end in zip(offsets, [*offsets[1:], len(caption)], strict=True):
        if start > 0 and _says_something(caption[start:end]) and _says_something(caption[kept[-1] : start]):
            kept.append(start)
    return tuple(
        DetailUnit(caption[start:end], start, end)
        for start, end in zip(kept, [*kept[1:], len(caption)], strict=True)
    )


def _says_something(piece: str) -> bool:
    # Symbols (So) count, emoji among them: a caption may consist of them.
    return any(char.isalnum() or unicodedata.category(char) == "So" for char in piece)
