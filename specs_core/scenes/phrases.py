"""Phrases of a caption: words with slots, each asserting one fact that can be made false."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from specs_core.scenes.world import BACKGROUNDS, KINDS, PLACES, RELATIONS, SIZES, TINTS, Fact

#: Slot type and style -> value -> wordings. A style is a place in a sentence that takes the same kind of
#: words.
WORDINGS: dict[tuple[str, str], dict[str, tuple[str, ...]]] = {
    ("kind", "noun"): {kind: (kind,) for kind in KINDS},
    ("tint", "adjective"): {tint: (tint,) for tint in TINTS},
    ("size", "adjective"): {"small": ("small", "little", "tiny"), "large": ("large", "big")},
    ("place", "adverbial"): {
        "upper left": ("in the upper left", "in the top left corner"),
        "top": ("at the top", "in the top center"),
        "upper right": ("in the upper right", "in the top right corner"),
        "left": ("on the left", "on the left side"),
        "middle": ("in the middle", "in the center"),
        "right": ("on the right", "on the right side"),
        "lower left": ("in the lower left", "in the bottom left corner"),
        "bottom": ("at the bottom", "in the bottom center"),
        "lower right": ("in the lower right", "in the bottom right corner"),
    },
    ("background", "noun phrase"): {
        "meadow": ("a green meadow", "a grassy field"),
        "beach": ("a sandy beach", "a beach of yellow sand"),
        "snow": ("a snowy field", "a field of white snow"),
        "night": ("a night sky", "a dark sky full of stars"),
        "room": ("an empty room", "a bare brown room"),
        "sea": ("the open sea", "the blue waves of the sea"),
    },
    ("relation", "before noun"): {
        "left of": ("to the left of", "left of"),
        "right of": ("to the right of", "right of"),
        "above": ("above",),
        "below": ("below", "beneath"),
    },
    ("relation", "before pronoun"): {
        "left of": ("to its left", "on its left"),
        "right of": ("to its right", "on its right"),
        "above": ("above it",),
        "below": ("below it", "beneath it"),
    },
}

VALUES: dict[str, tuple[str, ...]] = {
    "kind": tuple(KINDS),
    "tint": tuple(TINTS),
    "size": SIZES,
    "place": tuple(PLACES),
    "background": BACKGROUNDS,
    "relation": RELATIONS,
}

#: Stands for "a" or "an", whichever the next word takes.
ARTICLE = "{a}"


@dataclass(frozen=True)
class Slot:
    """Words that assert one fact.

    Attributes:
        type: One of `FACT_TYPES`.
        style: With the type, a key of `WORDINGS`.
        value: What is asserted, one of `VALUES[type]`.
        words: Its wording.
        owner: Index into the phrase's `owners` of the thing that the fact is about.
        other: For a relation, the index of the thing it relates to.
    """

    type: str
    style: str
    value: str
    words: str
    owner: int = 0
    other: int = 1


def make_slot(
    rng: random.Random, kind: str, style: str, value: str, *, owner: int = 0, other: int = 1
) -> Slot:
    """Make a slot with a wording drawn by chance."""
    return Slot(kind, style, value, rng.choice(WORDINGS[kind, style][value]), owner, other)


@dataclass(frozen=True)
class Phrase:
    """A stretch of a caption that can be a detail unit, with the space or stop after it.

    Attributes:
        pieces: Words and slots in order, joined without anything between.
        owners: Kinds of the things that the slots are about.
        starts_sentence: Whether its first letter is a capital.
        settled: Owners that later phrases do not come back to, so that exchanging their kind makes one fact
            false and no other.
    """

    pieces: tuple[str | Slot, ...]
    owners: tuple[str, ...] = ()
    starts_sentence: bool = False
    settled: frozenset[int] = frozenset()

    @property
    def slots(self) -> tuple[int, ...]:
        """Indices into `pieces` of the slots."""
        return tuple(i for i, piece in enumerate(self.pieces) if isinstance(piece, Slot))

    def facts(self) -> tuple[Fact, ...]:
        """Return what the phrase asserts, one fact a slot."""
        return tuple(self._fact(piece) for piece in self.pieces if isinstance(piece, Slot))

    def _fact(self, slot: Slot) -> Fact:
        if slot.type == "background":
            return ("background", slot.value)
        kind = self.owners[slot.owner]
        if slot.type == "kind":
            return ("kind", kind)
        if slot.type == "relation":
            return ("relation", kind, slot.value, self.owners[slot.other])
        return (slot.type, kind, slot.value)

    def render(self) -> tuple[str, dict[int, tuple[int, int]]]:
        """Return the text and, for each slot's index in `pieces`, its [start, end) in that text."""
        words = [piece.words if isinstance(piece, Slot) else piece for piece in self.pieces]
        text, spans = "", {}
        for index, word in enumerate(words):
            if ARTICLE in word:
                following = "".join(words[index + 1 :]).lstrip()
                word = word.replace(ARTICLE, "an" if following[:1] in "aeiou" else "a")
            if index in self.slots:
                spans[index] = (len(text), len(text) + len(word))
            text += word
        if self.starts_sentence:
            text = text[:1].upper() + text[1:]
        return text, spans

    @property
    def text(self) -> str:
        """The phrase as it stands in the caption."""
        return self.render()[0]

    def with_value(self, index: int, value: str, rng: random.Random) -> Phrase:
        """Return the phrase with the slot at `index` of `pieces` asserting `value` instead."""
        slot = self.pieces[index]
        assert isinstance(slot, Slot)
        changed = make_slot(rng, slot.type, slot.style, value, owner=slot.owner, other=slot.other)
        owners = list(self.owners)
        if slot.type == "kind":
            owners[slot.owner] = value
        pieces = (*self.pieces[:index], changed, *self.pieces[index + 1 :])
        return replace(self, pieces=pieces, owners=tuple(owners))


def falsify(phrase: Phrase, index: int, facts: frozenset[Fact], rng: random.Random) -> Phrase:
    """Return the phrase with the fact of one slot made false.

    Args:
        phrase: A phrase whose facts all hold.
        index: Index of the slot in its `pieces`.
        facts: What the scene bears out (`scene_facts`).
        rng: Chooses among the false values; a false kind is one that the scene does not have at all.
    """
    slot = phrase.pieces[index]
    assert isinstance(slot, Slot)
    if slot.type == "kind":
        choices = [kind for kind in KINDS if ("kind", kind) not in facts]
        return phrase.with_value(index, rng.choice(choices), rng)
    values = list(VALUES[slot.type])
    rng.shuffle(values)
    for value in values:
        changed = phrase.with_value(index, value, rng)
        piece = changed.pieces[index]
        assert isinstance(piece, Slot)
        if changed._fact(piece) not in facts:
            return changed
    raise AssertionError(f"every value of {slot.type} holds")  # pragma: no cover
