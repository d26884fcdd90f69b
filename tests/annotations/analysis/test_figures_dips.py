"""The figures on dips: what is in their traces is what the part says."""

import json

import numpy as np
import pytest

from annotations.analysis.dips import dip_part
from annotations.analysis.figures_dips import delta_figure, precision_recall_figure, threshold_figure
from annotations.analysis.table import UnitTable

H, S = "hallucinated", "supported"


@pytest.fixture(scope="module")
def part():
    generator = np.random.default_rng(0)
    false = generator.random(600) < 0.3
    item = np.repeat(np.arange(120), 5)
    units = UnitTable(
        item=item,
        image=tuple(f"image-{number}" for number in item),
        start=np.arange(600),
        end=np.arange(600) + 1,
        delta=generator.normal(0.01, 0.02, 600) - 0.03 * false,
        verdicts=tuple((H,) if is_false else (S,) for is_false in false),
        raters=((0,),) * 600,
        n_stale=0,
    )
    return dip_part(units, threshold=0.0123, n_resamples=100, n_resamples_others=0)


def trace(figure, name):
    (found,) = [each for each in figure.data if each.name == name]
    return found


def step_at(line, threshold):
    """What a line of steps, drawn from right to left, shows at a threshold."""
    return next(y for x, y in zip(line.x, line.y, strict=True) if x <= threshold)


@pytest.mark.parametrize("threshold", [0.0, 0.0123, 0.03])
def test_lines_over_the_threshold_show_the_figures_of_that_threshold(part, threshold):
    figure = threshold_figure(part)
    found = part.grid.at(threshold)
    assert step_at(trace(figure, "precision"), threshold) == pytest.approx(found.precision.value, abs=0.02)
    assert step_at(trace(figure, "recall"), threshold) == pytest.approx(found.recall.value, abs=0.02)
    assert trace(figure, "recall").x[-1] == 0.0
    # From a stricter threshold on the left-hand value holds, down to the next threshold.
    assert trace(figure, "recall").line.shape == "vh"


def test_bands_hold_the_intervals_of_the_grid(part):
    band = trace(threshold_figure(part), "precision, interval")
    found = part.grid.at(0.01)
    ends = sorted(y for x, y in zip(band.x, band.y, strict=True) if x == 0.01)
    assert ends == pytest.approx([found.precision.low, found.precision.high])


@pytest.mark.parametrize(("draw", "sign"), [(threshold_figure, 1), (delta_figure, -1)])
def test_threshold_is_marked_where_it_is(part, draw, sign):
    assert draw(part).layout.shapes[0].x0 == sign * 0.0123
    assert draw(part, threshold=0.05).layout.shapes[0].x0 == sign * 0.05


def test_threshold_beyond_the_deepest_dip_is_still_on_the_axis(part):
    assert threshold_figure(part, threshold=0.2).layout.xaxis.range[1] > 0.2


def test_point_on_the_precision_recall_curve_moves_with_the_threshold(part):
    one, other = (trace(precision_recall_figure(part, threshold=at), "this threshold") for at in (0.0, 0.03))
    found = part.grid.at(0.03)
    assert (other.x, other.y) == ((found.recall.value,), (found.precision.value,))
    assert one.x[0] > other.x[0]
    assert set(trace(precision_recall_figure(part), "chance").y) == {part.detection.prevalence}


def test_point_is_not_drawn_where_nothing_is_flagged(part):
    names = [each.name for each in precision_recall_figure(part, threshold=0.2).data]
    assert names == ["chance", "all thresholds"]


def test_bars_are_shares_of_each_kind_and_say_how_many_units_they_are(part):
    figure = delta_figure(part)
    for name, count in ((H, part.detection.n_hallucinated), (S, 600 - part.detection.n_hallucinated)):
        bars = trace(figure, name)
        assert sum(bars.y) == pytest.approx(1)
        assert f"of {count:,} {name} units" in bars.customdata[0]


@pytest.mark.parametrize("draw", [threshold_figure, precision_recall_figure, delta_figure])
def test_figure_is_plain_json_that_lets_the_page_through(part, draw):
    figure = draw(part)
    assert '"bdata"' not in json.dumps(json.loads(figure.to_json()))
    assert figure.layout.paper_bgcolor == "rgba(0,0,0,0)"
    assert max(len(each.x) for each in figure.data) <= 510
