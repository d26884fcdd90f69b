"""The commands ``rank`` and ``agree`` of ``specs-ratings``, which read a CSV file and need no database."""

import argparse
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from annotations.csv_columns import Columns
    from annotations.leave_one_out import LeaveOneOut
    from annotations.long_form import Ratings


def add_commands(commands: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands.

    Args:
        commands: Of the parser of ``specs-ratings``.
    """
    rank = commands.add_parser(
        "rank",
        help="rank systems by their battles",
        description="Rank systems by battles: a CSV file with the columns a and b (systems), winner (a, b, "
        "tie, or empty) and, if there is one, image. docs/analysis.md says what the numbers mean.",
    )
    rank.add_argument("file", type=Path, metavar="FILE.csv")
    rank.add_argument(
        "--metric",
        action="append",
        default=[],
        metavar="NAME",
        help="hold the metric in the columns NAME_a and NAME_b against the battles; may be given again",
    )
    rank.add_argument(
        "--tie-threshold",
        type=float,
        default=0.0,
        metavar="X",
        help="scores that differ by no more are tied (default: 0)",
    )
    rank.add_argument("--ridge", type=float, default=None, metavar="X", help="default: 0.01")
    _add_options(rank)
    rank.set_defaults(run=_rank)
    agree = commands.add_parser(
        "agree",
        help="say how far raters agree",
        description="Say how far raters agree: Krippendorff's alpha, kappa of every two raters, each rater "
        "against the others and the human ceiling. One row of the CSV file is one rating.",
    )
    agree.add_argument("file", type=Path, metavar="FILE.csv")
    for name, what in (("item", "what was rated"), ("rater", "who rated it"), ("value", "the answer")):
        agree.add_argument(f"--{name}", required=True, metavar="COLUMN", help=what)
    agree.add_argument("--group", metavar="COLUMN", help="the image of an item (default: the item itself)")
    agree.add_argument(
        "--level",
        required=True,
        choices=("nominal", "ordinal", "interval"),
        help="of the answers: names, steps of a scale, or numbers whose differences count",
    )
    agree.add_argument(
        "--min-items",
        type=int,
        default=None,
        metavar="N",
        help="shared items below which raters are not compared (default: 10)",
    )
    _add_options(agree)
    agree.set_defaults(run=_agree)


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--resamples", type=int, default=2000, metavar="N", help="default: 2000")
    parser.add_argument("--confidence", type=float, default=0.95, metavar="X", help="default: 0.95")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the resamples (default: 0)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _rank(options: argparse.Namespace) -> int:
    # Heavy, and not needed to print help.
    from annotations.battle_agreement import agree_with_battles
    from annotations.bradley_terry import DEFAULT_RIDGE
    from annotations.correlation_report import without_nan
    from annotations.csv_columns import read_columns
    from annotations.level_values import too_few
    from annotations.ranking import rank_systems

    sides = [f"{name}_{side}" for name in options.metric for side in "ab"]
    columns = read_columns(options.file, ["a", "b", "winner", *sides], optional=["image"])
    first, second = columns.texts("a"), columns.texts("b")
    winners: list[Any] = [answer.lower() or None for answer in columns.texts("winner", may_be_empty=True)]
    columns.check("winner", [winner in ("a", "b", "tie", None) for winner in winners], "a, b, tie or empty")
    columns.check("b", [a != b for a, b in zip(first, second, strict=True)], "another system than a")
    shared: dict[str, Any] = {
        "groups": columns.texts("image") if "image" in columns.cells else None,
        "ridge": DEFAULT_RIDGE if options.ridge is None else options.ridge,
        "n_resamples": options.resamples,
        "confidence": options.confidence,
        "seed": options.seed,
    }
    ranking = rank_systems(first, second, winners, **shared)
    metrics = {
        name: agree_with_battles(
            first,
            second,
            winners,
            *(columns.numbers(f"{name}_{side}") for side in "ab"),
            tie_threshold=options.tie_threshold,
            **shared,
        )
        for name in options.metric
    }
    warnings = [few] if (few := too_few(ranking.n_groups, "image" if shared["groups"] else "battle")) else []
    record = {"warnings": warnings, **without_nan(ranking)}
    record["systems"] = [{"system": name, **row} for name, row in record["systems"].items()]
    record["metrics"] = without_nan(metrics)
    if options.json:
        print(json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False))
        return 0
    print(f"{ranking.n_battles:,} battles, {ranking.n_ties:,} ties, {ranking.n_groups:,} images")
    for name, system in ranking.systems.items():
        cluster = "-" if system.cluster is None else system.cluster
        print(f"{cluster}  {name}  {_line(system.strength)}")
    for name, agreement in metrics.items():
        for coefficient in ("accuracy", "accuracy_with_ties", "kendall_tau_b", "pearson_r"):
            print(f"{name}  {coefficient}  {_line(getattr(agreement, coefficient))}")
    for note in (ranking.note, *warnings):
        if note:
            print(note)
    return 0


def _agree(options: argparse.Namespace) -> int:
    from annotations.agreement import krippendorff_alpha
    from annotations.correlation_report import without_nan
    from annotations.csv_columns import read_columns
    from annotations.kappa import MIN_SHARED, Weights, kappa_matrix
    from annotations.leave_one_out import leave_one_out
    from annotations.long_form import as_ratings

    wanted = [options.item, options.rater, options.value, *([options.group] if options.group else [])]
    columns = read_columns(options.file, wanted)
    items, raters = columns.texts(options.item), columns.texts(options.rater)
    values = _values(columns, options.value, options.level)
    groups = columns.texts(options.group) if options.group else items
    n_least = MIN_SHARED if options.min_items is None else options.min_items
    weights: Weights = "none" if options.level == "nominal" else "quadratic"
    drawn: dict[str, Any] = {
        "n_resamples": options.resamples,
        "confidence": options.confidence,
        "seed": options.seed,
    }
    alpha = krippendorff_alpha(items, raters, values, groups=groups, level=options.level, **drawn)
    kappa = kappa_matrix(items, raters, values, weights=weights, min_items=n_least)
    others = leave_one_out(
        items, raters, values, groups=groups, level=options.level, min_items=n_least, **drawn
    )
    shared = as_ratings(items, raters, values, groups=groups, level=options.level).shared()
    warnings = _few_images(shared, others, what="image" if options.group else "item")
    if options.json:
        record = {
            "warnings": warnings,
            "alpha": without_nan(alpha),
            "kappa": {
                "weights": weights,
                "mean": without_nan(kappa.mean),
                "n_defined": kappa.n_defined,
                "note": kappa.note,
                "pairs": [{"first": a, "second": b, **without_nan(of)} for (a, b), of in kappa.pairs.items()],
            },
            "leave_one_out": without_nan(others),
        }
        print(json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False))
        return 0
    print(f"Krippendorff's alpha, {options.level}  {_line(alpha, n=alpha.n_items)}")
    print(f"mean kappa, {weights} weights  {kappa.mean:.4f}  n={kappa.n_defined}  {kappa.note}".rstrip())
    for (a, b), pair in kappa.pairs.items():
        print(f"kappa  {a} and {b}  {pair.value:.4f}  n={pair.n_items}  {pair.note}".rstrip())
    print(f"human ceiling, {others.measure}  {_line(others.human_ceiling)}")
    for rater, against in others.raters.items():
        print(f"{others.measure}  {rater}  {_line(against.statistic)}")
    for warning in warnings:
        print(warning)
    return 0


def _few_images(shared: "Ratings", others: "LeaveOneOut", *, what: str) -> list[str]:
    """Say where intervals rest on few images: all of them, or those of raters who share few with others."""
    import numpy as np

    from annotations.level_values import FEW_GROUPS, too_few

    if not len(shared):
        return []  # nothing has a value, and says so
    if few := too_few(len(shared.groups), what):
        return [few]
    pairs = np.unique(np.stack([shared.rater, shared.group], axis=1), axis=0)
    n_of = np.bincount(pairs[:, 0], minlength=len(shared.raters))
    names = [
        f"{name} ({n})"
        for name, n in zip(shared.raters, n_of, strict=True)
        if n < FEW_GROUPS and not math.isnan(others.raters[name].statistic.value)
    ]
    if not names:
        return []
    return [
        f"fewer than {FEW_GROUPS} {what}s shared with others: the intervals of {', '.join(names)} are "
        f"themselves uncertain"
    ]


def _values(columns: "Columns", name: str, level: str) -> list[Any]:
    if level == "nominal":
        return [text or None for text in columns.texts(name, may_be_empty=True)]
    return columns.numbers(name)


def _line(statistic: Any, *, n: int | None = None) -> str:
    """Write a value, its interval, what it rests on and what must be known of it."""
    text = f"{statistic.value:.4f}  [{statistic.low:.4f}, {statistic.high:.4f}]  "
    return f"{text}n={statistic.n if n is None else n}  {statistic.note}".rstrip()
