"""The training loop: resumable, on one process or several, logged to TensorBoard."""

from __future__ import annotations

import copy
import hashlib
import json
import logging
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import fields, is_dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, cast

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torch.utils.tensorboard import SummaryWriter

from specs_core.errors import CheckpointError, SpecsError
from specs_core.training.task import Schedule, Task

log = logging.getLogger(__name__)

_LOG_EVERY = 20  # steps


def learning_rate(schedule: Schedule, step: int) -> float:
    """Return the rate of a step: warm-up, a level stretch where the decay begins later, a cosine."""
    if step < schedule.warmup:
        return schedule.learning_rate * (step + 1) / schedule.warmup
    decayed = max(0.0, 1 - (schedule.steps - step) / schedule.decay_steps)
    return schedule.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * decayed)))


class Trainer:
    """The state of a running training: model, averaged model, optimiser and step.

    All that is drawn at a step is a function of the seed, the step and the process, so nothing of it has to
    be kept for a training to go on as if it had not been stopped.
    """

    def __init__(self, task: Task, out: Path, accelerator: Accelerator) -> None:
        self.task = task
        self.out = out
        self.accelerator = accelerator
        self.objective = task.objective.to(accelerator.device)
        self.model: Any = self.objective.model
        self.averaged = cast(nn.Module, copy.deepcopy(self.model)).eval().requires_grad_(False)
        parameters = list(self.objective.parameters())
        schedule = task.schedule
        self.optimizer = torch.optim.AdamW(
            [
                {"params": [p for p in parameters if p.ndim > 1], "weight_decay": schedule.weight_decay},
                {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
            ],
            lr=schedule.learning_rate,
            betas=schedule.betas,
            fused=True,
        )
        # The loss is computed inside the wrapped module's forward: called past the wrapper, as the published
        # code does, no gradient would ever be averaged over processes.
        self.wrapped: nn.Module = accelerator.prepare_model(self.objective)
        self.step = 0
        self.seconds = 0.0
        self.counts = torch.zeros(len(task.counted), dtype=torch.long)
        self._new_counts = torch.zeros_like(self.counts)

    @property
    def checkpoint_path(self) -> Path:
        """Where the state is kept."""
        return self.out / "checkpoint.pt"

    def save(self) -> None:
        """Write the whole state; a kill while writing leaves the earlier one. All processes call it."""
        if len(self.counts):
            new = self._new_counts.to(self.accelerator.device)
            self.counts += self.accelerator.reduce(new, reduction="sum").cpu()
            self._new_counts.zero_()
        if not self.accelerator.is_main_process:
            return
        state = {
            "config": self.task.record,
            "step": self.step,
            "seconds": self.seconds,
            "counts": self.counts,
            "averaged": self.averaged.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            **{name: part.state_dict() for name, part in self.objective.named_children()},
        }
        partial = self.checkpoint_path.with_suffix(".partial")
        torch.save(state, partial)
        os.replace(partial, self.checkpoint_path)

    def resume(self) -> bool:
        """Load the state if there is one.

        Raises:
            CheckpointError: It belongs to another configuration, or to other data.
        """
        if not self.checkpoint_path.exists():
            return False
        state = torch.load(self.checkpoint_path, weights_only=True, map_location=self.accelerator.device)
        if json.dumps(state["config"], sort_keys=True) != json.dumps(self.task.record, sort_keys=True):
            raise CheckpointError(
                f"{self.checkpoint_path} belongs to another configuration; choose another --out or delete it."
            )
        for name, part in self.objective.named_children():
            part.load_state_dict(state[name])
        self.averaged.load_state_dict(state["averaged"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds = state["step"], state["seconds"]
        self.counts = state.get("counts", self.counts).cpu()
        return True

    def train_step(self, batches: list[Any]) -> dict[str, float]:
        """Take one optimiser step.

        Args:
            batches: Those whose gradients add up to the step.

        Returns:
            The terms of the loss, means over the batches, and the norm of the gradient before clipping.
        """
        schedule = self.task.schedule
        self.objective.train()
        torch.manual_seed(_seed(self.task.seed, self.step, self.accelerator.process_index))
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(schedule, self.step)
        self.optimizer.zero_grad(set_to_none=True)
        sums: dict[str, list[Tensor]] = {}
        for number, batch in enumerate(batches, start=1):
            # Processes average gradients once a step, with the last batch.
            apart = nullcontext() if number == len(batches) else self.accelerator.no_sync(self.wrapped)
            with apart:
                terms = self.wrapped(on_device(batch, self.accelerator.device), self.step)
                self.accelerator.backward(terms["total"] / len(batches))
            for name, term in terms.items():
                sums.setdefault(name, []).append(term.detach())
            if len(self.counts):
                self._new_counts += batch.counts
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        norm = nn.utils.clip_grad_norm_(parameters, schedule.clip_norm)
        self.optimizer.step()
        with torch.no_grad():
            self.model.logit_scale.clamp_(max=math.log(100.0))
            self._average()
        self.step += 1
        means = {name: float(torch.stack(values).mean()) for name, values in sums.items()}
        return means | {"gradient_norm": float(norm)}

    def _average(self) -> None:
        # A short memory at first: averages of the first steps would hold on to the random start.
        decay = min(self.task.schedule.ema, (1 + self.step) / (10 + self.step))
        old, new = self.averaged.state_dict(), self.model.state_dict()
        floating = [name for name in old if old[name].is_floating_point()]
        torch._foreach_lerp_([old[name] for name in floating], [new[name] for name in floating], 1 - decay)

    def export(self) -> Path:
        """Write the averaged model with a record of its training, and return the file's path."""
        training: dict[str, Any] = {"steps": self.step, "seconds": self.seconds}
        if len(self.counts):
            training["counts"] = dict(zip(self.task.counted, self.counts.tolist(), strict=True))
        return self.task.write(self.averaged, self.out, training)


def train(
    task: Task,
    out: Path,
    *,
    accelerator: Accelerator | None = None,
    workers: int = 1,
    on_step: Callable[[int, dict[str, float]], None] | None = None,
    validate: Callable[[nn.Module], dict[str, float]] | None = None,
) -> Path:
    """Train to the last step, from the checkpoint in `out` where there is one.

    Args:
        task: What to train.
        out: Folder for the checkpoint, the logs and the exported model.
        accelerator: The processes and the device; None for this process alone, on the CPU.
        workers: Processes that make batches ahead; 0 makes them in this one.
        on_step: Called after every step with the number of steps done and the terms of the loss.
        validate: Called every `validate_every` steps with the averaged model; its figures are logged.

    Returns:
        The path of the exported model.

    Raises:
        CheckpointError: The checkpoint in `out` belongs to another configuration.
    """
    out.mkdir(parents=True, exist_ok=True)
    schedule = task.schedule
    trainer = Trainer(task, out, accelerator or Accelerator(cpu=True))
    main = trainer.accelerator.is_main_process
    if trainer.resume():
        log.info("resumed at step %d", trainer.step)
    loader: Iterator[Any] = iter(
        DataLoader(
            _Told(task.batches),
            sampler=range(trainer.step * schedule.accumulation, schedule.steps * schedule.accumulation),
            batch_size=1,
            collate_fn=_first,
            num_workers=workers,
            prefetch_factor=4 if workers else None,
        )
    )
    writer = SummaryWriter(str(out / "tensorboard")) if main else None
    with writer or nullcontext():
        last = time.monotonic()
        while batches := _checked(islice(loader, schedule.accumulation)):
            rate = learning_rate(schedule, trainer.step)
            terms = trainer.train_step(batches)
            now = time.monotonic()
            trainer.seconds, last = trainer.seconds + now - last, now
            if writer is not None and trainer.step % _LOG_EVERY == 0:
                for name, value in {**terms, "learning_rate": rate}.items():
                    writer.add_scalar(f"loss/{name}", value, trainer.step)
            if on_step is not None and main:
                on_step(trainer.step, terms)
            if trainer.step % schedule.save_every == 0 or trainer.step == schedule.steps:
                trainer.save()
                for name, count in zip(task.counted, trainer.counts.tolist(), strict=True):
                    if writer is not None:
                        writer.add_scalar(f"data/{name}", count, trainer.step)
            if validate is not None and writer is not None and _is_due(trainer.step, schedule):
                for name, value in validate(trainer.averaged).items():
                    writer.add_scalar(f"validation/{name}", value, trainer.step)
    return trainer.export() if main else out


class _Told(Dataset[Any]):
    """Batches, or the error in a batch's place: raised in a worker, its message would be a traceback."""

    def __init__(self, batches: Dataset[Any]) -> None:
        self._batches = batches

    def __getitem__(self, index: int) -> Any:
        try:
            return self._batches[index]
        except SpecsError as error:
            return error


def _checked(batches: Iterable[Any]) -> list[Any]:
    found = list(batches)
    for batch in found:
        if isinstance(batch, SpecsError):
            raise batch
    return found


def _is_due(step: int, schedule: Schedule) -> bool:
    return step % schedule.validate_every == 0 or step == schedule.steps


def _seed(seed: int, step: int, process: int) -> int:
    return int.from_bytes(hashlib.sha256(f"step-{seed}-{step}-{process}".encode()).digest()[:7], "big")


def _first(samples: list[Any]) -> Any:
    return samples[0]


def on_device(value: Any, device: torch.device) -> Any:
    """Return a batch with its tensors on a device, those in tuples and dataclasses too."""
    if device.type == "cpu":
        return value
    if isinstance(value, Tensor):
        return value.to(device, non_blocking=True)
    if isinstance(value, tuple):
        return tuple(on_device(each, device) for each in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: on_device(getattr(value, f.name), device) for f in fields(value)})
    return value
