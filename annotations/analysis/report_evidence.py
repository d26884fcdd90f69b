"""The sections of the report on verdicts and battles."""

from annotations.analysis.battles import BattlePart, BattleRow
from annotations.analysis.dips import Calibration, DipPart
from annotations.analysis.figures import strengths
from annotations.analysis.figures_dips import delta_figure, precision_recall_figure, threshold_figure
from annotations.analysis.metric_names import metric_name
from annotations.analysis.report_html import (
    Html,
    count,
    folded,
    heading,
    interval,
    lead,
    notes,
    number,
    plot,
    plural,
    section,
    table,
    term,
    text,
)
from annotations.correlation import Statistic
from annotations.detection import Detection

_FIGURES = ("precision", "recall", "f1", "auroc", "average_precision")
_CAPTION_LEVEL = ("accuracy", "accuracy_with_ties")
_MODEL_LEVEL = ("kendall_tau_b", "pearson_r")
_WAYS = {"left_out": "nothing", "hallucinated": "hallucinated", "supported": "supported"}


def dip_section(part: DipPart | None, promise: Calibration | None) -> Html:
    """Return how well dips find the units that people call hallucinated, and what can be promised.

    Args:
        part: None where no unit of a scored cut was judged.
        promise: None likewise.
    """
    title = "Dips against verdicts"
    if part is None:
        return section("dips", title, notes(["No unit of a scored caption was judged in this choice."]))
    of = part.detection
    left_out = [
        ("units of the cuts that were judged", count(part.n_units)),
        ("units with a majority and a delta, on which the figures rest", count(of.n_units)),
        ("of those, hallucinated", count(of.n_hallucinated)),
        ("of those, flagged", count(of.n_flagged)),
        ("captions", count(of.n_items)),
        ("images", count(of.n_images)),
        ("left out: the majority is tied", count(of.n_tied)),
        ("left out: no verdict counts", count(of.n_unrated)),
        ("left out: no delta", count(of.n_without_delta)),
        ("verdicts of “unsure”", count(of.n_unsure)),
        ("verdicts on cuts that these weights have not scored", count(part.n_stale)),
    ]
    return section(
        "dips",
        title,
        lead(
            Html(
                f"A unit is flagged where its {term('delta')} is below minus the {term('threshold')} "
                f"{of.threshold:g}; the truth is the majority of its verdicts, with “unsure” "
                f"counted as {_WAYS[of.unsure]}. "
                f"{term('prevalence')} is "
                f"{number(of.prevalence)}: {count(of.n_hallucinated)} of {count(of.n_units)} units."
            )
        ),
        _figures(of),
        *(
            folded(f"The same with “unsure” counted as {_WAYS[way]}", _figures(found))
            for way, found in part.ways.items()
            if way != of.unsure
        ),
        _drawn(part),
        folded("What the figures rest on", table(("what", "number"), left_out)),
        _promise(promise) if promise is not None else Html(),
    )


def _drawn(part: DipPart) -> Html:
    if not part.detection.n_units:
        return Html()
    thresholds = plot("thresholds", threshold_figure(part), "Precision and recall at every threshold")
    curve = plot("tradeoff", precision_recall_figure(part), "Precision against recall")
    deltas = plot("deltas", delta_figure(part), "Histogram of deltas by what the majority says")
    every = heading(Html(f"{term('precision')} and {term('recall')} at every threshold"))
    spread = heading(Html(f"How {term('delta', 'deltas')} lie"))
    return Html(
        f'{every}{thresholds}<div class="pair"><div>{heading("One against the other")}{curve}</div>'
        f"<div>{spread}{deltas}</div></div>"
    )


def _figures(of: Detection) -> Html:
    rows = [
        (
            term(name),
            number(statistic.value),
            interval(statistic.low, statistic.high),
            count(statistic.n),
            statistic.note,
        )
        for name in _FIGURES
        for statistic in [getattr(of, name)]
    ]
    return table(("figure", "value", term("interval"), term("n"), "note"), rows)


