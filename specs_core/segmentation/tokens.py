"""What the rules ask about a token and the words next to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spacy.tokens import Span, Token

PAUSES = frozenset({",", ";", ":", "—", "–", "-", "--", "(", ")"})
_NOUNS = frozenset({"NN", "NNS", "NNP", "NNPS", "CD", "PRP"})
_FINITE = frozenset({"VBZ", "VBP", "VBD", "MD"})


def is_word(token: Token) -> bool:
    """Tell whether a token has a letter or a digit."""
    return any(char.isalnum() for char in token.text)


def is_noun(token: Token) -> bool:
    """Tell whether a token can stand for an object: a noun, a number or a pronoun."""
    return token.tag_ in _NOUNS


def is_verb(token: Token) -> bool:
    """Tell whether a token carries a verb's tag."""
    return token.tag_.startswith("VB") or token.tag_ == "MD"


def is_finite(token: Token) -> bool:
    """Tell whether a token is a verb that makes a sentence."""
    return token.tag_ in _FINITE


def is_opening(token: Token) -> bool:
    """Tell whether a punctuation mark belongs to the word behind it."""
    if token.text in ('"', "'"):
        # Straight quotation marks open where a blank or nothing stands before them.
        return not token.whitespace_ and (token.i == 0 or bool(token.nbor(-1).whitespace_))
    return bool(token.is_left_punct) or token.text in ("“", "‘", "«", "``")


def with_opening(sentence: Span, start: int) -> int:
    """Move a start in front of the opening quotation marks and brackets before it."""
    while start - 1 > sentence.start and is_opening(sentence.doc[start - 1]):
        start -= 1
    return start


def after_pause(sentence: Span, start: int) -> bool:
    """Tell whether a comma, colon, semicolon, dash or bracket stands before a token."""
    before = with_opening(sentence, start) - 1
    return before >= sentence.start and sentence.doc[before].text in PAUSES


def word_before(sentence: Span, start: int) -> Token | None:
    """Return the last word of the sentence before a token."""
    for index in range(start - 1, sentence.start - 1, -1):
        if is_word(sentence.doc[index]):
            return sentence.doc[index]
    return None


def is_quoted(sentence: Span, start: int) -> bool:
    """Tell whether a quotation ends before a token."""
    before = start - 1
    while before > sentence.start and sentence.doc[before].is_punct and not sentence.doc[before].is_quote:
        before -= 1
    return before >= sentence.start and bool(sentence.doc[before].is_quote)


def is_indefinite(noun: Token) -> bool:
    """Tell whether a noun is newly named: with "a", a number or an adjective, and without an owner."""
    return any(
        child.dep_ in ("nummod", "amod") or (child.dep_ == "det" and child.lower_ in ("a", "an", "some"))
        for child in noun.children
    ) and not any(child.dep_ == "nmod:poss" for child in noun.children)
