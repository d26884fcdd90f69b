"""The table of an analysis from a CSV file."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotations.analysis.correlations import correlations
from annotations.analysis.csv_table import read_csv_table
from annotations.correlation_report import Scores, average_items
from annotations.errors import InvalidScoresError

HEADING = "item,image,system,rater,good,true,specs,bleu,tokens,caption"
ROWS = (
    "x,p,a,Ada,1,4,0.5,,12,A car.",
    "x,p,a,Bo,4,,0.7,,12,",
    "y,p,b,Ada,5,2,0.1,nan,30,A kite.",
    "z,q,a,Bo,,,0.9,,9,A tree.",
)


@pytest.fixture
def written(tmp_path):
    def write(*rows, heading=HEADING):
        path = tmp_path / "ratings.csv"
        path.write_text("\n".join([heading, *rows]) + "\n", encoding="utf-8")
        return path

    return write


def read(path, **options):
    return read_csv_table(path, **{"human": "good", "metrics": ["specs"], "group": "image", **options})


def test_file_with_items_and_raters_gives_an_answer_a_row(written):
    table = read(
        written(*ROWS),
        human=["good", "true"],
        item="item",
        rater="rater",
        system="system",
        length="tokens",
        caption="caption",
    )
    assert (table.items, table.images, table.systems) == (("x", "y"), ("p", "p"), ("a", "b"))
    assert table.captions == ("A car.", "A kite.")
    assert table.lengths.tolist() == [12, 30]
    assert table.raters == table.names == ("Ada", "Bo")
    good, true = table.answers["good"], table.answers["true"]
    assert (good.item.tolist(), good.rater.tolist(), good.value.tolist()) == ([0, 0, 1], [0, 1, 0], [1, 4, 5])
    assert (true.item.tolist(), true.rater.tolist(), true.value.tolist()) == ([0, 1], [0, 0], [4, 2])
    assert (good.low, good.high, true.low, true.high) == (1, 5, 2, 4)
    assert table.human("good").tolist() == [2.5, 5]
    assert list(table.metrics) == ["specs", "length_tokens", "random"]
    assert table.metrics["specs"].tolist() == [0.6, 0.1]
    assert (table.n_ratings, table.model, table.models) == (3, None, ())
    assert table.left_out == {"items without an answer": 1}
    assert all(len(column) == 2 for column in (table.weights, table.campaigns, *table.metrics.values()))


def test_file_without_items_has_an_item_a_row(written):
    table = read(written(*ROWS))
    assert table.items == ("2", "3", "4")
    assert table.human("good").tolist() == [1, 4, 5]
    assert table.metrics["specs"].tolist() == [0.5, 0.7, 0.1]
    assert np.isnan(table.lengths).all()
    assert table.systems == table.captions == ("", "", "")
    assert table.n_ratings == 3


def test_file_without_raters_has_one_answer_an_item_the_mean(written):
    table = read(written(*ROWS), item="item")
    assert table.human("good").tolist() == [2.5, 5]
    assert table.names == ("somebody",)
    assert table.answers["good"].rater.tolist() == [0, 0]
    assert (table.answers["good"].low, table.answers["good"].high) == (1, 5)
    assert table.n_ratings == 2


def test_caption_whose_system_nobody_knows_stays(written):
    rows = ("x,p,,Ada,1,4,0.5,,12,A", "x,p,a,Bo,4,5,0.7,,,", "y,q,,Ada,5,1,0.1,,,B")
    table = read(written(*rows), item="item", rater="rater", system="system")
    # What one row of an item says holds for all of them, as with its caption.
    assert (table.items, table.systems) == (("x", "y"), ("a", ""))
    assert table.left_out == {}
    each = read(written(*rows), system="system")
    assert each.systems == ("", "a", "")
    counted = correlations(each, question="good", quick=True).counted
    assert (counted.n_items, counted.n_without_system, counted.n_systems) == (3, 2, 1)


def test_scale_that_is_named_stands_in_place_of_what_was_seen(written):
    good = read(written(*ROWS), scales={"good": (0, 10)}).answers["good"]
    assert (good.low, good.high) == (0, 10)
    with pytest.raises(InvalidScoresError, match=r"line 4: the column 'good' holds '5'; .* from 1 to 4"):
        read(written(*ROWS), scales={"good": (1, 4)})
    with pytest.raises(
        InvalidScoresError, match="'best', which is none of the columns of people's scores: good"
    ):
        read(written(*ROWS), scales={"best": (1, 4)})


def test_own_column_of_a_sentinel_is_not_computed_over(written):
    path = written(
        "x,p,1,0.5,0.25,7", "y,p,2,0.5,0.75,8", heading="item,image,good,specs,random,length_tokens"
    )
    table = read(path, metrics=["random", "specs"], length="length_tokens")
    assert list(table.metrics) == ["specs", "length_tokens", "random"]
    assert table.metrics["random"].tolist() == [0.25, 0.75]
    assert table.provenance["random"].model == ""
    assert table.provenance["length_tokens"].model == "the column 'length_tokens'"


@pytest.mark.parametrize(
    ("options", "rows", "sentence"),
    [
        ({"human": "best"}, ROWS, "has no column 'best'; its columns are item, image"),
        ({"metrics": ["specs", "good"]}, ROWS, "column 'good' is named more than once"),
        ({"human": []}, ROWS, "at least one column of people's scores"),
        ({"metrics": ["bleu"]}, ROWS, "column 'bleu' of .* holds no number"),
        ({}, ("x,p,a,Ada,poor,4,0.5,,12,A",), r"line 2: the column 'good' holds 'poor'"),
        ({"item": "item"}, (*ROWS, "x,q,a,Cy,1,1,1,,1,"), "item 'x' stands under the images 'p' and 'q'"),
        (
            {"item": "item", "system": "system"},
            (*ROWS, "x,p,b,Cy,1,1,1,,1,"),
            "line 6: item 'x' has another system than above; give the caption of each system a name",
        ),
        (
            {"item": "item", "caption": "caption"},
            (*ROWS, "x,p,a,Cy,1,1,1,,1,A bus."),
            "line 6: item 'x' has another caption",
        ),
        (
            {"item": "item", "rater": "rater"},
            (*ROWS, "x,p,a,Bo,1,1,1,,1,"),
            "lines 3 and 6: 'Bo' has rated item 'x' twice",
        ),
    ],
)
def test_file_that_will_not_do_says_why(written, options, rows, sentence):
    with pytest.raises(InvalidScoresError, match=sentence):
        read(written(*rows), **options)


@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.none() | st.floats(-9, 9), st.none() | st.floats(-9, 9)),
        min_size=1,
        max_size=20,
    )
)
def test_means_of_items_are_those_of_the_command_correlate(tmp_path_factory, rows):
    human, specs = (
        np.array([math.nan if row[place] is None else row[place] for row in rows]) for place in (1, 2)
    )
    if np.isnan(human).all() or np.isnan(specs).all():
        return
    path = tmp_path_factory.mktemp("means") / "ratings.csv"
    cells = ["" if value is None else repr(value) for row in rows for value in row[1:]]
    lines = [f"i{row[0]},p,{cells[2 * n]},{cells[2 * n + 1]}" for n, row in enumerate(rows)]
    path.write_text("\n".join(["item,image,good,specs", *lines]), encoding="utf-8")
    table = read(path, item="item")
    expected = average_items(
        Scores(human, {"specs": specs}, ["p"] * len(rows), None, None, len(rows)), [row[0] for row in rows]
    )
    answered = ~np.isnan(expected.human)
    assert table.human("good").tolist() == expected.human[answered].tolist()
    np.testing.assert_array_equal(
        table.metrics.get("specs", np.full(answered.sum(), math.nan)), expected.metrics["specs"][answered]
    )


def test_mean_of_fractions_does_not_depend_on_the_order_of_the_raters(written):
    values = ["0.1", "0.7", "0.3", "0.2", "0.6"]
    rows = [f"{item},p,{place},{value},0.5" for item, order in (("x", values), ("y", values[::-1]))
            for place, value in enumerate(order)]  # fmt: skip
    table = read(written(*rows, heading="item,image,rater,good,specs"), item="item", rater="rater")
    assert len(set(table.human("good").tolist())) == 1


def test_a_wide_heading_and_a_double_column_are_told_by_the_column_that_was_asked_for(written):
    many = ",".join(f"m{number}" for number in range(5000))
    with pytest.raises(InvalidScoresError) as told:
        read(written("1,2", heading=f"good,specs,{many}"))
    assert len(str(told.value)) < 500
    assert str(told.value).endswith("m26, m27 and 4,972 more")
    with pytest.raises(InvalidScoresError, match="more than one column 'good'"):
        read(written("1,2,3,4,5,p", heading="other,other,good,good,specs,image"))
