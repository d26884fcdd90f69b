"""The sections of the report on metrics: how far each agrees with people, and where it does not."""

from typing import Any

import numpy as np

from annotations.analysis.correlation_rows import MetricRow
from annotations.analysis.correlations import Correlations
from annotations.analysis.figure_frame import INK
from annotations.analysis.figures import (
    Entry,
    forest,
    histogram,
    kind_of,
    length_lines,
    residuals,
    residuals_of,
    scatter,
)
from annotations.analysis.lengths import LengthPart
from annotations.analysis.metric_names import metric_name
from annotations.analysis.report import Report, limits_of
from annotations.analysis.report_html import (
    Html,
    count,
    folded,
    heading,
    interval,
    lead,
    notes,
    number,
    p_value,
    plot,
    plural,
    section,
    table,
    term,
    text,
)
from annotations.correlation_levels import SYSTEM_LEVELS
from annotations.level_values import INVERSE_NOTE, LevelValue

_ONE_INTERVAL = (
    "Below, intervals are given for this coefficient at this level alone: those of all take long "
    "(--everything computes them)."
)
N_FARTHEST = 10
"""Captions that are shown on either side of the line."""


def correlation_section(part: Correlations, metric: str, *, everything: bool) -> Html:
    """Return how far each metric agrees with people: figure, table, and every coefficient at every level.

    Args:
        part: The figures.
        metric: The one that is drawn in blue.
        everything: Whether every coefficient at every level has an interval.
    """
    chosen = Html(f"{term(part.coefficient)}, {term(part.level)}")
    entries = [_entry(row, metric) for row in part.rows]
    ceiling = part.ceiling.statistic
    entries.append(Entry("human ceiling", ceiling.value, ceiling.low, ceiling.high, "ceiling"))
    of_systems = part.level in SYSTEM_LEVELS
    rows = [
        (
            _named(row),
            number(row.chosen.value),
            interval(row.chosen.low, row.chosen.high),
            count(row.chosen.n),
            count(row.n_images),
            *([count(row.chosen.n_groups)] if of_systems else []),
            count(row.n_missing),
            row.cluster,
            row.chosen.note,
        )
        for row in part.rows
    ]
    rows.append(
        (
            term("human ceiling"),
            number(ceiling.value),
            interval(ceiling.low, ceiling.high),
            count(ceiling.n),
            *[""] * (4 if of_systems else 3),
            _joined(plural(part.ceiling.n_raters, "rater") if part.ceiling.n_raters else "", ceiling.note),
        )
    )
    heads = (
        *("metric", chosen, term("interval", f"{part.confidence:.0%}"), term("n"), "images"),
        *(["systems"] if of_systems else []),
        *("without a score", term("rank group"), "note"),
    )
    figure = forest(entries, name=f"{part.coefficient}, {part.level}")
    return section(
        "correlation",
        "How far metrics agree with people",
        lead(
            Html(
                f"Each metric held against {term('human', 'the mean of the raters')} on "
                f"<b>{text(part.question)}</b>: {chosen}, the best first. Open circles are "
                f"{term('sentinel', 'sentinels')}, the bar at the end is the {term('human ceiling')}."
            )
        ),
        plot("forest", figure, "Coefficient of every metric with its interval; the table has the numbers"),
        table(heads, rows),
        notes([] if everything else [_ONE_INTERVAL]),
        _weighted(part),
        *(_every_level(row) for row in part.rows),
    )


def test_section(part: Correlations) -> Html:
    """Return the tests between metrics."""
    title = "Is one metric better than another?"
    if part.ranking is None:
        return section("tests", title, notes([f"Not tested: {part.no_ranking}."]))
    ranking = part.ranking
    swapped = "captions are swapped one by one"
    if ranking.swap == "image":
        swapped = "all captions of an image are swapped together"
    heads = (
        *("better", "than", "difference", term("permutation p", "p"), term("adjusted p", "p after Holm")),
        *("swaps", "note"),
    )
    rows = [
        (
            metric_name(pair.first),
            metric_name(pair.second),
            number(pair.test.difference),
            p_value(pair.test.p),
            p_value(pair.adjusted_p),
            count(pair.test.n_permutations),
            _joined("stopped early" if pair.test.stopped_early else "", pair.test.note),
        )
        for pair in ranking.comparisons
    ]
    return section(
        "tests",
        title,
        lead(
            Html(
                f"Tested on {term(ranking.coefficient)}, {term(ranking.level)}, over "
                f"{text(plural(ranking.n_items, 'item'))} of {text(plural(ranking.n_images, 'image'))} that "
                f"all these metrics have scored; {text(swapped)}, seed {ranking.seed}, level "
                f"{ranking.alpha:.2g}. {text(_groups(part))}"
            )
        ),
        table(heads, rows, left=2),
        _williams(part),
    )


