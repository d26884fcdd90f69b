"""Whether a unit's heat map shows what moves its delta, and the object that the unit is about."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from specs_core.datasets.facts import Fact, ToldFact
from specs_core.datasets.pairs import read_pairs
from specs_core.encoder import Encoder
from specs_core.errors import DataError
from specs_core.heat_map import HeatMap, ImageEvidence, gradient_times_input
from specs_core.heat_overlay import smooth
from specs_core.images import read_image
from specs_core.scenes.dataset import SceneRecord, read_scenes
from specs_core.segmentation import segment_many

Box = tuple[float, float, float, float]
Array = npt.NDArray[np.float32]

MAP, INPUT, OTHER = "heat map", "gradient times input", "another unit's map"
POINT, CENTRE, OBJECT = "a point by chance", "the middle", "an object by chance"
DISC, ON_OBJECT = "a disc by chance", "a disc on the object"

#: Share of the square that is covered, and the blur of what covers it, as a share of the longer side.
COVERED = 0.03
BLUR = 0.15


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
    """What maps find, over U units that are about one object.

    Attributes:
        units: U.
        delta: Their mean delta.
        in_box: What points -> share of units in which it points into the box of the object, a map at its
            largest value (at its smallest, where units are false).
        covered: What is covered -> mean change of delta when the 3 % of the image with the largest
            (smallest) values are covered.
        by_fact: Type of false fact -> the heat map's `in_box`, and units.
    """

    units: int
    delta: float
    in_box: dict[str, float]
    covered: dict[str, float]
    by_fact: dict[str, tuple[float, int]]


@dataclass(frozen=True)
class HeatMapEvaluation:
    """Figures over N scenes.

    Attributes:
        scenes: N.
        true: Of the units of true captions, and what speaks for them.
        false: Of the units with one false fact, and what speaks against them.
    """

    scenes: int
    true: Pointing
    false: Pointing


@dataclass
class _Rows:
    """What was found for each unit."""

    deltas: list[float] = field(default_factory=list)
    in_box: list[dict[str, float]] = field(default_factory=list)
    covered: list[dict[str, float]] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)

    def figures(self) -> Pointing:
        hits = [row[MAP] for row in self.in_box]
        by_fact = {
            fact: [hit for hit, other in zip(hits, self.facts, strict=True) if other == fact]
            for fact in sorted(set(self.facts) - {""})
        }
        return Pointing(
            units=len(self.deltas),
            delta=float(np.mean(self.deltas)) if self.deltas else float("nan"),
            in_box=_means(self.in_box),
            covered=_means(self.covered),
            by_fact={fact: (float(np.mean(found)), len(found)) for fact, found in by_fact.items()},
        )


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
    seed: int = 0,
    on_item: Callable[[int], None] | None = None,
) -> HeatMapEvaluation:
    """Hold the maps of units about one object against where the object is, and against covering the image.

    A unit is about one object where all the facts that it tells are about that one; a false unit is about
    what it was about before its fact was made false.

    Args:
        encoder: The model.
        scenes: From `read_placed_scenes`.
        folder: What the scenes' image paths are relative to.
        segmenter: Which segmenter cuts the captions.
        seed: Of the discs that are covered by chance.
        on_item: Called with the number of scenes done.

    Raises:
        DataError: There are no scenes, or no unit of theirs is about one object.
        HeatMapError: The model's vision tower has no heat map.
        ImageError: An image is missing or unreadable.

    Source: Zhang et al. 2018, Top-down Neural Attention by Excitation Backprop, section 4.1 (the pointing
        game); Samek et al. 2017, Evaluating the Visualization (covering); ours: docs/metrics.md, "Heat map".
    """
    if not scenes:
        raise DataError("There are no scenes to evaluate; draw some with `specs scenes`.")
    rng = np.random.default_rng(seed)
    cuts = segment_many([scene.record.caption for scene in scenes], segmenter=segmenter)
    false_cuts = segment_many([scene.record.false_caption for scene in scenes], segmenter=segmenter)
    true, false = _Rows(), _Rows()
    for done, (scene, units, false_units) in enumerate(zip(scenes, cuts, false_cuts, strict=True), start=1):
        bench = _Bench(encoder, read_image(folder / scene.record.image), scene.boxes, rng)
        features = encoder.prefix_features(units).features
        about: list[tuple[str, Array, Array]] = []
        for u in range(1, len(units)):
            kind = object_of(_told_in(scene.told, units[u].start, units[u].end))
            if kind is not None and np.isfinite(features[u]).all():
                about.append((kind, features[u - 1], features[u]))
        maps = [bench.evidence.heat_map(before, after) for _, before, after in about]
        for (kind, before, after), heat in zip(about, maps, strict=True):
            bench.add(true, heat, kind, before, after)
            others = [other for (name, _, _), other in zip(about, maps, strict=True) if name != kind]
            hits = [bench.hit(other.values, kind) for other in others]
            true.in_box[-1][OTHER] = float(np.mean(hits)) if hits else float("nan")
        wrong, (start, end) = _false_about(scene), scene.record.false_span
        features = encoder.prefix_features(false_units).features
        for u in range(1, len(false_units)):
            overlap = false_units[u].start < end and start < false_units[u].end
            if wrong is not None and overlap and np.isfinite(features[u]).all():
                heat = bench.evidence.heat_map(features[u - 1], features[u])
                fact = scene.record.false_fact
                bench.add(false, heat, wrong, features[u - 1], features[u], sign=-1, fact=fact)
                break  # the first unit that the false words reach into
        if on_item is not None:
            on_item(done)
    if not true.deltas:
        raise DataError("No unit is about one object; draw scenes with `specs scenes`.")
    return HeatMapEvaluation(len(scenes), true.figures(), false.figures())


def object_of(facts: Iterable[Fact]) -> str | None:
    """Return the one object that all the facts are about; None where there are several or none."""
    names = {
        name for fact in facts for name in (fact.of or ((fact.value,) if fact.type == "kind" else ("",)))
    }
    return next(iter(names)) or None if len(names) == 1 else None


def peak(values: Array, region: Box) -> tuple[float, float]:
    """Return the middle of a map's largest cell, in pixels of the image."""
    height, width = values.shape
    row, column = divmod(int(values.argmax()), width)
    left, top, right, bottom = region
    return left + (right - left) * (column + 0.5) / width, top + (bottom - top) * (row + 0.5) / height


