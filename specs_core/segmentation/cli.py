"""`specs segment`: cut the captions of a JSON Lines file into detail units."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

from specs_core.errors import DataError

_CAPTIONS_A_PROCESS = 250


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
    parser.add_argument(
        "--processes",
        type=int,
        metavar="N",
        help="processes that share the work (default: one per processor, but no more than one per "
        f"{_CAPTIONS_A_PROCESS} captions, since each takes a few seconds to start)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Cut every caption of the input.

    Args:
        args: `input`, `output`, `segmenter`, `pipeline` and `processes`.

    Returns:
        0, or 1 where a line was left out.

    Raises:
        DataError: the input cannot be read or the output cannot be written.
        ConfigError: the pipeline cannot be loaded, or the number of processes is no number of processes.
    """
    from tqdm import tqdm

    from specs_core.segmentation import segment_many

    try:
        lines = [line for line in args.input.read_text(encoding="utf-8-sig").split("\n") if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{args.input} cannot be read: {error}") from error
    identifiers: list[Any] = []
    bad = 0

    def captions() -> Iterator[str]:
        nonlocal bad
        for number, line in enumerate(lines, start=1):
            try:
                identifier, caption = _row(line, number)
            except DataError as error:
                bad += 1
                tqdm.write(f"left out: {error}", file=sys.stderr)
                continue
            identifiers.append(identifier)
            yield caption

    processes = _default_processes(len(lines)) if args.processes is None else args.processes
    cut = segment_many(captions(), segmenter=args.segmenter, pipeline=args.pipeline, processes=processes)
    # A wrong option shows with the first caption, before an earlier output is overwritten.
    first = list(islice(cut, 1))
    try:
        with args.output.open("w", encoding="utf-8") as out, tqdm(total=len(lines), unit="caption") as bar:
            for index, units in enumerate(chain(first, cut)):
                out.write(_json({"id": identifiers[index], "units": [unit.text for unit in units]}) + "\n")
                bar.update()
            bar.update(bad)
    except OSError as error:
        raise DataError(f"{args.output} cannot be written: {error}") from error
    if bad:
        print(f"{bad} of {len(lines)} lines left out", file=sys.stderr)
    return 1 if bad else 0


def _default_processes(captions: int) -> int:
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(allowed, captions // _CAPTIONS_A_PROCESS))


def _row(line: str, number: int) -> tuple[Any, str]:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise DataError(f"line {number}: not JSON ({error})") from error
    if not isinstance(row, dict) or "id" not in row:
        raise DataError(f"line {number}: no id")
    caption = row.get("caption")
    if not isinstance(caption, str):
        raise DataError(f"line {number}, id {row['id']}: the caption is missing or not a text")
    if not caption.strip():
        raise DataError(f"line {number}, id {row['id']}: the caption is empty")
    return row["id"], caption


def _json(row: dict[str, Any]) -> str:
    text = json.dumps(row, ensure_ascii=False)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        # Half of a surrogate pair, as cut-off emoji leave behind, has no UTF-8; JSON can escape it.
        return json.dumps(row)
    return text
