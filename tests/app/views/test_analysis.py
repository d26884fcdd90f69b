"""What the Analyse page says in words and counts, from plain data."""

import html
import math
from collections.abc import Callable

import numpy as np
import pytest

from annotations.agreement import krippendorff_alpha
from annotations.analysis.correlations import correlations
from annotations.analysis.table import AnalysisTable
from app.views.analysis import (
    counts_card,
    drawn_note,
    message_card,
    missing_points,
    nothing_to_show,
    notices_list,
    scatter_points,
)

EVIL = "<img src=x onerror=alert(1)>"
TableMaker = Callable[..., AnalysisTable]


def counts(table: AnalysisTable, **changes: object) -> str:
    found = correlations(table, question="overall", quick=True)
    options = {"alpha": None, "question": "overall", "metric": "specs", **changes}
    return html.unescape(counts_card(table, found, **options))


def test_counts_say_how_much_lies_behind_the_numbers(make_table: TableMaker) -> None:
    card = counts(make_table(80))

    assert ">40 · 80 · 2</b>" in card
    assert ">2.0</b>" in card
    assert ">157</b> <span class='ra-soft'>of 160" in card
    assert "<b>Pilot</b>" in card
    assert "a" * 64 in card


def test_counts_of_constant_images_show_both_policies(make_table: TableMaker) -> None:
    table = make_table(80)
    scores = table.metrics["specs"].copy()
    scores[:2] = scores[0]
    changed = make_table(80, metrics={"specs": scores})
    found = correlations(changed, question="overall", quick=True)
    values = found.rows[0].values["kendall_tau_b"]
    n_undefined = values["per_image"].n_undefined
    assert n_undefined >= 1

    card = counts(changed)

    told = f"per image {values['per_image'].value:.2f} dropped, {values['per_image_zero'].value:.2f} as 0"
    assert f">{n_undefined}</b> <span class='ra-soft'>of 40; {told}" in card


def test_counts_name_what_is_left_out_and_why(make_table: TableMaker) -> None:
    left_out = {
        "captions of fewer than 20 tokens": 7,
        "captions without a score, kept for others": 2,
        "none": 0,
    }

    card = counts(make_table(80, left_out=left_out))

    assert "Captions of fewer than 20 tokens</span>" in card
    assert "<b>7</b> <span class='ra-soft'>left out" in card
    assert 'kept for others</span><span class="an-fact"><b>2</b></span>' in card
    assert "None" not in card


def test_alpha_is_a_place_then_a_number_with_its_interval_or_a_reason(make_table: TableMaker) -> None:
    table = make_table(80)
    given = table.answers["overall"]

    def alpha(raters: list[int]) -> object:
        items = given.item.tolist()
        return krippendorff_alpha(
            items, raters, given.value.tolist(), groups=[table.images[item] for item in items],
            level="ordinal", n_resamples=50,
        )  # fmt: skip

    known = alpha(given.rater.tolist())
    assert "an-computing" in counts(table)
    assert f"{known.value:.2f} [{known.low:.2f}, {known.high:.2f}]" in counts(table, alpha=known)
    nobody = krippendorff_alpha([0, 1], [0, 0], [1, 2], groups=["a", "b"], level="ordinal", n_resamples=0)
    card = counts(table, alpha=nobody)
    assert math.isnan(nobody.value)
    assert nobody.note in card
    assert "nan" not in card.lower()


def test_names_with_markup_are_text(make_table: TableMaker) -> None:
    table = make_table(80, campaigns=(EVIL,) * 80)
    found = correlations(table, question="overall", quick=True)

    card = counts_card(table, found, alpha=None, question=EVIL, metric="specs")

    assert EVIL not in card
    assert html.escape(EVIL) in card
    assert EVIL not in notices_list([EVIL])
    assert EVIL not in message_card(EVIL, EVIL)


@pytest.mark.parametrize(
    ("captions", "told"),
    [(0, "There is none yet: rate three captions."), (1, "There is one: rate two more captions.")],
)
def test_too_few_captions_say_how_many_are_missing(captions: int, told: str) -> None:
    assert told in missing_points(captions)


def test_nothing_to_show_offers_to_clear_the_filters_only_where_some_are_on(make_table: TableMaker) -> None:
    table = make_table(2)

    assert 'data-analyse="clear"' in nothing_to_show(table, is_narrowed=True)
    assert 'data-analyse="clear"' not in nothing_to_show(table, is_narrowed=False)
    assert "Rate this caption" in nothing_to_show(table, is_narrowed=False)


def test_points_carry_item_and_numbers_and_no_caption(make_table: TableMaker) -> None:
    table = make_table(4, captions={0: EVIL})

    points = scatter_points(
        table, question="overall", metric="specs", rows=[2, 0], counts=np.array([2, 2, 2, 2]).tolist()
    )

    human, scores = table.human("overall"), table.metrics["specs"]
    assert points == [[table.items[row], f"{scores[row]:.3f}", f"{human[row]:.2f}", 2] for row in (2, 0)]


def test_drawn_note_says_how_many_of_how_many() -> None:
    assert drawn_note(30, 30, 0, metric="specs") == "30 captions, all of them drawn."
    assert drawn_note(1, 1, 1, metric="specs").endswith(
        "1 rated caption without a score by SPECS or an answer left out."
    )
    assert drawn_note(4000, 33_333, 0, metric="specs").startswith("4,000 of 33,333 captions are drawn")
