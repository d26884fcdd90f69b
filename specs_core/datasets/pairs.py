"""Images with captions as JSON Lines: what training and the evaluations read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from specs_core.datasets.facts import Fact, ToldFact
from specs_core.errors import DataError

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class FalseFact:
    """Words that make one fact of a caption false when they replace `caption[start:end]`.

    Attributes:
        start: Offset of the first character that is replaced.
        end: Offset behind the last one.
        text: What stands there instead.
        type: The kind of fact, such as "tint"; "unknown" where the data does not say.
    """

    start: int
    end: int
    text: str
    type: str


@dataclass(frozen=True, slots=True)
class CaptionedImage:
    """One line: an image and a caption that it bears out.

    Attributes:
        id: Its name, or its line number.
        image: Path of the image.
        caption: The caption.
        units: [start, end) of its detail units, which joined are the caption; None where a segmenter is to
            cut it.
        false_facts: Ways to make one fact of the caption false.
        facts: Everything that the image bears out; None where the data do not say.
        told: The facts that the caption tells, with the words that tell them.
    """

    id: str
    image: Path
    caption: str
    units: tuple[Span, ...] | None = None
    false_facts: tuple[FalseFact, ...] = ()
    facts: frozenset[Fact] | None = None
    told: tuple[ToldFact, ...] = ()


def read_pairs(path: Path) -> list[CaptionedImage]:
    """Read a file of images with captions.

    Every line is a JSON object with `image` (a path, from the file's folder where it is relative) and
    `caption`; optionally `id`, `units` ([[start, end], ...]) and `false_facts` ([{"span": [start, end],
    "text": ..., "type": ...}, ...]), and what is known of the truth: `facts` ([{"type": ..., "value": ...,
    "of": [...]}, ...]) of the image, and `told`, the same with a `span`, by the caption. Offsets count
    characters (Unicode code points) of the caption. Other keys are left alone, blank lines passed over.
    Whether the images exist is not looked at.

    Args:
        path: UTF-8 JSON Lines.

    Returns:
        The lines in order.

    Raises:
        DataError: The file cannot be read, or a line is not what it should be; the message names it.

    Source: ours: docs/specificity.md, "Data".
    """
    return list(iterate_pairs(path))


def iterate_pairs(path: Path) -> Iterator[CaptionedImage]:
    """Yield the lines of `read_pairs` one by one, for files that should not stand in memory.

    Raises:
        DataError: As `read_pairs`.
    """
    try:
        # Bytes: text would also be split at characters such as U+2028, which may stand in a caption.
        with path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                line = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
                if line.strip():
                    yield parse_pair(line, number, path)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error


def parse_pair(line: bytes, number: int, path: Path) -> CaptionedImage:
    """Read one line of a file.

    Args:
        line: The line, not blank.
        number: Its number, from 1.
        path: The file, whose folder relative image paths count from.

    Raises:
        DataError: The line is not what it should be.
    """
    try:
        return _pair(line, number, path.parent)
    except _LineError as error:
        raise DataError(f"{path}, line {number}: {error}.") from error


class _LineError(Exception):
    """What is the matter with a line, and what to do."""


def _pair(line: bytes, number: int, folder: Path) -> CaptionedImage:
    try:
        row = json.loads(line.decode("utf-8"))
    except ValueError as error:  # not UTF-8, or not JSON
        raise _LineError(f"not a line of JSON ({error})") from error
    if not isinstance(row, dict):
        raise _LineError(f"a JSON {type(row).__name__}; write an object with image and caption")
    for key in ("image", "caption"):
        if not isinstance(row.get(key), str) or not row[key].strip():
            found = "is missing" if key not in row else f"is {row[key]!r}"
            raise _LineError(f"{key} {found}; it has to be a text that is not blank")
    name = row.get("id", number)
    if isinstance(name, bool) or not isinstance(name, (str, int)):
        raise _LineError(f"id is {name!r}; it has to be a text or a whole number, or be left out")
    caption: str = row["caption"]
    try:
        f"{name}{caption}{row['image']}".encode()
    except UnicodeEncodeError as error:
        raise _LineError("half a character (a lone surrogate) in id, image or caption") from error
    return CaptionedImage(
        id=str(name),
        image=folder / row["image"],
        caption=caption,
        units=None if row.get("units") is None else _units(row["units"], caption),
        false_facts=_false_facts(row.get("false_facts") or [], caption),
        facts=None if row.get("facts") is None else frozenset(map(_fact, _objects(row["facts"], "facts"))),
        told=tuple(
            ToldFact(*_span(value.get("span"), "told", caption), _fact(value))
            for value in _objects(row.get("told") or [], "told")
        ),
    )


def _units(values: Any, caption: str) -> tuple[Span, ...]:
    if not isinstance(values, list):
        raise _LineError(f"units is {values!r}; it has to be a list of [start, end]")
    spans = tuple(_span(value, "units", caption) for value in values)
    edges = [0, *(end for _, end in spans)]
    if [start for start, _ in spans] != edges[:-1] or edges[-1] != len(caption):
        raise _LineError(
            f"the {len(spans)} units do not follow each other from 0 to {len(caption)}, the caption's "
            "length; correct them, or leave units out and let the segmenter cut"
        )
    for start, end in spans:
        if not caption[start:end].strip():
            raise _LineError(f"unit [{start}, {end}] is blank; join it to the one before")
    return spans


def _false_facts(values: Any, caption: str) -> tuple[FalseFact, ...]:
    facts = []
    for value in _objects(values, "false_facts"):
        start, end = _span(value.get("span"), "false_facts", caption)
        text, kind = value.get("text"), value.get("type", "unknown")
        if not isinstance(text, str) or not text.strip():
            raise _LineError(
                f"the false fact at [{start}, {end}] has the text {text!r}; write the false words"
            )
        if text == caption[start:end]:
            raise _LineError(f"the false fact at [{start}, {end}] replaces {text!r} by itself")
        if not isinstance(kind, str) or not kind.strip():
            raise _LineError(f"the false fact at [{start}, {end}] has the type {kind!r}; write a word")
        facts.append(FalseFact(start, end, text, kind))
    return tuple(facts)


def _fact(value: dict[str, Any]) -> Fact:
    of = value.get("of", [])
    words = [value.get("type"), value.get("value"), *(of if isinstance(of, list) else [None])]
    if not all(isinstance(word, str) for word in words):
        raise _LineError(f"a fact is {value!r}; it has to have type, value and of, a list of names")
    kind, name, *names = map(str, words)
    return Fact(kind, name, tuple(names))


def _objects(values: Any, key: str) -> list[dict[str, Any]]:
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        raise _LineError(f"{key} is {values!r}; it has to be a list of objects")
    return values


def _span(value: Any, key: str, caption: str) -> Span:
    # A bool is an int in Python, and JSON's true is no offset.
    whole = isinstance(value, list) and len(value) == 2 and all(type(number) is int for number in value)
    if not whole or not 0 <= value[0] < value[1] <= len(caption):
        raise _LineError(
            f"{key} has the span {value!r}; it has to be [start, end] with "
            f"0 <= start < end <= {len(caption)}, the caption's length"
        )
    return value[0], value[1]
