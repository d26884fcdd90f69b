"""What the Analyse page says in words and counts: what is shown, what is not, and what to do next."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from annotations.analysis.metric_names import metric_name
from app.views.analysis_numbers import plural, signed, tip, twin

if TYPE_CHECKING:
    from annotations.agreement import Alpha
    from annotations.analysis.correlations import Correlations
    from annotations.analysis.table import AnalysisTable

_SHOWN_NAMES = 3
CLEAR = '<button type="button" class="ra-btn" data-analyse="clear">Clear the filters</button>'
RESET = '<button type="button" class="ra-btn" data-analyse="reset">Start anew</button>'


def counts_card(
    table: AnalysisTable, found: Correlations | None, *, alpha: Alpha | None, question: str, metric: str
) -> str:
    """Return how much lies behind the numbers, as HTML.

    Args:
        table: What is shown.
        found: What was worked out of it, or None where there is nothing to work out.
        alpha: Agreement of the raters on the question; None while it is worked out.
        question: Its name.
        metric: The metric whose groups are counted.
    """
    rows = [("Campaign", _campaigns(table)), ("Weights", _weights(table))]
    images = len(set(table.images))
    rows.append(
        (
            "Images · captions · raters",
            f"<b{tip(_HOW_MANY)}>{images:,} · {len(table):,} · {len(table.raters):,}</b>",
        )
    )
    if found is not None and found.counted.n_items:
        counted = found.counted
        told = (
            f"{counted.n_answers:,} answers on {question}, on {counted.n_items:,} captions; from "
            f"{counted.fewest_per_item} to {counted.most_per_item} on one."
        )
        rows.append(("Ratings per caption", f"<b{tip(told)}>{counted.mean_per_item:.1f}</b>"))
    rows.append(
        (
            "Given before the curve was seen",
            f"<b{tip(_BLIND)}>{table.n_blind:,}</b> <span class='ra-soft'>of {table.n_ratings:,}</span>",
        )
    )
    rows += _groups(found, metric)
    if found is not None and found.counted.n_items:
        rows.append((f"α {html.escape(question)} (ordinal)", _alpha(alpha)))
    rows += [
        (html.escape(reason[:1].upper() + reason[1:]), _left_out(reason, count))
        for reason, count in table.left_out.items()
        if count
    ]
    lines = "".join(
        f'<div class="ra-row"><span>{name}</span><span class="an-fact">{value}</span></div>'
        for name, value in rows
    )
    return f'<div class="ra-card"><div class="ra-head">What is shown</div>{lines}</div>'


def _left_out(reason: str, count: int) -> str:
    # Some are told of only because one metric lacks them.
    said = "" if "kept" in reason else " <span class='ra-soft'>left out</span>"
    return f"<b>{count:,}</b>{said}"


_HOW_MANY = (
    "Images are what every interval resamples; captions are the items that correlations count; raters are "
    "the people who gave at least one of the ratings."
)
_BLIND = (
    "Ratings that were given before the rater had seen the metric, of all ratings shown. Ratings given "
    "afterwards may follow the metric; a filter leaves them out."
)


def _campaigns(table: AnalysisTable) -> str:
    names = sorted(set(table.campaigns) - {""})
    if not names:
        return "—"
    if len(names) <= _SHOWN_NAMES:
        return f"<b>{html.escape(', '.join(names))}</b>"
    return f"<b{tip(', '.join(names))}>{plural(len(names), 'campaign')}</b>"


def _weights(table: AnalysisTable) -> str:
    if table.model is None:
        return "—"
    model, sha256 = table.model.model, table.model.sha256
    told = f"SHA-256 of the weights: {sha256}. Scores of other weights are never compared with them."
    return f"<b>{html.escape(model)}</b> <code{tip(told)}>{html.escape(sha256[:8])}</code>"


def _groups(found: Correlations | None, metric: str) -> list[tuple[str, str]]:
    """Count the images without a value of their own, under both policies."""
    row = next((row for row in found.rows if row.name == metric), None) if found is not None else None
    if found is None or row is None:
        return []
    by_level = row.values.get(found.coefficient, {})
    dropped, zero = by_level.get("per_image"), by_level.get("per_image_zero")
    if dropped is None or zero is None:
        return []
    name = metric_name(metric)
    images = dropped.n_groups + dropped.n_undefined + dropped.n_short
    told = (
        f"Images whose captions have no {found.coefficient} of their own, because the raters' answers or the "
        f"scores of {name} are all equal. The mean over images is {signed(dropped.value)} where they are "
        f"dropped and {signed(zero.value)} where they count as 0."
    )
    parts = [
        (
            "Constant images",
            f"<b{tip(told)}>{dropped.n_undefined:,}</b> <span class='ra-soft'>of {images:,}; per image "
            f"{signed(dropped.value)} dropped, {signed(zero.value)} as 0</span>",
        )
    ]
    if dropped.n_short:
        told = "An image with one rated caption says nothing about order inside it, under either policy."
        parts.append(
            (
                "Images with one caption",
                f"<b{tip(told)}>{dropped.n_short:,}</b> <span class='ra-soft'>of {images:,}, left out per "
                "image</span>",
            )
        )
    return parts


def _alpha(alpha: Alpha | None) -> str:
    if alpha is None:
        place = twin("<b>0.00 [0.00, 0.00]</b>")
        return f'<span class="an-twins"><span class="an-computing">…</span>{place}</span>'
    told = (
        f"Krippendorff's alpha, ordinal, over {alpha.n_ratings:,} answers of {alpha.n_raters:,} raters on "
        f"{alpha.n_items:,} captions that two or more have rated; interval by bootstrap over "
        f"{alpha.n_groups:,} images."
    )
    if math.isnan(alpha.value):
        why = tip(f"{told} No value: {alpha.note}.")
        return f"<b{why}>—</b> <span class='ra-soft'>{html.escape(alpha.note)}</span>"
    between = "" if math.isnan(alpha.low) else f" [{signed(alpha.low)}, {signed(alpha.high)}]"
    return f"<b{tip(told)}>{signed(alpha.value)}{between}</b>"


def notices_list(notices: Sequence[str]) -> str:
    """Return what a careful reader has to be told, as HTML; nothing where there is nothing."""
    told = "".join(f'<li class="ra-problem">{html.escape(note)}</li>' for note in notices)
    return f'<ul class="an-notes">{told}</ul>' if told else ""


def notices_card(notices: Sequence[str]) -> str:
    """Return the same as a card of its own, on the metrics' agreement with people."""
    told = notices_list(notices)
    head = '<div class="ra-head">Before trusting the agreement with people</div>'
    return f'<div class="ra-card">{head}{told}</div>' if told else ""


