"""Ratings and items as flat rows that hold all that an import needs to write them down again."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Any, Final

from sqlalchemy import Column, Connection, Engine, Row, select

from annotations.engine import reading
from annotations.revisions import Rating, rating_pages
from annotations.schema import (
    answers,
    assignments,
    campaigns,
    final_labels,
    guidelines,
    images,
    items,
    questions,
    raters,
    revisions,
    units,
)

_ITEM: Final = {
    "image_filename": "text",
    "image_width": "integer",
    "image_height": "integer",
    "image_created_at": "text",
    "external_id": "text",
    "priority": "integer",
    "weight": "number",
    "overlap": "integer",
    "gold": "text",
    "item_segmenter_version": "text",
    "units": "spans",
    "item_created_at": "text",
    "item_deleted_at": "text",
    "battle_captions": "json",
    "final_labels": "json",
}

RATING_COLUMNS: Final[Mapping[str, str]] = {
    "rating_id": "text",
    "campaign_id": "text",
    "campaign": "text",
    "item_id": "text",
    "kind": "text",
    "role": "text",
    "image_id": "text",
    "image_sha256": "text",
    "caption": "text",
    "source": "text",
    "battle": "texts",
    "flipped": "truth",
    "rater_id": "text",
    "rater": "text",
    "number": "integer",
    "receipt": "integer",
    "withdrawn": "truth",
    "answers": "json",
    "verdicts": "verdicts",
    "comment": "text",
    "caption_sha256": "text",
    "segmenter_version": "text",
    "guideline_version": "text",
    "application_version": "text",
    "metric_revealed_at": "text",
    "active_seconds": "number",
    "saved_at": "text",
    **_ITEM,
    "question_ranges": "json",
    "nonce": "text",
    "rater_created_at": "text",
    "place": "json",
    "campaign_settings": "json",
}
"""The columns of exported ratings and what each holds; those after ``saved_at`` serve to import them."""

ITEM_COLUMNS: Final[Mapping[str, str]] = {
    "item_id": "text",
    "campaign_id": "text",
    "campaign": "text",
    "kind": "text",
    "role": "text",
    "image_id": "text",
    "image_sha256": "text",
    "caption": "text",
    "source": "text",
    "battle": "texts",
    "caption_sha256": "text",
    **_ITEM,
    "campaign_settings": "json",
}
"""The columns of exported items."""

_ROWS_AT_ONCE: Final = 1000


def rating_rows(
    engine: Engine, *, campaign_id: str | None = None, all_revisions: bool = False
) -> Iterator[list[dict[str, Any]]]:
    """Read ratings as rows with `RATING_COLUMNS`, some hundreds at a time, in the order of saving.

    What belongs to a campaign as a whole (``campaign_settings``) stands in the first row that mentions it.

    Args:
        engine: From `open_database`.
        campaign_id: Only of this campaign, unless None.
        all_revisions: Whether to read every revision instead of the current ratings alone.

    Yields:
        The rows of a page, in which structured values are lists and dictionaries.

    Raises:
        StorageError: If the database fails.
    """
    seen: set[str] = set()
    with reading(engine) as connection:
        for page in rating_pages(connection, campaign_id=campaign_id, all_revisions=all_revisions):
            ids = [rating.rating_id for rating in page]
            # The verdicts of a rating hold the offsets of its units.
            known = {(one.caption_sha256, one.segmenter_version) for one in page if one.verdicts}
            silent = {one.caption_sha256 for one in page if not one.verdicts}
            known = {key for key in known if key[0] not in silent}
            described = _describe(connection, {rating.item_id for rating in page}, known)
            nonces = _pairs(connection, revisions.c.id, revisions.c.nonce, ids)
            since = _pairs(connection, raters.c.id, raters.c.created_at, {one.rater_id for one in page})
            ranges = _ranges(connection, ids)
            places = _places(connection, page)
            rows = []
            for rating in page:
                item = described[rating.item_id]
                row = {name: getattr(rating, name) for name in _OF_RATING}
                row["battle"] = None if rating.battle is None else list(rating.battle)
                row["verdicts"] = [
                    {"start": one.start, "end": one.end, "verdict": one.verdict} for one in rating.verdicts
                ]
                row |= {name: item[name] for name in _ITEM}
                if rating.verdicts and rating.segmenter_version == item["item_segmenter_version"]:
                    row["units"] = None
                row["question_ranges"] = ranges.get(rating.rating_id, {})
                row["nonce"] = nonces[rating.rating_id]
                row["rater_created_at"] = since[rating.rater_id]
                row["place"] = places.get((rating.item_id, rating.rater_id))
                row["campaign_settings"] = _once(connection, rating.campaign_id, seen)
                rows.append(row)
            yield rows


_OF_RATING: Final = tuple(Rating.__dataclass_fields__)


def item_rows(
    engine: Engine, *, campaign_id: str | None = None, deleted: bool = False
) -> Iterator[list[dict[str, Any]]]:
    """Read items as rows with `ITEM_COLUMNS`, some hundreds at a time, in the order in which they were added.

    Args:
        engine: From `open_database`.
        campaign_id: Only of this campaign, unless None.
        deleted: Whether deleted ones are among them.

    Yields:
        The rows of a page, in which structured values are lists and dictionaries.

    Raises:
        StorageError: If the database fails.
    """
    query = select(items.c.id).order_by(items.c.created_at, items.c.id)
    if campaign_id is not None:
        query = query.where(items.c.campaign_id == campaign_id)
    if not deleted:
        query = query.where(items.c.deleted_at.is_(None))
    seen: set[str] = set()
    with (
        reading(engine) as connection,
        connection.execute(query.execution_options(yield_per=_ROWS_AT_ONCE)) as found,
    ):
        for part in found.scalars().partitions():
            described = _describe(connection, part)
            yield [
                {**described[item_id], "campaign_settings": _once(connection, campaign, seen)}
                for item_id in part
                for campaign in [described[item_id]["campaign_id"]]
            ]


def _describe(
    connection: Connection, item_ids: Iterable[str], known: Set[tuple[str, str]] = frozenset()
) -> dict[str, dict[str, Any]]:
    """Read all of some items but who rated them: the columns of an item's row, without the campaign's.

    The units of captions and versions that are ``known`` are left out.
    """
    rows = _items(connection, item_ids)
    captions = {one for row in rows.values() for one in (row.first_id, row.second_id) if one is not None}
    fought = _items(connection, captions)
    cut = {(row.caption_sha256, row.segmenter_version) for row in rows.values()} - known
    cut |= {(row.caption_sha256, row.segmenter_version) for row in fought.values()}
    cuts = _cuts(connection, {key for key in cut if key[1]})
    labels: dict[str, list[dict[str, Any]]] = {}
    query = (
        select(final_labels, raters.c.name.label("rater"), raters.c.created_at.label("rater_created_at"))
        .join(raters, raters.c.id == final_labels.c.rater_id)
        .where(final_labels.c.item_id.in_(list(rows)))
        .order_by(final_labels.c.number)
    )
    for label in connection.execute(query):
        labels.setdefault(label.item_id, []).append(
            {name: value for name, value in label._mapping.items() if name != "item_id"}
        )
    described = {}
    for item_id, row in rows.items():
        described[item_id] = {
            **_item(row, cuts),
            "battle_captions": None
            if row.first_id is None
            else [_caption(fought[one], cuts) for one in (row.first_id, row.second_id)],
            "final_labels": labels.get(item_id),
        }
    return described


def _items(connection: Connection, item_ids: Iterable[str]) -> dict[str, Row[Any]]:
    query = (
        select(
            items,
            campaigns.c.name.label("campaign"),
            *(images.c[name].label(f"image_{name}") for name in _OF_IMAGE),
        )
        .join(campaigns, campaigns.c.id == items.c.campaign_id)
        .join(images, images.c.id == items.c.image_id)
        .where(items.c.id.in_(list(item_ids)))
    )
    return {row.id: row for row in connection.execute(query)}


_OF_IMAGE: Final = ("sha256", "filename", "width", "height", "created_at")


def _item(row: Row[Any], cuts: Mapping[tuple[str, str], list[dict[str, int]]]) -> dict[str, Any]:
    return {
        "item_id": row.id,
        "campaign_id": row.campaign_id,
        "campaign": row.campaign,
        "kind": row.kind,
        "role": row.role,
        "image_id": row.image_id,
        "image_sha256": row.image_sha256,
        "caption": row.caption or "",
        "source": row.source or None,
        "battle": None if row.first_id is None else [row.first_id, row.second_id],
        "caption_sha256": row.caption_sha256 or "",
        "image_filename": row.image_filename,
        "image_width": row.image_width,
        "image_height": row.image_height,
        "image_created_at": row.image_created_at,
        "external_id": row.external_id,
        "priority": row.priority,
        "weight": row.weight,
        "overlap": row.overlap,
        "gold": row.gold,
        "item_segmenter_version": row.segmenter_version,
        "units": cuts.get((row.caption_sha256, row.segmenter_version)),
        "item_created_at": row.created_at,
        "item_deleted_at": row.deleted_at,
    }


def _caption(row: Row[Any], cuts: Mapping[tuple[str, str], list[dict[str, int]]]) -> dict[str, Any]:
    """Describe a caption of a battle; campaign and image are the battle's."""
    left_out = ("campaign_id", "campaign", "kind", "battle", "image_id", "image_sha256")
    return {
        name: value
        for name, value in _item(row, cuts).items()
        if name not in left_out and not (name.startswith("image_") and name in _ITEM)
    }


