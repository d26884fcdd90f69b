"""What a rating form may send: checked here, because a request need not come from our own page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

MAX_COMMENT_CHARACTERS: Final = 2000
VERDICTS: Final = ("supported", "hallucinated", "unsure")
SCALES: Final = ("correctness", "thoroughness", "overall")

_NONCE = re.compile(r"[0-9A-Za-z_-]{8,120}")
_ID = re.compile(r"[0-9a-f]{32}")
# Half an emoji at the end of what was pasted must not cost a rater the whole form.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class FormError(ValueError):
    """A form that cannot be taken as it is; the message is one sentence for the person in front of it."""


@dataclass(frozen=True)
class Answers:
    """What a rater has answered so far.

    Attributes:
        verdicts: One of supported, hallucinated, unsure or None for each detail unit, in order (U units).
        correctness: 1 to 5, or None.
        thoroughness: 1 to 5, or None.
        overall: 1 to 5, or None.
        comment: Free text, at most 2,000 characters.
    """

    verdicts: tuple[str | None, ...]
    correctness: int | None = None
    thoroughness: int | None = None
    overall: int | None = None
    comment: str = ""

    @property
    def is_complete(self) -> bool:
        """Whether every unit has a verdict and every scale a number."""
        return None not in (*self.verdicts, self.correctness, self.thoroughness, self.overall)

    def to_json(self) -> dict[str, Any]:
        """Return the answers as a JSON object, which `read_answers` reads again."""
        return {**asdict(self), "verdicts": list(self.verdicts)}


def read_answers(payload: object, *, unit_count: int) -> Answers:
    """Read the answers out of a form that came from a browser.

    In the comment, characters that no database takes become the replacement character.

    Args:
        payload: The decoded JSON, of any shape.
        unit_count: How many detail units the item has.

    Returns:
        The answers; what is missing is None.

    Raises:
        FormError: If a verdict, a number or the comment is not one that the form can hold, or the number of
            verdicts is not that of the units.
    """
    form = as_form(payload)
    verdicts = form.get("verdicts")
    if not isinstance(verdicts, (list, tuple)) or len(verdicts) != unit_count:
        given = len(verdicts) if isinstance(verdicts, (list, tuple)) else "no list of"
        raise FormError(
            f"This caption has {unit_count} units, but the form carries {given} verdicts. Reload the page."
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
    return Answers(
        verdicts=tuple(verdicts),
        correctness=_read_scale(form, "correctness"),
        thoroughness=_read_scale(form, "thoroughness"),
        overall=_read_scale(form, "overall"),
        comment=comment,
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


def _read_scale(form: Mapping[str, Any], name: str) -> int | None:
    value = form.get(name)
    # True is an int in Python, but nobody clicked on it.
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 5):
        raise FormError(f"{name.capitalize()} is a whole number from 1 to 5.")
    return value
