import json
import math

import numpy as np
import pytest

from annotations.analysis.figure_frame import CHOSEN, INK, PALE
from annotations.analysis.figures import (
    Entry,
    forest,
    histogram,
    length_lines,
    residuals,
    residuals_of,
    scatter,
    strengths,
)
from annotations.length_effects import length_buckets
from annotations.ranking import rank_systems

HUMAN = np.array([1.0, 2.0, 3.0, np.nan, 5.0])
METRIC = np.array([0.1, 0.2, 0.6, 0.4, 0.5])
ROWS = np.array([0, 1, 2, 4])


def test_scatter_when_drawn_carries_the_number_of_each_item_and_the_line_of_all():
    figure = scatter(HUMAN, METRIC, rows=np.array([0, 2]), names=("overall", "specs"), limits=(1, 5))
    marks, line = figure.data
    assert marks.customdata == (0, 2)
    assert (marks.x, marks.y) == ((1.0, 3.0), (0.1, 0.6))
    assert marks.hoverinfo == "none"
    assert line.x == (1.0, 5.0)
    slope = 0.95 / 8.75  # by hand: sums of products of deviations from 2.75 and 0.35
    assert line.y == pytest.approx((0.35 - 1.75 * slope, 0.35 + 2.25 * slope))
    assert figure.layout.xaxis.title.text == "human overall (mean of raters)"
    assert figure.layout.xaxis.tickvals == (1, 2, 3, 4, 5)
    assert figure.layout.yaxis.title.text == "specs"
    assert figure.layout.uirevision
    assert figure.layout.paper_bgcolor == "rgba(0,0,0,0)"
    json.loads(figure.to_json())


def test_scatter_when_all_scores_are_one_has_an_axis_about_it():
    figure = scatter(HUMAN, np.full(5, 0.5), rows=ROWS, names=("overall", "specs"))
    assert figure.layout.yaxis.range == (0.45, 0.55)


def test_residuals_when_drawn_are_what_the_line_leaves():
    left = residuals_of(HUMAN, METRIC)
    assert math.isnan(left[3])
    assert left[ROWS].sum() == pytest.approx(0)
    assert left[ROWS] @ HUMAN[ROWS] == pytest.approx(0)
    figure = residuals(HUMAN, METRIC, rows=ROWS, names=("overall", "specs"), hover=True)
    assert figure.data[0].y == pytest.approx(left[ROWS].tolist())
    assert "row %{customdata}" in figure.data[0].hovertemplate


def test_histogram_when_values_are_few_has_a_bar_for_each():
    (bars,) = histogram(np.array([1.0, 1.0, 4.0, np.nan, 2.5]), name="overall", limits=(1, 5)).data
    assert (bars.x, bars.y) == ((1.0, 2.5, 4.0), (2, 1, 1))


def test_histogram_when_values_are_many_counts_every_one():
    values = np.random.default_rng(0).normal(size=1000)
    (bars,) = histogram(values, name="specs").data
    assert len(bars.x) == 30
    assert sum(bars.y) == 1000


def test_histogram_when_there_is_nothing_or_one_value_is_drawn():
    assert histogram(np.array([np.nan]), name="specs").data[0].x == ()
    assert histogram(np.array([2.0, 2.0]), name="specs").data[0].y == (2,)


def test_length_lines_when_drawn_put_the_chosen_metric_on_top_in_blue_with_n_below():
    random = np.random.default_rng(0)
    human = random.normal(size=80)
    metrics = {"specs": human + random.normal(size=80), "clip<b>": human, "random": random.normal(size=80)}
    lengths = np.tile([10.0, 20.0, 30.0, 40.0], 20)
    buckets = length_buckets(
        human, metrics, lengths=lengths, groups=list(range(80)), edges=[25], n_resamples=50
    )
    figure = length_lines(buckets, coefficient="pearson_r", chosen="specs")
    lines = [trace for trace in figure.data if trace.mode == "lines+markers"]
    assert [line.name for line in lines] == ["clip&lt;b&gt;", "random numbers", "SPECS"]
    assert lines[-1].line.color == CHOSEN
    assert lines[1].line.color == PALE
    expected = [bucket.coefficients["specs"]["pearson_r"].value for bucket in buckets]
    assert list(lines[-1].y) == expected
    bars = figure.data[list(figure.data).index(lines[-1]) - 1]
    first = buckets[0].coefficients["specs"]["pearson_r"]
    assert bars.y[:3] == (first.low, first.high, None)
    assert figure.layout.xaxis.ticktext == (
        "0 to 24<br>n = 40<br>40 images",
        "from 25<br>n = 40<br>40 images",
    )


def test_length_lines_when_there_are_no_buckets_are_empty():
    assert len(length_lines((), coefficient="pearson_r", chosen="specs").data) == 0


def test_strengths_when_drawn_show_every_system_with_its_interval():
    winners = ["a", "a", "a", "b"] * 10
    ranking = rank_systems(["<i>one</i>"] * 40, ["two"] * 40, winners, groups=list(range(40)), n_resamples=50)
    figure = strengths(ranking)
    bars, marks = figure.data
    assert marks.x == tuple(system.strength.value for system in ranking.systems.values())
    first = next(iter(ranking.systems.values())).strength
    assert bars.x[:2] == (first.low, first.high)
    assert figure.layout.yaxis.ticktext[0].startswith("&lt;i&gt;one")


def test_forest_when_a_percentile_interval_misses_its_value_draws_the_interval_itself():
    figure = forest([Entry("specs", 0.5, 0.1, 0.4)], name="pearson_r")
    assert figure.data[0].x == (0.1, 0.4, None)


def test_forest_when_rank_groups_change_draws_a_line_between_and_names_them():
    entries = [
        Entry("specs", 0.5, 0.4, 0.6, "chosen", "A"),
        Entry("clip", 0.4, 0.3, 0.5, "other", "A"),
        Entry("random", 0.0, math.nan, math.nan, "sentinel", "B"),
    ]
    figure = forest(entries, name="pearson_r")
    marks = [trace for trace in figure.data if trace.mode == "markers"]
    assert [mark.marker.color for mark in marks] == [CHOSEN, INK, PALE]
    assert marks[2].customdata[0][1] == "(no interval)"
    assert [shape.y0 for shape in figure.layout.shapes if shape.line.dash == "dot"] == [1.5]
    assert figure.layout.yaxis.ticktext == ("specs  A", "clip  A", "random  B")
