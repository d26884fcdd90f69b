"""The ``specs-ratings`` command: captions in, ratings out, backups, people, and statistics."""

import argparse
import os
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

CLOSED_PIPE = 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: The words after the command's name; those of the process when None.

    Returns:
        The exit code: 0, 2 after an error, which is told in one line on the standard error stream, or 141
        where the reader of the output has gone.
    """
    options = _parser().parse_args(arguments)
    try:
        code = int(options.run(options))
        sys.stdout.flush()  # here rather than at exit, where a closed pipe could no longer be caught
        return code
    except AnnotationError as error:
        problem = str(error)
    except BrokenPipeError:
        # Whoever read the output has left (`specs-ratings export | head`), which is no error, as in `specs`.
        # Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED_PIPE
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
