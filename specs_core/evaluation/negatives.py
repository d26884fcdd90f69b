"""False units for captions: units of other images, the same with their words shuffled, one false fact."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from specs_core.datasets.facts import Fact, certainly_false
from specs_core.datasets.pairs import CaptionedImage
from specs_core.errors import ConfigError, DataError
from specs_core.segmentation.units import DetailUnit

NEGATIVES = ("in_batch", "shuffled", "hard")
# The paper shuffles the words of 90 % of its negatives.
SHUFFLED_SHARE = 0.9
# Units of other images that are looked at before one is given up.
_TRIES = 300


@dataclass(frozen=True)
class FalseUnit:
    """Words that are false of the image.

    Attributes:
        unit: Number of the unit, from 1, in whose place they stand: they follow the prefix before it.
        kind: "in_batch", "shuffled" or "hard:" and the type of the false fact.
        text: The words.
    """

    unit: int
    kind: str
    text: str


@dataclass(frozen=True)
class Negatives:
    """False units of N captions, and what there is none for.

    Attributes:
        units: For each caption its false units.
        not_found: Units for which no unit of another image was found that is surely false here.
        checked: Captions whose data say what is true, so that a unit of another image is known to be false.
        first_unit: False facts in a caption's first unit, before which there is no prefix.
        several_units: False facts whose words lie in more than one unit; these units together are replaced.
    """

    units: tuple[tuple[FalseUnit, ...], ...]
    not_found: int = 0
    checked: int = 0
    first_unit: int = 0
    several_units: int = 0


@dataclass(frozen=True)
class _Donor:
    """A unit that may stand in another caption; told is None where its words tell a fact in part only."""

    pair: CaptionedImage
    text: str
    plain: str
    told: tuple[Fact, ...] | None = field(default=None)


def make_negatives(
    pairs: Sequence[CaptionedImage],
    units: Sequence[Sequence[DetailUnit]],
    *,
    kinds: Sequence[str] = NEGATIVES,
    seed: int = 0,
) -> Negatives:
    """Find false units for every unit after the first.

    "in_batch" and "shuffled" take one unit of another image, the same for both: drawn evenly, none whose
    words stand in the caption, and, where the data say what is true, only one that is surely false.

    Args:
        pairs: N captions.
        units: The detail units of each.
        kinds: Some of `NEGATIVES`.
        seed: Equal seeds give equal units.

    Returns:
        The false units, by caption, in the order of the units.

    Raises:
        ConfigError: No kind, or an unknown one.
        DataError: There is but one image, so no unit of another one.

    Source: Chen et al. 2025, SPECS, section 4; ours: docs/specificity.md, "Negatives".
    """
    unknown = [kind for kind in kinds if kind not in NEGATIVES]
    if unknown or not kinds:
        raise ConfigError(f"negatives are {', '.join(NEGATIVES)}; got {', '.join(unknown) or 'none'}")
    borrow = "in_batch" in kinds or "shuffled" in kinds
    if borrow and len({pair.image for pair in pairs}) < 2:
        raise DataError(
            "negatives of other images need at least two images, the data have one: ask for hard ones only"
        )
    donors = _donors(pairs, units) if borrow else []
    found = []
    not_found = first_unit = several_units = 0
    for number, (pair, cut) in enumerate(zip(pairs, units, strict=True)):
        false: list[FalseUnit] = []
        # Text as a seed: a tuple's hash is not a documented one. One stream a caption.
        rng = random.Random(f"negatives-{seed}-{number}")
        # Another one for the order of words: which kinds are asked for must not move what is drawn.
        order = random.Random(f"shuffled-{seed}-{number}")
        plain_caption = _plain(pair.caption)
        for unit in range(1, len(cut)) if borrow else ():
            donor = _draw(donors, pair, plain_caption, rng)
            if donor is None:
                not_found += 1
                continue
            if "in_batch" in kinds:
                false.append(FalseUnit(unit, "in_batch", donor.text))
            if "shuffled" in kinds:
                false.append(FalseUnit(unit, "shuffled", _maybe_shuffled(donor.text, order)))
        for fact in pair.false_facts if "hard" in kinds else ():
            touched = [u for u, each in enumerate(cut) if each.start < fact.end and fact.start < each.end]
            if touched[0] == 0:
                first_unit += 1
                continue
            several_units += len(touched) > 1
            before = pair.caption[cut[touched[0]].start : fact.start]
            after = pair.caption[fact.end : cut[touched[-1]].end]
            false.append(FalseUnit(touched[0], f"hard:{fact.type}", before + fact.text + after))
        found.append(tuple(sorted(false, key=lambda each: each.unit)))
    return Negatives(
        units=tuple(found),
        not_found=not_found,
        checked=sum(pair.facts is not None for pair in pairs) if borrow else 0,
        first_unit=first_unit,
        several_units=several_units,
    )


def shuffle_words(text: str, rng: random.Random) -> str:
    """Return the words of a text, with the punctuation that clings to them, in another order by chance."""
    words = text.split()
    rng.shuffle(words)
    return " ".join(words) + text[len(text.rstrip()) :]


def _maybe_shuffled(text: str, rng: random.Random) -> str:
    return shuffle_words(text, rng) if rng.random() < SHUFFLED_SHARE else text


def _donors(pairs: Sequence[CaptionedImage], units: Sequence[Sequence[DetailUnit]]) -> list[_Donor]:
    donors = []
    for pair, cut in zip(pairs, units, strict=True):
        for unit in cut:
            touched = [told for told in pair.told if told.start < unit.end and unit.start < told.end]
            whole = all(unit.start <= told.start and told.end <= unit.end for told in touched)
            facts = tuple(told.fact for told in touched) if whole else None
            donors.append(_Donor(pair, unit.text, _plain(unit.text), facts))
    return donors


def _draw(
    donors: Sequence[_Donor], pair: CaptionedImage, plain_caption: str, rng: random.Random
) -> _Donor | None:
    for _ in range(_TRIES):
        donor = rng.choice(donors)
        if donor.pair.image == pair.image or f" {donor.plain} " in f" {plain_caption} ":
            continue
        if pair.facts is None:
            return donor
        if donor.told is not None and certainly_false(donor.told, donor.text, pair.facts):
            return donor
    return None


def _plain(text: str) -> str:
    """Return the words alone, so that a comma or a capital does not make two texts differ."""
    return " ".join(re.findall(r"\w+", text.casefold()))
