"""The paper's segmenter: a chunk grammar over Penn tags."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spacy.tokens import Doc, Span, Token

RULES_VERSION = "1"

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
    # Where the loose words before the next chunk begin; punctuation closes what stands before it.
    loose: int | None = None
    previous: str | None = None
    fronted = True
    verb_seen = False
    for label, words in _chunks(sentence):
        first = words[0]
        if label is None:
            if first.tag_ in _PUNCTUATION:
                loose = None
                if first.tag_ not in ("HYPH", "``", "''", "-LRB-", "-RRB-"):
                    previous = "punctuation" if previous != "fronted" else previous
            else:
                loose = first.i if loose is None else loose
                verb_seen = verb_seen or _is_verb(first)
                previous = "words" if previous != "fronted" else previous
            continue
        begin = first.i if loose is None else loose
        has_verb = verb_seen or any(_is_verb(word) for word in words)
        joins_noun = label == "PP" and loose is None and (first.lower_ == "of" or previous == "NP")
        leads = fronted and not has_verb
        cut = begin > sentence.start and previous != "the" and not joins_noun and not leads
        if cut:
            starts.append(begin)
        initial = begin == sentence.start
        if initial and label in ("NP", "CLAUSE") and first.lower_ == "the":
            previous = "the"
        elif initial:
            previous = label
        elif label == "PP" and first.lower_ == "of" and previous == "NP" and loose is None:
            # "a view of a statue" is one noun phrase to the phrase that follows it.
            previous = "NP"
        else:
            previous = label
        if initial:
            fronted = label == "PP"
        elif has_verb or not fronted:
            fronted = False
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
