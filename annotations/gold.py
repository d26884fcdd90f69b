"""What is known of an item before anybody rates it, and whether a rating meets it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, select

from annotations.cuts import checked_text
from annotations.engine import reading
from annotations.errors import InvalidRecordError, UnknownRecordError
from annotations.items import Unit
from annotations.schema import VERDICTS, items

MAX_FEEDBACK_CHARACTERS = 2000


@dataclass(frozen=True)
class Gold:
    """The expected answers of an item.

    Attributes:
        verdicts: Start, end and verdict of pieces of the caption, in order, not overlapping. They need not be
            units: what is known of a caption does not depend on who cuts it.
        answers: Lowest and highest right answer, by the name of the question.
        feedback: What a rater who learns on the item is told afterwards.
    """

    verdicts: tuple[tuple[int, int, str], ...] = ()
    answers: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    feedback: str = ""

    def to_json(self) -> str:
        """Return the text that the store keeps, which `parse_gold` reads again."""
        spans = [{"start": start, "end": end, "verdict": verdict} for start, end, verdict in self.verdicts]
        return json.dumps({"verdicts": spans, "answers": dict(self.answers), "feedback": self.feedback})


@dataclass(frozen=True)
class GoldCheck:
    """One expected answer beside the given one.

    Attributes:
        unit: Number of the unit, from 0, or None for a question.
        question: Name of the question, or None for a unit.
        given: The verdict or the number; None where nothing was said.
        expected: The verdict, or lowest and highest right number.
        right: Whether they agree.
    """

    unit: int | None
    question: str | None
    given: str | int | None
    expected: str | tuple[int, int]
    right: bool


def parse_gold(value: object, *, length: int) -> Gold:
    """Read expected answers as an import or the store has them.

    Args:
        value: A mapping with some of ``verdicts`` (a list of objects with ``start``, ``end``, ``verdict``),
            ``answers`` (lowest and highest right answer, or one number, by question) and ``feedback``.
        length: Code points of the caption.

    Returns:
        The expected answers.

    Raises:
        InvalidRecordError: If a part is malformed, a piece lies outside the caption, or two overlap.
    """
    if not isinstance(value, Mapping) or not value.keys() <= {"verdicts", "answers", "feedback"}:
        raise InvalidRecordError("expected answers are an object with 'verdicts', 'answers' and 'feedback'")
    spans = sorted(_span(one) for one in _sequence(value.get("verdicts") or (), "verdicts"))
    position = 0
    for start, end, verdict in spans:
        if not position <= start < end <= length:
            raise InvalidRecordError(
                f"the expected verdict on {start}:{end} overlaps another one or lies outside the caption "
                f"of {length} characters"
            )
        if verdict not in VERDICTS:
            raise InvalidRecordError(f"an expected verdict must be one of {VERDICTS}; got {verdict!r}")
        position = end
    answers = value.get("answers") or {}
    if not isinstance(answers, Mapping):
        raise InvalidRecordError("expected answers to questions are an object by the questions' names")
    feedback = value.get("feedback") or ""
    if not isinstance(feedback, str) or len(feedback) > MAX_FEEDBACK_CHARACTERS:
        raise InvalidRecordError(f"feedback is text of at most {MAX_FEEDBACK_CHARACTERS:,} characters")
    return Gold(
        tuple(spans),
        {str(name): _range(name, given) for name, given in answers.items()},
        checked_text("feedback", feedback),
    )


def get_gold(engine: Engine, item_id: str) -> Gold | None:
    """Read the expected answers of an item.

    Args:
        engine: From `open_database`.
        item_id: Of the item.

    Returns:
        The expected answers, or None where nothing is known of the item.

    Raises:
        UnknownRecordError: If there is no such item.
        StorageError: If the database fails.
    """
    with reading(engine) as connection:
        row = connection.execute(
            select(items.c.gold, items.c.caption).where(items.c.id == item_id)
        ).one_or_none()
    if row is None:
        raise UnknownRecordError(f"there is no item {item_id!r}")
    return None if row.gold is None else parse_gold(json.loads(row.gold), length=len(row.caption or ""))


def check_gold(
    gold: Gold,
    units: Sequence[Unit],
    *,
    verdicts: Sequence[str | None],
    answers: Mapping[str, int],
) -> tuple[GoldCheck, ...]:
    """Hold a rating against what is known.

    A unit is expected to get the verdict of the piece with which it shares most characters, if they share at
    least half of the shorter of the two; nothing is expected of other units.

    Args:
        gold: The expected answers.
        units: The caption's units (U units).
        verdicts: What the rater said of each (U verdicts); empty where none were asked.
        answers: What the rater answered, by question.

    Returns:
        One check for each unit and question of which something is expected, units first.
    """
    checks = []
    for number, (unit, given) in enumerate(zip(units, verdicts, strict=False)):
        expected = _expected(gold, unit)
        if expected is not None:
            checks.append(GoldCheck(number, None, given, expected, given == expected))
    for name, (low, high) in gold.answers.items():
        answer = answers.get(name)
        right = answer is not None and low <= answer <= high
        checks.append(GoldCheck(None, name, answer, (low, high), right))
    return tuple(checks)


def _expected(gold: Gold, unit: Unit) -> str | None:
    best, expected = 0, None
    for start, end, verdict in gold.verdicts:
        shared = min(end, unit.end) - max(start, unit.start)
        if shared > best and 2 * shared >= min(end - start, unit.end - unit.start):
            best, expected = shared, verdict
    return expected


def _sequence(value: object, name: str) -> Sequence[Any]:
    if not isinstance(value, (list, tuple)):
        raise InvalidRecordError(f"expected {name} are a list")
    return value


def _span(value: object) -> tuple[int, int, str]:
    if not isinstance(value, Mapping):
        raise InvalidRecordError("an expected verdict is an object with 'start', 'end' and 'verdict'")
    start, end, verdict = value.get("start"), value.get("end"), value.get("verdict")
    if not _is_whole(start) or not _is_whole(end) or not isinstance(verdict, str):
        raise InvalidRecordError(
            "an expected verdict has whole numbers 'start' and 'end' and a text 'verdict'"
        )
    return int(str(start)), int(str(end)), verdict


def _range(name: object, value: object) -> tuple[int, int]:
    ends = value if isinstance(value, (list, tuple)) else (value, value)
    if len(ends) != 2 or not all(_is_whole(end) for end in ends) or ends[0] > ends[1]:
        raise InvalidRecordError(
            f"the expected answer to {name!r} is a whole number, or a lowest and a highest one"
        )
    return int(ends[0]), int(ends[1])


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
