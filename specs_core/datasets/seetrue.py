"""SeeTRUE-Feedback: captions that do not fit their image, with the words that do not."""

from __future__ import annotations

import csv
from pathlib import Path

from specs_core.datasets.hallucinations import (
    LabelledCaption,
    LabelledCaptions,
    LeftOut,
    check_rows,
    find_phrase,
    find_words_in_order,
    text_of,
)
from specs_core.errors import DataError

NOT_FOUND = "false words not in the caption"
# The feedback columns hold lists of boxes.
_LONGEST_FIELD = 2**24


def read_seetrue(path: Path, images: Path) -> LabelledCaptions:
    """Read SeeTRUE-Feedback.

    The file has columns `image_caption`, `image_name`, `caption_misalignment` (words of the caption) and
    `dataset_source`, which is the group; others are left alone. Every caption is false somewhere, unless
    `caption_misalignment` is empty.

    Args:
        path: SeeTRUE_Feedback.csv, as the authors' repository has it.
        images: Folder of the images.

    Returns:
        Captions in the file's order, and those whose misaligned words are not in them: some are the
        annotation's own words.

    Raises:
        DataError: The file cannot be read or is not what it should be.

    Source: Gordon et al. 2024, Mismatch Quest.
    """
    csv.field_size_limit(_LONGEST_FIELD)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is no table of comma-separated values: {error}.") from error
    needs = ("image_caption", "image_name", "caption_misalignment", "dataset_source")
    check_rows(rows, path, needs=needs)
    captions, left_out = [], []
    for number, row in enumerate(rows):
        caption, name = (text_of(row, key, path, number).strip() for key in ("image_caption", "image_name"))
        words = row["caption_misalignment"].strip()
        places = find_phrase(caption, words)
        spans = tuple(places[:1]) or (find_words_in_order(caption, words) if words else ())
        if spans is None:
            left_out.append(LeftOut(str(number), name, NOT_FOUND, f"{words!r} is not in {caption!r}"))
            continue
        captions.append(
            LabelledCaption(
                id=str(number),
                image=images / name,
                caption=caption,
                false_spans=spans,
                group=row["dataset_source"].strip(),
            )
        )
    return LabelledCaptions(tuple(captions), tuple(left_out))
