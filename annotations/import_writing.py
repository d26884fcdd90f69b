"""Write checked items in bulk, in one open transaction."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, select

from annotations.campaigns import Campaign
from annotations.errors import InvalidRecordError
from annotations.image_files import Originals
from annotations.items import EVERYBODY
from annotations.schema import images, items, new_id, timestamp, units
from annotations.spool import Spool

_NEEDED = "SELECT * FROM images WHERE sha256 IN (SELECT sha256 FROM items)"
_ITEMS = (
    "SELECT items.*, images.image_id, images.stored FROM items JOIN images USING (sha256) "
    "ORDER BY items.number"
)


@dataclass(frozen=True, kw_only=True)
class Written:
    """What an import has added.

    Attributes:
        campaign_id: Of the campaign.
        campaign: Its name.
        images: New images.
        items: New captions.
        already: Captions that the campaign had before.
        deleted: Those of them that are deleted, and stay so.
        battles: New battles.
    """

    campaign_id: str
    campaign: str
    images: int = 0
    items: int = 0
    already: int = 0
    deleted: int = 0
    battles: int = 0


def write_items(
    connection: Connection,
    spool: Spool,
    campaign: Campaign,
    originals: Originals,
    *,
    plan_overlap: int | None,
) -> Written:
    """Write images and items that the database does not have.

    Args:
        connection: From `writing`.
        spool: What was checked.
        campaign: The items' campaign.
        originals: Takes the images' files.
        plan_overlap: How many raters an item gets at most where its row does not say, or None.

    Returns:
        What was added.

    Raises:
        InvalidRecordError: If a cut is at odds with one that was stored since the check.
        OSError: If a file cannot be placed.
    """
    now = timestamp()
    added_images = _write_images(connection, spool, originals, now)
    added = already = deleted = 0
    for part in spool.parts(_ITEMS):
        known = _known(connection, campaign.id, {row["image_id"] for row in part if row["stored"]})
        new = []
        for row in part:
            key = (row["image_id"], row["caption_sha256"], row["source"])
            if key in known:
                already += 1
                deleted += known[key] is not None
            else:
                new.append(_item(row, campaign, plan_overlap, now))
        _write_cuts(connection, spool, new)
        if new:
            connection.execute(insert(items), new)
        added += len(new)
    return Written(
        campaign_id=campaign.id,
        campaign=campaign.name,
        images=added_images,
        items=added,
        already=already,
        deleted=deleted,
    )


def stored_cuts(connection: Connection, captions: Iterable[str]) -> dict[tuple[str, str], str]:
    """Read how captions are cut, as JSON of the spans, by the caption's SHA-256 and the version."""
    found: dict[tuple[str, str], list[tuple[int, int]]] = {}
    query = select(units).where(units.c.caption_sha256.in_(set(captions))).order_by(units.c.start)
    for caption_sha256, version, start, end in connection.execute(query):
        found.setdefault((caption_sha256, version), []).append((start, end))
    return {key: json.dumps(spans) for key, spans in found.items()}


def _write_images(connection: Connection, spool: Spool, originals: Originals, now: str) -> int:
    added = 0
    for part in spool.parts(_NEEDED):
        query = select(images.c.sha256, images.c.id).where(
            images.c.sha256.in_([row["sha256"] for row in part])
        )
        known = {row.sha256: row.id for row in connection.execute(query)}
        new = []
        for row in part:
            image_id = known.get(row["sha256"])
            stored = image_id is not None
            if image_id is None:
                image_id = new_id()
                new.append(
                    {"id": image_id, "created_at": now}
                    | {name: row[name] for name in ("sha256", "filename", "width", "height")}
                )
            originals.place(image_id, Path(row["copy"]))
            spool.connection.execute(
                "UPDATE images SET image_id = ?, stored = ? WHERE sha256 = ?",
                (image_id, stored, row["sha256"]),
            )
        if new:
            connection.execute(insert(images), new)
        added += len(new)
    return added


def _known(
    connection: Connection, campaign_id: str, image_ids: set[str]
) -> dict[tuple[str, str, str], str | None]:
    """Return when the campaign's captions of these images were deleted, by image, caption and source."""
    if not image_ids:
        return {}
    query = select(items.c.image_id, items.c.caption_sha256, items.c.source, items.c.deleted_at).where(
        items.c.campaign_id == campaign_id, items.c.kind == "caption", items.c.image_id.in_(image_ids)
    )
    known: dict[tuple[str, str, str], str | None] = {}
    for image_id, caption_sha256, source, deleted_at in connection.execute(query):
        key = (image_id, caption_sha256, source)
        # Of two cuts of one caption one may be deleted; the caption is there all the same.
        known[key] = deleted_at if key not in known else known[key] and deleted_at
    return known


def _item(row: Mapping[str, Any], campaign: Campaign, overlap: int | None, now: str) -> dict[str, Any]:
    # Everybody learns on the same items, and everybody is measured on the same gold ones.
    default = campaign.overlap if row["role"] == "regular" else EVERYBODY
    if row["role"] == "regular" and overlap is not None:
        default = overlap
    copied = ("role", "image_id", "caption", "caption_sha256", "segmenter_version", "source")
    return {
        "id": new_id(),
        "campaign_id": campaign.id,
        "kind": "caption",
        "overlap": row["overlap"] or default,
        "weight": 1.0,
        "done": 0,
        "created_at": now,
        **{name: row[name] for name in (*copied, "priority", "gold", "external_id")},
    }


def _write_cuts(connection: Connection, spool: Spool, new: list[dict[str, Any]]) -> None:
    wanted = {
        (one["caption_sha256"], one["segmenter_version"]) for one in new if one["segmenter_version"] != ""
    }
    if not wanted:
        return
    stored = stored_cuts(connection, (caption_sha256 for caption_sha256, _ in wanted))
    rows: list[dict[str, Any]] = []
    for caption_sha256, version in sorted(wanted):
        spans = spool.connection.execute(
            "SELECT spans FROM cuts WHERE caption_sha256 = ? AND segmenter_version = ?",
            (caption_sha256, version),
        ).fetchone()["spans"]
        before = stored.get((caption_sha256, version))
        if before is not None and before != spans:
            raise InvalidRecordError(
                f"segmenter version {version!r} has cut a caption in another way meanwhile; import again"
            )
        if before is None:
            rows += [
                {"caption_sha256": caption_sha256, "segmenter_version": version, "start": start, "end": end}
                for start, end in json.loads(spans)
            ]
    if rows:
        connection.execute(insert(units), rows)
