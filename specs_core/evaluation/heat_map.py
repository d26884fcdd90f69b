"""Whether a unit's heat map points at the object that the unit is about."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from specs_core.datasets.facts import Fact, ToldFact
from specs_core.datasets.pairs import read_pairs
from specs_core.encoder import Encoder
from specs_core.errors import DataError
from specs_core.heat_map import HeatMap, ImageEvidence, gradient_times_input
from specs_core.images import read_image
from specs_core.scenes.dataset import SceneRecord, read_scenes
from specs_core.segmentation import segment_many

Box = tuple[float, float, float, float]
Point = tuple[float, float]

MAP, INPUT, OTHER = "heat map", "gradient times input", "another unit's map"
POINT, CENTRE, OBJECT = "a point by chance", "the middle", "an object by chance"


@dataclass(frozen=True)
class PlacedScene:
    """A scene whose objects' places are known.

    Attributes:
        record: Its captions.
        told: The facts that its true caption tells, with their words.
        boxes: Kind -> (left, upper, right, lower) in pixels of the image.
    """

    record: SceneRecord
    told: tuple[ToldFact, ...]
    boxes: dict[str, Box]


@dataclass(frozen=True)
class Pointing:
    """How often maps point into the box of the object that a unit is about.

    Attributes:
        scenes: Scenes looked at.
        units: True units that are about one object, with a delta.
        true: What points -> share of these units in which it points into the box; a map at its largest value.
        false_units: Units with one false fact about one object, with a delta.
        false: The same for these, a map at its smallest value: what speaks against them.
        false_by_fact: Type of false fact -> share for the heat map, and units.
    """

    scenes: int
    units: int
    true: dict[str, float]
    false_units: int
    false: dict[str, float]
    false_by_fact: dict[str, tuple[float, int]]


def read_placed_scenes(path: Path) -> list[PlacedScene]:
    """Read a `scenes.jsonl` with the places of its objects.

    Raises:
        DataError: The file cannot be read, a line is not a scene, or has no boxes.
    """
    records, pairs = read_scenes(path), read_pairs(path)
    scenes = []
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, (record, pair, line) in enumerate(zip(records, pairs, lines, strict=True), start=1):
        try:
            boxes = {
                str(kind): (float(left), float(upper), float(right), float(lower))
                for kind, (left, upper, right, lower) in json.loads(line)["boxes"].items()
            }
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(
                f"{path}, line {number}: no boxes that say where the objects are; draw the scenes anew with "
                "`specs scenes`."
            ) from error
        scenes.append(PlacedScene(record, pair.told, boxes))
    return scenes


def evaluate_heat_maps(
    encoder: Encoder,
    scenes: Sequence[PlacedScene],
    folder: Path,
    *,
    segmenter: str = "dependency",
    on_item: Callable[[int], None] | None = None,
) -> Pointing:
    """Play the pointing game: does a map's peak lie in the box of the object that its unit is about?

    A unit is about one object where all the facts that it tells are about that one. Against a unit of the
    false caption, the box is that of the object which the fact was about before it was made false.

    Args:
        encoder: The model.
        scenes: From `read_placed_scenes`.
        folder: What the scenes' image paths are relative to.
        segmenter: Which segmenter cuts the captions.
        on_item: Called with the number of scenes done.

    Raises:
        DataError: There are no scenes, or no unit of theirs is about one object.
        HeatMapError: The model's vision tower has no heat map.
        ImageError: An image is missing or unreadable.

    Source: Zhang et al. 2018, Top-down Neural Attention by Excitation Backprop, section 4.1 (the pointing
        game); ours: docs/metrics.md, "Heat map".
    """
    if not scenes:
        raise DataError("There are no scenes to evaluate; draw some with `specs scenes`.")
    cuts = segment_many([scene.record.caption for scene in scenes], segmenter=segmenter)
    false_cuts = segment_many([scene.record.false_caption for scene in scenes], segmenter=segmenter)
    true: list[dict[str, float]] = []
    false: list[dict[str, float]] = []
    facts = []
    for done, (scene, units, false_units) in enumerate(zip(scenes, cuts, false_cuts, strict=True), start=1):
        image = read_image(folder / scene.record.image)
        evidence = ImageEvidence(encoder, image)
        features = encoder.prefix_features(units).features
        found: list[tuple[str, HeatMap, HeatMap]] = []
        for u in range(1, len(units)):
            kind = object_of(_told_in(scene.told, units[u].start, units[u].end))
            if kind is not None and np.isfinite(features[u]).all():
                before, after = features[u - 1], features[u]
                plain = gradient_times_input(encoder, image, before, after)
                found.append((kind, evidence.heat_map(before, after), plain))
        for kind, heat, plain in found:
            others = [other for about, other, _ in found if about != kind]
            true.append(_points(heat, plain, others, scene.boxes, kind, image.size, sign=1))
        wrong = _false_fact(scene)
        features = encoder.prefix_features(false_units).features
        for u in range(1, len(false_units)):
            start, end = scene.record.false_span
            overlap = false_units[u].start < end and start < false_units[u].end
            if wrong is not None and overlap and np.isfinite(features[u]).all():
                before, after = features[u - 1], features[u]
                heat = evidence.heat_map(before, after)
                plain = gradient_times_input(encoder, image, before, after)
                false.append(_points(heat, plain, [], scene.boxes, wrong, image.size, sign=-1))
                facts.append(scene.record.false_fact)
                break  # the first unit that the false words reach into
        if on_item is not None:
            on_item(done)
    if not true:
        raise DataError("No unit is about one object; draw scenes with `specs scenes`.")
    hits = [row[MAP] for row in false]
    return Pointing(
        scenes=len(scenes),
        units=len(true),
        true=_means(true),
        false_units=len(false),
        false=_means(false),
        false_by_fact={
            fact: (float(np.mean(chosen)), len(chosen))
            for fact in sorted(set(facts))
            if (chosen := [hit for hit, other in zip(hits, facts, strict=True) if other == fact])
        },
    )


def object_of(facts: Iterable[Fact]) -> str | None:
    """Return the one object that all the facts are about; None where there are several or none."""
    names = {
        name for fact in facts for name in (fact.of or ((fact.value,) if fact.type == "kind" else ("",)))
    }
    return next(iter(names)) or None if len(names) == 1 else None


def peak(values: npt.NDArray[np.float32], region: Box) -> Point:
    """Return the middle of a map's largest cell, in pixels of the image."""
    height, width = values.shape
    row, column = divmod(int(values.argmax()), width)
    left, top, right, bottom = region
    return left + (right - left) * (column + 0.5) / width, top + (bottom - top) * (row + 0.5) / height


