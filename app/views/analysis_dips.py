"""What the Analyse page says of dips, as HTML: figures, what is promised, the history of defaults."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from annotations.analysis.definitions import DEFINITIONS
from app.views.analysis_numbers import tip

if TYPE_CHECKING:
    from annotations.analysis.dips import Calibration, DipPart
    from annotations.analysis.table import Weights
    from annotations.correlation import Statistic
    from annotations.thresholds import ModelThreshold, NewThreshold

HEAD: Final = "Dips as a detector of hallucinated units"
_SHA_SHOWN: Final = 12
_PLOTS: Final = {
    "threshold": (
        "Precision and recall at every threshold",
        "What each threshold would give; the bands are the intervals, by resampling images. The dotted line "
        "is the threshold of the slider.",
    ),
    "curve": (
        "Precision against recall",
        "Every threshold is a point, the strictest on the left. Chance is the share of hallucinated units; "
        "the area under its steps is the average precision.",
    ),
    "deltas": (
        "Deltas of supported and of hallucinated units",
        "Each kind adds up to 1, whatever its number of units. Left of the dotted line a unit is flagged.",
    ),
}


def figures_view(part: DipPart, threshold: float) -> str:
    """Return the figures at a threshold, each with its interval, its n and its definition."""
    found, at = part.detection, part.grid.at(threshold)
    three = "".join(
        f"<span>{_told(name, statistic)}<b>{_number(statistic.value)}</b>"
        f'<span class="ra-soft">{_between(statistic).strip()}</span></span>'
        for name, statistic in (("precision", at.precision), ("recall", at.recall), ("f1", at.f1))
    )
    rows = (
        (_told("auroc", found.auroc), _value(found.auroc)),
        (
            _told("average_precision", found.average_precision),
            f'{_value(found.average_precision)} <span class="ra-soft">chance {_number(found.prevalence)}'
            "</span>",
        ),
        (
            _term("threshold", f"Threshold {at.threshold:.3f}"),
            f"<b>{at.n_flagged:,}</b> of {found.n_units:,} units flagged",
        ),
    )
    lines = "".join(
        f'<div class="ra-row"><span>{name}</span><span>{said}</span></div>' for name, said in rows
    )
    return f'{lines}<div class="dips-three">{three}</div>{_counts(part)}'


def nothing_view(part: DipPart) -> str:
    """Return why there is nothing to draw, and what to do next."""
    found = part.detection
    if found.n_units:
        told = (
            f"None of the {found.n_units:,} judged units is hallucinated by the majority: there is nothing "
            "to detect. Have captions with mistakes judged, or count “unsure” as hallucinated."
        )
    elif not part.n_units or found.n_unrated == part.n_units:
        told = (
            "Nobody has judged a unit in this choice. Judge units on Rate (supported, hallucinated, unsure); "
            "every judged unit counts here."
        )
    elif found.n_without_delta:
        told = (
            f"{found.n_without_delta:,} judged units have no score of this model. Score the captions that "
            "are left, with the button on this page."
        )
    else:
        told = f"All {found.n_tied:,} judged units are tied. Have them judged once more."
    return f'<p class="ra-soft">{html.escape(told)}</p>{_counts(part) if part.n_units else ""}'


def promise_view(found: Calibration) -> str:
    """Return what is promised of the calibrated threshold and what it came to, or why nothing is."""
    of = found.calibrated
    said = f'<p class="ra-soft">{html.escape(found.sentence)}</p>'
    if math.isnan(of.threshold):
        name = _term("promised threshold", "Promised")
        return f'<div class="ra-row"><span>{name}</span><b>nothing</b></div>{said}'
    realised = found.realised
    other = found.n_images - of.n_images
    seen = (
        f'{_value(realised)} <span class="ra-soft">{realised.n:,} of {other:,} images flagged</span>'
        if not math.isnan(realised.value)
        else f'<span class="ra-soft">{html.escape(realised.note)}</span>'
    )
    return (
        f'<div class="ra-row"><span>{_term("promised threshold", "False discovery rate promised")}</span>'
        f"<b>≤ {of.rate:.2f} from {of.threshold:.3f}</b></div>"
        f'<div class="ra-row"><span>{_term("realised rate", "Seen on the other half")}</span>'
        f"<span>{seen}</span></div>{said}"
    )


def question_view(new: NewThreshold) -> str:
    """Return what making a threshold the default means, to be confirmed."""
    promise = new.promise
    told = (
        f"It is promised that at most {promise.rate:.0%} of the flags on an image are wrong, on images like "
        f"the {new.n_images:,} of the calibration. The chance that it misled is at most {promise.failure:.0%}"
        "."
        if promise is not None
        else "Nothing is promised of it: it was chosen by eye on the same ratings. The calibrated threshold "
        "has a promise."
    )
    return (
        f"<p><b>Make {new.threshold:.4g} the default of {html.escape(new.model)}</b> "
        f"<code>{html.escape(new.model_sha256[:_SHA_SHOWN])}</code>?</p><p>{html.escape(told)}</p>"
        '<p class="ra-soft">Inspect’s slider starts there for everybody, and Compare, the curve after a '
        "rating and the API take it.</p>"
    )


def withdrawal_view(current: ModelThreshold) -> str:
    """Return what withdrawing a default means, to be confirmed."""
    return (
        f"<p><b>Let {html.escape(current.model)} start at 0 again?</b></p>"
        f'<p class="ra-soft">Every fall is then a dip. The default {current.threshold:.4g} stays in the '
        "history.</p>"
    )


def history_view(history: Sequence[ModelThreshold], model: Weights | None) -> str:
    """Return the defaults that these weights have had, the newest first."""
    if model is None:
        return ""
    name = f"{html.escape(model.model)} <code>{html.escape(model.sha256[:_SHA_SHOWN])}</code>"
    if not history:
        return f'<p class="ra-soft">{name} has no default yet and starts at 0: every fall is a dip.</p>'
    rows = "".join(
        f'<div class="dips-default"><span>{"<b>0</b>, withdrawn" if row.withdrawn else _default(row)}</span>'
        f'<span class="ra-soft">{html.escape(row.set_by)}, {row.set_at[:10]}</span></div>'
        for row in history
    )
    return f'<p class="ra-soft">Defaults of {name}, the newest first</p>{rows}'


def plot_head(name: str) -> str:
    """Return the heading of a plot with what it shows: ``threshold``, ``curve`` or ``deltas``."""
    shown, told = _PLOTS[name]
    return f'<p class="dips-plot-head"><span{tip(told)}>{html.escape(shown)}</span></p>'


def _default(row: ModelThreshold) -> str:
    promise, shown = row.promise, f"<b>{row.threshold:.4g}</b>"
    if promise is None:
        return f"{shown}, nothing promised"
    seen = "" if promise.realised is None else f", seen {promise.realised:.2f}"
    return f"{shown}, ≤ {promise.rate:.2f} from {row.n_images:,} images{seen}"


def _counts(part: DipPart) -> str:
    found = part.detection
    left_out = [
        f"{count:,} {words}"
        for count, words in (
            (found.n_tied, "tied"),
            (found.n_unrated, "without a verdict that counts"),
            (found.n_without_delta, "judged without a delta"),
        )
        if count
    ]
    parts = [
        f"{found.n_units:,} units of {found.n_images:,} images have a majority and a delta; "
        f"{found.n_hallucinated:,} are hallucinated"
    ]
    if left_out:
        parts.append(f"left out: {', '.join(left_out)}")
    if part.n_stale:
        parts.append(f"{part.n_stale:,} verdicts are on cuts that this model has not scored")
    if found.n_unsure:
        parts.append(f"{found.n_unsure:,} verdicts are “unsure”")
    return f'<p class="ra-soft">{"; ".join(parts)}.</p>'


def _told(name: str, statistic: Statistic) -> str:
    shown = {"auroc": "AUROC", "f1": "F1"}.get(name, name.replace("_", " ").capitalize())
    more = f" n = {statistic.n:,} units."
    if statistic.note:
        more += f" {statistic.note[:1].upper()}{statistic.note[1:]}."
    return _term(name, shown, more)


def _term(name: str, shown: str, more: str = "") -> str:
    return f"<span{tip(DEFINITIONS[name].text + more)}>{html.escape(shown)}</span>"


def _value(found: Statistic) -> str:
    return f"<b>{_number(found.value)}</b>{_between(found)}"


def _between(found: Statistic) -> str:
    return "" if math.isnan(found.low) else f" [{_number(found.low)}, {_number(found.high)}]"


def _number(value: float) -> str:
    return "—" if math.isnan(value) else f"{value:.2f}"
