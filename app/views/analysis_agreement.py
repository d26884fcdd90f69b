"""The table of metrics against people: values, intervals on one axis, and rank groups."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from annotations.analysis.metric_names import metric_name
from annotations.correlation_levels import IMAGE_LEVELS
from app.views.analysis_numbers import (
    Axis,
    axis_from_one,
    axis_head,
    correlation_axis,
    interval,
    interval_bar,
    plural,
    signed,
    tip,
    twin,
)

if TYPE_CHECKING:
    from annotations.analysis.correlation_rows import MetricRow
    from annotations.analysis.correlations import Correlations

Kind = Literal["metric", "sentinel", "ceiling"]


@dataclass(frozen=True)
class AgreementRow:
    """One metric against people.

    Attributes:
        metric: Its name; "" for the human ceiling.
        kind: What it is: sentinels and the ceiling are there to compare with.
        value: NaN where there is none.
        low: Lower end of the interval, or NaN.
        high: Upper end, or NaN.
        n: Captions that it rests on.
        systems: By how many systems, where it is of these; otherwise 0.
        told: What it is, in a few words, for whoever points at it.
        note: Why something is missing, or "".
        group: The letter of its rank group; "" where it has none or is not worked out yet.
    """

    metric: str
    kind: Kind
    value: float
    low: float
    high: float
    n: int
    told: str
    note: str = ""
    group: str = ""
    systems: int = 0


def agreement_rows(found: Correlations) -> tuple[AgreementRow, ...]:
    """Return the rows of the table: metrics, then sentinels, each the best first, then the human ceiling.

    Args:
        found: What was worked out, with or without intervals.
    """
    rows = [
        AgreementRow(
            metric=row.name,
            kind="sentinel" if row.sentinel else "metric",
            value=row.chosen.value,
            low=row.chosen.low,
            high=row.chosen.high,
            n=row.chosen.n,
            told=_told(row, found),
            note=row.chosen.note,
            group=row.cluster,
            systems=0 if found.level in IMAGE_LEVELS else row.chosen.n_groups,
        )
        for row in sorted(found.rows, key=lambda row: row.sentinel)
    ]
    ceiling = found.ceiling.statistic
    people = plural(found.ceiling.n_raters, "rater")
    told = (
        f"One person against the others: the mean {found.coefficient} ({found.level}) of each of {people} "
        f"with the mean of the others, on {ceiling.n:,} captions that two have rated."
    )
    last = AgreementRow(
        "", "ceiling", ceiling.value, ceiling.low, ceiling.high, ceiling.n, told, ceiling.note
    )
    return (*rows, last)


def agreement_axis(rows: Sequence[AgreementRow], *, coefficient: str, images: int) -> Axis:
    """Return the axis of the table, the same before and after the intervals are there.

    Args:
        rows: What stands on it.
        coefficient: Its name.
        images: How many; intervals are the wider the fewer there are.
    """
    values = [row.value for row in rows]
    if coefficient == "inverse_r_squared":
        return axis_from_one(values)
    return correlation_axis(values, spread=2 / math.sqrt(max(images, 4)))


def agreement_table(
    rows: Sequence[AgreementRow],
    *,
    coefficient: str,
    axis: Axis,
    chosen: str,
    is_complete: bool,
    groups_note: str,
) -> str:
    """Return the table as HTML.

    Args:
        rows: In the order in which they stand.
        coefficient: Name of the statistic.
        axis: From `agreement_axis`.
        chosen: The metric of the plots.
        is_complete: Whether intervals and rank groups are worked out; until then their places are held.
        groups_note: What a rank group means here.
    """
    body = "".join(_row(row, axis, chosen, is_complete) for row in rows)
    rest = (
        f'<span id="analyse-groups">{html.escape(groups_note)}</span>'
        if is_complete
        else '<span class="an-computing" id="analyse-computing">computing intervals and rank groups …</span>'
        f"{twin(html.escape(groups_note))}"
    )
    return (
        '<table class="an-table an-agreement"><thead><tr><th scope="col">metric</th>'
        f'<th scope="col" class="an-n">{html.escape(coefficient)}</th><th scope="col" class="an-n">95 %</th>'
        f'<th scope="col" class="an-bar">{axis_head(axis)}</th><th scope="col" class="an-n">captions</th>'
        '<th scope="col" class="an-group">rank group</th></tr></thead>'
        f'<tbody>{body}</tbody></table><p class="ra-soft an-next an-twins">{rest}</p>'
    )


def _row(row: AgreementRow, axis: Axis, chosen: str, is_complete: bool) -> str:
    name = metric_name(row.metric) if row.metric else "human ceiling"
    if row.kind == "metric":
        shown = html.escape(name)
    else:
        shown = f'<span class="an-aside">{html.escape(name)}</span>'
    kinds = f"an-{row.kind}" + (" an-chosen" if row.metric == chosen else "")
    told = f"{row.told} {_missing(row)}".strip()
    # What is not worked out yet is not said to be missing; the ceiling of many ratings comes as a whole.
    waits = not is_complete and (row.kind == "ceiling" or not math.isnan(row.value))
    between = '<span class="an-computing">…</span>' if waits else interval(row.low, row.high)
    value = "…" if waits and math.isnan(row.value) else signed(row.value)
    group = row.group or ("—" if is_complete else "…")
    if row.kind != "metric":
        group = row.kind
    systems = f'<br><span class="ra-soft">{plural(row.systems, "system")}</span>' if row.systems else ""
    head = (
        f'<button type="button" class="an-pick" data-metric="{html.escape(row.metric)}" '
        f'aria-pressed="{"true" if row.metric == chosen else "false"}">{shown}</button>'
        if row.metric
        else shown
    )
    return (
        f'<tr class="{kinds}"><th scope="row">{head}</th>'
        f'<td class="an-n"><b{tip(told)}>{value}</b></td>'
        f'<td class="an-n an-between">{between}</td>'
        f'<td class="an-bar">{interval_bar(row.value, row.low, row.high, axis)}</td>'
        f'<td class="an-n">{row.n:,}{systems}</td><td class="an-group">{html.escape(group)}</td></tr>'
    )


def _told(row: MetricRow, found: Correlations) -> str:
    chosen = row.chosen
    by = f", scores by {row.model}" if row.model and row.model != row.name else ""
    groups = plural(chosen.n_groups, "image" if found.level in IMAGE_LEVELS else "system")
    told = [
        f"{found.coefficient} of {metric_name(row.name)} with the mean answer of the raters on "
        f"{found.question}, {found.levels[found.level]}; n = {chosen.n:,} captions, {groups}{by}."
    ]
    if chosen.n_undefined or chosen.n_short:
        told.append(
            f"{chosen.n_undefined:,} without a value because one side is constant "
            f"({'dropped' if chosen.policy == 'drop' else 'counted as 0'}), {chosen.n_short:,} with one "
            "caption only left out."
        )
    if chosen.tie_thresholds:
        low, high = min(chosen.tie_thresholds), max(chosen.tie_thresholds)
        told.append(f"Scores that differ by at most {low:.3g} to {high:.3g} count as tied.")
    if row.weighted is not None:
        told.append(f"{found.weighted_coefficient} weighted for the pool: {signed(row.weighted.value)}.")
    return " ".join(told)


def _missing(row: AgreementRow) -> str:
    if not row.note:
        return ""
    lead = "No value" if math.isnan(row.value) else "Note"
    return f"{lead}: {row.note}."
