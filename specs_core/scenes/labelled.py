"""Drawn scenes as captions whose false words are known."""

from __future__ import annotations

from pathlib import Path

from specs_core.datasets.hallucinations import LabelledCaption, LabelledCaptions
from specs_core.scenes.dataset import read_scenes


def read_labelled_scenes(path: Path) -> LabelledCaptions:
    """Read a `scenes.jsonl`; every scene is a true caption and a false one, grouped by the false fact.

    Raises:
        DataError: The file cannot be read, or a line is not a scene.
    """
    captions = []
    for record in read_scenes(path):
        image = path.parent / record.image
        true = LabelledCaption(record.id, image, record.caption, group=record.false_fact)
        false = LabelledCaption(
            f"{record.id}-false", image, record.false_caption, (record.false_span,), group=record.false_fact
        )
        captions += [true, false]
    return LabelledCaptions(tuple(captions), ())
