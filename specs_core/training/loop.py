"""The training loop: resumable, logged to TensorBoard, exporting an open_clip-format model."""

from __future__ import annotations

import copy
import json
import logging
import math
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from open_clip.model import CLIP
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torch.utils.tensorboard import SummaryWriter

from specs_core.errors import CheckpointError
from specs_core.prefix_tree import EOT_TOKEN, SOT_TOKEN, encode_trees
from specs_core.scenes.world import KINDS, SIZES, TINTS
from specs_core.training.config import TrainConfig
from specs_core.training.fact_table import OUTPUTS
from specs_core.training.losses import contrastive_loss, fall_loss, pairwise_loss, rise_loss
from specs_core.training.scene_batches import SceneBatch, SceneBatches, text_tokens
from specs_core.training.vocabulary import world_words
from specs_core.vocabulary_subset import VocabularySubset

log = logging.getLogger(__name__)


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


def compute_losses(
    model: CLIP, head: FactHead, batch: SceneBatch, config: TrainConfig, *, fact_weight: float
) -> dict[str, Tensor]:
    """Return every term, unweighted, and their weighted sum as `total`."""
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
            terms["image_facts"] + terms["text_facts"] + terms["cell_facts"] + weights.places * terms["cells"]
        )
        total = total + fact_weight * auxiliary
    terms["total"] = total
    return terms


