"""Save ratings: append-only revisions, acknowledged by a receipt after the commit."""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    BindParameter,
    Connection,
    Engine,
    Row,
    bindparam,
    delete,
    func,
    insert,
    literal,
    select,
)

from annotations.engine import writing
from annotations.errors import NonceReusedError, UnknownRecordError
from annotations.forms import NewRating, check_answers, check_form
from annotations.items import Item, find_item
from annotations.places import finish, free, hold
from annotations.raters import ensure_rater, find_rater
from annotations.reveals import FIRST_REVEAL
from annotations.revisions import Rating, Verdict, find_by_nonce, read_rating
from annotations.schema import (
    answers,
    current_ratings,
    drafts,
    new_id,
    revisions,
    timestamp,
    verdicts,
)
from annotations.verdict_mapping import map_verdicts

# Built once rather than for every rating: while one writer builds a statement, the others wait.
_ADD_REVISION: Final = insert(revisions)
_ADD_ANSWERS: Final = insert(answers)
_ADD_VERDICTS: Final = insert(verdicts)
_own_item: BindParameter[str] = bindparam("own_item")
_own_rater: BindParameter[str] = bindparam("own_rater")
_DROP_DRAFT: Final = delete(drafts).where(drafts.c.item_id == _own_item, drafts.c.rater_id == _own_rater)
_said = revisions.c.rater_id == _own_rater
_BEFORE: Final = select(
    select(func.max(revisions.c.number)).where(_said, revisions.c.item_id == _own_item).scalar_subquery(),
    select(func.max(revisions.c.receipt)).where(_said).scalar_subquery(),
    FIRST_REVEAL.scalar_subquery(),
)


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
        NonceReusedError: If this rater has saved another form under the same nonce.
        UnknownRecordError: If there is no such item, or it was deleted.
        StorageError: If the database fails. After any of these nothing of the rating is stored, and the draft
            is as it was.
    """
    check_form(rating)
    now = now or datetime.now(UTC)
    with writing(engine) as connection:
        rater_id = ensure_rater(connection, rating.rater)
        item = find_item(connection, rating.item_id)
        asked = check_answers(connection, rating, item)
        nonce = _own_nonce(rater_id, rating.nonce)
        earlier = find_by_nonce(connection, nonce)
        if earlier is not None:
            if not _says_the_same(earlier, rating, item):
                raise NonceReusedError(
                    f"this form was saved before with other answers (receipt {earlier.receipt}); "
                    "open the item again to change them"
                )
            return Receipt(earlier.receipt, earlier.saved_at, earlier.rating_id)
        # The lease does not matter: in this transaction the place becomes a finished one.
        place = hold(connection, item.id, rater_id, lease=timedelta(minutes=1), now=now)
        receipt = _append(
            connection,
            item.id,
            rater_id,
            now=now,
            nonce=nonce,
            comment=rating.comment,
            guideline_version=rating.guideline_version,
            application_version=rating.application_version,
            segmenter_version=item.segmenter_version or None,
            active_seconds=rating.active_seconds,
        )
        if asked:
            connection.execute(
                _ADD_ANSWERS,
                [
                    {
                        "revision_id": receipt.rating_id,
                        "question": question.name,
                        "value": rating.answers[question.name],
                        "low": question.low,
                        "high": question.high,
                    }
                    for question in asked
                ],
            )
        given = [verdict for verdict in _verdicts(rating, item) if verdict.verdict is not None]
        if given:
            connection.execute(
                _ADD_VERDICTS,
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
        finish(connection, item.id, rater_id, place)
        connection.execute(_DROP_DRAFT, {"own_item": item.id, "own_rater": rater_id})
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
    now = now or datetime.now(UTC)
    with writing(engine) as connection:
        rater_id, current = _current(connection, rater, item_id)
        receipt = _append(
            connection,
            item_id,
            rater_id,
            now=now,
            nonce=new_id(),
            comment=reason,
            guideline_version=current.guideline_version,
            application_version=application_version,
            withdrawn=True,
        )
        free(connection, item_id, rater_id, now=now, reason=reason or None)
    return receipt


def undo_rating(
    engine: Engine, rater: str, item_id: str, *, application_version: str, now: datetime | None = None
) -> Receipt:
    """Take the last thing that a rater submitted of an item back, as another revision.

    A first rating is withdrawn and stays in the rater's hands; a changed one is as it was before the change.
    What is taken back becomes the draft, so that nothing has to be entered again.

    Args:
        engine: From `open_database`.
        rater: The rater's name.
        item_id: What was rated.
        application_version: Of the program.
        now: The time; the clock's when None.

    Returns:
        The receipt of the revision that takes back.

    Raises:
        UnknownRecordError: If there is no current rating of this rater on this item.
        StorageError: If the database fails.
    """
    now = now or datetime.now(UTC)
    with writing(engine) as connection:
        rater_id, current = _current(connection, rater, item_id)
        undone = read_rating(connection, current.id)
        # Undoing what an undo has written therefore brings back what was undone.
        before = connection.scalar(
            select(revisions.c.id).where(
                revisions.c.item_id == item_id,
                revisions.c.rater_id == rater_id,
                revisions.c.number == current.number - 1,
                ~revisions.c.withdrawn,
            )
        )
        again = None if before is None else read_rating(connection, before)
        receipt = _append(
            connection,
            item_id,
            rater_id,
            now=now,
            nonce=new_id(),
            comment="" if again is None else again.comment,
            guideline_version=current.guideline_version,
            application_version=application_version,
            # Of the units that the verdicts are on: the caption may have been cut anew in between.
            segmenter_version=current.segmenter_version if again is None else again.segmenter_version or None,
            withdrawn=again is None,
        )
        if before is None:
            free(connection, item_id, rater_id, now=now)
            hold(connection, item_id, rater_id, lease=timedelta(minutes=30), now=now)
        else:
            for table in (answers, verdicts):
                copied = [column for column in table.c if column.name != "revision_id"]
                connection.execute(
                    insert(table).from_select(
                        ["revision_id", *(column.name for column in copied)],
                        select(literal(receipt.rating_id), *copied).where(table.c.revision_id == before),
                    )
                )
        content = {
            "answers": undone.answers,
            "verdicts": _draft_verdicts(undone, find_item(connection, item_id)),
            "comment": undone.comment,
        }
        connection.execute(_DROP_DRAFT, {"own_item": item_id, "own_rater": rater_id})
        connection.execute(
            insert(drafts).values(
                item_id=item_id, rater_id=rater_id, content=json.dumps(content), saved_at=timestamp(now)
            )
        )
    return receipt


def _draft_verdicts(undone: Rating, item: Item) -> list[str | None]:
    """Return the verdicts of a rating for a form, which has one for each unit as the caption is cut now."""
    if undone.segmenter_version == item.segmenter_version:
        return [verdict.verdict for verdict in undone.verdicts]
    return list(map_verdicts(undone.verdicts, [(unit.start, unit.end) for unit in item.units]).verdicts)


def _current(connection: Connection, rater: str, item_id: str) -> tuple[str, Row[Any]]:
    rater_id = find_rater(connection, rater)
    current = connection.execute(
        select(current_ratings).where(
            current_ratings.c.item_id == item_id, current_ratings.c.rater_id == rater_id
        )
    ).one_or_none()
    if rater_id is None or current is None:
        raise UnknownRecordError(f"there is no rating of item {item_id!r} by {rater!r}")
    return rater_id, current


def _verdicts(rating: NewRating, item: Item) -> tuple[Verdict, ...]:
    pairs = zip(item.units, rating.verdicts, strict=False)
    return tuple(Verdict(unit.start, unit.end, verdict) for unit, verdict in pairs)


def _own_nonce(rater_id: str, nonce: str) -> str:
    """Return what a rater's nonce is stored as: nobody else's can meet it, nor learn that it was used."""
    return hashlib.sha256(f"{rater_id} {nonce}".encode(errors="surrogatepass")).hexdigest()


def _says_the_same(earlier: Rating, rating: NewRating, item: Item) -> bool:
    return (
        (earlier.item_id, earlier.comment) == (item.id, rating.comment)
        and earlier.answers == dict(rating.answers)
        and earlier.verdicts == _verdicts(rating, item)
    )


def _append(
    connection: Connection,
    item_id: str,
    rater_id: str,
    *,
    now: datetime,
    withdrawn: bool = False,
    **fields: str | float | None,
) -> Receipt:
    """Add the next revision of a rater on an item, without its answers."""
    number, receipt_number, revealed = connection.execute(
        _BEFORE, {"own_item": item_id, "own_rater": rater_id}
    ).one()
    receipt = Receipt((receipt_number or 0) + 1, timestamp(now), new_id())
    row = {
        "id": receipt.rating_id,
        "item_id": item_id,
        "rater_id": rater_id,
        "number": (number or 0) + 1,
        "receipt": receipt.number,
        "withdrawn": withdrawn,
        "metric_revealed_at": revealed,
        "created_at": receipt.saved_at,
        **fields,
    }
    connection.execute(_ADD_REVISION, row)
    return receipt
