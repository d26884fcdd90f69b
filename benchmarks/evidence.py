"""Time what tells why a caption dips: leave-one-out, word attribution and heat maps.

The model, caption and units are those of `one_pass.py` (ViT-B/32, 248 positions, 230 tokens, 25 units). In
turn, so that whatever else the machine does falls on all alike:

    forward       the image and the caption, encoded once
    attribution   the words of the caption, the image being encoded already
    leave_one_out every caption without one unit, sharing what stands before the unit
    separate      the same as texts of their own, each once, in batches of similar length
    image         the image, encoded once
    heat_map      the heat map of a unit, the image's forward pass included
    next_heat_map the heat map of a further unit of that image

    python benchmarks/evidence.py [--rounds 5] [--threads 1] [--json]
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from one_pass import build_encoder, build_units, read_options, show
from PIL import Image

from specs_core.attribution import attribute
from specs_core.heat_map import ImageEvidence
from specs_core.text_branches import features_without


def measure(rounds: int) -> dict[str, float | int | str]:
    """Return seconds of processor time of each way, and their ratios."""
    encoder = build_encoder()
    units = build_units(encoder)
    caption = "".join(unit.text for unit in units)
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (300, 400, 3), dtype=np.uint8))
    features = encoder.image_features([image])[0]
    without = ["".join(unit.text for unit in units if unit is not gone) for gone in units]
    prefixes = encoder.prefix_features(units[:2]).features
    evidence = ImageEvidence(encoder, image)
    ways: dict[str, Callable[[], object]] = {
        "forward": lambda: (encoder.image_features([image]), encoder.text_features([caption])),
        "attribution": lambda: attribute(encoder, features, caption),
        "leave_one_out": lambda: features_without(encoder, units),
        "separate": lambda: encoder.text_features(without),
        "image": lambda: encoder.image_features([image]),
        "heat_map": lambda: ImageEvidence(encoder, image).heat_map(*prefixes),
        "next_heat_map": lambda: evidence.heat_map(*prefixes),
    }
    difference = np.abs(features_without(encoder, units) - encoder.text_features(without)).max()
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            begun = time.process_time()
            way()
            seconds[name].append(time.process_time() - begun)
    median = {name: statistics.median(times) for name, times in seconds.items()}
    return {
        "units": len(units),
        "tokens": encoder.count_tokens(caption),
        "threads": torch.get_num_threads(),
        **{f"{name}_cpu_s": value for name, value in median.items()},
        "attribution_over_forward": median["attribution"] / median["forward"],
        "leave_one_out_over_separate": median["leave_one_out"] / median["separate"],
        "heat_map_over_image": median["heat_map"] / median["image"],
        "next_heat_map_over_image": median["next_heat_map"] / median["image"],
        "largest_difference": float(difference),
    }


def main() -> None:
    """Print the figures."""
    args = read_options(__doc__)
    show(measure(args.rounds), as_json=args.json)


if __name__ == "__main__":
    main()
