"""`specs train`: make a model from a configuration."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "train",
        help="train a model with the SPECS objective",
        description="Train a model from a TOML configuration; run again to go on after a stop.",
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
        "--workers", type=int, default=1, help="processes that draw batches ahead (default: 1)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train; return the exit code."""
    import torch
    from tqdm import tqdm

    from specs_core.training.config import read_config
    from specs_core.training.loop import train
    from specs_core.training.validation import make_validation

    config = read_config(args.config)
    if args.threads is not None:
        torch.set_num_threads(args.threads)
    figures = make_validation(config)
    with tqdm(total=config.steps, unit="step", smoothing=0.05) as bar:

        def on_step(step: int, terms: dict[str, float]) -> None:
            if bar.n == 0:
                bar.initial = bar.n = step - 1  # a resumed training does not count the steps before it
            bar.update(step - bar.n)
            bar.set_postfix(loss=f"{terms['total']:.3f}", refresh=False)

        def validate(model: torch.nn.Module) -> dict[str, float]:
            found = figures(model)
            bar.write(
                f"step {bar.n + 1}: " + "  ".join(f"{name} {value:.3f}" for name, value in found.items())
            )
            return found

        path = train(config, args.out, workers=args.workers, on_step=on_step, validate=validate)
    print(f"The model is in {path}; its configuration is beside it.")
    return 0
