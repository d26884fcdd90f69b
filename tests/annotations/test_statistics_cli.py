"""specs-ratings correlate, run in place on files."""

import json
import math

import numpy as np
import pytest

from annotations.cli import main
from annotations.correlation_levels import correlate_levels
from annotations.correlation_report import without_nan

COLUMNS = ["--human", "human", "--metric", "clip", "--group", "image"]


@pytest.fixture
def written(tmp_path):
    def write(rows, heading="item,image,system,human,clip,specs,tokens"):
        path = tmp_path / "scores.csv"
        text = "\n".join([heading, *(",".join(map(str, row)) for row in rows)])
        path.write_text(text + "\n", encoding="utf-8")
        return str(path)

    return write


def table(n=80):
    generator = np.random.default_rng(0)
    quality = generator.normal(size=n)
    human = np.clip(np.round(3 + quality), 1, 5)
    clip, specs = quality + generator.normal(size=(2, n))
    tokens = generator.integers(10, 110, n)
    return [
        (f"i{row}", f"p{row // 4}", f"s{row % 4}", human[row], clip[row], specs[row], tokens[row])
        for row in range(n)
    ]


def printed(arguments, capsys):
    assert main(["correlate", *arguments]) == 0
    return json.loads(capsys.readouterr().out)


def test_correlate_prints_what_the_function_returns(written, capsys):
    rows = table()
    report = printed(
        [written(rows), *COLUMNS, "--system", "system", "--json", "--resamples", "60", "--seed", "3"], capsys
    )
    _, images, systems, human, clip, _, _ = zip(*rows, strict=True)
    expected = correlate_levels(human, clip, groups=images, systems=systems, n_resamples=60, seed=3)
    for name, levels in expected.values.items():
        assert report["metrics"]["clip"][name] == without_nan(levels)
    found = report["metrics"]["clip"]
    assert found["kendall_tau_b"]["per_image"]["policy"] == "drop"
    assert found["kendall_tau_b"]["per_image_zero"]["policy"] == "zero"
    assert (report["n_rows"], report["n_items"], report["seed"], report["n_resamples"]) == (80, 80, 3, 60)
    assert (found["n_images"], found["n_systems"]) == (20, 4)
    assert any("20 images are few" in warning for warning in found["warnings"])
    assert "tests" not in report
    assert "length" not in report


def test_correlate_says_where_a_square_hides_that_a_metric_goes_against_people(written, capsys):
    rows = [(*row[:4], -row[4], *row[5:]) for row in table()]
    arguments = [written(rows), *COLUMNS, "--metric", "specs", "--resamples", "0", "--permutations", "9"]
    found = printed([*arguments, "--json"], capsys)["metrics"]
    assert found["clip"]["pearson_r"]["pooled"]["value"] < 0 < found["specs"]["pearson_r"]["pooled"]["value"]
    told = "inverse_r_squared does not tell the sign: pearson_r is -0."
    assert [told in " ".join(found[name]["warnings"]) for name in ("clip", "specs")] == [True, False]
    assert main(["correlate", *arguments]) == 0
    assert capsys.readouterr().out.count(f"note: {told}") == 1


def test_correlate_keeps_rows_without_a_system_and_leaves_them_out_of_the_levels_of_systems(written, capsys):
    rows = [(*row[:2], "" if n % 16 == 5 else row[2], *row[3:]) for n, row in enumerate(table())]
    arguments = [written(rows), *COLUMNS, "--system", "system", "--resamples", "60"]
    found = printed([*arguments, "--json"], capsys)["metrics"]["clip"]
    known = [row for row in rows if row[2]]
    assert len(known) == 75

    def expected(rows, systems):
        _, images, names, human, clip, _, _ = zip(*rows, strict=True)
        names = names if systems else None
        return correlate_levels(human, clip, groups=images, systems=names, n_resamples=60).values

    for name, levels in expected(rows, False).items():
        of_systems = {
            level: value for level, value in expected(known, True)[name].items() if "system" in level
        }
        assert found[name] == without_nan({**levels, **of_systems})
    assert (found["n_items"], found["n_systems"], found["n_without_system"]) == (80, 4, 5)
    told = "5 of 80 items do not name the system that wrote them; they are left out of the values per system"
    assert any(told in warning for warning in found["warnings"])
    assert main(["correlate", *arguments]) == 0
    assert f"note: {told}" in capsys.readouterr().out


