"""Time the cutting of captions in one process and in several.

Captions of 190 words are cut by the default segmenter, first in this process, then in several, in turn, so
that whatever else the machine does falls on both alike. The start of the processes, a few seconds each, is
part of their time. The units must be the same.

    python benchmarks/segmentation_speed.py [--captions 1000] [--processes 2] [--profile] [--json]

`--profile` adds how the time of one process divides between the tagger and parser and the rules.
"""

from __future__ import annotations

import argparse
import json
import platform
import time

from specs_core.segmentation import dependency, segment, segment_many
from specs_core.segmentation.parsing import parse_many
from specs_core.segmentation.units import cut_at

WORDS = 190
SENTENCES = (
    "A wide shot of a narrow street with old brick houses on both sides, taken on a cloudy day.",
    "To the left of the door stands a blue bicycle with a basket, leaning against the wall.",
    "The bicycle has a black seat, a silver bell and a small lamp that is switched on.",
    "A woman in a green coat walks past the window, her hands in her pockets.",
    "Behind her, two children are playing with a ball, while a dog watches from the steps.",
    "The roof of the nearest house is covered with red tiles, some of which are broken.",
    "There are several potted plants near the entrance, and a sign above it reads “OPEN”.",
    "The sky is gray, with a few light spots where the sun comes through.",
)


def build_captions(count: int) -> list[str]:
    """Build captions of 190 words, each from another sentence on."""
    captions = []
    for start in range(count):
        words: list[str] = []
        while len(words) < WORDS:
            words += SENTENCES[(start + len(words)) % len(SENTENCES)].split()
        captions.append(" ".join([*words[: WORDS - 1], f"{start}."]))
    return captions


def profile(captions: list[str]) -> dict[str, float]:
    """Time the pipeline and the rules of one process."""
    begun = time.perf_counter()
    parsed = list(parse_many(captions, trees=True))
    between = time.perf_counter()
    for caption in parsed:
        cut_at(caption.text, caption.offsets(dependency.unit_starts(caption.doc)))
    return {"pipeline_seconds": between - begun, "rules_seconds": time.perf_counter() - between}


def main() -> None:
    """Print seconds, captions a second and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--captions", type=int, default=1000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    captions = build_captions(args.captions)
    segment(captions[0])  # loads the pipeline
    cuts, report = {}, {"captions": args.captions, "words": WORDS, "machine": platform.machine()}
    for processes in (1, args.processes):
        begun, cpu = time.perf_counter(), time.process_time()
        cuts[processes] = list(segment_many(captions, processes=processes))
        report[f"seconds_{processes}"] = round(time.perf_counter() - begun, 2)
        report[f"own_cpu_seconds_{processes}"] = round(time.process_time() - cpu, 2)
    if cuts[1] != cuts[args.processes]:
        raise SystemExit("the units differ between one process and several")
    report["ratio"] = round(report["seconds_1"] / report[f"seconds_{args.processes}"], 2)
    if args.profile:
        report |= {name: round(seconds, 2) for name, seconds in profile(captions).items()}
    print(
        json.dumps(report) if args.json else "\n".join(f"{name:20} {value}" for name, value in report.items())
    )


if __name__ == "__main__":
    main()
