"""The configuration of a fine-tuning on images with captions: one TOML file, frozen, checked, saved."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from specs_core.errors import ConfigError
from specs_core.segmentation import SEGMENTERS
from specs_core.training.config_tables import build_table, parse_toml

PREFIXES = ("all", "one")


@dataclass(frozen=True)
class Start:
    """What the fine-tuning starts from.

    Attributes:
        model: A name of `specs models`, open_clip:ARCH/TAG, or the path of a checkpoint file.
    """

    model: str


@dataclass(frozen=True)
class Data:
    """What it trains on; paths count from the working directory.

    Attributes:
        train: JSON Lines of images with captions (`specs_core.datasets.pairs`).
        validation: The same, held out; None for no figures on held-out captions.
        validation_captions: Captions of it that are looked at.
        segmenter: Cuts the captions that come without units.
        units: Folder for the units that were cut; None for one beside the data.
    """

    train: str
    validation: str | None = None
    validation_captions: int = 256
    segmenter: str = SEGMENTERS[0]
    units: str | None = None


@dataclass(frozen=True)
class Loss:
    """The objective a L_contrastive + b L_pos + c L_neg (docs/metrics.md, "Training").

    Attributes:
        contrastive, positive, negative: a, b and c; 0 leaves a term out.
        pairwise: Weight of the term that compares a true and a false unit directly; not the paper's.
        pairwise_scale: Its s.
        margin: Range of the two hinges' margins, in cosine. Each is the batch mean of its own gap.
    """

    contrastive: float = 1.0
    positive: float = 8.0
    negative: float = 0.8
    pairwise: float = 0.0
    pairwise_scale: float = 30.0
    margin: tuple[float, float] = (0.0, 2.0)


@dataclass(frozen=True)
class Negatives:
    """The false units.

    Attributes:
        per_caption: False units of a caption, at units drawn without repetition; 0 for one at every unit.
        hard: Share of the units with false facts in the data whose negative is one of these; all others are
            units of another pair in the batch.
        shuffled: Share of the units of other pairs whose words are shuffled.
    """

    per_caption: int = 0
    hard: float = 0.5
    shuffled: float = 0.9


@dataclass(frozen=True)
class FinetuneConfig:
    """A whole fine-tuning.

    Attributes:
        start, data, loss, negatives: See there.
        seed: Of the order of the data and of everything drawn.
        batch: Captions of a forward pass, of all processes together; the contrastive term compares these.
        accumulation: Such passes whose gradients add up to one optimiser step.
        epochs: Passes over the data; None where `steps` says how long. A pass takes whole batches: the
            captions that are left over, fewer than `batch`, change from pass to pass with the order.
        steps: Optimiser steps; None where `epochs` does.
        learning_rate: Peak of the cosine schedule, which ends at a hundredth of it.
        warmup: Steps to the peak.
        weight_decay: AdamW's, on matrices only.
        betas: AdamW's.
        clip_norm: Largest norm of the gradient.
        ema: Decay of the averaged weights, which are then the ones exported; 0 exports the last weights.
        prefixes: "all" prefixes of a caption, or "one" triplet a caption: a drawn prefix, its true unit, a
            false one.
        bf16: Whether the towers run in bfloat16 under autocast where the device has it.
        validate_every, save_every: In steps.
    """

    start: Start
    data: Data
    seed: int
    batch: int
    learning_rate: float
    warmup: int
    accumulation: int = 1
    epochs: int | None = None
    steps: int | None = None
    weight_decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.999)
    clip_norm: float = 1.0
    ema: float = 0.0
    prefixes: str = "all"
    bf16: bool = True
    validate_every: int = 500
    save_every: int = 500
    loss: Loss = Loss()
    negatives: Negatives = Negatives()

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return asdict(self)


_TABLES = {"start": Start, "data": Data, "loss": Loss, "negatives": Negatives}


def parse_finetune_config(text: str, *, name: str = "The configuration") -> FinetuneConfig:
    """Read a configuration from TOML text.

    Raises:
        ConfigError: It is not TOML, or a key is unknown or missing, or a value is out of range.
    """
    values = parse_toml(text, name=name)
    for table, cls in _TABLES.items():
        if table in values:
            values[table] = build_table(cls, values[table], f"{name}, table {table}")
    config: FinetuneConfig = build_table(FinetuneConfig, values, name)
    for trouble in _troubles(config):
        raise ConfigError(f"{name}: {trouble}.")
    return config


def _troubles(config: FinetuneConfig) -> list[str]:
    loss, negatives = config.loss, config.negatives
    weights = (loss.contrastive, loss.positive, loss.negative, loss.pairwise)
    low, high = loss.margin
    at_least_one = {
        "batch": config.batch - 1,
        "accumulation": config.accumulation,
        "validate_every": config.validate_every,
        "save_every": config.save_every,
        "data.validation_captions": config.data.validation_captions - 1,
    }
    shares = {"negatives.hard": negatives.hard, "negatives.shuffled": negatives.shuffled}
    rules = [
        ((config.epochs is None) != (config.steps is None), "give either epochs or steps"),
        ((config.epochs or config.steps or 0) >= 1, "epochs or steps has to be 1 or more"),
        *((value >= 1, f"{key} is too small") for key, value in at_least_one.items()),
        *((0 <= value <= 1, f"{key} is {value}, a share in [0, 1]") for key, value in shares.items()),
        (config.learning_rate > 0, "learning_rate has to be above 0"),
        (config.warmup >= 0, "warmup has to be 0 or more"),
        (0 <= config.ema < 1, f"ema is {config.ema}, a decay in [0, 1)"),
        (all(0 <= b < 1 for b in config.betas), "betas are two numbers in [0, 1)"),
        (config.weight_decay >= 0, "weight_decay has to be 0 or more"),
        (config.clip_norm > 0, "clip_norm has to be above 0"),
        (negatives.per_caption >= 0, "negatives.per_caption has to be 0 or more"),
        (config.prefixes in PREFIXES, f"prefixes is {config.prefixes!r}, one of {', '.join(PREFIXES)}"),
        (config.data.segmenter in SEGMENTERS, f"data.segmenter has to be one of {', '.join(SEGMENTERS)}"),
        (min(weights) >= 0 < max(weights), "the weights of the loss are 0 or more, and not all 0"),
        (loss.pairwise_scale > 0, "loss.pairwise_scale has to be above 0"),
        (0 <= low <= high, "loss.margin is [smallest, largest], both 0 or more"),
    ]
    return [trouble for right, trouble in rules if not right]
