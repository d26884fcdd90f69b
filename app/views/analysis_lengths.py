"""What length does to agreement, as HTML: partial correlations, and an advice put to the test."""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING, Final

from annotations.analysis.definitions import DEFINITIONS
from annotations.analysis.metric_names import metric_name
from app.views.analysis import notices_list
from app.views.analysis_numbers import interval, signed, tip

if TYPE_CHECKING:
    from annotations.analysis.lengths import LengthPart
    from annotations.correlation import Statistic
    from annotations.length_effects import Recommendation

_VERDICTS: Final = {
    "borne out": "The data bear the advice out",
    "contradicted": "The data contradict the advice",
    "undecided": "The data do not decide",
    "no data": "No verdict",
    "not weighed": "No verdict without intervals",
}


def lengths_view(part: LengthPart) -> str:
    """Return the advice and the partial correlations, as HTML.

    Args:
        part: With one caption or more whose length is known.
    """
    return f"{_advice(part)}{_partial(part)}{notices_list(part.notices)}"


def _advice(part: LengthPart) -> str:
    found = part.recommendation
    if found is None:
        why = html.escape(part.no_recommendation)
        return f'<p class="ra-soft an-next">No advice by length is tested: {why}.</p>'
    short, long = metric_name(found.short_metric), metric_name(found.long_metric)
    advice = f"{short} below {found.boundary:g} tokens, {long} from there on"
    rows = "".join(
        f'<div class="ra-row"><span>{html.escape(f"{short} less {long}, {where}")}</span>'
        f'<span class="an-fact"><b{tip(told)}>{signed(one.value)}</b> '
        f'<span class="ra-soft">{interval(one.low, one.high)} · n = {one.n:,}</span></span></div>'
        for where, one, told in (
            (f"below {found.boundary:g} tokens", found.below, _difference(found, found.below)),
            (f"from {found.boundary:g} tokens on", found.above, _difference(found, found.above)),
            ("the first less the second", found.change, _change(found)),
        )
    )
    told = DEFINITIONS["advice by length"].text
    return (
        f'<div class="an-advice"><h3{tip(told)}>{_VERDICTS[found.verdict]}</h3>'
        f'<p class="ra-soft">{html.escape(advice)} ({html.escape(found.coefficient)})</p>{rows}</div>'
    )


def _partial(part: LengthPart) -> str:
    if not part.partial:
        return ""
    names = sorted(part.partial, key=lambda name: (name in part.sentinels, name != "specs"))
    rows = "".join(
        f'<tr class="{"an-sentinel" if name in part.sentinels else "an-metric"}">'
        f'<th scope="row">{_named(name, name in part.sentinels)}</th>'
        + "".join(_cell(part.partial[name][kind], kind) for kind in ("pearson_r", "spearman_rho"))
        + f'<td class="an-n">{part.partial[name]["pearson_r"].n:,}</td></tr>'
        for name in names
        if name != "length_tokens"
    )
    return (
        '<table class="an-table an-partial"><thead><tr><th scope="col">with length partialled out</th>'
        '<th scope="col" class="an-n">pearson_r</th><th scope="col" class="an-n">spearman_rho</th>'
        f'<th scope="col" class="an-n">captions</th></tr></thead><tbody>{rows}</tbody></table>'
    )


def _cell(found: Statistic, kind: str) -> str:
    told = f"Partial {kind}. {DEFINITIONS['partial correlation'].text} n = {found.n:,}."
    if found.note:
        told += f" {found.note[:1].upper()}{found.note[1:]}."
    between = (
        "" if math.isnan(found.low) else f' <span class="ra-soft">{interval(found.low, found.high)}</span>'
    )
    return f'<td class="an-n"><b{tip(told)}>{signed(found.value)}</b>{between}</td>'


def _named(name: str, is_sentinel: bool) -> str:
    shown = html.escape(metric_name(name))
    return f'<span class="an-aside">{shown}</span>' if is_sentinel else shown


def _difference(found: Recommendation, one: Statistic) -> str:
    return (
        f"{found.coefficient} of {metric_name(found.short_metric)} with people less that of "
        f"{metric_name(found.long_metric)}, on {one.n:,} captions; interval over images.{_noted(one)}"
    )


def _change(found: Recommendation) -> str:
    return (
        f"How much the two differences above differ: above 0, {metric_name(found.short_metric)} does better "
        f"on short captions than on long ones, compared with {metric_name(found.long_metric)}. It does not "
        f"say which is better over all. {found.change.n:,} captions; interval over images."
        f"{_noted(found.change)}"
    )


def _noted(one: Statistic) -> str:
    return f" {one.note[:1].upper()}{one.note[1:]}." if one.note else ""
