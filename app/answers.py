"""What a rating form may send: checked here, because a request need not come from our own page."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from annotations.questions import Question

MAX_COMMENT_CHARACTERS: Final = 2000
VERDICTS: Final = ("supported", "hallucinated", "unsure")

# Of the image: value to begin with, lowest, highest.
_ZOOM: Final = {"scale": (1.0, 1.0, 8.0), "x": (0.0, -4.0, 4.0), "y": (0.0, -4.0, 4.0)}
_NONCE = re.compile(r"[0-9A-Za-z_-]{8,120}")
_ID = re.compile(r"[0-9a-f]{32}")
# Half an emoji at the end of what was pasted must not cost a rater the whole form.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class FormError(ValueError):
    """A form that cannot be taken as it is; the message is one sentence for the person in front of it."""


@dataclass(frozen=True)
class Answers:
    """What a rater has answered so far, and where the rater is.

    Attributes:
        verdicts: One of supported, hallucinated, unsure or None for each detail unit, in order (U units).
        answers: Whole numbers by the name of the question; what is missing is not answered yet.
        comment: Free text, at most 2,000 characters.
        cursor: Number of the row that the rater is at, from 0.
        zoom: Scale of the image, and its offsets in fractions of the shown width and height.
        seconds: How long the rater has worked on it, at most a day.
    """

    verdicts: tuple[str | None, ...]
    answers: Mapping[str, int]
    comment: str = ""
    cursor: int = 0
    zoom: tuple[float, float, float] = (1.0, 0.0, 0.0)
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the answers as a JSON object, which `read_answers` reads again."""
        return {
            "verdicts": list(self.verdicts),
            "answers": dict(self.answers),
            "comment": self.comment,
            "cursor": self.cursor,
            "zoom": dict(zip(_ZOOM, self.zoom, strict=True)),
            "seconds": self.seconds,
        }


def read_answers(payload: object, *, questions: Sequence[Question], unit_count: int) -> Answers:
    """Read the answers out of a form that came from a browser.

    In the comment, characters that no database takes become the replacement character.

    Args:
        payload: The decoded JSON, of any shape.
        questions: What the item asks.
        unit_count: How many detail units are to be judged.

    Returns:
        The answers; what is missing is None or left out.

    Raises:
        FormError: If a verdict, a number or the comment is not one that the form can hold, or the number of
            verdicts is not that of the units.
    """
    form = as_form(payload)
    verdicts = form.get("verdicts") or ()
    if not isinstance(verdicts, (list, tuple)) or len(verdicts) != unit_count:
        given = len(verdicts) if isinstance(verdicts, (list, tuple)) else "no list of"
        raise FormError(
            f"This caption has {unit_count} units to judge, but the form carries {given} verdicts. "
            "Reload the page."
        )
    for number, verdict in enumerate(verdicts, start=1):
        if verdict is not None and not (isinstance(verdict, str) and verdict in VERDICTS):
            raise FormError(
                f"The verdict on unit {number} has to be {', '.join(VERDICTS[:-1])} or {VERDICTS[-1]}."
            )
    comment = form.get("comment") or ""
    if not isinstance(comment, str):
        raise FormError("The comment has to be text.")
    comment = storable(comment)
    if len(comment) > MAX_COMMENT_CHARACTERS:
        raise FormError(
            f"The comment has {len(comment)} characters; at most {MAX_COMMENT_CHARACTERS} can be kept. "
            "Shorten it."
        )
    zoom = form.get("zoom") or {}
    return Answers(
        verdicts=tuple(verdicts),
        answers=_read_scales(form.get("answers") or {}, questions),
        comment=comment,
        cursor=int(_number(form.get("cursor"), 0, 0, 10_000)),
        zoom=tuple(
            _number(zoom.get(name) if isinstance(zoom, Mapping) else None, fallback, low, high)
            for name, (fallback, low, high) in _ZOOM.items()
        ),
        seconds=_number(form.get("seconds"), 0.0, 0.0, 86_400.0),
    )


def storable(text: str) -> str:
    """Return a text with NUL and lone surrogates replaced by U+FFFD, so that every database takes it."""
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def read_text(payload: object, name: str) -> str:
    """Return a text field of a form, "" where it is missing.

    Raises:
        FormError: If the field holds anything but text.
    """
    value = as_form(payload).get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise FormError(f"The field {name!r} has to be text.")
    return value


def read_item_id(payload: object) -> str:
    """Return the id of the item that a form is about.

    Raises:
        FormError: If it is not 32 hexadecimal digits.
    """
    item_id = read_text(payload, "item")
    if not _ID.fullmatch(item_id):
        raise FormError("The form does not say which caption it is about. Reload the page.")
    return item_id


def read_nonce(payload: object) -> str:
    """Return the number that the page drew for this form, by which a second arrival is known.

    Raises:
        FormError: If it is missing or malformed.
    """
    nonce = read_text(payload, "nonce")
    if not _NONCE.fullmatch(nonce):
        raise FormError("The form came without a number to know it again by. Reload the page.")
    return nonce


def as_form(payload: object) -> Mapping[str, Any]:
    """Return a decoded form as a mapping.

    Raises:
        FormError: If it is anything else.
    """
    if not isinstance(payload, Mapping):
        raise FormError("The form cannot be read. Reload the page.")
    return payload


def _read_scales(given: object, questions: Sequence[Question]) -> dict[str, int]:
    if not isinstance(given, Mapping):
        raise FormError("The answers cannot be read. Reload the page.")
    answers = {}
    for question in questions:
        value = given.get(question.name)
        if value is None:
            continue
        # True is an int in Python, but nobody clicked on it.
        if (
            isinstance(value, bool)
            or not isinstance(value, int)
            or not question.low <= value <= question.high
        ):
            raise FormError(f"{question.label} is a whole number from {question.low} to {question.high}.")
        answers[question.name] = value
    return answers


def _number(value: object, fallback: float, low: float, high: float) -> float:
    """Read a number that is only the page's own memory, so that nonsense becomes the fallback."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return fallback
    # Whole numbers are compared before they are converted: JSON has some that no float can hold.
    if isinstance(value, float) and not math.isfinite(value):
        return fallback
    return float(min(high, max(low, value)))
