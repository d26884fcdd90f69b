"""The ``specs-ratings`` command: captions in, ratings out, backups, and who may rate."""
"""The ``specs-ratings`` command: the database of ratings, its back-ups, who may rate, and what files say."""

import argparse
import sys
from collections.abc import Sequence

from annotations import accounts_cli, backup_cli, campaign_cli, transfer_cli
from annotations import accounts_cli, backup_cli, statistics_cli
from annotations import accounts_cli, backup_cli, ranking_cli
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
    parser = argparse.ArgumentParser(
        prog="specs-ratings", description="Work with ratings: the database, and figures of CSV files."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for part in (campaign_cli, transfer_cli, backup_cli, accounts_cli):
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
    for part in (accounts_cli, backup_cli, statistics_cli):
    for part in (accounts_cli, backup_cli, ranking_cli):
        part.add_commands(commands)
    return parser
