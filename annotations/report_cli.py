"""The command ``report`` of ``specs-ratings``: from the store, or from one CSV file."""

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from annotations.locations import add_places, database_of

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from annotations.analysis.report import ReportOptions
    from annotations.analysis.report_reading import ReportTables

# As in `annotations.level_values` and `annotations.correlation_report`, too heavy for printing help.
_COEFFICIENTS: Final = (
    *("pearson_r", "spearman_rho", "kendall_tau_b", "kendall_tau_c"),
    *("inverse_r_squared", "pairwise_accuracy"),
)
_LEVELS: Final = (
    *("pooled", "per_image", "per_image_zero", "per_system", "per_system_zero"),
    "between_systems",
)
_OF_FILES: Final = ("human", "group", "item", "length", "caption")
_OF_STORE: Final = (
    *("campaign", "since", "until", "shortest", "longest", "blind_only", "weights", "question"),
    *("database", "data"),
)


def add_commands(commands: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command.

    Args:
        commands: Of the parser of ``specs-ratings``.
    """
    parser = commands.add_parser(
        "report",
        help="write the report on metrics and people as a page that can be sent",
        description="Write the report on metrics and people: one HTML page that needs nothing else, and "
        "beside it every number as JSON and the captions as CSV. From the store: specs-ratings report. From "
        "a file: specs-ratings report FILE.csv --human COLUMN --metric COLUMN --group COLUMN; one row is an "
        "item or, with --item, a rating. docs/analysis.md says what the numbers mean.",
    )
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE.csv", help="default: the store")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("report.html"),
        metavar="FILE.html",
        help="default: report.html; the other two files stand beside it",
    )
    parser.add_argument("--force", action="store_true", help="write over files that are there")
    parser.add_argument(
        "--metric",
        action="append",
        default=[],
        metavar="NAME",
        help="with a file: a column of scores; may be given again, the first is drawn. From the store: the "
        "metric that is drawn (default: specs)",
    )
    parser.add_argument(
        "--rater",
        action="append",
        default=[],
        metavar="NAME",
        help="with a file: the column of raters. From the store: ratings of this person; may be given again",
    )
    parser.add_argument(
        "--system",
        action="append",
        default=[],
        metavar="NAME",
        help="with a file: the column that says what wrote each caption. From the store: captions of this "
        "system; may be given again",
    )
    _add_columns(parser)
    _add_filters(parser)
    _add_numbers(parser)
    parser.set_defaults(run=_report)


def _add_columns(parser: argparse.ArgumentParser) -> None:
    columns = parser.add_argument_group("columns of a file")
    columns.add_argument(
        "--human",
        action="append",
        metavar="COLUMN",
        help="people's scores; may be given again, metrics are held against the first",
    )
    columns.add_argument("--group", metavar="COLUMN", help="the image of each row")
    columns.add_argument("--item", metavar="COLUMN", help="rows of one item are its ratings")
    columns.add_argument("--length", metavar="COLUMN", help="of the captions, in tokens")
    columns.add_argument("--caption", metavar="COLUMN", help="their texts")


def _add_filters(parser: argparse.ArgumentParser) -> None:
    filters = parser.add_argument_group("what of the store goes in")
    filters.add_argument(
        "--campaign", action="append", default=[], metavar="NAME", help="may be given again (default: all)"
    )
    filters.add_argument("--question", metavar="NAME", help="the scale (default: overall)")
    filters.add_argument("--since", metavar="DAY", help="first day of the ratings, as in 2026-01-31, UTC")
    filters.add_argument("--until", metavar="DAY", help="last day")
    filters.add_argument("--shortest", type=float, metavar="N", help="fewest tokens of a caption")
    filters.add_argument("--longest", type=float, metavar="N", help="most tokens")
    filters.add_argument(
        "--blind-only", action="store_true", help="without ratings given after the metric was seen"
    )
    filters.add_argument(
        "--weights",
        metavar="SHA256",
        help="whose scores are taken, or how it begins (default: those that scored the most)",
    )
    add_places(parser)


def _add_numbers(parser: argparse.ArgumentParser) -> None:
    numbers = parser.add_argument_group("how it is computed")
    numbers.add_argument(
        "--coefficient", choices=_COEFFICIENTS, default="kendall_tau_b", help="default: kendall_tau_b"
    )
    numbers.add_argument("--level", choices=_LEVELS, default="pooled", help="default: pooled")
    numbers.add_argument("--threshold", type=float, default=0.0, metavar="X", help="of dips (default: 0)")
    numbers.add_argument(
        "--everything",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="intervals for every coefficient at every level, or for the chosen one alone, which is much "
        "faster (default: for every one up to 6,000 captions)",
    )
    for name, what in (("resamples", "of every interval"), ("permutations", "of every test, at most")):
        numbers.add_argument(
            f"--{name}", type=int, metavar="N", help=f"{what} (default: 2000; 1000 above 6,000 captions)"
        )
    numbers.add_argument("--confidence", type=float, default=0.95, metavar="X", help="default: 0.95")
    numbers.add_argument("--seed", type=int, default=0, metavar="N", help="default: 0")
    numbers.add_argument("--names", action="store_true", help="name the raters; otherwise they are numbered")


def _report(options: argparse.Namespace) -> int:
    # Heavy, and not needed to print help.
    from annotations.analysis.report import MOST_FOR_EVERYTHING, ReportOptions, default_draws

    targets = _targets(options)
    _check_options(options)
    tables = _from_store(options) if options.file is None else _from_file(options)
    n_items = len(tables.table)
    default = default_draws(n_items)
    if n_items > MOST_FOR_EVERYTHING:
        print(
            f"specs-ratings: {n_items:,} captions take minutes, the correlations most of them; a smaller "
            "number after --resamples takes less",
            file=sys.stderr,
        )
    how = ReportOptions(
        metric=options.metric[0] if options.metric else None,
        coefficient=options.coefficient,
        level=options.level,
        threshold=options.threshold,
        n_resamples=default if options.resamples is None else options.resamples,
        n_permutations=default if options.permutations is None else options.permutations,
        confidence=options.confidence,
        seed=options.seed,
        everything=options.everything,
        names=options.names,
    )
    question = options.question if options.file is None else options.human[0]
    _write(targets, tables, question, how)
    print(
        f"The report is in {targets[0]}; its numbers in {targets[1].name}, its captions in {targets[2].name}."
    )
    return 0


def _write(
    targets: Sequence[Path], tables: "ReportTables", question: str | None, how: "ReportOptions"
) -> None:
    from annotations.analysis.report_files import make_report

    texts = make_report(
        tables.table,
        tables.units,
        tables.battles,
        question=question,
        origin=tables.origin,
        options=how,
        tell=_tell,
    )
    for target, text in zip(targets, (texts.html, texts.json, texts.csv), strict=True):
        # Line ends stay as they are made; those of the CSV file are the format's.
        target.write_text(text, encoding="utf-8", newline="")


def _tell(step: str) -> None:
    print(f"specs-ratings: {step} ...", file=sys.stderr)


def _targets(options: argparse.Namespace) -> list[Path]:
    """Return the three files, and refuse those that are there before anything is computed."""
    from annotations.errors import InvalidRecordError

    page: Path = options.output
    if page.suffix.lower() not in (".html", ".htm"):
        raise InvalidRecordError(f"the report is a page: name a file that ends in .html after -o, not {page}")
    if not page.parent.is_dir():
        raise InvalidRecordError(f"{page} cannot be written: there is no folder {page.parent}")
    targets = [page, page.with_suffix(".json"), page.with_suffix(".csv")]
    for target in targets:
        if options.file is not None and target.resolve() == options.file.resolve():
            raise InvalidRecordError(
                f"{target} is the file that is read, and the report would write over it; choose another "
                "name after -o"
            )
        if target.is_dir():
            raise InvalidRecordError(f"{target} is a folder; choose another name after -o")
        if target.exists() and not options.force:
            raise InvalidRecordError(
                f"{target} exists already; choose another name after -o, or write over it with --force"
            )
    return targets


def _check_options(options: argparse.Namespace) -> None:
    """Refuse options of the other way, so that none is passed over in silence."""
    from annotations.errors import InvalidScoresError

    if options.seed < 0:
        raise InvalidScoresError(f"--seed must be at least 0; got {options.seed}")
    for name in ("shortest", "longest"):
        if math.isnan(getattr(options, name) or 0):
            raise InvalidScoresError(f"--{name} is a number of tokens; got nan")
    if options.file is None:
        for name in _OF_FILES:
            if getattr(options, name) is not None:
                raise InvalidScoresError(
                    f"--{name} names a column, and there is no file: give FILE.csv as well, or leave it out"
                )
        if len(options.metric) > 1:
            raise InvalidScoresError("from the store one --metric is drawn; all are in the report anyway")
        return
    for name in _OF_STORE:
        given = getattr(options, name)
        if given is not None and given is not False and given != []:
            raise InvalidScoresError(
                f"--{name.replace('_', '-')} is for reports from the store; leave it out, or the file"
            )
    missing = [name for name in ("human", "metric", "group") if not getattr(options, name)]
    if missing:
        raise InvalidScoresError(
            f"a report of a file needs --{missing[0]} COLUMN: people's scores come from --human, a metric's "
            "from --metric, the image of each row from --group"
        )
    for name in ("rater", "system"):
        if len(getattr(options, name)) > 1:
            raise InvalidScoresError(f"--{name} names one column of the file; it is given more than once")


def _from_store(options: argparse.Namespace) -> "ReportTables":
    from annotations.analysis.report_reading import Filters, read_report_tables
    from annotations.engine import open_database

    filters = Filters(
        campaigns=options.campaign,
        raters=options.rater,
        systems=options.system,
        since=options.since,
        until=options.until,
        shortest=options.shortest,
        longest=options.longest,
        blind_only=options.blind_only,
        weights=options.weights,
    )
    engine = open_database(database_of(options), must_exist=True)
    try:
        return read_report_tables(engine, filters, names=options.names, tell=_tell)
    finally:
        engine.dispose()


def _from_file(options: argparse.Namespace) -> "ReportTables":
    from annotations.analysis.csv_table import read_csv_table
    from annotations.analysis.report import NO_BATTLES, NO_UNITS, Origin
    from annotations.analysis.report_reading import ReportTables

    rater, system = _one(options.rater), _one(options.system)
    _tell("ratings")
    table = read_csv_table(
        options.file,
        human=options.human,
        metrics=options.metric,
        group=options.group,
        item=options.item,
        rater=rater,
        system=system,
        length=options.length,
        caption=options.caption,
    )
    columns = {
        "human": ", ".join(options.human),
        "metric": ", ".join(options.metric),
        "group": options.group,
        "item": options.item,
        "rater": rater,
        "system": system,
        "length": options.length,
        "caption": options.caption,
    }
    origin = Origin(
        source=options.file.name,
        choice={f"column of {what}": name for what, name in columns.items() if name},
        knows_blind=False,
    )
    return ReportTables(table, NO_UNITS, NO_BATTLES, origin)


def _one(values: Sequence[str]) -> str | None:
    return values[0] if values else None
