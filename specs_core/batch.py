"""Score a data set: JSON Lines of image and caption in, JSON Lines of curves or scores out, in order.

A row that cannot be scored is reported and left out, and the run goes on; memory does not grow with the file.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from specs_core.curve import DEFAULT_SEGMENTER, ScoreCurve, curve_of_units, curve_record, number_or_none
from specs_core.errors import DataError, ImageError
from specs_core.images import load_image
from specs_core.scoring import cosine, specs_score

if TYPE_CHECKING:
    from specs_core.encoder import Encoder

CHUNK = 32
# Data sets often hold several captions of an image, mostly in a row.
REMEMBERED_IMAGES = 256

Features = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Row:
    """One line of the input.

    Attributes:
        number: Line number, from 1.
        id: The row's own `id`, a string or an integer.
        image: Path of the image; a relative one counts from the folder of the input file.
        caption: The caption.
        references: True captions of the image, where they were asked for.
    """

    number: int
    id: str | int
    image: Path
    caption: str
    references: tuple[str, ...] = ()


@dataclass(frozen=True)
class Message:
    """Something to tell the user about a row.

    Attributes:
        number: Line number, from 1.
        id: The row's `id`, or None where it has none.
        text: What is the matter.
        left_out: Whether the row has no result because of it.
    """

    number: int
    id: str | int | None
    text: str
    left_out: bool = True

    def __str__(self) -> str:
        row = f"line {self.number}" if self.id is None else f"line {self.number}, id {self.id!r}"
        return f"{row}: {self.text}"


@dataclass(frozen=True)
class Report:
    """How a run went: rows written, and rows left out."""

    written: int
    left_out: int


def write_curves(
    source: Path,
    target: Path,
    encoder: Encoder,
    *,
    segmenter: str = DEFAULT_SEGMENTER,
    threshold: float = 0.0,
    on_message: Callable[[Message], None] | None = None,
    on_row: Callable[[], None] | None = None,
) -> Report:
    """Write the curve of every row: the object of `specs curve --json` with the row's `id`.

    Args:
        source: JSON Lines with `id`, `image` and `caption`.
        target: JSON Lines to write.
        encoder: A loaded model.
        segmenter: One of `specs_core.segmentation.SEGMENTERS`.
        threshold: Dip threshold, a cosine difference of 0 or more.
        on_message: Told of every row that is left out or not scored whole.
        on_row: Called after each row.

    Returns:
        The numbers of rows written and left out.

    Raises:
        DataError: The input cannot be read, or the output cannot be written.
        ConfigError: No such segmenter.
    """

    def records(rows: Sequence[Row], images: Features) -> Iterator[dict[str, Any]]:
        for row, curve in zip(rows, _curves(rows, images, encoder, segmenter), strict=True):
            tell_beyond(row, curve, on_message)
            yield {"id": row.id, **curve_record(curve, encoder, threshold=threshold)}

    return _run(source, target, encoder, records, on_message, on_row)


def write_scores(
    source: Path,
    target: Path,
    encoder: Encoder,
    *,
    segmenter: str = DEFAULT_SEGMENTER,
    on_message: Callable[[Message], None] | None = None,
    on_row: Callable[[], None] | None = None,
) -> Report:
    """Write `id`, `score` and `similarity` of every row, the same numbers as the curve's without the curve.

    Captions are not cut into units, except those beyond the model's context: there the longest prefix of
    whole units that it reads is scored, as in the curve, and a message says so.

    Args:
        source: JSON Lines with `id`, `image` and `caption`.
        target: JSON Lines to write.
        encoder: A loaded model.
        segmenter: Cuts the captions beyond the context.
        on_message: Told of every row that is left out or not scored whole.
        on_row: Called after each row.

    Returns:
        The numbers of rows written and left out.

    Raises:
        DataError: The input cannot be read, or the output cannot be written.
        ConfigError: No such segmenter.
    """

    def records(rows: Sequence[Row], images: Features) -> Iterator[dict[str, Any]]:
        similarity = np.full(len(rows), np.nan)
        fits = np.array(
            [encoder.count_tokens(row.caption) <= encoder.context_length for row in rows], dtype=bool
        )
        inside, beyond = np.flatnonzero(fits).tolist(), np.flatnonzero(~fits).tolist()
        texts = encoder.text_features([rows[index].caption for index in inside])
        similarity[inside] = cosine(images[inside], texts)
        curves = _curves([rows[index] for index in beyond], images[beyond], encoder, segmenter)
        for index, curve in zip(beyond, curves, strict=True):
            tell_beyond(rows[index], curve, on_message)
            similarity[index] = curve.final_similarity
        for row, value in zip(rows, similarity, strict=True):
            score = number_or_none(float(specs_score(value)))
            yield {"id": row.id, "score": score, "similarity": number_or_none(value)}

    return _run(source, target, encoder, records, on_message, on_row)


def count_rows(source: Path) -> int:
    """Return the number of lines that are not blank.

    Raises:
        DataError: The file cannot be read.
    """
    try:
        with source.open("rb") as lines:
            return sum(1 for line in lines if line.strip())
    except OSError as error:
        raise DataError(f"{source} cannot be read: {error.strerror}") from error


def read_rows(source: Path, *, references: bool = False) -> Iterator[Row | Message]:
    """Read the rows of a JSON Lines file; a line that is none comes as the message that says why.

    Args:
        source: UTF-8 lines with `id` (string or integer), `image` (path) and `caption` (string); blank lines
            are passed over.
        references: Whether `references` (a string or a list of strings) is read as well; it may be missing.

    Raises:
        DataError: The file cannot be read.
    """
    try:
        with source.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield _row(line.removeprefix(b"\xef\xbb\xbf"), number, source.parent, references)
    except OSError as error:
        raise DataError(f"{source} cannot be read: {error.strerror}") from error


def _row(line: bytes, number: int, folder: Path, with_references: bool) -> Row | Message:
    try:
        values = json.loads(line.decode("utf-8"))
    except ValueError as error:  # not UTF-8, or not JSON
        return Message(number, None, f"not a line of JSON ({error})")
    if not isinstance(values, dict):
        return Message(number, None, f"a JSON {type(values).__name__}, not an object")
    name = values.get("id")
    if isinstance(name, bool) or not isinstance(name, (str, int)):
        return Message(
            number, None, "no id" if name is None else f"its id is {name!r}, not a string or an integer"
        )
    for key in ("image", "caption"):
        if not isinstance(values.get(key), str) or not values[key].strip():
            return Message(
                number, name, f"no {key}" if key not in values else f"its {key} is no text, or empty"
            )
    given = values.get("references") if with_references else None
    references = [] if given is None else [given] if isinstance(given, str) else given
    if not isinstance(references, list) or not all(isinstance(text, str) for text in references):
        return Message(number, name, "its references are neither a string nor a list of strings")
    try:
        "".join([str(name), values["caption"], *references]).encode()
    except UnicodeEncodeError:
        where = "caption, id or references" if with_references else "caption or id"
        return Message(number, name, f"half a character (a lone surrogate) in its {where}")
    return Row(number, name, folder / values["image"], values["caption"], tuple(references))


def _curves(rows: Sequence[Row], images: Features, encoder: Encoder, segmenter: str) -> Iterator[ScoreCurve]:
    if not rows:
        return
    from specs_core.segmentation import segment_many, segmenter_version

    cut = segment_many([row.caption for row in rows], segmenter=segmenter)
    for image, units in zip(images, cut, strict=True):
        yield curve_of_units(
            encoder, image, units, segmenter=segmenter, segmenter_version=segmenter_version(segmenter)
        )


def tell_beyond(row: Row, curve: ScoreCurve, on_message: Callable[[Message], None] | None) -> None:
    """Tell of a row some of whose units lie beyond the model's context.

    Args:
        row: The row.
        curve: Of its caption.
        on_message: Told, where there is something to tell.
    """
    beyond = int(curve.beyond_context.sum())
    if beyond and on_message is not None:
        text = (
            f"{beyond} of {len(curve.units)} units lie beyond the model's {curve.context_length} tokens "
            f"and carry no score (the caption has {curve.total_tokens})"
        )
        on_message(Message(row.number, row.id, text, left_out=False))


class RememberedImages:
    """Features of the images seen last, so that an image with several captions is encoded once."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._features: OrderedDict[Path, Features] = OrderedDict()

    def features(self, paths: Iterable[Path]) -> tuple[dict[Path, Features], dict[Path, str]]:
        """Return the features of images, and why those without features have none.

        Args:
            paths: Image files, each any number of times.

        Returns:
            (D,) of each image that could be read, and one sentence for each that could not.
        """
        problems: dict[Path, str] = {}
        new = {}
        wanted = list(dict.fromkeys(paths))
        for path in wanted:
            if path in self._features:
                self._features.move_to_end(path)
                continue
            try:
                new[path] = load_image(path).image
            except ImageError as error:
                problems[path] = str(error)
        if new:
            encoded = self._encoder.image_features(list(new.values()))
            self._features.update(zip(new, encoded, strict=True))
        found = {path: self._features[path] for path in wanted if path in self._features}
        while len(self._features) > REMEMBERED_IMAGES:
            self._features.popitem(last=False)
        return found, problems


