"""Read dependency trees from a gzipped CoNLL-U file."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class TreebankToken:
    """One syntactic word: `head` is the index of its head in the sentence, -1 for the root."""

    text: str
    tag: str
    head: int
    relation: str
    space_after: bool


@dataclass(frozen=True)
class Sentence:
    """One tree, with the identifier of the text that it comes from."""

    document: str
    tokens: tuple[TreebankToken, ...]


def read_sentences(path: Path) -> list[Sentence]:
    """Read every sentence of a gzipped CoNLL-U file, in order.

    Words inside a multiword token ("don't") become tokens of their own without a space between them, which is
    how spaCy's English tokenizer cuts them too. Empty nodes of the enhanced layer are left out.

    Args:
        path: the `.conllu.gz` file.

    Returns:
        The sentences, Penn tags from column XPOS.
    """
    sentences: list[Sentence] = []
    document = ""
    rows: list[list[str]] = []
    multiwords: list[tuple[int, int, bool]] = []
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            line = line.rstrip("\n")
            if line.startswith("# newdoc"):
                document = line.partition("=")[2].strip()
            elif line.startswith("#"):
                continue
            elif line:
                row = line.split("\t")
                if "-" in row[0]:
                    first, last = row[0].split("-")
                    multiwords.append((int(first), int(last), "SpaceAfter=No" not in row[9]))
                elif "." not in row[0]:
                    rows.append(row)
            elif rows:
                sentences.append(Sentence(document, _tokens(rows, multiwords)))
                rows, multiwords = [], []
    if rows:
        sentences.append(Sentence(document, _tokens(rows, multiwords)))
    return sentences


def _tokens(rows: list[list[str]], multiwords: list[tuple[int, int, bool]]) -> tuple[TreebankToken, ...]:
    space_after = {int(row[0]): "SpaceAfter=No" not in row[9] for row in rows}
    for first, last, space in multiwords:
        space_after.update(dict.fromkeys(range(first, last), False))
        space_after[last] = space
    return tuple(
        TreebankToken(
            text=row[1],
            tag=row[4],
            head=int(row[6]) - 1,
            relation=row[7],
            space_after=space_after[int(row[0])],
        )
        for row in rows
    )
