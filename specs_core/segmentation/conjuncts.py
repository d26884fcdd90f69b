"""When a conjunct adds a detail: a clause, a verb phrase, or a noun phrase with an object of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specs_core.segmentation import lexicon
from specs_core.segmentation.clauses import clause_start, is_clause
from specs_core.segmentation.tokens import after_pause, is_noun, is_verb, is_word, word_before

if TYPE_CHECKING:
    from spacy.tokens import Span, Token

_DESCRIPTIONS = frozenset({"amod", "nmod", "acl", "acl:relcl", "nummod", "appos", "nmod:desc"})


def adds_conjunct(sentence: Span, token: Token, start: int) -> bool:
    """Decide on a conjunct.

    Args:
        sentence: the sentence that it stands in.
        token: its head.
        start: index of its first word, the conjunction if there is one.

    Returns:
        Whether a unit starts with it.

    Source: ours: docs/units.md, Dependency.
    """
    conjunction = next((child.lower_ for child in token.children if child.dep_ == "cc"), "")
    pause = after_pause(sentence, start)
    if conjunction == "but" and (pause or (token.head.dep_ != "amod" and token.right_edge.i - start > 2)):
        return True
    determined = any(child.dep_ in ("det", "nmod:poss", "nummod") for child in token.children)
    if token.lower_ in lexicon.SIDES and not determined:
        return False
    if is_clause(token) or is_verb(token):
        previous = word_before(sentence, start)
        # "Illuminates and gives a sheen": the first verb still waits for its object.
        complete = previous is not None and not is_verb(previous)
        return (complete or (is_clause(token) and pause)) and _has_company(token)
    if conjunction in ("or", "nor") or not is_noun(token):
        return False
    return _names_object(sentence, token, start, determined=determined)


def _has_company(verb: Token) -> bool:
    """Tell whether a verb says more than itself and its helpers."""
    helpers = ("cc", "punct", "aux", "aux:pass", "cop", "advmod", "mark")
    following = verb.doc[min(verb.i + 1, len(verb.doc) - 1)]
    return is_word(following) or any(child.dep_ not in helpers for child in verb.children)


def _names_object(sentence: Span, token: Token, start: int, *, determined: bool) -> bool:
    """Tell whether a noun phrase behind a conjunction names an object of its own, with a description."""
    head = top = token.head
    while top.dep_ == "conj":
        top = top.head
    if top.dep_ == "appos" and not is_clause(top):
        return False
    several = any(child.lower_ in lexicon.QUANTITIES for child in token.children)
    shared = any(_is_shared(child, token) for noun in (head, top) for child in noun.children)
    # "A handful of coins and several bills": an amount of its own goes with the handful, not with its coins.
    outside = several and not any(child.dep_ in ("det", "amod", "nummod") for child in top.children)
    if not outside and _is_inside(sentence, top, start):
        return False
    previous = word_before(sentence, start)
    if any(child.dep_ == "case" for child in token.children):
        if previous is None or previous.tag_ in ("IN", "RB", "RP"):
            return False
        between = any(is_word(word) for word in sentence.doc[head.i + 1 : start])
        return not is_noun(head) or (shared and between and token.lower_ not in lexicon.SIDES)
    # "Paper cups and ticket stubs" are two bare nouns, "and a ticket stub" is not.
    described = determined and any(child.dep_ == "compound" for child in token.children)
    described = described or any(
        child.dep_ in _DESCRIPTIONS and not after_pause(sentence, clause_start(child))
        for child in token.children
    )
    return described and (determined or several or not shared or token.lower_ in lexicon.STAND_INS)


def _is_inside(sentence: Span, top: Token, start: int) -> bool:
    """Tell whether a conjunct continues "of", "between", "as" or "from", and no nearer "with"."""
    bound = ("of", "between", "as", "from")
    if not any(child.dep_ == "case" and child.lower_ in bound for child in top.children):
        return False
    near = [word.lower_ for word in sentence.doc[sentence.start : start] if word.tag_ == "IN"]
    return not near or near[-1] != "with"


def _is_shared(determiner: Token, token: Token) -> bool:
    """Tell whether an article or owner can belong to a later noun too: "a" cannot to a plural."""
    if determiner.dep_ not in ("det", "nmod:poss"):
        return False
    return not (determiner.lower_ in ("a", "an") and token.tag_ in ("NNS", "NNPS"))
