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
from specs_core.scenes.world import KINDS, PLACES, SIZES, TINTS, Fact, Scene, sample_scene, scene_facts
from specs_core.training.config import TrainConfig
from specs_core.training.fact_table import OUTPUTS, Belief, object_outputs, scene_outputs

#: Captions laid out together.
_PART = 16


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
        counts: (P + B, 2) float32, how many units and how many relations the text has.
        understood: (P + B,) bool, false for texts that end in shuffled words, which let one believe nothing.
        text_facts: (P + B, F) float32, how far the text lets one believe the fact.
        text_ends: (P + B, F) float32, how often its relations speak for an end of an axis
            (`fact_table.Belief`).
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
    counts: Tensor
    understood: Tensor
    text_facts: Tensor
    text_ends: Tensor
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
        types = stage.false_types
        return self._assemble([scenes[i] for i in order], [captions[i] for i in order], types, rng)

    def _assemble(
        self, scenes: list[Scene], captions: list[Caption], types: tuple[str, ...] | None, rng: random.Random
    ) -> SceneBatch:
        trees: list[PrefixTree] = []
        caption: list[int] = []
        is_branch: list[bool] = []
        base: list[int] = []
        sibling: list[int] = []
        units_told: list[int] = []
        understood: list[bool] = []
        beliefs: list[Belief] = []
        for number, (scene, text) in enumerate(zip(scenes, captions, strict=True)):
            first = len(caption)
            truth = scene_facts(scene)
            trunk: tuple[int, ...] = ()
            ends: list[int] = []
            known = [Belief()]
            for phrase in text.phrases:
                trunk += text_tokens(phrase.text)
                known.append(known[-1].with_facts(phrase.facts()))
                ends.append(len(trunk))
            units = len(ends)
            caption += [number] * units
            is_branch += [False] * units
            base += [-1, *range(first, first + units - 1)]
            sibling += [-1] * units
            units_told += range(1, units + 1)
            understood += [True] * units
            beliefs += known[1:]
            branches = []
            for _ in range(self.config.false_units):
                wanted = rng.choice(types) if types else None
                unit = _draw_unit(text, wanted, rng)
                false = self._false_phrase(text.phrases[unit], wanted, truth, captions, number, rng)
                if false is None:
                    continue
                words, told = false
                branches.append(Branch(ends[unit - 1], words))
                caption.append(number)
                is_branch.append(True)
                base.append(first + unit - 1)
                sibling.append(first + unit)
                units_told.append(unit + 1)
                understood.append(bool(told))
                beliefs.append(known[unit].with_facts(told))
            trees.append(PrefixTree(trunk, tuple(ends), tuple(branches)))
        facts = torch.zeros(len(beliefs), len(OUTPUTS))
        text_ends = torch.zeros_like(facts)
        for row, belief in enumerate(beliefs):
            weights = belief.weights()
            facts[row, list(weights)] = torch.tensor(list(weights.values()))
            text_ends[row, list(belief.ends)] = torch.tensor(list(belief.ends.values()), dtype=torch.float32)
        counts = [[units, belief.relations] for units, belief in zip(units_told, beliefs, strict=True)]
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
            counts=torch.tensor(counts, dtype=torch.float32),
            understood=torch.tensor(understood),
            text_facts=facts,
            text_ends=text_ends,
            **_scene_targets(scenes),
        )

    def _false_phrase(
        self,
        phrase: Phrase,
        wanted: str | None,
        truth: frozenset[Fact],
        captions: list[Caption],
        number: int,
        rng: random.Random,
    ) -> tuple[tuple[int, ...], tuple[Fact, ...]] | None:
        """Return a false unit's tokens and the facts that it asserts; None where it cannot be made."""
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
                return text_tokens(" ".join(words)), ()
            return text_tokens(text), told
        if not phrase.slots:
            return None
        types = _types(phrase)
        chosen = wanted if wanted in types else rng.choice(types)
        options = [i for i in phrase.slots if getattr(phrase.pieces[i], "type", None) == chosen]
        false = falsify(phrase, rng.choice(options), truth, rng)
        return text_tokens(false.text), false.facts()


def _types(phrase: Phrase) -> list[str]:
    return sorted({slot.type for slot in phrase.pieces if isinstance(slot, Slot)})


def _draw_unit(caption: Caption, wanted: str | None, rng: random.Random) -> int:
    """Return a unit after the first, one that tells a fact of the wanted type where there is one."""
    units = range(1, len(caption.phrases))
    telling = [unit for unit in units if wanted in _types(caption.phrases[unit])]
    return rng.choice(telling or units)


def _scene_targets(scenes: list[Scene]) -> dict[str, Tensor]:
    kinds, tints = list(KINDS), list(TINTS)
    facts = torch.zeros(len(scenes), len(OUTPUTS))
    cell_facts = torch.zeros(len(scenes), len(PLACES), len(OUTPUTS))
    cells = torch.full((len(scenes), len(PLACES)), len(kinds))
    cell_tints = torch.full_like(cells, -100)
    cell_sizes = torch.full_like(cells, -100)
    for row, scene in enumerate(scenes):
        facts[row, scene_outputs(scene)] = 1.0
        for thing in scene.objects:
            line, column = PLACES[thing.place]
            cell = 3 * line + column
            cell_facts[row, cell, object_outputs(thing)] = 1.0
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
