"""The raw numbers beside the page: JSON and CSV."""

import csv
import io
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from small_study import HOSTILE, SHA256, study, study_battles, study_units

from annotations.analysis.report import Origin, ReportOptions, analysis_report
from annotations.analysis.report_files import plain, report_texts, table_csv


@pytest.fixture(scope="module")
def report():
    table = study(hostile=True)
    return analysis_report(
        table,
        study_units(table),
        study_battles(table),
        origin=Origin("pilot.csv"),
        options=ReportOptions(n_resamples=40, n_permutations=40, seed=3),
    )


@pytest.fixture(scope="module")
def texts(report):
    return report_texts(report)


def refuse(constant):
    raise AssertionError(f"{constant} is no JSON")


def test_json_holds_every_number_and_null_for_nan(report, texts):
    record = json.loads(texts.json, parse_constant=refuse)
    assert record["kind"] == "specs-lens analysis report"
    assert record["options"]["seed"] == 3
    assert record["provenance"]["model"]["sha256"] == SHA256
    assert record["data"] == {
        "n_items": 80,
        "n_images": 40,
        "n_systems": 2,
        "n_raters": 3,
        "n_ratings": 240,
        "n_blind": 236,
        "left_out": {"ratings after the last day": 9},
        "questions": {"overall": {"low": 1, "high": 5, "n_answers": 240}},
    }
    (specs,) = [row for row in record["correlations"]["rows"] if row["name"] == "specs"]
    (of_record,) = [row for row in report.correlations.rows if row.name == "specs"]
    assert specs["values"]["pearson_r"]["pooled"]["value"] == of_record.values["pearson_r"]["pooled"].value
    assert record["dips"]["detection"]["auroc"]["value"] == report.dips.detection.auroc.value
    assert record["battles"]["n_answers"] == 40
    assert record["people"]["agreement"][0]["alpha"]["n_ratings"] == 240
    partial = record["lengths"]["partial"]["length_tokens"]["pearson_r"]
    assert (partial["value"], partial["note"]) == (None, "length alone says all of one of the two scores")


def test_json_names_nobody(texts):
    assert "Ada" not in texts.json
    assert "r-ada" not in texts.json
    assert "rater 1" in texts.json


def test_json_fit_is_the_least_squares_line(report, texts):
    fit = json.loads(texts.json)["fit"]
    human, metric = report.table.human("overall"), report.table.metrics["specs"]
    known = ~np.isnan(metric)
    slope, intercept = np.polyfit(human[known], metric[known], 1)
    assert (fit["slope"], fit["intercept"]) == pytest.approx((slope, intercept))
    assert (fit["n"], fit["n_missing"], fit["n_drawn"]) == (79, 1, 79)


def test_csv_has_a_row_a_caption_with_exact_numbers_and_no_raters(report, texts):
    rows = list(csv.DictReader(io.StringIO(texts.csv, newline="")))
    assert len(rows) == 80
    assert list(rows[0]) == [
        *("row", "item", "image", "campaign", "system", "caption", "tokens", "weight"),
        *("human_overall", "answers_overall", "specs", "clip", "length_tokens", "random"),
    ]
    assert [row["row"] for row in rows] == [str(place) for place in range(80)]
    assert float(rows[7]["specs"]) == report.table.metrics["specs"][7]
    assert float(rows[7]["human_overall"]) == report.table.human("overall")[7]
    assert rows[5]["specs"] == ""
    assert {row["answers_overall"] for row in rows} == {"3"}
    assert rows[0]["caption"] == HOSTILE
    assert "Ada" not in texts.csv


def test_csv_when_a_caption_would_run_in_a_spreadsheet_guards_it():
    table = study(n_images=12)
    hostile = type(table)(**{**table.__dict__, "captions": ("=cmd()", "\ud800", *table.captions[2:])})
    report = analysis_report(
        hostile,
        study_units(table),
        study_battles(table),
        origin=Origin("x"),
        options=ReportOptions(n_resamples=20, n_permutations=20),
    )
    texts = report_texts(report)
    rows = list(csv.DictReader(io.StringIO(texts.csv, newline="")))
    assert rows[0]["caption"] == "'=cmd()"
    assert rows[1]["caption"] == "?"
    for text in (texts.html, texts.json, texts.csv):
        text.encode("utf-8")


def test_plain_when_given_arrays_tuples_and_infinity_gives_what_json_holds():
    found = plain({("a", "b"): np.array([1.0, math.nan]), "x": (math.inf, np.int64(3), np.float64(0.5))})
    assert found == {"a | b": [1.0, None], "x": [None, 3, 0.5]}


def test_csv_when_a_score_is_below_zero_has_a_number_and_no_text(report):
    metrics = {**report.table.metrics, "clip": -0.5 - np.arange(80.0)}
    rows = csv.DictReader(io.StringIO(table_csv(replace(report.table, metrics=metrics)), newline=""))
    assert [float(row["clip"]) for row in rows] == metrics["clip"].tolist()
