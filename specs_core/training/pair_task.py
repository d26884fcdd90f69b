"""The fine-tuning of a published or local checkpoint on images with captions."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import nn

from specs_core.checkpoints import Progress, fetch, file_sha256, resolve
from specs_core.longclip import LoadedModel, load_model
from specs_core.segmentation import segmenter_version
from specs_core.text_input import TextInput
from specs_core.training.finetune_config import FinetuneConfig
from specs_core.training.model_files import origin_of, write_like
from specs_core.training.pair_batches import COUNTS, PairBatches
from specs_core.training.pair_file import PairFile
from specs_core.training.pair_objective import PairObjective
from specs_core.training.task import Schedule, Task

log = logging.getLogger(__name__)

Validation = Callable[[nn.Module], dict[str, float]]


@dataclass(frozen=True)
class Finetuning:
    """A fine-tuning that is ready to run.

    Attributes:
        task: For `specs_core.training.loop.train`.
        validate: Gives a model's figures on the held-out captions; None without such.
    """

    task: Task
    validate: Validation | None


def prepare_finetuning(
    config: FinetuneConfig,
    accelerator: Accelerator,
    *,
    on_progress: Progress | None = None,
    on_captions: Callable[[int], None] | None = None,
) -> Finetuning:
    """Load the checkpoint and cut the captions.

    Args:
        config: What to do.
        accelerator: The processes and the device.
        on_progress: Told of a download of the checkpoint.
        on_captions: Called with the number of captions whose units are ready.

    Raises:
        SpecsError: The model, the data or a folder is not what it should be; the message says which.
    """
    checkpoint = resolve(config.start.model)
    with accelerator.main_process_first():
        path = fetch(checkpoint, on_progress=on_progress)
    loaded = load_model(checkpoint, path)
    texts = TextInput(loaded.model, loaded.tokenizer, context_length=loaded.context_length)

    def read(name: str) -> PairFile:
        pairs = PairFile(Path(name))
        pairs.cut_units(
            segmenter=config.data.segmenter,
            folder=None if config.data.units is None else Path(config.data.units),
            rank=accelerator.process_index,
            processes=accelerator.num_processes,
            on_captions=on_captions,
        )
        return pairs

    batches = PairBatches(
        read(config.data.train),
        config,
        texts,
        loaded.preprocess,
        rank=accelerator.process_index,
        processes=accelerator.num_processes,
    )
    bf16 = config.bf16 and has_bf16(accelerator.device)
    if config.bf16 and not bf16:
        log.warning("%s has no bfloat16: training in float32", accelerator.device)
    objective = PairObjective(loaded.model, config.loss, bf16=bf16)
    inputs = {
        "train_sha256": file_sha256(Path(config.data.train)),
        "model_sha256": file_sha256(path),
        "segmenter": segmenter_version(config.data.segmenter),
    }
    if config.data.validation is not None:
        inputs["validation_sha256"] = file_sha256(Path(config.data.validation))
    schedule = Schedule(
        steps=batches.steps,
        learning_rate=config.learning_rate,
        warmup=config.warmup,
        decay_steps=max(1, batches.steps - config.warmup),
        weight_decay=config.weight_decay,
        betas=config.betas,
        clip_norm=config.clip_norm,
        ema=config.ema,
        accumulation=config.accumulation,
        validate_every=config.validate_every,
        save_every=config.save_every,
    )
    record = {**config.as_dict(), "inputs": inputs}

    def write(model: nn.Module, folder: Path, training: dict[str, Any]) -> Path:
        beside = {
            "training": {**training, "config": record},
            "checkpoint": origin_of(checkpoint, Path(config.data.train)),
        }
        return write_like(model, folder, checkpoint, path, beside)

    task = Task(
        objective=objective,
        batches=batches,
        schedule=schedule,
        seed=config.seed,
        record=record,
        write=write,
        counted=COUNTS,
    )
    validate = None
    if config.data.validation is not None:
        validate = _validation(config, read(config.data.validation), texts, loaded, accelerator)
    return Finetuning(task, validate)


def has_bf16(device: torch.device) -> bool:
    """Tell whether a device computes in bfloat16 by itself, so that it is no slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        capabilities = torch.cpu.get_capabilities()
        return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    return False


def _validation(
    config: FinetuneConfig, pairs: PairFile, texts: TextInput, loaded: LoadedModel, accelerator: Accelerator
) -> Validation:
    """Return the share of true units that rise, and by kind that of false units that fall, on fixed draws."""
    count = min(config.data.validation_captions, len(pairs))
    batches = -(-count // config.batch)
    sizes = replace(config, batch=-(-count // batches), epochs=None, steps=1, prefixes="all")
    drawn = PairBatches(pairs, sizes, texts, loaded.preprocess, looked_at=count)
    objective = PairObjective(loaded.model, config.loss, bf16=False)

    @torch.no_grad()
    def validate(model: nn.Module) -> dict[str, float]:
        from specs_core.training.loop import on_device

        objective.model = model
        outcomes: dict[str, list[bool]] = defaultdict(list)
        for index in range(batches):
            batch = on_device(drawn[index], accelerator.device)
            image, text = objective.features(batch)
            similarity = (image[batch.caption] * text).sum(-1).cpu()
            rises, falls = similarity[batch.rises.cpu()], similarity[batch.falls.cpu()]
            outcomes["rises"] += (rises[:, 1] > rises[:, 0]).tolist()
            for kind, fell in zip(batch.kinds, (falls[:, 1] < falls[:, 0]).tolist(), strict=True):
                outcomes["falls"].append(fell)
                outcomes[f"falls/{kind}"].append(fell)
        return {name: sum(found) / len(found) for name, found in sorted(outcomes.items()) if found}

    return validate