def points_section(report: Report) -> Html:
    """Return scatter, residuals and histograms of one metric, and the captions farthest from the line."""
    title = "Where they part"
    if report.drawn is None:
        return section("points", title, notes(["No caption has both a score and an answer in this choice."]))
    human, metric = report.table.human(report.question), report.table.metrics[report.metric]
    name, limits, rows = metric_name(report.metric), limits_of(report), report.drawn.rows
    names = (report.question, name)
    shown: dict[str, Any] = {"rows": rows, "names": names, "limits": limits, "hover": True}
    said = f"{name} against {report.question}"
    return section(
        "points",
        title,
        lead(
            Html(
                f"<b>{text(name)}</b> against {term('human', 'the mean of the raters')} on "
                f"<b>{text(report.question)}</b>, a point a caption, {term('n')} = {count(report.drawn.n)}; "
                f"without a score or an answer: {count(report.drawn.n_missing)}. The line is fitted by least "
                "squares to all of them; rows are numbered as in the CSV file beside this page."
            )
        ),
        notes([report.drawn.note] if report.drawn.note else []),
        plot("scatter", scatter(human, metric, **shown), f"Scatter of {said}"),
        heading(term("residual", "Residuals of the line")),
        plot("residuals", residuals(human, metric, **shown), f"Residuals of {said}"),
        Html('<div class="pair">'),
        Html(f"<div>{heading(f'Scores of {name}')}"),
        plot("scores", histogram(metric, name=name), f"Histogram of {name}"),
        Html(f"</div><div>{heading(f'Answers on {report.question}, mean of an item')}"),
        plot(
            "answers",
            histogram(human, name=f"human {report.question}", limits=limits, colour=INK),
            f"Histogram of {report.question}",
        ),
        Html("</div></div>"),
        _farthest(report),
    )


def length_section(part: LengthPart, metric: str) -> Html:
    """Return what the length of captions does: by bucket, partialled out, and the advice put to the test."""
    title = "Length of captions"
    if not part.n_items:
        return section("length", title, notes(part.notices))
    heads = ("tokens", "images", "metric", term(part.coefficient), term("interval"), term("n"), "note")
    rows = [
        (
            f"{bucket.low:g} up" if bucket.high == float("inf") else f"{bucket.low:g} to {bucket.high - 1:g}",
            count(bucket.n_groups),
            metric_name(name),
            number(of.value),
            interval(of.low, of.high),
            count(of.n),
            of.note,
        )
        for bucket in part.buckets
        for name, found in bucket.coefficients.items()
        for of in [found[part.coefficient]]
    ]
    partial = [
        (
            metric_name(name),
            term(coefficient),
            number(of.value),
            interval(of.low, of.high),
            count(of.n),
            of.note,
        )
        for name, found in part.partial.items()
        for coefficient, of in found.items()
    ]
    figure = length_lines(part.buckets, coefficient=part.coefficient, chosen=metric)
    drawn = [plot("buckets", figure, "Coefficient by length of the caption; the table has the numbers")]
    return section(
        "length",
        title,
        lead(
            Html(
                f"{term(part.coefficient)} by {term('length bucket', 'length in tokens')}, "
                f"{part.shortest:g} to {part.longest:g} tokens, on the "
                f"{text(plural(part.n_compared, 'caption'))} that all metrics have scored. Captions of known "
                f"length: {count(part.n_items)}, of unknown length: {count(part.n_without_length)}."
            )
        ),
        notes(part.notices),
        *(drawn if part.buckets else []),
        folded("Every bucket in numbers", table(heads, rows)) if rows else Html(),
        heading(term("partial correlation", "With length partialled out")),
        table(("metric", "coefficient", "value", term("interval"), term("n"), "note"), partial, left=2),
        heading(term("advice by length", "One metric for short captions, another for long ones?")),
        _advice(part),
    )


def _entry(row: MetricRow, metric: str) -> Entry:
    kind = kind_of(row.name, metric)
    shown, of = metric_name(row.name), row.chosen
    return Entry(shown, of.value, of.low, of.high, kind, row.cluster)


def _named(row: MetricRow) -> Html:
    mark = f" {term('sentinel')}" if row.sentinel else ""
    return Html(f"{text(metric_name(row.name))}{mark}")


