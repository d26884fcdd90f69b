"""Turn ClearNLP trees, as of spaCy's own English pipelines, into Universal Dependencies.

The two differ in what heads what: ClearNLP hangs nouns on prepositions, predicates on "be", and conjunctions
on the first conjunct. The rules read Universal Dependencies only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc, Span

_RENAMED = {
    "dobj": "obj",
    "dative": "iobj",
    "nsubjpass": "nsubj:pass",
    "csubjpass": "csubj:pass",
    "auxpass": "aux:pass",
    "relcl": "acl:relcl",
    "poss": "nmod:poss",
    "prt": "compound:prt",
    "npadvmod": "obl:unmarked",
    "neg": "advmod",
    "quantmod": "advmod",
    "prep": "advmod",
    "agent": "advmod",
    "oprd": "xcomp",
    "attr": "xcomp",
    "acomp": "xcomp",
    "pobj": "nmod",
    "pcomp": "advcl",
    "intj": "discourse",
    "preconj": "cc:preconj",
    "predet": "det:predet",
}
_PREPOSITIONS = ("prep", "agent", "dative")
_BE = frozenset({"am", "is", "are", "was", "were", "be", "been", "being", "'s", "'re", "’s", "’re"})


def needs_conversion(nlp: Language) -> bool:
    """Tell whether a pipeline's parser speaks ClearNLP labels."""
    return "pobj" in nlp.pipe_labels["parser"]


def universal(doc: Doc) -> Doc:
    """Rebuild a parsed document with Universal Dependencies heads and relations.

    Args:
        doc: tokens with Penn tags, ClearNLP trees and sentence starts.

    Returns:
        A new document of the same tokens, tags and sentence starts.

    Source: ours: docs/units.md, Another pipeline.
    """
    from spacy.tokens import Doc

    heads: list[int] = []
    relations: list[str] = []
    for sentence in doc.sents:
        tree = _Tree(sentence)
        tree.turn_prepositions()
        tree.turn_copulas()
        tree.turn_conjuncts()
        heads += [sentence.start + head for head in tree.heads]
        relations += [_RENAMED.get(relation, relation) for relation in tree.relations]
    # The sentence starts follow from the heads, which stay inside their sentences.
    return Doc(
        doc.vocab,
        words=[token.text for token in doc],
        spaces=[bool(token.whitespace_) for token in doc],
        tags=[token.tag_ for token in doc],
        heads=heads,
        deps=relations,
    )


class _Tree:
    """Heads and relations of one sentence while they are turned; indices count from its first token."""

    def __init__(self, sentence: Span) -> None:
        self.words = [token.lower_ for token in sentence]
        self.tags = [token.tag_ for token in sentence]
        self.heads = [token.head.i - sentence.start for token in sentence]
        self.relations = [token.dep_ for token in sentence]

    def children(self, index: int, *relations: str) -> Iterator[int]:
        """Yield the dependants of a word, those with the given relations if any are given."""
        for i, head in enumerate(self.heads):
            if head == index != i and (not relations or self.relations[i] in relations):
                yield i

    def promote(self, index: int) -> None:
        """Let a word take the place of its head, whose other dependants it takes over."""
        head = self.heads[index]
        for child in list(self.children(head)):
            if child != index:
                self.heads[child] = index
        self.heads[index] = index if self.heads[head] == head else self.heads[head]
        self.relations[index] = self.relations[head]
        self.heads[head] = index

    def turn_prepositions(self) -> None:
        """Hang prepositions on their nouns, the innermost first, so that "out of frame" is one phrase."""
        for index in reversed(range(len(self.heads))):
            if self.relations[index] not in _PREPOSITIONS:
                continue
            relation = self.relations[index]
            target = next(self.children(index, "pobj", "pcomp", "nmod", "obl", "advcl"), None)
            if target is None:
                continue
            clause = self.relations[target] in ("pcomp", "advcl")
            self.promote(target)
            self.relations[index] = "mark" if clause else "case"
            noun = self.tags[self.heads[target]].startswith(("NN", "PRP", "CD", "DT"))
            agent = "obl:agent" if relation == "agent" else "obl"
            self.relations[target] = "advcl" if clause else "nmod" if noun else agent

    def turn_copulas(self) -> None:
        """Hang "is" on its predicate; "there is" keeps its verb."""
        for index, word in enumerate(self.words):
            if word not in _BE or self.relations[index] in ("aux", "auxpass", "cop"):
                continue
            if next(self.children(index, "expl"), None) is not None:
                for child in list(self.children(index, "attr")):
                    self.relations[child] = "nsubj"
                continue
            predicate = next(self.children(index, "attr", "acomp"), None)
            if predicate is None:
                predicate = next(self.children(index, "obl"), None)
            if predicate is not None:
                self.promote(predicate)
                self.relations[index] = "cop"

    def turn_conjuncts(self) -> None:
        """Hang all conjuncts on the first one, and each conjunction on the conjunct behind it."""
        for index, relation in enumerate(self.relations):
            if relation == "cc":
                following = next((i for i in self.children(self.heads[index], "conj") if i > index), None)
                if following is not None:
                    self.heads[index] = following
        for index, relation in enumerate(self.relations):
            while relation == "conj" and self.relations[self.heads[index]] == "conj":
                self.heads[index] = self.heads[self.heads[index]]
