"""The ``specs-ratings`` command: take ratings out of the database."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from annotations.errors import AnnotationError


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
    parser = argparse.ArgumentParser(prog="specs-ratings", description="Work with the database of ratings.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    export = commands.add_parser(
        "export",
        help="write the ratings as CSV or JSON lines",
        description="Write the current ratings, with raters and versions, as CSV or JSON lines.",
    )
    export.add_argument(
        "--database",
        default=os.environ.get("SPECS_DB"),
        metavar="URL",
        help="for example sqlite:////folder/specs.sqlite3 (default: the variable SPECS_DB)",
    )
    export.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: the standard output")
    export.add_argument("--format", choices=("csv", "jsonl"), default="csv", help="default: csv")
    export.add_argument(
        "--all-revisions", action="store_true", help="every revision ever saved, withdrawn ones too"
    )
    export.set_defaults(run=_export)
    return parser


def _export(options: argparse.Namespace) -> int:
    # Heavy, and not needed to print help.
    from annotations.engine import open_database
    from annotations.errors import InvalidRecordError
    from annotations.exporting import export_ratings

    if not options.database:
        raise InvalidRecordError("no database given; name one with --database or the variable SPECS_DB")
    engine = open_database(options.database, must_exist=True)
    try:
        settings = {"format": options.format, "all_revisions": options.all_revisions}
        if options.output is None:
            export_ratings(engine, sys.stdout, **settings)
            return 0
        # Under another name until it is whole, so that a failure leaves an older export as it was.
        unfinished = options.output.with_name(options.output.name + ".part")
        with unfinished.open("w", encoding="utf-8", newline="") as stream:
            number = export_ratings(engine, stream, **settings)
        unfinished.replace(options.output)
        print(f"{number:,} ratings written to {options.output}", file=sys.stderr)
    finally:
        engine.dispose()
    return 0
