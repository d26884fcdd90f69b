"""`specs scenes`: draw scenes with exact captions."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "scenes",
        help="draw scenes with true and false captions",
        description="Draw scenes: images/ and scenes.jsonl (image, caption, false_caption, false_span).",
    )
    parser.add_argument("out", type=Path, help="folder to write")
    parser.add_argument("--count", type=_positive, required=True, help="number of scenes")
    parser.add_argument("--seed", type=int, required=True, help="equal seeds give equal scenes")
    parser.set_defaults(run=run)


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError
    return value


def run(args: argparse.Namespace) -> int:
    """Draw the scenes; return the exit code."""
    from tqdm import tqdm

    from specs_core.scenes.dataset import write_scenes

    with tqdm(total=args.count, unit="scene") as bar:
        path = write_scenes(
            args.out, count=args.count, seed=args.seed, on_scene=lambda done: bar.update(done - bar.n)
        )
    print(f"{args.count} scenes are in {path}.")
    return 0
