"""Read ratings back: every revision, or the current ones."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Row,
    Select,
    Text,
    and_,
    bindparam,
    func,
    select,
)

from annotations.engine import reading
from annotations.errors import UnknownRecordError
from annotations.raters import find_rater
from annotations.schema import (
    answers,
    assignments,
    campaigns,
    current_ratings,
    images,
    items,
    raters,
    revisions,
    units,
    verdicts,
)

_Value = TypeVar("_Value")

_ROWS_AT_ONCE: Final = 1000

_BY_NONCE: Final = select(revisions.c.id).where(revisions.c.nonce == bindparam("nonce"))


@dataclass(frozen=True)
class Verdict:
    """What a rater said of one unit.

    Attributes:
        start: First code point of the unit in the caption.
        end: One past its last code point.
        verdict: ``supported``, ``hallucinated``, ``unsure``, or None where the rater said nothing.
    """

    start: int
    end: int
    verdict: str | None


@dataclass(frozen=True)
class Rating:
    """One revision of one rater's rating of one item.

    Attributes:
        rating_id: Of the revision.
        campaign_id: Of the item's campaign.
        campaign: The campaign's name.
        item_id: What was rated.
        kind: ``caption`` or ``battle``.
        role: What the item is for: ``regular``, ``training`` or ``gold``.
        image_id: Of the item's image.
        image_sha256: Of the image file's bytes.
        caption: The text that was rated; "" for a battle.
        source: Where the caption comes from, or None.
        battle: The ids of the two captions' items, the first one first; None for a caption.
        flipped: Whether this rater was shown the second caption on the left; None for a caption.
        rater_id: Who rated it, 32 hexadecimal digits.
        rater: The rater's name.
        number: 1 for the first revision of this rater on this item.
        receipt: The number on the receipt.
        withdrawn: Whether the revision withdraws the rating; then it has no answers.
        answers: By the name of the question; empty when withdrawn.
        verdicts: On every unit, in the caption's order; empty when withdrawn or where none are asked.
        comment: Free text.
        caption_sha256: Of the caption that was rated; "" for a battle.
        segmenter_version: What cut the caption that was rated; "" for a battle.
        guideline_version: Of the instructions that the rater saw.
        application_version: Of the program.
        metric_revealed_at: When the rater had first been shown the metric's score of the item, or None if the
            rating is blind; UTC, ISO 8601.
        active_seconds: How long the rater worked on it, as the page counted, or None.
        saved_at: By the server's clock; UTC, ISO 8601.
    """

    rating_id: str
    campaign_id: str
    campaign: str
    item_id: str
    kind: str
    role: str
    image_id: str
    image_sha256: str
    caption: str
    source: str | None
    battle: tuple[str, str] | None
    flipped: bool | None
    rater_id: str
    rater: str
    number: int
    receipt: int
    withdrawn: bool
    answers: dict[str, int]
    verdicts: tuple[Verdict, ...]
    comment: str
    caption_sha256: str
    segmenter_version: str
    guideline_version: str
    application_version: str
    metric_revealed_at: str | None
    active_seconds: float | None
    saved_at: str


def ratings(
    engine: Engine,
    *,
    campaign_id: str | None = None,
    item_id: str | None = None,
    rater: str | None = None,
    all_revisions: bool = False,
) -> Iterator[Rating]:
    """Read ratings one by one, in the order in which they were saved.

    Nothing is read before the first one is asked for; all come from one snapshot.

    Args:
        engine: From `open_database`.
        campaign_id: Only of this campaign, unless None.
        item_id: Only this item's, unless None.
        rater: Only this rater's, by name, unless None.
        all_revisions: Whether to read every revision instead of the current ratings alone.

    Yields:
        The ratings. Current ratings of deleted items are left out; among all revisions they are there.

    Raises:
        InvalidRecordError: If the rater's name is empty, too long or holds control characters.
        StorageError: If the database fails.
    """
    with reading(engine) as connection:
        rater_id = None if rater is None else find_rater(connection, rater) or ""
        for page in rating_pages(
            connection,
            campaign_id=campaign_id,
            item_id=item_id,
            rater_id=rater_id,
            all_revisions=all_revisions,
        ):
            yield from _complete(connection, in_order(connection, _QUERY, page))


def rating_pages(
    connection: Connection,
    *,
    campaign_id: str | None = None,
    item_id: str | None = None,
    rater_id: str | None = None,
    all_revisions: bool = False,
) -> Iterator[list[str]]:
    """Read the ids of ratings some hundreds at a time in an open transaction, in the order of `ratings`.

    Only ids are put into order; what belongs to them is read page by page over primary keys, so that neither
    the database nor this process ever sorts or holds captions.
    """
    table = revisions if all_revisions else current_ratings
    query = select(table.c.id).order_by(table.c.created_at, table.c.rater_id, table.c.receipt)
    if not all_revisions or campaign_id is not None:
        query = query.join(items, items.c.id == table.c.item_id)
    if not all_revisions:
        query = query.where(items.c.deleted_at.is_(None))
    if campaign_id is not None:
        query = query.where(items.c.campaign_id == campaign_id)
    if item_id is not None:
        query = query.where(table.c.item_id == item_id)
    if rater_id is not None:
        query = query.where(table.c.rater_id == rater_id)
    # An option of the query: as one of the connection it would slow the others down as well.
    with connection.execute(query.execution_options(yield_per=_ROWS_AT_ONCE)) as found:
        yield from map(list, found.scalars().partitions())


def find_by_nonce(connection: Connection, nonce: str) -> Rating | None:
    """Read the revision that was saved under a nonce, in an open transaction, or None."""
    found = connection.scalar(_BY_NONCE, {"nonce": nonce})
    return None if found is None else read_rating(connection, found)


def read_rating(connection: Connection, rating_id: str) -> Rating:
    """Read one revision in an open transaction.

    Raises:
        UnknownRecordError: If there is no such revision.
    """
    rows = in_order(connection, _QUERY, [rating_id])
    if not rows:
        raise UnknownRecordError(f"there is no rating {rating_id!r}")
    return next(_complete(connection, rows))


def with_what_stands_beside(columns: Iterable[ColumnElement[Any]]) -> Select[Any]:
    """Select columns of revisions and of their raters, items, campaigns, images and places."""
    return (
        select(*columns)
        .select_from(revisions)
        .join(raters, raters.c.id == revisions.c.rater_id)
        .join(items, items.c.id == revisions.c.item_id)
        .join(campaigns, campaigns.c.id == items.c.campaign_id)
        .join(images, images.c.id == items.c.image_id)
        .outerjoin(
            assignments,
            and_(
                assignments.c.item_id == revisions.c.item_id, assignments.c.rater_id == revisions.c.rater_id
            ),
        )
    )


def in_order(connection: Connection, query: Select[Any], rating_ids: Sequence[str]) -> list[Row[Any]]:
    """Read rows of `with_what_stands_beside` whose first column is the revision's id, in the order of ids."""
    found = {row[0]: row for row in connection.execute(query.where(revisions.c.id.in_(rating_ids)))}
    return [found[rating_id] for rating_id in rating_ids if rating_id in found]


