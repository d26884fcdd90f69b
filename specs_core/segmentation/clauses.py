"""What a clause needs before it can be cut: its subject, its verb and what the verb cannot do without."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spacy.tokens import Span, Token

# Relations whose dependants a verb cannot do without.
_COMPLEMENTS = frozenset({"obj", "iobj", "xcomp", "ccomp", "csubj", "compound:prt", "expl"})
_SUBJECTS = frozenset({"nsubj", "nsubj:pass", "nsubj:outer", "csubj", "csubj:pass", "expl"})
_CLAUSES = frozenset(
    {"ROOT", "acl", "acl:relcl", "advcl", "advcl:relcl", "ccomp", "xcomp", "parataxis", "csubj"}
)
_OPENERS = {"“": "”", '"': '"', "``": "''", "«": "»", "‘": "’"}


def closed_tokens(sentence: Span) -> frozenset[int]:
    """Find the tokens that no unit may start with.

    They are the words of each clause behind its first one, up to its verb and the heads of the verb's
    complements (so fronted phrases stay with their clause, and a subject with its verb), and everything
    inside quotation marks.

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
    closed.update(_quoted(sentence))
    return frozenset(closed)


def is_clause(token: Token) -> bool:
    """Tell whether a token heads a clause: a verb, or a predicate with a subject or a copula."""
    if token.dep_ in ("aux", "aux:pass", "cop", "amod", "case", "compound", "mark", "fixed"):
        return False
    if any(child.dep_ in _SUBJECTS or child.dep_ == "cop" for child in token.children):
        return True
    return is_verb(token) and (token.dep_ in _CLAUSES or token.dep_ == "conj")


def is_verb(token: Token) -> bool:
    """Tell whether a token carries a verb's tag."""
    return token.tag_.startswith("VB") or token.tag_ == "MD"


def core_end(token: Token) -> int:
    """Return the index of the last word that a clause cannot do without."""
    end = token.i
    for child in token.children:
        if child.i < token.i:
            continue
        if child.dep_ in ("cop", "aux", "aux:pass", "compound:prt") or child.dep_ in _SUBJECTS:
            end = max(end, child.i)
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


def is_opening(token: Token) -> bool:
    """Tell whether a punctuation mark belongs to the word behind it."""
    if token.is_left_punct or token.text in ("“", "‘", "«", "``"):
        return True
    # Straight quotation marks open where a blank or nothing stands before them.
    return (
        token.text in ('"', "'")
        and not token.whitespace_
        and (token.i == 0 or bool(token.nbor(-1).whitespace_))
    )


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
