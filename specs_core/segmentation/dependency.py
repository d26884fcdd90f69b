"""Our segmenter: cuts where a dependency parse says that a phrase adds a detail to a complete caption."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import TYPE_CHECKING

from specs_core.segmentation import lexicon
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
_PARTICIPLES = frozenset({"VBG", "VBN", "JJ", "VBD"})
_PHRASES = frozenset({"nmod", "obl", "obl:agent", "obl:unmarked", "nmod:desc", "advmod", "advcl"})
_JOINED_CLAUSES = frozenset({"acl", "advcl", "parataxis", "amod", "xcomp", "dep", "ccomp"})
_DESCRIPTIONS = frozenset({"amod", "nmod", "acl", "acl:relcl", "compound", "nummod", "appos", "nmod:desc"})
_NOUN_PHRASE = frozenset(
    {"JJ", "JJR", "JJS", "NN", "NNS", "NNP", "CC", ",", "HYPH", "CD", "VBN", "VBG", "RB"}
)
_PAUSES = frozenset({",", ";", ":", "—", "–", "-", "--", "(", ")"})


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
        candidates = {_with_opening(sentence, i) for i in _candidates(sentence) if i not in closed}
        candidates.update(_paused_additions(sentence))
        subject_end = _placed_subject(sentence)
        if subject_end is not None:
            candidates.add(subject_end)
        starts.extend(_complete(sentence, sorted(candidates)))
    return starts


def _candidates(sentence: Span) -> Iterator[int]:
    for token in sentence:
        if token.text in (";", ":", "—", "–", "-", "--") and _cuts_off(token):
            yield token.i + 1
        elif (token.lower_ in lexicon.HEDGES and _after_pause(sentence, token.i)) or _compares(
            sentence, token
        ):
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
        return _adds_conjunct(sentence, token, start)
    if relation in _JOINED_CLAUSES and _adds_clause(sentence, token, start):
        return True
    if relation in ("appos", "list", "parataxis", "dep"):
        return _after_pause(sentence, start) and token.right_edge.i > start
    return relation in _PHRASES and _adds_phrase(sentence, token, start)


def _paused_additions(sentence: Span) -> Iterator[int]:
    """Find what a comma sets off behind a verb, whatever the parser made of it.

    A comma before "with", "while", "left of" or an adverb with its participle leaves little room for another
    reading, and these are the phrases that the parser attaches worst.
    """
    verb = quoted = False
    for token in sentence[:-1]:
        verb = verb or token.tag_ in ("VBZ", "VBP", "VBD")
        quoted ^= token.text in ("“", "”", '"')
        if not verb or quoted or sentence.doc[token.i - 1].text != ",":
            continue
        word, following = token.lower_, token.nbor(1)
        placed = word in lexicon.SIDES and following.lower_ == "of"
        manner = token.tag_ == "RB" and word.endswith("ly") and following.tag_ in ("VBN", "VBD", "VBG")
        if placed or manner or word in ("with", "without", "while", "whereas"):
            yield token.i


def _compares(sentence: Span, token: Token) -> bool:
    """Tell whether "further back", "closer to ..." starts at a token behind a noun."""
    if token.lower_ not in lexicon.COMPARATIVES or not sentence.start < token.i < sentence.end - 1:
        return False
    return _is_noun(token.nbor(-1)) and token.nbor(1).lower_ in lexicon.COMPARATIVE_COMPLETIONS


def _adds_phrase(sentence: Span, token: Token, start: int) -> bool:
    """Decide on a prepositional phrase."""
    cases = [child for child in token.children if child.dep_ == "case" and child.i < token.i]
    previous = _word_before(sentence, start)
    if not cases or previous is None or token.tag_ == "PRP":
        return False
    preposition = cases[0].lower_
    if _bound(sentence, token, preposition, start):
        return False
    if _after_pause(sentence, start) or preposition == "due":
        return True
    if all(child.dep_ in ("case", "punct", "fixed") for child in token.children):
        return False
    if previous == token.head and previous.tag_ != "CD" and not _is_noun(previous):
        return _stands_alone(previous, preposition)
    # "Sits" may be mistagged as a noun, and "it" mostly stands for what the phrase is about.
    named = _is_noun(previous) and previous.tag_ != "PRP" and previous.lower_ not in lexicon.UNNAMED
    named = named or previous.lower_ in ("another", "other", "others")
    if not named and not _is_quoted(sentence, start):
        return False
    return preposition == "with" or not _inside_with(token.head)


def _bound(sentence: Span, token: Token, preposition: str, start: int) -> bool:
    """Tell whether a phrase completes the word before it and so cannot be cut off."""
    side = token.lower_ in lexicon.SIDES
    if preposition == "to":
        return not side or any(word.lower_ == "from" for word in sentence.doc[sentence.start : start])
    if preposition in lexicon.BOUND_PREPOSITIONS or (
        preposition == "from" and token.dep_ == "nmod" and not side
    ):
        return True
    if _after_pause(sentence, start):
        return False
    if sentence.doc[start - 1].lower_ in lexicon.RELATIONAL_NOUNS:
        return True
    modifiers = [
        child for child in token.children if child.i < token.i and child.dep_ not in ("case", "punct")
    ]
    if any(child.lower_ in ("this", "that", "these", "those", "any") for child in modifiers):
        return True
    owned = any(child.dep_ == "nmod:poss" for child in modifiers)
    return owned and not side and (preposition == "with" or len(modifiers) == 1)


def _stands_alone(word: Token, preposition: str) -> bool:
    """Tell whether a predicate needs no phrase behind it: "is leafless", "appears", "is captured"."""
    if word.tag_.startswith("JJ"):
        return preposition == "with" or any(child.dep_ == "cop" for child in word.children)
    if word.tag_ == "VBN":
        return word.lower_ in lexicon.PICTURING_PARTICIPLES and any(
            child.dep_ == "aux:pass" for child in word.children
        )
    return preposition == "with" and word.lower_ in lexicon.PLACING_VERBS


def _is_quoted(sentence: Span, start: int) -> bool:
    before = start - 1
    while before > sentence.start and sentence.doc[before].is_punct and not sentence.doc[before].is_quote:
        before -= 1
    return before >= sentence.start and bool(sentence.doc[before].is_quote)


def _inside_with(token: Token) -> bool:
    """Tell whether a noun belongs to a phrase with "with", where what follows mostly says how or where."""
    while token.dep_ in ("conj", "appos") or (
        token.dep_ == "nmod"
        and any(child.dep_ == "case" and child.lower_ == "of" for child in token.children)
    ):
        token = token.head
    return any(
        child.dep_ in ("case", "mark") and child.lower_ in ("with", "without") for child in token.children
    )


def _adds_clause(sentence: Span, token: Token, start: int) -> bool:
    """Decide on a participial, adverbial, absolute or loosely joined clause."""
    first = sentence.doc[start]
    pause = _after_pause(sentence, start)
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
        if first.lower_ in ("using", "called", "named"):
            return False
        if pause:
            return True
        previous = _word_before(sentence, start)
        if token.dep_ not in ("acl", "advcl") or token.tag_ == "JJ" or previous is None:
            return False
        if any(
            child.dep_ == "obj" and child.i == token.right_edge.i == token.i + 1 for child in token.children
        ):
            return False
        if _inside_with(token.head) and (token.tag_ == "VBN" or not _is_indefinite(token.head)):
            return False
        return _is_noun(previous) or _is_quoted(sentence, start)
    return pause and is_clause(token)


def _adds_conjunct(sentence: Span, token: Token, start: int) -> bool:
    """Decide on a conjunct: a clause, a verb phrase, or a noun phrase that names a new object."""
    conjunction = next((child.lower_ for child in token.children if child.dep_ == "cc"), "")
    pause = _after_pause(sentence, start)
    if conjunction == "but" and pause:
        return True
    determined = any(child.dep_ in ("det", "nmod:poss", "nummod") for child in token.children)
    if token.lower_ in lexicon.SIDES and not determined:
        return False
    if is_clause(token) or is_verb(token):
        previous = _word_before(sentence, start)
        # "Illuminates and gives a sheen": the first verb still waits for its object.
        complete = previous is not None and not is_verb(previous)
        return (complete or (is_clause(token) and pause)) and _has_company(token)
    if conjunction in ("or", "nor") or token.tag_ not in _NOUNS:
        return False
    return _names_object(sentence, token, start, determined=determined)


def _has_company(verb: Token) -> bool:
    """Tell whether a verb says more than itself and its helpers."""
    helpers = ("cc", "punct", "aux", "aux:pass", "cop", "advmod", "mark")
    return verb.right_edge.i > verb.i or any(child.dep_ not in helpers for child in verb.children)


def _names_object(sentence: Span, token: Token, start: int, *, determined: bool) -> bool:
    """Tell whether a noun phrase behind a conjunction names an object of its own, with a description."""
    head = top = token.head
    while top.dep_ == "conj":
        top = top.head
    if top.dep_ == "appos" or any(
        child.dep_ == "case" and child.lower_ in ("of", "between", "as", "from") for child in top.children
    ):
        return False
    shared = any(child.dep_ in ("det", "nmod:poss") for noun in (head, top) for child in noun.children)
    previous = _word_before(sentence, start)
    if any(child.dep_ == "case" for child in token.children):
        if previous is None or previous.tag_ in ("IN", "RB", "RP"):
            return False
        between = any(_is_word(word) for word in sentence.doc[head.i + 1 : start])
        return not _is_noun(head) or (shared and between and token.lower_ not in lexicon.SIDES)
    described = any(
        child.dep_ in _DESCRIPTIONS and not _after_pause(sentence, clause_start(child))
        for child in token.children
    )
    several = any(child.lower_ in lexicon.QUANTITIES for child in token.children)
    return described and (determined or several or not shared or token.lower_ in lexicon.STAND_INS)


def _is_indefinite(noun: Token) -> bool:
    return any(
        child.dep_ in ("nummod", "amod") or (child.dep_ == "det" and child.lower_ in ("a", "an", "some"))
        for child in noun.children
    ) and not any(child.dep_ == "nmod:poss" for child in noun.children)


def _has_relative_word(sentence: Span, start: int, token: Token) -> bool:
    return any(
        word.tag_ in ("WDT", "WP", "WP$", "WRB") for word in sentence.doc[start : min(start + 4, token.i + 1)]
    ) or (sentence.doc[start].lower_ == "that" and start < token.i)


def _placed_subject(sentence: Span) -> int | None:
    """Find the verb of a sentence that only places an indefinite subject: "A red car | is in the middle."."""
    if sentence[0].lower_ not in lexicon.INDEFINITES:
        return None
    verb = sentence.start + 1
    while verb < sentence.end and sentence.doc[verb].lower_ not in lexicon.PLACING_OPENERS:
        word = sentence.doc[verb]
        if word.tag_ not in _NOUN_PHRASE or word.lower_ in lexicon.PICTURES:
            return None
        verb += 1
    if verb - sentence.start < 3:
        return None
    behind = verb
    while behind < sentence.end and sentence.doc[behind].lower_ in lexicon.PLACING_VERBS:
        behind += 1
    if behind == sentence.end or sentence.doc[behind].lower_ not in lexicon.PLACING_PREPOSITIONS:
        return None
    return verb


def _complete(sentence: Span, candidates: list[int]) -> list[int]:
    """Keep the cuts that leave a readable phrase of at least two words on either side."""
    kept: list[int] = []
    words = [word.i for word in sentence if _is_word(word)]
    begin = 0  # how many words stand before the unit that is being filled
    for start in candidates:
        before = bisect_left(words, start)
        # Never inside "sans-serif" or "left-to-right": a unit begins behind a blank.
        if not sentence.doc[start - 1].whitespace_ or min(before - begin, len(words) - before) < 2:
            continue
        if _hangs(sentence.doc[words[before - 1]], pause=_after_pause(sentence, start)):
            continue
        kept.append(start)
        begin = before
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
    return bool(token.whitespace_) and (
        token.text in (";", ":") or (token.i > 0 and bool(token.nbor(-1).whitespace_))
    )


def _after_pause(sentence: Span, start: int) -> bool:
    before = start - 1
    while before > sentence.start and is_opening(sentence.doc[before]):
        before -= 1
    return before >= sentence.start and sentence.doc[before].text in (
        ",",
        ";",
        ":",
        "—",
        "–",
        "-",
        "--",
        ")",
        "(",
    )


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
