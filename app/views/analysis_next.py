"""Which captions to rate next, as HTML: a list that says why, and what a draw will do or has done."""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING, Final

from annotations.analysis.metric_names import metric_name
from app.problems import sentence
from app.thumbnails import thumbnail_url
from app.views.analysis_cells import signed, tip

if TYPE_CHECKING:
    from annotations.drawing import Draw, Ranking
    from annotations.next_pool import NextItem

_SHOWN: Final = 160  # characters of a caption

GAIN: Final = (
    "By how much one more rating lowers the variance of pearson_r between the metric and people, held "
    "against "
    "what a rating brings on average over the campaign’s captions. Captions far out in the metric and "
    "rated ones "
    "far off the line bring most."
)
GAP: Final = (
    "The difference of two places, that by the metric and that by the people’s mean, in percent of the "
    "list of "
    "rated captions: 0 % is the same place, 100 % first in one and last in the other."
)
WEIGHT: Final = (
    "Sampling weight: how many captions of the campaign this one stands for in weighted estimates."
)


def next_view(ranking: Ranking) -> str:
    """Return the list of captions to rate next, as HTML.

    Args:
        ranking: The first captions of a campaign.
    """
    if not ranking.n_items:
        return (
            "<h2>Nothing to rate here</h2>"
            f'<p class="ra-soft an-next">Campaign “{html.escape(ranking.campaign)}” has no captions to be '
            f"judged. "
            "Import some on Admin (or with specs-ratings import).</p>"
        )
    counts = (
        f"{_count(ranking.n_items, 'caption')} of “{ranking.campaign}”: {ranking.n_rated:,} rated, "
        f"{ranking.n_scored:,} with a score of {metric_name(ranking.metric)}, "
        f"{ranking.n_waiting:,} drawn and waiting."
    )
    return (
        f'<p class="ra-soft">{html.escape(counts)}</p>{_note(ranking)}'
        f'<ol class="an-queue">{"".join(_line(item, ranking) for item in ranking.items)}</ol>'
    )


def question_view(n: int, campaign: str, by: str) -> str:
    """Return what a draw will do, for whoever is about to order it, as HTML."""
    sizes = (
        "what one more rating of each brings" if by == "gain" else "how far the metric and people disagree"
    )
    told = (
        f"Draw {_count(n, 'caption')} of “{campaign}” by lot, with chances after {sizes}? They are handed "
        f"out before "
        "all others, and their sampling weights are stored with them. Those that have all their raters "
        "take one "
        "more. Captions drawn earlier keep their place. A draw is written down in the log and cannot be "
        "taken back."
    )
    return f"<p>{html.escape(told)}</p>"


def drawn_view(draw: Draw) -> str:
    """Return what a draw has done, as HTML."""
    new = sum(one.entered for one in draw.items)
    grown = sum(one.grown for one in draw.items)
    parts = [
        f"Drew {len(draw.items):,} of {_count(draw.n_pool, 'caption')} (seed {draw.seed}); they are handed "
        f"out next."
    ]
    if new:
        heaviest = max(one.weight for one in draw.items if one.entered)
        parts.append(f"{new:,} nobody had rated; the heaviest of them stands for {heaviest:.1f} captions.")
    if grown:
        parts.append(f"{grown:,} had all their raters and take one more.")
    if draw.note:
        parts.append(f"All had the same chance: {draw.note}.")
    return f'<p class="ra-done">{html.escape(" ".join(parts))}</p>'


def _note(ranking: Ranking) -> str:
    if not ranking.note:
        return ""
    steps = (
        "until then captions stand in the order in which they were added; a draw gives all the same chance"
    )
    if not ranking.n_scored:
        steps = f"score them first (the app does so while it runs, or python -m app.score_items); {steps}"
    told = f"{sentence(ranking.note)} {sentence(steps)}"
    if not math.isnan(ranking.pearson_r):
        told = sentence(ranking.note)
    return f'<ul class="an-notes"><li class="ra-problem">{html.escape(told)}</li></ul>'


def _line(item: NextItem, ranking: Ranking) -> str:
    caption = item.caption if len(item.caption) <= _SHOWN else f"{item.caption[: _SHOWN - 1].rstrip()}…"
    people = f"takes {_count(item.overlap, 'rating')}, has none"
    if item.n_ratings:
        people = f"people {signed(item.rating)} ({item.n_ratings} of {_count(item.overlap, 'rating')})"
    facts = [
        _why(item, ranking),
        f"{html.escape(metric_name(ranking.metric))} {signed(item.score, 3)}",
        people,
    ]
    if item.weight != 1:
        facts.append(f"<span{tip(WEIGHT)}>weight {item.weight:.3g}</span>")
    if item.waiting:
        facts.append('<b class="an-waits">drawn, waits</b>')
    return (
        f'<li><img src="{html.escape(thumbnail_url(item.image_id))}" alt="" loading="lazy" width="72" '
        f'height="54">'
        f'<div><p dir="auto">{html.escape(caption)}</p><p class="ra-soft">{" · ".join(facts)}</p></div>'
        f'<a class="ra-btn" href="/?item={html.escape(item.item_id)}" target="_blank" rel="noopener">'
        "Open on Inspect</a></li>"
    )


def _why(item: NextItem, ranking: Ranking) -> str:
    if ranking.by == "gap":
        if math.isnan(item.gap):
            said = "not rated, so nobody disagrees yet" if item.n_ratings == 0 else "no score, so no gap"
            return f"<span{tip(GAP)}>{said}</span>"
        return f"<b{tip(GAP)}>{100 * item.gap:.0f} % of the list apart</b>"
    if math.isnan(item.gain):
        said = "no score, so no gain is known" if math.isnan(item.score) else "gain not known"
        return f"<span{tip(GAIN)}>{said}</span>"
    told = f"{GAIN} Gain {item.gain:.2e}, mean {ranking.mean_gain:.2e}."
    which = "a first rating" if item.n_ratings == 0 else "one more rating"
    if not ranking.mean_gain:
        return f"<span{tip(told)}>{which} brings nothing more</span>"
    return f"<b{tip(told)}>{which} brings {item.gain / ranking.mean_gain:.1f} × the average</b>"


def _count(number: int, one: str) -> str:
    return f"{number:,} {one if number == 1 else one + 's'}"
