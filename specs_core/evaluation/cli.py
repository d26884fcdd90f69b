"""`specs evaluate`: figures of a model on data with known truth."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser("evaluate", help="measure a model on data with known truth")
    kinds = parser.add_subparsers(dest="evaluation", required=True, metavar="EVALUATION")
    localisation = kinds.add_parser(
        "localisation",
        help="does the lowest delta lie on the false words?",
        description="Tell how often the lowest delta finds the false words (data: see `specs scenes`).",
    )
    localisation.add_argument("data", type=Path, help="scenes.jsonl")
    localisation.add_argument(
        "--model", default=None, help="model name or file (default: $SPECS_MODEL or scenes)"
    )
    localisation.add_argument("--segmenter", default="dependency", help="dependency (default) or grammar")
    localisation.add_argument("--json", action="store_true", help="print one JSON object")
    localisation.set_defaults(run=run_localisation)


def run_localisation(args: argparse.Namespace) -> int:
    """Evaluate; return the exit code."""
    import json

    from tqdm import tqdm

    from specs_core.encoder import load_encoder
    from specs_core.evaluation.localisation import evaluate_localisation
    from specs_core.scenes.dataset import read_scenes

    records = read_scenes(args.data)
    encoder = load_encoder(args.model)
    with tqdm(total=len(records), unit="scene", leave=False) as bar:
        result = evaluate_localisation(
            encoder,
            records,
            args.data.parent,
            segmenter=args.segmenter,
            on_item=lambda done: bar.update(done - bar.n),
        )
    summary = {
        "model": encoder.checkpoint.label,
        "weights_sha256": encoder.weights_sha256,
        "segmenter": args.segmenter,
        "items": result.items,
        "hit_rate": result.hit_rate,
        "auroc": result.auroc,
        "rises": result.rises,
        "falls": result.falls,
        "unreachable": result.unreachable,
        "hit_rate_by_fact": {fact: value for fact, (value, _) in result.hit_rate_by_fact.items()},
        "falls_by_fact": {fact: value for fact, (value, _) in result.falls_by_fact.items()},
        "items_by_fact": {fact: n for fact, (_, n) in result.hit_rate_by_fact.items()},
    }
    if args.json:
        print(json.dumps(summary, indent=1))
        return 0
    print(f"{summary['model']} ({result.items} scenes, {args.segmenter} units)")
    print(f"  lowest delta on the false words  {result.hit_rate:.3f}")
    for fact, (value, n) in result.hit_rate_by_fact.items():
        print(f"    {fact:<12}{value:.3f}  of {n}")
    print(f"  AUROC of delta over units        {result.auroc:.3f}")
    print(f"  true units that rise             {result.rises:.3f}")
    print(f"  false units that fall            {result.falls:.3f}")
    print(f"  false words out of reach         {result.unreachable}")
    return 0
