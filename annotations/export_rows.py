"""Ratings and items as flat rows that hold all that an import needs to write them down again."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Engine, func, null, select

from annotations.engine import reading
from annotations.revisions import (
    answers_to,
    in_order,
    rating_pages,
    spans_of,
    verdicts_on,
    with_what_stands_beside,
)
from annotations.schema import (
    assignments,
    campaigns,
    final_labels,
    guidelines,
    images,
    items,
    questions,
    raters,
    revisions,
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

# Where the columns are read from; those that are not here are filled in afterwards.
_FROM: Final[Mapping[str, ColumnElement[Any]]] = {
    "rating_id": revisions.c.id,
    "campaign_id": items.c.campaign_id,
    "campaign": campaigns.c.name,
    "item_id": items.c.id,
    **{name: items.c[name] for name in ("kind", "role", "image_id")},
    "image_sha256": images.c.sha256,
    "caption": func.coalesce(items.c.caption, ""),
    "source": func.nullif(items.c.source, ""),
    "flipped": assignments.c.flipped,
    "rater_id": revisions.c.rater_id,
    "rater": raters.c.name,
    **{name: revisions.c[name] for name in ("number", "receipt", "withdrawn", "comment")},
    "caption_sha256": func.coalesce(items.c.caption_sha256, ""),
    "segmenter_version": func.coalesce(revisions.c.segmenter_version, ""),
    "guideline_version": revisions.c.guideline_version,
    "application_version": revisions.c.application_version,
    "metric_revealed_at": revisions.c.metric_revealed_at,
    "active_seconds": revisions.c.active_seconds,
    "saved_at": revisions.c.created_at,
    **{f"image_{name}": images.c[name] for name in ("filename", "width", "height", "created_at")},
    **{name: items.c[name] for name in ("external_id", "priority", "weight", "overlap", "gold")},
    "item_segmenter_version": items.c.segmenter_version,
    "item_created_at": items.c.created_at,
    "item_deleted_at": items.c.deleted_at,
    "nonce": revisions.c.nonce,
    "rater_created_at": raters.c.created_at,
}
_PLACE: Final = ("state", "claimed_at", "lease_expires_at", "skip_reason", "return_reason")
_BATTLE: Final = (items.c.first_id, items.c.second_id)
_RATINGS: Final = with_what_stands_beside(
    (
        *(_FROM.get(name, null()).label(name) for name in RATING_COLUMNS),
        *_BATTLE,
        campaigns.c.asks_verdicts,
        *(assignments.c[name] for name in _PLACE),
    )
)
_ITEMS: Final = (
    select(*(_FROM.get(name, null()).label(name) for name in ITEM_COLUMNS), *_BATTLE)
    .join(campaigns, campaigns.c.id == items.c.campaign_id)
    .join(images, images.c.id == items.c.image_id)
)


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
        The rows of a page; units are start and end, verdicts these two and the verdict.

    Raises:
        StorageError: If the database fails.
    """
    seen: set[str] = set()
    with reading(engine) as connection:
        for page in rating_pages(connection, campaign_id=campaign_id, all_revisions=all_revisions):
            given = answers_to(connection, page)
            rows, judged = [], {}
            for found in in_order(connection, _RATINGS, page):
                row, (first_id, second_id, asks_verdicts, *place) = _split(found, RATING_COLUMNS)
                row["battle"] = _battle(first_id, second_id)
                row["place"] = _place(place)
                answered = given.get(row["rating_id"], ())
                row["answers"] = {question: value for question, value, _, _ in answered}
                row["question_ranges"] = {question: [low, high] for question, _, low, high in answered}
                row["campaign_settings"] = _once(connection, row["campaign_id"], seen)
                if asks_verdicts and not row["withdrawn"] and row["segmenter_version"]:
                    judged[row["rating_id"]] = (row["caption_sha256"], row["segmenter_version"])
                rows.append(row)
            said = verdicts_on(connection, judged)
            for row in rows:
                row["verdicts"] = said.get(row["rating_id"], [])
            # The verdicts of a rating hold the offsets of its units.
            silent = {row["caption_sha256"] for row in rows if not row["verdicts"]}
            known = {
                (row["caption_sha256"], row["segmenter_version"])
                for row in rows
                if row["verdicts"] and row["caption_sha256"] not in silent
            }
            _describe(connection, rows, known)
            for row in rows:
                if row["verdicts"] and row["segmenter_version"] == row["item_segmenter_version"]:
                    row["units"] = None
            yield rows


