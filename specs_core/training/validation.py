"""How well a model in training finds a false fact on held-out scenes, cut at the written phrases."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn

from specs_core.prefix_tree import Branch, PrefixTree, encode_trees, lay_out
from specs_core.scenes.captions import write_caption
from specs_core.scenes.drawing import draw_scene
from specs_core.scenes.phrases import Slot, falsify
from specs_core.scenes.world import FACT_TYPES, sample_scene, scene_facts
from specs_core.training.config import TrainConfig
from specs_core.training.scene_batches import preprocess_drawing, text_tokens


def make_validation(config: TrainConfig, *, scenes: int = 128) -> Callable[[nn.Module], dict[str, float]]:
    """Return a function that gives a model's figures on scenes that the training does not see.

    The figures: `rises`, the share of true units with rising similarity; for each type of fact,
    `falls/TYPE`, the
    share of units with that fact made false whose similarity falls, and `ordered/TYPE`, the share in which
    the true
    unit lies above the false one; `lowest`, the share in which the false unit's delta is below every true
    unit's.
    """
    rng = random.Random(f"validation-{config.seed}")
    drawn = [sample_scene(rng) for _ in range(scenes)]
    size = int(config.model["vision_cfg"]["image_size"])
    images = torch.stack([preprocess_drawing(draw_scene(scene), size) for scene in drawn])
    trees: list[PrefixTree] = []
    probes: list[list[tuple[int, str]]] = []
    for scene in drawn:
        caption = write_caption(scene, rng)
        truth = scene_facts(scene)
        trunk: tuple[int, ...] = ()
        ends: list[int] = []
        branches, tested = [], []
        for unit, phrase in enumerate(caption.phrases):
            if unit:
                for index in phrase.slots:
                    slot = phrase.pieces[index]
                    assert isinstance(slot, Slot)
                    branches.append(Branch(ends[-1], text_tokens(falsify(phrase, index, truth, rng).text)))
                    tested.append((unit, slot.type))
            trunk += text_tokens(phrase.text)
            ends.append(len(trunk))
        trees.append(PrefixTree(trunk, tuple(ends), tuple(branches)))
        probes.append(tested)
    context_length = int(config.model["text_cfg"]["context_length"])

    @torch.no_grad()
    def validate(model: nn.Module) -> dict[str, float]:
        outcomes: dict[str, list[bool]] = defaultdict(list)
        for first in range(0, scenes, 32):
            part = slice(first, first + 32)
            layout = lay_out(trees[part], context_length=context_length)
            image = F.normalize(model.visual(images[part]), dim=-1)  # type: ignore[operator]
            text = F.normalize(encode_trees(model, layout), dim=-1)
            similarity = (image[layout.rows] * text).sum(-1)
            for row, (tree, tested) in enumerate(zip(trees[part], probes[part], strict=True)):
                values = similarity[layout.rows == row].tolist()
                units = len(tree.prefixes)
                deltas = [values[u] - values[u - 1] for u in range(1, units)]
                outcomes["rises"] += [delta > 0 for delta in deltas]
                for (unit, fact_type), false in zip(tested, values[units:], strict=True):
                    delta = false - values[unit - 1]
                    others = deltas[: unit - 1] + deltas[unit:]
                    outcomes[f"falls/{fact_type}"].append(delta < 0)
                    outcomes[f"ordered/{fact_type}"].append(false < values[unit])
                    outcomes["lowest"].append(all(delta < other for other in others))
                    outcomes[f"lowest/{fact_type}"].append(outcomes["lowest"][-1])
        names = ["rises", "lowest", *(f"{m}/{t}" for m in ("lowest", "falls", "ordered") for t in FACT_TYPES)]
        return {name: sum(outcomes[name]) / len(outcomes[name]) for name in names if outcomes[name]}

    return validate
