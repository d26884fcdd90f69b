"""`specs metrics`: metrics side by side on the same captions."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from specs_core.judge import Judge
    from specs_core.metrics.table import Metric


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    from specs_core.segmentation import SEGMENTERS

    parser = commands.add_parser(
        "metrics",
        help="metrics side by side on the same captions",
        description="Read lines with id, image, caption and, where there are any, references; write a row "
        "with id, metric and score for each line and metric. A run that was stopped goes on where it was.",
    )
    parser.add_argument("input", type=Path, nargs="?", metavar="FILE.jsonl", help="lines to score")
    parser.add_argument(
        "--metric",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME",
        help="one of --list, or all of `overlap` or `sentinels`",
    )
    parser.add_argument("-o", "--output", type=Path, metavar="OUT", help="a .jsonl or .csv")
    parser.add_argument("--list", action="store_true", help="list the metrics and end")
    parser.add_argument("--model", metavar="NAME", help="default: $SPECS_MODEL, or the bundled scenes model")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, mps (default: cpu)")
    parser.add_argument("--segmenter", choices=SEGMENTERS, default=SEGMENTERS[0])
    parser.add_argument("--seed", type=int, default=0, help="of the sentinels (0)")
    judge = parser.add_argument_group(
        "judge",
        "A language model is asked only for judge_fleur and judge_clair. Its key is $SPECS_JUDGE_KEY.",
    )
    judge.add_argument("--judge-url", metavar="URL", help="default: $SPECS_JUDGE_URL")
    judge.add_argument("--judge-model", metavar="NAME", help="default: $SPECS_JUDGE_MODEL")
    judge.add_argument("--judge-calls", type=int, default=1000, metavar="N", help="at most N requests (1000)")
    judge.add_argument("--judge-timeout", type=float, default=60, metavar="S", help="of a request (60)")
    judge.add_argument("--judge-workers", type=int, default=4, metavar="N", help="requests at a time (4)")
    judge.add_argument("--judge-cache", type=Path, metavar="DIR", help="default: judge-cache beside OUT")
    judge.add_argument("--price-in", type=float, metavar="X", help="price of a million tokens sent")
    judge.add_argument("--price-out", type=float, metavar="X", help="price of a million tokens received")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Score, or list; return the exit code."""
    import os
    import sys

    from specs_core.baselines.text_overlap import WORDNET_VARIABLE
    from specs_core.errors import ConfigError
    from specs_core.metrics.table import METRICS, chosen

    if args.list:
        print(_listed(list(METRICS.values())))
        return 0
    if args.input is None or args.output is None:
        raise ConfigError("name a file of lines and, with -o, where the scores go; --list shows the metrics")

    from tqdm import tqdm

    from specs_core.batch import Message, count_rows
    from specs_core.cli import load_with_progress
    from specs_core.metrics.scores import write_metric_scores

    needs = {need for metric in chosen(args.metric) for need in metric.needs}
    total = count_rows(args.input)
    judge = _judge(args) if "judge" in needs else None
    encoder = load_with_progress(args.model, device=args.device) if "model" in needs else None
    wordnet = os.environ.get(WORDNET_VARIABLE)
    try:
        with tqdm(total=total, unit="row") as bar:

            def tell(message: Message) -> None:
                tqdm.write(f"specs: {message}", file=sys.stderr)

            report = write_metric_scores(
                args.input,
                args.output,
                args.metric,
                encoder=encoder,
                judge=judge,
                wordnet=Path(wordnet) if wordnet else None,
                segmenter=args.segmenter,
                seed=args.seed,
                on_message=tell,
                on_row=bar.update,
            )
    finally:  # what was paid for is told, however the run ends
        if judge is not None:
            print(f"specs: {_tally_text(judge)}", file=sys.stderr)
    if report.kept:
        print(f"specs: {report.kept} of {total} rows were scored before and are kept", file=sys.stderr)
    for name, count in report.unscored.items():
        print(f"specs: {name}: no score for {count} of {report.rows} rows", file=sys.stderr)
    if report.left_out:
        print(f"specs: {report.left_out} of {total} rows left out", file=sys.stderr)
    return 1 if report.left_out or report.unscored else 0


def _listed(metrics: list[Metric]) -> str:
    from specs_core.cli import aligned

    rows = [("metric", "range", "better", "needs", "definition", "source")]
    for metric in metrics:
        span = f"{metric.low:g} to {metric.high:.3g}"
        needs = ", ".join(sorted(metric.needs)) or "-"
        rows.append((metric.name, span, metric.better, needs, metric.definition, metric.source))
    return aligned(rows)


def _judge(args: argparse.Namespace) -> Judge | None:
    import os

    from specs_core.judge import Judge
    from specs_core.judge_settings import judge_settings

    settings = judge_settings(
        os.environ,
        url=args.judge_url,
        model=args.judge_model,
        max_calls=args.judge_calls,
        timeout=args.judge_timeout,
        workers=args.judge_workers,
        price_in=args.price_in,
        price_out=args.price_out,
        cache=args.judge_cache or args.output.parent / "judge-cache",
    )
    return None if settings is None else Judge(settings)


def _tally_text(judge: Judge) -> str:
    tally = judge.tally
    parts = [
        f"the judge got {tally.calls} requests",
        f"{tally.cached} answers were on disk",
        f"{tally.refusals} refusals",
        f"{tally.unparsable} answers without a score",
        f"{tally.failed} questions without an answer",
        f"{tally.prompt_tokens:,} tokens sent and {tally.completion_tokens:,} received",
    ]
    if tally.untold:
        parts.append(f"{tally.untold} answers whose tokens were not told")
    if tally.unsmoothed:
        parts.append(f"{tally.unsmoothed} scores without probabilities to smooth over")
    if tally.cost is not None:
        parts.append(f"cost {tally.cost:.4f}")
    return "; ".join(parts)
