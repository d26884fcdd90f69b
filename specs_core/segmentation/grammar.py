"""The paper's segmenter: a chunk grammar over Penn tags."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spacy.tokens import Doc, Span, Token

RULES_VERSION = "2"

# SPECS, appendix A, in its order.
GRAMMAR = r"""
NP: {<DT>?<JJ.*>*<NN.*>+}
VP: {<VB.*><NP|PP|CLAUSE>+$}
PP: {<IN><NP>}
CLAUSE: {<NP><VP>}
CONJ: {<CC><NP|VP|PP|CLAUSE>}
"""

_PUNCTUATION = frozenset({".", ",", ":", "''", "``", "-LRB-", "-RRB-", "HYPH", "NFP"})


def unit_starts(doc: Doc) -> list[int]:
    """Find the tokens at which a detail unit starts.

    Every chunk of a sentence starts a unit, with the loose words (verbs, adverbs, pronouns) before it. Then
    three cuts are taken back: after a noun phrase that begins the sentence with "The", between a noun phrase
    and the prepositional phrase that follows it, and after leading prepositional phrases up to the verb.

    Args:
        doc: tokens with Penn tags and sentence starts.

    Returns:
        Token indices in order, the first token of every sentence among them.

    Source: SPECS, appendix A; how loose words and the three exceptions are read: docs/units.md, Grammar.
    """
    starts: list[int] = []
    for sentence in doc.sents:
        starts.extend(_sentence_starts(sentence))
    return starts


def _sentence_starts(sentence: Span) -> list[int]:
    starts = [sentence.start]
    loose: int | None = None  # the first of the loose words before the next chunk
    previous: str | None = None  # the chunk that ends right before this one
    leading = False  # the sentence begins with a prepositional phrase, and no verb has come yet
    for label, words in _chunks(sentence):
        first = words[0]
        if label is None:
            previous = None if previous != "The" else previous
            if first.tag_ in _PUNCTUATION:
                # Punctuation closes what stands before it.
                loose = None
            elif loose is None:
                loose = first.i
            continue
        begin = first.i if loose is None else loose
        initial = begin == sentence.start
        leading = leading and not any(_is_verb(word) for word in sentence.doc[sentence.start : begin])
        modifies = label == "PP" and loose is None and (first.lower_ == "of" or previous == "NP")
        # The tagger reads "back-to-back" as three words; a unit begins behind a blank.
        whole = begin > sentence.start and bool(sentence.doc[begin - 1].whitespace_)
        if whole and not (leading or modifies or previous == "The"):
            starts.append(begin)
        if initial:
            leading = label == "PP"
        if initial and label in ("NP", "CLAUSE") and first.lower_ == "the":
            previous = "The"
        elif not (modifies and first.lower_ == "of" and previous == "NP"):
            # Otherwise "a view of a statue" goes on as a noun phrase for the phrase behind it.
            previous = label
        loose = None
    return starts


def _is_verb(word: Token) -> bool:
    return word.tag_.startswith("VB") or word.tag_ == "MD"


def _chunks(sentence: Span) -> list[tuple[str | None, list[Token]]]:
    """List the top-level chunks of a sentence, loose words one by one under None."""
    tree = _parser().parse([(token, token.tag_ or "X") for token in sentence])
    return [
        (None, [node[0]]) if isinstance(node, tuple) else (node.label(), [leaf[0] for leaf in node.leaves()])
        for node in tree
    ]


@lru_cache(maxsize=1)
def _parser() -> Any:
    from nltk.chunk.regexp import RegexpParser

    # Two passes, as the rules are recursive: a clause of the first can be part of a verb phrase of the next.
    return RegexpParser(GRAMMAR, loop=2)