def _weighted(part: Correlations) -> Html:
    rows = [
        (metric_name(row.name), number(of.value), interval(of.low, of.high), count(of.n), of.note)
        for row in part.rows
        if (of := row.weighted) is not None
    ]
    if not rows or part.effective_n is None:
        return Html()
    heads = (
        "metric",
        term("weighted value", f"weighted {part.weighted_coefficient}"),
        term("interval"),
        term("n"),
        "note",
    )
    drawn = f"Items were drawn with unequal chances; effective n is {part.effective_n:,.1f}."
    return Html(f"{heading(term('effective n', 'With sampling weights'))}{lead(drawn)}{table(heads, rows)}")


def _every_level(row: MetricRow) -> Html:
    heads = (
        *("coefficient", "level", "value", term("interval"), term("n"), "groups"),
        *(term("undefined"), term("short"), "policy", "note"),
    )
    rows = [
        (
            term(coefficient),
            term(level),
            number(of.value),
            interval(of.low, of.high),
            count(of.n),
            count(of.n_groups),
            count(of.n_undefined),
            count(of.n_short),
            of.policy,
            # What inverse_r_squared is stands among the definitions.
            _joined(_ties(of), of.note.replace(INVERSE_NOTE, "").strip("; ")),
        )
        for coefficient, levels in row.values.items()
        for level, of in levels.items()
    ]
    title = f"{metric_name(row.name)}: every coefficient at every level"
    made = f"Scores of {row.model or 'an unknown model'}"
    made += f", SHA-256 {row.sha256}." if row.sha256 else "; its hash is not recorded."
    return folded(title, notes([made]), table(heads, rows, left=2))


def _ties(of: LevelValue) -> str:
    if not of.tie_thresholds:
        return ""
    return f"tie threshold {min(of.tie_thresholds):.4g} to {max(of.tie_thresholds):.4g}"


def _groups(part: Correlations) -> str:
    groups: dict[str, list[str]] = {}
    for row in part.rows:
        if row.cluster:
            groups.setdefault(row.cluster, []).append(metric_name(row.name))
    return " ".join(f"Group {letter}: {', '.join(names)}." for letter, names in groups.items())


def _williams(part: Correlations) -> Html:
    if not part.williams:
        return Html()
    rows = [
        (
            metric_name(pair.first),
            metric_name(pair.second),
            number(pair.test.t),
            p_value(pair.test.p),
            count(pair.test.n),
        )
        for pair in part.williams
    ]
    heads = ("metric", "against", "t", "p", term("n"))
    name = term("Williams' t", "Williams' test")
    return Html(f"{heading(name)}{table(heads, rows, left=2)}")


def _farthest(report: Report) -> Html:
    human, metric = report.table.human(report.question), report.table.metrics[report.metric]
    name, left = metric_name(report.metric), residuals_of(human, metric)
    known = np.flatnonzero(~np.isnan(left))
    order = known[np.argsort(left[known], kind="stable")]
    n = min(N_FARTHEST, len(order) // 2)
    parts = []
    for title, rows in (
        (f"The {n} captions that {name} puts farthest above people", order[::-1][:n]),
        (f"The {n} captions that {name} puts farthest below people", order[:n]),
    ):
        cells = [
            (
                row,
                number(metric[row]),
                number(human[row], 2),
                number(left[row]),
                report.table.systems[row] or "unknown",
                Html(f'<span class="caption">{text(report.table.captions[row] or "–")}</span>'),
            )
            for row in rows.tolist()
        ]
        heads = ("row", name, report.question, term("residual"), "system", "caption")
        if cells:
            parts.append(folded(title, table(heads, cells, words=("system", "caption"))))
    return Html("".join(parts))


def _advice(part: LengthPart) -> Html:
    if part.recommendation is None:
        return notes([f"Not tested: {part.no_recommendation}."])
    of = part.recommendation
    rows = [
        (where, number(each.value), interval(each.low, each.high), count(each.n), each.note)
        for where, each in (
            (f"below {of.boundary:g} tokens", of.below),
            (f"from {of.boundary:g} tokens on", of.above),
            ("the first less the second", of.change),
        )
    ]
    short, long = metric_name(of.short_metric), metric_name(of.long_metric)
    heads = ("captions", f"{short} less {long}", term("interval"), term("n"), "note")
    said = f"{short} for short captions and {long} for long ones: {of.verdict}."
    return Html(f"{lead(said)}{table(heads, rows)}")


def _joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)
