"""The table of metrics against people, and the axis on which it stands."""

import html
import math
import re
from collections.abc import Callable

import numpy as np
import pytest

from annotations.analysis.correlations import correlations
from annotations.analysis.table import AnalysisTable
from app.views.analysis_agreement import AgreementRow, agreement_axis, agreement_rows, agreement_table
from app.views.analysis_numbers import (
    Axis,
    axis_head,
    correlation_axis,
    interval,
    interval_bar,
    signed,
    tip,
)

EVIL = '"><img src=x onerror=alert(1)>'
TableMaker = Callable[..., AnalysisTable]


def row(metric: str = "specs", **changes: object) -> AgreementRow:
    fields = {"kind": "metric", "value": 0.5, "low": 0.2, "high": 0.7, "n": 40, "told": "What it is."}
    return AgreementRow(metric, **(fields | changes))


def table(*rows: AgreementRow, is_complete: bool = True, chosen: str = "specs") -> str:
    axis = agreement_axis(rows, coefficient="kendall_tau_b", images=40)
    return agreement_table(
        rows,
        coefficient="kendall_tau_b",
        axis=axis,
        chosen=chosen,
        is_complete=is_complete,
        groups_note="One group.",
    )


def test_rows_are_metrics_then_sentinels_then_the_ceiling_each_the_best_first(make_table: TableMaker) -> None:
    found = correlations(
        make_table(80), question="overall", level="pooled", n_resamples=60, n_permutations=60
    )

    rows = agreement_rows(found)

    assert [each.metric for each in rows] == ["specs", "bleu_4", "length_tokens", ""]
    assert [each.kind for each in rows] == ["metric", "metric", "sentinel", "ceiling"]
    assert rows[0].group == "A"
    assert rows[0].value == found.rows[0].chosen.value
    assert "n = 80 captions" in rows[0].told
    assert rows[-1].value == found.ceiling.statistic.value


def test_rows_at_a_level_of_systems_count_them_beside_the_captions(make_table: TableMaker) -> None:
    given = make_table(80)
    of_systems = correlations(given, question="overall", level="between_systems", quick=True)
    of_captions = correlations(given, question="overall", level="pooled", quick=True)

    n = len(set(given.systems))
    assert f'<span class="ra-soft">{n} systems</span>' in table(*agreement_rows(of_systems))
    assert "systems</span>" not in table(*agreement_rows(of_captions))


def test_table_before_the_intervals_holds_their_place_and_the_same_axis(make_table: TableMaker) -> None:
    quick = correlations(make_table(80), question="overall", level="pooled", quick=True)
    full = correlations(make_table(80), question="overall", level="pooled", n_resamples=60, n_permutations=60)
    axes = [
        agreement_axis(agreement_rows(found), coefficient="kendall_tau_b", images=40)
        for found in (quick, full)
    ]
    assert axes[0] == axes[1]

    before, after = table(*agreement_rows(quick), is_complete=False), table(*agreement_rows(full))

    assert "computing intervals" in before
    assert "an-interval" not in before
    assert after.count("an-interval") >= 3
    assert "computing" not in after
    assert before.count("<tr") == after.count("<tr")


def test_table_when_undefined_shows_dashes_and_why_and_never_nan_or_zero() -> None:
    shown = table(row(value=math.nan, low=math.nan, high=math.nan, note="all metric scores are equal"))

    assert "nan" not in shown.lower()
    assert ">0.00<" not in shown
    assert "No value: all metric scores are equal." in shown


def test_metric_with_markup_in_its_name_is_text() -> None:
    shown = table(row(EVIL, told=EVIL, note=EVIL), chosen=EVIL)

    assert EVIL not in shown
    assert html.escape(EVIL) in shown


def test_chosen_metric_is_said_to_be_pressed() -> None:
    shown = table(row("specs"), row("bleu_4"), chosen="bleu_4")

    assert re.search(r'data-metric="specs" aria-pressed="false"', shown)
    assert re.search(r'data-metric="bleu_4" aria-pressed="true"', shown)


@pytest.mark.parametrize(
    ("values", "spread", "low"),
    [
        ([0.5, 0.3], 0.1, 0.0),
        ([0.5, 0.05], 0.1, -0.25),
        ([0.2], 0.6, -0.5),
        ([-0.2], 0.6, -1.0),
        ([], 1, 0.0),
    ],
)
def test_axis_begins_as_far_left_as_intervals_may_reach(
    values: list[float], spread: float, low: float
) -> None:
    axis = correlation_axis([*values, math.nan], spread=spread)

    assert (axis.low, axis.high) == (low, 1.0)
    assert axis.ticks[0] == low


def test_axis_places_its_ends_and_its_middle() -> None:
    axis = Axis(-1.0, 1.0, (-1.0, 0.0, 1.0))

    assert [axis.place(value) for value in (-1, 0, 0.5, 1, 7)] == [8, 120, 176, 232, 232]
    assert re.findall(r">([^<]+)</text>", axis_head(axis)) == ["−1", "0", "1"]


def test_bar_draws_the_interval_where_its_ends_are_and_arrows_beyond_the_axis() -> None:
    axis = Axis(0.0, 1.0, (0.0, 1.0))

    inside, beyond, none = (
        interval_bar(0.5, 0.25, 0.75, axis),
        interval_bar(0.1, -0.3, 0.4, axis),
        interval_bar(0.5, math.nan, math.nan, axis),
    )

    assert 'x1="64.0" x2="176.0"' in inside
    assert 'cx="120.0"' in inside
    assert "an-beyond" not in inside
    assert "an-beyond" in beyond
    assert "an-interval" not in none
    assert "an-value" in none


def test_axis_of_inverse_r_squared_begins_at_one(make_table: TableMaker) -> None:
    found = correlations(
        make_table(80), question="overall", coefficient="inverse_r_squared", level="pooled", quick=True
    )
    axis = agreement_axis(agreement_rows(found), coefficient="inverse_r_squared", images=40)

    assert axis.low == 1.0
    assert axis.high >= 4


def test_numbers_are_written_with_a_real_minus_two_decimals_and_no_minus_zero() -> None:
    assert [signed(value) for value in (-0.456, -0.001, 0.5, math.nan)] == ["−0.46", "0.00", "0.50", "—"]
    assert interval(-0.7, -0.001) == "−0.70 to 0.00"
    assert interval(math.nan, math.nan) == "—"
    assert interval(3.1, math.nan) == "from 3.10"


def test_tip_can_be_reached_by_keyboard_and_is_text() -> None:
    assert 'tabindex="0"' in tip("n = 4")
    assert EVIL not in tip(EVIL)


def test_rows_of_unequal_weights_tell_the_weighted_value(make_table: TableMaker) -> None:
    weights = np.ones(80)
    weights[:40] = 3
    found = correlations(make_table(80, weights=weights), question="overall", level="pooled", quick=True)

    assert "kendall_tau_b weighted for the pool" in agreement_rows(found)[0].told


def test_ceiling_that_comes_later_is_a_place_and_no_dash() -> None:
    waiting = row("", kind="ceiling", value=math.nan, low=math.nan, high=math.nan, note="it comes later")

    assert ">…</b>" in table(waiting, is_complete=False)
    assert ">—</b>" in table(waiting)
