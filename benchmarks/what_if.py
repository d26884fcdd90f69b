"""Time the curve of an edited caption, with and without what was kept of the caption before.

The model, caption and units are those of `one_pass.py` (ViT-B/32, 248 positions, 230 tokens, 25 units). Each
unit in turn is switched off, and the curve over the others is drawn anew, with and without a memory:

    anew      every prefix in one pass
    kept      the same, going on from the keys and values of the whole caption

    python benchmarks/what_if.py [--rounds 3] [--threads 2] [--json]
"""

from __future__ import annotations

import statistics
import time

import numpy as np
import torch
from one_pass import build_encoder, build_units, read_options, show

from specs_core.segmentation.units import DetailUnit
from specs_core.text_memory import TextMemory

LIMIT_SECONDS = 0.3


def measure(rounds: int) -> dict[str, float | int | str]:
    """Return seconds of each way, over all edits, and their ratio."""
    encoder = build_encoder()
    units = build_units(encoder)
    edits = [_without(units, gone) for gone in range(len(units))]
    seconds: dict[str, list[float]] = {"anew": [], "kept": []}
    processor: dict[str, list[float]] = {"anew": [], "kept": []}
    largest = 0.0
    for _ in range(rounds):
        for edit in edits:
            memory = TextMemory()
            encoder.prefix_features(units, memory=memory)
            found = {}
            for way, known in (("anew", None), ("kept", memory)):
                begun, begun_cpu = time.perf_counter(), time.process_time()
                found[way] = encoder.prefix_features(edit, memory=known).features
                seconds[way].append(time.perf_counter() - begun)
                processor[way].append(time.process_time() - begun_cpu)
            largest = max(largest, float(np.abs(found["kept"] - found["anew"]).max()))
    return {
        "threads": torch.get_num_threads(),
        "edits": len(edits),
        "anew_s": statistics.median(seconds["anew"]),
        "kept_s": statistics.median(seconds["kept"]),
        "kept_slowest_s": max(seconds["kept"]),
        "kept_over_anew": sum(processor["kept"]) / sum(processor["anew"]),
        "largest_difference": largest,
    }


def _without(units: tuple[DetailUnit, ...], gone: int) -> list[DetailUnit]:
    left, start = [], 0
    for number, unit in enumerate(units):
        if number != gone:
            left.append(DetailUnit(unit.text, start, start + len(unit.text)))
            start += len(unit.text)
    return left


def main() -> int:
    """Print the figures; return 1 where the median edit takes longer than the page's 300 ms."""
    args = read_options(__doc__)
    found = measure(args.rounds)
    show(found, as_json=args.json)
    return 0 if float(found["kept_s"]) <= LIMIT_SECONDS else 1


if __name__ == "__main__":
    raise SystemExit(main())
