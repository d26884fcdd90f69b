"""The scales that a campaign asks, ready-made sets of them, and what a battle asks."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection, bindparam, insert, select

from annotations.cuts import checked_text
from annotations.errors import InvalidRecordError
from annotations.schema import questions

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


_ASKED: Final = (
    select(questions)
    .where(questions.c.campaign_id == bindparam("campaign_id"))
    .order_by(questions.c.position)
)


@dataclass(frozen=True, kw_only=True)
class Question:
    """One scale.

    Attributes:
        name: Lower-case letters, digits and underscores, at most 40; what answers and exports call it.
        label: What raters read.
        hint: What the question is about, in a few words.
        low: Lowest answer.
        high: Highest answer, above ``low``.
        labels: Words for some or all of the answers.
    """

    name: str
    label: str
    hint: str = ""
    low: int = 1
    high: int = 5
    labels: Mapping[int, str] = field(default_factory=dict)


def _scale(name: str, hint: str, worst: str, best: str) -> Question:
    return Question(name=name, label=name.capitalize(), hint=hint, labels={1: worst, 5: best})


_OVERALL: Final = _scale("overall", "how good a description", "poor", "excellent")

CRITERIA: Final[Mapping[str, tuple[Question, ...]]] = {
    "correctness": (
        _scale("correctness", "nothing false", "much is false", "all true"),
        _scale("thoroughness", "nothing important missing", "most is missing", "all there"),
        _OVERALL,
    ),
    "finecapeval": (
        _OVERALL,
        _scale("background", "the setting", "missing or wrong", "right and complete"),
        _scale("object", "the things in it", "missing or wrong", "right and complete"),
        _scale("relations", "how they stand to each other", "missing or wrong", "right and complete"),
    ),
}
"""Sets of scales by name.

Source: correctness and thoroughness are the criteria of the human studies that SPECS (EMNLP 2025) is compared
on; overall, background, object and relations those of FineCapEval (Cho et al., Fine-grained Image Captioning
with CLIP Reward, 2022).
"""

BATTLE_QUESTIONS: Final = (
    Question(
        name="winner",
        label="Which caption is better?",
        low=0,
        high=2,
        labels={0: "tie", 1: "first", 2: "second"},
    ),
    Question(name="both_poor", label="Both are poor", low=0, high=1, labels={0: "no", 1: "yes"}),
)
"""What a battle asks. Which caption wins and whether either is any good are two questions: "both poor" is no
tie."""


def check_questions(asked: Sequence[Question]) -> None:
    """Refuse scales that cannot be asked.

    Raises:
        InvalidRecordError: If a name is malformed or stands twice, or a range or a label will not do.
    """
    names = [question.name for question in asked]
    for question in asked:
        if not _NAME.fullmatch(question.name):
            raise InvalidRecordError(
                f"a question's name has lower-case letters, digits and underscores, at most 40; "
                f"got {question.name!r}"
            )
        if names.count(question.name) > 1:
            raise InvalidRecordError(
                f"question {question.name!r} is given twice; give each a name of its own"
            )
        if not question.low < question.high or question.high - question.low > 100:
            raise InvalidRecordError(
                f"question {question.name!r} goes from {question.low} to {question.high}; its highest answer "
                "has to be above the lowest, by at most 100"
            )
        if not checked_text("label", question.label).strip() or len(question.label) > 200:
            raise InvalidRecordError(f"question {question.name!r} needs a label of 1 to 200 characters")
        checked_text("hint", question.hint)
        for value, label in question.labels.items():
            checked_text("label", label)
            if not question.low <= value <= question.high:
                raise InvalidRecordError(
                    f"question {question.name!r} has a label for {value}, which is not one of its answers"
                )


def write_questions(connection: Connection, campaign_id: str, asked: Sequence[Question]) -> None:
    """Write down the checked scales of a campaign, in an open transaction, in place of those it had."""
    connection.execute(questions.delete().where(questions.c.campaign_id == campaign_id))
    if asked:
        connection.execute(
            insert(questions),
            [
                {
                    "campaign_id": campaign_id,
                    "name": question.name,
                    "position": position,
                    "label": question.label,
                    "hint": question.hint,
                    "low": question.low,
                    "high": question.high,
                    "labels": json.dumps({str(key): label for key, label in question.labels.items()}),
                }
                for position, question in enumerate(asked)
            ],
        )


def read_questions(connection: Connection, campaign_id: str) -> tuple[Question, ...]:
    """Read the scales of a campaign in order, in an open transaction."""
    asked = connection.execute(_ASKED, {"campaign_id": campaign_id})
    return tuple(
        Question(
            name=one.name,
            label=one.label,
            hint=one.hint,
            low=one.low,
            high=one.high,
            labels={int(key): label for key, label in json.loads(one.labels).items()},
        )
        for one in asked
    )
