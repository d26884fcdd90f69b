"""What the Analyse page shows, from plain data."""

import csv
import io
import json
import math
import re

import pytest

from app.views.analysis import (
    Coefficient,
    Counts,
    Point,
    card_data,
    coefficients_table,
    counts_card,
    interval_bar,
    notices,
    points_csv,
    scatter,
)

EVIL = "<img src=x onerror=alert(1)>"


def point(caption: str = "A car.", *, score: float = 0.5, human: float = 3.0) -> Point:
    return Point("i" * 32, "p" * 32, caption, score, human, 2, 1)


def counts(*, captions: int = 40, images: int = 40, without_score: int = 0) -> Counts:
    return Counts(images, captions, raters=2, ratings=80, blind=70, without_score=without_score)


def row(
    name: str = "pearson_r", *, value: float = 0.5, low: float = 0.2, high: float = 0.7, note: str = ""
) -> Coefficient:
    return Coefficient(name, "linear association", value, low, high, 40, note)


def test_scatter_carries_one_mark_a_point_and_no_caption() -> None:
    figure = scatter([point(EVIL, score=0.1, human=1), point(score=0.9, human=5)])

    assert list(figure.data[0].x) == [1, 5]
    assert list(figure.data[0].y) == [0.1, 0.9]
    assert "onerror" not in json.dumps(figure.to_plotly_json(), default=str)


def test_table_when_a_name_is_hostile_is_escaped() -> None:
    assert EVIL not in coefficients_table([row(EVIL)])
    assert EVIL not in counts_card(counts(), model=EVIL, model_sha256="a" * 64)


def test_table_when_undefined_shows_dashes_and_never_nan_or_zero() -> None:
    table = coefficients_table([row(value=math.nan, low=math.nan, high=math.nan)])

    assert table.count("—") == 2
    assert "nan" not in table.lower()
    assert "0.00" not in table


def test_table_when_negative_has_a_real_minus_and_two_decimals() -> None:
    table = coefficients_table([row(value=-0.456, low=-0.7, high=-0.001)])

    assert "−0.46" in table
    assert "−0.70 to 0.00" in table


@pytest.mark.parametrize(("value", "x"), [(-1, 6), (0, 120), (1, 234), (0.5, 177)])
def test_interval_bar_when_a_value_is_known_sets_it_on_the_line_from_minus_one_to_one(
    value: float, x: float
) -> None:
    assert f'cx="{float(x)}"' in interval_bar(value, value, value)


def test_interval_bar_when_there_is_no_interval_draws_the_value_alone() -> None:
    bar = interval_bar(0.3, math.nan, math.nan)

    assert "an-interval" not in bar
    assert "an-value" in bar


@pytest.mark.parametrize(
    ("captions", "told"),
    [(0, "There is none yet: rate three captions."), (1, "There is one: rate two more captions.")],
)
def test_notices_when_fewer_than_three_captions_say_how_many_are_missing(captions: int, told: str) -> None:
    [sentence] = notices(counts(captions=captions, images=captions), [])

    assert told in sentence


def test_notices_when_two_captions_and_one_unscored_say_what_to_press() -> None:
    [sentence] = notices(counts(captions=2, images=2, without_score=1), [])

    assert "There are 2: rate one more caption." in sentence
    assert "press Score it" in sentence


def test_notices_when_all_is_well_are_empty() -> None:
    assert notices(counts(), [row()]) == []


def test_notices_when_below_thirty_images_and_spanning_zero_warn_of_both() -> None:
    found = notices(
        counts(images=7), [row(low=-0.1), row("spearman_rho"), row("kendall_tau_b", low=-0.2, high=0.0)]
    )

    assert found[0].startswith("Only 7 images")
    assert found[1].startswith("The intervals of pearson_r and kendall_tau_b contain 0")


def test_notices_when_scores_are_constant_say_it_once_for_all_coefficients() -> None:
    undefined = [
        row(name, value=math.nan, low=math.nan, high=math.nan, note="all metric scores are equal")
        for name in ("pearson_r", "spearman_rho", "kendall_tau_b")
    ]

    assert notices(counts(), undefined) == ["No correlation: all metric scores are equal."]


def test_csv_when_texts_would_run_in_a_spreadsheet_puts_an_apostrophe_before_them() -> None:
    captions = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", 'say "a, b"\nand more', "plain"]

    rows = list(
        csv.DictReader(io.StringIO(points_csv([point(c) for c in captions], model="m", model_sha256="s")))
    )

    read = [found["caption"] for found in rows]
    assert read == ["'=1+1", "'+1", "'-1", "'@SUM(A1)", "'\tx", 'say "a, b"\nand more', "plain"]
    assert {found["model_sha256"] for found in rows} == {"s"}


def test_csv_numbers_read_back_exactly() -> None:
    text = points_csv([point(score=0.1 + 0.2, human=10 / 3)], model="m", model_sha256="s")

    [found] = csv.DictReader(io.StringIO(text))
    assert (float(found["score"]), float(found["human_overall"])) == (0.1 + 0.2, 10 / 3)


def test_card_data_pairs_each_point_with_its_picture() -> None:
    [card] = card_data([point(EVIL, score=0.12345)], ["/pictures/x/thumbnail"])

    assert card == {
        "image": "/pictures/x/thumbnail",
        "caption": EVIL,
        "score": "0.123",
        "human": "3.00",
        "ratings": 2,
    }


def test_counts_when_nothing_is_chosen_shows_dashes() -> None:
    card = counts_card(counts(captions=0, images=0), model="", model_sha256="")

    assert re.search(r"Model</span><span>—", card)
    assert re.search(r"Ratings per caption</span><span><b>—", card)


def test_scatter_with_one_height_shows_no_scores_that_cannot_be() -> None:
    low, high = scatter([point(score=0.76, human=4)]).layout.yaxis.range
    assert 0 < low < 0.76 < high < 1
    assert scatter([point(score=0.1, human=1), point(score=0.9, human=5)]).layout.yaxis.range is None