def answers_to(
    connection: Connection, rating_ids: Sequence[str]
) -> dict[str, list[tuple[str, int, int, int]]]:
    """Read question, value, low and high of each answer, by the revision, in the order of the questions."""
    query = (
        select(answers.c.revision_id, answers.c.question, answers.c.value, answers.c.low, answers.c.high)
        .where(answers.c.revision_id.in_(rating_ids))
        .order_by(answers.c.question)
    )
    found: dict[str, list[tuple[str, int, int, int]]] = {}
    for revision_id, question, value, low, high in connection.execute(query):
        found.setdefault(revision_id, []).append((question, value, low, high))
    return found


def verdicts_on(
    connection: Connection, judged: Mapping[str, tuple[str, str]]
) -> dict[str, list[tuple[int, int, str | None]]]:
    """Read start, end and verdict of each unit, by the revision, in the caption's order.

    Args:
        connection: In an open transaction.
        judged: The SHA-256 of the caption and the version that cut it, by the id of each revision with
            verdicts.
    """
    cuts = spans_of(connection, set(judged.values()))
    said = verdicts.c.start.cast(Text).concat(" ").concat(verdicts.c.verdict)
    # One row a revision, not one a unit: handing rows over costs more than all else that is done with them.
    query = select(verdicts.c.revision_id, func.aggregate_strings(said, " ")).group_by(verdicts.c.revision_id)
    given = {
        revision_id: _pairs(together.split(" "))
        for revision_id, together in connection.execute(query.where(verdicts.c.revision_id.in_(list(judged))))
    }
    said_of = {}
    for revision_id, key in judged.items():
        mine = dict(given.get(revision_id, ()))
        said_of[revision_id] = [(start, end, mine.get(str(start))) for start, end in cuts.get(key, ())]
    return said_of


