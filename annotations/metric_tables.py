"""Captions as ``specs metrics`` reads them, and the stored scores as it writes them."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TextIO

from sqlalchemy import Connection, Engine, select

from annotations.engine import reading
from annotations.errors import InvalidRecordError
from annotations.exporting import FORMATS
from annotations.image_files import ORIGINALS
from annotations.schema import items, scores
from annotations.spreadsheet import guarded

SCORE_COLUMNS: Final = ("id", "metric", "score", "model", "model_sha256", "note")
"""The columns of a table of scores; `annotations.import_scores` reads them again."""

_AT_ONCE: Final = 500
_json: Final = json.JSONEncoder(ensure_ascii=False).encode


@dataclass(frozen=True)
class CaptionsReport:
    """What an export of captions holds.

    Attributes:
        written: Captions.
        with_references: Those of them with at least one reference.
        without_image: How many were left out, because their image has no file in the folder.
    """

    written: int
    with_references: int
    without_image: int


def export_captions(
    engine: Engine,
    stream: TextIO,
    *,
    images: Path,
    campaign_id: str | None = None,
    references: Sequence[str] = (),
) -> CaptionsReport:
    """Write captions as JSON lines that ``specs metrics`` takes as they are, in the order of adding.

    Each line has ``id`` (the item's), ``image`` (path of the stored file), ``caption`` and, where there are
    any, ``references``. Deleted captions and those to learn on are left out, and so are battles.

    Args:
        engine: From `open_database`.
        stream: Open for writing.
        images: Folder of the stored images.
        campaign_id: Only of this campaign, unless None.
        references: Sources whose captions are taken for true: they are the references of the other captions
            of the same image in the same campaign, and are written as captions without references.

    Returns:
        What was written.

    Raises:
        StorageError: If the database fails; what was written until then stays in the stream.
    """
    query = (
        select(items.c.id, items.c.campaign_id, items.c.image_id, items.c.caption, items.c.source)
        .where(_are_captions(), items.c.role.in_(("regular", "gold")))
        .order_by(items.c.created_at, items.c.id)
    )
    if campaign_id is not None:
        query = query.where(items.c.campaign_id == campaign_id)
    written = referred = missing = 0
    folder = images.resolve()
    with (
        reading(engine) as connection,
        connection.execute(query.execution_options(yield_per=_AT_ONCE)) as found,
    ):
        for part in found.partitions():
            known = _references(connection, {row.image_id for row in part}, references)
            for row in part:
                file = _image_file(folder, row.image_id)
                if file is None:
                    missing += 1
                    continue
                line: dict[str, Any] = {"id": row.id, "image": str(file), "caption": row.caption}
                if row.source not in references:
                    texts = known.get((row.campaign_id, row.image_id))
                    if texts:
                        line["references"] = texts
                        referred += 1
                stream.write(_json(line) + "\n")
                written += 1
    return CaptionsReport(written, referred, missing)


def export_scores(engine: Engine, stream: TextIO, *, format: str, campaign_id: str | None = None) -> int:
    """Write all scores of captions, every metric and model of them, with the columns `SCORE_COLUMNS`.

    Args:
        engine: From `open_database`.
        stream: Open for writing; for CSV opened with ``newline=""``.
        format: ``csv`` or ``jsonl``.
        campaign_id: Only of this campaign, unless None.

    Returns:
        How many were written.

    Raises:
        InvalidRecordError: If there is no such format.
        StorageError: If the database fails; what was written until then stays in the stream.
    """
    if format not in FORMATS:
        raise InvalidRecordError(f"scores can be exported as {' or '.join(FORMATS)}; got {format!r}")
    query = (
        select(scores.c.item_id, scores.c.metric, scores.c.score, scores.c.model, scores.c.model_sha256)
        .join(items, items.c.id == scores.c.item_id)
        .where(_are_captions())
        .order_by(items.c.created_at, items.c.id, scores.c.metric, scores.c.model_sha256)
    )
    if campaign_id is not None:
        query = query.where(items.c.campaign_id == campaign_id)
    number = 0
    writer = csv.writer(stream)
    if format == "csv":
        writer.writerow(SCORE_COLUMNS)
    with (
        reading(engine) as connection,
        connection.execute(query.execution_options(yield_per=_AT_ONCE)) as found,
    ):
        for row in found:
            cells = (*row, None)
            if format == "csv":
                writer.writerow([guarded(cell) for cell in cells])
            else:
                stream.write(_json(dict(zip(SCORE_COLUMNS, cells, strict=True))) + "\n")
            number += 1
    return number


def _are_captions() -> Any:
    return (items.c.kind == "caption") & items.c.deleted_at.is_(None)


def _references(
    connection: Connection, image_ids: set[str], sources: Sequence[str]
) -> Mapping[tuple[str, str], list[str]]:
    """Read the captions of some images that are from certain sources, by campaign and image."""
    found: dict[tuple[str, str], list[str]] = {}
    if not sources:
        return found
    query = (
        select(items.c.campaign_id, items.c.image_id, items.c.caption)
        .where(_are_captions(), items.c.image_id.in_(image_ids), items.c.source.in_(sources))
        .order_by(items.c.created_at, items.c.id)
    )
    for campaign_id, image_id, caption in connection.execute(query).all():
        texts = found.setdefault((campaign_id, image_id), [])
        if caption not in texts:
            texts.append(caption)
    return found


def _image_file(folder: Path, image_id: str) -> Path | None:
    """Return the file of an image: the one that is shown, or until there is one the original."""
    for file in (
        folder / f"{image_id}.png",
        folder / f"{image_id}.jpg",
        folder / ORIGINALS / image_id,
    ):
        if file.is_file():
            return file
    return None
