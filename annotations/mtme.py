"""Ratings in the folder format of mt-metrics-eval: an image is a segment, a source of captions is a system.

The layout is that of google-research/mt-metrics-eval, README, "File organization and naming convention".
docs/ratings.md says what it cannot hold.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, func, select

from annotations.campaigns import find_campaign
from annotations.engine import reading
from annotations.errors import InvalidRecordError
from annotations.schema import answers, current_ratings, images, items, questions, scores

LANGUAGES: Final = "image-text"
"""Stands where the format has the two languages of a translation."""

_Cells = Mapping[tuple[str, str], float]


@dataclass(frozen=True)
class MtmeSummary:
    """What was written.

    Attributes:
        segments: Images.
        systems: Sources of captions.
        left_out: Captions beyond the first of one source for one image, which the format has no place for.
        incomplete_metrics: Metrics that lack the score of a caption: the format wants all of them or none.
    """

    segments: int
    systems: int
    left_out: int
    incomplete_metrics: tuple[str, ...]


def export_mtme(engine: Engine, folder: Path, campaign_id: str) -> MtmeSummary:
    """Write one campaign's regular captions, mean answers and metric scores.

    Args:
        engine: From `open_database`.
        folder: Of the test set; made, and must be empty.
        campaign_id: Of the campaign.

    Returns:
        What was written.

    Raises:
        InvalidRecordError: If the folder holds something, or the campaign has no caption.
        UnknownRecordError: If there is no such campaign.
        StorageError: If the database fails.
        OSError: If the folder cannot be written.
    """
    if folder.exists() and any(folder.iterdir()):
        raise InvalidRecordError(f"the folder {str(folder)!r} is not empty; name a new one")
    with reading(engine) as connection:
        name = find_campaign(connection, campaign_id).name
        captions, shown, left_out = _captions(connection, campaign_id)
        if not captions:
            raise InvalidRecordError(f"campaign {name!r} has no captions to export")
        human = _human(connection, campaign_id, captions)
        metrics = _metrics(connection, campaign_id, captions)
    systems = _names(source for _, source in captions)
    segments = list(shown)
    _texts(folder, captions, systems, shown)
    incomplete = []
    for question, cells in human.items():
        _score_files(folder / "human-scores" / f"{LANGUAGES}.{question}", cells, systems, segments)
    for metric, cells in metrics.items():
        if all((segment, source) in cells for segment in segments for source in systems):
            _score_files(folder / "metric-scores" / LANGUAGES / f"{metric}-src", cells, systems, segments)
        else:
            incomplete.append(metric)
    return MtmeSummary(len(segments), len(systems), left_out, tuple(incomplete))


@dataclass(frozen=True)
class _Caption:
    item_id: str
    text: str


def _captions(
    connection: Connection, campaign_id: str
) -> tuple[dict[tuple[str, str], _Caption], dict[str, str], int]:
    """Return captions by image and source, the images' file names in order, and how many found no place."""
    query = (
        select(items.c.id, items.c.image_id, items.c.caption, items.c.source, images.c.filename)
        .join(images, images.c.id == items.c.image_id)
        .where(
            items.c.campaign_id == campaign_id,
            items.c.kind == "caption",
            items.c.role == "regular",
            items.c.deleted_at.is_(None),
        )
        .order_by(items.c.created_at, items.c.id)
    )
    captions: dict[tuple[str, str], _Caption] = {}
    shown: dict[str, str] = {}
    left_out = 0
    for row in connection.execute(query):
        shown.setdefault(row.image_id, row.filename)
        if (row.image_id, row.source) in captions:
            left_out += 1
        else:
            captions[row.image_id, row.source] = _Caption(row.id, row.caption)
    return captions, shown, left_out


def _human(
    connection: Connection, campaign_id: str, captions: Mapping[tuple[str, str], _Caption]
) -> dict[str, _Cells]:
    """Return the mean answer to each question, by image and source."""
    query = (
        select(current_ratings.c.item_id, answers.c.question, func.avg(answers.c.value))
        .join(answers, answers.c.revision_id == current_ratings.c.id)
        .join(items, items.c.id == current_ratings.c.item_id)
        .where(items.c.campaign_id == campaign_id, items.c.kind == "caption")
        .group_by(current_ratings.c.item_id, answers.c.question)
    )
    asked = select(questions.c.name).where(questions.c.campaign_id == campaign_id)
    cells: dict[str, dict[tuple[str, str], float]] = {
        name: {} for name in connection.scalars(asked.order_by(questions.c.position))
    }
    where = {caption.item_id: key for key, caption in captions.items()}
    for item_id, question, mean in connection.execute(query):
        if item_id in where:
            cells.setdefault(question, {})[where[item_id]] = float(mean)
    return dict(cells)


def _metrics(
    connection: Connection, campaign_id: str, captions: Mapping[tuple[str, str], _Caption]
) -> dict[str, _Cells]:
    query = (
        select(scores.c.item_id, scores.c.metric, scores.c.model, scores.c.model_sha256, scores.c.score)
        .join(items, items.c.id == scores.c.item_id)
        .where(items.c.campaign_id == campaign_id)
    )
    where = {caption.item_id: key for key, caption in captions.items()}
    cells: dict[tuple[str, str, str], dict[tuple[str, str], float]] = defaultdict(dict)
    for item_id, metric, model, digest, score in connection.execute(query):
        if item_id in where:
            cells[metric, model, digest][where[item_id]] = score
    return {
        # One name may stand for several weights; the checksum tells them apart.
        f"{_plain(metric)}_{_plain(model)}_{_plain(digest)[:8]}": found
        for (metric, model, digest), found in sorted(cells.items())
    }


def _texts(
    folder: Path,
    captions: Mapping[tuple[str, str], _Caption],
    systems: Mapping[str, str],
    shown: Mapping[str, str],
) -> None:
    _lines(folder / "sources" / f"{LANGUAGES}.txt", [_one_line(name) for name in shown.values()])
    _lines(folder / "documents" / f"{LANGUAGES}.docs", [f"all {image_id}" for image_id in shown])
    # There is no reference, and readers of the format want one: a file of empty lines.
    _lines(folder / "references" / f"{LANGUAGES}.none.txt", ["" for _ in shown])
    for source, name in systems.items():
        found = [captions.get((image_id, source)) for image_id in shown]
        texts = ["" if caption is None else _one_line(caption.text) for caption in found]
        _lines(folder / "system-outputs" / LANGUAGES / f"{name}.txt", texts)


def _score_files(stem: Path, cells: _Cells, systems: Mapping[str, str], segments: Sequence[str]) -> None:
    by_segment, by_system = [], []
    for source, name in systems.items():
        found = [cells.get((segment, source)) for segment in segments]
        by_segment += [f"{name}\t{score}" for score in found]
        given = [score for score in found if score is not None]
        by_system.append(f"{name}\t{sum(given) / len(given) if given else None}")
    _lines(stem.with_name(stem.name + ".seg.score"), by_segment)
    _lines(stem.with_name(stem.name + ".sys.score"), by_system)


def _names(sources: Iterable[str]) -> dict[str, str]:
    """Name each source as a file can be named and a line can hold, each otherwise than the others."""
    return {source: _plain(source or "unknown") for source in sorted(set(sources))}


def _plain(text: str) -> str:
    """Return a name of letters, digits and underscores; one that had to be changed ends in its checksum."""
    plain = re.sub(r"[^A-Za-z0-9_]", "_", text)[:60]
    if plain == text:
        return plain
    return f"{plain}_{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _lines(path: Path, lines: Sequence[Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        stream.writelines(f"{line}\n" for line in lines)
