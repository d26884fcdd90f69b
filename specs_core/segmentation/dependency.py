"""Our segmenter: cuts where a dependency parse says that a phrase adds a detail to a complete caption."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from specs_core.segmentation.clauses import (
    clause_start,
    closed_tokens,
    is_clause,
    is_opening,
    is_verb,
)

if TYPE_CHECKING:
    from spacy.tokens import Doc, Span, Token

RULES_VERSION = "1"

_NOUNS = frozenset({"NN", "NNS", "NNP", "NNPS", "CD", "PRP"})
# Phrases with these complete the word before them instead of adding to it.
_BOUND_PREPOSITIONS = frozenset("of than as for to into onto by like about through per via upon".split())
_SIDES = frozenset("left right side rear front back top bottom north south east west".split())
_ADVERBIAL_MARKS = frozenset(
    "while where when whereas although though because since as so until unless after before if even".split()
)
_HEDGES = frozenset("possibly perhaps likely maybe probably presumably apparently".split())
_COMPARATIVES = frozenset("further farther closer nearer higher lower".split())
_LINKS = frozenset({"conj", "appos", "parataxis", "list", "dep", "advcl", "acl", "acl:relcl", "amod", "xcomp"})
# Verbs that place an indefinite subject and say no more: "A red car | stands on the left."
_PLACING = frozenset(
    "be is are was were stand stands sit sits lie lies hang hangs appear appears rest rests seen placed parked "
    "located situated positioned shown visible standing sitting lying hanging".split()
)
_PLACES = frozenset("in on at above below under beneath behind beside near between against to left right".split())
_PICTURES = frozenset(
    "image picture photo photograph shot view scene drawing painting illustration close-up closeup portrait "
    "screenshot sketch snapshot rendering collage panorama angle frame".split()
)


def unit_starts(doc: Doc) -> list[int]:
    """Find the tokens at which a detail unit starts.

    Args:
        doc: tokens with Penn tags, Universal Dependencies trees and sentence starts.

    Returns:
        Token indices in order, the first token of every sentence among them.

    Source: ours: docs/units.md, Dependency.
    """
    starts: list[int] = []
    for number, sentence in enumerate(doc.sents):
        starts.append(sentence.start)
        closed = closed_tokens(sentence)
        candidates = {_with_opening(sentence, i) for i in _candidates(sentence) if i not in closed}
        subject_end = _placed_subject(sentence)
        if subject_end is not None:
            candidates.add(subject_end)
        starts.extend(_complete(sentence, sorted(candidates)))
    return starts


def _candidates(sentence: Span) -> Iterator[int]:
    for token in sentence:
        relation = token.dep_
        start = clause_start(token)
        if token.text in (";", ":", "—", "–", "-", "--") and _cuts_off(token):
            yield token.i + 1
        elif token.lower_ in _HEDGES and _after_pause(sentence, token.i):
            yield token.i
        elif token.lower_ in _COMPARATIVES and token.i > sentence.start and _is_noun(token.nbor(-1)):
            if token.i + 1 < sentence.end and token.nbor(1).lower_ in ("back", "to", "up", "down", "away", "from"):
                yield token.i
        if start <= sentence.start or token.head.i >= start:
            continue
        if relation == "acl:relcl" or relation == "advcl:relcl":
            if _has_relative_word(sentence, start, token):
                yield start
        elif relation == "conj":
            if _adds_conjunct(sentence, token, start):
                yield start
        elif relation in ("acl", "advcl", "parataxis", "amod", "xcomp", "dep", "ccomp") and _adds_clause(
            sentence, token, start
        ):
            yield start
        elif relation in ("appos", "list", "parataxis", "dep") and _after_pause(sentence, start):
            if token.right_edge.i - start >= 1:
                yield start
        elif relation in ("nmod", "obl", "obl:agent", "obl:unmarked", "nmod:desc", "advmod", "advcl") and _adds_phrase(
            sentence, token, start
        ):
            yield start


def _adds_phrase(sentence: Span, token: Token, start: int) -> bool:
    """Decide on a prepositional phrase."""
    cases = [child for child in token.children if child.dep_ == "case" and child.i < token.i]
    if not cases:
        return False
    preposition = cases[0].lower_
    previous = _word_before(sentence, start)
    if previous is None or token.tag_ == "PRP":
        return False
    pause = _after_pause(sentence, start)
    if preposition in _BOUND_PREPOSITIONS and not (preposition == "to" and token.lower_ in _SIDES):
        return False
    if preposition == "from" and token.dep_ == "nmod":
        return False
    if token.right_edge.i - start < 2 and not pause:
        return False
    if pause:
        return True
    complete = _is_noun(previous) or (previous == token.head and previous.tag_.startswith("JJ"))
    if not complete:
        return False
    return not (preposition != "with" and _inside_with(token.head))


def _inside_with(token: Token) -> bool:
    """Tell whether a noun belongs to a phrase with "with", where what follows mostly says how or where."""
    while token.dep_ == "conj":
        token = token.head
    return any(child.dep_ == "case" and child.lower_ in ("with", "without") for child in token.children)


def _adds_clause(sentence: Span, token: Token, start: int) -> bool:
    """Decide on a participial, adverbial, absolute or loosely joined clause."""
    first = sentence.doc[start]
    pause = _after_pause(sentence, start)
    marks = [child for child in token.children if child.dep_ in ("mark", "advmod", "case") and child.i < token.i]
    if any(mark.lower_ == "to" for mark in marks) or first.tag_ == "TO":
        return False
    if token.dep_ in ("xcomp", "ccomp") and not (pause and token.tag_ in ("VBG", "VBN", "JJ")):
        return False
    if first.lower_ in _ADVERBIAL_MARKS and token.dep_ in ("advcl", "acl") and first.i != token.i:
        return True
    if first.lower_ in ("with", "without"):
        return True
    if token.right_edge.i == token.i:
        return False
    if token.tag_ in ("VBG", "VBN", "JJ", "VBD"):
        if first.lower_ in ("using", "called", "named"):
            return False
        if pause:
            return True
        previous = _word_before(sentence, start)
        if token.dep_ not in ("acl", "advcl") or token.tag_ == "JJ" or previous is None:
            return False
        if _inside_with(token.head) and any(child.dep_ in ("nmod:poss",) for child in token.head.children):
            return False
        return _is_noun(previous)
    return pause and is_clause(token)


def _adds_conjunct(sentence: Span, token: Token, start: int) -> bool:
    """Decide on a conjunct: a clause, a verb phrase, or a noun phrase that names a new object."""
    head = token.head
    conjunction = next((child.lower_ for child in token.children if child.dep_ == "cc"), "")
    between = [word for word in sentence.doc[head.i + 1 : start] if not word.is_punct]
    pause = _after_pause(sentence, start)
    if is_clause(token) or is_verb(token):
        own = any(
            child.dep_ not in ("cc", "punct", "aux", "aux:pass", "cop", "advmod", "mark") for child in token.children
        )
        return (bool(between) or is_clause(token) and pause) and (own or token.right_edge.i > token.i)
    if conjunction in ("or", "nor") or token.tag_ not in _NOUNS:
        return conjunction == "but"
    top = head
    while top.dep_ == "conj":
        top = top.head
    if any(child.dep_ == "case" and child.lower_ in ("of", "between", "as", "from") for child in top.children):
        return False
    described = any(child.dep_ in ("amod", "nmod", "acl", "acl:relcl", "compound", "nummod") for child in token.children)
    own_case = any(child.dep_ == "case" for child in token.children)
    determined = any(child.dep_ in ("det", "nmod:poss", "nummod") for child in token.children)
    shared = any(child.dep_ in ("det", "nmod:poss") for child in top.children)
    if own_case:
        return bool(between) or shared
    return described and (determined or not shared) and (top.i > sentence.start)


def _has_relative_word(sentence: Span, start: int, token: Token) -> bool:
    return any(word.tag_ in ("WDT", "WP", "WP$", "WRB") for word in sentence.doc[start : min(start + 4, token.i + 1)]) or (
        sentence.doc[start].lower_ == "that" and start < token.i
    )


def _placed_subject(sentence: Span) -> int | None:
    """Find the verb of a sentence that only places an indefinite subject: "A large red car | is in the middle."."""
    first = sentence[0]
    if first.lower_ not in ("a", "an", "one", "two", "three", "four", "five", "six", "several"):
        return None
    for index in range(sentence.start + 1, sentence.end):
        word = sentence.doc[index]
        if is_verb(word):
            break
        if word.tag_ not in ("JJ", "JJR", "NN", "NNS", "NNP", "CC", ",", "HYPH", "CD", "VBN") or word.lower_ in _PICTURES:
            return None
    else:
        return None
    if not _is_noun(sentence.doc[index - 1]):
        return None
    last = index
    while last < sentence.end and (is_verb(sentence.doc[last]) or sentence.doc[last].lower_ in _PLACING):
        if sentence.doc[last].lower_ not in _PLACING and sentence.doc[last].lower_ not in ("can", "could"):
            return None
        last += 1
    if last < sentence.end and sentence.doc[last].lower_ in _PLACES:
        return index
    return None


def _complete(sentence: Span, candidates: list[int]) -> list[int]:
    """Keep the cuts that leave a readable phrase of at least two words on either side."""
    kept: list[int] = []
    begin = sentence.start
    for start in candidates:
        if start <= begin or start >= sentence.end:
            continue
        before = [word for word in sentence.doc[begin:start] if _is_word(word)]
        after = [word for word in sentence.doc[start : sentence.end] if _is_word(word)]
        if len(before) < 2 or len(after) < 2 or _hangs(before[-1], pause=_after_pause(sentence, start)):
            continue
        kept.append(start)
        begin = start
    return kept


def _hangs(word: Token, *, pause: bool) -> bool:
    """Tell whether a unit cannot end on this word."""
    if word.tag_ in ("DT", "CC", "PRP$", "MD", "TO", "WDT", "PDT"):
        return True
    if word.dep_ in ("cop", "aux", "aux:pass", "mark"):
        return True
    return word.tag_ == "IN" and word.dep_ == "case" and not pause


def _cuts_off(token: Token) -> bool:
    """Tell whether a colon, semicolon or dash separates two phrases, not two parts of a word or number."""
    return bool(token.whitespace_) and (token.text in (";", ":") or token.i > 0 and bool(token.nbor(-1).whitespace_))


def _after_pause(sentence: Span, start: int) -> bool:
    before = start - 1
    while before > sentence.start and is_opening(sentence.doc[before]):
        before -= 1
    return before >= sentence.start and sentence.doc[before].text in (",", ";", ":", "—", "–", "-", "--", ")", "(")


def _with_opening(sentence: Span, start: int) -> int:
    while start - 1 > sentence.start and is_opening(sentence.doc[start - 1]):
        start -= 1
    return start


def _word_before(sentence: Span, start: int) -> Token | None:
    for index in range(start - 1, sentence.start - 1, -1):
        if _is_word(sentence.doc[index]):
            return sentence.doc[index]
    return None


def _is_noun(word: Token) -> bool:
    return word.tag_ in _NOUNS


def _is_word(word: Token) -> bool:
    return any(char.isalnum() for char in word.text)
