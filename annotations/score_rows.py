"""What a table of scores says: that of ``specs metrics``, or one with a column for each metric."""

import hashlib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from annotations.cuts import checked_text
from annotations.errors import InvalidRecordError
from annotations.spreadsheet import without_guard

LONG_COLUMNS: Final = ("id", "metric", "score", "model", "model_sha256")
"""The columns of a table with a row for each item and metric; a note may stand beside them."""

MAX_METRIC_CHARACTERS: Final = 60
"""Longest name of a metric."""

MAX_MODEL_CHARACTERS: Final = 1000
"""Longest text that says what made a score."""

_SHA256: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class NamedScore:
    """A score as a row of a table has it.

    Attributes:
        names: What the item may be called, as the cell stands there first.
        metric: Name of the metric.
        model: Name of the model, or library and version.
        model_sha256: Of the model's weights, or of `model`.
        score: Finite, or None where the metric has no value.
    """

    names: tuple[str, ...]
    metric: str
    model: str
    model_sha256: str
    score: float | None


class ScoreRows:
    """Takes the scores out of the rows of one table.

    Args:
        columns: The table's columns.
        metrics: The columns that hold a metric each; none for a table of ``specs metrics``.
        model: What made the scores of those columns, or None.

    Raises:
        InvalidRecordError: If columns are missing, or the options do not go with them.
    """

    def __init__(self, columns: Sequence[str], metrics: Sequence[str], model: str | None) -> None:
        self._id = "id" if "id" in columns or "item_id" not in columns else "item_id"
        self._metrics = tuple(dict.fromkeys(metrics))
        self._model, self._sha256 = "", ""
        shown = ", ".join(map(_short, columns)) or "none"
        if set(LONG_COLUMNS) <= set(columns):
            if metrics or model is not None:
                raise InvalidRecordError(
                    "the table has a row for each item and metric, and says itself what made the scores; "
                    "leave out --metric and --model"
                )
            return
        if not metrics:
            raise InvalidRecordError(
                f"this is no table of specs metrics, whose columns are {', '.join(LONG_COLUMNS)}; name the "
                f"columns that hold a metric with --metric; its columns are {shown}"
            )
        for name in (self._id, *self._metrics):
            if name not in columns:
                raise InvalidRecordError(f"the table has no column {_short(name)}; its columns are {shown}")
        for name in self._metrics:
            _name("metric", name, MAX_METRIC_CHARACTERS)
        if model is None:
            raise InvalidRecordError(
                "say with --model what made the scores, for example a name and a version"
            )
        self._model = _name("model", model, MAX_MODEL_CHARACTERS)
        self._sha256 = hashlib.sha256(model.encode()).hexdigest()

    def scores(self, values: Mapping[str, Any]) -> Iterator[NamedScore]:
        """Yield the scores of a row.

        Raises:
            InvalidRecordError: If anything in the row will not do.
        """
        names = _names(values.get(self._id))
        if self._metrics:
            for name in self._metrics:
                score = _number(name, values.get(name))
                yield NamedScore(names, name, self._model, self._sha256, score)
            return
        sha256 = values.get("model_sha256")
        if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
            raise InvalidRecordError(f"model_sha256 is not 64 hexadecimal digits: {_short(sha256)}")
        yield NamedScore(
            names,
            _name("metric", _text(values.get("metric")), MAX_METRIC_CHARACTERS),
            _name("model", _text(values.get("model")), MAX_MODEL_CHARACTERS),
            sha256,
            _number("score", values.get("score")),
        )


def _names(value: Any) -> tuple[str, ...]:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value:
        raise InvalidRecordError("the row has no id" if value in (None, "") else f"no id: {_short(value)}")
    # An id that begins like a formula has an apostrophe in front in a table that was made for spreadsheets.
    return tuple(dict.fromkeys((checked_text("id", value), without_guard(value))))


def _text(value: Any) -> Any:
    return without_guard(value) if isinstance(value, str) else value


def _name(what: str, value: Any, longest: int) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InvalidRecordError(f"the row has no {what}" if not value else f"no {what}: {_short(value)}")
    if len(checked_text(what, value)) > longest:
        raise InvalidRecordError(
            f"the name of a {what} has at most {longest} characters; got {_short(value)}"
        )
    return value


def _number(what: str, value: Any) -> float | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    number = math.nan
    if not isinstance(value, bool):
        try:
            number = float(without_guard(value.strip()) if isinstance(value, str) else value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
    if not math.isfinite(number):
        raise InvalidRecordError(
            f"{what} is {_short(value)}; a score is a finite number, and where there is none nothing"
        )
    return number


def _short(value: object) -> str:
    """Show a value as Python writes it, cut; nothing in it can steer a terminal."""
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."
