"""Drawn scenes on disk: images and `scenes.jsonl`."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from specs_core.errors import DataError
from specs_core.scenes.captions import (
    Caption,
    FalseCaption,
    false_facts,
    falsify_caption,
    named_fact,
    told_facts,
    write_caption,
)
from specs_core.scenes.drawing import draw_scene, object_boxes
from specs_core.scenes.world import Scene, sample_scene, scene_facts


@dataclass(frozen=True)
class SceneRecord:
    """One line of `scenes.jsonl`.

    Attributes:
        id: Unique in the file.
        image: Path of the image, relative to the file's folder.
        caption: A caption that the image bears out.
        false_caption: The same caption with one fact made false.
        false_span: [start, end) of the false words in `false_caption`, in characters.
        false_fact: The type of the false fact: kind, tint, size, place, background or relation.
    """

    id: str
    image: str
    caption: str
    false_caption: str
    false_span: tuple[int, int]
    false_fact: str


def make_scene(seed: int, index: int) -> tuple[Scene, str, FalseCaption]:
    """Return scene number `index` of a seed with its captions, which depend on these two numbers alone."""
    scene, caption, false = _make_scene(seed, index)
    return scene, caption.text, false


def _make_scene(seed: int, index: int) -> tuple[Scene, Caption, FalseCaption]:
    # Text, not a tuple: a tuple's hash is not a documented seed. Training seeds carry another prefix.
    rng = random.Random(f"scenes-{seed}-{index}")
    scene = sample_scene(rng)
    caption = write_caption(scene, rng)
    return scene, caption, falsify_caption(caption, scene, rng)


def _truth(scene: Scene, caption: Caption, seed: int, index: int, size: int) -> dict[str, Any]:
    """Return the keys of `specs_core.datasets.pairs` on what is true and false, and where things are."""
    # A stream of its own, so that the captions of a seed stay what they are.
    rng = random.Random(f"false-facts-{seed}-{index}")
    return {
        "false_facts": [
            {"span": [false.start, false.end], "text": false.text, "type": false.type}
            for false in false_facts(caption, scene, rng)
        ],
        "facts": [asdict(named_fact(fact)) for fact in sorted(scene_facts(scene))],
        "told": [{"span": [told.start, told.end], **asdict(told.fact)} for told in told_facts(caption)],
        "boxes": {kind: list(box) for kind, box in object_boxes(scene, size=size).items()},
    }


def write_scenes(
    out: Path, *, count: int, seed: int, size: int = 384, on_scene: Callable[[int], None] | None = None
) -> Path:
    """Draw `count` scenes into `out/images` and write `out/scenes.jsonl`.

    Every line also holds what `specs_core.datasets.pairs` reads (false_facts, facts and told), and boxes:
    where each object is drawn, as [left, upper, right, lower] in pixels by its kind.

    Args:
        out: Folder, made where missing.
        count: Number of scenes.
        seed: Scenes of different seeds are different; the first n scenes of a seed are always the same.
        size: Width and height of the images in pixels.
        on_scene: Called with the number of scenes done.

    Returns:
        The path of `scenes.jsonl`, which appears only when all of it is written.

    Raises:
        DataError: `out` already holds a `scenes.jsonl`, or cannot be made.
        ConfigError: The emoji font is missing or too old.
    """
    target = out / "scenes.jsonl"
    if target.exists():
        raise DataError(f"{target} exists already; choose another folder or delete it.")
    try:
        (out / "images").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"The folder {out} cannot be made: {error.strerror}.") from error
    partial = out / "scenes.jsonl.partial"
    digits = max(4, len(str(count - 1)))
    with partial.open("w", encoding="utf-8") as lines:
        for index in range(count):
            scene, caption, false = _make_scene(seed, index)
            name = f"{seed}-{index:0{digits}d}"
            draw_scene(scene, size=size).save(out / "images" / f"{name}.png")
            record = SceneRecord(
                id=name,
                image=f"images/{name}.png",
                caption=caption.text,
                false_caption=false.text,
                false_span=false.span,
                false_fact=false.fact_type,
            )
            row = asdict(record) | _truth(scene, caption, seed, index, size)
            lines.write(json.dumps(row, ensure_ascii=False) + "\n")
            if on_scene is not None:
                on_scene(index + 1)
    partial.replace(target)
    return target


def read_scenes(path: Path) -> list[SceneRecord]:
    """Read a `scenes.jsonl`.

    Raises:
        DataError: The file cannot be read, or a line is not a scene.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error
    records = []
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
            start, end = row["false_span"]
            record = SceneRecord(
                id=str(row.get("id", number)),
                image=row["image"],
                caption=row["caption"],
                false_caption=row["false_caption"],
                false_span=(int(start), int(end)),
                false_fact=str(row.get("false_fact", "unknown")),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{path}, line {number}: a scene needs image, caption, false_caption "
                "and false_span [start, end]."
            ) from error
        if not 0 <= record.false_span[0] < record.false_span[1] <= len(record.false_caption):
            raise DataError(
                f"{path}, line {number}: false_span {list(record.false_span)} lies outside a false_caption "
                f"of {len(record.false_caption)} characters."
            )
        records.append(record)
    return records
