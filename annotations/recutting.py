"""Give a caption another cut, and read what was said on one cut as verdicts on another."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, select, update

from annotations.audit import record_act
from annotations.cuts import checked_spans, checked_text, checked_version, ensure_units, stored_spans
from annotations.engine import reading, writing
from annotations.errors import InvalidRecordError, UnknownRecordError
from annotations.items import Item, Unit, find_item
from annotations.revisions import Verdict, read_rating
from annotations.schema import VERDICTS, current_ratings, drafts, items, raters
from annotations.verdict_mapping import map_verdicts


@dataclass(frozen=True)
class StaleDraft:
    """What of somebody's unfinished work stands nowhere in the new cut.

    Attributes:
        rater: The person's name.
        verdicts: With the offsets of the units that they were given to.
    """

    rater: str
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True)
class Recut:
    """An item with another cut, and what became of the unfinished work on it.

    Attributes:
        item: As it is cut now.
        before: The version that it had; "" if it was not cut.
        drafts: How many people's unfinished verdicts were mapped.
        stale: Of those people whose verdicts do not all stand in the new cut.
    """

    item: Item
    before: str
    drafts: int = 0
    stale: tuple[StaleDraft, ...] = ()


@dataclass(frozen=True)
class MappedRating:
    """A current rating, its verdicts read on one particular cut.

    Attributes:
        rating_id: Of the revision.
        rater_id: Who rated it.
        rater: The rater's name.
        segmenter_version: Of the units that the rater saw.
        verdicts: One for each unit of the cut that was asked for.
        stale: Verdicts that stand nowhere in it, with the offsets of the units that the rater saw.
    """

    rating_id: str
    rater_id: str
    rater: str
    segmenter_version: str
    verdicts: tuple[Verdict, ...]
    stale: tuple[Verdict, ...]


def recut_item(
    engine: Engine,
    item_id: str,
    units: Sequence[tuple[str, int, int]],
    segmenter_version: str,
    *,
    actor: str,
) -> Recut:
    """Give a caption another cut, in one transaction with the record of who did it.

    Ratings stay as they are, on the units that their raters saw; `verdicts_on` reads them on any cut. The
    verdicts of unfinished work are mapped; what is stale is kept in the draft under ``stale_verdicts``, with
    offsets, and no longer beside any unit. Scores of the old cut stay until a newer one replaces them.

    Args:
        engine: From `open_database`.
        item_id: Of a caption.
        units: Text, start and end of each detail unit in order; together they cover the whole caption.
        segmenter_version: What cut the caption, at most 120 characters. Its own version again changes
            nothing.
        actor: Who does it, at most 80 characters.

    Returns:
        The item as it is cut now, and what became of unfinished work.

    Raises:
        InvalidRecordError: If the item is a battle, the units do not cover the caption, the version has cut
            this caption in another way before, or another item is this caption in that cut.
        UnknownRecordError: If there is no such item.
        StorageError: If the database fails. After any of these nothing has changed.
    """
    checked_version(segmenter_version)
    if not 1 <= len(checked_text("name", actor)) <= 80:
        raise InvalidRecordError(f"who cuts a caption anew has a name of 1 to 80 characters; got {actor!r}")
    with writing(engine) as connection:
        item = find_item(connection, item_id)
        if item.kind == "battle":
            raise InvalidRecordError(f"item {item_id} is a battle; its two captions have units, it has none")
        spans = checked_spans(item.caption, units)
        ensure_units(connection, item.caption_sha256, segmenter_version, spans)
        if item.segmenter_version == segmenter_version:
            return Recut(item, segmenter_version)
        _refuse_another(connection, item, segmenter_version)
        number, stale = _map_drafts(connection, item, spans)
        connection.execute(
            update(items).where(items.c.id == item_id).values(segmenter_version=segmenter_version)
        )
        details = {
            "before": item.segmenter_version,
            "after": segmenter_version,
            "drafts": number,
            "stale": {one.rater: len(one.verdicts) for one in stale},
        }
        record_act(connection, actor, "recut item", item_id, details)
        return Recut(find_item(connection, item_id), item.segmenter_version, number, stale)


def captions_of(engine: Engine, campaign_id: str) -> tuple[str, ...]:
    """Read the ids of the captions of a campaign that are not deleted, in the order in which they were added.

    Raises:
        StorageError: If the database fails.
    """
    query = (
        select(items.c.id)
        .where(items.c.campaign_id == campaign_id, items.c.kind == "caption", items.c.deleted_at.is_(None))
        .order_by(items.c.created_at, items.c.id)
    )
    with reading(engine) as connection:
        return tuple(connection.scalars(query))


def verdicts_on(engine: Engine, item_id: str, segmenter_version: str) -> tuple[MappedRating, ...]:
    """Read the current ratings of a caption, their verdicts on one particular cut of it.

    Args:
        engine: From `open_database`.
        item_id: Of the caption.
        segmenter_version: A version that has cut this caption.

    Returns:
        One for each person with a current rating, the first who rated first.

    Raises:
        UnknownRecordError: If there is no such item, or the version has never cut this caption.
        StorageError: If the database fails.
    """
    with reading(engine) as connection:
        item = find_item(connection, item_id)
        spans = stored_spans(connection, item.caption_sha256, segmenter_version)
        if not spans:
            raise UnknownRecordError(
                f"segmenter version {segmenter_version!r} has not cut the caption of item {item_id}"
            )
        ids = connection.scalars(
            select(current_ratings.c.id)
            .where(current_ratings.c.item_id == item_id)
            .order_by(current_ratings.c.created_at, current_ratings.c.rater_id)
        ).all()
        found = []
        for rating in (read_rating(connection, rating_id) for rating_id in ids):
            mapping = map_verdicts(rating.verdicts, spans)
            pairs = zip(spans, mapping.verdicts, strict=True)
            found.append(
                MappedRating(
                    rating_id=rating.rating_id,
                    rater_id=rating.rater_id,
                    rater=rating.rater,
                    segmenter_version=rating.segmenter_version,
                    verdicts=tuple(Verdict(start, end, verdict) for (start, end), verdict in pairs),
                    stale=mapping.stale,
                )
            )
    return tuple(found)


def map_draft(
    content: dict[str, Any], units: Sequence[Unit], spans: Sequence[tuple[int, int]]
) -> tuple[dict[str, Any], tuple[Verdict, ...]]:
    """Read a draft on another cut of its caption.

    Args:
        content: As it was given to `save_draft`; its ``verdicts`` are a list, one for each unit.
        units: Those that it was filled in on.
        spans: Start and end of each unit of the new cut.

    Returns:
        The draft on the new cut, with what is stale under ``stale_verdicts`` (text, start, end and verdict),
        older stale ones included; and the newly stale verdicts.
    """
    given = content.get("verdicts")
    if not isinstance(given, list) or len(given) != len(units):
        # Of another form, or of none of these units: it says nothing about a place in the caption.
        return {**content, "verdicts": [None] * len(spans)}, ()
    said = [
        Verdict(unit.start, unit.end, verdict if isinstance(verdict, str) and verdict in VERDICTS else None)
        for unit, verdict in zip(units, given, strict=True)
    ]
    mapping = map_verdicts(said, spans)
    mapped = {**content, "verdicts": list(mapping.verdicts)}
    if mapping.stale:
        texts = {unit.start: unit.text for unit in units}
        mapped["stale_verdicts"] = [
            *content.get("stale_verdicts", []),
            *(
                {"text": texts[one.start], "start": one.start, "end": one.end, "verdict": one.verdict}
                for one in mapping.stale
            ),
        ]
    return mapped, mapping.stale


def _map_drafts(
    connection: Connection, item: Item, spans: Sequence[tuple[int, int]]
) -> tuple[int, tuple[StaleDraft, ...]]:
    rows = connection.execute(
        select(drafts.c.rater_id, drafts.c.content, raters.c.name)
        .join(raters, raters.c.id == drafts.c.rater_id)
        .where(drafts.c.item_id == item.id)
        .order_by(raters.c.name)
    ).all()
    stale = []
    number = 0
    for row in rows:
        content = json.loads(row.content)
        if not content.get("verdicts"):
            continue
        mapped, lost = map_draft(content, item.units, spans)
        mine = (drafts.c.item_id == item.id, drafts.c.rater_id == row.rater_id)
        connection.execute(update(drafts).where(*mine).values(content=json.dumps(mapped)))
        number += 1
        if lost:
            stale.append(StaleDraft(row.name, lost))
    return number, tuple(stale)


def _refuse_another(connection: Connection, item: Item, segmenter_version: str) -> None:
    other = connection.scalar(
        select(items.c.id).where(
            items.c.campaign_id == item.campaign_id,
            items.c.image_id == item.image_id,
            items.c.caption_sha256 == item.caption_sha256,
            items.c.segmenter_version == segmenter_version,
            items.c.source == (item.source or ""),
        )
    )
    if other is not None:
        raise InvalidRecordError(
            f"item {other} is the caption of item {item.id} as {segmenter_version!r} cuts it; rate that one"
        )
