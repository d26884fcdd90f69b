"""`specs attribute`: which words of a caption the image speaks against."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "attribute",
        help="which words the image speaks against",
        description="Attribute the similarity of an image and a caption to the caption's words (CLIP4DM); "
        "F-CLIPScore. Only for models with a causal text tower.",
    )
    parser.add_argument("image", type=Path, metavar="IMAGE", help="JPEG, PNG or WEBP")
    parser.add_argument("--caption", required=True, metavar="TEXT")
    parser.add_argument("--model", metavar="NAME", help="default: $SPECS_MODEL, or the bundled scenes model")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, mps (default: cpu)")
    parser.add_argument(
        "--template",
        default="A photo depicts ",
        metavar="T",
        help="stands before the caption (A photo depicts )",
    )
    parser.add_argument(
        "--start-layer",
        type=int,
        default=-3,
        metavar="L",
        help="first text layer that counts; 0 for all (-3)",
    )
    parser.add_argument(
        "--epsilon", type=float, default=-5e-5, metavar="E", help="a word below this is misaligned (-5e-5)"
    )
    parser.add_argument(
        "--mode",
        choices=("threshold", "most_negative"),
        default="threshold",
        help="mark every word below epsilon, or the lowest of them only",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Attribute; return the exit code."""
    import json
    import sys

    from specs_core.attribution import attribute
    from specs_core.cli import aligned, load_with_progress
    from specs_core.images import load_image

    loaded = load_image(args.image)
    for note in loaded.notes:
        print(f"specs: {note}", file=sys.stderr)
    encoder = load_with_progress(args.model, device=args.device)
    found = attribute(
        encoder,
        encoder.image_features([loaded.image])[0],
        args.caption,
        template=args.template,
        start_layer=args.start_layer,
        epsilon=args.epsilon,
        mode=args.mode,
    )
    if args.json:
        record = {**found.as_dict(), "provenance": encoder.provenance()}
        print(json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False))
        return 0
    print(f"CLIPScore {found.clip_score:.4f} (cosine {found.cosine:+.4f})")
    print(f"F-CLIPScore {found.f_clip_score:.3e}, model {encoder.checkpoint.label}\n")
    rows = [("attribution", "", "word")]
    rows += [
        (f"{word.attribution:+.2e}", "misaligned" if word.misaligned else "", word.text)
        for word in found.words
    ]
    print(aligned(rows, right=1))
    return 0