def test_correlate_where_no_row_names_a_system_has_the_levels_over_images(written, capsys):
    rows = [(*row[:2], "", *row[3:]) for row in table()]
    arguments = [written(rows), *COLUMNS, "--system", "system", "--resamples", "0", "--json"]
    found = printed(arguments, capsys)["metrics"]["clip"]
    assert set(found["pearson_r"]) == {"pooled", "per_image", "per_image_zero"}
    assert (found["n_systems"], found["n_without_system"]) == (0, 80)


def test_correlate_takes_the_system_of_an_item_from_any_of_its_rows(written, capsys):
    rows = [(f"i{n // 2}", f"p{n // 8}", f"s{n // 2 % 4}" if n % 2 else "", *row[3:])
            for n, row in enumerate(table())]  # fmt: skip
    arguments = [*COLUMNS, "--item", "item", "--system", "system", "--resamples", "0"]
    found = printed([written(rows), *arguments, "--json"], capsys)["metrics"]["clip"]
    assert (found["n_items"], found["n_systems"], found["n_without_system"]) == (40, 4, 0)
    assert main(["correlate", written([*rows, ("i0", "p0", "s1", 3, 0, 0, 9)]), *arguments]) == 2
    assert "item 'i0' stands under the systems 's0' and 's1'" in capsys.readouterr().err


def test_correlate_averages_the_rows_of_an_item(written, capsys):
    rows = [
        ("x", "p", "s", 1, 0.5, 1, 9), ("y", "p", "s", 3, 0.2, 1, 9), ("x", "p", "s", 2, 0.5, 1, 9),
        ("z", "q", "s", "", 0.9, 1, 9), ("z", "q", "s", 5, 0.7, 1, 9), ("w", "q", "s", "nan", 0.1, 1, 9),
    ]  # fmt: skip
    report = printed([written(rows), *COLUMNS, "--item", "item", "--json"], capsys)
    expected = correlate_levels([1.5, 3, 5, math.nan], [0.5, 0.2, 0.8, 0.1], groups=["p", "p", "q", "q"])
    assert report["metrics"]["clip"]["pearson_r"] == without_nan(expected.values["pearson_r"])
    assert (report["n_rows"], report["n_items"], report["metrics"]["clip"]["n_missing"]) == (6, 4, 1)


def test_correlate_of_several_metrics_and_lengths_prints_tests_buckets_and_the_advice(written, capsys):
    arguments = [
        written(table()), *COLUMNS, "--metric", "specs", "--length", "tokens", "--edges", "40,70",
        "--short", "clip", "--long", "specs", "--resamples", "50", "--permutations", "60", "--json",
    ]  # fmt: skip
    report = printed(arguments, capsys)
    tests = report["tests"]
    assert set(tests["clusters"]) == {"clip", "specs"}
    assert 0 < tests["comparisons"][0]["p"] <= tests["comparisons"][0]["adjusted_p"] <= 1
    assert "Besag and Clifford" in tests["stopping_rule"]
    assert (tests["williams"], tests["no_williams"]) == (
        [],
        "Williams' test holds for one pooled pearson_r, not for kendall_tau_b at level pooled",
    )
    length = report["length"]
    assert [bucket["high"] for bucket in length["buckets"]] == [40, 70, None]
    assert set(length["partial"]["specs"]) == {"pearson_r", "spearman_rho"}
    assert length["recommendation"]["boundary"] == 60
    assert length["recommendation"]["verdict"] in ("borne out", "contradicted", "undecided")


