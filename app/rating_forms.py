"""A rating form between the page and the store: what is asked, what was answered, and on which side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from annotations.questions import BATTLE_QUESTIONS, Question
from app.answers import Answers, FormError, as_form, read_answers

if TYPE_CHECKING:
    from annotations.assignment import Assignment
    from annotations.campaigns import Campaign
    from annotations.items import Item
    from annotations.revisions import Rating

_SIDES: Final = ("left", "right", "tie")


def asked_of(campaign: Campaign, item: Item) -> tuple[Sequence[Question], int]:
    """Return the questions of an item and how many of its units are to be judged."""
    if item.kind == "battle":
        return BATTLE_QUESTIONS, 0
    return campaign.questions, len(item.units) if campaign.asks_verdicts else 0


def question_view(question: Question) -> dict[str, Any]:
    """Return a question as the page has it."""
    return {
        "name": question.name,
        "label": question.label,
        "hint": question.hint,
        "low": question.low,
        "high": question.high,
        "labels": {str(value): label for value, label in question.labels.items()},
    }


def form_content(payload: object, *, kind: str, flipped: bool) -> object:
    """Return a form with a battle's answers in the store's words: numbers, the first caption as 1."""
    form = as_form(payload)
    given = form.get("answers")
    if kind != "battle" or not isinstance(given, Mapping):
        return form
    answers: dict[str, int] = {}
    if given.get("winner") is not None:
        if given["winner"] not in _SIDES:
            raise FormError(f"The winner of a battle is {', '.join(_SIDES[:-1])} or {_SIDES[-1]}.")
        answers["winner"] = _turned({"left": 1, "right": 2, "tie": 0}[given["winner"]], flipped)
    if given.get("both_poor") is not None:
        if not isinstance(given["both_poor"], bool):
            raise FormError("“Both are poor” is either so or not.")
        answers["both_poor"] = int(given["both_poor"])
    return {**form, "answers": answers}


def to_page(answers: Answers, *, kind: str, flipped: bool) -> dict[str, Any]:
    """Return answers as the page has them: a battle's in words, by the sides that this rater sees."""
    view = answers.to_json()
    if kind == "battle":
        given: dict[str, Any] = {}
        if "winner" in answers.answers:
            given["winner"] = ("tie", "left", "right")[_turned(answers.answers["winner"], flipped)]
        if "both_poor" in answers.answers:
            given["both_poor"] = bool(answers.answers["both_poor"])
        view["answers"] = given
    return view


def _turned(winner: int, flipped: bool) -> int:
    return {1: 2, 2: 1}.get(winner, winner) if flipped else winner


def resumed(
    assignment: Assignment,
    earlier: Rating | None,
    asked: Sequence[Question],
    spans: Sequence[tuple[int, int]],
) -> Answers | None:
    """Return what the form begins with: the draft, or else the rating that is being revised."""
    if assignment.draft is not None:
        try:
            return read_answers(assignment.draft, questions=asked, unit_count=len(spans))
        except FormError:
            # A draft of another version of the form: the item is shown empty rather than not at all.
            return None
    if earlier is None:
        return None
    # A verdict belongs to the unit with its offsets and to no other.
    given = {(verdict.start, verdict.end): verdict.verdict for verdict in earlier.verdicts}
    return Answers(
        verdicts=tuple(given.get(span) for span in spans), answers=earlier.answers, comment=earlier.comment
    )


def stale_note(draft: Mapping[str, Any] | None) -> str:
    """Return a sentence about verdicts of a draft that a new cut has left without a unit, or ""."""
    stale = (draft or {}).get("stale_verdicts")
    if not isinstance(stale, list) or not stale:
        return ""
    said = "; ".join(
        f"“{str(one.get('text', '')).strip()}” was {one.get('verdict')}"
        for one in stale
        if isinstance(one, dict)
    )
    return f"The units of this caption were cut anew, and some of your verdicts stand no longer: {said}."