def blurred(image: Image.Image) -> Image.Image:
    """Return an image of which only the colours of its parts are left."""
    return image.filter(ImageFilter.GaussianBlur(BLUR * max(image.size)))


def cover(
    image: Image.Image, behind: Image.Image, values: Array, region: Box, *, share: float = COVERED
) -> Image.Image:
    """Replace the part of the model's square in which a map is largest.

    Args:
        image: The image.
        behind: What shows there instead, of its size.
        values: (h, w) over the square.
        region: Where the square lies, in pixels of the image.
        share: How much of the square is covered, in [0, 1].
    """
    left, top, right, bottom = map(round, region)
    fine = smooth(values, (right - left, bottom - top))
    mask = np.zeros(fine.size, dtype=np.uint8)
    count = round(share * fine.size)
    if count:
        mask[np.argpartition(fine, -count, axis=None)[-count:]] = 255
    whole = Image.new("L", image.size)
    whole.paste(Image.fromarray(mask.reshape(fine.shape)), (left, top))
    return Image.composite(behind, image, whole)


class _Bench:
    """An image on which maps are tried."""

    def __init__(
        self, encoder: Encoder, image: Image.Image, boxes: dict[str, Box], rng: np.random.Generator
    ) -> None:
        self.evidence = ImageEvidence(encoder, image)
        self._encoder, self._image, self._boxes, self._rng = encoder, image, boxes, rng
        self._behind = blurred(image)

    def hit(self, values: Array, kind: str) -> float:
        """Tell whether a map's peak lies in an object's box."""
        return float(_inside(peak(values, self.evidence.region), self._boxes[kind]))

    def add(
        self,
        rows: _Rows,
        heat: HeatMap,
        kind: str,
        before: Array,
        after: Array,
        *,
        sign: int = 1,
        fact: str = "",
    ) -> None:
        """Add a unit's row: its map and its rivals, each by its largest or, with sign -1, smallest values."""
        plain = gradient_times_input(self._encoder, self._image, before, after)
        maps = {MAP: heat.values, **heat.parts, INPUT: plain.values}
        maps = {name: sign * values for name, values in maps.items()}
        box, (width, height) = self._boxes[kind], self._image.size
        rows.in_box.append(
            {
                **{name: self.hit(values, kind) for name, values in maps.items()},
                OBJECT: 1 / len(self._boxes),
                CENTRE: float(_inside((width / 2, height / 2), box)),
                POINT: (box[2] - box[0]) * (box[3] - box[1]) / (width * height),
            }
        )
        left, top, right, bottom = self.evidence.region
        middle = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
        maps[ON_OBJECT] = _nearness((middle[0] - left) / (right - left), (middle[1] - top) / (bottom - top))
        maps[DISC] = _nearness(*self._rng.random(2))
        covered = [cover(self._image, self._behind, values, self.evidence.region) for values in maps.values()]
        moved = self._encoder.image_features(covered) @ (after - before) - heat.delta  # (maps,)
        rows.covered.append(dict(zip(maps, map(float, moved), strict=True)))
        rows.deltas.append(heat.delta)
        rows.facts.append(fact)


def _nearness(x: float, y: float, side: int = 48) -> Array:
    """Return a map that falls off with the distance from a point of the square, x and y in [0, 1]."""
    grid = (np.arange(side) + 0.5) / side
    return -np.hypot(grid[None, :] - x, grid[:, None] - y).astype(np.float32)


def _told_in(told: Iterable[ToldFact], start: int, end: int) -> Iterator[Fact]:
    return (each.fact for each in told if each.start < end and start < each.end)


def _false_about(scene: PlacedScene) -> str | None:
    """Return the object that the false fact was about; None for a background or a relation."""
    # Up to the false words the two captions are alike, but for "a" and "an" before a false kind.
    start, kind = scene.record.false_span[0], scene.record.false_fact
    same = [each.fact for each in scene.told if each.fact.type == kind and abs(each.start - start) <= 1]
    return object_of(same)


def _inside(point: tuple[float, float], box: Box) -> bool:
    return box[0] <= point[0] < box[2] and box[1] <= point[1] < box[3]


def _means(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    columns = {name: np.array([row[name] for row in rows]) for name in (rows[0] if rows else ())}
    # Another unit's map exists only where the caption has a unit about another object.
    return {
        name: float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")
        for name, values in columns.items()
    }
