"""`specs segment`: cut the captions of a JSON Lines file into detail units."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from specs_core.errors import DataError


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the `segment` subcommand; its `run` takes the parsed arguments and returns the exit code."""
    from specs_core.segmentation import SEGMENTERS

    parser = subparsers.add_parser(
        "segment",
        help="cut captions into detail units",
        description="Read lines with id and caption, write lines with id and units. "
        "A bad line is reported and left out; the exit code is then 1.",
    )
    parser.add_argument("input", type=Path, metavar="IN.jsonl")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.jsonl")
    parser.add_argument("--segmenter", choices=SEGMENTERS, default=SEGMENTERS[0])
    parser.add_argument(
        "--pipeline",
        help="name or path of another spaCy pipeline, such as en_core_web_sm (default: the shipped one)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Cut every caption of the input.

    Args:
        args: `input`, `output`, `segmenter` and `pipeline`.

    Returns:
        0, or 1 where a line was left out.

    Raises:
        DataError: the input cannot be read or the output cannot be written.
        ConfigError: the pipeline cannot be loaded.
    """
    from tqdm import tqdm

    from specs_core.segmentation import segment_many

    identifiers: list[Any] = []
    bad = 0

    def captions() -> Iterator[str]:
        nonlocal bad
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                identifier, caption = _row(line, number)
            except DataError as error:
                bad += 1
                tqdm.write(str(error), file=sys.stderr)
                continue
            identifiers.append(identifier)
            yield caption

    try:
        lines = args.input.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{args.input} cannot be read: {error}") from error
    total = sum(1 for line in lines if line.strip())
    try:
        with args.output.open("w", encoding="utf-8") as out, tqdm(total=total, unit="caption") as bar:
            cut = segment_many(captions(), segmenter=args.segmenter, pipeline=args.pipeline)
            for index, units in enumerate(cut):
                row = {"id": identifiers[index], "units": [unit.text for unit in units]}
                out.write(json.dumps(row, ensure_ascii=False) + "\n")
                bar.n = index + 1 + bad
                bar.refresh() if bar.n == total else bar.update(0)
    except OSError as error:
        raise DataError(f"{args.output} cannot be written: {error}") from error
    if bad:
        print(f"{bad} of {total} lines left out", file=sys.stderr)
    return 1 if bad else 0


def _row(line: str, number: int) -> tuple[Any, str]:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise DataError(f"line {number}: not JSON ({error})") from error
    if not isinstance(row, dict) or "id" not in row:
        raise DataError(f"line {number}: no id")
    caption = row.get("caption")
    if not isinstance(caption, str) or not caption.strip():
        found = (
            "no caption" if caption is None else "an empty caption" if caption == "" else "no usable caption"
        )
        raise DataError(f"line {number}, id {row['id']}: {found}")
    return row["id"], caption