@pytest.mark.parametrize(
    ("test", "images", "sentence"),
    [
        ("kendall_tau_b", 80, "Williams' test holds for one pooled pearson_r, not for kendall_tau_b"),
        ("pearson_r", 20, "Williams' test wants independent items, and 65 items share 20 images: use the"),
        ("pearson_r", 80, ""),
    ],
)
def test_correlate_gives_williams_test_where_it_holds_and_says_once_why_not(
    written, capsys, test, images, sentence
):
    # The metrics have scored 80, 75, 70 and 65 items, so two have not always as many in common.
    rows = []
    for n, row in enumerate(table()):
        scores = ("" if n < 5 * at else row[4] + at * row[5] for at in range(4))
        rows.append((f"i{n}", f"p{n % images}", row[3], *scores))
    path = written(rows, heading="item,image,human,m0,m1,m2,m3")
    metrics = [word for at in range(4) for word in ("--metric", f"m{at}")]
    arguments = [path, "--human", "human", *metrics, "--group", "image", "--test", test]
    arguments += ["--resamples", "0", "--permutations", "9"]
    found = printed([*arguments, "--json"], capsys)["tests"]
    assert main(["correlate", *arguments]) == 0
    text = capsys.readouterr().out
    assert sentence in found["no_williams"]
    assert bool(sentence) == bool(found["no_williams"])
    if sentence:
        assert found["williams"] == []
        assert text.count("Williams") == 1
        assert f"  {sentence}" in text
    else:
        assert [pair["n"] for pair in found["williams"]] == [75, 70, 65, 70, 65, 65]
        assert text.count("  Williams, m") == 6


def test_correlate_says_williams_refusal_of_one_metric_beside_the_tests_of_the_others(written, capsys):
    rows = [(f"i{n}", f"p{n}", *row[2:5], 1, 2 * row[4]) for n, row in enumerate(table())]
    arguments = [written(rows), *COLUMNS, "--metric", "specs", "--metric", "tokens", "--test", "pearson_r"]
    found = printed([*arguments, "--resamples", "0", "--permutations", "9", "--json"], capsys)["tests"]
    assert [pair["refused"] for pair in found["williams"]] == [
        "all metric scores are equal",
        "the two metrics are the same but for scale",
        "all metric scores are equal",
    ]


def test_correlate_warns_of_figures_by_length_over_few_images(written, capsys):
    # 40 images with one caption each; 12 captions below 40 tokens, none above 500.
    rows = [(f"i{n}", f"p{n}", *row[2:6], 20 if n < 12 else 80) for n, row in enumerate(table(44))]
    rows = [(*row[:3], "" if n < 4 else row[3], *row[4:]) for n, row in enumerate(rows)]
    arguments = [
        written(rows), *COLUMNS, "--metric", "specs", "--length", "tokens", "--edges", "40,500",
        "--short", "clip", "--long", "specs", "--resamples", "50", "--permutations", "9",
    ]  # fmt: skip
    length = printed([*arguments, "--json"], capsys)["length"]
    few = "8 images are few: intervals by bootstrap over images want 30 or more"
    assert length["warnings"] == [f"from 0 tokens below 40: {few}", f"the advice, below 60 tokens: {few}"]
    assert [bucket["n_groups"] for bucket in length["buckets"]] == [8, 32, 0]
    assert main(["correlate", *arguments]) == 0
    text = capsys.readouterr().out
    assert [line for line in text.splitlines() if "are few" in line] == [
        f"  note: {warning}" for warning in length["warnings"]
    ]
    half = [(*row[:2], *row[2:6], 80) for row in rows[20:]]
    arguments[0] = written(half)
    assert printed([*arguments, "--json"], capsys)["length"]["warnings"] == [
        f"{place}: 24 images are few: intervals by bootstrap over images want 30 or more"
        for place in (
            "from 40 tokens below 500", "with length partialled out, clip",
            "with length partialled out, specs", "the advice, from 60 tokens on",
        )
    ]  # fmt: skip


