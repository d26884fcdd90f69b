"""What people say among themselves, as HTML: agreement, the ceiling, every two people, each in every task."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from annotations.kappa import MIN_SHARED
from app.analysis_choice import narrows
from app.problems import sentence
from app.views.analysis_cells import cell, interval_bar, interval_text, signed, tip
from app.views.analysis_numbers import twin

if TYPE_CHECKING:
    from annotations.analysis.people import PeopleReport, QuestionAgreement, QuestionCeiling, QuestionKappas
    from annotations.analysis.table import Choice
    from annotations.correlation import Statistic
    from annotations.kappa import Kappa
    from annotations.rater_consistency import RaterConsistency

MOST_NAMES: Final = 12
"""People in the table of every two: those with the most answers."""

ALPHA: Final = (
    "Krippendorff’s alpha: 1 minus the disagreement inside items over that between any two answers. 1 is "
    "perfect, 0 is chance."
)
CEILING: Final = (
    "Each person against the others, averaged over people. A metric is held against all of them, one person "
    "against the others only: a metric may exceed this without being better than people."
)
KAPPA: Final = (
    "Cohen’s kappa of two people on what both judged: agreement beyond chance; 1 is perfect, 0 is chance."
)
_TASKS: Final = (
    (
        "verdicts_scale",
        "verdicts · scale",
        "spearman_rho of the share of hallucinated units with the answer on the scale. Perfect is −1.",
    ),
    (
        "battles_scale",
        "battles · scale",
        "Share of battles in which the winner stands higher on the scale; equal answers count one half. "
        "Perfect "
        "is 1.",
    ),
    (
        "battles_verdicts",
        "battles · verdicts",
        "Share of battles in which the winner has fewer hallucinated units; equal shares count one half. "
        "Perfect is 1.",
    ),
)
_NAMES: Final = {"verdicts": "verdicts on units", "winner": "winner of a battle", "both_poor": "both poor"}


def people_view(
    report: PeopleReport, *, question: str, computing: int = 0, choice: Choice | None = None
) -> str:
    """Return the part, as HTML.

    Args:
        report: Of the people whose ratings are shown.
        question: The scale whose kappas stand open.
        computing: Resamples of the intervals that are on their way; 0 where none are.
        choice: What the ratings are narrowed to; None for nothing.
    """
    is_too_little = all(math.isnan(row.alpha.value) for row in report.agreement)
    if is_too_little and not _has_tasks(report):
        return f"{_too_little(report, choice)}{_consistency(report)}"
    how = f"{_people(report)} · {report.n_ratings:,} ratings of {_count(report.n_items, 'caption or battle')}"
    method = html.escape(_method(report, computing or report.n_resamples))
    # Its own place is held for what will be told, so that nothing below it moves.
    told = f"<span>Intervals are on their way …</span>{twin(method)}" if computing else method
    notes = [report.sample_note] if report.sample_note else []
    head = f'<p class="ra-soft">{html.escape(how)}.</p><p class="ra-soft an-twins">{told}</p>{_notes(notes)}'
    if is_too_little:
        # What somebody says in one task can be held against the other without anybody else.
        return f"{_too_little(report, choice)}{head}{_consistency(report)}"
    return (
        f"{head}{_agreement(report.agreement)}{_ceilings(report.ceilings)}{_pairs(report, question)}"
        f"{_consistency(report)}"
    )


def question_name(question: str) -> str:
    """Return what people read for a question."""
    return _NAMES.get(question, question.replace("_", " "))


def _too_little(report: PeopleReport, choice: Choice | None) -> str:
    reasons = dict.fromkeys(sentence(row.alpha.note) for row in report.agreement)
    steps = _next_step(report, choice)
    return (
        "<h2>People cannot be compared "
        f"yet</h2>{_notes(reasons) or _notes(['Nobody has rated these captions.'])}"
        f'<p class="ra-soft an-next">{html.escape(steps)}</p>'
    )


def _next_step(report: PeopleReport, choice: Choice | None) -> str:
    overlap = "a campaign hands every caption to as many people as its overlap says."
    is_narrowed = choice is not None and narrows(choice)
    if any(row.alpha.n_items for row in report.agreement):
        otherwise = ", or clear the filters" if is_narrowed else ""
        return f"Once answers differ, agreement can be told: have better or worse captions rated{otherwise}."
    if len(report.consistency) > 1:
        more = " The filters may leave such captions out." if is_narrowed else ""
        return f"Have two people rate the same captions: {overlap}{more}"
    if choice is not None and choice.raters:
        return "Choose more people in the filter Rater, or none for all of them."
    begin = "Clear the filters, or invite" if is_narrowed else "Invite"
    return (
        f"{begin} a second person on Admin (or with specs-ratings invite) and have both rate the same "
        f"captions: {overlap}"
    )


def _agreement(rows: Sequence[QuestionAgreement]) -> str:
    body = []
    for row in rows:
        alpha = row.alpha
        name = row.campaign or question_name(row.question)
        told = (
            f"{ALPHA} {alpha.level.capitalize()} level; {alpha.n_items:,} items with two answers or more, "
            f"{alpha.n_ratings:,} answers of {_count(alpha.n_raters, 'person', 'people')}, "
            f"{_count(alpha.n_groups, 'image')}; {alpha.n_alone:,} answers left out because nobody else "
            f"gave one."
        )
        body.append(
            _row(
                name,
                (alpha.value, alpha.low, alpha.high, alpha.n_items),
                told,
                alpha.note,
                under=bool(row.campaign),
            )
        )
    return _table("question", "alpha", body)


def _ceilings(rows: Sequence[QuestionCeiling]) -> str:
    body = []
    for row in rows:
        one, found = row.ceiling.human_ceiling, row.ceiling
        told = (
            f"{CEILING} Here {found.measure} "
            + (
                "with the mean of the others"
                if found.measure == "spearman_rho"
                else "with the others’ majority"
            )
            + f"; {_count(found.n_raters, 'person', 'people')} with a value, {one.n:,} items that two rated, "
            f"{_count(found.n_groups, 'image')}."
        )
        name = question_name(row.question)
        body.append(_row(name, (one.value, one.low, one.high, one.n), told, one.note, beside=found.measure))
    return _table("human ceiling", "value", body)


def _row(
    name: str,
    numbers: tuple[float, float, float, int],
    told: str,
    note: str,
    *,
    under: bool = False,
    beside: str = "",
) -> str:
    value, low, high, n = numbers
    kind = ' class="an-under"' if under else ""
    said = f'<span class="ra-soft">{html.escape(beside)}</span>' if beside else ""
    # What explains a missing number stands in the row; other notes are for those who look closer.
    if math.isnan(value):
        said = f'<span class="ra-soft">{html.escape(sentence(note))}</span>'
    elif note:
        told = f"{told} {sentence(note)}"
    return (
        f'<tr{kind}><th scope="row">{html.escape(name)}{said}</th>'
        f'<td class="an-n"><b{tip(told)}>{signed(value)}</b></td>'
        f'<td class="an-n an-between">{interval_text(low, high)}</td>'
        f'<td class="an-bar">{interval_bar(value, low, high)}</td><td class="an-n">{n:,}</td></tr>'
    )


def _table(first: str, second: str, rows: Iterable[str]) -> str:
    return (
        f'<table class="an-table an-people"><thead><tr><th scope="col">{first}</th>'
        f'<th scope="col" class="an-n">{second}</th><th scope="col" class="an-n">95 %</th>'
        '<th scope="col" class="an-bar"><span>−1</span><span>0</span><span>1</span></th>'
        f'<th scope="col" class="an-n">items</th></tr></thead><tbody>{"".join(rows)}</tbody></table>'
    )


def _pairs(report: PeopleReport, question: str) -> str:
    shown = [row for row in report.kappas if row.n_defined]
    short = [question_name(row.question) for row in report.kappas if not row.n_defined]
    left = ""
    if short:
        told = (
            f"No kappa of two people for {', '.join(short)}: it takes {MIN_SHARED} items that both judged, "
            "and more than one answer."
        )
        left = f'<p class="ra-soft an-next">{html.escape(told)}</p>'
    return "".join(_kappas(row, report, row.question == question) for row in shown) + left


def _kappas(found: QuestionKappas, report: PeopleReport, is_open: bool) -> str:
    name = question_name(found.question)
    raters = found.raters[:MOST_NAMES]
    pairs = {frozenset((pair.first, pair.second)): pair.kappa for pair in found.pairs}
    names = [report.names.get(rater, rater) for rater in raters]
    columns = "".join(
        f'<th scope="col"><abbr title="{html.escape(one, quote=True)}">{at}</abbr></th>'
        for at, one in enumerate(names, start=1)
    )
    rows = []
    for at, rater in enumerate(raters):
        cells = "".join(
            '<td class="an-self">·</td>'
            if across == at
            else _kappa_cell(
                pairs.get(frozenset((rater, other))), f"{names[at]} and {names[across]}", reach=across < at
            )
            for across, other in enumerate(raters)
        )
        rows.append(
            f'<tr><th scope="row"><span class="an-number">{at + 1}</span> '
            f"{html.escape(names[at])}</th>{cells}"
            f'<td class="an-n ra-soft">{found.n_answers[at]:,}</td></tr>'
        )
    weights = "quadratic weights" if found.weights == "quadratic" else "no weights"
    mean = f"Mean of the {found.n_defined:,} pairs with a value (Light’s kappa), {weights}."
    left = (
        f" {len(found.raters) - len(raters)} more people with fewer answers are not shown."
        if (len(found.raters) > len(raters))
        else ""
    )
    told = " ".join(part for part in (sentence(found.note) if found.note else "", left) if part)
    return (
        f'<details class="an-pairs"{" open" if is_open else ""}><summary>Every two people: '
        f"{html.escape(name)}, mean kappa <b{tip(f'{KAPPA} {mean}')}>{signed(found.mean)}</b></summary>"
        '<div class="an-wide"><table class="an-heat"><thead><tr><th scope="col">kappa</th>'
        f'{columns}<th scope="col" '
        f'class="an-n">answers</th></tr></thead><tbody>{"".join(rows)}</tbody></table>'
        f"</div>{f'<p class=ra-soft>{html.escape(told)}</p>' if told else ''}</details>"
    )


def _kappa_cell(kappa: Kappa | None, who: str, *, reach: bool) -> str:
    if kappa is None:
        return cell("—", f"{who}: no item in common.", reach=reach)
    if math.isnan(kappa.value):
        return cell("—", f"{who}: {kappa.note}.", reach=reach)
    told = (
        f"{KAPPA} {who}: {signed(kappa.value)} on {kappa.n_items:,} items that both judged; the same "
        f"answer on "
        f"{100 * kappa.agreement:.0f} %."
    )
    if kappa.note:
        told = f"{told} {sentence(kappa.note)}"
    return cell(signed(kappa.value), told, shade=max(0.0, kappa.value), reach=reach)


def _consistency(report: PeopleReport) -> str:
    rows = report.consistency
    if not rows:
        return ""
    if not _has_tasks(report):
        return (
            '<p class="ra-soft an-next">Nobody has done two tasks on the same captions yet, so what a '
            "person says "
            "in one cannot be held against the other: ask for verdicts besides scales, or add battles of "
            "rated "
            "captions.</p>"
        )
    statistics = _tasks(report)
    head = "".join(
        f'<th scope="col" class="an-n"><span{tip(_of_scale(definition, report.scale))}>{name}</span></th>'
        for _, name, definition in _TASKS
    )
    body = "".join(
        f'<tr><th scope="row">{html.escape(row.name)}</th>'
        + "".join(
            _task(one, _of_scale(definition, report.scale), _left_out(row.consistency, name))
            for one, (name, _, definition) in zip(of_row, _TASKS, strict=True)
        )
        + "</tr>"
        for row, of_row in zip(rows, statistics, strict=True)
    )
    scale = html.escape(question_name(report.scale)) if report.scale else "none"
    return (
        '<div class="an-wide"><table class="an-table an-tasks"><caption>Does each say the same in every '
        f"task? "
        f'<span class="ra-soft">The scale is {scale}.</span></caption><thead><tr><th '
        f'scope="col">person</th>{head}'
        f"</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _tasks(report: PeopleReport) -> list[list[Statistic]]:
    return [[getattr(row.consistency, name) for name, _, _ in _TASKS] for row in report.consistency]


def _has_tasks(report: PeopleReport) -> bool:
    """Tell whether anybody's tasks can be held against each other."""
    return any(not math.isnan(one.value) for of_row in _tasks(report) for one in of_row)


