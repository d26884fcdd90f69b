"""Groups of words, finer than units: each a run of function words with the content words behind it."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from specs_core.segmentation import dependency
from specs_core.segmentation.tokens import is_finite, with_opening

if TYPE_CHECKING:
    from spacy.tokens import Doc, Span, Token

# A group begins wherever a unit does, so it changes with the units too.
RULES_VERSION = f"1.{dependency.RULES_VERSION}"

_FUNCTION_TAGS = frozenset("CC DT EX IN PDT POS PRP PRP$ RP TO WDT WP WP$ WRB".split())


def unit_starts(doc: Doc) -> list[int]:
    """Find the tokens at which a word group starts.

    Args:
        doc: tokens with Penn tags, Universal Dependencies trees and sentence starts.

    Returns:
        Token indices in order, those of `dependency.unit_starts` among them.

    Source: Liberman and Church 1992, Text analysis and word pronunciation (chinks and chunks); which words
        are which: docs/units.md, Word groups.
    """
    units = set(dependency.unit_starts(doc))
    starts = set(units)
    for sentence in doc.sents:
        starts.update(_groups(sentence, units))
    return sorted(starts)


def _groups(sentence: Span, units: set[int]) -> list[int]:
    found = []
    after_content = False
    for token in sentence:
        if token.i in units:
            after_content = False
        if not _says_something(token):
            continue
        function = _is_function(token)
        if function and after_content:
            start = with_opening(sentence, token.i)
            # Never inside "back-to-back": a group begins behind a blank.
            if sentence.doc[start - 1].whitespace_:
                found.append(start)
        after_content = not function
    return found


def _is_function(token: Token) -> bool:
    """Tell chinks from chunks: a finite verb is a chink as well, and a pronoun that is no subject a chunk."""
    if token.tag_ == "PRP":
        return token.dep_.startswith(("nsubj", "csubj", "expl"))
    return token.tag_ in _FUNCTION_TAGS or is_finite(token)


def _says_something(token: Token) -> bool:
    # As `units.cut_at` asks of every unit. A replacement character stands for a sign that says nothing.
    return any(
        char.isalnum() or (unicodedata.category(char) == "So" and char != "\N{REPLACEMENT CHARACTER}")
        for char in token.text
    )
