"""Batches of drawn scenes: images, prefix trees with false units, and the facts that each text asserts."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from open_clip.constants import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD
from open_clip.tokenizer import SimpleTokenizer
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from specs_core.prefix_tree import Branch, PrefixTree, TreeBatch, lay_out
from specs_core.scenes.captions import Caption, write_caption
from specs_core.scenes.drawing import draw_scene
from specs_core.scenes.phrases import Phrase, Slot, falsify
from specs_core.scenes.world import (
    BACKGROUNDS,
    KINDS,
    PLACES,
    RELATIONS,
    SIZES,
    TINTS,
    Fact,
    Scene,
    sample_scene,
    scene_facts,
)
from specs_core.training.config import TrainConfig

#: Captions laid out together.
_PART = 16
_OPPOSITE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}


def _fact_index() -> dict[Fact, int]:
    facts: list[Fact] = [("background", name) for name in BACKGROUNDS]
    for kind in KINDS:
        facts.append(("kind", kind))
        facts += [("tint", kind, tint) for tint in TINTS]
        facts += [("size", kind, size) for size in SIZES]
        facts += [("place", kind, place) for place in PLACES]
        # A relation of two kinds is told as two facts of one kind each: 8 * 46 outputs instead of 4 * 46 *
        # 45.
        facts += [("relation", kind, relation) for relation in RELATIONS]
    return {fact: index for index, fact in enumerate(facts)}


FACT_INDEX = _fact_index()


def fact_outputs(fact: Fact) -> tuple[int, ...]:
    """Return the outputs of the fact head that a fact switches on."""
    if fact[0] != "relation":
        return (FACT_INDEX[fact],)
    _, first, relation, second = fact
    return FACT_INDEX["relation", first, relation], FACT_INDEX["relation", second, _OPPOSITE[relation]]


@lru_cache(maxsize=1)
def _tokenizer() -> SimpleTokenizer:
    return SimpleTokenizer()


@lru_cache(maxsize=8192)
def _word_tokens(word: str) -> tuple[int, ...]:
    return tuple(_tokenizer().encode(word))


def text_tokens(text: str) -> tuple[int, ...]:
    """Return the token ids of a text of plain words; the tokenizer, too, splits at white space."""
    return tuple(token for word in text.split() for token in _word_tokens(word))


@dataclass(frozen=True)
class SceneBatch:
    """One step's data (N captions, P prefixes, B branches, C cells, F facts).

    Attributes:
        images: (N, 3, H, W) float32, preprocessed.
        trees: The captions laid out, a few a part, by length, so that little of a part is padding; texts of
            a caption are its prefixes, then its false branches.
        caption: (P + B,) the caption of each text.
        is_branch: (P + B,) bool.
        base: (P + B,) index of the text that a text extends by one unit; -1 for a first prefix.
        sibling: (P + B,) for a false branch, the index of the true prefix with the same base; -1 otherwise.
        text_facts: (P + B, F) float32, one where the text asserts the fact.
        image_facts: (N, F) float32, one where the scene bears it out.
        cell_facts: (N, 9, F) float32, one for what holds of the object at each place by itself.
        cells: (N, 9) int64, for each place the kind there, or len(KINDS) where it is empty.
        cell_tints, cell_sizes: (N, 9) int64, -100 where it is empty.
    """

    images: Tensor
    trees: tuple[TreeBatch, ...]
    caption: Tensor
    is_branch: Tensor
    base: Tensor
    sibling: Tensor
    text_facts: Tensor
    image_facts: Tensor
    cell_facts: Tensor
    cells: Tensor
    cell_tints: Tensor
    cell_sizes: Tensor


def preprocess_drawing(image: Image.Image, size: int) -> Tensor:
    """Return a drawing as (3, size, size) float32, by CLIP's mean and deviation."""
    small = image.resize((size, size), Image.Resampling.BICUBIC)
    pixels = torch.from_numpy(np.asarray(small, dtype=np.float32)) / 255.0
    mean, deviation = torch.tensor(OPENAI_DATASET_MEAN), torch.tensor(OPENAI_DATASET_STD)
    return ((pixels - mean) / deviation).permute(2, 0, 1)