def message_card(title: str, text: str, *, button: str = "") -> str:
    """Return a card that says why there is nothing to see and what to do, as HTML.

    Args:
        title: A few words, plain text.
        text: Sentences, plain text.
        button: HTML of this file's own, or "".
    """
    return (
        f'<div class="ra-card an-message"><h2>{html.escape(title)}</h2>'
        f'<p class="ra-soft an-next">{html.escape(text)}</p>{button}</div>'
    )


def nothing_to_show(table: AnalysisTable, *, is_narrowed: bool) -> str:
    """Return the card that stands where there are no items, as HTML.

    Args:
        table: Without items.
        is_narrowed: Whether filters are on.
    """
    if is_narrowed:
        return message_card(
            "Nothing fits these filters",
            "No rated caption is left. Widen a filter, or clear them all.",
            button=CLEAR,
        )
    return message_card(
        "Nothing is rated yet",
        "Score captions on Inspect, press “Rate this caption”, and rate them, or import ratings with "
        "specs-ratings import; every rated caption becomes a point here.",
    )


def missing_points(captions: int) -> str:
    """Return what is missing for a correlation, as plain text."""
    have = {0: "There is none yet", 1: "There is one"}.get(captions, f"There are {captions}")
    more = {1: "one more caption", 2: "two more captions", 3: "three captions"}[3 - captions]
    return (
        "A correlation needs at least 3 captions that are rated and scored by one model. "
        f"{have}: rate {more}."
    )


def scatter_points(
    table: AnalysisTable, *, question: str, metric: str, rows: Sequence[int], counts: Sequence[int]
) -> list[list[Any]]:
    """Return what the page's script needs of each drawn point: item, score, human mean, ratings.

    Args:
        table: What is shown.
        question: The scale.
        metric: The metric.
        rows: Numbers of the drawn items.
        counts: (N,) how many answered the question on each item.
    """
    human, scores = table.human(question), table.metrics[metric]
    return [[table.items[row], f"{scores[row]:.3f}", f"{human[row]:.2f}", int(counts[row])] for row in rows]


def drawn_note(drawn: int, known: int, missing: int, *, metric: str) -> str:
    """Return how many points are drawn and how many are not, as plain text.

    Args:
        drawn: Points in the plot.
        known: Captions with both scores.
        missing: Rated captions without a score or an answer.
        metric: Its name.
    """
    told = f"{plural(known, 'caption')}, all of them drawn."
    if drawn < known:
        told = (
            f"{drawn:,} of {known:,} captions are drawn: the outermost, those farthest from the line, and a "
            "random draw of the others. The numbers are of all."
        )
    if missing:
        name = metric_name(metric)
        told += f" {plural(missing, 'rated caption')} without a score by {name} or an answer left out."
    return told
