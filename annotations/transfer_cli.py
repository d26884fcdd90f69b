"""The commands of ``specs-ratings`` that take captions and ratings in and out."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from annotations.locations import add_places, data_dir, database_of, images_dir
from annotations.scores_cli import TABLES, export_table

if TYPE_CHECKING:
    from argparse import _SubParsersAction
    from collections.abc import Callable

    from sqlalchemy import Engine

    from annotations.importing import ImportReport
    from annotations.spool import Refusal


_FORMATS = ("csv", "jsonl", "parquet", "mtme", "sqlite")


def add_commands(commands: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands.

    Args:
        commands: Of the parser of ``specs-ratings``.
    """
    taking_in = commands.add_parser(
        "import",
        help="take captions and their images in, or an export of this program",
        description="Take captions of images in from JSON lines, CSV, Parquet or a folder of the datasets "
        "library. An export of this program is recognised and brings its campaigns along.",
    )
    taking_in.add_argument("path", type=Path, metavar="FILE", help="or a folder")
    taking_in.add_argument("--campaign", metavar="NAME", help="that the captions are for")
    taking_in.add_argument("--create", action="store_true", help="make the campaign where there is none")
    taking_in.add_argument(
        "--overlap", type=int, metavar="N", help="raters of an item at most (default: the campaign's number)"
    )
    taking_in.add_argument(
        "--role",
        choices=("regular", "training", "gold"),
        default="regular",
        help="what the items are for (default: regular; rows with gold are gold)",
    )
    taking_in.add_argument(
        "--pairs", action="store_true", help="make battles of all captions of an image from different sources"
    )
    taking_in.add_argument(
        "--images-from", type=Path, metavar="FOLDER", help="to which image paths are relative"
    )
    taking_in.add_argument(
        "--skip-invalid", action="store_true", help="take the good rows where others are refused"
    )
    taking_in.add_argument("--report", type=Path, metavar="FILE", help="all refused rows, as .csv or .json")
    add_places(taking_in)
    taking_in.set_defaults(run=_import)
    export = commands.add_parser(
        "export",
        help="write the ratings, or the items, as CSV, JSON lines, Parquet and more",
        description="Write the current ratings with raters and versions. CSV, JSON lines and "
        "Parquet can be imported again. Captions are written as `specs metrics` reads them, scores as it "
        "writes them.",
    )
    export.add_argument("--campaign", metavar="NAME", help="of this campaign alone (default: of all)")
    export.add_argument(
        "--what", choices=("ratings", "items", *TABLES), default="ratings", help="default: ratings"
    )
    export.add_argument("--format", choices=_FORMATS, help="default: csv; of captions jsonl")
    export.add_argument(
        "--references",
        nargs="+",
        default=[],
        metavar="SOURCE",
        help="with captions: sources whose captions are references of the others of the same image",
    )
    export.add_argument(
        "--all-revisions",
        action="store_true",
        help="every revision ever saved, withdrawn ones too; of items the deleted ones too",
    )
    export.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="or the folder for mtme (default: the standard output)",
    )
    add_places(export)
    export.set_defaults(run=_export)
    corrected = commands.add_parser(
        "segmentations",
        help="write the units that people corrected as JSON lines",
        description="Write the units that people corrected, with who, when and what, as JSON lines.",
    )
    corrected.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: the standard output")
    add_places(corrected)
    corrected.set_defaults(run=_segmentations)


def _import(options: argparse.Namespace) -> int:
    # Heavy, and not needed to print help.
    from annotations.engine import open_database
    from annotations.errors import InvalidRecordError
    from annotations.importing import ImportPlan, import_items
    from annotations.reading import is_own_export

    data = data_dir(options.data)
    if is_own_export(options.path):
        return _reimport(options, database_of(options), images_dir(data))
    if options.campaign is None:
        raise InvalidRecordError("say with --campaign which campaign the captions are for")
    plan = ImportPlan(
        campaign=options.campaign,
        create=options.create,
        overlap=options.overlap,
        role=options.role,
        pairs=options.pairs,
        images_from=options.images_from,
        skip_invalid=options.skip_invalid,
        report=options.report,
    )
    engine = open_database(database_of(options), must_exist=not options.create)
    try:
        return _tell(import_items(engine, options.path, plan, images=images_dir(data)))
    finally:
        engine.dispose()


def _reimport(options: argparse.Namespace, database: str, images: Path) -> int:
    from annotations.engine import open_database
    from annotations.errors import InvalidRecordError
    from annotations.reimporting import import_export

    for name in ("campaign", "overlap", "pairs", "images_from", "skip_invalid"):
        if getattr(options, name):
            raise InvalidRecordError(
                f"{options.path.name} was exported from this program and comes in as it is; leave out "
                f"--{name.replace('_', '-')}"
            )
    engine = open_database(database)
    try:
        report = import_export(engine, options.path, images=images, report=options.report)
    finally:
        engine.dispose()
    tell_refusals(report.refused, report.refusals)
    if report.refused:
        print(
            f"specs-ratings: nothing was written, because {report.refused:,} entries were refused",
            file=sys.stderr,
        )
        return 2
    print("added: " + ", ".join(f"{number:,} {name}" for name, number in report.added.items()))
    if report.missing_images:
        print(
            f"{report.missing_images:,} images have no file in {images}; copy the folder of images from "
            "where the export was made"
        )
    return 0


