"""Save ratings: append-only revisions, acknowledged by a receipt after the commit."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, Engine, Select, delete, func, insert, select

from annotations.assignment import DEFAULT_LEASE
from annotations.engine import reading, writing
from annotations.errors import InvalidRecordError, NonceReusedError, UnknownRecordError
from annotations.items import Item, find_item
from annotations.places import finish, free, hold
from annotations.raters import ensure_rater, find_rater
from annotations.revisions import Rating, Verdict, find_by_nonce
from annotations.schema import (
    QUESTIONS,
    SCALE,
    VERDICTS,
    answers,
    current_ratings,
    drafts,
    new_id,
    reveals,
    revisions,
    timestamp,
    verdicts,
)

MAX_COMMENT_CHARACTERS: Final = 10_000


@dataclass(frozen=True, kw_only=True)
class NewRating:
    """A filled-in form.

    Attributes:
        item_id: What is rated.
        rater: The rater's name.
        correctness: 1 to 5: nothing in the caption is false.
        thoroughness: 1 to 5: nothing important is missing.
        overall: 1 to 5.
        verdicts: One for each unit in order: ``supported``, ``hallucinated``, ``unsure``, or None where the
            rater said nothing.
        nonce: Drawn once for the form as it was shown, 1 to 120 characters; sent again on every retry.
        guideline_version: Of the instructions that the rater saw.
        application_version: Of the program.
        comment: Free text, at most 10,000 characters.
    """

    item_id: str
    rater: str
    correctness: int
    thoroughness: int
    overall: int
    verdicts: tuple[str | None, ...]
    nonce: str
    guideline_version: str
    application_version: str
    comment: str = ""


@dataclass(frozen=True)
class Receipt:
    """Proof that a rating is committed.

    Attributes:
        number: 1 for the first thing this rater ever submitted, 2 for the next, and so on.
        saved_at: UTC, ISO 8601.
        rating_id: Of the revision.
    """

    number: int
    saved_at: str
    rating_id: str


def save_rating(engine: Engine, rating: NewRating, *, now: datetime | None = None) -> Receipt:
    """Commit a rating, and only then return the receipt.

    The same form sent again, by a double click or a retry, gets the receipt that it got before. A form with a
    new nonce for an item that the rater has rated before becomes the next revision. A rater without a place
    on the item takes one, if there is room.

    Args:
        engine: From `open_database`.
        rating: The filled-in form.
        now: The time; the clock's when None.

    Returns:
        The receipt.

    Raises:
        InvalidRecordError: If an answer is off its scale or the verdicts do not fit the item's units.
        ItemFullError: If the rater's lease expired and other raters have taken all places since.
        NonceReusedError: If another form was saved under the same nonce.
        UnknownRecordError: If there is no such item, or it was deleted.
        StorageError: If the database fails. After any of these nothing of the rating is stored, and the draft
            is as it was.
    """
    _check_form(rating)
    now = now or datetime.now(UTC)
    with writing(engine) as connection:
        rater_id = ensure_rater(connection, rating.rater)
        item = find_item(connection, rating.item_id)
        if len(rating.verdicts) != len(item.units):
            raise InvalidRecordError(
                f"item {item.id} has {len(item.units)} units, and {len(rating.verdicts)} verdicts were given"
            )
        earlier = find_by_nonce(connection, rating.nonce)
        if earlier is not None:
            if not _says_the_same(earlier, rating, item, rater_id):
                raise NonceReusedError(
                    f"this form was saved before with other answers (receipt {earlier.receipt}); "
                    "open the item again to change them"
                )
            return Receipt(earlier.receipt, earlier.saved_at, earlier.rating_id)
        hold(connection, item.id, rater_id, lease=DEFAULT_LEASE, now=now)
        receipt = _append(
            connection,
            item.id,
            rater_id,
            now=now,
            nonce=rating.nonce,
            comment=rating.comment,
            guideline_version=rating.guideline_version,
            application_version=rating.application_version,
        )
        connection.execute(
            insert(answers),
            [
                {"revision_id": receipt.rating_id, "question": question, "value": getattr(rating, question)}
                for question in QUESTIONS
            ],
        )
        given = [verdict for verdict in _verdicts(rating, item) if verdict.verdict is not None]
        if given:
            connection.execute(
                insert(verdicts),
                [
                    {
                        "revision_id": receipt.rating_id,
                        "caption_sha256": item.caption_sha256,
                        "segmenter_version": item.segmenter_version,
                        "start": verdict.start,
                        "end": verdict.end,
                        "verdict": verdict.verdict,
                    }
                    for verdict in given
                ],
            )
        finish(connection, item.id, rater_id)
        connection.execute(delete(drafts).where(drafts.c.item_id == item.id, drafts.c.rater_id == rater_id))
    return receipt


def withdraw_rating(
    engine: Engine,
    rater: str,
    item_id: str,
    *,
    application_version: str,
    reason: str = "",
    now: datetime | None = None,
) -> Receipt:
    """Withdraw a rater's rating of an item: its revisions stay, it counts no more, and its place is free.

    Args:
        engine: From `open_database`.
        rater: The rater's name.
        item_id: What was rated.
        application_version: Of the program.
        reason: Why, kept as the comment of the revision that withdraws.
        now: The time; the clock's when None.

    Returns:
        The receipt of the revision that withdraws.

    Raises:
        UnknownRecordError: If there is no current rating of this rater on this item.
        StorageError: If the database fails.
    """
    with writing(engine) as connection:
        rater_id = find_rater(connection, rater)
        current = connection.execute(
            select(current_ratings.c.guideline_version).where(
                current_ratings.c.item_id == item_id, current_ratings.c.rater_id == rater_id
            )
        ).one_or_none()
        if rater_id is None or current is None:
            raise UnknownRecordError(f"there is no rating of item {item_id!r} by {rater!r}")
        receipt = _append(
            connection,
            item_id,
            rater_id,
            now=now or datetime.now(UTC),
            nonce=new_id(),
            comment=reason,
            guideline_version=current.guideline_version,
            application_version=application_version,
            withdrawn=True,
        )
        free(connection, item_id, rater_id)
    return receipt


def record_reveal(engine: Engine, rater: str, item_id: str, *, now: datetime | None = None) -> str:
    """Write down that a rater is about to be shown the metric's score of an item.

    To be called before the score leaves the server. Every rating saved later carries the time.

    Args:
        engine: From `open_database`.
        rater: The rater's name; written down on the first visit.
        item_id: The item.
        now: The time; the clock's when None.

    Returns:
        When the score was first shown to this rater; UTC, ISO 8601.

    Raises:
        InvalidRecordError: If the name is empty, too long or holds control characters.
        UnknownRecordError: If there is no such item.
        StorageError: If the database fails.
    """
    with writing(engine) as connection:
        rater_id = ensure_rater(connection, rater)
        find_item(connection, item_id)
        first: str | None = connection.scalar(_first_reveal(item_id, rater_id))
        if first is None:
            first = timestamp(now)
            connection.execute(insert(reveals).values(item_id=item_id, rater_id=rater_id, revealed_at=first))
    return first


def revealed_at(engine: Engine, rater: str, item_id: str) -> str | None:
    """Read when a rater was first shown the metric's score of an item.

    Args:
        engine: From `open_database`.
        rater: The rater's name.
        item_id: The item.

    Returns:
        The time, UTC, ISO 8601; None while the rater is blind to the score.

    Raises:
        InvalidRecordError: If the name is empty, too long or holds control characters.
        StorageError: If the database fails.
    """
    with reading(engine) as connection:
        rater_id = find_rater(connection, rater)
        return None if rater_id is None else connection.scalar(_first_reveal(item_id, rater_id))


def _check_form(rating: NewRating) -> None:
    low, high = SCALE
    for question in QUESTIONS:
        value = getattr(rating, question)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise InvalidRecordError(f"{question} must be a whole number from {low} to {high}; got {value!r}")
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
    if not rating.guideline_version or not rating.application_version:
        raise InvalidRecordError("a rating needs the versions of the guideline and of the application")


def _verdicts(rating: NewRating, item: Item) -> tuple[Verdict, ...]:
    pairs = zip(item.units, rating.verdicts, strict=True)
    return tuple(Verdict(unit.start, unit.end, verdict) for unit, verdict in pairs)


def _says_the_same(earlier: Rating, rating: NewRating, item: Item, rater_id: str) -> bool:
    return (
        (earlier.item_id, earlier.rater_id, earlier.comment) == (item.id, rater_id, rating.comment)
        and all(getattr(earlier, question) == getattr(rating, question) for question in QUESTIONS)
        and earlier.verdicts == _verdicts(rating, item)
    )


def _append(
    connection: Connection,
    item_id: str,
    rater_id: str,
    *,
    now: datetime,
    withdrawn: bool = False,
    **fields: str,
) -> Receipt:
    """Add the next revision of a rater on an item, without its answers."""
    said = revisions.c.rater_id == rater_id
    number, receipt_number, first_reveal = connection.execute(
        select(
            select(func.max(revisions.c.number))
            .where(said, revisions.c.item_id == item_id)
            .scalar_subquery(),
            select(func.max(revisions.c.receipt)).where(said).scalar_subquery(),
            _first_reveal(item_id, rater_id).scalar_subquery(),
        )
    ).one()
    receipt = Receipt((receipt_number or 0) + 1, timestamp(now), new_id())
    connection.execute(
        insert(revisions).values(
            id=receipt.rating_id,
            item_id=item_id,
            rater_id=rater_id,
            number=(number or 0) + 1,
            receipt=receipt.number,
            withdrawn=withdrawn,
            metric_revealed_at=first_reveal,
            created_at=receipt.saved_at,
            **fields,
        )
    )
    return receipt


def _first_reveal(item_id: str, rater_id: str) -> Select[str]:
    return select(reveals.c.revealed_at).where(reveals.c.item_id == item_id, reveals.c.rater_id == rater_id)
