"""Cutting the captions that came without units, when somebody needs them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from annotations.items import cut_item
from specs_core.curve import DEFAULT_SEGMENTER

if TYPE_CHECKING:
    from annotations.items import Item
    from app.context import AppContext

# The pipeline is one object, and spaCy does not promise that two threads may use it at once.
_CUTTING = threading.Lock()

Pieces = list[tuple[str, int, int]]
"""Text, start and end of each unit of a caption, as the store takes them."""


def ensure_cut(context: AppContext, item: Item) -> Item:
    """Return an item with its units, cutting its caption first where nobody has.

    Two that need the same caption at once get the same units; a battle has none, and comes back as it is.

    Args:
        context: The open context.
        item: As it was read.

    Returns:
        The item as it is cut now.

    Raises:
        AnnotationError: If the item is gone, the segmenter has cut this caption in another way under the same
            version, or the database fails.
        ConfigError: If the segmenter's pipeline cannot be loaded.
    """
    if item.is_cut:
        return item
    version, (pieces,) = cut_captions([item.caption])
    return cut_item(context.engine, item.id, pieces, segmenter_version=version)


def cut_captions(captions: Sequence[str]) -> tuple[str, list[Pieces]]:
    """Cut captions by the default segmenter.

    Args:
        captions: N captions, none of them blank.

    Returns:
        The segmenter's version, and the units of each caption.

    Raises:
        ConfigError: If the segmenter's pipeline cannot be loaded.
    """
    from specs_core.segmentation import segment_many, segmenter_version

    with _CUTTING:
        version = segmenter_version(DEFAULT_SEGMENTER)
        cut = [
            [(unit.text, unit.start, unit.end) for unit in units]
            for units in segment_many(captions, segmenter=DEFAULT_SEGMENTER)
        ]
    return version, cut
