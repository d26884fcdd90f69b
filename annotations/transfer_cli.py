"""The commands of ``specs-ratings`` that take captions and ratings in and out."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from annotations.importing import ImportReport
    from annotations.spool import Refusal


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


def add_places(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where the database and the images are."""
    parser.add_argument(
        "--database",
        metavar="URL",
        help="default: the variable SPECS_DB, or specs.sqlite3 in the data folder",
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="the data folder (default: the variable SPECS_DATA, or the app's folder)",
    )


def _import(options: argparse.Namespace) -> int:
    # Heavy, and not needed to print help.
    from annotations.engine import open_database
    from annotations.errors import InvalidRecordError
    from annotations.importing import ImportPlan, import_items
    from annotations.locations import data_dir, database_url, images_dir

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
    data = data_dir(options.data)
    engine = open_database(database_url(data, options.database), must_exist=not options.create)
    try:
        return _tell(import_items(engine, options.path, plan, images=images_dir(data)))
    finally:
        engine.dispose()


def _tell(report: "ImportReport") -> int:
    _tell_refusals(report.refused, report.refusals)
    written = report.written
    if written is None:
        print(
            f"specs-ratings: nothing was written, because {report.refused:,} of {report.rows:,} rows were "
            "refused; mend them, or take the others with --skip-invalid",
            file=sys.stderr,
        )
        return 2
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


def _tell_refusals(number: int, first: "tuple[Refusal, ...]") -> None:
    for one in first:
        print(f"{one.file!r}, row {one.number}: {one.reason}", file=sys.stderr)
    if number > len(first):
        print(f"and {number - len(first):,} more; --report FILE lists them all", file=sys.stderr)
