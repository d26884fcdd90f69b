"""What the commands of ``specs-ratings`` about people and campaigns have in common."""

import argparse
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from annotations.locations import add_places, database_of

if TYPE_CHECKING:
    from sqlalchemy import Engine


def add_command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    command: str,
    run: "Callable[[Engine, argparse.Namespace], str]",
    summary: str,
    description: str | None = None,
    *,
    named: bool = True,
) -> argparse.ArgumentParser:
    """Add a command that opens the database and prints what it is told to say.

    Args:
        commands: Of ``specs-ratings``.
        command: Its name.
        run: What it does; returns what to print. The database has to be there, unless ``--create`` is given.
        summary: For the list of commands.
        description: For its own help; the summary as a sentence, unless given.
        named: Whether it takes a name.
    """
    parser = commands.add_parser(
        command, help=summary, description=description or f"{summary[0].upper()}{summary[1:]}."
    )
    if named:
        parser.add_argument("name", metavar="NAME")
    add_places(parser)
    parser.set_defaults(run=lambda options: _run(run, options))
    return parser


def as_table(lines: Sequence[tuple[str, ...]]) -> str:
    """Return lines of cells as text, each column as wide as its widest cell."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _run(command: "Callable[[Engine, argparse.Namespace], str]", options: argparse.Namespace) -> int:
    # Heavy, and not needed to print help.
    from annotations.engine import open_database

    engine = open_database(database_of(options), must_exist=not getattr(options, "create", False))
    try:
        print(command(engine, options))
    finally:
        engine.dispose()
    return 0