class Trainer:
    """The state of a running training: model, averaged model, head, optimiser and step."""

    def __init__(self, config: TrainConfig, out: Path) -> None:
        torch.manual_seed(config.seed)
        self.config = config
        self.out = out
        self.model = build_model(config)
        width = self.model.visual.attnpool.k_proj.in_features
        self.head = FactHead(config.model["embed_dim"], width)
        self.averaged = copy.deepcopy(self.model).eval().requires_grad_(False)
        matrices = [p for m in (self.model, self.head) for p in m.parameters() if p.ndim > 1]
        vectors = [p for m in (self.model, self.head) for p in m.parameters() if p.ndim <= 1]
        self.optimizer = torch.optim.AdamW(
            [
                {"params": matrices, "weight_decay": config.weight_decay},
                {"params": vectors, "weight_decay": 0.0},
            ],
            lr=config.learning_rate,
            betas=(0.9, 0.98),
            fused=True,
        )
        self.step = 0
        self.seconds = 0.0

    @property
    def checkpoint_path(self) -> Path:
        """Where the state is kept."""
        return self.out / "checkpoint.pt"

    def save(self) -> None:
        """Write the whole state; a kill while writing leaves the earlier one."""
        state = {
            "config": self.config.as_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "model": self.model.state_dict(),
            "averaged": self.averaged.state_dict(),
            "head": self.head.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        partial = self.checkpoint_path.with_suffix(".partial")
        torch.save(state, partial)
        os.replace(partial, self.checkpoint_path)

    def resume(self) -> bool:
        """Load the state if there is one.

        Raises:
            CheckpointError: It belongs to another configuration.
        """
        if not self.checkpoint_path.exists():
            return False
        state = torch.load(self.checkpoint_path, weights_only=True)
        if json.dumps(state["config"], sort_keys=True) != json.dumps(self.config.as_dict(), sort_keys=True):
            raise CheckpointError(
                f"{self.checkpoint_path} belongs to another configuration; choose another --out or delete it."
            )
        self.model.load_state_dict(state["model"])
        self.averaged.load_state_dict(state["averaged"])
        self.head.load_state_dict(state["head"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds = state["step"], state["seconds"]
        return True

    def learning_rate(self) -> float:
        """Return the current rate: warm-up, a level stretch where the decay begins later, a cosine."""
        config = self.config
        if self.step < config.warmup:
            return config.learning_rate * (self.step + 1) / config.warmup
        decayed = max(0.0, 1 - (config.steps - self.step) / config.decay_steps)
        return config.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * decayed)))

    def train_step(self, batch: SceneBatch) -> dict[str, float]:
        """Take one optimiser step and return the terms of the loss."""
        config = self.config
        stage, progress = config.stage_at(self.step)
        fact_weight = _between(stage.facts, progress)
        self.model.train()
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate()
        terms = compute_losses(self.model, self.head, batch, config, fact_weight=fact_weight)
        self.optimizer.zero_grad(set_to_none=True)
        terms["total"].backward()  # type: ignore[no-untyped-call]
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        norm = nn.utils.clip_grad_norm_(parameters, config.clip_norm)
        self.optimizer.step()
        with torch.no_grad():
            self.model.logit_scale.clamp_(max=math.log(100.0))
            self._average()
        self.step += 1
        return {name: float(term.detach()) for name, term in terms.items()} | {"gradient_norm": float(norm)}

    def _average(self) -> None:
        # A short memory at first: averages of the first steps would hold on to the random start.
        decay = min(self.config.ema, (1 + self.step) / (10 + self.step))
        old, new = self.averaged.state_dict(), self.model.state_dict()
        floating = [name for name in old if old[name].is_floating_point()]
        torch._foreach_lerp_([old[name] for name in floating], [new[name] for name in floating], 1 - decay)

    def export(self, path: Path) -> None:
        """Write the averaged model as float16 safetensors and its open_clip configuration as JSON beside."""
        # Counters of the batch norms stay whole numbers; open_clip loads a complete state dict only.
        state = {
            name: (value.half() if value.is_floating_point() else value).contiguous()
            for name, value in self.averaged.state_dict().items()
        }
        save_file(state, path)
        record = {
            "open_clip_config": self.config.model,
            "training": {"steps": self.step, "seconds": self.seconds},
        }
        path.with_suffix(".json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def _between(ends: tuple[float, float], progress: float) -> float:
    return ends[0] + (ends[1] - ends[0]) * progress


def _first(samples: list[SceneBatch]) -> SceneBatch:
    return samples[0]


def train(
    config: TrainConfig,
    out: Path,
    *,
    workers: int = 1,
    on_step: Callable[[int, dict[str, float]], None] | None = None,
    validate: Callable[[nn.Module], dict[str, float]] | None = None,
) -> Path:
    """Train to the last step, from the checkpoint in `out` where there is one.

    Args:
        config: What to train.
        out: Folder for the checkpoint, the logs and the exported model.
        workers: Processes that draw batches ahead; 0 draws them in this one.
        on_step: Called after every step with the number of steps done and the terms of the loss.
        validate: Called every `validate_every` steps with the averaged model; its figures are logged.

    Returns:
        The path of the exported model.

    Raises:
        CheckpointError: The checkpoint in `out` belongs to another configuration.
    """
    out.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(config, out)
    if trainer.resume():
        log.info("resumed at step %d", trainer.step)
    loader: Iterator[SceneBatch] = iter(
        DataLoader(
            SceneBatches(config),
            sampler=range(trainer.step, config.steps),
            batch_size=1,
            collate_fn=_first,
            num_workers=workers,
            prefetch_factor=4 if workers else None,
        )
    )
    with SummaryWriter(str(out / "tensorboard")) as writer:
        last = time.monotonic()
        for batch in loader:
            terms = trainer.train_step(batch)
            now = time.monotonic()
            trainer.seconds, last = trainer.seconds + now - last, now
            if trainer.step % 20 == 0:
                for name, value in terms.items():
                    writer.add_scalar(f"loss/{name}", value, trainer.step)
            if on_step is not None:
                on_step(trainer.step, terms)
            if trainer.step % config.save_every == 0 or trainer.step == config.steps:
                trainer.save()
            if validate is not None and (
                trainer.step % config.validate_every == 0 or trainer.step == config.steps
            ):
                for name, value in validate(trainer.averaged).items():
                    writer.add_scalar(f"validation/{name}", value, trainer.step)
    path = out / "model.safetensors"
    trainer.export(path)
    return path
