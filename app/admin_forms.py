"""What the owner's page may send: checked here, because a request need not come from our own page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from annotations.questions import CRITERIA, Question
from app.answers import FormError, as_form, read_text, storable

MOST_AT_ONCE: Final = 100
"""Rows of a list that one answer holds."""

_ID: Final = re.compile(r"[0-9a-f]{32}")
_MOST_QUESTIONS: Final = 20
_LARGEST: Final = 1_000_000


def read_id(payload: object, name: str) -> str:
    """Return an id of a form.

    Raises:
        FormError: If it is not 32 hexadecimal digits.
    """
    value = read_text(payload, name)
    if not _ID.fullmatch(value):
        raise FormError(f"The request does not say which {name} it is about. Reload the page.")
    return value


def read_line(payload: object, name: str, *, most: int) -> str:
    """Return a text of a form in which characters that no database takes are replaced.

    Args:
        payload: The decoded JSON, of any shape.
        name: Of the field.
        most: Characters that it may have.

    Raises:
        FormError: If it is no text, or too long.
    """
    value = storable(read_text(payload, name))
    if len(value) > most:
        raise FormError(
            f"The {name} has {len(value):,} characters; at most {most:,} can be kept. Shorten it."
        )
    return value


def read_flag(payload: object, name: str) -> bool:
    """Return a yes or no of a form.

    Raises:
        FormError: If it is neither.
    """
    value = as_form(payload).get(name)
    if not isinstance(value, bool):
        raise FormError(f"The field {name!r} has to be true or false.")
    return value


def maybe_flag(payload: object, name: str) -> bool | None:
    """Return a yes or no of a form, or None where it is left out.

    Raises:
        FormError: If it is neither.
    """
    return None if as_form(payload).get(name) is None else read_flag(payload, name)


def maybe_whole(payload: object, name: str) -> int | None:
    """Return a whole number of a form, or None where it is left out.

    Raises:
        FormError: If it is none, or beyond a million.
    """
    value = as_form(payload).get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LARGEST:
        raise FormError(f"The {name.replace('_', ' ')} has to be a whole number, at most {_LARGEST:,}.")
    return value


def read_offset(query: Mapping[str, str]) -> int:
    """Return where a list is to begin.

    Raises:
        FormError: If it is no whole number.
    """
    value = query.get("offset", "0")
    if not re.fullmatch(r"[0-9]{1,7}", value):
        raise FormError("The offset has to be a whole number.")
    return int(value)


def maybe_questions(payload: object) -> tuple[Question, ...] | None:
    """Return the scales that a form names, by the name of a set or one by one; None where it names none.

    Raises:
        FormError: If there is no such set, or a scale cannot be read. The store checks the rest.
    """
    form = as_form(payload)
    criteria, own = form.get("criteria"), form.get("questions")
    if criteria is not None:
        if not isinstance(criteria, str) or criteria not in CRITERIA:
            raise FormError(f"The sets of scales are {', '.join(CRITERIA)}.")
        return CRITERIA[criteria]
    if own is None:
        return None
    if not isinstance(own, list) or len(own) > _MOST_QUESTIONS:
        raise FormError(f"The scales have to be a list of at most {_MOST_QUESTIONS}.")
    return tuple(_question(one) for one in own)


def read_verdicts(payload: object) -> tuple[str | None, ...]:
    """Return the verdicts of a form.

    Raises:
        FormError: If they are not a list of texts; the store checks which ones.
    """
    value = as_form(payload).get("verdicts") or []
    if not isinstance(value, list) or not all(one is None or isinstance(one, str) for one in value):
        raise FormError("The verdicts cannot be read. Reload the page.")
    return tuple(value)


def read_scale_answers(payload: object) -> dict[str, int]:
    """Return the answers of a form by question.

    Raises:
        FormError: If they are not whole numbers by name; the store checks the rest.
    """
    value = as_form(payload).get("answers") or {}
    if not isinstance(value, Mapping) or not all(
        isinstance(name, str) and isinstance(one, int) and not isinstance(one, bool)
        for name, one in value.items()
    ):
        raise FormError("The answers cannot be read; give every question a whole number.")
    return dict(value)


def _question(value: object) -> Question:
    if not isinstance(value, Mapping):
        raise FormError("A scale has to be an object with a name, a label, a lowest and a highest answer.")
    labels = value.get("labels") or {}
    if not isinstance(labels, Mapping):
        raise FormError("The words for a scale's answers have to be an object by answer.")
    low, high = maybe_whole(value, "low"), maybe_whole(value, "high")
    return Question(
        name=read_line(value, "name", most=40),
        label=read_line(value, "label", most=200),
        hint=read_line(value, "hint", most=200),
        low=1 if low is None else low,
        high=5 if high is None else high,
        labels={_answer(key): _word(label) for key, label in labels.items()},
    )


def _answer(key: object) -> int:
    if not isinstance(key, str) or not re.fullmatch(r"[0-9]{1,7}", key):
        raise FormError("The words for a scale's answers have to stand under whole numbers.")
    return int(key)


def _word(label: Any) -> str:
    return read_line({"label": label}, "label", most=80)
