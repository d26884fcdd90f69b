"""What the unit editor on the Inspect page shows, as plain data for its script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.unit_editing import AUTOMATIC

if TYPE_CHECKING:
    from app.cuts import Cut
    from app.inspection import Inspection

UNSAVED = "unsaved"
"""A person's cut that nobody has saved, in the list of versions."""


def editing_view(shown: Inspection) -> dict[str, Any]:
    """Return a scored caption as words that can be cut, and the versions of its units.

    Words travel as text and boundaries as numbers of words, so that offsets never have to be counted in a
    browser, where an emoji has two characters.

    Args:
        shown: The caption as it is shown.
    """
    number = {start: index for index, start in enumerate(shown.words)}
    ends = (*shown.words[1:], len(shown.caption))
    return {
        "view": "units",
        "serial": str(shown.serial),
        "words": [shown.caption[start:end] for start, end in zip(shown.words, ends, strict=True)],
        "firsts": [number[start] for start in shown.cut.starts[1:]],
        "automatic": [number[start] for start in shown.automatic.starts[1:]],
        "version": UNSAVED if shown.cut.is_unsaved else shown.cut.key or AUTOMATIC,
        "versions": [_version(cut) for cut in (shown.automatic, *shown.saved)],
    }


def _version(cut: Cut) -> dict[str, Any]:
    return {
        "key": cut.key or AUTOMATIC,
        "name": cut.version,
        "by": cut.saved_by,
        "at": cut.saved_at,
        "units": len(cut.starts),
    }
