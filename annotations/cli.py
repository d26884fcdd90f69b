"""The ``specs-ratings`` command: the database of ratings, its back-ups, who may rate, and what files say."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from annotations import accounts_cli, backup_cli, ranking_cli
from annotations.errors import AnnotationError

if TYPE_CHECKING:
    from sqlalchemy import Engine


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: The words after the command's name; those of the process when None.

    Returns:
        The exit code: 0, or 2 after an error, which is told in one line on the standard error stream.
    """
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except (AnnotationError, OSError) as error:
        print(f"specs-ratings: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="specs-ratings", description="Work with ratings: the database, and figures of CSV files."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    export = commands.add_parser(
        "export",
        help="write the ratings as CSV or JSON lines",
        description="Write the current ratings, with raters and versions, as CSV or JSON lines.",
    )
    _add_places(export)
    export.add_argument("--format", choices=("csv", "jsonl"), default="csv", help="default: csv")
    export.add_argument(
        "--all-revisions", action="store_true", help="every revision ever saved, withdrawn ones too"
    )
    export.set_defaults(run=_export)
    corrected = commands.add_parser(
        "segmentations",
        help="write the units that people corrected as JSON lines",
        description="Write the units that people corrected, with who, when and what, as JSON lines.",
    )
    _add_places(corrected)
    corrected.set_defaults(run=_segmentations)
    for part in (accounts_cli, backup_cli, ranking_cli):
        part.add_commands(commands)
    return parser


def _add_places(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--database",
        default=os.environ.get("SPECS_DB"),
        metavar="URL",
        help="for example sqlite:////folder/specs.sqlite3 (default: the variable SPECS_DB)",
    )
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: the standard output")


def _export(options: argparse.Namespace) -> int:
    # Heavy, and not needed to print help.
    from annotations.exporting import export_ratings

    return _write(
        options,
        "ratings",
        lambda engine, stream: export_ratings(
            engine, stream, format=options.format, all_revisions=options.all_revisions
        ),
    )


def _segmentations(options: argparse.Namespace) -> int:
    from annotations.exporting import export_segmentations

    return _write(options, "segmentations", export_segmentations)


def _write(options: argparse.Namespace, what: str, export: "Callable[[Engine, TextIO], int]") -> int:
    from annotations.engine import open_database
    from annotations.errors import InvalidRecordError

    if not options.database:
        raise InvalidRecordError("no database given; name one with --database or the variable SPECS_DB")
    engine = open_database(options.database, must_exist=True)
    try:
        if options.output is None:
            export(engine, sys.stdout)
            return 0
        # Under another name until it is whole, so that a failure leaves an older export as it was.
        unfinished = options.output.with_name(options.output.name + ".part")
        with unfinished.open("w", encoding="utf-8", newline="") as stream:
            number = export(engine, stream)
        unfinished.replace(options.output)
        print(f"{number:,} {what} written to {options.output}", file=sys.stderr)
    finally:
        engine.dispose()
    return 0
