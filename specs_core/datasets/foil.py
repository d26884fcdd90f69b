"""FOIL and nocaps-FOIL: true captions, and the same with one noun exchanged."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

from specs_core.datasets.hallucinations import (
    LabelledCaption,
    LabelledCaptions,
    LeftOut,
    check_rows,
    find_phrase,
    read_json,
    read_rows,
    references_of,
    text_of,
)
from specs_core.datasets.pairs import Span
from specs_core.errors import DataError

NOT_FOUND = "false words not in the caption"
UNCHANGED = "the exchange changes nothing"


def read_foil(path: Path, images: Path, *, references: Path | None = None) -> LabelledCaptions:
    """Read FOIL-COCO.

    The file has `images` (each with `id` and `file_name`) and `annotations` (each with `id`, `image_id`,
    `caption`, `foil`, `foil_word`, `target_word`). A true caption and its foil share their `id`, the one that
    the true caption has in COCO.

    Args:
        path: Such as foilv1.0_test_2017.json.
        images: Folder of COCO's 2014 images.
        references: COCO's captions (captions_val2014.json), for RefCLIPScore; a caption's own is left out.

    Returns:
        Captions in the file's order, and the foils whose false word is not in them.

    Raises:
        DataError: A file cannot be read or is not what it should be.

    Source: Shekhar et al. 2017, FOIL it!
    """
    value = read_json(path)
    pictures, rows = (_list_of(value, key, path, "FOIL has") for key in ("images", "annotations"))
    check_rows(pictures, path, needs=("id", "file_name"), of="image")
    check_rows(rows, path, needs=("id", "image_id", "caption", "foil", "foil_word"))
    names = {picture["id"]: picture["file_name"] for picture in pictures}
    others = _references(references)
    truths = {row["id"]: row["caption"].strip() for row in rows if not row["foil"]}
    captions, left_out = [], []
    for number, row in enumerate(rows):
        if row["image_id"] not in names:
            raise DataError(f"{path}, row {number}: there is no image {row['image_id']}.")
        name, caption = names[row["image_id"]], text_of(row, "caption", path, number).strip()
        spans: tuple[Span, ...] = ()
        if row["foil"]:
            found = _changed(find_phrase(caption, row["foil_word"]), caption, truths.get(row["id"]))
            if not found:
                detail = f"{row['foil_word']!r} is not in {caption!r}"
                left_out.append(LeftOut(f"{row['id']}-foil", name, NOT_FOUND, detail))
                continue
            spans = tuple(found)
        captions.append(
            LabelledCaption(
                id=f"{row['id']}-foil" if row["foil"] else str(row["id"]),
                image=images / name,
                caption=caption,
                false_spans=spans,
                references=tuple(
                    text for other, text in others.get(row["image_id"], ()) if other != row["id"]
                ),
            )
        )
    return LabelledCaptions(tuple(captions), tuple(left_out))


def read_nocaps_foil(path: Path, images: Path) -> LabelledCaptions:
    """Read nocaps-FOIL.

    The file is a list of objects with `image_path`, `references`, `baseline` (the true caption), `foil`,
    `replacement` (what stood there, what stands there now) and `domain`. Every row is two captions.

    Args:
        path: Such as nocaps-val-foil.json.
        images: Folder of the images.

    Returns:
        Captions in the file's order, and the foils whose false words are not in them or are the true ones.

    Raises:
        DataError: The file cannot be read or is not what it should be.

    Source: Petryk et al. 2024, ALOHa.
    """
    rows = read_rows(path, needs=("image_path", "baseline", "foil", "replacement", "domain"))
    captions, left_out = [], []
    for number, row in enumerate(rows):
        name = text_of(row, "image_path", path, number)
        truth, false = (text_of(row, key, path, number).strip() for key in ("baseline", "foil"))
        old, new = _replacement(row["replacement"], path, number)
        true = LabelledCaption(
            id=str(number),
            image=images / name,
            caption=truth,
            group=str(row["domain"]),
            references=references_of(row, path, number),
        )
        captions.append(true)
        foil = f"{number}-foil"
        if old == new or truth == false:
            left_out.append(LeftOut(foil, name, UNCHANGED, f"{old!r} for {new!r} in {truth!r}"))
            continue
        found = _changed(find_phrase(false, new), false, truth)
        if not found:
            left_out.append(LeftOut(foil, name, NOT_FOUND, f"{new!r} is not in {false!r}"))
            continue
        captions.append(replace(true, id=foil, caption=false, false_spans=tuple(found)))
    return LabelledCaptions(tuple(captions), tuple(left_out))


def _replacement(value: Any, path: Path, number: int) -> tuple[str, str]:
    if not isinstance(value, list) or len(value) != 2 or not all(isinstance(word, str) for word in value):
        raise DataError(f"{path}, row {number}: replacement is {value!r}; it has to be two texts.")
    return value[0].strip(), value[1].strip()


def _changed(found: list[Span], false: str, truth: str | None) -> list[Span]:
    """Return, of the places where the false words stand, the one that was exchanged; all, if none is."""
    if truth is None:
        return found
    exact = [(i, j) for i, j in found if truth.startswith(false[:i]) and truth.endswith(false[j:])]
    return exact or found


def _list_of(value: Any, key: str, path: Path, who: str) -> list[Any]:
    rows = value.get(key) if isinstance(value, dict) else None
    if not isinstance(rows, list):
        raise DataError(f"{path} has no list {key}, as {who}.")
    return rows


def _references(path: Path | None) -> dict[Any, list[tuple[Any, str]]]:
    found: dict[Any, list[tuple[Any, str]]] = defaultdict(list)
    if path is None:
        return found
    value = read_json(path)
    rows = _list_of(value, "annotations", path, "COCO's captions have")
    check_rows(rows, path, needs=("id", "image_id", "caption"))
    for row in rows:
        found[row["image_id"]].append((row["id"], str(row["caption"]).strip()))
    return found