def battle_section(part: BattlePart | None) -> Html:
    """Return which system people prefer, and whether metrics prefer the same.

    Args:
        part: None without battles.
    """
    title = "Battles"
    left_out = f" {part.left_out_sentence}" if part is not None and part.left_out else ""
    if part is None or not part.n_answers:
        return section("battles", title, notes([f"No battles in this choice.{left_out}"]))
    counts = (
        f"{plural(part.n_answers, 'answer')} of {plural(part.n_raters, 'rater')} on "
        f"{plural(part.n_pairs, 'pair')} of captions of {plural(part.n_images, 'image')}; "
        f"{plural(part.n_ties, 'tie')}.{left_out}"
    )
    poor = part.both_poor
    said = (
        f"Both captions were called poor in {number(poor.value)} of the answers "
        f"[{interval(poor.low, poor.high)}], n = {poor.n:,}."
    )
    return section(
        "battles",
        title,
        lead(f"{counts} {said}"),
        notes(part.notices),
        _systems(part),
        heading("Do metrics pick the winners that people pick?"),
        _metrics(part),
    )


def _systems(part: BattlePart) -> Html:
    if part.ranking is None:
        return Html()
    ranking = part.ranking
    rows = [
        (
            str(name),
            number(system.strength.value),
            interval(system.strength.low, system.strength.high),
            count(system.strength.n),
            *(count(number_of) for number_of in (system.wins, system.losses, system.ties)),
            "" if system.cluster is None else str(system.cluster),
            system.strength.note,
        )
        for name, system in ranking.systems.items()
    ]
    heads = (
        *("system", term("strength"), term("interval"), "battles", "won", "lost", "tied"),
        *(term("cluster"), "note"),
    )
    figure = plot("strengths", strengths(ranking), "Strength of every system with its interval")
    return Html(f"{figure}{table(heads, rows)}")


def _metrics(part: BattlePart) -> Html:
    if not part.rows:
        return notes(["No metric has scored these captions."])
    captions, models = (_agreement(part, names) for names in (_CAPTION_LEVEL, _MODEL_LEVEL))
    systems = heading(Html(f"Do they order the systems alike? {term('model level', 'Model level')}"))
    return Html(f"{captions}{systems}{models}")


def _agreement(part: BattlePart, names: tuple[str, str]) -> Html:
    heads: tuple[object, ...] = ("metric", "figure", "value", term("interval"), term("n"), "note")
    rows = [
        (
            metric_name(row.name),
            term(name),
            number(of.value),
            interval(of.low, of.high),
            count(of.n),
            _counted(row, of) if names == _CAPTION_LEVEL else of.note,
        )
        for row in part.rows
        for name in names
        for of in [getattr(row, name)]
    ]
    return table(heads, rows, left=2)


def _counted(row: BattleRow, of: Statistic) -> str:
    parts = [f"{plural(row.n_metric_ties, 'tie')} of the metric" if row.n_metric_ties else ""]
    parts += [f"{plural(row.n_left_out, 'answer')} without a score" if row.n_left_out else "", of.note]
    return "; ".join(each for each in parts if each)


def _promise(promise: Calibration) -> Html:
    of, realised = promise.calibrated, promise.realised
    rows = [
        (term("promised threshold"), number(of.threshold), "", count(of.n_images), "images calibrated on"),
        (
            term("realised rate"),
            number(realised.value),
            interval(realised.low, realised.high),
            count(realised.n),
            realised.note or "other images with a flag",
        ),
    ]
    settled = (
        f"Promised rate {of.rate:g}, failure {of.failure:g}, {promise.share:.0%} of "
        f"{plural(promise.n_images, 'image')} to calibrate on, seed {promise.seed}."
    )
    heads = ("number", "value", term("interval"), term("n"), "note")
    return Html(
        f"{heading(term('promised threshold', 'A threshold with a promise'))}"
        f"{lead(text(promise.sentence))}{table(heads, rows)}{notes([settled])}"
    )