class SceneBatches(Dataset[SceneBatch]):
    """The batch of every step: a function of configuration and step, so that a resumed run sees the same."""

    def __init__(self, config: TrainConfig) -> None:
        self.config = config
        self.image_size = int(config.model["vision_cfg"]["image_size"])
        self.context_length = int(config.model["text_cfg"]["context_length"])

    def __len__(self) -> int:
        return self.config.steps

    def __getitem__(self, step: int) -> SceneBatch:
        stage, _ = self.config.stage_at(step)
        rng = random.Random(f"{self.config.seed}-{step}")
        scenes = [sample_scene(rng, objects=stage.objects) for _ in range(stage.batch)]
        captions = [
            write_caption(scene, rng, detail=stage.detail, opening=rng.random() < 0.75) for scene in scenes
        ]
        order = sorted(range(stage.batch), key=lambda i: len(captions[i].text))
        return self._assemble([scenes[i] for i in order], [captions[i] for i in order], rng)

    def _assemble(self, scenes: list[Scene], captions: list[Caption], rng: random.Random) -> SceneBatch:
        trees: list[PrefixTree] = []
        caption: list[int] = []
        is_branch: list[bool] = []
        base: list[int] = []
        sibling: list[int] = []
        outputs: list[set[int]] = []
        for number, (scene, text) in enumerate(zip(scenes, captions, strict=True)):
            first = len(caption)
            truth = scene_facts(scene)
            trunk: tuple[int, ...] = ()
            ends, asserted = [], []
            known: set[int] = set()
            for phrase in text.phrases:
                trunk += text_tokens(phrase.text)
                known = known | _outputs(phrase)
                ends.append(len(trunk))
                asserted.append(known)
            units = len(ends)
            caption += [number] * units
            is_branch += [False] * units
            base += [-1, *range(first, first + units - 1)]
            sibling += [-1] * units
            outputs += asserted
            branches = []
            for _ in range(self.config.false_units):
                unit = rng.randrange(1, units)
                false = self._false_phrase(text.phrases[unit], truth, captions, number, rng)
                if false is None:
                    continue
                words, told = false
                branches.append(Branch(ends[unit - 1], words))
                caption.append(number)
                is_branch.append(True)
                base.append(first + unit - 1)
                sibling.append(first + unit)
                outputs.append(asserted[unit - 1] | told)
            trees.append(PrefixTree(trunk, tuple(ends), tuple(branches)))
        facts = torch.zeros(len(outputs), len(FACT_INDEX))
        for row, on in enumerate(outputs):
            facts[row, list(on)] = 1.0
        return SceneBatch(
            images=torch.stack(
                [preprocess_drawing(draw_scene(s, size=192), self.image_size) for s in scenes]
            ),
            trees=tuple(
                lay_out(trees[i : i + _PART], context_length=self.context_length)
                for i in range(0, len(trees), _PART)
            ),
            caption=torch.tensor(caption),
            is_branch=torch.tensor(is_branch),
            base=torch.tensor(base),
            sibling=torch.tensor(sibling),
            text_facts=facts,
            **_scene_targets(scenes),
        )

    def _false_phrase(
        self, phrase: Phrase, truth: frozenset[Fact], captions: list[Caption], number: int, rng: random.Random
    ) -> tuple[tuple[int, ...], set[int]] | None:
        """Return a false unit's tokens and the outputs of what it asserts; None where it cannot be made."""
        if rng.random() < self.config.other_scene_share:
            other = captions[rng.choice([i for i in range(len(captions)) if i != number])]
            borrowed = rng.choice(other.phrases)
            told = borrowed.facts()
            if not told or any(fact in truth for fact in told):
                return None
            text = borrowed.text
            if rng.random() < self.config.shuffled_share:
                words = re.findall(r"\w+|[^\w\s]", text)
                rng.shuffle(words)
                return text_tokens(" ".join(words)), set()
            return text_tokens(text), _outputs(borrowed)
        if not phrase.slots:
            return None
        types = sorted({slot.type for slot in phrase.pieces if isinstance(slot, Slot)})
        chosen = rng.choice(types)
        options = [i for i in phrase.slots if getattr(phrase.pieces[i], "type", None) == chosen]
        false = falsify(phrase, rng.choice(options), truth, rng)
        return text_tokens(false.text), _outputs(false)


def _outputs(phrase: Phrase) -> set[int]:
    return {output for fact in phrase.facts() for output in fact_outputs(fact)}


def _scene_targets(scenes: list[Scene]) -> dict[str, Tensor]:
    kinds, tints = list(KINDS), list(TINTS)
    facts = torch.zeros(len(scenes), len(FACT_INDEX))
    cell_facts = torch.zeros(len(scenes), len(PLACES), len(FACT_INDEX))
    cells = torch.full((len(scenes), len(PLACES)), len(kinds))
    cell_tints = torch.full_like(cells, -100)
    cell_sizes = torch.full_like(cells, -100)
    for row, scene in enumerate(scenes):
        facts[row, [output for fact in scene_facts(scene) for output in fact_outputs(fact)]] = 1.0
        for thing in scene.objects:
            line, column = PLACES[thing.place]
            cell = 3 * line + column
            for fact in (
                ("kind", thing.kind),
                ("tint", thing.kind, thing.tint),
                ("size", thing.kind, thing.size),
                ("place", thing.kind, thing.place),
            ):
                cell_facts[row, cell, FACT_INDEX[fact]] = 1.0
            cells[row, cell] = kinds.index(thing.kind)
            cell_tints[row, cell] = tints.index(thing.tint)
            cell_sizes[row, cell] = SIZES.index(thing.size)
    return {
        "image_facts": facts,
        "cell_facts": cell_facts,
        "cells": cells,
        "cell_tints": cell_tints,
        "cell_sizes": cell_sizes,
    }
