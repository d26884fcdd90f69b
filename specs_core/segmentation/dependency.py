"""Our segmenter: cuts where a dependency parse says that a phrase adds a detail to a complete caption."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import TYPE_CHECKING

from specs_core.segmentation import lexicon
from specs_core.segmentation.clauses import clause_start, closed_tokens, is_clause
from specs_core.segmentation.conjuncts import adds_conjunct
from specs_core.segmentation.patterns import (
    accompanied_participles,
    forbids,
    paused_additions,
    unpaused_additions,
)
from specs_core.segmentation.phrases import adds_phrase, inside_absolute
from specs_core.segmentation.tokens import (
    after_pause,
    is_indefinite,
    is_noun,
    is_quoted,
    is_word,
    with_opening,
    word_before,
)

if TYPE_CHECKING:
    from spacy.tokens import Doc, Span, Token

RULES_VERSION = "2"

_PARTICIPLES = frozenset({"VBG", "VBN", "JJ", "VBD"})
_PHRASES = frozenset({"nmod", "obl", "obl:agent", "obl:unmarked", "nmod:desc", "advmod", "advcl"})
_JOINED_CLAUSES = frozenset({"acl", "advcl", "parataxis", "amod", "xcomp", "dep", "ccomp"})
_BREAKS = frozenset({";", ":", "—", "–", "-", "--"})


def unit_starts(doc: Doc) -> list[int]:
    """Find the tokens at which a detail unit starts.

    Args:
        doc: tokens with Penn tags, Universal Dependencies trees and sentence starts.

    Returns:
        Token indices in order, the first token of every sentence among them.

    Source: ours: docs/units.md, Dependency.
    """
    starts: list[int] = []
    for sentence in doc.sents:
        starts.append(sentence.start)
        closed = closed_tokens(sentence)
        candidates = {*_candidates(sentence), *unpaused_additions(sentence)} - closed
        candidates.update(paused_additions(sentence), accompanied_participles(sentence))
        starts.extend(_complete(sentence, sorted(with_opening(sentence, i) for i in candidates)))
    return starts


def _candidates(sentence: Span) -> Iterator[int]:
    for token in sentence:
        if token.text in _BREAKS and _cuts_off(token):
            yield token.i + 1
        elif token.lower_ in lexicon.HEDGES and after_pause(sentence, token.i):
            yield token.i
        start = clause_start(token)
        if token.head.i < start and start > sentence.start and _adds_detail(sentence, token, start):
            yield start


def _adds_detail(sentence: Span, token: Token, start: int) -> bool:
    """Tell whether the subtree of a token, which stands behind its head, adds a detail of its own."""
    relation = token.dep_
    if relation in ("acl:relcl", "advcl:relcl"):
        return _has_relative_word(sentence, start, token)
    if relation == "conj":
        return adds_conjunct(sentence, token, start)
    if relation in _JOINED_CLAUSES and _adds_clause(sentence, token, start):
        return True
    if relation in ("appos", "list", "parataxis", "dep"):
        return after_pause(sentence, start) and token.right_edge.i > start
    return relation in _PHRASES and adds_phrase(sentence, token, start)


def _adds_clause(sentence: Span, token: Token, start: int) -> bool:
    """Decide on a participial, adverbial, absolute or loosely joined clause."""
    first = sentence.doc[start]
    pause = after_pause(sentence, start)
    marks = [
        child for child in token.children if child.dep_ in ("mark", "advmod", "case") and child.i < token.i
    ]
    if any(mark.lower_ == "to" for mark in marks) or first.tag_ == "TO":
        return False
    if token.dep_ in ("xcomp", "ccomp") and not (pause and token.tag_ in ("VBG", "VBN", "JJ")):
        return False
    if first.lower_ in lexicon.ADVERBIAL_MARKS and token.dep_ in ("advcl", "acl") and first.i != token.i:
        return True
    if first.lower_ in ("with", "without"):
        return True
    if token.right_edge.i == token.i:
        return False
    if token.tag_ in _PARTICIPLES:
        return first.lower_ not in ("using", "called", "named") and (
            pause or _adds_participle(sentence, token, start)
        )
    return pause and is_clause(token)


def _adds_participle(sentence: Span, token: Token, start: int) -> bool:
    """Decide on a participle that no comma sets off."""
    previous = word_before(sentence, start)
    if token.dep_ not in ("acl", "advcl") or token.tag_ == "JJ" or previous is None:
        return False
    if any(child.dep_ == "obj" and child.i == token.right_edge.i == token.i + 1 for child in token.children):
        return False
    if inside_absolute(sentence, token.head) and (token.tag_ == "VBN" or not is_indefinite(token.head)):
        return False
    return is_noun(previous) or is_quoted(sentence, start)


def _has_relative_word(sentence: Span, start: int, token: Token) -> bool:
    return any(
        word.tag_ in ("WDT", "WP", "WP$", "WRB") for word in sentence.doc[start : min(start + 4, token.i + 1)]
    ) or (sentence.doc[start].lower_ == "that" and start < token.i)


def _complete(sentence: Span, candidates: list[int]) -> list[int]:
    """Keep the cuts that leave a readable phrase of at least two words on either side."""
    kept: list[int] = []
    words = [word.i for word in sentence if is_word(word)]
    begin = 0  # how many words stand before the unit that is being filled
    for start in candidates:
        before = bisect_left(words, start)
        # Never inside "sans-serif" or "left-to-right": a unit begins behind a blank.
        if not sentence.doc[start - 1].whitespace_ or min(before - begin, len(words) - before) < 2:
            continue
        if forbids(sentence, start):
            continue
        if _hangs(sentence.doc[words[before - 1]], pause=after_pause(sentence, start)):
            continue
        kept.append(start)
        begin = before
    return kept


def _hangs(word: Token, *, pause: bool) -> bool:
    """Tell whether a unit cannot end on this word."""
    if word.tag_ in ("CC", "PRP$", "MD", "TO", "WDT"):
        return True
    # "One another" and "all" may end a unit, an article cannot.
    if word.tag_ in ("DT", "PDT") and not (word.head.i < word.i and word.dep_ != "det"):
        return True
    if word.dep_ in ("cop", "aux", "aux:pass", "mark"):
        return True
    return word.tag_ == "IN" and word.dep_ == "case" and not pause


def _cuts_off(token: Token) -> bool:
    """Tell whether a colon, semicolon or dash separates two phrases, not two parts of a word or number."""
    return bool(token.whitespace_) and (
        token.text in (";", ":") or (token.i > 0 and bool(token.nbor(-1).whitespace_))
    )
