"""`specs data`: published data sets as JSON Lines of images and captions."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from specs_core.errors import ConfigError

if TYPE_CHECKING:
    from specs_core.datasets.preparation import Entry, HeldOut


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "data",
        help="turn published data sets into JSON Lines",
        description="Turn a published data set into the JSON Lines that training and evaluation read. "
        "Folders and formats: docs/training.md.",
    )
    kinds = parser.add_subparsers(dest="dataset", required=True, metavar="DATASET")
    sharegpt4v = kinds.add_parser(
        "sharegpt4v",
        help="long captions of ShareGPT4V",
        description="Read a ShareGPT4V file, such as share-captioner_coco_lcs_sam_1246k_1107.json.",
    )
    sharegpt4v.add_argument("source", type=Path, metavar="FILE.json")
    sharegpt4v.add_argument(
        "--images", type=Path, help="folder that holds coco/, llava/, sam/ (default: the file's)"
    )
    sharegpt4v.add_argument(
        "--held-out",
        type=Path,
        metavar="OUT.jsonl",
        help="put the first 1,000 entries here, as LongCLIP's validation does (default: nowhere, all train)",
    )
    _add_options(sharegpt4v)
    sharegpt4v.set_defaults(run=run_sharegpt4v)
    sdci = kinds.add_parser(
        "sdci",
        help="summaries of Densely Captioned Images",
        description="Read the folder densely_captioned_images: complete/, splits.json and photos/.",
    )
    sdci.add_argument("source", type=Path, metavar="FOLDER")
    sdci.add_argument("--images", type=Path, help="folder of the SA-1B images (default: FOLDER/photos)")
    sdci.add_argument("--split", choices=("train", "valid", "test"), help="default: every file of complete/")
    sdci.add_argument(
        "--captions", choices=("first", "all"), default="first", help="summaries of an image (default: first)"
    )
    _add_options(sdci)
    sdci.set_defaults(run=run_sdci)


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.jsonl")
    parser.add_argument(
        "--check",
        choices=("decode", "exists"),
        default="decode",
        help="decode every image (default), or only see whether its file exists",
    )
    parser.add_argument("--workers", type=int, default=1, help="processes that decode images (default: 1)")


def run_sharegpt4v(args: argparse.Namespace) -> int:
    """Convert ShareGPT4V; return the exit code."""
    from specs_core.datasets.preparation import HeldOut
    from specs_core.datasets.sharegpt4v import HELD_OUT, read_sharegpt4v

    return _prepare(
        args,
        read_sharegpt4v(args.source),
        source=f"{args.source.name}, {_size(args.source)} bytes",
        images=args.images or args.source.parent,
        held_out=HeldOut(args.held_out, HELD_OUT) if args.held_out else None,
    )


def run_sdci(args: argparse.Namespace) -> int:
    """Convert sDCI; return the exit code."""
    from specs_core.datasets.sdci import read_sdci

    return _prepare(
        args,
        read_sdci(args.source, split=args.split, captions=args.captions),
        source=f"{args.source.name}, split {args.split or 'all'}, {args.captions} captions",
        images=args.images or args.source / "photos",
    )


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0  # the reader tells of a missing file


def _prepare(
    args: argparse.Namespace,
    entries: Iterable[Entry],
    *,
    source: str,
    images: Path,
    held_out: HeldOut | None = None,
) -> int:
    from tqdm import tqdm

    from specs_core.datasets.preparation import left_out_path, prepare, report_path

    if not images.is_dir():
        raise ConfigError(f"there is no folder of images {images}; name it with --images")
    with tqdm(unit="entry") as bar:
        report = prepare(
            entries,
            args.output,
            source=source,
            images=images,
            held_out=held_out,
            check=args.check,
            workers=args.workers,
            on_entries=lambda done: bar.update(done - bar.n),
        )
    print(f"{report.written:,} of {report.entries:,} entries are in {args.output}.")
    if held_out is not None:
        print(f"{report.held_out:,} are held out in {held_out.path}.")
    if report.left_out:
        reasons = ", ".join(f"{number:,} {reason}" for reason, number in report.left_out.items())
        print(f"Left out: {reasons}. {left_out_path(args.output)} lists each.")
    print(f"The report is in {report_path(args.output)}.")
    return 1 if report.left_out else 0
