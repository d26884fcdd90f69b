"""What a caption tells and what an image bears out, where the data say so."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact.

    Attributes:
        type: The kind of fact, such as "tint".
        value: What is so, such as "red".
        of: Names of what it is so of, such as ("car",); ("car", "tree") for how the car lies to the tree.
    """

    type: str
    value: str
    of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ToldFact:
    """A fact and the words of the caption, [start, end), that tell it."""

    start: int
    end: int
    fact: Fact


def certainly_false(told: Sequence[Fact], text: str, facts: Iterable[Fact]) -> bool:
    """Tell whether words that tell facts of another image are false of this one, wherever they stand.

    "It is red." was written of a car; after another prefix it would be read of whatever stands there. So a
    name that does not stand in the words themselves may be any.

    Args:
        told: The facts that the words tell.
        text: The words.
        facts: Everything that this image bears out.

    Returns:
        True where the words tell at least one fact and none that can hold.

    Source: ours: docs/specificity.md, "Negatives".
    """
    held = tuple(facts)
    return bool(told) and not any(_can_hold(fact, text, held) for fact in told)


def _can_hold(fact: Fact, text: str, facts: Sequence[Fact]) -> bool:
    named = [re.search(rf"\b{re.escape(name)}\b", text, re.IGNORECASE) is not None for name in fact.of]
    return any(
        (other.type, other.value, len(other.of)) == (fact.type, fact.value, len(fact.of))
        and all(
            theirs == ours or not fixed for theirs, ours, fixed in zip(other.of, fact.of, named, strict=True)
        )
        for other in facts
    )