def _told_in(told: Iterable[ToldFact], start: int, end: int) -> Iterator[Fact]:
    return (each.fact for each in told if each.start < end and start < each.end)


def _false_fact(scene: PlacedScene) -> str | None:
    """Return the object that the false fact was about; None for a background or a relation."""
    # Up to the false words the two captions are alike, but for "a" and "an" before a false kind.
    start = scene.record.false_span[0]
    same = [
        each.fact
        for each in scene.told
        if each.fact.type == scene.record.false_fact and abs(each.start - start) <= 1
    ]
    return object_of(same)


def _points(
    heat: HeatMap,
    plain: HeatMap,
    others: Sequence[HeatMap],
    boxes: dict[str, Box],
    kind: str,
    size: tuple[int, int],
    *,
    sign: int,
) -> dict[str, float]:
    """Return for everything that points whether it points into the object's box, or how likely that is."""
    box = boxes[kind]

    def hit(values: npt.NDArray[np.float32]) -> float:
        return float(_inside(peak(sign * values, heat.region), box))

    rows = {MAP: hit(heat.values), **{name: hit(part) for name, part in heat.parts.items()}}
    rows[INPUT] = hit(plain.values)
    if sign > 0:
        rows[OTHER] = float(np.mean([hit(other.values) for other in others])) if others else float("nan")
    rows[OBJECT] = 1 / len(boxes)
    rows[CENTRE] = float(_inside((size[0] / 2, size[1] / 2), box))
    rows[POINT] = (box[2] - box[0]) * (box[3] - box[1]) / (size[0] * size[1])
    return rows


def _inside(point: Point, box: Box) -> bool:
    return box[0] <= point[0] < box[2] and box[1] <= point[1] < box[3]


def _means(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    columns = {name: np.array([row[name] for row in rows]) for name in (rows[0] if rows else ())}
    # Another unit's map exists only where the caption has a unit about another object.
    return {
        name: float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")
        for name, values in columns.items()
    }
