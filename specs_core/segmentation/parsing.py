"""Parse captions: clean text for the pipeline, sentence boundaries by rule, offsets back into the caption."""

from __future__ import annotations

import os
import re
import threading
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from specs_core.errors import ConfigError
from specs_core.segmentation import lexicon
from specs_core.segmentation.universal import needs_conversion, universal

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

SHIPPED_PIPELINE = Path(__file__).with_name("pipeline")

# A pipeline takes tens of megabytes and a second: who comes while it is loaded waits for that one.
_LOADING = threading.Lock()

_CLOSING = frozenset("\"'”’)]}»*_") | {"''", "-RRB-"}
_OPENING = frozenset("\"'“‘([{«*_") | {"``", "-LRB-"}
_STOP = re.compile(r"^(?:[.!?…]+|[。！？])$")
_PARAGRAPH = re.compile(r"(?>\r\n|\r|\n)[^\S\r\n]*(?>\r\n|\r|\n)|[\u2029\f\v]")
_BULLET = re.compile(r"[^\S\r\n]*(?:[-*•–—·]\s|\d{1,2}[.)]\s)")


@dataclass(frozen=True)
class ParsedCaption:
    """A caption with its parse; character i of the parsed text stands at `characters[i]` in the caption."""

    text: str
    doc: Doc
    characters: tuple[int, ...]

    def offsets(self, tokens: Iterable[int]) -> list[int]:
        """Turn token indices of the parse into character offsets of the caption."""
        return [self.characters[self.doc[i].idx] for i in tokens]


def parse_many(
    captions: Iterable[str], *, trees: bool, batch_size: int = 64, pipeline: str | None = None
) -> Iterator[ParsedCaption]:
    """Tag captions, and build their dependency trees where asked.

    White space of every kind is one blank to the pipeline, and invisible signs are left out, so line breaks
    and control characters cannot disturb the parse; the offsets lead back to the untouched caption.

    Args:
        captions: captions; any Unicode text.
        trees: run the dependency parser too.
        batch_size: captions that go through the pipeline together.
        pipeline: name or path of a spaCy pipeline; None for `$SPECS_PIPELINE` or the shipped one.

    Yields:
        One parsed caption each, in order. Sentence starts are set by rule, never by the parser.

    Raises:
        ConfigError: the pipeline cannot be loaded, or lacks a tagger or a parser.
    """
    nlp = load_pipeline(_name(pipeline))
    components = {"tok2vec", "transformer", "tagger", "parser"} - (set() if trees else {"parser"})
    turn = trees and needs_conversion(nlp)
    disable = [name for name in nlp.pipe_names if name not in components]

    def prepared() -> Iterator[tuple[Doc, tuple[str, tuple[int, ...]]]]:
        for caption in captions:
            text, characters, breaks = plain_text(caption)
            doc = nlp.make_doc(text)
            mark_sentences(doc, breaks)
            yield doc, (caption, characters)

    for doc, (caption, characters) in nlp.pipe(
        prepared(), as_tuples=True, batch_size=batch_size, disable=disable
    ):
        yield ParsedCaption(caption, universal(doc) if turn else doc, characters)


def plain_text(caption: str) -> tuple[str, tuple[int, ...], frozenset[int]]:
    """Reduce a caption to the words and single blanks that the pipeline reads.

    Args:
        caption: any Unicode text.

    Returns:
        The plain text; for each of its characters the offset in the caption; and the offsets in the plain
        text of words behind a break that ends a sentence (a blank line, or a line break before a list item).
    """
    paragraphs = {match.end() for match in _PARAGRAPH.finditer(caption)}
    text: list[str] = []
    characters: list[int] = []
    breaks: set[int] = set()
    blank, broken = False, False
    for offset, char in enumerate(caption):
        category = unicodedata.category(char)
        broken = broken or offset in paragraphs
        if char in "\r\n" and _BULLET.match(caption, offset + 1):
            broken = True
        if char.isspace() or category == "Cc":
            blank = True
            continue
        if category == "Cf":
            continue
        if blank and text:
            text.append(" ")
            characters.append(offset - 1)
        if broken and text:
            breaks.add(len(text))
        blank, broken = False, False
        text.append("\N{REPLACEMENT CHARACTER}" if category in ("Cs", "Cn", "Co") else char)
        characters.append(offset)
    return "".join(text), tuple(characters), frozenset(breaks)