def _run(
    source: Path,
    target: Path,
    encoder: Encoder,
    records: Callable[[Sequence[Row], Features], Iterator[dict[str, Any]]],
    on_message: Callable[[Message], None] | None,
    on_row: Callable[[], None] | None,
) -> Report:
    if source.resolve() == target.resolve():
        raise DataError(f"{target} is the input as well; name another file for the output")
    images = RememberedImages(encoder)
    written = left_out = 0

    def leave_out(message: Message) -> None:
        nonlocal left_out
        left_out += 1
        if on_message is not None:
            on_message(message)
        if on_row is not None:
            on_row()

    entries = read_rows(source)
    first = list(
        islice(entries, CHUNK)
    )  # before the output is opened, so that a missing input leaves it alone
    try:
        with target.open("w", encoding="utf-8") as out:
            for chunk in _chunks(first, entries):
                rows = [entry for entry in chunk if isinstance(entry, Row)]
                features, problems = images.features(row.image for row in rows)
                for entry in chunk:
                    if isinstance(entry, Message):
                        leave_out(entry)
                    elif entry.image in problems:
                        leave_out(Message(entry.number, entry.id, problems[entry.image]))
                good = [row for row in rows if row.image in features]
                if good:
                    for record in records(good, np.stack([features[row.image] for row in good])):
                        out.write(json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n")
                        written += 1
                        if on_row is not None:
                            on_row()
                out.flush()
    except OSError as error:
        raise DataError(f"{target} cannot be written: {error.strerror or error}") from error
    return Report(written=written, left_out=left_out)


def _chunks(first: list[Row | Message], rest: Iterable[Row | Message]) -> Iterator[list[Row | Message]]:
    entries = iter(rest)
    chunk = first
    while chunk:
        yield chunk
        chunk = list(islice(entries, CHUNK))