def _of_scale(definition: str, scale: str) -> str:
    return definition.replace("the scale", f"{question_name(scale)}") if scale else definition


def _left_out(found: RaterConsistency, task: str) -> str:
    equal = {"battles_scale": found.n_equal_answers, "battles_verdicts": found.n_equal_shares}.get(task)
    if equal is None:
        return ""
    return f" {equal:,} of them equal; {found.n_ties:,} battles without a winner left out."


def _task(one: Statistic, definition: str, left_out: str) -> str:
    n = f'<span class="ra-soft">n {one.n:,}</span>'
    if math.isnan(one.value):
        return f'<td class="an-n"><span{tip(sentence(one.note))}>—</span> {n}</td>'
    between = interval_text(one.low, one.high)
    told = f"{definition} n = {one.n:,}.{left_out}"
    if between != "—":
        told = f"{told} 95 %: {between}."
    if one.note:
        told = f"{told} {sentence(one.note)}"
    return f'<td class="an-n"><b{tip(told)}>{signed(one.value)}</b> {n}</td>'


def _method(report: PeopleReport, n_resamples: int) -> str:
    if not n_resamples:
        return ""
    drawn = f"{n_resamples:,} resamples, seed {report.seed}"
    return f"95 % intervals: expanded percentile bootstrap over images ({drawn})."


def _people(report: PeopleReport) -> str:
    return _count(len(report.consistency), "person", "people")


def _notes(notes: Iterable[str]) -> str:
    told = "".join(f'<li class="ra-problem">{html.escape(sentence(note))}</li>' for note in notes)
    return f'<ul class="an-notes">{told}</ul>' if told else ""


def _count(number: int, one: str, many: str = "") -> str:
    plural = many or (
        one.replace("caption or battle", "captions and battles") if " or " in one else f"{one}s"
    )
    return f"{number:,} {one if number == 1 else plural}"
