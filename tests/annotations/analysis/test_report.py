"""The record of a report: what is in it, of whom, and what it refuses."""

import re
from dataclasses import replace

import numpy as np
import pytest
from small_study import SHA256, study, study_battles, study_units

from annotations.analysis.report import (
    NO_BATTLES,
    NO_UNITS,
    Origin,
    ReportOptions,
    analysis_report,
    default_draws,
    limits_of,
)
from annotations.errors import InvalidScoresError

QUICK = ReportOptions(n_resamples=50, n_permutations=50)
ORIGIN = Origin("pilot.csv")


def report_of(table, units=None, battles=None, *, options=QUICK, **more):
    return analysis_report(
        table, units or NO_UNITS, battles or NO_BATTLES, origin=ORIGIN, options=options, **more
    )


def test_report_when_everything_is_there_has_every_part_and_says_how_it_was_made():
    table = study()
    steps = []
    report = report_of(table, study_units(table), study_battles(table), tell=steps.append)
    assert steps == ["correlations", "length of captions", "dips", "battles", "agreement of people"]
    assert (report.question, report.metric) == ("overall", "specs")
    assert report.correlations.n_resamples == report.lengths.n_resamples == report.battles.n_resamples == 50
    assert report.dips.detection.n_resamples == report.people.n_resamples == 50
    assert report.correlations.ranking is not None
    assert report.calibration.seed == QUICK.seed
    assert (report.drawn.n, report.drawn.n_missing) == (79, 1)
    assert report.versions["numpy"] == np.__version__
    assert report.table.model.sha256 == SHA256
    assert report.seconds > 0
    assert report.made_at.utcoffset().total_seconds() == 0
    assert limits_of(report) == (1, 5)


def test_report_when_repeated_gives_the_same_numbers():
    table = study()
    one, other = (report_of(table, study_units(table), study_battles(table)) for _ in range(2))
    assert one.correlations == other.correlations
    assert one.battles == other.battles
    assert (one.drawn.rows == other.drawn.rows).all()


def test_report_when_units_or_battles_are_missing_leaves_those_parts_out():
    report = report_of(study())
    assert (report.dips, report.calibration, report.battles) == (None, None, None)
    assert report.correlations.rows


def test_report_when_there_are_battles_only_has_no_correlations():
    table = study()
    battles = study_battles(table)
    nothing = np.zeros(0)
    empty = replace(
        table,
        **dict.fromkeys(("items", "images", "captions", "systems", "campaigns", "raters", "names"), ()),
        lengths=nothing,
        weights=nothing,
        metrics=dict.fromkeys(table.metrics, nothing),
        answers={},
        n_ratings=0,
        n_blind=0,
    )
    report = report_of(empty, battles=battles)
    assert (report.question, report.correlations, report.lengths, report.drawn) == ("", None, None, None)
    assert report.battles.n_answers == 40


def test_report_when_there_is_nothing_says_so():
    table = study()
    nothing = np.zeros(0)
    empty = replace(table, items=(), images=(), lengths=nothing, answers={}, metrics={})
    with pytest.raises(InvalidScoresError, match="no rating of a caption and no battle is in this choice"):
        report_of(empty)


def test_report_when_the_question_or_the_metric_is_unknown_names_those_there_are():
    with pytest.raises(InvalidScoresError, match="'fluency'; the questions with answers are overall"):
        report_of(study(), question="fluency")
    with pytest.raises(
        InvalidScoresError, match="'bleu' in this choice; the metrics with scores are specs, "
    ):
        report_of(study(), options=replace(QUICK, metric="bleu"))


def test_report_when_a_sentinel_is_chosen_draws_it():
    assert report_of(study(), options=replace(QUICK, metric="length_tokens")).metric == "length_tokens"


def test_report_when_specs_is_not_there_draws_the_first_metric_that_is_no_sentinel():
    table = study()
    metrics = {name: scores for name, scores in table.metrics.items() if name != "specs"}
    report = report_of(replace(table, metrics={"random": metrics["random"], **metrics}))
    assert report.metric == "clip"


def test_report_when_names_are_not_asked_for_numbers_the_raters_everywhere():
    table = study()
    report = report_of(table, study_units(table), study_battles(table))
    assert report.table.raters == report.table.names == ("rater 1", "rater 2", "rater 3")
    seen = {str(rater) for row in report.people.ceilings for rater in row.ceiling.raters}
    assert seen == {"rater 1", "rater 2", "rater 3", "rater 4"}
    assert re.search("Ada|r-ada|r-dan", repr(report)) is None


def test_report_when_names_are_asked_for_names_the_raters():
    table = study()
    report = report_of(table, battles=study_battles(table), options=replace(QUICK, names=True))
    assert report.table.names == ("Ada Lovelace", "Bo", "Cy")
    assert {row.name for row in report.people.consistency} == {"Ada Lovelace", "Bo", "Cy", "r-dan"}


def test_report_when_there_are_many_captions_has_the_chosen_intervals_alone_unless_told(monkeypatch):
    monkeypatch.setattr("annotations.analysis.report.MOST_FOR_EVERYTHING", 79)
    assert report_of(study()).options.everything is False
    assert report_of(study(), options=replace(QUICK, everything=True)).options.everything is True
    assert default_draws(80) == 1000
    monkeypatch.setattr("annotations.analysis.report.MOST_FOR_EVERYTHING", 80)
    assert default_draws(80) == 2000
    assert report_of(study()).options.everything is True
