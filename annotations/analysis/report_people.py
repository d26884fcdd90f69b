"""The section of the report on people: how far they agree, and whether each says the same in every task."""

from annotations.analysis.people import PeopleReport
from annotations.analysis.report_html import (
    Html,
    count,
    folded,
    heading,
    interval,
    lead,
    notes,
    number,
    plural,
    section,
    table,
    term,
    text,
)

_TASKS = {
    "verdicts_scale": "verdicts against scale",
    "battles_scale": "battles against scale",
    "battles_verdicts": "battles against verdicts",
}


def people_section(part: PeopleReport | None) -> Html:
    """Return how far people agree with each other, question by question.

    Args:
        part: None where there is nobody.
    """
    title = "How far people agree"
    if part is None or not part.agreement:
        return section("people", title, notes(["Nobody has answered anything in this choice."]))
    return section(
        "people",
        title,
        lead(
            Html(
                f"{term('alpha', 'Krippendorff’s alpha')} of every question, over "
                f"{text(plural(part.n_ratings, 'rating'))} of {text(plural(part.n_items, 'item'))}; ordinal "
                "for scales, nominal for verdicts, winners and whether both captions are poor."
            )
        ),
        notes([part.sample_note] if part.sample_note else []),
        _alphas(part),
        heading(Html(f"{term('rater against others', 'One person against the others')}")),
        _ceilings(part),
        folded("Each rater against the others", _raters(part)),
        heading(Html(f"{term('kappa', 'Cohen’s kappa')}, mean of all pairs of raters")),
        _kappas(part),
        folded("Every two raters", _pairs(part)),
        heading("Does each rater say the same in every task?"),
        _consistency(part),
    )


def _alphas(part: PeopleReport) -> Html:
    heads = (
        *("question", "campaign", term("alpha"), term("interval"), "items", "ratings", "raters", "images"),
        *("rated once", "note"),
    )
    rows = [
        (
            row.question,
            row.campaign or "all",
            number(row.alpha.value),
            interval(row.alpha.low, row.alpha.high),
            *(count(of) for of in (row.alpha.n_items, row.alpha.n_ratings, row.alpha.n_raters)),
            count(row.alpha.n_groups),
            count(row.alpha.n_alone),
            row.alpha.note,
        )
        for row in part.agreement
    ]
    return table(heads, rows, left=2)


def _ceilings(part: PeopleReport) -> Html:
    heads = ("question", "measure", "mean of raters", term("interval"), term("n"), "raters", "note")
    rows = [
        (
            row.question,
            row.ceiling.measure,
            number(row.ceiling.human_ceiling.value),
            interval(row.ceiling.human_ceiling.low, row.ceiling.human_ceiling.high),
            count(row.ceiling.human_ceiling.n),
            count(row.ceiling.n_raters),
            row.ceiling.human_ceiling.note,
        )
        for row in part.ceilings
    ]
    return table(heads, rows, left=2)


def _raters(part: PeopleReport) -> Html:
    heads = ("rater", "question", term("rater against others", "value"), term("interval"), term("n"), "note")
    rows = [
        (
            part.names.get(str(rater), str(rater)),
            row.question,
            number(of.statistic.value),
            interval(of.statistic.low, of.statistic.high),
            count(of.statistic.n),
            of.statistic.note,
        )
        for row in part.ceilings
        for rater, of in row.ceiling.raters.items()
    ]
    return table(heads, rows, left=2)


def _kappas(part: PeopleReport) -> Html:
    heads = ("question", "weights", term("kappa", "mean kappa"), "pairs", "raters", "note")
    rows = [
        (row.question, row.weights, number(row.mean), count(row.n_defined), count(len(row.raters)), row.note)
        for row in part.kappas
    ]
    return table(heads, rows, left=2)


def _pairs(part: PeopleReport) -> Html:
    heads = ("rater", "and", "question", term("kappa"), "equal answers", term("n"), "note")
    rows = [
        (
            part.names.get(pair.first, pair.first),
            part.names.get(pair.second, pair.second),
            row.question,
            number(pair.kappa.value),
            number(pair.kappa.agreement),
            count(pair.kappa.n_items),
            pair.kappa.note,
        )
        for row in part.kappas
        for pair in row.pairs
    ]
    return table(heads, rows, left=3)


def _consistency(part: PeopleReport) -> Html:
    heads = ("rater", "tasks", "value", term("interval"), term("n"), "note")
    rows = [
        (
            row.name,
            term(name),
            number(of.value),
            interval(of.low, of.high),
            count(of.n),
            of.note,
        )
        for row in part.consistency
        for task, name in _TASKS.items()
        for of in [getattr(row.consistency, task)]
    ]
    if not any(
        row.consistency.verdicts_scale.n
        or row.consistency.battles_scale.n
        or row.consistency.battles_verdicts.n
        for row in part.consistency
    ):
        return notes(["No rater has done two of the three tasks, verdicts, scales and battles, on one item."])
    scale = notes([f"The scale is {part.scale}."]) if part.scale else Html()
    return Html(f"{scale}{folded('Every rater', table(heads, rows, left=2))}")