def mark_sentences(doc: Doc, breaks: frozenset[int]) -> None:
    """Set every sentence start of a document by rule.

    A sentence ends behind a full stop, question mark, exclamation mark or ellipsis, with the quotation marks
    and brackets that close there, unless the stop belongs to an abbreviation, or the next word goes on in
    lower case behind an ellipsis or a closing quotation mark. It also ends where a blank line stands.

    Args:
        doc: tokens only.
        breaks: offsets in the text of words that begin a sentence in any case.
    """
    ended = True
    for token in doc:
        if token.i > 0:
            ended = token.idx in breaks or _ends_before(doc, token.i)
        token.is_sent_start = ended


def _ends_before(doc: Doc, index: int) -> bool:
    here = doc[index]
    last = index - 1
    if here.text in _CLOSING and not doc[last].whitespace_:
        return False
    closed = False
    while last > 0 and doc[last].text in _CLOSING and not doc[last - 1].whitespace_:
        last -= 1
        closed = True
    stop = doc[last].text
    following = here
    if here.text in _OPENING and index + 1 < len(doc):
        following = doc[index + 1]
    lower = following.text[:1].islower()
    if _STOP.match(stop):
        if last > 0 and stop == "." and doc[last - 1].text.lower() + "." in lexicon.ABBREVIATIONS:
            return not lower and doc[last - 1].text.lower() + "." in lexicon.ENDING_ABBREVIATIONS
        if stop == "." and last > 0 and len(doc[last - 1].text) == 1 and doc[last - 1].text.isupper():
            # "J. Smith": an initial, unless the letter is quoted or is a word of its own.
            initial = not closed and not doc[last - 1].whitespace_ and doc[last - 1].text != "I"
            if initial and following.text[:1].isupper() and following.text.istitle() and _is_name(doc, last):
                return False
        return not (lower and (closed or stop != "."))
    if not stop.endswith(".") or lower:
        return False
    # The tokenizer keeps the stop of an abbreviation or initial: "etc.", "O.".
    if closed:
        return True
    return following.text in lexicon.SENTENCE_STARTERS and (
        stop.lower() in lexicon.ENDING_ABBREVIATIONS or len(stop) == 2
    )


def _is_name(doc: Doc, stop: int) -> bool:
    """Tell whether the letter before a stop follows another capitalised word or begins the text."""
    return stop < 2 or (doc[stop - 2].is_title and not doc[stop - 1].is_sent_start)


def load_pipeline(name: str) -> Language:
    """Load a spaCy pipeline once, also where several threads ask for it at the same time.

    Args:
        name: folder or package name.

    Returns:
        The pipeline, for texts of any length.

    Raises:
        ConfigError: it is not installed, cannot be read, or lacks a tagger or a parser.
    """
    with _LOADING:
        return _load_pipeline(name)


@lru_cache(maxsize=4)
def _load_pipeline(name: str) -> Language:
    import spacy
    from thinc.api import use_ops

    try:
        # numpy's matrix products take two thirds of the time of the library that spaCy would choose
        # (benchmarks/segmentation_speed.py).
        with use_ops("numpy", use_blis=False):
            nlp = spacy.load(name)
    except (OSError, ValueError) as error:
        raise ConfigError(f"the spaCy pipeline {name!r} cannot be loaded: {error}") from error
    missing = [part for part in ("tagger", "parser") if part not in nlp.pipe_names]
    if missing:
        raise ConfigError(f"the spaCy pipeline {name!r} lacks {' and '.join(missing)}")
    nlp.max_length = 100_000_000
    return nlp


def pipeline_version(pipeline: str | None = None) -> str:
    """Give name and version of the pipeline that would be used, such as `specs_ewt-1.0.0`."""
    meta = load_pipeline(_name(pipeline)).meta
    return f"{meta['name']}-{meta['version']}"


def _name(pipeline: str | None) -> str:
    return pipeline or os.environ.get("SPECS_PIPELINE") or str(SHIPPED_PIPELINE)
