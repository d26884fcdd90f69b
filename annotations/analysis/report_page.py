"""The report as one HTML page that needs nothing else, and can be sent."""

import math

from annotations.analysis.correlation_rows import MetricRow, merit
from annotations.analysis.correlations import Correlations
from annotations.analysis.definitions import DEFINITIONS
from annotations.analysis.metric_names import metric_name
from annotations.analysis.report import Report
from annotations.analysis.report_evidence import battle_section, dip_section
from annotations.analysis.report_html import (
    NOTHING,
    Html,
    anchor,
    count,
    document,
    facts,
    folded,
    heading,
    interval,
    lead,
    notes,
    number,
    plural,
    section,
    table,
    text,
)
from annotations.analysis.report_metrics import (
    correlation_section,
    length_section,
    points_section,
    test_section,
)
from annotations.analysis.report_people import people_section
from annotations.analysis.score_settings import SETTINGS
from annotations.correlation_levels import SYSTEM_LEVELS

NOT_RECORDED = "not recorded"
_ALWAYS = ("dtype", "device")


def report_page(report: Report) -> str:
    """Return the page, with its style, its data and plotly.js inside; light or dark as the reader has it.

    Args:
        report: Of one set of weights.
    """
    from plotly.offline import get_plotlyjs

    sections = [("data", "What went in", _data(report))]
    if report.correlations is None:
        nothing = notes(["Nobody has answered a question on a scale in this choice."])
        title = "How far metrics agree with people"
        sections.append(("correlation", title, section("correlation", title, nothing)))
    else:
        sections += [
            ("correlation", "Agreement", _correlation(report, report.correlations)),
            ("tests", "Tests", test_section(report.correlations)),
            ("points", "Captions", points_section(report)),
        ]
    if report.lengths is not None:
        sections.append(("length", "Length", length_section(report.lengths, report.metric)))
    sections += [
        ("people", "People", people_section(report.people)),
        ("dips", "Dips", dip_section(report.dips, report.calibration)),
        ("battles", "Battles", battle_section(report.battles)),
        ("made", "How it was made", _made(report)),
        ("definitions", "Definitions", _definitions()),
    ]
    contents = "".join(f'<a href="#{name}">{text(shown)}</a>' for name, shown, _ in sections)
    title = f"Metrics against people: {report.origin.source}"
    when = report.made_at.strftime("%d %B %Y, %H:%M UTC")
    body = (
        f'<header><p class="brand">SPECS Lens · {text(when)}</p><h1>{text(title)}</h1>'
        f"<nav>{contents}</nav>{notes(warnings(report), strong=True)}{_headline(report)}</header>"
        f"<main>{''.join(part for *_, part in sections)}</main>"
    )
    return document(title=title, body=body, library=get_plotlyjs())


def warnings(report: Report) -> tuple[str, ...]:
    """Return what a reader has to know before anything else, in plain sentences."""
    found = list(report.correlations.notices) if report.correlations is not None else []
    if report.table.model is not None and len(report.table.models) > 1:
        others = len(report.table.models) - 1
        found.append(
            f"This is the report of one set of weights, {report.table.model.sha256[:12]}; scores of "
            f"{plural(others, 'other set')} are not in it and not compared with it."
        )
    return tuple(found)


def _correlation(report: Report, part: Correlations) -> Html:
    return correlation_section(part, report.metric, everything=bool(report.options.everything))


def _headline(report: Report) -> Html:
    part = report.correlations
    row = None if part is None else next((row for row in part.rows if row.name == report.metric), None)
    if part is None or row is None:
        return Html()
    ceiling = part.ceiling.statistic
    of_systems = f" by {plural(row.chosen.n_groups, 'system')}" if part.level in SYSTEM_LEVELS else ""
    return section(
        "headline",
        f"{metric_name(report.metric)} against people, on {part.question}",
        Html(
            '<div class="headline">'
            f"{_big(row.chosen.value, f'{part.coefficient}, {part.level}', row.chosen.low, row.chosen.high)}"
            f"{_big(ceiling.value, 'one person against the others', ceiling.low, ceiling.high)}"
            f"<div><b>{count(row.chosen.n)}</b>"
            f"<span>items of {text(plural(row.n_images, 'image'))}{of_systems}</span></div></div>"
        ),
        notes([_in_words(row, report)]),
    )


def _big(value: float, name: str, low: float, high: float) -> Html:
    return Html(f"<div><b>{number(value)}</b><span>{text(name)}, {interval(low, high)}</span></div>")


def _in_words(row: MetricRow, report: Report) -> str:
    part = report.correlations
    assert part is not None
    if math.isnan(row.chosen.value):
        return f"There is no value: {row.chosen.note}."
    if math.isnan(row.chosen.low):
        return f"There is no interval: {row.chosen.note}." if row.chosen.note else ""

    def reached(each: MetricRow) -> float:
        return merit(each.chosen.value, part.coefficient)

    beaten = [each for each in part.rows if each.sentinel and reached(each) >= reached(row)]
    said = f"Intervals at {part.confidence:.0%}, {part.n_resamples:,} resamples of images, seed {part.seed}."
    if beaten:
        names = ", ".join(metric_name(each.name) for each in beaten)
        said += f" Not better than {names}, which means nothing by itself."
    return said


