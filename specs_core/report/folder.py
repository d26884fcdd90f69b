"""Reports of a data set: JSON Lines of image and caption in; out a page and JSON a row, and an index."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from specs_core.batch import Message, Row, read_rows, tell_beyond
from specs_core.curve import DEFAULT_SEGMENTER, curve_of_units
from specs_core.errors import DataError, ImageError
from specs_core.evidence import evidence_record
from specs_core.images import LoadedImage, load_image
from specs_core.report import index
from specs_core.report.page import json_text, page_of, report_record
from specs_core.report.picture import THUMBNAIL_SIDE, picture, pixels_sha256

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from specs_core.encoder import Encoder

PAGES = "pages"
_LONGEST_NAME = 60


@dataclass(frozen=True)
class FolderReport:
    """How a run went: rows reported anew, rows whose report was there and is kept, rows left out."""

    written: int
    kept: int
    left_out: int


def write_reports(
    source: Path,
    target: Path,
    encoder: Encoder,
    *,
    segmenter: str = DEFAULT_SEGMENTER,
    threshold: float = 0.0,
    notes: Sequence[str] = (),
    force: bool = False,
    on_message: Callable[[Message], None] | None = None,
    on_row: Callable[[], None] | None = None,
) -> FolderReport:
    """Write a page and a JSON file for every row into `pages`, then index.html and index.json.

    A row whose report is there, made of the same image, caption and settings, is kept, so a run that was
    stopped goes on where it was. Other files in the folder stay as they are.

    Args:
        source: JSON Lines with `id`, `image` and `caption`.
        target: The folder; made where there is none.
        encoder: A loaded model.
        segmenter: One of `specs_core.segmentation.SEGMENTERS`.
        threshold: Dip threshold, a cosine difference of 0 or more.
        notes: Sentences for every page, such as on the model.
        force: Whether reports that are there are made anew.
        on_message: Told of every row that is left out or not scored whole.
        on_row: Called after each row.

    Returns:
        The numbers of rows.

    Raises:
        DataError: The input cannot be read, the folder cannot be written, or it holds somebody else's
            index.html.
        ConfigError: No such segmenter.

    Source: ours: docs/report.md.
    """
    entries = list(read_rows(source))  # before the folder is made, so that a missing input leaves nothing
    _check_folder(target)
    writer = _Writer(target / PAGES, encoder, segmenter, threshold, tuple(notes), force, on_message)
    rows: list[dict[str, Any]] = []
    thumbnails: list[str] = []
    left_out: list[dict[str, Any]] = []
    names = _Names()
    try:
        (target / PAGES).mkdir(parents=True, exist_ok=True)
        for entry in entries:
            problem = entry if isinstance(entry, Message) else None
            if isinstance(entry, Row):
                try:
                    report, thumbnail, name = writer.write(entry, names.name(entry.id))
                except ImageError as error:
                    problem = Message(entry.number, entry.id, str(error))
                else:
                    page, data = f"{PAGES}/{name}.html", f"{PAGES}/{name}.json"
                    rows.append(index.summary(report, name=entry.id, page=page, data=data))
                    thumbnails.append(thumbnail)
            if problem is not None:
                left_out.append({"line": problem.number, "id": problem.id, "reason": problem.text})
                if on_message is not None:
                    on_message(problem)
            if on_row is not None:
                on_row()
        order = index.by_depth(rows)
        record = {
            "kind": index.KIND,
            "source": source.name,
            "made_at": _now().isoformat(timespec="seconds"),
            "provenance": writer.provenance(),
            "rows": [rows[place] for place in order],
            "left_out": left_out,
        }
        _write(target / "index.json", json_text(record))
        page = index.index_page(record, [thumbnails[place] for place in order])
        _write(target / "index.html", page)
    except OSError as error:
        raise DataError(f"{target} cannot be written: {error.strerror or error}") from error
    return FolderReport(written=writer.written, kept=writer.kept, left_out=len(left_out))


class _Writer:
    """Writes the files of one row, or finds them there."""

    def __init__(
        self,
        folder: Path,
        encoder: Encoder,
        segmenter: str,
        threshold: float,
        notes: tuple[str, ...],
        force: bool,
        on_message: Callable[[Message], None] | None,
    ) -> None:
        from specs_core.segmentation import segmenter_version

        self.written = self.kept = 0
        self._folder = folder
        self._encoder = encoder
        self._segmenter = segmenter
        self._version = segmenter_version(segmenter)
        self._threshold = threshold
        self._notes = notes
        self._force = force
        self._on_message = on_message
        self._last: tuple[Path, LoadedImage, npt.NDArray[np.float32]] | None = None

    def provenance(self) -> dict[str, Any]:
        """Return what every row of the run has in common."""
        return {
            **self._encoder.provenance(),
            "segmenter": self._segmenter,
            "segmenter_version": self._version,
            "dip_threshold": self._threshold,
        }

    def write(self, row: Row, name: str) -> tuple[dict[str, Any], str, str]:
        """Write or keep a row's files; return its report, its thumbnail and its name."""
        image, features = self._image(row.image)
        thumbnail = picture(image.image, longest=THUMBNAIL_SIDE).uri
        found = None if self._force else self._report_there(row, name, image.image)
        if found is not None:
            self.kept += 1
            return found, thumbnail, name
        from specs_core.segmentation import segment

        units = segment(row.caption, segmenter=self._segmenter)
        vector = self._encoder.image_features([image.image])[0] if features is None else features
        self._last = (row.image, image, vector)
        curve = curve_of_units(
            self._encoder, vector, units, segmenter=self._segmenter, segmenter_version=self._version
        )
        tell_beyond(row, curve, self._on_message)
        report = report_record(
            evidence_record(self._encoder, vector, curve, threshold=self._threshold),
            image.image,
            made_at=_now(),
            title=str(row.id),
            file_name=row.image.name,
            notes=(*image.notes, *self._notes),
        )
        # The page first: a row counts as done once its JSON file is there.
        _write(self._folder / f"{name}.html", page_of(report, image.image, index="../index.html"))
        _write(self._folder / f"{name}.json", json_text(report))
        self.written += 1
        return report, thumbnail, name

    def _image(self, path: Path) -> tuple[LoadedImage, npt.NDArray[np.float32] | None]:
        """Return an image, with its features where the row before had the same one."""
        if self._last is not None and self._last[0] == path:
            return self._last[1], self._last[2]
        return load_image(path), None

    def _report_there(self, row: Row, name: str, image: Image.Image) -> dict[str, Any] | None:
        """Return the report that a row's files hold, if it was made of the same and is whole."""
        try:
            if not (self._folder / f"{name}.html").is_file():
                return None
            report = json.loads((self._folder / f"{name}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        try:
            same = (
                report["report"]["title"] == str(row.id)
                and report["caption"] == row.caption
                and report["image"]["file_name"] == row.image.name
                and self.provenance().items() <= report["provenance"].items()
                and report["image"]["pixels_sha256"] == pixels_sha256(image)
            )
        except (KeyError, TypeError, AttributeError):
            return None
        return dict(report) if same else None


class _Names:
    """File names made of ids: safe on any system, and no two alike even where capitals do not count."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def name(self, identifier: str | int) -> str:
        """Return the name, without a suffix, of the next row."""
        plain = re.sub(r"[^A-Za-z0-9._-]+", "_", str(identifier)).lstrip("._-")[:_LONGEST_NAME].rstrip(".")
        plain = plain or "row"
        name, number = plain, 1
        while name.lower() in self._taken:
            number += 1
            name = f"{plain}-{number}"
        self._taken.add(name.lower())
        return name


def _check_folder(target: Path) -> None:
    """Refuse a folder whose index.html is not one of ours, such as that of a web site."""
    if target.exists() and not target.is_dir():
        raise DataError(f"{target} is a file; name a folder for the reports.")
    if not (target / "index.html").exists():
        return
    kind = None
    with contextlib.suppress(OSError, ValueError, AttributeError):
        kind = json.loads((target / "index.json").read_text(encoding="utf-8")).get("kind")
    if kind != index.KIND:
        raise DataError(f"{target} holds an index.html of something else; choose another folder.")


def _write(path: Path, text: str) -> None:
    """Write a file that is there whole or not at all."""
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)


def _now() -> datetime:
    return datetime.now(UTC)
