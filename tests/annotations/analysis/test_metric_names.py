"""People read the names of metrics as they are written in papers, in every sentence, table and figure."""

import csv
import html
import io
import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest
from small_study import study, study_battles

from annotations.analysis.battles import battle_part
from annotations.analysis.definitions import DEFINITIONS
from annotations.analysis.lengths import length_part
from annotations.analysis.metric_names import METRIC_NAMES, metric_name
from annotations.analysis.report import NO_UNITS, Origin, ReportOptions, analysis_report
from annotations.analysis.report_files import points_csv, report_json
from annotations.analysis.report_page import report_page, warnings
from annotations.analysis.table import Provenance

COLUMNS = ("specs", "clip_score", "rouge_l", "bleu_4 (sacrebleu 2.5.1)", "judge", "length_tokens", "random")
WRITTEN = (
    *("SPECS", "CLIPScore", "ROUGE-L", "BLEU-4 (sacrebleu 2.5.1)", "judge"),
    *("length in tokens", "random numbers"),
)


@pytest.fixture(scope="module")
def table():
    """Metrics whose intervals span zero, with one that few captions have, and sentinels that beat some."""
    of, random = study(n_images=12), np.random.default_rng(3)
    scores = {name: random.random(len(of)) for name in COLUMNS}
    scores["specs"] = of.metrics["specs"]
    scores["length_tokens"] = of.lengths
    scores["rouge_l"] = np.where(np.arange(len(of)) < 9, scores["rouge_l"], math.nan)
    return replace(of, metrics=scores, provenance={name: Provenance("tiny", "a1" * 32) for name in COLUMNS})


@pytest.fixture(scope="module")
def report(table):
    options = ReportOptions(metric="clip_score", n_resamples=60, n_permutations=60)
    return analysis_report(table, NO_UNITS, study_battles(table), origin=Origin("pilot"), options=options)


def raw_names(text):
    """The names of columns that stand in a text for people; a name without a mark may be a word."""
    shown = [name for name in METRIC_NAMES if "_" in name]
    return [name for name in (*shown, "specs") if re.search(rf"(?<![\w-]){name}(?![\w-])", text)]


def test_page_of_the_report_names_metrics_as_people_read_them(report):
    page = report_page(report)
    page = page[page.index("<body>") : page.index('<section class="card" id="definitions">')]
    said = html.unescape(page)
    for definition in DEFINITIONS.values():
        said = said.replace(definition.text, "")
    assert raw_names(said) == []
    for name in WRITTEN:
        assert name in said


def test_notices_name_metrics_as_people_read_them(report, table):
    told = [*warnings(report), *report.lengths.notices, *report.battles.notices]
    assert raw_names(" ".join(told)) == []
    for words in (
        "out of 24: SPECS 1, ROUGE-L 15",
        "(pooled) spans zero for",
        "fewer than half of the items have a score: ROUGE-L",
        "no scores of the sentinels “number of units”, “shuffled image” to compare with",
        "The sentinel “random numbers”, which means nothing by itself",
        "Too few captions have a score of ROUGE-L for the buckets",
        "CLIPScore and SPECS are of the same weights here",
        "Answers on captions without a score, out of 12: SPECS 1, ROUGE-L",
        "which drawing lots reaches, for",
    ):
        assert any(words in sentence for sentence in told), (words, told)
    unscored = length_part(table, question="overall", short_metric="meteor", n_resamples=0)
    assert unscored.no_recommendation.startswith("the advice is about METEOR and SPECS, and METEOR has no")


def test_rows_of_captions_and_of_battles_are_of_the_same_names(report):
    assert {row.name for row in report.battles.rows} == {row.name for row in report.correlations.rows}
    assert battle_part(study_battles(report.table), n_resamples=0).rows


def test_numbers_and_captions_beside_the_page_keep_the_names_of_the_columns(report):
    record = json.loads(report_json(report))
    assert {row["name"] for row in record["correlations"]["rows"]} == set(COLUMNS)
    heads = next(csv.reader(io.StringIO(points_csv(report))))
    assert set(COLUMNS) <= set(heads)


def test_a_metric_that_is_told_apart_by_its_source_keeps_the_source():
    assert metric_name("bleu_4 (sacrebleu 2.5.1)") == "BLEU-4 (sacrebleu 2.5.1)"
    assert metric_name("judge (large, 12)") == "judge (large, 12)"
    assert metric_name("clip_score_2") == "clip_score_2"
