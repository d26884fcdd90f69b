"""The commands of ``specs-ratings`` that hand captions to ``specs metrics`` and take scores back."""

import argparse
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from annotations.locations import add_places, data_dir, database_of, images_dir

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from sqlalchemy import Engine

    from annotations.import_scores import ScoresReport

TABLES = ("captions", "scores")
"""What ``specs-ratings export --what`` writes by `export_table`."""


def add_commands(commands: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands.

    Args:
        commands: Of the parser of ``specs-ratings``.
    """
    taking_in = commands.add_parser(
        "import-scores",
        help="take scores of metrics in, from specs metrics or a table of your own",
        description="Take scores in, so that the Analyse page can hold them against people: what `specs "
        "metrics` writes (.csv or .jsonl), or a table with the column id and one column for each metric. The "
        "captions come out by `specs-ratings export --what captions`.",
    )
    taking_in.add_argument("path", type=Path, metavar="FILE")
    taking_in.add_argument(
        "--campaign", metavar="NAME", help="whose items the ids mean (default: those of all campaigns)"
    )
    taking_in.add_argument(
        "--metric",
        nargs="+",
        default=[],
        metavar="COLUMN",
        help="columns of your own table that hold a metric",
    )
    taking_in.add_argument(
        "--model", metavar="TEXT", help="what made the scores of your own table: name, version, settings"
    )
    taking_in.add_argument(
        "--skip-invalid", action="store_true", help="take the good rows where others are refused"
    )
    taking_in.add_argument("--report", type=Path, metavar="FILE", help="all refused rows, as .csv or .json")
    add_places(taking_in)
    taking_in.set_defaults(run=_import_scores)


def export_table(options: argparse.Namespace, engine: "Engine", campaign_id: str | None) -> None:
    """Write captions or scores as `specs-ratings export --what` asks for.

    Args:
        options: Of the command ``export``.
        engine: From `open_database`.
        campaign_id: Only of this campaign, unless None.

    Raises:
        InvalidRecordError: If an option does not go with what is written.
        StorageError: If the database fails.
        OSError: If the file cannot be written.
    """
    from annotations.errors import InvalidRecordError
    from annotations.metric_tables import export_captions, export_scores

    captions = options.what == "captions"
    format = options.format or ("jsonl" if captions else "csv")
    if options.all_revisions:
        raise InvalidRecordError(f"{options.what} have no revisions; leave out --all-revisions")
    if captions and format != "jsonl":
        raise InvalidRecordError("captions are written as jsonl, which `specs metrics` reads")
    if options.references and not captions:
        raise InvalidRecordError("references go with --what captions")
    # Under another name until it is whole, so that a failure leaves an older file as it was.
    target = options.output
    unfinished = None if target is None else target.with_name(target.name + ".part")
    stream: TextIO
    with (
        nullcontext(sys.stdout)
        if unfinished is None
        else unfinished.open("w", encoding="utf-8", newline="") as stream
    ):
        if captions:
            report = export_captions(
                engine,
                stream,
                images=images_dir(data_dir(options.data)),
                campaign_id=campaign_id,
                references=options.references,
            )
            number = report.written
        else:
            number = export_scores(engine, stream, format=format, campaign_id=campaign_id)
    if unfinished is not None:
        unfinished.replace(target)
        print(f"{number:,} {options.what} written to {target}", file=sys.stderr)
    if captions and options.references:
        print(f"{report.with_references:,} of them have references", file=sys.stderr)
    if captions and report.without_image:
        print(
            f"{report.without_image:,} captions left out: their image is missing from "
            f"{images_dir(data_dir(options.data))}",
            file=sys.stderr,
        )


def _import_scores(options: argparse.Namespace) -> int:
    # Heavy, and not needed to print help.
    from annotations.engine import open_database
    from annotations.import_scores import ScoresPlan, import_scores

    plan = ScoresPlan(
        campaign=options.campaign,
        metrics=tuple(options.metric),
        model=options.model,
        skip_invalid=options.skip_invalid,
        report=options.report,
    )
    engine = open_database(database_of(options), must_exist=True)
    try:
        return _tell(import_scores(engine, options.path, plan))
    finally:
        engine.dispose()


def _tell(report: "ScoresReport") -> int:
    from annotations.transfer_cli import tell_nothing_written, tell_refusals

    tell_refusals(report.refused, report.refusals)
    written = report.written
    if written is None:
        return tell_nothing_written(report.refused, report.rows)
    print(
        f"{written.added:,} scores added, {written.changed:,} changed; {written.already:,} were there already"
    )
    if written.kept:
        print(
            f"{written.kept:,} scores stay as the app has computed them with the same weights; the largest "
            f"difference is {written.difference:.1e}"
        )
    for metric, number in report.missing.items():
        print(f"{number:,} rows have no score of {metric}; nothing is stored for them")
    if report.repeated:
        print(f"{report.repeated:,} scores stand in the file more than once and were taken once")
    return 0
