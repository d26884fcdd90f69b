"""What battles say, as HTML: the systems by strength, and the metrics by how often they pick the winner."""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING, Final

from annotations.analysis.definitions import DEFINITIONS
from annotations.analysis.metric_names import metric_name
from app.views.analysis import notices_list
from app.views.analysis_numbers import Axis, axis_head, interval, interval_bar, plural, signed, tip

if TYPE_CHECKING:
    from annotations.analysis.battles import BattlePart, BattleRow
    from annotations.correlation import Statistic

_SHARES: Final = Axis(0.0, 1.0, (0.0, 0.5, 1.0))


def battles_line(part: BattlePart) -> str:
    """Return the one line that stands for a part without battles, as HTML."""
    if part.n_answers == 0 and part.left_out:
        told = f"No battle is left. {part.left_out_sentence} Widen a filter to see them."
        return f'<p class="ra-soft an-folded">{html.escape(told)}</p>'
    return (
        '<p class="ra-soft an-folded">There are no battles here. Set captions of one image against each '
        "other in a campaign, or import battles; then systems are ranked here, and metrics held "
        "against the winners.</p>"
        if part.n_answers == 0
        else ""
    )


def battles_view(part: BattlePart) -> str:
    """Return both tables with their counts, as HTML.

    Args:
        part: With one battle or more.
    """
    poor = part.both_poor
    counts = (
        f"{plural(part.n_answers, 'answer')} of {plural(part.n_raters, 'rater')} on "
        f"{plural(part.n_pairs, 'pair')} of captions of {plural(part.n_images, 'image')}; "
        f"{plural(part.n_ties, 'tie')}; both called poor in "
    )
    told = (
        f"Share of answers that call both captions poor, whoever wins. 95 %: {interval(poor.low, poor.high)}."
    )
    share = f"<b{tip(told)}>{_percent(poor.value)}</b>"
    return (
        f'<p class="ra-soft an-next">{html.escape(counts)}{share}. {html.escape(part.left_out_sentence)}</p>'
        f"{_systems(part)}{_metrics(part)}"
        f"{notices_list(part.notices)}"
    )


def _systems(part: BattlePart) -> str:
    if part.ranking is None:
        return ""
    statistics = {str(name): system for name, system in part.ranking.systems.items()}
    ends = [abs(end) for each in statistics.values() for end in _known(each.strength)]
    reach = max(1.0, math.ceil(2 * max(ends, default=1.0)) / 2)
    axis = Axis(-reach, reach, (-reach, 0.0, reach))
    apart = len(part.ranking.components) > 1
    rows = []
    for name, system in statistics.items():
        one = system.strength
        won = f"{system.wins:,} won, {system.losses:,} lost, {system.ties:,} tied"
        told = f"{_text('strength')} {one.n:,} battles: {won}."
        group = f"{system.component + 1}." if apart else ""
        group += str(system.cluster) if system.cluster else "—"
        rows.append(
            f'<tr><th scope="row">{html.escape(name) or "unknown system"}</th>'
            f'<td class="an-n"><b{tip(told)}>{signed(one.value)}</b></td>'
            f'<td class="an-n an-between">{interval(one.low, one.high)}</td>'
            f'<td class="an-bar">{interval_bar(one.value, one.low, one.high, axis)}</td>'
            f'<td class="an-n">{one.n:,}</td><td class="an-group">{group}</td></tr>'
        )
    return _table("system", "strength", axis, "battles", "cluster", rows)


def _metrics(part: BattlePart) -> str:
    if not part.rows:
        return ""
    rows = []
    for row in sorted(part.rows, key=lambda row: row.sentinel):
        one = row.accuracy
        name = html.escape(metric_name(row.name))
        shown = f'<span class="an-aside">{name}</span>' if row.sentinel else name
        rows.append(
            f'<tr class="{"an-sentinel" if row.sentinel else "an-metric"}"><th scope="row">{shown}</th>'
            f'<td class="an-n"><b{tip(_told(row))}>{signed(one.value)}</b></td>'
            f'<td class="an-n an-between">{interval(one.low, one.high)}</td>'
            f'<td class="an-bar">{interval_bar(one.value, one.low, one.high, _SHARES)}</td>'
            f'<td class="an-n">{one.n:,}</td>'
            f'<td class="an-group"><span{tip(_model_level(row))}>{signed(row.kendall_tau_b.value)}</span>'
            "</td></tr>"
        )
    return _table("metric", "accuracy", _SHARES, "battles", "systems, τ-b", rows)


def _table(first: str, value: str, axis: Axis, counted: str, last: str, rows: list[str]) -> str:
    return (
        f'<table class="an-table an-agreement"><thead><tr><th scope="col">{first}</th>'
        f'<th scope="col" class="an-n">{value}</th><th scope="col" class="an-n">95 %</th>'
        f'<th scope="col" class="an-bar">{axis_head(axis)}</th><th scope="col" class="an-n">{counted}</th>'
        f'<th scope="col" class="an-group">{last}</th></tr></thead><tbody>{"".join(rows)}</tbody></table>'
    )


def _told(row: BattleRow) -> str:
    ties = row.accuracy_with_ties
    return (
        f"{_text('accuracy')} n = {row.accuracy.n:,} battles with a winner"
        f"{_note(row.accuracy)}. With ties: {signed(ties.value)} of {ties.n:,} "
        f"({interval(ties.low, ties.high)}). {row.n_left_out:,} without both scores left out."
    )


def _model_level(row: BattleRow) -> str:
    tau, r = row.kendall_tau_b, row.pearson_r
    return (
        f"Of the systems' strengths and mean scores, {tau.n} systems: kendall_tau_b {signed(tau.value)} "
        f"({interval(tau.low, tau.high)}), pearson_r {signed(r.value)} "
        f"({interval(r.low, r.high)}){_note(tau)}."
    )


def _note(statistic: Statistic) -> str:
    return f"; {statistic.note}" if statistic.note else ""


def _known(statistic: Statistic) -> list[float]:
    ends = (statistic.value, statistic.low, statistic.high)
    return [end for end in ends if not math.isnan(end)]


def _text(name: str) -> str:
    return DEFINITIONS[name].text


def _percent(share: float) -> str:
    return "—" if math.isnan(share) else f"{100 * share:.0f} %"