def _cuts(
    connection: Connection, wanted: Set[tuple[str, str]]
) -> dict[tuple[str, str], list[dict[str, int]]]:
    """Read the units of captions, by SHA-256 and version."""
    found: dict[tuple[str, str], list[dict[str, int]]] = {}
    query = (
        select(units)
        .where(units.c.caption_sha256.in_({caption_sha256 for caption_sha256, _ in wanted}))
        .order_by(units.c.start)
    )
    for caption_sha256, version, start, end in connection.execute(query).all():
        if (caption_sha256, version) in wanted:
            found.setdefault((caption_sha256, version), []).append({"start": start, "end": end})
    return found


def _ranges(connection: Connection, rating_ids: Sequence[str]) -> dict[str, dict[str, list[int]]]:
    found: dict[str, dict[str, list[int]]] = {}
    query = (
        select(answers.c.revision_id, answers.c.question, answers.c.low, answers.c.high)
        .where(answers.c.revision_id.in_(rating_ids))
        .order_by(answers.c.question)
    )
    for revision_id, question, low, high in connection.execute(query).all():
        found.setdefault(revision_id, {})[question] = [low, high]
    return found


def _places(connection: Connection, page: Sequence[Rating]) -> dict[tuple[str, str], dict[str, Any]]:
    wanted = {(rating.item_id, rating.rater_id) for rating in page}
    query = select(assignments).where(
        assignments.c.item_id.in_({item_id for item_id, _ in wanted}),
        assignments.c.rater_id.in_({rater_id for _, rater_id in wanted}),
    )
    return {
        (row.item_id, row.rater_id): {
            # Who holds an item here holds nothing where it is imported.
            "state": "released" if row.state == "held" else row.state,
            "claimed_at": row.claimed_at,
            "lease_expires_at": row.lease_expires_at,
            "skip_reason": row.skip_reason,
            "return_reason": row.return_reason,
        }
        for row in connection.execute(query)
        if (row.item_id, row.rater_id) in wanted
    }


def _pairs(
    connection: Connection, key: Column[str], value: Column[str], keys: Iterable[str]
) -> dict[str, str]:
    return {row[0]: row[1] for row in connection.execute(select(key, value).where(key.in_(list(keys))))}


def _once(connection: Connection, campaign_id: str, seen: set[str]) -> dict[str, Any] | None:
    """Read a campaign's settings, questions and guidelines, the first time."""
    if campaign_id in seen:
        return None
    seen.add(campaign_id)
    row = connection.execute(select(campaigns).where(campaigns.c.id == campaign_id)).one()
    settings = {name: value for name, value in row._mapping.items() if name not in ("id", "name")}
    for name, table, order in (
        ("questions", questions, questions.c.position),
        ("guidelines", guidelines, guidelines.c.version),
    ):
        columns = [column for column in table.c if column.name != "campaign_id"]
        found = connection.execute(select(*columns).where(table.c.campaign_id == campaign_id).order_by(order))
        settings[name] = [dict(one._mapping) for one in found]
    return settings
