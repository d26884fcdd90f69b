"""The card of all metrics against people: values at once, intervals and rank groups when they are ready."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from annotations.agreement import Alpha, krippendorff_alpha
from annotations.analysis.correlations import Correlations, correlations
from app.analysis_choice import narrows
from app.analysis_parts import N_RESAMPLES, SEED
from app.stored_scores import METRIC
from app.views.analysis import (
    counts_card,
    message_card,
    missing_points,
    nothing_to_show,
    notices_card,
)
from app.views.analysis_agreement import agreement_axis, agreement_rows, agreement_table

if TYPE_CHECKING:
    from app.analysis import Shown, Tables

MIN_CAPTIONS: Final = 3
"""Below this number of captions a correlation is not reported."""

_NEXT: Final = (
    "Score captions on Inspect, press “Rate this caption”, and rate them; every rated caption becomes a "
    "point here."
)


def quick(shown: Shown, tables: Tables) -> tuple[str, str, str]:
    """Return what can be told at once: the counts, the card with values and without intervals, and the notes.

    Args:
        shown: What is asked for.
        tables: What was read.

    Raises:
        InvalidScoresError: If there is no such coefficient or level.
    """
    table, asked = tables.table, shown.asked
    found = _correlations(shown, tables, quick=True) if asked.question in table.answers else None
    counts = counts_card(table, found, alpha=None, question=asked.question, metric=asked.metric)
    if found is None or not len(table):
        return counts, nothing_to_show(table, is_narrowed=narrows(asked.choice)), ""
    return counts, *_card(shown, found)


def complete(shown: Shown, tables: Tables) -> tuple[str, str, str]:
    """Return the same with alpha, intervals and rank groups, and with the notes on them.

    Args:
        shown: What is asked for.
        tables: What was read.

    Raises:
        InvalidScoresError: If there is no such coefficient or level.
    """
    table, asked = tables.table, shown.asked
    if asked.question not in table.answers or not len(table):
        return quick(shown, tables)
    found = _correlations(shown, tables, quick=False)
    alpha = question_alpha(shown, tables)
    counts = counts_card(table, found, alpha=alpha, question=asked.question, metric=asked.metric)
    return counts, *_card(shown, found)


def question_alpha(shown: Shown, tables: Tables) -> Alpha:
    """Return the agreement of the raters on the chosen question."""
    table, question = tables.table, shown.asked.question
    given = table.answers[question]
    items = given.item.tolist()
    return tables.once(
        ("alpha", question),
        lambda: krippendorff_alpha(
            items,
            given.rater.tolist(),
            given.value.tolist(),
            groups=[table.images[item] for item in items],
            level="ordinal",
            n_resamples=N_RESAMPLES,
            seed=SEED,
        ),
    )


def _correlations(shown: Shown, tables: Tables, *, quick: bool) -> Correlations:
    asked = shown.asked
    what = {"question": asked.question, "coefficient": asked.coefficient, "level": asked.level}
    return tables.once(
        ("correlations", *what.values(), quick),
        # The page shows no other coefficient than the chosen one.
        lambda: correlations(
            tables.table, **what, quick=quick, alone=True, n_resamples=N_RESAMPLES, seed=SEED
        ),
    )


def _card(shown: Shown, found: Correlations) -> tuple[str, str]:
    """Return the card and the notes."""
    most = max((row.n_items for row in found.rows), default=0)
    if most < MIN_CAPTIONS:
        scored = next((row.n_items for row in found.rows if row.name == METRIC), 0)
        scores = (
            ""
            if scored == found.counted.n_items
            else " Press “Score the rest” for those that have no score yet."
        )
        return message_card("Not enough to correlate yet", f"{missing_points(most)}{scores} {_NEXT}"), ""
    rows = agreement_rows(found)
    axis = agreement_axis(rows, coefficient=found.coefficient, images=found.counted.n_images)
    table = agreement_table(
        rows,
        coefficient=found.coefficient,
        axis=axis,
        chosen=shown.asked.metric,
        is_complete=not found.quick,
        groups_note=_groups_note(found),
    )
    card = f'<div class="ra-card"><div class="ra-head">Agreement with people</div>{table}</div>'
    return card, notices_card(found.notices)


def _groups_note(found: Correlations) -> str:
    interval = (
        f"{100 * found.confidence:g} % intervals: expanded percentile bootstrap over images, "
        f"{N_RESAMPLES:,} resamples, seed {found.seed}."
    )
    if found.ranking is None and not found.quick:
        return f"No rank groups: {found.no_ranking}. {interval}"
    # While they are worked out this text holds its own place.
    alpha = f"{found.ranking.alpha if found.ranking else 1 - found.confidence:.2g}".removeprefix("0")
    return (
        f"Metrics in one rank group are not told apart by these data (paired permutation of images, Holm, "
        f"α = {alpha}). {interval}"
    )
