"""What the Analyse page may be asked for: read from its form or an address, checked, and written again."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from annotations.analysis.table import Choice
from app.analysis_parts import Asked
from app.answers import FormError, as_form, storable

DEFAULT_QUESTION: Final = "overall"
DEFAULT_METRIC: Final = "specs"
DEFAULT_COEFFICIENT: Final = "kendall_tau_b"
DEFAULT_LEVEL: Final = "pooled"

_MOST_NAMES: Final = 1000
_LONGEST_NAME: Final = 300
_SHA256 = re.compile(r"[0-9a-f]{64}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_LISTS: Final = ("campaigns", "raters", "systems")


def read_asked(payload: object) -> Asked:
    """Read what is asked for out of the page's form, of which anything may be missing.

    Args:
        payload: The decoded JSON, of any shape.

    Raises:
        FormError: If there is something in it that the form cannot hold.
    """
    form = as_form(payload)
    sha256 = _text(form, "model")
    if sha256 and not _SHA256.fullmatch(sha256):
        raise FormError("The weights have to be named by the 64 digits of their checksum.")
    return Asked(
        choice=Choice(
            **{name: _names(form, name) for name in _LISTS},
            shortest=_length(form, "shortest"),
            longest=_length(form, "longest"),
            since=_day(form, "since"),
            until=_day(form, "until"),
            blind_only=form.get("blind") in (True, "true", "1"),
            model_sha256=sha256 or None,
        ),
        question=_text(form, "question") or DEFAULT_QUESTION,
        metric=_text(form, "metric") or DEFAULT_METRIC,
        coefficient=_text(form, "coefficient") or DEFAULT_COEFFICIENT,
        level=_text(form, "level") or DEFAULT_LEVEL,
    )


def form_of_query(query: Any) -> dict[str, Any]:
    """Return the parameters of an address as `read_asked` takes them.

    Args:
        query: Of the request, a name several times where it stands for a list.
    """
    return {
        name: query.getlist(name) if name in _LISTS else query[name] for name in dict.fromkeys(query.keys())
    }


def form_of(asked: Asked) -> dict[str, Any]:
    """Return what was asked for as the page's form holds it, and `read_asked` reads it."""
    choice = asked.choice
    return {
        **{name: list(getattr(choice, name)) for name in _LISTS},
        "shortest": choice.shortest,
        "longest": choice.longest,
        "since": choice.since,
        "until": choice.until,
        "blind": choice.blind_only,
        "model": choice.model_sha256 or "",
        "question": asked.question,
        "metric": asked.metric,
        "coefficient": asked.coefficient,
        "level": asked.level,
    }


def narrows(choice: Choice) -> bool:
    """Tell whether a choice leaves anything out, whichever weights it takes."""
    return choice != Choice(model_sha256=choice.model_sha256)


def _text(form: Mapping[str, Any], name: str) -> str:
    value = form.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > _LONGEST_NAME:
        raise FormError(f"The field {name!r} has to be text of at most {_LONGEST_NAME} characters.")
    return storable(value)


def _names(form: Mapping[str, Any], name: str) -> tuple[str, ...]:
    given = form.get(name) or ()
    if not isinstance(given, (list, tuple)) or len(given) > _MOST_NAMES:
        raise FormError(f"The field {name!r} has to be a list of at most {_MOST_NAMES:,} names.")
    if not all(isinstance(each, str) and len(each) <= _LONGEST_NAME for each in given):
        raise FormError(f"The field {name!r} has to hold names of at most {_LONGEST_NAME} characters.")
    return tuple(dict.fromkeys(map(storable, given)))


def _length(form: Mapping[str, Any], name: str) -> float | None:
    value = form.get(name)
    if value is None or value == "":
        return None
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not 0 <= number <= 1e6:
        raise FormError("A length in tokens is a number from 0 to 1,000,000.")
    return number


def _day(form: Mapping[str, Any], name: str) -> str | None:
    value = _text(form, name)
    if not value:
        return None
    try:
        if not _DAY.fullmatch(value):
            raise ValueError(value)
        date.fromisoformat(value)
    except ValueError as error:
        raise FormError("A day is written like 2026-01-31.") from error
    return value
