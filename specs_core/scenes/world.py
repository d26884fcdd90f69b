"""What a drawn scene can hold, and scenes drawn by chance."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

#: Kind of object -> its character in Noto Color Emoji. The outlines differ, so that a tint leaves the kind
#: visible.
KINDS: dict[str, str] = {
    "airplane": "\U0001f6e9",
    "anchor": "\u2693",
    "apple": "\U0001f34e",
    "balloon": "\U0001f388",
    "banana": "\U0001f34c",
    "bell": "\U0001f514",
    "bicycle": "\U0001f6b2",
    "bus": "\U0001f68c",
    "butterfly": "\U0001f98b",
    "cactus": "\U0001f335",
    "camera": "\U0001f4f7",
    "car": "\U0001f697",
    "carrot": "\U0001f955",
    "castle": "\U0001f3f0",
    "cat": "\U0001f408",
    "chair": "\U0001fa91",
    "clock": "\u23f0",
    "crab": "\U0001f980",
    "crown": "\U0001f451",
    "cup": "\u2615",
    "drum": "\U0001f941",
    "duck": "\U0001f986",
    "elephant": "\U0001f418",
    "fish": "\U0001f41f",
    "flower": "\U0001f337",
    "guitar": "\U0001f3b8",
    "hat": "\U0001f3a9",
    "horse": "\U0001f40e",
    "house": "\U0001f3e0",
    "key": "\U0001f511",
    "kite": "\U0001fa81",
    "mushroom": "\U0001f344",
    "octopus": "\U0001f419",
    "penguin": "\U0001f427",
    "rabbit": "\U0001f407",
    "rocket": "\U0001f680",
    "sailboat": "\u26f5",
    "snail": "\U0001f40c",
    "snake": "\U0001f40d",
    "spider": "\U0001f577",
    "teapot": "\U0001fad6",
    "tent": "\u26fa",
    "tree": "\U0001f333",
    "trumpet": "\U0001f3ba",
    "turtle": "\U0001f422",
    "umbrella": "\u2602",
}

#: Tint -> sRGB colour at full light.
TINTS: dict[str, tuple[int, int, int]] = {
    "red": (226, 34, 40),
    "orange": (255, 146, 24),
    "yellow": (250, 224, 40),
    "green": (40, 166, 62),
    "blue": (40, 104, 226),
    "purple": (142, 58, 196),
    "pink": (255, 142, 194),
}

SIZES = ("small", "large")

#: Place -> (row, column) of a three by three grid, from the upper left.
PLACES: dict[str, tuple[int, int]] = {
    "upper left": (0, 0),
    "top": (0, 1),
    "upper right": (0, 2),
    "left": (1, 0),
    "middle": (1, 1),
    "right": (1, 2),
    "lower left": (2, 0),
    "bottom": (2, 1),
    "lower right": (2, 2),
}

BACKGROUNDS = ("meadow", "beach", "snow", "night", "room", "sea")

Relation = Literal["left of", "right of", "above", "below"]
RELATIONS: tuple[Relation, ...] = ("left of", "right of", "above", "below")

#: Facts are tuples that begin with their type; every caption asserts some, a scene bears some out.
FACT_TYPES = ("kind", "tint", "size", "place", "background", "relation")
Fact = tuple[str, ...]


@dataclass(frozen=True)
class SceneObject:
    """One object: a kind, a tint, a size and a place, each a key of the tables above."""

    kind: str
    tint: str
    size: str
    place: str


@dataclass(frozen=True)
class Scene:
    """A background and two to six objects; no two share a kind or a place.

    Attributes:
        background: One of `BACKGROUNDS`.
        objects: The objects, in no particular order.
        seed: What the drawing's small variations (shift, scale, mirroring, shade) are drawn from.
    """

    background: str
    objects: tuple[SceneObject, ...]
    seed: int


def sample_scene(rng: random.Random, *, objects: tuple[int, int] = (2, 6)) -> Scene:
    """Draw a scene by chance, with between `objects[0]` and `objects[1]` objects."""
    count = rng.randint(*objects)
    kinds = rng.sample(list(KINDS), count)
    places = rng.sample(list(PLACES), count)
    tints, sizes = list(TINTS), list(SIZES)
    return Scene(
        background=rng.choice(BACKGROUNDS),
        objects=tuple(
            SceneObject(kind, rng.choice(tints), rng.choice(sizes), place)
            for kind, place in zip(kinds, places, strict=True)
        ),
        seed=rng.getrandbits(32),
    )


def relation_between(first: SceneObject, second: SceneObject) -> Relation | None:
    """Return how `first` lies to `second`.

    In the same row it is left or right of it, in the same column above or below it. Objects that share
    neither row nor column have no relation that every reader would accept: None.
    """
    (row_1, column_1), (row_2, column_2) = PLACES[first.place], PLACES[second.place]
    if row_1 == row_2:
        return "left of" if column_1 < column_2 else "right of"
    if column_1 == column_2:
        return "above" if row_1 < row_2 else "below"
    return None


def scene_facts(scene: Scene) -> frozenset[Fact]:
    """Return every fact that the scene bears out."""
    facts: set[Fact] = {("background", scene.background)}
    for thing in scene.objects:
        facts |= {
            ("kind", thing.kind),
            ("tint", thing.kind, thing.tint),
            ("size", thing.kind, thing.size),
            ("place", thing.kind, thing.place),
        }
        for other in scene.objects:
            relation = relation_between(thing, other) if other is not thing else None
            if relation is not None:
                facts.add(("relation", thing.kind, relation, other.kind))
    return frozenset(facts)
