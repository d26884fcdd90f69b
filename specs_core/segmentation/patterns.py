"""Cuts that the words themselves show, and cuts that they forbid, whatever the parser made of the sentence.

The parser errs most where captions are densest: behind commas, in lists and in absolute phrases. There a few
words leave little room for another reading.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from specs_core.segmentation import lexicon
from specs_core.segmentation.tokens import (
    PAUSES,
    after_pause,
    is_finite,
    is_indefinite,
    is_noun,
    is_opening,
    is_word,
    word_before,
)

if TYPE_CHECKING:
    from spacy.tokens import Span, Token

_AFTER_PARTICIPLE = frozenset({"IN", "RP", "TO", "DT", "PRP$"})
_PHRASE_STARTS = frozenset({"DT", "PRP$", "CD", "JJ", "JJR", "JJS", "VBN", "VBG", "EX", "PRP", "IN", "PDT"})
_ATTRIBUTES = frozenset({"DT", "PRP$", "CD", "JJ", "JJR", "JJS", "VBN", "VBG", "RB", "HYPH", "NN", "NNP"})


def paused_additions(sentence: Span) -> Iterator[int]:
    """Find what a comma sets off behind a verb.

    Args:
        sentence: a tagged sentence.

    Yields:
        Indices of first words; none inside a quotation.

    Source: ours: docs/units.md, What a comma sets off.
    """
    verb = quoted = False
    for token in sentence[:-1]:
        verb = verb or token.tag_ in ("VBZ", "VBP", "VBD")
        quoted ^= token.text in ("“", "”", '"')
        if not verb or sentence.doc[token.i - 1].text != ",":
            continue
        if quoted != is_opening(token):
            continue
        if _is_addition(sentence, token) or _is_absolute(sentence, token) or _is_listed(sentence, token):
            yield token.i


def unpaused_additions(sentence: Span) -> Iterator[int]:
    """Find additions that need no comma: "with" behind a noun, causes, comparisons, participles, "on which".

    Args:
        sentence: a parsed sentence.

    Yields:
        Indices of first words.

    Source: ours: docs/units.md, What is cut.
    """
    verb = False
    for token in sentence[1:-1]:
        word, previous, following = token.lower_, token.nbor(-1), token.nbor(1)
        if word in lexicon.COMPARATIVES and is_noun(previous):
            found = following.lower_ in lexicon.COMPARATIVE_COMPLETIONS
        elif word == "with":
            found = _adds_company(sentence, token)
        elif (word, following.lower_) in (("due", "to"), ("because", "of")):
            found = is_noun(previous) or previous.tag_ in ("RB", "JJ", "RP")
        elif (word, following.lower_) in (("next", "to"), ("close", "to")):
            found = is_noun(previous)
        elif following.lower_ in ("which", "whom"):
            found = token.tag_ == "IN" and is_noun(previous)
        else:
            verb = verb or token.tag_ in ("VBZ", "VBP")
            found = verb and _is_reduced(sentence, token)
        if found:
            yield token.i


def accompanied_participles(sentence: Span) -> Iterator[int]:
    """Find the participle of "with clouds approaching from the right": "with" names, the participle tells.

    Args:
        sentence: a parsed sentence.

    Yields:
        Indices of participles.

    Source: ours: docs/units.md, What is cut.
    """
    for token in sentence[2:-1]:
        if token.tag_ != "VBG" or not any(
            child.dep_ == "mark" and child.lower_ == "with" for child in token.children
        ):
            continue
        subject = next((child for child in token.children if child.dep_.startswith("nsubj")), None)
        if subject is not None and subject.i == token.i - 1 and is_indefinite(subject):
            yield token.i


def forbids(sentence: Span, start: int) -> bool:
    """Tell whether the words around a start make it impossible.

    Args:
        sentence: a tagged sentence.
        start: index of the first word of a unit.

    Returns:
        True at a finite verb, between "left and right", inside "St. Louis, Missouri", and at the participle
        of "its head emerging".

    Source: ours: docs/units.md, What stays together.
    """
    token, previous = sentence.doc[start], word_before(sentence, start)
    if token.tag_ == "VBG" and not token.lower_.endswith("ing"):
        return True
    if token.tag_ in ("VBZ", "VBP", "MD") or (token.tag_ == "VB" and token.dep_ in ("ROOT", "parataxis")):
        return True
    if previous is None:
        return False
    near = [word.lower_ for word in sentence.doc[start + 1 : min(start + 5, sentence.end)]]
    if token.tag_ == "CC" and previous.lower_ in lexicon.SIDES | {"front", "back"}:
        beside = [word for word in near if word not in ("to", "on", "in", "the", "its")]
        return bool(beside) and beside[0] in lexicon.SIDES
    comma = sentence.doc[start - 1].text == ","
    if comma and token.tag_ == "NNP" and previous.tag_ == "NNP" and token.is_title:
        return True
    participle = token.tag_ in ("VBG", "VBN", "VBD")
    return participle and (
        _ends_owned_subject(sentence, start) or (not comma and _says_little(sentence, token))
    )


def _is_addition(sentence: Span, token: Token) -> bool:
    word, following = token.lower_, token.nbor(1)
    if word in ("with", "without", "while", "whereas"):
        return True
    if word in lexicon.SIDES and following.lower_ == "of":
        return True
    if token.tag_ == "RB" and word.endswith("ly") and following.tag_ in ("VBN", "VBD", "VBG"):
        return True
    if token.tag_ in ("VBG", "VBN") and following.tag_ in _AFTER_PARTICIPLE:
        return True
    words = [other.lower_ for other in sentence.doc[token.i : min(token.i + 5, sentence.end)]]
    if words[:3] == ["as", "well", "as"]:
        return True
    if token.tag_ == "IN" and following.lower_ in ("which", "whom", "whose"):
        return True
    # "Two of which", "the tallest of whom".
    return any(pair in (("of", "which"), ("of", "whom")) for pair in pairwise(words[1:])) and (
        token.tag_ in ("DT", "CD", "JJ", "JJS", "NN", "RBS")
    )


def _is_absolute(sentence: Span, token: Token) -> bool:
    """Recognise ", its head turned away": a noun with an owner, and what it does or is, without a verb."""
    if token.tag_ != "PRP$" and token.lower_ not in ("each", "both"):
        return False
    words = _segment(sentence, token.i)
    return not any(is_finite(word) for word in words) and any(
        word.tag_ in ("VBG", "VBN", "IN", "JJ") and is_noun(words[index]) and index > 0
        for index, word in enumerate(words[1:])
    )


def _is_listed(sentence: Span, token: Token) -> bool:
    """Recognise the described members of a list, and what ", and" or ", but" adds."""
    joined = token.tag_ == "CC"
    words = _segment(sentence, token.i + 1 if joined else token.i)
    if joined and (token.lower_ in ("or", "nor") or len(words) < 2):
        return False
    clause = any(is_finite(word) for word in words)
    if not joined:
        previous = word_before(sentence, token.i)
        conjunction = next((i for i, word in enumerate(words) if word.tag_ == "CC"), len(words))
        item = words[:conjunction]
        behind = item[-1].i + 1 if item else sentence.end
        closes = conjunction < len(words) or (
            behind + 1 < sentence.end and sentence.doc[behind].text == "," and not clause
        )
        if clause or not closes or previous is None or not is_noun(previous) or not _is_list(sentence, token):
            return False
        words = item
    elif clause:
        return words[0].tag_ in _PHRASE_STARTS or is_noun(words[0])
    return _is_described(words) and not _completes(sentence, token)


def _is_list(sentence: Span, token: Token) -> bool:
    """Tell whether a conjunction joins the last member of what may be a list."""
    return any(word.tag_ == "CC" and word.lower_ == "and" for word in sentence.doc[token.i : sentence.end])


def _is_described(words: list[Token]) -> bool:
    """Tell whether words begin with a noun phrase of an attribute and a noun."""
    if len(words) < 2 or words[0].tag_ not in _PHRASE_STARTS - {"IN", "PRP", "EX"}:
        return False
    for attributes, word in enumerate(words):
        if is_noun(word) and word.tag_ != "CD" and attributes > 0:
            return word.tag_ in ("NNS", "NNPS") or attributes > 1 or words[0].tag_ != "DT"
        if word.lower_ == "of" and attributes > 1:
            # "A spoonful of beans", however "spoonful" was tagged.
            return True
        if word.tag_ not in _ATTRIBUTES:
            return False
    return False


def _completes(sentence: Span, token: Token) -> bool:
    """Tell whether a list belongs to "of", "between" and the like, which it completes."""
    for index in range(token.i - 1, sentence.start, -1):
        word = sentence.doc[index]
        if word.tag_ in ("IN", "TO") or is_finite(word):
            return word.lower_ in ("of", "between", "as", "from", "for", "to", "like")
    return False


def _segment(sentence: Span, start: int) -> list[Token]:
    """List the words from a token up to the next pause."""
    words: list[Token] = []
    for token in sentence.doc[start : sentence.end]:
        if token.text in PAUSES and token.tag_ != "HYPH":
            break
        if is_word(token):
            words.append(token)
    return words


def _adds_company(sentence: Span, token: Token) -> bool:
    """Tell whether "with" describes what stands before it rather than complete it."""
    previous = word_before(sentence, token.i)
    if previous is None or previous.lower_ in lexicon.RELATIONAL_NOUNS | lexicon.ACCOMPANIED:
        return False
    if previous.tag_.startswith("JJ"):
        # "Crowded with", "adorned with" take what follows, tagged as an adjective or not.
        if previous.lower_.endswith("ed"):
            return False
    elif not is_noun(previous) or previous.tag_ == "PRP":
        return False
    if token.nbor(1).tag_ == "PRP$":
        words = _segment(sentence, token.i + 1)
        return any(
            is_noun(left) and right.tag_ in ("JJ", "VBN", "VBG") for left, right in pairwise(words[1:])
        )
    return token.nbor(1).tag_ != "PRP"


def _is_reduced(sentence: Span, token: Token) -> bool:
    """Recognise "a cap pulled down over his ears": a participle behind a noun, before a preposition."""
    if token.tag_ not in ("VBN", "VBD", "VBG") or token.dep_ in ("conj", "aux", "aux:pass", "amod"):
        return False
    previous, following = token.nbor(-1), token.nbor(1)
    if not is_noun(previous) or previous.tag_ == "PRP" or following.tag_ not in ("IN", "RP", "RB"):
        return False
    begin = token.i
    while begin > sentence.start and sentence.doc[begin - 1].text not in PAUSES:
        begin -= 1
    # ", with its base covered by ivy" is one phrase.
    return sentence.doc[begin].lower_ not in ("with", "without") and not _says_little(sentence, token)


def _says_little(sentence: Span, token: Token) -> bool:
    """Tell whether a participle only leads back to what was named: "rising from it"."""
    words = _segment(sentence, token.i)
    return len(words) <= 3 and words[-1].tag_ == "PRP"


def _ends_owned_subject(sentence: Span, start: int) -> bool:
    """Tell whether ", its head" stands before a participle."""
    begin = start
    while begin > sentence.start and sentence.doc[begin - 1].text not in PAUSES:
        begin -= 1
    if begin == start or not after_pause(sentence, begin) or sentence.doc[begin].tag_ != "PRP$":
        return False
    return all(word.tag_ in _ATTRIBUTES | {"NNS", "CC"} for word in sentence.doc[begin:start])
