"""Facts as outputs of the auxiliary fact head: what a scene bears out and what a text lets one believe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from specs_core.scenes.world import BACKGROUNDS, KINDS, PLACES, SIZES, TINTS, Fact, Scene, SceneObject

Distribution = tuple[float, float, float]
_AXES = ("row", "column")


def _outputs() -> dict[Fact, int]:
    facts: list[Fact] = [("background", name) for name in BACKGROUNDS]
    for kind in KINDS:
        facts.append(("kind", kind))
        facts += [("tint", kind, tint) for tint in TINTS]
        facts += [("size", kind, size) for size in SIZES]
        # A place is a row and a column, and a relation tells something of two rows or two columns: six
        # outputs a kind serve places and relations, and both add up over the objects of a scene.
        facts += [(axis, kind, str(line)) for axis in _AXES for line in range(3)]
    return {fact: index for index, fact in enumerate(facts)}


OUTPUTS = _outputs()
#: The type of each output, in order.
OUTPUT_TYPES = tuple(fact[0] for fact in OUTPUTS)


def object_outputs(thing: SceneObject) -> list[int]:
    """Return the outputs that hold of one object by itself."""
    row, column = PLACES[thing.place]
    facts: list[Fact] = [
        ("kind", thing.kind),
        ("tint", thing.kind, thing.tint),
        ("size", thing.kind, thing.size),
        ("row", thing.kind, str(row)),
        ("column", thing.kind, str(column)),
    ]
    return [OUTPUTS[fact] for fact in facts]


def scene_outputs(scene: Scene) -> list[int]:
    """Return the outputs that hold of a scene."""
    found = [OUTPUTS["background", scene.background]]
    for thing in scene.objects:
        found += object_outputs(thing)
    return found


@dataclass(frozen=True)
class Belief:
    """What a text lets one believe of the scene.

    Attributes:
        told: Outputs that it asserts outright.
        lines: For (axis, kind), the probability of each of the three rows or columns, where it tells of them.
        ends: For outputs of rows and columns, how often relations speak for or against that end of the axis:
            "left of" for the first column and against the last for the first thing, and the other way round
            for the second. A scene agrees with that by the difference of the columns.
        relations: How many relations it tells.
    """

    told: frozenset[int] = frozenset()
    lines: Mapping[tuple[str, str], Distribution] = field(default_factory=dict)
    ends: Mapping[int, int] = field(default_factory=dict)
    relations: int = 0

    def with_fact(self, fact: Fact) -> Belief:
        """Return the belief after one more fact; a later fact that contradicts an earlier one is believed."""
        if fact[0] == "place":
            row, column = PLACES[fact[2]]
            return self._with_lines({("row", fact[1]): _sure(row), ("column", fact[1]): _sure(column)})
        if fact[0] == "relation":
            return self._with_relation(*fact[1:])
        return replace(self, told=self.told | {OUTPUTS[fact]})

    def with_facts(self, facts: tuple[Fact, ...]) -> Belief:
        """Return the belief after several facts."""
        belief = self
        for fact in facts:
            belief = belief.with_fact(fact)
        return belief

    def weights(self) -> dict[int, float]:
        """Return the probability of every output that is not zero."""
        found = dict.fromkeys(self.told, 1.0)
        for (axis, kind), distribution in self.lines.items():
            for line, weight in enumerate(distribution):
                if weight:
                    found[OUTPUTS[axis, kind, str(line)]] = weight
        return found

    def _with_lines(self, changed: Mapping[tuple[str, str], Distribution]) -> Belief:
        return replace(self, lines={**self.lines, **changed})

    def _with_relation(self, first: str, relation: str, second: str) -> Belief:
        axis = "column" if relation in ("left of", "right of") else "row"
        before, after = (first, second) if relation in ("left of", "above") else (second, first)
        even = (1 / 3, 1 / 3, 1 / 3)
        priors = [self.lines.get((axis, kind), even) for kind in (before, after)]
        # What was told before may rule the relation out; then it is believed as if it stood alone.
        for low, high in (priors, (even, even)):
            pairs = {(i, j): low[i] * high[j] for i in range(3) for j in range(i + 1, 3)}
            total = sum(pairs.values())
            if total > 0:
                break
        marginals = [
            [sum(w for pair, w in pairs.items() if pair[side] == i) / total for i in range(3)]
            for side in (0, 1)
        ]
        believed = self._with_lines(
            {(axis, kind): (m[0], m[1], m[2]) for kind, m in zip((before, after), marginals, strict=True)}
        )
        ends = dict(self.ends)
        for kind, sign in ((before, 1), (after, -1)):
            for line, side in (("0", sign), ("2", -sign)):
                output = OUTPUTS[axis, kind, line]
                ends[output] = ends.get(output, 0) + side
        return replace(believed, ends=ends, relations=self.relations + 1)


def _sure(line: int) -> Distribution:
    return (float(line == 0), float(line == 1), float(line == 2))
