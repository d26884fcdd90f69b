"""Captions whose false words are known, as the tests of hallucination detection have them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from specs_core.datasets.pairs import Span
from specs_core.errors import DataError

#: A word, as word attribution splits captions.
WORD = re.compile(r"[^\s.,]+")
_LETTERS = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class LabelledCaption:
    """One caption of one image.

    Attributes:
        id: Its name in the data set; a true and a false version of one caption have two names.
        image: Path of the image; captions of one image are resampled together.
        caption: The caption.
        false_spans: [start, end) of the hallucinated words in the caption, in characters; none for a true
            caption.
        group: What figures are also given by, such as a domain; "" where the data set has no groups.
        references: True captions of the same image, without this one.
    """

    id: str
    image: Path
    caption: str
    false_spans: tuple[Span, ...] = ()
    group: str = ""
    references: tuple[str, ...] = ()

    @property
    def is_false(self) -> bool:
        """Whether any word is hallucinated."""
        return bool(self.false_spans)

    def words(self) -> list[tuple[int, int, bool]]:
        """Return start, end and whether hallucinated of every word; a shared character is enough."""
        return [
            (start, end, any(start < until and since < end for since, until in self.false_spans))
            for start, end in word_spans(self.caption)
        ]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row that has no part in the figures.

    Attributes:
        id: Its name in the data set.
        image: The image as the data set names it.
        reason: In a few words that are counted by.
        detail: What is the matter with this one.
    """

    id: str
    image: str
    reason: str
    detail: str


@dataclass(frozen=True)
class LabelledCaptions:
    """A data set as it was read.

    Attributes:
        captions: What can be measured, as far as the file tells; the images are not looked at.
        left_out: Rows whose false words cannot be found in their caption.
    """

    captions: tuple[LabelledCaption, ...]
    left_out: tuple[LeftOut, ...]


def word_spans(caption: str) -> list[Span]:
    """Return [start, end) of every word."""
    return [match.span() for match in WORD.finditer(caption)]


def find_phrase(caption: str, phrase: str) -> list[Span]:
    """Return every place where a phrase stands as whole words, whatever the case."""
    words = [re.escape(word) for word in phrase.split()]
    if not words:
        return []
    pattern = r"(?<!\w)" + r"\s+".join(words) + r"(?!\w)"
    return [match.span() for match in re.finditer(pattern, caption, re.IGNORECASE)]


def find_words_in_order(caption: str, phrase: str) -> tuple[Span, ...] | None:
    """Return where the words of a phrase stand in a caption, in their order but perhaps with others between.

    Where several places fit, the one that takes up the fewest words of the caption, the first of those.

    Returns:
        The words' spans, or None where a word is missing.
    """
    wanted = [match[0].casefold() for match in _LETTERS.finditer(phrase)]
    there = list(_LETTERS.finditer(caption))
    words = [match[0].casefold() for match in there]
    best: list[int] | None = None
    for first in (number for number, word in enumerate(words) if wanted and word == wanted[0]):
        places = [first]
        for word in wanted[1:]:
            try:
                places.append(words.index(word, places[-1] + 1))
            except ValueError:
                break
        if len(places) == len(wanted) and (best is None or places[-1] - places[0] < best[-1] - best[0]):
            best = places
    return None if best is None else tuple(there[place].span() for place in best)


def spans_of_tokens(caption: str, tokens: Iterable[str]) -> list[Span] | None:
    """Return where tokens stand that follow each other in a caption, or None where one is not there."""
    spans, place = [], 0
    for token in tokens:
        start = caption.find(token, place)
        if start < 0 or not token:
            return None
        place = start + len(token)
        spans.append((start, place))
    return spans


def read_json(path: Path) -> Any:
    """Return what a JSON file holds.

    Raises:
        DataError: It cannot be read, or is no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise DataError(f"{path} is not JSON: {error}.") from error


def read_rows(path: Path, *, needs: Sequence[str]) -> list[dict[str, Any]]:
    """Return the objects of a JSON list that all have some keys.

    Raises:
        DataError: It is no such list; the message names the row.
    """
    rows = read_json(path)
    if not isinstance(rows, list):
        raise DataError(f"{path} is a JSON {type(rows).__name__}; it has to be a list of objects.")
    check_rows(rows, path, needs=needs)
    return rows


def check_rows(rows: Sequence[Any], path: Path, *, needs: Sequence[str], of: str = "row") -> None:
    """Raise where a row is no object with some keys.

    Raises:
        DataError: The message names the row.
    """
    for number, row in enumerate(rows):
        missing = [key for key in needs if not isinstance(row, dict) or row.get(key) is None]
        if missing:
            raise DataError(f"{path}, {of} {number}: it has no {missing[0]}.")


def text_of(row: dict[str, Any], key: str, path: Path, number: int) -> str:
    """Return a text of a row.

    Raises:
        DataError: It is something else, or blank.
    """
    value = row[key]
    if not isinstance(value, str) or not value.strip():
        raise DataError(f"{path}, row {number}: {key} is {value!r}; it has to be a text that is not blank.")
    return value


def references_of(row: dict[str, Any], path: Path, number: int) -> tuple[str, ...]:
    """Return a row's references, none where it has none.

    Raises:
        DataError: They are no list of texts.
    """
    value = row.get("references") or []
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise DataError(f"{path}, row {number}: references is no list of texts.")
    return tuple(text.strip() for text in value if text.strip())