def spans_of(
    connection: Connection, wanted: Set[tuple[str, str]]
) -> dict[tuple[str, str], list[tuple[int, int]]]:
    """Read how versions cut captions: start and end of each unit by the caption's SHA-256 and the version."""
    span = units.c.start.cast(Text).concat(" ").concat(units.c.end.cast(Text))
    query = select(
        units.c.caption_sha256, units.c.segmenter_version, func.aggregate_strings(span, " ")
    ).group_by(units.c.caption_sha256, units.c.segmenter_version)
    found = {}
    for caption_sha256, version, together in connection.execute(
        query.where(units.c.caption_sha256.in_({caption_sha256 for caption_sha256, _ in wanted}))
    ):
        if (caption_sha256, version) in wanted:
            found[caption_sha256, version] = sorted(_pairs(map(int, together.split(" "))))
    return found


def _pairs(values: Iterable[_Value]) -> list[tuple[_Value, _Value]]:
    one_after_another = iter(values)
    return list(zip(one_after_another, one_after_another, strict=True))


_QUERY: Final = with_what_stands_beside(
    (
        *revisions.c,
        raters.c.name.label("rater"),
        campaigns.c.name.label("campaign"),
        campaigns.c.asks_verdicts,
        images.c.sha256.label("image_sha256"),
        assignments.c.flipped,
        items.c.campaign_id,
        items.c.kind,
        items.c.role,
        items.c.image_id,
        items.c.caption,
        items.c.caption_sha256,
        items.c.source,
        items.c.first_id,
        items.c.second_id,
    )
)


def _complete(connection: Connection, rows: Sequence[Row[Any]]) -> Iterator[Rating]:
    """Add answers and verdicts to rows, with three queries for all of them."""
    given = answers_to(connection, [row.id for row in rows])
    said = verdicts_on(
        connection,
        {
            row.id: (row.caption_sha256, row.segmenter_version)
            for row in rows
            if row.asks_verdicts and not row.withdrawn and row.segmenter_version
        },
    )
    for row in rows:
        yield Rating(
            rating_id=row.id,
            campaign_id=row.campaign_id,
            campaign=row.campaign,
            item_id=row.item_id,
            kind=row.kind,
            role=row.role,
            image_id=row.image_id,
            image_sha256=row.image_sha256,
            caption=row.caption or "",
            source=row.source or None,
            battle=(row.first_id, row.second_id) if row.kind == "battle" else None,
            flipped=row.flipped,
            rater_id=row.rater_id,
            rater=row.rater,
            number=row.number,
            receipt=row.receipt,
            withdrawn=row.withdrawn,
            answers={question: value for question, value, _, _ in given.get(row.id, ())},
            verdicts=tuple([Verdict(*one) for one in said.get(row.id, ())]),
            comment=row.comment,
            caption_sha256=row.caption_sha256 or "",
            segmenter_version=row.segmenter_version or "",
            guideline_version=row.guideline_version,
            application_version=row.application_version,
            metric_revealed_at=row.metric_revealed_at,
            active_seconds=row.active_seconds,
            saved_at=row.created_at,
        )
