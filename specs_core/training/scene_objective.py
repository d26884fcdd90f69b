"""The objective of the bundled model's training: the SPECS terms, and what teaches the towers facts."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from open_clip.model import CLIP
from torch import Tensor, nn

from specs_core.prefix_tree import EOT_TOKEN, SOT_TOKEN, encode_trees
from specs_core.training.config import TrainConfig
from specs_core.training.fact_teacher import FactTeacher, aim_loss, step_loss
from specs_core.training.losses import contrastive_loss, fall_loss, pairwise_loss, rise_loss
from specs_core.training.scene_batches import SceneBatch, text_tokens
from specs_core.training.vocabulary import world_words
from specs_core.vocabulary_subset import VocabularySubset


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
    """The model, the teacher that is dropped afterwards, and their loss."""

    def __init__(self, config: TrainConfig) -> None:
        super().__init__()
        self.config = config
        self.model = build_model(config)
        width = self.model.visual.attnpool.k_proj.in_features
        self.teacher = FactTeacher(config.model["embed_dim"], width)

    def forward(self, batch: SceneBatch, step: int) -> dict[str, Tensor]:
        """Return every term, weighted, and their sum as `total`."""
        config, model, teacher = self.config, self.model, self.teacher
        stage, progress = config.stage_at(step)
        fact_weight = stage.facts[0] + (stage.facts[1] - stage.facts[0]) * progress
        with torch.autocast("cpu", torch.bfloat16, enabled=config.bf16):
            image, text, cells, alone = encode_batch(model, batch)
        known = batch.understood
        occupied = batch.cell_facts.sum(-1) > 0  # (N, C)
        cell, cell_facts = alone[occupied], batch.cell_facts[occupied]
        image_aims = teacher.image_features(batch.image_facts)
        text_aims = teacher.text_features(batch)
        specs = partial(specs_terms, batch=batch, config=config, negative=stage.negative)
        terms = {"teacher": specs(image_aims, text_aims, understood=True).sum()}
        # From here on the teacher is only aimed at.
        image_aims, text_aims = image_aims.detach(), text_aims.detach()
        positive, negative, pairwise = specs(image, text)
        contrastive = contrastive_loss(image, text[_last_prefixes(batch)], model.logit_scale.exp())
        terms |= {
            "contrastive": config.weights.contrastive * contrastive,
            "positive": positive,
            "negative": negative,
            "pairwise": pairwise,
            "text_to_aims": specs(image_aims, text).sum(),
            "image_to_aims": specs(image, text_aims, understood=True).sum(),
        }
        if fact_weight > 0:
            cell_aims = teacher.image_features(cell_facts).detach()
            facts = {
                "image_reads": teacher.read_loss(image, batch.image_facts, side=0),
                "text_reads": teacher.read_loss(text[known], batch.text_facts[known], side=1),
                "cell_reads": teacher.read_loss(cell, cell_facts, side=2),
                "image_aims": aim_loss(image, image_aims),
                "text_aims": aim_loss(text[known], text_aims[known]),
                "cell_aims": aim_loss(cell, cell_aims),
                "text_steps": step_loss(text, text_aims, batch.base.masked_fill(~known, -1)),
                "cells": config.weights.places * teacher.cell_loss(cells, batch),
            }
            if stage.relations:
                reads = teacher.relation_loss(text, batch, scale=config.pairwise_scale)
                facts["relation_reads"] = stage.relations * reads
            terms |= {name: fact_weight * term for name, term in facts.items()}
        return terms | {"total": torch.stack(list(terms.values())).sum()}


def specs_terms(
    image: Tensor,
    text: Tensor,
    batch: SceneBatch,
    config: TrainConfig,
    *,
    negative: float = 1.0,
    understood: bool = False,
) -> Tensor:
    """Return the weighted L_pos, L_neg and pairwise terms, (3,).

    Args:
        image: (N, D) normalised features.
        text: (R, D) normalised features.
        batch: Which text extends which.
        config: Margins and weights.
        negative: Factor on the weight of L_neg.
        understood: Whether to leave out the false units that let one believe nothing.
    """
    similarity = (image[batch.caption] * text).sum(-1)  # (R,)
    true = ~batch.is_branch & (batch.base >= 0)
    false = batch.is_branch & batch.understood if understood else batch.is_branch
    weights = config.weights
    rise = rise_loss(similarity[batch.base[true]], similarity[true], margin=config.margin)
    fall = fall_loss(similarity[batch.base[false]], similarity[false], margin=config.margin)
    order = pairwise_loss(similarity[batch.sibling[false]], similarity[false], scale=config.pairwise_scale)
    return torch.stack(
        [weights.positive * rise, negative * weights.negative * fall, weights.pairwise * order]
    )


def _last_prefixes(batch: SceneBatch) -> Tensor:
    """Return the index of each caption's whole text, (N,)."""
    last = torch.zeros(len(batch.images), dtype=torch.long)
    prefixes = torch.nonzero(~batch.is_branch).squeeze(1)
    last[batch.caption[prefixes]] = prefixes  # indices ascend, so the last prefix of each caption stays
    return last
