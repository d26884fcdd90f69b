"""The command ``specs-ratings next``: which captions to rate next, listed or drawn."""

import argparse
import json
import math
from typing import TYPE_CHECKING, Final

from annotations.locations import add_places, database_of

if TYPE_CHECKING:
    from annotations.drawing import Draw, Ranking
    from annotations.next_pool import NextItem

ACTOR: Final = "command line"
"""Who it was, in the audit log."""

_SHOWN: Final = 60  # characters of a caption in the table


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command ``next`` to the parser of ``specs-ratings``."""
    parser = commands.add_parser(
        "next",
        help="list the captions to rate next, or draw some and have them handed out first",
        description="List the captions of a campaign in the order in which to rate them. With --draw, draw "
        "some by lot instead, store their sampling weights and have them handed out first.",
    )
    parser.add_argument("--campaign", required=True, metavar="NAME")
    parser.add_argument(
        "--by",
        choices=("gain", "gap"),
        default="gain",
        help="what another rating narrows, or how far metric and raters disagree (default: gain)",
    )
    parser.add_argument("--metric", default="specs", help="whose scores are taken (default: specs)")
    parser.add_argument(
        "--model-sha256", metavar="SHA256", help="of its weights, or how it begins (default: the most used)"
    )
    parser.add_argument(
        "--question", default="overall", help="the scale it is held against (default: overall)"
    )
    parser.add_argument("--limit", type=int, default=20, metavar="N", help="list at most N (default: 20)")
    parser.add_argument("--draw", type=int, metavar="N", help="draw N captions and write that down")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the draw (default: 0)")
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    add_places(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    # Heavy, and not needed to print help.
    from annotations.correlation_report import without_nan
    from annotations.drawing import draw_next, rank_next
    from annotations.engine import open_database

    engine = open_database(database_of(options), must_exist=True)
    shared = {
        "by": options.by,
        "metric": options.metric,
        "model_sha256": options.model_sha256,
        "question": options.question,
    }
    try:
        if options.draw is None:
            ranking = rank_next(engine, options.campaign, limit=options.limit, **shared)
            print(json.dumps(without_nan(ranking)) if options.json else _listed(ranking))
        else:
            drawn = draw_next(
                engine, options.campaign, n=options.draw, seed=options.seed, actor=ACTOR, **shared
            )
            print(json.dumps(without_nan(drawn)) if options.json else _told(drawn))
    finally:
        engine.dispose()
    return 0


def _listed(ranking: "Ranking") -> str:
    lines: list[tuple[str, ...]] = [("", ranking.by, "score", "mean", "ratings", "weight", "caption")]
    lines += [(str(at), *_cells(item, ranking.by)) for at, item in enumerate(ranking.items, start=1)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    table = "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
    counts = (
        f"{ranking.n_items:,} captions, {ranking.n_rated:,} rated, {ranking.n_scored:,} scored by "
        f"{ranking.metric}, {ranking.n_waiting:,} drawn and waiting"
    )
    if not math.isnan(ranking.pearson_r):
        counts += f"; pearson_r {ranking.pearson_r:.2f}"
    return "\n".join([table, counts, *([ranking.note] if ranking.note else [])])


def _cells(item: "NextItem", by: str) -> tuple[str, ...]:
    value = item.gain if by == "gain" else item.gap
    caption = " ".join(item.caption.split())
    caption = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in caption)
    caption = caption if len(caption) <= _SHOWN else f"{caption[: _SHOWN - 1]}…"
    return (
        _number(value, ".2e" if by == "gain" else ".2f"),
        _number(item.score, ".3f"),
        _number(item.rating, ".2f"),
        f"{item.done} of {item.overlap}{', drawn' if item.waiting else ''}",
        f"{item.weight:.3g}",
        caption,
    )


def _number(value: float, form: str) -> str:
    return "none" if math.isnan(value) else format(value, form)


def _told(draw: "Draw") -> str:
    new = sum(one.entered for one in draw.items)
    grown = sum(one.grown for one in draw.items)
    lines = [
        f"drew {len(draw.items):,} of {draw.n_pool:,} captions of {draw.campaign!r} (seed {draw.seed}); they "
        f"are handed out first",
        f"{new:,} nobody had rated: each stands for 1 over its chance, up to "
        f"{max((one.weight for one in draw.items if one.entered), default=1):.3g} captions",
    ]
    if grown:
        lines.append(f"{grown:,} had all their raters and take one more")
    if draw.earlier_share not in (0, 1):
        lines.append(f"items of earlier draws keep {draw.earlier_share:.0%} of their extra weight")
    if draw.note:
        lines.append(f"{draw.note}; so every caption had an equal chance")
    return "\n".join(lines)
