"""`specs metrics` as a user types it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from judge_endpoint import completion, serving

from specs_core.cli import main
from specs_core.metrics.table import METRICS

CAPTION = "A red disc, beside a blue square, stands on green ground."


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tiny_checkpoint: Path) -> None:
    monkeypatch.setenv("SPECS_MODEL", str(tiny_checkpoint))
    for name in ("SPECS_JUDGE_URL", "SPECS_JUDGE_MODEL", "SPECS_JUDGE_KEY", "SPECS_WORDNET"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def source(tmp_path: Path, drawn_image: Path) -> Path:
    lines = [
        {"id": number, "image": str(drawn_image), "caption": CAPTION, "references": [f"{number} shapes."]}
        for number in range(3)
    ]
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return tmp_path / "in.jsonl"


def test_metrics_writes_a_row_for_each_item_and_metric(source, capsys):
    out = source.parent / "out.jsonl"
    arguments = ["metrics", str(source), "--metric", "specs", "chrf", "--metric", "random", "-o", str(out)]
    assert main(arguments) == 0
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(row["id"], row["metric"]) for row in rows] == [
        (number, name) for number in range(3) for name in ("specs", "chrf", "random")
    ]
    assert "specs:" not in capsys.readouterr().err


def test_metrics_with_rows_left_out_or_without_a_score_says_so_and_ends_with_one(source, capsys):
    with source.open("a") as file:
        file.write("\n{\n" + json.dumps({"id": "x", "image": "gone.png", "caption": "A."}))
    out = source.parent / "out.csv"
    assert main(["metrics", str(source), "--metric", "specs", "chrf", "-o", str(out)]) == 1
    told = capsys.readouterr().err
    assert "specs: specs: no score for 1 of 4 rows" in told
    assert "specs: chrf: no score for 1 of 4 rows" in told
    assert "specs: 1 of 5 rows left out" in told
    assert "line 5, id 'x': no references" in told


def test_list_shows_every_metric_with_range_direction_needs_and_source(capsys):
    assert main(["metrics", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for metric in METRICS.values():
        (line,) = (line for line in lines if line.startswith(f"{metric.name} "))
        assert all(part in line for part in (metric.better, metric.source, metric.definition, *metric.needs))


def test_metrics_asks_a_judge_only_where_one_is_set_and_tells_what_it_cost(source, capsys, monkeypatch):
    out = source.parent / "out.jsonl"
    arguments = ["metrics", str(source), "--metric", "judge_clair", "-o", str(out)]
    assert main(arguments) == 2
    assert "set SPECS_JUDGE_URL and SPECS_JUDGE_MODEL" in capsys.readouterr().err
    monkeypatch.setenv("SPECS_JUDGE_MODEL", "m")
    monkeypatch.setenv("SPECS_JUDGE_KEY", "sk-secret")
    with serving(completion('{"score": 85, "reason": "Why."}')) as endpoint:
        monkeypatch.setenv("SPECS_JUDGE_URL", endpoint.url)
        assert main([*arguments, "--price-in", "10", "--price-out", "100", "--judge-calls", "2"]) == 1
        told = capsys.readouterr().err
        assert "the judge got 2 requests" in told
        assert "1 questions without an answer; 200 tokens sent and 20 received; cost 0.0040" in told
        assert main(arguments) == 0  # the third, the others being on disk
        assert len(endpoint.asked) == 3
    told = capsys.readouterr().err
    assert "the judge got 1 requests; 2 answers were on disk" in told
    assert "sk-secret" not in told + out.read_text()
    assert [json.loads(line)["score"] for line in out.read_text().splitlines()] == [0.85] * 3
    assert len(list((source.parent / "judge-cache").glob("*.json"))) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name a file of lines and, with -o, where the scores go"),
        (["IN", "--metric", "blue", "-o", "OUT.jsonl"], "there is no metric 'blue'"),
        (["IN", "-o", "OUT.jsonl"], "name at least one metric"),
        (
            ["IN", "--metric", "meteor", "-o", "OUT.jsonl"],
            "needs WordNet: name its folder with SPECS_WORDNET",
        ),
        (["IN", "--metric", "random", "-o", "OUT.txt"], "ends in neither .jsonl nor .csv"),
        (["gone.jsonl", "--metric", "random", "-o", "OUT.csv"], "gone.jsonl cannot be read"),
    ],
)
def test_metrics_with_a_mistake_ends_with_two_and_one_sentence(source, capsys, arguments, message):
    places = {"IN": str(source)}
    words = [places.get(word, str(source.parent / word) if word[:3] == "OUT" else word) for word in arguments]
    assert main(["metrics", *words]) == 2
    assert message in capsys.readouterr().err
    assert [path.name for path in source.parent.iterdir()] == ["in.jsonl"]


def test_metrics_without_a_metric_of_the_model_loads_none(source):
    out = source.parent / "out.jsonl"
    arguments = ["metrics", str(source), "--metric", "chrf", "random", "-o", str(out)]
    code = (
        "import sys, specs_core.cli\n"
        f"assert specs_core.cli.main({arguments!r}) == 0\n"
        "assert not {'torch', 'spacy', 'openai', 'nltk'} & set(sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