def item_rows(
    engine: Engine, *, campaign_id: str | None = None, deleted: bool = False
) -> Iterator[list[dict[str, Any]]]:
    """Read items as rows with `ITEM_COLUMNS`, some hundreds at a time, in the order in which they were added.

    Args:
        engine: From `open_database`.
        campaign_id: Only of this campaign, unless None.
        deleted: Whether deleted ones are among them.

    Yields:
        The rows of a page; units are start and end, verdicts these two and the verdict.

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
            by_id = _items(connection, part)
            rows = [by_id[item_id] for item_id in part]
            _describe(connection, rows)
            for row in rows:
                row["campaign_settings"] = _once(connection, row["campaign_id"], seen)
            yield rows


def _describe(
    connection: Connection, rows: Sequence[dict[str, Any]], known: Set[tuple[str, str]] = frozenset()
) -> None:
    """Fill in units, the captions of battles and final labels.

    The units of captions and versions that are ``known`` are left out.
    """
    captions = {item_id for row in rows if row["battle"] for item_id in row["battle"]}
    fought = _items(connection, captions) if captions else {}
    cut = {_cut_of(row) for row in rows} - known | {_cut_of(row) for row in fought.values()}
    spans = spans_of(connection, {key for key in cut if key[1]})
    labels = _labels(connection, {row["item_id"] for row in rows})
    for row in (*rows, *fought.values()):
        row["units"] = spans.get(_cut_of(row))
    for row in rows:
        row["final_labels"] = labels.get(row["item_id"])
        if row["battle"]:
            row["battle_captions"] = [_caption(fought[item_id]) for item_id in row["battle"]]


def _items(connection: Connection, item_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Read items as rows by their ids."""
    rows = {}
    for found in connection.execute(_ITEMS.where(items.c.id.in_(list(item_ids)))):
        row, (first_id, second_id) = _split(found, ITEM_COLUMNS)
        row["battle"] = _battle(first_id, second_id)
        rows[row["item_id"]] = row
    return rows


def _split(found: Sequence[Any], columns: Mapping[str, str]) -> tuple[dict[str, Any], Sequence[Any]]:
    """Return the columns of an exported row, and what was read beside them."""
    return dict(zip(columns, found, strict=False)), found[len(columns) :]


def _battle(first_id: str | None, second_id: str | None) -> list[str | None] | None:
    return None if first_id is None else [first_id, second_id]


def _cut_of(row: Mapping[str, Any]) -> tuple[str, str]:
    return row["caption_sha256"], row["item_segmenter_version"]


def _caption(row: Mapping[str, Any]) -> dict[str, Any]:
    """Describe a caption of a battle; campaign and image are the battle's."""
    units = row["units"] and [{"start": start, "end": end} for start, end in row["units"]]
    return {name: row[name] for name in _OF_CAPTION} | {"units": units}


_OF_CAPTION: Final = (
    *("item_id", "role", "caption", "source", "caption_sha256", "external_id", "priority", "weight"),
    *("overlap", "gold", "item_segmenter_version", "units", "item_created_at", "item_deleted_at"),
)


def _labels(connection: Connection, item_ids: Set[str]) -> dict[str, list[dict[str, Any]]]:
    """Read the final labels by item."""
    query = (
        select(final_labels, raters.c.name.label("rater"), raters.c.created_at.label("rater_created_at"))
        .join(raters, raters.c.id == final_labels.c.rater_id)
        .where(final_labels.c.item_id.in_(item_ids))
        .order_by(final_labels.c.number)
    )
    labels: dict[str, list[dict[str, Any]]] = {}
    for label in connection.execute(query):
        labels.setdefault(label.item_id, []).append(
            {name: value for name, value in label._mapping.items() if name != "item_id"}
        )
    return labels


def _place(values: Sequence[Any]) -> dict[str, Any] | None:
    if values[0] is None:
        return None
    place = dict(zip(_PLACE, values, strict=True))
    if place["state"] == "held":
        # Who holds an item here holds nothing where it is imported.
        place["state"] = "released"
    return place


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