def _data(report: Report) -> Html:
    of = report.table
    blind = count(of.n_blind) if report.origin.knows_blind else NOT_RECORDED
    rows: list[tuple[object, object]] = [
        ("source", report.origin.source),
        ("rated captions", count(len(of))),
        ("images", count(len(set(of.images)))),
        ("systems", count(len(set(of.systems) - {""}))),
        ("raters", count(len(of.raters)) if report.table.knows_raters else NOT_RECORDED),
        ("ratings", count(of.n_ratings)),
        ("ratings given before the metric was seen", blind),
    ]
    if report.correlations is not None:
        counted = report.correlations.counted
        rows += [
            (f"captions with an answer on {report.question}", count(counted.n_items)),
            (f"answers on {report.question}", count(counted.n_answers)),
            (
                "answers per caption, fewest, mean, most",
                f"{counted.fewest_per_item:,}, {number(counted.mean_per_item, 2)}, {counted.most_per_item:,}",
            ),
            ("captions of unknown system", count(counted.n_without_system)),
        ]
    questions = [
        (
            name,
            count(len(given.value)),
            count(len(set(given.item.tolist()))),
            f"{given.low:g} to {given.high:g}",
        )
        for name, given in of.answers.items()
    ]
    choice = report.origin.choice or {"everything": "no filter"}
    left_out = [(reason, count(number_of)) for reason, number_of in of.left_out.items()]
    return section(
        "data",
        "What went in",
        facts(rows),
        heading("Questions"),
        table(("question", "answers", "captions", "scale"), questions)
        if questions
        else notes(["Nobody has answered a question on a scale."]),
        heading("The choice"),
        facts(list(choice.items())),
        heading("Left out, and what is missing"),
        table(("why", "how many"), left_out) if left_out else notes(["Nothing is left out."]),
    )


def _made(report: Report) -> Html:
    options, model = report.options, report.table.model
    known = report.settings
    rows: list[tuple[object, object]] = [
        ("made at", report.made_at.isoformat(timespec="seconds")),
        ("computed in", f"{report.seconds:,.1f} s"),
        ("seed", str(options.seed)),
        ("resamples of every interval", count(options.n_resamples)),
        ("swaps of every test, at most", count(options.n_permutations)),
        ("confidence", f"{options.confidence:.0%}"),
        ("intervals", "of every coefficient" if options.everything else "of the chosen coefficient"),
        ("model", model.model if model else NOT_RECORDED),
        ("SHA-256 of its weights", Html(f"<code>{text(model.sha256 if model else NOT_RECORDED)}</code>")),
        *(
            (name.replace("_", " "), _values(known.values.get(name)))
            for name in SETTINGS
            if name in known.values or name in _ALWAYS
        ),
        ("captions whose score records these", count(known.n_recorded)),
        ("captions whose score does not", count(known.n_not_recorded)),
        *((f"version of {name}", number_of) for name, number_of in report.versions.items()),
        ("computed on", report.system),
    ]
    metrics = [
        (
            metric_name(name),
            report.table.provenance[name].model or NOT_RECORDED,
            Html(f"<code>{text(report.table.provenance[name].sha256 or NOT_RECORDED)}</code>"),
        )
        if name in report.table.provenance
        else (metric_name(name), NOT_RECORDED, NOT_RECORDED)
        for name in report.table.metrics
    ]
    return section(
        "made",
        "How it was made",
        lead("A report is of one set of weights; figures of different weights are not compared."),
        facts(rows),
        folded(
            "Where the scores of each metric are from",
            table(("metric", "model or library", "SHA-256"), metrics, left=3),
        ),
    )


def _values(values: object) -> str:
    if not isinstance(values, dict) or not values:
        return NOT_RECORDED
    if len(values) == 1:
        return str(next(iter(values)))
    return ", ".join(f"{value} ({number_of:,})" for value, number_of in values.items())


def _definitions() -> Html:
    rows = "".join(
        f'<tr id="{anchor(name)}"><th scope="row">{text(name)}</th><td>{text(of.text)}</td>'
        f'<td class="words">{text(of.source)}</td></tr>'
        for name, of in DEFINITIONS.items()
    )
    return section(
        "definitions",
        "Definitions",
        lead(f"{NOTHING} stands where there is no number; the note beside it says why."),
        Html(
            '<div class="table" tabindex="0"><table><thead><tr><th scope="col">number</th>'
            '<th scope="col">what it is</th><th scope="col" class="words">source</th></tr></thead>'
            f"<tbody>{rows}</tbody></table></div>"
        ),
    )
