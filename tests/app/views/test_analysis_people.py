"""What people say among themselves, as HTML: numbers with their n, reasons for gaps, nothing unescaped."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest
from small_study import HOSTILE, SHA256, study, study_battles, study_units

from annotations.analysis.people import PeopleReport, people_report
from annotations.analysis.report import NO_BATTLES, NO_UNITS
from annotations.analysis.table import AnalysisTable, Choice
from app.views.analysis_cells import cell, interval_bar, interval_text, signed, tip
from app.views.analysis_people import people_view


@pytest.fixture(scope="module")
def report() -> PeopleReport:
    table = study()
    return people_report(table, study_units(table), study_battles(table), n_resamples=60)


def test_numbers_when_shown_are_those_of_the_report_with_n_and_a_definition_at_the_keyboard(
    report: PeopleReport,
) -> None:
    shown = people_view(report, question="overall")
    for row in report.agreement:
        alpha = row.alpha
        assert f">{signed(alpha.value)}</b>" in shown
        assert f">{alpha.n_items:,}</td>" in shown
        assert f"{alpha.n_items:,} items with two answers or more, {alpha.n_ratings:,} answers" in shown
    overall = report.agreement[0].alpha
    assert interval_text(overall.low, overall.high) in shown
    # Whatever tells more can be reached without a pointer, save the half of the table that says it twice.
    assert shown.count('class="an-tip"') == shown.count('tabindex="0"') > 10
    assert "expanded percentile bootstrap over images (60 resamples, seed 0)" in shown
    assert "a metric may exceed this without being better than people" in shown
    assert "what a metric can" not in shown
    ceiling = report.ceilings[0].ceiling.human_ceiling
    assert f">{signed(ceiling.value)}</b>" in shown


def test_place_of_what_the_intervals_will_say_is_held_before_they_come(report: PeopleReport) -> None:
    before = people_view(replace(report, n_resamples=0), question="overall", computing=60)
    after = people_view(report, question="overall")
    said = re.search(r"95 % intervals: [^<]*seed 0\)\.", after)
    assert said is not None
    assert f'<span class="an-twin" aria-hidden="true">{said[0]}</span>' in before
    assert "Intervals are on their way" in before
    assert 'an-twin"' not in after


def test_every_two_people_when_shown_stand_as_text_and_not_as_colour_alone(report: PeopleReport) -> None:
    shown = people_view(report, question="overall")
    table = re.search(r"<details class=\"an-pairs\" open>.*?</details>", shown, re.DOTALL)
    assert table is not None
    kappas = [pair.kappa.value for pair in report.kappas[0].pairs]
    for kappa in kappas:
        # Once above the diagonal and once below it.
        assert (
            len(re.findall(rf"<td style=[^>]*><span[^>]*>{re.escape(signed(kappa))}</span>", table[0])) >= 2
        )
    assert table[0].count("items that both judged") == 2 * len(kappas)
    assert "Ada Lovelace" in table[0]


def test_names_when_hostile_are_text() -> None:
    table = replace(study(), names=(HOSTILE, "Bo", "Cy"), campaigns=(HOSTILE,) * 40 + ("other",) * 40)
    shown = people_view(
        people_report(table, study_units(table), study_battles(table), n_resamples=0), question="overall"
    )
    assert "<script>" not in shown
    assert "<img" not in shown
    assert shown.count("&lt;/script&gt;") > 3


def only(*raters: int, value: float | None = None, apart: bool = False) -> AnalysisTable:
    """Return the study with some raters only, on request with one answer for all or no caption in common."""
    table = study()
    given = table.answers["overall"]
    kept = np.isin(given.rater, raters) & (given.rater == given.item % 2 if apart else True)
    said = given.value[kept] if value is None else np.full(kept.sum(), value)
    less = replace(given, item=given.item[kept], value=said, rater=given.rater[kept])
    return replace(table, answers={"overall": less})


def test_one_person_alone_when_shown_is_told_what_to_do_next() -> None:
    shown = people_view(people_report(only(0), NO_UNITS, NO_BATTLES), question="overall")
    assert "People cannot be compared yet" in shown
    assert "One rater gave all ratings: agreement needs two raters on the same items." in shown
    assert "Invite a second person" in shown
    assert "nan" not in shown.lower().replace("nano", "")
    days = people_view(
        people_report(only(0), NO_UNITS, NO_BATTLES), question="overall", choice=Choice(since="2027-01-01")
    )
    assert "Clear the filters, or invite a second person" in days


def test_one_of_several_people_when_filtered_for_has_every_task_and_is_told_to_choose_more() -> None:
    table = only(0)
    units = study_units(table)
    mine = replace(units, verdicts=tuple(both[:1] for both in units.verdicts), raters=((0,),) * len(units))
    found = people_report(table, mine, NO_BATTLES, n_resamples=60)

    shown = people_view(found, question="overall", choice=Choice(raters=("r-ada",), model_sha256=SHA256))

    assert "Choose more people in the filter Rater" in shown
    assert "nvite a second person" not in shown
    assert "Does each say the same in every task?" in shown
    assert f">{signed(found.consistency[0].consistency.verdicts_scale.value)}</b>" in shown
    assert "(60 resamples, seed 0)" in shown


def test_people_who_always_answer_the_same_are_not_told_to_invite_anybody() -> None:
    equal = people_view(
        people_report(only(0, 1, value=5.0), NO_UNITS, NO_BATTLES, n_resamples=0), question="overall"
    )
    strangers = people_view(
        people_report(only(0, 1, apart=True), NO_UNITS, NO_BATTLES, n_resamples=0), question="overall"
    )

    assert "ratings are equal" in equal
    assert "Once answers differ" in equal
    assert "No item has two ratings" in strangers
    assert "Have two people rate the same captions" in strangers
    assert "nvite" not in equal + strangers


def test_a_number_that_is_not_defined_when_shown_is_a_dash_with_its_reason(report: PeopleReport) -> None:
    table = study()
    shown = people_view(people_report(table, NO_UNITS, NO_BATTLES, n_resamples=0), question="overall")
    assert "Nobody has done two tasks on the same captions yet" in shown
    row = report.ceilings[0]
    empty = replace(row.ceiling.human_ceiling, value=math.nan, note="none of the 3 raters has a value")
    gone = replace(report, ceilings=(replace(row, ceiling=replace(row.ceiling, human_ceiling=empty)),))
    shown = people_view(gone, question="overall")
    assert "None of the 3 raters has a value." in shown
    assert ">—</b>" in shown


def test_a_sample_when_shown_is_said(report: PeopleReport) -> None:
    sampled = replace(report, sample_note="9 of 90 ratings are compared, those of a random sample of images")
    assert "9 of 90 ratings are compared" in people_view(sampled, question="overall")
    assert "on their way" in people_view(replace(report, n_resamples=0), question="overall", computing=True)


def test_kappas_when_there_is_none_are_one_sentence(report: PeopleReport) -> None:
    none = replace(report.kappas[0], n_defined=0, mean=math.nan, pairs=())
    shown = people_view(replace(report, kappas=(none,)), question="overall")
    assert "No kappa of two people for overall: it takes 10 items that both judged" in shown
    assert "an-heat" not in shown


def test_cells_when_made_write_numbers_as_people_read_them() -> None:
    assert [signed(one) for one in (-0.001, -0.316, 0.5, math.nan)] == ["0.00", "−0.32", "0.50", "—"]
    assert (interval_text(-0.2, 0.4), interval_text(math.nan, 0.4)) == ("−0.20 to 0.40", "—")
    assert "&quot;&gt;&lt;b&gt;" in tip('"><b>')
    assert "--shade:1.00" in cell("x", "told", shade=3)
    assert "tabindex" not in cell("x", "told", reach=False)


def test_bar_when_drawn_has_its_value_and_interval_between_minus_one_and_one() -> None:
    drawn = interval_bar(0.0, -1.0, 1.0)
    assert 'cx="120.0"' in drawn
    assert 'x1="8.0" x2="232.0"' in drawn
    assert "an-interval" not in interval_bar(0.5, math.nan, math.nan)
    assert "circle" not in interval_bar(math.nan, math.nan, math.nan)
