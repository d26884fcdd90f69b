"""specs-ratings report, run in place: from one CSV file, and from the store."""

import csv
import json
import re
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats
from small_study import HOSTILE

from annotations.cli import main
from annotations.scores import save_scores
from annotations.store import save_rating

QUICK = ["--resamples", "40", "--permutations", "40"]
COLUMNS = ["--human", "overall", "--metric", "specs", "--metric", "clip", "--group", "image"]
WHO = ["--item", "item", "--rater", "rater", "--system", "system", "--length", "tokens"]
SHA, OTHER = "f" * 64, "e" * 64


@pytest.fixture
def ratings(tmp_path, monkeypatch):
    """A file of ratings and scores as somebody would hand it over, a row a rating."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    heading = ["item", "image", "system", "caption", "tokens", "rater", "overall", "specs", "clip"]
    with (tmp_path / "ratings.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(heading)
        for item in range(80):
            quality = random.normal()
            scores = [round(float(score), 4) for score in quality + random.normal(size=2)]
            about = [f"i{item}", f"p{item // 2}", f"s{item % 2}", HOSTILE, int(random.integers(9, 120))]
            for rater in ("ada", "ben", "cy"):
                answer = int(np.clip(round(3 + quality + 0.5 * random.normal()), 1, 5))
                writer.writerow([*about, rater, answer, *scores])
    return tmp_path


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_report_when_given_a_csv_of_ratings_and_scores_writes_everything_with_one_command(ratings, capsys):
    assert main(["report", "ratings.csv", *COLUMNS, *WHO, "--caption", "caption", *QUICK]) == 0
    out, err = capsys.readouterr()
    assert out == "The report is in report.html; its numbers in report.json, its captions in report.csv.\n"
    assert "specs-ratings: correlations ..." in err
    page = (ratings / "report.html").read_text(encoding="utf-8")
    assert "How far metrics agree with people" in page
    assert "alert('owned')" not in page
    assert "ada" not in re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    record = json.loads((ratings / "report.json").read_text(encoding="utf-8"))
    rows = rows_of(ratings / "ratings.csv")
    items = {row["item"]: row for row in rows}
    human = {item: np.mean([int(row["overall"]) for row in rows if row["item"] == item]) for item in items}
    for name in ("specs", "clip"):
        scores = [float(row[name]) for row in items.values()]
        expected = stats.kendalltau(list(human.values()), scores).statistic
        (found,) = [row for row in record["correlations"]["rows"] if row["name"] == name]
        assert found["chosen"]["value"] == pytest.approx(expected)
        assert found["n_items"] == 80
        assert f">{expected:.3f}<" in page
    assert record["data"]["n_raters"] == 3
    assert record["data"]["n_blind"] is None
    # Nobody knows who had seen the metric, so nothing is said of it.
    assert not record["correlations"]["counted"]["knows_blind"]
    assert "had seen the metric" not in " ".join(record["warnings"])
    assert record["lengths"]["n_items"] == 80
    assert record["battles"] is record["dips"] is None
    assert len(rows_of(ratings / "report.csv")) == 80


def test_report_when_a_file_does_not_say_who_rated_says_that_it_is_not_recorded(ratings):
    assert main(["report", "ratings.csv", *COLUMNS, "--item", "item", *QUICK]) == 0
    record = json.loads((ratings / "report.json").read_text(encoding="utf-8"))
    assert record["data"]["n_raters"] is None
    assert "raters</dt><dd>not recorded" in (ratings / "report.html").read_text(encoding="utf-8")


def test_report_when_files_are_there_refuses_before_it_computes_and_leaves_them_alone(ratings, capsys):
    (ratings / "report.json").write_text("mine")
    assert main(["report", "ratings.csv", *COLUMNS, *QUICK]) == 2
    assert "report.json exists already; choose another name after -o, or write over it with --force" in (
        capsys.readouterr().err
    )
    assert not (ratings / "report.html").exists()
    assert (ratings / "report.json").read_text() == "mine"
    assert main(["report", "ratings.csv", *COLUMNS, *QUICK, "--force"]) == 0
    assert (ratings / "report.json").read_text().startswith("{")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["ratings.csv", "-o", "ratings.html", *COLUMNS, "--force"], "ratings.csv is the file that is read"),
        (["ratings.csv", "-o", "report.txt", *COLUMNS], "name a file that ends in .html"),
        (["ratings.csv", "-o", "no/report.html", *COLUMNS], "there is no folder no"),
        (["ratings.csv", "--human", "overall", "--metric", "specs"], "needs --group COLUMN"),
        (["ratings.csv", *COLUMNS, "--campaign", "pilot"], "--campaign is for reports from the store"),
        (["ratings.csv", *COLUMNS, "--blind-only"], "--blind-only is for reports from the store"),
        (["ratings.csv", *COLUMNS, "--metric", "bleu"], "no column 'bleu'"),
        (["ratings.csv", *COLUMNS, "--rater", "rater", "--rater", "item"], "--rater names one column"),
        (["ratings.csv", *COLUMNS, "--seed", "-1"], "--seed must be at least 0; got -1"),
        (["ratings.csv", *COLUMNS, "--resamples", "-1"], "n_resamples must be at least 0"),
        (["nothing.csv", *COLUMNS], "nothing.csv"),
        (["ratings.csv", *COLUMNS, "--shortest", "0"], "--shortest is for reports from the store"),
        (["--longest", "nan"], "--longest is a number of tokens; got nan"),
        (["--group", "image"], "--group names a column, and there is no file"),
        (["--metric", "specs", "--metric", "clip"], "one --metric is drawn"),
        (["--database", "sqlite:///none.sqlite3"], "none.sqlite3"),
    ],
)
def test_report_when_asked_for_what_cannot_be_says_why_in_one_line_and_writes_nothing(
    ratings, capsys, arguments, told
):
    before = {path.name for path in ratings.iterdir()}
    assert (
        main(["report", *arguments, *QUICK] if "--resamples" not in arguments else ["report", *arguments])
        == 2
    )
    err = [line for line in capsys.readouterr().err.splitlines() if not line.endswith(" ...")]
    assert len(err) == 1
    assert told in err[0]
    assert {path.name for path in ratings.iterdir()} == before


@pytest.fixture
def store(engine, make_item, make_rating):
    """Thirty captions of fifteen images, rated by two people and scored by two sets of weights."""
    random = np.random.default_rng(1)
    for number in range(30):
        caption = f"Caption {number}."
        cut = [(caption, 0, len(caption))]
        item = make_item(image=number // 2, source="a" if number % 2 else "b", caption=caption, units=cut)
        quality = random.normal()
        for sha, share in ((SHA, 1.0), (OTHER, 0.5)):
            if sha == SHA or number < 20:
                curve = {"provenance": {"dtype": "float32", "device": "cpu"}, "tokens": 9, "units": []}
                save_scores(
                    engine,
                    item,
                    metric="specs",
                    model="tiny",
                    model_sha256=sha,
                    score=float(share * quality),
                    curve=curve if sha == SHA else None,
                )
        for name in ("Ada", "Bo"):
            answer = int(np.clip(round(3 + quality), 1, 5))
            save_rating(engine, make_rating(item, name, overall=answer, verdicts=("supported",)))
    return engine


def stored(database_url, tmp_path, *arguments):
    target = tmp_path / "r.html"
    code = main(["report", "--database", database_url, "-o", str(target), "--force", *QUICK, *arguments])
    assert code == 0
    return json.loads((tmp_path / "r.json").read_text(encoding="utf-8")), target.read_text(encoding="utf-8")


def test_report_when_made_from_the_store_says_of_what_and_how_it_was_scored(store, database_url, tmp_path):
    record, page = stored(database_url, tmp_path)
    assert record["question"] == "overall"
    assert record["data"]["n_items"] == 30
    assert record["provenance"]["model"]["sha256"] == SHA
    settings = record["provenance"]["settings"]
    assert settings["values"] == {"dtype": {"float32": 30}, "device": {"cpu": 30}}
    assert any("scores of 1 other set" in warning for warning in record["warnings"])
    assert "<dt>dtype</dt><dd>float32</dd>" in page
    assert "Ada" not in json.dumps(record)


def test_report_when_narrowed_is_of_what_was_chosen_and_says_so(store, database_url, tmp_path):
    record, page = stored(
        database_url, tmp_path, "--rater", "Ada", "--system", "a", "--since", "2000-01-01", "--names"
    )
    assert record["data"]["n_items"] == 15
    assert record["data"]["n_ratings"] == 15
    assert record["choice"] == {"raters": "Ada", "systems": "a", "since": "2000-01-01"}
    assert record["source"] == "all campaigns"
    assert "<dt>raters</dt><dd>Ada</dd>" in page


def test_report_when_weights_are_named_by_their_beginning_is_of_those(store, database_url, tmp_path):
    record, _ = stored(database_url, tmp_path, "--weights", OTHER[:8])
    assert record["provenance"]["model"]["sha256"] == OTHER
    assert record["provenance"]["settings"]["n_recorded"] == 0
    (specs,) = [row for row in record["correlations"]["rows"] if row["name"] == "specs"]
    assert (specs["n_items"], specs["n_missing"]) == (20, 10)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--rater", "Eve"], "there is no rater 'Eve'; there are 'Ada', 'Bo'"),
        (["--system", "c"], "there is no system 'c'; there are 'a', 'b'"),
        (["--campaign", "none"], "none"),
        (["--weights", "abcdef"], "no rated caption of this choice has a score of the weights 'abcdef'"),
        (["--weights", "f"], "'f' is too short to tell weights apart"),
        (["--question", "fluency"], "'fluency'; the questions with answers are"),
        (["--since", "yesterday"], "yesterday"),
        (["--since", "2999-01-01"], "there is nothing to report"),
    ],
)
def test_report_when_the_store_does_not_hold_what_is_asked_for_says_so(
    store, database_url, tmp_path, capsys, arguments, told
):
    target = tmp_path / "r.html"
    assert main(["report", "--database", database_url, "-o", str(target), *QUICK, *arguments]) == 2
    err = [line for line in capsys.readouterr().err.splitlines() if not line.endswith(" ...")]
    assert len(err) == 1
    assert told in err[0]
    assert not target.exists()


def test_help_when_printed_loads_nothing_heavy():
    code = (
        "import sys\n"
        "from annotations.cli import main\n"
        "try:\n    main(['report', '--help'])\n"
        "except SystemExit:\n    pass\n"
        "print(sorted({'numpy', 'scipy', 'plotly', 'sqlalchemy'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert "--metric" in done.stdout
