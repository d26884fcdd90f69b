"""A filled-in form, and whether it answers what its item asks."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from annotations.campaigns import find_campaign
from annotations.errors import InvalidRecordError
from annotations.items import Item
from annotations.questions import BATTLE_QUESTIONS, Question
from annotations.schema import VERDICTS

MAX_COMMENT_CHARACTERS: Final = 10_000


@dataclass(frozen=True, kw_only=True)
class NewRating:
    """A filled-in form.

    Attributes:
        item_id: What is rated.
        rater: The rater's name.
        answers: By the name of the question, one for each that is asked: the campaign's scales, or for a
            battle `annotations.questions.BATTLE_QUESTIONS`.
        verdicts: One for each unit in order: ``supported``, ``hallucinated``, ``unsure``, or None where the
            rater said nothing. Empty for a battle.
        nonce: Drawn once for the form as it was shown, 1 to 120 characters; sent again on every retry.
        guideline_version: Of the instructions that the rater saw.
        application_version: Of the program.
        comment: Free text, at most 10,000 characters.
        active_seconds: How long the rater worked on it, as the page counted; None where nothing did.
        segmenter_version: Of the units that the rater saw; None where the page does not say. With it a form
            that was open while the caption was cut anew is refused, however many units there are now.
    """

    item_id: str
    rater: str
    answers: Mapping[str, int]
    verdicts: tuple[str | None, ...]
    nonce: str
    guideline_version: str
    application_version: str
    comment: str = ""
    active_seconds: float | None = None
    segmenter_version: str | None = None


def check_form(rating: NewRating) -> None:
    """Refuse a form that no item could have.

    Raises:
        InvalidRecordError: If a verdict, the nonce, the comment, the time or a version will not do.
    """
    for number, verdict in enumerate(rating.verdicts):
        if verdict is not None and verdict not in VERDICTS:
            raise InvalidRecordError(
                f"the verdict on unit {number} must be one of {VERDICTS}; got {verdict!r}"
            )
    if not 1 <= len(rating.nonce) <= 120:
        raise InvalidRecordError(f"a nonce has 1 to 120 characters; got {len(rating.nonce)}")
    if len(rating.comment) > MAX_COMMENT_CHARACTERS or "\x00" in rating.comment:
        raise InvalidRecordError(
            f"a comment may have {MAX_COMMENT_CHARACTERS:,} characters, none of them NUL; this one has "
            f"{len(rating.comment):,}"
        )
    try:
        rating.comment.encode()
    except UnicodeEncodeError as error:
        raise InvalidRecordError(f"the comment is not valid Unicode at character {error.start}") from error
    seconds = rating.active_seconds
    if seconds is not None and not (math.isfinite(seconds) and seconds >= 0):
        raise InvalidRecordError(f"a rating takes 0 seconds or more; got {seconds}")
    if not rating.guideline_version or not rating.application_version:
        raise InvalidRecordError("a rating needs the versions of the guideline and of the application")


def check_cut(item: Item, segmenter_version: str | None) -> None:
    """Refuse verdicts on units that the caption no longer has.

    Args:
        item: As it is cut now.
        segmenter_version: Of the units that were judged; None where nobody knows.

    Raises:
        InvalidRecordError: If the caption was cut anew since.
    """
    if segmenter_version not in (None, item.segmenter_version):
        raise InvalidRecordError(
            f"the caption of item {item.id} was cut anew by {item.segmenter_version!r} while a form on the "
            f"units of {segmenter_version!r} was open; open the item again to judge the new units"
        )


def check_answers(connection: Connection, rating: NewRating, item: Item) -> tuple[Question, ...]:
    """Return the questions that an item asks, once the form is known to answer them.

    Raises:
        InvalidRecordError: If an answer is missing, off its scale or not asked for, or the verdicts do not
            fit the item's units.
    """
    campaign = find_campaign(connection, item.campaign_id)
    asked = BATTLE_QUESTIONS if item.kind == "battle" else campaign.questions
    if not item.is_cut and campaign.asks_verdicts:
        raise InvalidRecordError(f"item {item.id} has no units yet; open it again and submit then")
    check_cut(item, rating.segmenter_version)
    if len(rating.verdicts) != (len(item.units) if campaign.asks_verdicts else 0):
        raise InvalidRecordError(
            f"item {item.id} has {len(item.units) if campaign.asks_verdicts else 0} units to be judged, and "
            f"{len(rating.verdicts)} verdicts were given"
        )
    names = {question.name for question in asked}
    if rating.answers.keys() != names:
        odd = min(rating.answers.keys() ^ names)
        raise InvalidRecordError(
            f"item {item.id} asks for {', '.join(sorted(names)) or 'no scale'}; "
            f"{odd!r} is {'missing' if odd in names else 'none of these'}"
        )
    for question in asked:
        value, low, high = rating.answers[question.name], question.low, question.high
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise InvalidRecordError(
                f"{question.name} must be a whole number from {low} to {high}; got {value!r}"
            )
    return asked
