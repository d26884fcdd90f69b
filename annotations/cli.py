"""The ``specs-ratings`` command: captions in, ratings out, backups, people, and statistics."""

import argparse
import sys
from collections.abc import Sequence

from annotations import (
    accounts_cli,
    backup_cli,
    campaign_cli,
    drawing_cli,
    ranking_cli,
    report_cli,
    scores_cli,
    statistics_cli,
    transfer_cli,
)
from annotations.errors import AnnotationError
from annotations.file_errors import file_sentence


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
    except AnnotationError as error:
        problem = str(error)
    except OSError as error:
        problem = file_sentence(error)
    print(f"specs-ratings: {problem}", file=sys.stderr)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="specs-ratings", description="Work with the database of ratings.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for part in (
        campaign_cli,
        drawing_cli,
        transfer_cli,
        scores_cli,
        backup_cli,
        accounts_cli,
        statistics_cli,
        ranking_cli,
        report_cli,
    ):
        part.add_commands(commands)
    return parser
