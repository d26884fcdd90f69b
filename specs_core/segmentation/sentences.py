"""One unit a sentence: the coarsest cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spacy.tokens import Doc

RULES_VERSION = "1"


def unit_starts(doc: Doc) -> list[int]:
    """Find the tokens at which a sentence starts.

    Args:
        doc: tokens with sentence starts.

    Returns:
        Token indices in order.

    Source: ours: docs/units.md, Before the rules.
    """
    return [sentence.start for sentence in doc.sents]
