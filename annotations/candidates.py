"""What a row of an imported table means: the captions of one image, each to become an item."""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from annotations.cuts import checked_spans, checked_text, checked_version
from annotations.errors import InvalidRecordError
from annotations.gold import Gold, parse_gold
from annotations.items import EVERYBODY, checked_caption
from annotations.questions import Question

MAX_CAPTION_CHARACTERS: Final = 10_000
"""Longest caption of an item, as on the page."""

MAX_PRIORITY: Final = 1_000_000_000

_PER_COLUMN: Final = "caption_"
_NOT_SOURCES: Final = ("caption_sha256",)
# What an object of `captions` may say instead of its row.
_OWN_FIELDS: Final = (
    *("caption", "source", "id", "overlap", "priority"),
    *("units", "segmenter_version", "gold", "catch"),
)


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A caption that is to become an item, checked.

    Attributes:
        caption: The text.
        source: Where it comes from; "" where nobody knows.
        is_catch: Whether the text is false on purpose.
        overlap: How many raters it gets at most, or None.
        priority: Lower ones are handed out first.
        segmenter_version: What cut it; "" without units.
        spans: Start and end of each unit; empty without units.
        gold: What is right, JSON, or None.
        external_id: The row's own name of it, or None.
    """

    caption: str
    source: str = ""
    is_catch: bool = False
    overlap: int | None = None
    priority: int = 0
    segmenter_version: str = ""
    spans: tuple[tuple[int, int], ...] = ()
    gold: str | None = None
    external_id: str | None = None

    def role(self, given: str) -> str:
        """Return what the item is for in an import whose items are ``regular``, ``training`` or ``gold``."""
        return "gold" if self.is_catch or (given == "regular" and self.gold is not None) else given

    @property
    def caption_sha256(self) -> str:
        """SHA-256 of the caption's UTF-8 bytes."""
        return hashlib.sha256(self.caption.encode()).hexdigest()


def candidates(values: Mapping[str, Any], asked: Sequence[Question]) -> tuple[Candidate, ...]:
    """Return the items that a row asks for.

    Args:
        values: The row: ``caption`` and ``source``, ``captions`` (texts, or objects with the fields of a
            row), or ``caption_<source>`` columns; ``id``, ``overlap``, ``priority``, ``units``,
            ``segmenter_version``, ``gold``, ``catch``.
        asked: The campaign's scales, which gold answers are checked against.

    Returns:
        At least one; where there is a catch, it stands behind its caption.

    Raises:
        InvalidRecordError: If anything in the row will not do.
    """
    found: list[Candidate] = []
    texts = list(_captions(values))
    if not texts:
        raise InvalidRecordError("the row has no caption; give caption, captions or caption_<source>")
    if len(texts) > 1:
        for name in ("units", "gold", "catch"):
            if _given(values.get(name)) and not any(name in own for own in texts):
                raise InvalidRecordError(
                    f"the row has {len(texts)} captions, and {name} is of one; write it into the object of "
                    "that caption in captions"
                )
    for own in texts:
        fields = {name: values.get(name) for name in _OWN_FIELDS if name not in ("caption", "source")}
        if len(texts) > 1:
            fields |= {"units": None, "segmenter_version": None, "gold": None, "catch": None}
        candidate = _candidate(fields | own, asked)
        found.append(candidate)
        catch = _parsed("catch", {**fields, **own}.get("catch"))
        if catch is not None:
            found.append(_caught(candidate, catch))
    return tuple(found)


