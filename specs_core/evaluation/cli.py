"""`specs evaluate`: figures of a model on data with known truth."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    from specs_core.evaluation.hallucination_cli import add_parsers as add_hallucination
    from specs_core.segmentation import SEGMENTERS

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
    localisation.add_argument("--segmenter", choices=SEGMENTERS, default=SEGMENTERS[0])
    localisation.add_argument("--json", action="store_true", help="print one JSON object")
    localisation.set_defaults(run=run_localisation)
    _add_specificity(kinds)
    _add_heat_map(kinds)
    add_hallucination(kinds)


def _add_specificity(kinds: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from specs_core.segmentation import SEGMENTERS

    parser = kinds.add_parser(
        "specificity",
        help="does similarity rise with true units and fall with false ones?",
        description="Measure SR_pos, SR_neg and HiMo@K on lines of image and caption (`specs scenes` writes "
        "such; units and false_facts are optional: docs/specificity.md).",
    )
    parser.add_argument("data", type=Path, metavar="DATA", help="JSON Lines")
    parser.add_argument(
        "--model", default=None, metavar="NAME", help="model name or file (default: $SPECS_MODEL or scenes)"
    )
    parser.add_argument("--device", default="cpu", help="cpu, cuda, mps (default: cpu)")
    parser.add_argument(
        "--segmenter", choices=SEGMENTERS, default=SEGMENTERS[0], help="cuts captions that come without units"
    )
    parser.add_argument(
        "--negatives",
        nargs="+",
        choices=("in_batch", "shuffled", "hard"),
        default=["in_batch", "shuffled", "hard"],
        metavar="KIND",
        help="in_batch (units of other images), shuffled (the same, 90 %% of them shuffled), "
        "hard (false_facts)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="of the false units and the intervals (default: 0)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures; - prints them instead")
    parser.add_argument("--report", type=Path, metavar="PAGE.html", help="write a page of plots")
    parser.add_argument(
        "--compatibility", action="store_true", help="print the figures of the published computation as well"
    )
    parser.set_defaults(run=run_specificity)


def _add_heat_map(kinds: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from specs_core.segmentation import SEGMENTERS

    parser = kinds.add_parser(
        "heatmap",
        help="does a unit's heat map show what moves its delta?",
        description="Hold the heat maps of units about one object against where the object is, and against "
        "what covering the image there does to delta (data: see `specs scenes`).",
    )
    parser.add_argument("data", type=Path, metavar="SCENES.jsonl")
    parser.add_argument(
        "--model", default=None, metavar="NAME", help="model name or file (default: $SPECS_MODEL or scenes)"
    )
    parser.add_argument("--segmenter", choices=SEGMENTERS, default=SEGMENTERS[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run_heat_map)


def run_heat_map(args: argparse.Namespace) -> int:
    """Evaluate; return the exit code."""
    import json
    import math
    from dataclasses import asdict

    from tqdm import tqdm

    from specs_core.encoder import load_encoder
    from specs_core.evaluation.heat_map import MAP, evaluate_heat_maps, read_placed_scenes

    scenes = read_placed_scenes(args.data)
    encoder = load_encoder(args.model)
    with tqdm(total=len(scenes), unit="scene", leave=False) as bar:
        found = evaluate_heat_maps(
            encoder,
            scenes,
            args.data.parent,
            segmenter=args.segmenter,
            on_item=lambda done: bar.update(done - bar.n),
        )
    if args.json:
        record = asdict(found)
        for shares in (record[side][table] for side in ("true", "false") for table in ("in_box", "covered")):
            shares.update({name: None for name, value in shares.items() if math.isnan(value)})
        known = {"model": encoder.checkpoint.label, "weights_sha256": encoder.weights_sha256}
        print(json.dumps({**known, "segmenter": args.segmenter, **record}, indent=1))
        return 0
    print(f"{encoder.checkpoint.label} ({found.scenes} scenes, {args.segmenter} units)")
    for title, side in (("true units, what speaks for them", found.true), ("false, against", found.false)):
        print(f"  {title}: {side.units} about one object, mean delta {side.delta:+.4f}")
        for name in dict.fromkeys([*side.in_box, *side.covered]):
            share, change = side.in_box.get(name), side.covered.get(name)
            print(
                f"    {name:<28}"
                + (f"in the box {share:.3f}" if share is not None else " " * 16)
                + (f"   covered, delta moves {change:+.4f}" if change is not None else "")
            )
        for fact, (value, n) in side.by_fact.items():
            print(f"    {MAP}, false {fact:<15}in the box {value:.3f}  of {n}")
    return 0


def run_specificity(args: argparse.Namespace) -> int:
    """Evaluate; return the exit code."""
    import json

    from tqdm import tqdm

    from specs_core.datasets.pairs import read_pairs
    from specs_core.encoder import load_encoder
    from specs_core.evaluation.specificity import evaluate_specificity
    from specs_core.evaluation.specificity_report import specificity_record, specificity_text

    for path in (args.json, args.report):
        check_target(path)  # before minutes of work
    pairs = read_pairs(args.data)
    encoder = load_encoder(args.model, device=args.device)
    with tqdm(total=len(pairs), unit="caption", leave=False) as bar:
        result = evaluate_specificity(
            encoder,
            pairs,
            segmenter=args.segmenter,
            negatives=args.negatives,
            seed=args.seed,
            on_item=lambda done: bar.update(done - bar.n),
        )
    if args.json is not None:
        record = specificity_record(result, encoder, segmenter=args.segmenter, seed=args.seed)
        text = json.dumps(record, indent=1, allow_nan=False)
        if args.json == Path("-"):
            print(text)
        else:
            write_text(args.json, text + "\n")
    if args.json != Path("-"):
        print(specificity_text(result, encoder, segmenter=args.segmenter, compatibility=args.compatibility))
    if args.report is not None:
        from specs_core.evaluation.specificity_page import specificity_page

        write_text(args.report, specificity_page(result, encoder, segmenter=args.segmenter))
    return 0


def check_target(path: Path | None) -> None:
    """Raise where a file cannot be written, for lack of its folder.

    Raises:
        DataError: There is no such folder.
    """
    from specs_core.errors import DataError

    if path is not None and not path.parent.is_dir():
        raise DataError(f"{path} cannot be written: there is no folder {path.parent}.")


def write_text(path: Path, text: str) -> None:
    """Write a file.

    Raises:
        DataError: It cannot be written.
    """
    from specs_core.errors import DataError

    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror}.") from error


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
