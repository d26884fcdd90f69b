"""What length does to agreement, as the page shows it."""

import html
from collections.abc import Callable

import numpy as np

from annotations.analysis.lengths import length_part
from annotations.analysis.table import AnalysisTable
from app.views.analysis_lengths import lengths_view

TableMaker = Callable[..., AnalysisTable]


def test_advice_is_told_with_its_numbers_where_both_metrics_have_scores(make_table: TableMaker) -> None:
    table = make_table(160)
    part = length_part(
        table, question="overall", short_metric="bleu_4", long_metric="specs", boundary=100, n_resamples=60
    )

    shown = html.unescape(lengths_view(part))

    assert part.recommendation is not None
    assert part.recommendation.verdict == "contradicted"
    assert "The data contradict the advice" in shown
    assert "BLEU-4 below 100 tokens, SPECS from there on" in shown
    assert f"n = {part.recommendation.below.n:,}" in shown
    assert "How much the two differences above differ" in shown
    assert shown.count("BLEU-4 with people less that of SPECS") == 2
    # Length with length partialled out says nothing.
    assert shown.count("<tr") == 3


def test_advice_that_cannot_be_tested_says_why(make_table: TableMaker) -> None:
    part = length_part(make_table(40), question="overall", short_metric="clip_score", n_resamples=0)

    assert "CLIPScore has no scores here" in lengths_view(part)


def test_partial_correlation_that_is_not_defined_is_a_dash_with_its_reason(make_table: TableMaker) -> None:
    table = make_table(40, metrics={"specs": np.full(40, 0.5)})
    shown = lengths_view(length_part(table, question="overall", n_resamples=0))

    assert shown.count(">—</b>") == 2
    assert "all metric scores are equal" in shown.lower()
