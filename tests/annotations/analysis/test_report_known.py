"""The whole path from a file, or from tables, to the report, on a process whose true values are known."""

import json

import pytest
from known_process import Process, write_csv
from known_truth import accuracy_of_battles, ceiling, detection, truth

from annotations.analysis.report import Origin, ReportOptions
from annotations.analysis.report_files import make_report
from annotations.analysis.report_html import interval, number
from annotations.cli import main

PROCESS = Process(n_images=250)


@pytest.fixture(scope="module")
def known():
    return PROCESS.draw(seed=5)


def test_report_of_an_imported_file_recovers_the_truth_with_one_command(known, tmp_path):
    rows = known.rating_rows()
    write_csv(tmp_path / "ratings.csv", rows)
    metrics = [name for name in PROCESS.metrics if name != "random"]
    command = [
        *("report", str(tmp_path / "ratings.csv"), "-o", str(tmp_path / "report.html")),
        *("--human", "fine", "--group", "image", "--item", "item", "--rater", "rater"),
        *("--system", "system", "--length", "tokens", "--caption", "caption"),
        *("--coefficient", "pearson_r", "--no-everything", "--resamples", "200", "--permutations", "100"),
        *(word for name in metrics for word in ("--metric", name)),
    ]
    assert main(command) == 0
    record = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert record["data"]["n_items"] == 1000
    assert record["data"]["n_ratings"] == len(rows) == 3000
    found = {row["name"]: row for row in record["correlations"]["rows"]}
    for name in metrics:
        chosen = found[name]["chosen"]
        assert chosen["value"] == pytest.approx(truth(PROCESS, name, "pearson_r", "pooled"), abs=0.06)
        tau = found[name]["values"]["kendall_tau_b"]["pooled"]["value"]
        assert tau == pytest.approx(truth(PROCESS, name, "kendall_tau_b", "pooled"), abs=0.06)
        shown = f'<td class="n">{number(chosen["value"])}</td><td class="n">'
        assert shown + interval(chosen["low"], chosen["high"]) in page
    reached = record["correlations"]["ceiling"]["statistic"]["value"]
    assert reached == pytest.approx(ceiling(PROCESS, "pearson_r", "pooled"), abs=0.03)
    assert found["specs"]["cluster"] == "A"
    assert found["rouge_l"]["cluster"] > "A"


def test_report_of_tables_recovers_the_truth_of_dips_and_battles(known):
    options = ReportOptions(everything=False, n_resamples=100, n_permutations=50)
    texts = make_report(
        known.table, known.units, known.battles, question="fine", origin=Origin("known"), options=options
    )
    record = json.loads(texts.json)
    expected = detection(PROCESS, 0.0)
    for name in ("precision", "recall", "f1", "auroc"):
        assert record["dips"]["detection"][name]["value"] == pytest.approx(expected[name], abs=0.05)
    rows = {row["name"]: row for row in record["battles"]["rows"]}
    for name in ("specs", "clip"):
        of = rows[name]["accuracy"]["value"]
        assert of == pytest.approx(accuracy_of_battles(PROCESS, name), abs=0.08)
    strongest = next(iter(record["battles"]["ranking"]["systems"]))
    assert strongest == "careful"
