"""Battles in bulk: every caption of an image against every other one from another source."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import combinations, groupby
from typing import Any, Final

from sqlalchemy import Connection, insert, select

from annotations.campaigns import Campaign
from annotations.import_writing import Written
from annotations.schema import items, new_id, timestamp
from annotations.spool import Spool

_BATTLE: Final = {
    "kind": "battle",
    "role": "regular",
    "segmenter_version": "",
    "source": "",
    "priority": 0,
    "weight": 1.0,
    "done": 0,
}
_IMAGES: Final = "SELECT DISTINCT image_id FROM images WHERE sha256 IN (SELECT sha256 FROM items)"


def add_pairs(
    connection: Connection, spool: Spool, campaign: Campaign, written: Written, *, overlap: int
) -> Written:
    """Set the regular captions of the imported images against each other, in an open transaction.

    A pair are two captions of one image with different texts and different sources; captions that were there
    before are among them. A battle that is there already, deleted or not, stays as it is.

    Args:
        connection: From `writing`.
        spool: What was imported.
        campaign: Whose captions they are.
        written: What the import has added so far.
        overlap: How many raters a battle gets at most.

    Returns:
        The same with the number of new battles.
    """
    now, added = timestamp(), 0
    for part in spool.parts(_IMAGES):
        image_ids = [row["image_id"] for row in part]
        battles = select(items.c.first_id, items.c.second_id).where(
            items.c.campaign_id == campaign.id, items.c.kind == "battle", items.c.image_id.in_(image_ids)
        )
        known = {(first, second) for first, second in connection.execute(battles)}
        new = [
            {
                **_BATTLE,
                "id": new_id(),
                "campaign_id": campaign.id,
                "image_id": image_id,
                "first_id": pair[0],
                "second_id": pair[1],
                "overlap": overlap,
                "created_at": now,
            }
            for image_id, pair in _pairs(connection, campaign.id, image_ids)
            if pair not in known
        ]
        if new:
            connection.execute(insert(items), new)
        added += len(new)
    return replace(written, battles=added)


def _pairs(
    connection: Connection, campaign_id: str, image_ids: list[str]
) -> Iterator[tuple[str, tuple[str, str]]]:
    query = (
        select(items.c.image_id, items.c.id, items.c.caption_sha256, items.c.source)
        .where(
            items.c.campaign_id == campaign_id,
            items.c.kind == "caption",
            items.c.role == "regular",
            items.c.deleted_at.is_(None),
            items.c.image_id.in_(image_ids),
        )
        .order_by(items.c.image_id, items.c.created_at, items.c.id)
    )
    for image_id, rows in groupby(connection.execute(query), key=lambda row: row.image_id):
        for first, second in combinations(_captions(rows), 2):
            if first.caption_sha256 != second.caption_sha256 and first.source != second.source:
                yield image_id, (min(first.id, second.id), max(first.id, second.id))


def _captions(rows: Iterable[Any]) -> list[Any]:
    """Return one row for each caption and source: another cut of a caption is no other caption."""
    found: dict[tuple[str, str], Any] = {}
    for row in rows:
        found.setdefault((row.caption_sha256, row.source), row)
    return list(found.values())
