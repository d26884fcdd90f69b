"""`specs report`: a page a caption, and an index of many."""

from __future__ import annotations

import argparse
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from specs_core.encoder import Encoder


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    from specs_core.segmentation import SEGMENTERS

    parser = commands.add_parser(
        "report",
        help="a page that shows all of a caption's evidence",
        description="Write one HTML page that needs nothing else: image, curve, units, leave-one-out, word "
        "attribution and provenance. `specs report IMAGE --caption TEXT` writes one page; a file that is "
        "named with -o or --json is written over, the default one is not. `specs report IN.jsonl -o DIR` "
        "(lines with id, image, caption) writes a page and a JSON file a row and an index by deepest dip. "
        "Run again after a stop, it keeps the reports that were made of the same image, caption and settings "
        "(--force makes them anew). Reports of rows that are no longer in IN.jsonl stay, but are not listed.",
    )
    parser.add_argument(
        "source", type=Path, metavar="IMAGE|IN.jsonl", help="image paths of lines count from their folder"
    )
    parser.add_argument("--caption", metavar="TEXT", help="of the image")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE.html|DIR",
        help="default for an image: its name with .html, in the working folder",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="for an image: write the same as JSON")
    parser.add_argument("--model", metavar="NAME", help="default: $SPECS_MODEL, or the bundled scenes model")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, mps (default: cpu)")
    parser.add_argument("--segmenter", choices=SEGMENTERS, default=SEGMENTERS[0])
    parser.add_argument(
        "--threshold", type=float, default=0.0, metavar="X", help="a dip lowers the cosine by more than X (0)"
    )
    parser.add_argument("--force", action="store_true", help="for lines: make every report anew")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the reports; return the exit code."""
    from specs_core.cli import check_threshold
    from specs_core.errors import ConfigError

    check_threshold(args.threshold)
    if args.caption is None:
        if args.source.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"):
            raise ConfigError("a report of one image needs its caption: write it after --caption")
        if args.output is None:
            raise ConfigError("reports of a file of lines need a folder: name it with -o DIR")
        if args.json is not None:
            raise ConfigError("--json is for one image; of lines, a JSON file stands beside every page")
        return _run_folder(args)
    if args.force:
        raise ConfigError("--force is for a file of lines; name a file with -o to write over it")
    return _run_one(args)


def _run_one(args: argparse.Namespace) -> int:
    import sys
    from datetime import datetime

    from tqdm import tqdm

    from specs_core.cli import load_with_progress
    from specs_core.curve import curve_of_units
    from specs_core.errors import CaptionError, DataError
    from specs_core.evidence import evidence_record
    from specs_core.images import load_image
    from specs_core.report.page import json_text, page_of, report_record
    from specs_core.segmentation import segment, segmenter_version

    try:
        args.caption.encode()
    except UnicodeEncodeError as error:
        raise CaptionError("the caption holds half a character (a lone surrogate); write it anew") from error
    if not args.caption.strip():
        raise CaptionError("the caption is empty: write at least one word after --caption")
    target = args.output or Path(f"{args.source.stem}.html")
    if args.output is None and target.exists():
        raise DataError(f"{target} exists already; name a file with -o, that one to write over it.")
    for path in (target, args.json):
        _check_target(path, args.source)
    loaded = load_image(args.source)
    for note in loaded.notes:
        print(f"specs: {note}", file=sys.stderr)
    encoder = load_with_progress(args.model, device=args.device)
    features = encoder.image_features([loaded.image])[0]
    curve = curve_of_units(
        encoder,
        features,
        segment(args.caption, segmenter=args.segmenter),
        segmenter=args.segmenter,
        segmenter_version=segmenter_version(args.segmenter),
    )
    with tqdm(total=len(curve.units), unit="unit", leave=False) as bar:
        record = evidence_record(
            encoder,
            features,
            curve,
            threshold=args.threshold,
            on_progress=lambda done, total: bar.update(done - bar.n),
        )
    report = report_record(
        record,
        loaded.image,
        made_at=datetime.now(UTC),
        file_name=args.source.name,
        notes=(*loaded.notes, *_model_notes(encoder)),
    )
    _write(target, page_of(report, loaded.image))
    if args.json is not None:
        _write(args.json, json_text(report))
    print(f"The report is in {target}.")
    return 0


def _run_folder(args: argparse.Namespace) -> int:
    import sys

    from tqdm import tqdm

    from specs_core.batch import Message, count_rows
    from specs_core.cli import load_with_progress
    from specs_core.report.folder import write_reports

    total = count_rows(args.source)
    encoder = load_with_progress(args.model, device=args.device)
    with tqdm(total=total, unit="row") as bar:

        def tell(message: Message) -> None:
            tqdm.write(f"specs: {message}", file=sys.stderr)

        done = write_reports(
            args.source,
            args.output,
            encoder,
            segmenter=args.segmenter,
            threshold=args.threshold,
            notes=_model_notes(encoder),
            force=args.force,
            on_message=tell,
            on_row=bar.update,
        )
    if done.kept:
        print(f"specs: {done.kept} of {total} reports were there already and are kept", file=sys.stderr)
    if done.left_out:
        print(f"specs: {done.left_out} of {total} rows left out", file=sys.stderr)
    print(f"The index is in {args.output / 'index.html'}.")
    return 1 if done.left_out else 0


def _model_notes(encoder: Encoder) -> tuple[str, ...]:
    from specs_core.checkpoints import DRAWN_SCENES

    if encoder.checkpoint.domain != DRAWN_SCENES:
        return ()
    return ("The model knows drawn scenes only; of a photograph its numbers say nothing.",)


def _check_target(path: Path | None, source: Path) -> None:
    from specs_core.errors import DataError

    if path is None:
        return
    if not path.parent.is_dir():
        raise DataError(f"{path} cannot be written: there is no folder {path.parent}.")
    if path.resolve() == source.resolve():
        raise DataError(f"{path} is the image as well; name another file for the report.")


def _write(path: Path, text: str) -> None:
    from specs_core.errors import DataError

    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror}.") from error
