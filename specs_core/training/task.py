"""What differs between trainings: model and loss, data, schedule, and how the model is written."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import nn
from torch.utils.data import Dataset

from specs_core.training.config import TrainConfig
from specs_core.training.scene_batches import SceneBatches
from specs_core.training.scene_objective import SceneObjective


@dataclass(frozen=True)
class Schedule:
    """How the optimiser goes.

    Attributes:
        steps: Optimiser steps in all.
        learning_rate: Peak.
        warmup: Steps to the peak.
        decay_steps: Last steps, in which the rate falls along a cosine to a hundredth of the peak.
        weight_decay: AdamW's, on matrices only.
        betas: AdamW's.
        clip_norm: Largest norm of the gradient.
        ema: Decay of the averaged weights; 0 keeps none apart from the last.
        accumulation: Batches whose gradients add up to one step.
        validate_every, save_every: In steps.
    """

    steps: int
    learning_rate: float
    warmup: int
    decay_steps: int
    weight_decay: float
    betas: tuple[float, float]
    clip_norm: float
    ema: float
    accumulation: int
    validate_every: int
    save_every: int


@dataclass(frozen=True)
class Task:
    """A training, without its state.

    Attributes:
        objective: Module with `model`, the part that is averaged and written; called with (batch, steps done)
            it returns terms by name, of which `total` is minimised.
        batches: Batch number i of the whole training at index i; each process has its own part.
        schedule: See there.
        seed: Of everything drawn.
        record: Plain values that a checkpoint has to agree with to be gone on from.
        write: Writes a model and the record of its training into a folder and returns the file's path.
        counted: Names of what `batch.counts` counts, if the batches have that.
    """

    objective: nn.Module
    batches: Dataset[Any]
    schedule: Schedule
    seed: int
    record: dict[str, Any]
    write: Callable[[nn.Module, Path, dict[str, Any]], Path]
    counted: tuple[str, ...] = field(default=())


def scene_task(config: TrainConfig) -> Task:
    """Return the training of the bundled model from random weights; seed torch before."""
    schedule = Schedule(
        steps=config.steps,
        learning_rate=config.learning_rate,
        warmup=config.warmup,
        decay_steps=config.decay_steps,
        weight_decay=config.weight_decay,
        betas=(0.9, 0.98),
        clip_norm=config.clip_norm,
        ema=config.ema,
        accumulation=1,
        validate_every=config.validate_every,
        save_every=config.save_every,
    )

    def write(model: nn.Module, folder: Path, training: dict[str, Any]) -> Path:
        # Counters of the batch norms stay whole numbers; open_clip loads a complete state dict only.
        state = {
            name: (value.half() if value.is_floating_point() else value).contiguous()
            for name, value in model.state_dict().items()
        }
        path = folder / "model.safetensors"
        save_file(state, path)
        beside = {"open_clip_config": config.model, "training": training}
        path.with_suffix(".json").write_text(json.dumps(beside, indent=1) + "\n", encoding="utf-8")
        return path

    return Task(
        objective=SceneObjective(config),
        batches=SceneBatches(config),
        schedule=schedule,
        seed=config.seed,
        record=config.as_dict(),
        write=write,
    )
