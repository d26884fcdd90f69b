"""The objective of the bundled model's training: the SPECS terms, and read-outs of facts beside them."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
import torch.nn.functional as F
from open_clip.model import CLIP
from torch import Tensor, nn

from specs_core.prefix_tree import EOT_TOKEN, SOT_TOKEN, encode_trees
from specs_core.scenes.world import KINDS, SIZES, TINTS
from specs_core.training.config import TrainConfig
from specs_core.training.fact_table import OUTPUTS
from specs_core.training.losses import contrastive_loss, fall_loss, pairwise_loss, rise_loss
from specs_core.training.scene_batches import SceneBatch, text_tokens
from specs_core.training.vocabulary import world_words
from specs_core.vocabulary_subset import VocabularySubset


class FactHead(nn.Module):
    """Linear read-outs of facts from both towers, which teach them a common language.

    They are dropped afterwards. One table of codes serves images and texts, so a fact has one direction in
    the joint space.
    """

    def __init__(self, features: int, cell_channels: int) -> None:
        super().__init__()
        self.codes = nn.Parameter(torch.randn(len(OUTPUTS), features) * features**-0.5)
        self.scale = nn.Parameter(torch.full((3,), math.log(16.0)))
        self.bias = nn.Parameter(torch.full((3, len(OUTPUTS)), -4.0))
        self.cells = nn.Linear(cell_channels, len(KINDS) + 1 + len(TINTS) + len(SIZES))

    def fact_loss(self, features: Tensor, facts: Tensor, *, side: int) -> Tensor:
        """Return the binary cross-entropy of facts (R, F) read from normalised features (R, D).

        `side` chooses scale and bias: 0 images, 1 texts, 2 single cells of an image.
        """
        logits = self.scale[side].exp() * features @ F.normalize(self.codes, dim=-1).T + self.bias[side]
        return F.binary_cross_entropy_with_logits(logits, facts, reduction="sum") / facts.sum().clamp(min=1.0)

    def cell_loss(self, cells: Tensor, batch: SceneBatch) -> Tensor:
        """Return the cross-entropy of kind, tint and size read from the vision tower's last map (N, 9, C)."""
        read = self.cells(cells).flatten(0, 1).split([len(KINDS) + 1, len(TINTS), len(SIZES)], dim=-1)
        targets = (batch.cells, batch.cell_tints, batch.cell_sizes)
        return torch.stack(
            [F.cross_entropy(x, t.flatten(), ignore_index=-100) for x, t in zip(read, targets, strict=True)]
        ).sum()


def build_model(config: TrainConfig) -> CLIP:
    """Build the untrained open_clip model, with rows for the tokens that the captions use."""
    model = CLIP(**copy.deepcopy(config.model))
    used = sorted({token for word in world_words() for token in text_tokens(word)} | {SOT_TOKEN, EOT_TOKEN})
    table = VocabularySubset(used, vocab_size=model.vocab_size, width=model.token_embedding.embedding_dim)
    model.token_embedding = table
    return model


def encode_batch(model: CLIP, batch: SceneBatch) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Encode images and texts.

    Returns:
        Normalised image features (N, D) and text features (R, D); the vision map (N, 9, C); and what
        the attention pool would give for each cell alone, normalised (N, 9, D). All float32.
    """
    visual: Any = model.visual
    grid = visual.layer4(
        visual.layer3(visual.layer2(visual.layer1(visual.stem(batch.images))))
    )  # (N, C, 3, 3)
    pool = visual.attnpool
    image = F.normalize(pool(grid).float(), dim=-1)
    cells = grid.flatten(2).transpose(1, 2)  # (N, 9, C)
    alone = F.normalize(pool.c_proj(pool.v_proj(cells + pool.positional_embedding[1:])).float(), dim=-1)
    text = F.normalize(torch.cat([encode_trees(model, part) for part in batch.trees]).float(), dim=-1)
    return image, text, cells.float(), alone


class SceneObjective(nn.Module):
    """The model, the head that is dropped afterwards, and their loss."""

    def __init__(self, config: TrainConfig) -> None:
        super().__init__()
        self.config = config
        self.model = build_model(config)
        width = self.model.visual.attnpool.k_proj.in_features
        self.head = FactHead(config.model["embed_dim"], width)

    def forward(self, batch: SceneBatch, step: int) -> dict[str, Tensor]:
        """Return every term, unweighted, and their weighted sum as `total`."""
        config, model, head = self.config, self.model, self.head
        stage, progress = config.stage_at(step)
        fact_weight = stage.facts[0] + (stage.facts[1] - stage.facts[0]) * progress
        with torch.autocast("cpu", torch.bfloat16, enabled=config.bf16):
            image, text, cells, alone = encode_batch(model, batch)
        similarity = (image[batch.caption] * text).sum(-1)  # (R,)
        true = ~batch.is_branch & (batch.base >= 0)
        false = batch.is_branch
        last = torch.zeros(len(image), dtype=torch.long)
        prefixes = torch.nonzero(~batch.is_branch).squeeze(1)
        last[batch.caption[prefixes]] = prefixes  # indices ascend, so the last prefix of each caption stays
        weights = config.weights
        terms = {
            "contrastive": contrastive_loss(image, text[last], model.logit_scale.exp()),
            "positive": rise_loss(similarity[batch.base[true]], similarity[true], margin=config.margin),
            "negative": fall_loss(similarity[batch.base[false]], similarity[false], margin=config.margin),
            "pairwise": pairwise_loss(
                similarity[batch.sibling[false]], similarity[false], scale=config.pairwise_scale
            ),
        }
        total = (
            weights.contrastive * terms["contrastive"]
            + weights.positive * terms["positive"]
            + weights.negative * terms["negative"]
            + weights.pairwise * terms["pairwise"]
        )
        if fact_weight > 0:
            terms["image_facts"] = head.fact_loss(image, batch.image_facts, side=0)
            terms["text_facts"] = head.fact_loss(text, batch.text_facts, side=1)
            terms["cell_facts"] = head.fact_loss(alone.flatten(0, 1), batch.cell_facts.flatten(0, 1), side=2)
            terms["cells"] = head.cell_loss(cells, batch)
            auxiliary = (
                terms["image_facts"]
                + terms["text_facts"]
                + terms["cell_facts"]
                + weights.places * terms["cells"]
            )
            total = total + fact_weight * auxiliary
        terms["total"] = total
        return terms
