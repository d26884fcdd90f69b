"""The configuration of a training on drawn scenes: one TOML file, frozen, checked, saved with the state."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from specs_core.errors import ConfigError
from specs_core.scenes.world import FACT_TYPES
from specs_core.training.config_tables import build_table, parse_toml, read_text


@dataclass(frozen=True)
class Stage:
    """One step of the curriculum.

    Attributes:
        steps: Optimiser steps.
        objects: Fewest and most objects of a scene.
        detail: Range of the level of detail of the captions (`write_caption`).
        batch: Captions of a step, each with an image of its own.
        facts: Weight of the fact loss at the start and at the end of the stage, linear between.
        relations: Weight of reading relations off what a unit changes, relative to the fact loss.
        negative: Factor on the weight of L_neg.
        false_types: Types of fact that false units are drawn from, a type as often as it stands here; without
            it, a unit is drawn first and then one of its types.
    """

    steps: int
    objects: tuple[int, int]
    detail: tuple[float, float]
    batch: int
    facts: tuple[float, float]
    relations: float = 0.0
    negative: float = 1.0
    false_types: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Weights:
    """Weights of the losses (metric definitions in docs/metrics.md).

    Attributes:
        contrastive, positive, negative: a, b and c of the SPECS objective.
        pairwise: Of the term that compares a true and a false unit after the same prefix.
        places: Of the auxiliary loss on the vision tower's cells, relative to the fact loss.
    """

    contrastive: float
    positive: float
    negative: float
    pairwise: float
    places: float


@dataclass(frozen=True)
class TrainConfig:
    """A whole training.

    Attributes:
        seed: Of the weights and of everything drawn.
        model: An open_clip model configuration.
        stages: The curriculum.
        weights: Of the losses.
        learning_rate: Peak of the schedule.
        decay_steps: Last steps, in which the rate falls along a cosine from its peak to a hundredth of it.
        weight_decay: AdamW's, on matrices only.
        warmup: Steps to the peak.
        clip_norm: Largest norm of the gradient.
        ema: Decay of the averaged weights, which are the ones exported.
        false_units: False units that hang on each caption's trunk.
        other_scene_share: Share of them that is a unit of another scene; the rest has one fact exchanged.
        shuffled_share: Share of the units of other scenes whose words are shuffled.
        margin: Smallest and largest margin of the hinge losses, in cosine.
        pairwise_scale: s of the pairwise term.
        bf16: Whether the towers run in bfloat16 under autocast.
        validate_every, save_every: In steps.
    """

    seed: int
    model: dict[str, Any]
    stages: tuple[Stage, ...]
    weights: Weights
    learning_rate: float
    decay_steps: int
    weight_decay: float
    warmup: int
    clip_norm: float
    ema: float
    false_units: int
    other_scene_share: float
    shuffled_share: float
    margin: tuple[float, float]
    pairwise_scale: float
    bf16: bool
    validate_every: int
    save_every: int

    @property
    def steps(self) -> int:
        """Optimiser steps of all stages."""
        return sum(stage.steps for stage in self.stages)

    def stage_at(self, step: int) -> tuple[Stage, float]:
        """Return the stage of a step and how far it has gone, in [0, 1)."""
        for stage in self.stages:
            if step < stage.steps:
                return stage, step / stage.steps
            step -= stage.steps
        raise IndexError(f"step {step} lies past the last stage")

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return asdict(self)


def parse_config(text: str, *, name: str = "The configuration") -> TrainConfig:
    """Read a configuration from TOML text.

    Raises:
        ConfigError: It is not TOML, or a key is unknown or missing, or a value is out of range.
    """
    values = parse_toml(text, name=name)
    stages = values.get("stages")
    if not isinstance(stages, list) or not stages:
        raise ConfigError(f"{name} needs at least one table [[stages]].")
    values["stages"] = [
        build_table(Stage, stage, f"{name}, stage {i}") for i, stage in enumerate(stages, start=1)
    ]
    values["weights"] = build_table(Weights, values.get("weights"), f"{name}, table weights")
    config: TrainConfig = build_table(TrainConfig, values, name)
    for stage in config.stages:
        if stage.steps < 1 or stage.batch < 2 or not 2 <= stage.objects[0] <= stage.objects[1] <= 9:
            raise ConfigError(
                f"{name}: a stage needs at least 1 step, a batch of 2, and 2 to 9 objects; got {stage}."
            )
    for stage in config.stages:
        unknown = sorted(set(stage.false_types or ()) - set(FACT_TYPES))
        if unknown:
            raise ConfigError(
                f"{name}: false_types must be of {', '.join(FACT_TYPES)}; got {', '.join(unknown)}."
            )
    return config


def read_config(path: Path) -> TrainConfig:
    """Read a configuration file.

    Raises:
        ConfigError: It cannot be read, or `parse_config` refuses it.
    """
    return parse_config(read_text(path), name=str(path))