def _export(options: argparse.Namespace) -> int:
    from annotations.campaigns import get_campaign
    from annotations.engine import open_database
    from annotations.errors import InvalidRecordError
    from annotations.exporting import export_items, export_parquet, export_ratings
    from annotations.snapshots import export_snapshot

    format, items, table = options.format or "csv", options.what == "items", options.what in TABLES
    if format in ("parquet", "mtme", "sqlite") and options.output is None:
        raise InvalidRecordError(f"{format} cannot go to the standard output; name a file with -o")
    if format in ("mtme", "sqlite") and (items or table or options.all_revisions):
        raise InvalidRecordError(f"{format} has its own contents; leave out --what and --all-revisions")
    if options.references and not table:
        raise InvalidRecordError("references go with --what captions")
    if format == "mtme" and options.campaign is None:
        raise InvalidRecordError("mtme is of one campaign; name it with --campaign")
    if format == "sqlite" and options.campaign is not None:
        raise InvalidRecordError("sqlite is the whole database; leave out --campaign")
    engine = open_database(database_of(options), must_exist=True)
    try:
        campaign_id = None if options.campaign is None else get_campaign(engine, options.campaign).id
        everything: bool = options.all_revisions
        if table:
            export_table(options, engine, campaign_id)
            return 0

        def write(path: Path) -> int:
            if format == "parquet":
                return export_parquet(
                    engine, path, what=options.what, campaign_id=campaign_id, everything=everything
                )
            with path.open("w", encoding="utf-8", newline="") as stream:
                return to_stream(stream)

        def to_stream(stream: TextIO) -> int:
            if items:
                return export_items(
                    engine, stream, format=format, campaign_id=campaign_id, deleted=everything
                )
            return export_ratings(
                engine, stream, format=format, campaign_id=campaign_id, all_revisions=everything
            )

        if format == "sqlite":
            export_snapshot(engine, options.output)
            print(f"the whole database written to {options.output}", file=sys.stderr)
            return 0
        if format == "mtme":
            return _mtme(engine, options.output, str(campaign_id))
        if options.output is None:
            to_stream(sys.stdout)
        else:
            _to_file(options.output, options.what, write)
    finally:
        engine.dispose()
    return 0


def _mtme(engine: "Engine", folder: Path, campaign_id: str) -> int:
    from annotations.mtme import export_mtme

    summary = export_mtme(engine, folder, campaign_id)
    print(f"{summary.segments:,} images and {summary.systems:,} sources written to {folder}", file=sys.stderr)
    if summary.left_out:
        print(
            f"{summary.left_out:,} captions left out: the format has one caption of a source for an image",
            file=sys.stderr,
        )
    for metric in summary.incomplete_metrics:
        print(
            f"metric {metric} left out: the format wants a score for each image and source", file=sys.stderr
        )
    return 0


def _segmentations(options: argparse.Namespace) -> int:
    from annotations.engine import open_database
    from annotations.exporting import export_segmentations

    engine = open_database(database_of(options), must_exist=True)

    def write(path: Path) -> int:
        with path.open("w", encoding="utf-8", newline="") as stream:
            return export_segmentations(engine, stream)

    try:
        if options.output is None:
            export_segmentations(engine, sys.stdout)
        else:
            _to_file(options.output, "segmentations", write)
    finally:
        engine.dispose()
    return 0


def _to_file(path: Path, what: str, write: "Callable[[Path], int]") -> None:
    # Under another name until it is whole, so that a failure leaves an older export as it was.
    unfinished = path.with_name(path.name + ".part")
    number = write(unfinished)
    unfinished.replace(path)
    print(f"{number:,} {what} written to {path}", file=sys.stderr)


def _tell(report: "ImportReport") -> int:
    tell_refusals(report.refused, report.refusals)
    written = report.written
    if written is None:
        return tell_nothing_written(report.refused, report.rows)
    print(
        f"{written.items:,} captions and {written.images:,} images added to campaign {written.campaign!r}; "
        f"{written.already:,} captions were there already"
    )
    if written.deleted:
        print(f"{written.deleted:,} of those are deleted, and stay so until they are restored")
    if report.repeated:
        print(f"{report.repeated:,} captions stand in the file more than once and were taken once")
    if written.battles:
        print(f"{written.battles:,} battles added")
    return 0


def tell_refusals(number: int, first: "tuple[Refusal, ...]") -> None:
    """Print the first refused rows, and how many more there are.

    Args:
        number: Of refused rows.
        first: Some of them.
    """
    for one in first:
        print(f"{one.file!r}, row {one.number}: {one.reason}", file=sys.stderr)
    if number > len(first):
        print(f"and {number - len(first):,} more; --report FILE lists them all", file=sys.stderr)


def tell_nothing_written(refused: int, rows: int) -> int:
    """Say that refused rows kept everything out, and return the exit code.

    Args:
        refused: How many rows will not do.
        rows: How many there are.
    """
    print(
        f"specs-ratings: nothing was written, because {refused:,} of {rows:,} rows were refused; mend them, "
        "or take the others with --skip-invalid",
        file=sys.stderr,
    )
    return 2
