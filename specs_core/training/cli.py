"""`specs train`: make a model from a configuration."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "train",
        help="train a model with the SPECS objective",
        description="Train a model from a TOML configuration: fine-tune a checkpoint on images with captions "
        "(a table [start]), or train the bundled model on drawn scenes. Run again to go on after a stop. "
        "Several processes: accelerate launch -m specs_core.cli train ... (docs/training.md).",
    )
    parser.add_argument(
        "--config", type=Path, required=True, help="TOML file, e.g. specs_core/training/scenes.toml"
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for checkpoint, logs and the exported model"
    )
    parser.add_argument(
        "--threads", type=int, default=None, help="threads of the tensor library (default: its own)"
    )
    parser.add_argument(
        "--workers", type=int, default=1, help="processes that make batches ahead (default: 1)"
    )
    parser.add_argument("--cpu", action="store_true", help="stay on the CPU where there is a GPU")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train; return the exit code."""
    import torch
    from accelerate import Accelerator, DistributedDataParallelKwargs
    from tqdm import tqdm

    from specs_core.errors import ConfigError
    from specs_core.training.config import parse_config
    from specs_core.training.config_tables import parse_toml, read_text
    from specs_core.training.finetune_config import parse_finetune_config
    from specs_core.training.loop import train
    from specs_core.training.pair_task import prepare_finetuning
    from specs_core.training.task import scene_task
    from specs_core.training.validation import make_validation

    text, name = read_text(args.config), str(args.config)
    finetunes = "start" in parse_toml(text, name=name)
    if args.threads is not None:
        torch.set_num_threads(args.threads)
    # A term of weight 0, or a tower's part that no feature is read from, has parameters without a gradient.
    kwargs = DistributedDataParallelKwargs(find_unused_parameters=True, broadcast_buffers=False)
    # The bundled model's towers are small, and its run is to be the same everywhere.
    accelerator = Accelerator(cpu=args.cpu or not finetunes, kwargs_handlers=[kwargs])
    if finetunes:
        with tqdm(unit="caption", desc="units", disable=not accelerator.is_main_process) as units:
            ready = prepare_finetuning(
                parse_finetune_config(text, name=name),
                accelerator,
                on_captions=lambda done: units.update(done - units.n),
            )
        task, figures = ready.task, ready.validate
    else:
        if accelerator.num_processes > 1:
            raise ConfigError("a training on drawn scenes runs in one process; start it without accelerate")
        config = parse_config(text, name=name)
        figures = make_validation(config)
        torch.manual_seed(config.seed)
        task = scene_task(config)
    with tqdm(
        total=task.schedule.steps, unit="step", smoothing=0.05, disable=not accelerator.is_main_process
    ) as bar:

        def on_step(step: int, terms: dict[str, float]) -> None:
            if bar.n == 0:
                bar.initial = bar.n = step - 1  # a resumed training does not count the steps before it
            bar.update(step - bar.n)
            bar.set_postfix(loss=f"{terms['total']:.3f}", refresh=False)

        def validate(model: torch.nn.Module) -> dict[str, float]:
            assert figures is not None
            found = figures(model)
            bar.write(f"step {bar.n}: " + "  ".join(f"{key} {value:.3f}" for key, value in found.items()))
            return found

        path = train(
            task,
            args.out,
            accelerator=accelerator,
            workers=args.workers,
            on_step=on_step,
            validate=validate if figures is not None else None,
        )
    if accelerator.is_main_process:
        print(f"The model is in {path}; its configuration is beside it.")
        _tell_counts(path)
    accelerator.end_training()
    return 0


def _tell_counts(path: Path) -> None:
    import json

    counts = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["training"].get("counts", {})
    for name, count in counts.items():
        print(f"  {name}: {count:,}")
