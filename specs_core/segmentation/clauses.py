"""What a clause needs before it can be cut: its subject, its verb and what the verb cannot do without."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specs_core.segmentation.tokens import is_finite, is_opening, is_verb

if TYPE_CHECKING:
    from spacy.tokens import Span, Token

# Relations whose dependants a verb cannot do without.
_COMPLEMENTS = frozenset({"obj", "iobj", "xcomp", "ccomp", "csubj", "compound:prt", "expl"})
_SUBJECTS = frozenset({"nsubj", "nsubj:pass", "nsubj:outer", "csubj", "csubj:pass", "expl"})
_CLAUSES = frozenset(
    {"ROOT", "acl", "acl:relcl", "advcl", "advcl:relcl", "ccomp", "xcomp", "parataxis", "csubj"}
)
_LOOSE = frozenset({"parataxis", "ccomp", "dep", "appos", "acl", "advcl", "ROOT", "xcomp"})
_OPENERS = {"“": "”", '"': '"', "``": "''", "«": "»", "‘": "’"}
_SINGULAR = frozenset({"a", "an", "another", "each", "every", "this"})
_ATTRIBUTES = frozenset({"JJ", "JJR", "JJS", "NN", "NNP", "VBN", "VBG", "HYPH", ","})


def closed_tokens(sentence: Span) -> frozenset[int]:
    """Find the tokens that no unit may start with.

    They are the words of each clause behind its first one, up to its verb and the heads of the verb's
    complements (so fronted phrases stay with their clause, and a subject with its verb), and everything
    inside quotation marks. Three repairs stand in for what the parser misses: a verb without a subject of
    its own belongs to the noun that begins the sentence, a fronted clause to the first subject behind it,
    and a plural behind "a" is a verb.

    Args:
        sentence: a parsed sentence.

    Returns:
        Token indices of the document.

    Source: ours: docs/units.md, What stays together.
    """
    closed: set[int] = set()
    for token in sentence:
        if is_clause(token):
            closed.update(range(clause_start(token) + 1, core_end(token) + 1))
        if _is_verb_in_disguise(sentence, token):
            # What stands behind the verb completes it, and what stands before it may be its subject.
            before = sentence.doc[sentence.start : token.i]
            begin = token.i if any(is_finite(word) for word in before) else sentence.start + 1
            closed.update(range(begin, token.i + 2))
    closed.update(range(sentence.start + 1, _opening_end(sentence)))
    closed.update(_quoted(sentence))
    return frozenset(closed)


def is_clause(token: Token) -> bool:
    """Tell whether a token heads a clause: a verb, or a predicate with a subject or a copula."""
    if token.dep_ in ("aux", "aux:pass", "cop", "amod", "case", "compound", "mark", "fixed"):
        return False
    if any(child.dep_ in _SUBJECTS or child.dep_ == "cop" for child in token.children):
        return True
    return is_verb(token) and (token.dep_ in _CLAUSES or token.dep_ == "conj")


def core_end(token: Token) -> int:
    """Return the index of the last word that a clause cannot do without."""
    end = token.i
    # A clause has one subject: a second one behind the verb is the parser's mistake ("there" is none).
    has_subject = any(child.dep_ in _SUBJECTS - {"expl"} and child.i < token.i for child in token.children)
    for child in token.children:
        if child.i < token.i:
            continue
        if child.dep_ in ("cop", "aux", "aux:pass", "compound:prt", "expl") or (
            child.dep_ in _SUBJECTS and not has_subject
        ):
            end = max(end, child.i)
        elif any(mark.lower_ == "with" for mark in child.lefts):
            continue
        elif child.dep_ in ("xcomp", "ccomp"):
            end = max(end, core_end(child))
        elif child.dep_ in _COMPLEMENTS:
            end = max(end, child.i)
    return end


def clause_start(token: Token) -> int:
    """Return the index of the first word of a subtree, behind the punctuation that it begins with."""
    start, end = token.left_edge.i, token.i
    while start < end and token.doc[start].is_punct and not is_opening(token.doc[start]):
        start += 1
    return int(start)


def _opening_end(sentence: Span) -> int:
    """Return the index behind what a sentence opens with: up to its verb, or up to the first subject."""
    for token in sentence:
        if token.text in (";", ":", "—", "–"):
            return sentence.start
        if not is_finite(token):
            continue
        subjects = [child for child in token.children if child.dep_ in _SUBJECTS and child.i < token.i]
        head = token.head if token.dep_ in ("cop", "aux", "aux:pass") else token
        subjects += [child for child in head.children if child.dep_ in _SUBJECTS and child.i < token.i]
        marked = any(child.dep_ in ("mark", "cc") and child.i < token.i for child in head.children)
        relative = head.dep_.endswith("relcl") or any(
            word.tag_ in ("WDT", "WP", "WRB") for word in sentence.doc[head.left_edge.i : token.i]
        )
        if not subjects:
            root = sentence.root
            verbless = not is_finite(root) and not any(
                child.dep_ in ("cop", "aux", "aux:pass") for child in root.children
            )
            if token.tag_ in ("VBZ", "VBP") and token.dep_ in _LOOSE and verbless and not marked | relative:
                return core_end(token) + 1
            continue
        if marked or relative:
            continue
        if sentence[0].tag_ in ("IN", "TO", "VBG", "VBN", "RB"):
            return clause_start(subjects[0]) + 1
        return sentence.start
    return sentence.start


def _is_verb_in_disguise(sentence: Span, token: Token) -> bool:
    """Tell whether a "plural" ends a phrase with "a", as in "a man in a yellow kayak paddles along"."""
    if token.tag_ != "NNS" or not token.text.islower() or token.i + 1 >= sentence.end:
        return False
    if sentence.doc[token.i + 1].tag_ not in ("IN", "RB", "RP", "TO", "DT", "PRP$"):
        return False
    before = token.i - 1
    while before > sentence.start and sentence.doc[before].tag_ in _ATTRIBUTES:
        before -= 1
    if sentence.doc[before].lower_ not in _SINGULAR or token.i - before < 2:
        return False
    # "A few birds", "a dozen eggs": the word behind the article counts.
    counts = sentence.doc[before + 1].lower_ in ("few", "dozen", "hundred", "thousand", "lot")
    return not counts and sentence.doc[token.i - 1].tag_ in ("NN", "NNP")


def _quoted(sentence: Span) -> set[int]:
    inside: set[int] = set()
    opened, closing = -1, ""
    for token in sentence:
        if opened >= 0 and token.text == closing:
            inside.update(range(opened + 1, token.i + 1))
            opened = -1
        elif opened < 0 and token.text in _OPENERS and is_opening(token):
            opened, closing = token.i, _OPENERS[token.text]
    return inside