def _captions(values: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if _given(values.get("caption")):
        yield {"caption": values["caption"], "source": values.get("source")}
    listed = _parsed("captions", values.get("captions"))
    if listed is not None:
        for one in _objects(listed):
            if isinstance(one, Mapping):
                unknown = min(set(one) - set(_OWN_FIELDS), default=None)
                if unknown is not None:
                    raise InvalidRecordError(f"a caption in captions has a field {_short(unknown)}")
                yield {"source": values.get("source"), **one}
            else:
                yield {"caption": one, "source": values.get("source")}
    for name, text in values.items():
        if name.startswith(_PER_COLUMN) and name not in _NOT_SOURCES and _given(text):
            yield {"caption": text, "source": name.removeprefix(_PER_COLUMN)}


def _candidate(fields: Mapping[str, Any], asked: Sequence[Question]) -> Candidate:
    caption = _text("caption", fields.get("caption"))
    checked_caption(caption)
    if len(caption) > MAX_CAPTION_CHARACTERS:
        raise InvalidRecordError(
            f"a caption may have {MAX_CAPTION_CHARACTERS:,} characters; this one has {len(caption):,}"
        )
    spans, version = _units(caption, fields)
    gold = _parsed("gold", fields.get("gold"))
    return Candidate(
        caption=caption,
        source=_optional_text("source", fields.get("source"), 200) or "",
        overlap=_whole("overlap", fields.get("overlap"), 1, EVERYBODY),
        priority=_whole("priority", fields.get("priority"), -MAX_PRIORITY, MAX_PRIORITY) or 0,
        segmenter_version=version,
        spans=spans,
        gold=None if gold is None else _gold(caption, gold, asked),
        external_id=_optional_text("id", fields.get("id"), 500),
    )


def _units(caption: str, fields: Mapping[str, Any]) -> tuple[tuple[tuple[int, int], ...], str]:
    listed = _parsed("units", fields.get("units"))
    version = _optional_text("segmenter_version", fields.get("segmenter_version"), 120)
    if listed is None:
        # Of a caption that is not cut there is nothing that a version could have done.
        return (), ""
    if version is None:
        raise InvalidRecordError("units need a segmenter_version that says what cut the caption")
    cut = []
    for unit in _objects(listed):
        if not isinstance(unit, Mapping):
            raise InvalidRecordError("each of the units is an object with start and end")
        start, end = _span("a unit", unit, len(caption))
        text = unit.get("text")
        cut.append((caption[start:end] if text is None else _text("unit", text), start, end))
    return tuple(checked_spans(caption, cut)), checked_version(version)


def _gold(caption: str, given: Any, asked: Sequence[Question]) -> str:
    """Return what is known of a caption as the store keeps it, checked against the campaign's scales."""
    if isinstance(given, Mapping):
        answers = given.get("answers")
        given = {**given, "verdicts": _objects(given.get("verdicts") or [])}
        if isinstance(answers, Mapping):
            # A table may have a column for each scale, of which some are empty.
            given["answers"] = {name: span for name, span in answers.items() if span is not None}
    right = parse_gold(given, length=len(caption))
    if not right.verdicts and not right.answers:
        raise InvalidRecordError("gold says of no unit and no scale what is right; give verdicts or answers")
    scales = {question.name: question for question in asked}
    for name, span in right.answers.items():
        question = scales.get(name)
        if question is None:
            raise InvalidRecordError(
                f"gold answers {_short(name)}, which the campaign does not ask; it asks for "
                f"{', '.join(scales) or 'no scale'}"
            )
        for end in span:
            _whole(name, end, question.low, question.high)
    return right.to_json()


def _caught(candidate: Candidate, catch: Any) -> Candidate:
    """Return the same caption with one piece replaced by a false text, as a gold item."""
    if not isinstance(catch, Mapping):
        raise InvalidRecordError("catch is an object with start, end and text")
    caption = candidate.caption
    start, end = _span("the catch", catch, len(caption))
    text = _text("catch", catch.get("text"))
    if not text.strip() or text == caption[start:end]:
        raise InvalidRecordError("the text of a catch is not empty and other than the piece that it replaces")
    longer = len(text) - (end - start)
    # Boundaries inside the replaced piece go; those behind it move with the text.
    ends = [stop if stop <= start else stop + longer for _, stop in candidate.spans if not start < stop < end]
    false = caption[:start] + text + caption[end:]
    if len(false) > MAX_CAPTION_CHARACTERS:
        raise InvalidRecordError(f"with its catch the caption has over {MAX_CAPTION_CHARACTERS:,} characters")
    right = Gold(verdicts=((start, start + len(text), "hallucinated"),))
    return replace(
        candidate,
        caption=false,
        is_catch=True,
        overlap=None,
        spans=tuple(zip([0, *ends][: len(ends)], ends, strict=True)),
        gold=right.to_json(),
        external_id=None if candidate.external_id is None else f"{candidate.external_id}#catch",
    )


def _span(what: str, one: Mapping[str, Any], length: int) -> tuple[int, int]:
    start, end = _whole("start", one.get("start"), 0, length), _whole("end", one.get("end"), 1, length)
    if start is None or end is None or start >= end:
        raise InvalidRecordError(
            f"{what} goes from {_short(one.get('start'))} to {_short(one.get('end'))}; start and end are "
            f"characters of the caption, which has {length}, the end one past the last"
        )
    return start, end


def _parsed(name: str, value: Any) -> Any:
    """Return a structured value; in a cell of text it stands as JSON."""
    if not _given(value):
        return None
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as error:
        raise InvalidRecordError(f"{name} cannot be read as JSON: {error}") from error


def _objects(listed: Any) -> Sequence[Any]:
    """Return a list; a table may hold lists of objects as one object of lists."""
    if isinstance(listed, Mapping) and listed and all(isinstance(one, list) for one in listed.values()):
        if len({len(one) for one in listed.values()}) > 1:
            raise InvalidRecordError("a list of objects has columns of different lengths")
        return [dict(zip(listed, row, strict=True)) for row in zip(*listed.values(), strict=True)]
    if not isinstance(listed, list):
        raise InvalidRecordError(f"expected a list; got {_short(listed)}")
    return listed


def _given(value: Any) -> bool:
    return not (value is None or value == "" or (isinstance(value, float) and math.isnan(value)))


def _text(what: str, value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidRecordError(f"the {what} is no text; got {_short(value)}")
    return checked_text(what, value)


def _optional_text(what: str, value: Any, longest: int) -> str | None:
    if not _given(value):
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if len(text := _text(what, value)) > longest:
        raise InvalidRecordError(f"a {what} may have {longest:,} characters; this one has {len(text):,}")
    return text


def _whole(what: str, value: Any, low: int, high: int) -> int | None:
    if not _given(value):
        return None
    number = value
    if isinstance(value, str):
        try:
            number = int(value)
        except ValueError:
            number = None
    elif isinstance(value, float) and value.is_integer():
        number = int(value)
    if isinstance(number, bool) or not isinstance(number, int) or not low <= number <= high:
        raise InvalidRecordError(f"{what} must be a whole number from {low} to {high}; got {_short(value)}")
    return number


def _short(value: object) -> str:
    """Show a value as Python writes it, cut; nothing in it can steer a terminal."""
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."
