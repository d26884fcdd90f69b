"""HAT: machine and human captions of COCO images whose hallucinated words people have marked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from specs_core.datasets.hallucinations import (
    LabelledCaption,
    LabelledCaptions,
    LeftOut,
    read_rows,
    references_of,
    spans_of_tokens,
    text_of,
)
from specs_core.errors import DataError

NOT_FOUND = "grounding does not follow the caption"


def read_hat(path: Path, images: Path) -> LabelledCaptions:
    """Read HAT.

    The file is a list of objects with `image_path`, `caption`, `references` and `grounding`, a list of [word,
    is hallucinated]; optionally `sample_id`, and `task_metadata` with `is_machine_generated`, which is the
    group.

    Args:
        path: Such as hat-trainval.json.
        images: Folder of COCO's 2014 images.

    Returns:
        Captions in the file's order, and those whose grounding is not made of their words.

    Raises:
        DataError: The file cannot be read or is not what it should be.

    Source: Petryk et al. 2024, ALOHa.
    """
    captions, left_out = [], []
    for number, row in enumerate(read_rows(path, needs=("image_path", "caption", "grounding"))):
        name, caption = (text_of(row, key, path, number) for key in ("image_path", "caption"))
        identity = str(row.get("sample_id", number))
        marks = _grounding(row["grounding"], path, number)
        spans = spans_of_tokens(caption, [word for word, _ in marks])
        if spans is None:
            detail = f"{' '.join(word for word, _ in marks)!r} for {caption!r}"
            left_out.append(LeftOut(identity, name, NOT_FOUND, detail))
            continue
        captions.append(
            LabelledCaption(
                id=identity,
                image=images / name,
                caption=caption,
                false_spans=tuple(span for span, (_, false) in zip(spans, marks, strict=True) if false),
                group=_group(row.get("task_metadata")),
                references=references_of(row, path, number),
            )
        )
    return LabelledCaptions(tuple(captions), tuple(left_out))


def _grounding(value: Any, path: Path, number: int) -> list[tuple[str, bool]]:
    marks = []
    for pair in value if isinstance(value, list) else [value]:
        whole = isinstance(pair, list) and len(pair) == 2
        if not whole or not isinstance(pair[0], str) or not isinstance(pair[1], (bool, int)):
            raise DataError(
                f"{path}, row {number}: grounding has {pair!r}; it has to be a list of [word, true or false]."
            )
        if word := pair[0].strip():  # a blank token has no place of its own
            marks.append((word, bool(pair[1])))
    return marks


def _group(metadata: Any) -> str:
    machine = metadata.get("is_machine_generated") if isinstance(metadata, dict) else None
    return "" if machine is None else "machine" if machine else "human"