def test_correlate_prints_images_and_policy_of_figures_by_length_and_why_no_advice_is_weighed(
    written, capsys
):
    arguments = [
        written(table(118)), *COLUMNS, "--metric", "specs", "--length", "tokens",
        "--short", "clip", "--long", "specs", "--resamples", "0", "--permutations", "9",
    ]  # fmt: skip
    length = printed([*arguments, "--json"], capsys)["length"]
    advice = length["recommendation"]
    figures = [advice["below"], advice["above"], advice["change"]]
    figures += [value for of in length["partial"].values() for value in of.values()]
    for bucket in length["buckets"]:
        figures += [value for of in bucket["coefficients"].values() for value in of.values()]
    assert len(figures) == 3 + 4 + 4 * 6
    assert all(figure["policy"] == "none" and 0 < figure["n_groups"] <= 30 for figure in figures)
    assert (advice["change"]["n"], advice["change"]["n_groups"]) == (118, 30)
    assert advice["verdict"] == "not weighed"
    assert main(["correlate", *arguments]) == 0
    text = capsys.readouterr().out
    assert "from there on: not weighed, because no resamples were drawn (--resamples)" in text
    assert "n=118 in 30  no resamples drawn" in text


def test_correlate_without_json_prints_a_table_with_every_coefficient_its_n_and_interval(written, capsys):
    arguments = [written(table()), *COLUMNS, "--metric", "specs", "--length", "tokens", "--system", "system"]
    assert main(["correlate", *arguments, "--resamples", "50", "--permutations", "50"]) == 0
    text = capsys.readouterr().out
    for word in (
        *("pooled", "per_image_zero", "between_systems", "inverse_r_squared", "pairwise_accuracy"),
        *("tie threshold", "n=80 in 20", "after Holm", "Williams", "with length partialled out"),
    ):
        assert word in text
    assert "nan" not in text.lower()


def test_correlate_of_constant_scores_prints_null_and_the_reason(written, capsys):
    rows = [(f"i{row}", f"p{row}", "s", 3, row, row, 9) for row in range(5)]
    report = printed([written(rows), *COLUMNS, "--json"], capsys)
    value = report["metrics"]["clip"]["pearson_r"]["pooled"]
    assert (value["value"], value["low"], value["n"]) == (None, None, 5)
    assert value["note"] == "all human scores are equal"
    assert main(["correlate", written(rows), *COLUMNS]) == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--metric", "specks"], "no column 'specks'; its columns are item, image, system, human, clip"),
        (["--metric", "clip"], "--metric clip is given more than once"),
        (["--short", "clip"], "--short and --long go together"),
        (["--short", "clip", "--long", "specs"], "need --length"),
        (["--length", "tokens", "--edges", "a,b"], "--edges must be numbers with commas between; got 'a,b'"),
        (["--length", "tokens", "--edges", "9,3"], "must be finite and grow"),
        (["--length", "tokens", "--short", "clip", "--long", "rouge"], "'rouge' is none of the metrics"),
        (["--resamples", "-1"], "got -1"),
        (["--confidence", "2"], "2.0"),
        (["--seed", "-1"], "--seed must be at least 0"),
        (["--metric", "specs", "--permutations", "0"], "n_permutations must be at least 1; got 0"),
        (["--item", "system"], "item 's0' stands under the images 'p0' and 'p1'"),
    ],
)
def test_correlate_of_what_will_not_do_says_so_in_one_sentence(written, capsys, arguments, sentence):
    assert main(["correlate", written(table(12)), *COLUMNS, *arguments]) == 2
    shown = capsys.readouterr()
    assert sentence in shown.err
    assert shown.err.count("\n") == 1
    assert shown.out == ""


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([("i", "p", "s", "good", 1, 1, 9)], "line 2: the column 'human' holds 'good'; it must be a finite"),
        ([("i", "", "s", 1, 1, 1, 9)], "line 2: the column 'image' holds ''; it must be filled in"),
        ([], "nothing to compute"),
    ],
)
def test_correlate_of_a_bad_file_names_the_line(written, capsys, rows, sentence):
    assert main(["correlate", written(rows), *COLUMNS]) == 2
    assert sentence in capsys.readouterr().err


def test_correlate_of_a_file_that_is_not_there_says_so(tmp_path, capsys):
    assert main(["correlate", str(tmp_path / "nowhere.csv"), *COLUMNS]) == 2
    assert "nowhere.csv" in capsys.readouterr().err
