"""What the form of the Analyse page offers, as plain data."""

import json
from collections.abc import Callable

import numpy as np

from annotations.analysis.options import Named, Options
from annotations.analysis.table import AnalysisTable
from annotations.correlation_levels import TIES
from annotations.correlation_report import LEVELS
from app.analysis_choice import read_asked
from app.views.analysis_form import form_view

TableMaker = Callable[..., AnalysisTable]


def test_form_offers_all_statistics_with_definitions_and_says_what_is_chosen(make_table: TableMaker) -> None:
    options = Options(
        (Named("c1", "Pilot"),), (Named("r1", "Ada"),), ("", "short"), ("2026-01-31", "2026-02-01")
    )
    form = form_view(read_asked({"raters": ["r1"]}), options, make_table(40))

    assert [one["name"] for one in form["coefficients"]] == list(TIES)
    assert [one["name"] for one in form["levels"]] == list(LEVELS)
    assert all(one["definition"] and one["source"] for one in form["coefficients"])
    assert all(list(one["ties"]) == list(LEVELS) for one in form["coefficients"])
    assert all(all(one["ties"].values()) for one in form["coefficients"])
    assert "expanded percentile bootstrap over images" in form["interval"]
    assert all(one["definition"] for one in form["levels"])
    assert form["systems"] == [{"name": "", "label": "unknown system"}, {"name": "short", "label": "short"}]
    assert (form["tokens"], form["days"]) == ([20, 59], ["2026-01-31", "2026-02-01"])
    assert form["chosen"]["raters"] == ["r1"]
    # The weights that were taken, not those that were asked for.
    assert form["chosen"]["model"] == "a" * 64
    json.dumps(form, allow_nan=False)


def test_ties_between_systems_are_equal_means_and_no_calibrated_threshold(make_table: TableMaker) -> None:
    form = form_view(read_asked({}), Options((), (), (), None), make_table(40))
    ties = {one["name"]: one["ties"] for one in form["coefficients"]}

    assert "calibrated on other images" in ties["pairwise_accuracy"]["per_system"]
    assert ties["pairwise_accuracy"]["between_systems"] == "means tie where they are equal"
    assert ties["kendall_tau_b"]["between_systems"] == ties["kendall_tau_b"]["pooled"]


def test_form_of_nothing_has_no_bounds_and_is_still_plain_data(make_table: TableMaker) -> None:
    table = make_table(2, lengths=np.array([np.nan, np.nan]), models=(), model=None)
    form = form_view(read_asked({}), Options((), (), (), None), table)

    assert (form["tokens"], form["days"], form["models"]) == (["", ""], ["", ""], [])
    json.dumps(form, allow_nan=False)
