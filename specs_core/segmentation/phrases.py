"""When a prepositional phrase adds a detail, and when it completes what stands before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specs_core.segmentation import lexicon
from specs_core.segmentation.tokens import after_pause, is_noun, is_quoted, word_before

if TYPE_CHECKING:
    from spacy.tokens import Span, Token


def adds_phrase(sentence: Span, token: Token, start: int) -> bool:
    """Decide on a prepositional phrase.

    Args:
        sentence: the sentence that it stands in.
        token: its noun.
        start: index of its first word.

    Returns:
        Whether a unit starts with it.

    Source: ours: docs/units.md, Dependency.
    """
    cases = [
        child
        for child in token.children
        if child.i < token.i and (child.dep_ == "case" or (child.dep_ == "mark" and child.lower_ == "with"))
    ]
    previous = word_before(sentence, start)
    if not cases or previous is None or token.tag_ == "PRP":
        return False
    preposition = cases[0].lower_
    if _is_bound(sentence, token, preposition, start):
        return False
    if after_pause(sentence, start):
        return True
    if _is_bare(token) and token.lower_ not in lexicon.TIMES | lexicon.COLOURS:
        return False
    if previous == token.head and previous.tag_ != "CD" and not is_noun(previous):
        return _stands_alone(previous, preposition)
    # "Sits" may be mistagged as a noun, and "it" mostly stands for what the phrase is about.
    named = is_noun(previous) and previous.tag_ != "PRP" and previous.lower_ not in lexicon.UNNAMED
    named = named or previous.lower_ in ("another", "other", "others") or _is_colour(previous)
    if not named and not is_quoted(sentence, start):
        return False
    return preposition == "with" or not inside_absolute(sentence, token.head)


def inside_absolute(sentence: Span, token: Token) -> bool:
    """Tell whether a noun belongs to ", with a bird on the roof", where what follows says how or where."""
    while token.dep_ in ("conj", "appos") or (
        token.dep_ == "nmod"
        and any(child.dep_ == "case" and child.lower_ == "of" for child in token.children)
    ):
        token = token.head
    return any(
        child.lower_ in ("with", "without")
        and (child.dep_ == "mark" or (child.dep_ == "case" and after_pause(sentence, child.i)))
        for child in token.children
    )


def _is_colour(word: Token) -> bool:
    """Tell whether a word ends "in black"."""
    return word.lower_ in lexicon.COLOURS and any(child.dep_ == "case" for child in word.children)


def _is_bare(token: Token) -> bool:
    return all(child.dep_ in ("case", "punct", "fixed") for child in token.children)


def _is_bound(sentence: Span, token: Token, preposition: str, start: int) -> bool:
    """Tell whether a phrase completes the word before it and so cannot be cut off."""
    side = token.lower_ in lexicon.SIDES
    if preposition == "to":
        return not side or any(word.lower_ == "from" for word in sentence.doc[sentence.start : start])
    if preposition in lexicon.COMPLETING_PREPOSITIONS or (
        preposition == "from" and token.dep_ == "nmod" and not side
    ):
        return True
    if after_pause(sentence, start):
        return False
    if preposition in lexicon.BOUND_PREPOSITIONS:
        return True
    if preposition == "with" and sentence.doc[start - 1].lower_ in lexicon.ACCOMPANIED:
        return True
    if preposition == "at" and token.head.lower_ in lexicon.LOOKING:
        return True
    # "No clouds" alone would say something else than "no clouds in the sky".
    if any(child.lower_ == "no" for child in token.head.children):
        return True
    if sentence.doc[start - 1].lower_ in lexicon.RELATIONAL_NOUNS:
        return True
    modifiers = [
        child for child in token.children if child.i < token.i and child.dep_ not in ("case", "punct")
    ]
    if any(child.lower_ in ("this", "that", "these", "those", "any") for child in modifiers):
        return True
    owned = any(child.dep_ == "nmod:poss" for child in modifiers)
    if not owned or side:
        return False
    return preposition == "with" or (len(modifiers) == 1 and preposition not in lexicon.PLACE_PREPOSITIONS)


def _stands_alone(word: Token, preposition: str) -> bool:
    """Tell whether a predicate needs no phrase behind it: "is leafless", "appears", "is captured"."""
    if word.lower_ in lexicon.PLACING_VERBS:
        return preposition == "with"
    graded = any(child.lower_ in lexicon.DEGREES for child in word.children)
    if word.tag_.startswith("JJ") or (word.tag_ == "VBN" and graded):
        return preposition == "with" or any(child.dep_ in ("cop", "aux:pass") for child in word.children)
    return word.lower_ in lexicon.PICTURING_PARTICIPLES and any(
        child.dep_ == "aux:pass" for child in word.children
    )
