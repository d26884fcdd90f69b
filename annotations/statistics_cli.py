"""The command ``correlate`` of ``specs-ratings``, which reads a CSV file and needs no database."""

import argparse
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from annotations.correlation_report import Scores

# As in `annotations.permutation` and `annotations.length_effects`, which are too heavy for printing help.
_COEFFICIENTS = ("pearson_r", "spearman_rho", "kendall_tau_b", "kendall_tau_c")
_BOUNDARY = 60.0


def add_commands(commands: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command.

    Args:
        commands: Of the parser of ``specs-ratings``.
    """
    parser = commands.add_parser(
        "correlate",
        help="say how far metrics agree with people",
        description="Say how far metrics agree with people: every coefficient over all items, inside images, "
        "inside and between systems, with intervals over images; tests between metrics; effects of length. "
        "One row of the CSV file is an item or, with --item, a rating. An empty cell or the word nan is a "
        "missing score. docs/analysis.md says what the numbers mean.",
    )
    parser.add_argument("file", type=Path, metavar="FILE.csv")
    parser.add_argument("--human", required=True, metavar="COLUMN", help="people's scores")
    parser.add_argument(
        "--metric", required=True, action="append", metavar="COLUMN", help="may be given again"
    )
    parser.add_argument("--group", required=True, metavar="COLUMN", help="the image of each row")
    parser.add_argument("--item", metavar="COLUMN", help="rows of one item are averaged")
    parser.add_argument("--system", metavar="COLUMN", help="what wrote each caption; it may be empty")
    parser.add_argument("--length", metavar="COLUMN", help="of the captions, in tokens")
    parser.add_argument(
        "--edges", metavar="N,N,...", help="where length buckets meet (default: the quartiles)"
    )
    parser.add_argument(
        "--short", metavar="COLUMN", help="the metric advised for short captions, to be put to the test"
    )
    parser.add_argument("--long", metavar="COLUMN", help="the metric advised for long captions")
    parser.add_argument(
        "--boundary", type=float, default=_BOUNDARY, metavar="N", help="long begins here (default: 60)"
    )
    parser.add_argument("--resamples", type=int, default=2000, metavar="N", help="default: 2000")
    parser.add_argument("--confidence", type=float, default=0.95, metavar="X", help="default: 0.95")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="default: 0")
    parser.add_argument(
        "--test",
        choices=_COEFFICIENTS,
        default="kendall_tau_b",
        help="what the tests between metrics compare (default: kendall_tau_b)",
    )
    parser.add_argument(
        "--test-level", choices=("pooled", "per_image"), default="pooled", help="default: pooled"
    )
    parser.add_argument(
        "--swap",
        choices=("image", "item"),
        default="image",
        help="what the permutation test swaps: all items of an image together, or each (default: image)",
    )
    parser.add_argument(
        "--permutations", type=int, default=2000, metavar="N", help="of each test, at most (default: 2000)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=_correlate)


def _correlate(options: argparse.Namespace) -> int:
    # Heavy, and not needed to print help.
    from annotations.correlation_report import Options, correlation_report, without_nan
    from annotations.errors import InvalidScoresError

    if (options.short is None) != (options.long is None):
        raise InvalidScoresError("--short and --long go together: name both metrics")
    if options.seed < 0:
        raise InvalidScoresError(f"--seed must be at least 0; got {options.seed}")
    if options.length is None and (options.short or options.edges):
        raise InvalidScoresError("--edges, --short and --long need --length")
    report = correlation_report(
        _read(options),
        Options(
            n_resamples=options.resamples,
            confidence=options.confidence,
            seed=options.seed,
            coefficient=options.test,
            level=options.test_level,
            swap=options.swap,
            n_permutations=options.permutations,
            edges=None if options.edges is None else _edges(options.edges),
            short_metric=options.short,
            long_metric=options.long,
            boundary=options.boundary,
        ),
    )
    report = {"file": str(options.file), "human": options.human, "group": options.group, **report}
    report = without_nan(report)
    if options.json:
        print(json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False))
    else:
        print("\n".join(_lines(report)))
    return 0


def _read(options: argparse.Namespace) -> "Scores":
    import numpy as np

    from annotations.correlation_report import Scores, average_items
    from annotations.csv_columns import read_columns
    from annotations.errors import InvalidScoresError

    twice = [name for name in options.metric if options.metric.count(name) > 1]
    if twice:
        raise InvalidScoresError(f"--metric {twice[0]} is given more than once; once is enough")
    others = [name for name in (options.item, options.system, options.length) if name]
    columns = read_columns(options.file, [options.human, *options.metric, options.group, *others])
    scores = Scores(
        human=np.array(columns.numbers(options.human)),
        metrics={name: np.array(columns.numbers(name)) for name in options.metric},
        groups=columns.texts(options.group),
        systems=columns.texts(options.system, may_be_empty=True) if options.system else None,
        lengths=np.array(columns.numbers(options.length)) if options.length else None,
        n_rows=len(columns.lines),
    )
    return average_items(scores, columns.texts(options.item)) if options.item else scores


def _edges(text: str) -> list[float]:
    from annotations.errors import InvalidScoresError

    try:
        return [float(part) for part in text.split(",")]
    except ValueError as error:
        raise InvalidScoresError(f"--edges must be numbers with commas between; got {text!r}") from error


def _lines(report: dict[str, Any]) -> list[str]:
    lines = [
        f"{report['n_items']:,} items of {report['n_rows']:,} rows; intervals: {report['confidence']:.0%}, "
        f"{report['n_resamples']:,} resamples of images, seed {report['seed']}"
    ]
    for name, metric in report["metrics"].items():
        missing = f", {metric['n_missing']:,} without a score" if metric["n_missing"] else ""
        systems = f", {metric['n_systems']:,} systems" if metric["n_systems"] else ""
        lines += [
            "",
            f"{name}: {metric['n_items']:,} items, {metric['n_images']:,} images{systems}{missing}",
        ]
        lines += [f"  note: {warning}" for warning in metric["warnings"]]
        lines += [
            f"  {coefficient:18} {level:16} {_figure(value)}"
            for coefficient, levels in metric.items()
            if isinstance(levels, dict)
            for level, value in levels.items()
        ]
    if "tests" in report:
        lines += ["", *_test_lines(report["tests"])]
    if "length" in report:
        lines += ["", *_length_lines(report["length"])]
    return [line.rstrip() for line in lines]


def _number(value: float | None) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:.4f}"


def _figure(value: dict[str, Any]) -> str:
    interval = f"[{_number(value['low'])}, {_number(value['high'])}]"
    undefined = f", {value['n_undefined']} undefined" if value.get("n_undefined") else ""
    groups = f" in {value['n_groups']:,}" if "n_groups" in value else ""
    ties = value.get("tie_thresholds") or []
    threshold = f", tie threshold {min(ties):.4g} to {max(ties):.4g}" if ties else ""
    counts = f"n={value['n']:,}{groups}{undefined}{threshold}"
    return f"{_number(value['value']):>8} {interval:20} {counts}  {value['note']}"


def _test_lines(tests: dict[str, Any]) -> list[str]:
    lines = [
        f"clusters by {tests['coefficient']} {tests['level']}, on {tests['n_items']:,} items that all scored"
    ]
    lines += [
        f"  {tests['clusters'].get(name, '-'):>3}  {name}  {_number(value)}"
        for name, value in tests["values"].items()
    ]
    lines += [
        f"  {pair['first']} - {pair['second']}: {_number(pair['difference'])}, p = {_number(pair['p'])}, "
        f"after Holm {_number(pair['adjusted_p'])}, {pair['n_permutations']:,} swaps by {tests['swap']}"
        f"{' (stopped early)' if pair['stopped_early'] else ''}  {pair['note']}"
        for pair in tests["comparisons"]
    ]
    if tests["no_williams"]:
        lines.append(f"  {tests['no_williams']}")
    for test in tests["williams"]:
        said = test["refused"] or f"t = {_number(test['t'])}, p = {_number(test['p'])}, n = {test['n']:,}"
        lines.append(f"  Williams, {test['first']} - {test['second']}: {said}")
    return lines


def _length_lines(length: dict[str, Any]) -> list[str]:
    lines = ["by length in tokens", *(f"  note: {warning}" for warning in length["warnings"])]
    for bucket in length["buckets"]:
        high = "up" if bucket["high"] is None else f"below {bucket['high']:g}"
        lines.append(f"  {bucket['low']:g} {high}: {bucket['n']:,} items, {bucket['n_groups']:,} images")
        lines += [
            f"    {name} {coefficient:14} {_figure(value)}"
            for name, coefficients in bucket["coefficients"].items()
            for coefficient, value in coefficients.items()
        ]
    lines.append("with length partialled out")
    lines += [
        f"    {name} {coefficient:14} {_figure(value)}"
        for name, coefficients in length["partial"].items()
        for coefficient, value in coefficients.items()
    ]
    advice = length.get("recommendation")
    if advice:
        why = ", because no resamples were drawn (--resamples)" if advice["verdict"] == "not weighed" else ""
        lines += [
            f"{advice['short_metric']} below {advice['boundary']:g} tokens and {advice['long_metric']} from "
            f"there on: {advice['verdict']}{why}",
            f"    difference below  {_figure(advice['below'])}",
            f"    difference above  {_figure(advice['above'])}",
            f"    change            {_figure(advice['change'])}",
        ]
    return lines
