"""specs-ratings rank and agree, run in place on files."""

import json

import pytest

from annotations.agreement import krippendorff_alpha
from annotations.cli import main
from annotations.kappa import kappa_matrix
from annotations.leave_one_out import leave_one_out
from annotations.ranking import rank_systems

BATTLES = [
    *[("x", "y", "a", "1"), ("y", "z", "A", "5"), ("x", "z", "tie", "2"), ("z", "x", "b", "2")],
    *[("y", "x", "a", "3"), ("z", "y", "a", "3"), ("z", "x", "", "4"), ("x", "y", "a", "4")],
]


@pytest.fixture
def written(tmp_path):
    def write(*lines):
        path = tmp_path / "file.csv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return str(path)

    return write


def battles(written, columns="a,b,winner,image"):
    return written(columns, *(" ,".join(row[: len(columns.split(","))]) for row in BATTLES))


def printed(arguments, capsys):
    assert main(arguments) == 0
    return json.loads(capsys.readouterr().out)


def test_rank_prints_what_the_function_returns(written, capsys):
    record = printed(["rank", battles(written), "--json", "--resamples", "50", "--seed", "3"], capsys)
    first, second, winners, images = zip(*BATTLES, strict=True)
    expected = rank_systems(
        first,
        second,
        [winner.lower() or None for winner in winners],
        groups=images,
        n_resamples=50,
        seed=3,
    )
    assert [row["system"] for row in record["systems"]] == list(expected.systems)
    for row, system in zip(record["systems"], expected.systems.values(), strict=True):
        assert row["strength"]["value"] == system.strength.value
        assert row["strength"]["low"] == system.strength.low
        assert (row["wins"], row["cluster"]) == (system.wins, system.cluster)
    assert (record["n_battles"], record["n_ties"], record["n_unanswered"]) == (7, 1, 1)
    assert (record["n_groups"], record["seed"], record["metrics"]) == (5, 3, {})


def test_rank_without_images_and_resamples_prints_null_for_what_is_not_there(written, capsys):
    record = printed(["rank", battles(written, "a,b,winner"), "--json", "--resamples", "0"], capsys)
    assert record["systems"][0]["strength"]["low"] is None
    assert record["systems"][0]["strength"]["note"] == "no resamples drawn"
    assert record["systems"][0]["cluster"] is None
    assert "as if they were independent" in record["note"]


def test_rank_holds_metrics_against_the_battles(written, capsys):
    lines = [f"{','.join(row)},{0.3 + 0.1 * n},0.4" for n, row in enumerate(BATTLES)]
    path = written("a,b,winner,image,clip_a,clip_b", *lines)
    record = printed(["rank", path, "--metric", "clip", "--json", "--resamples", "20"], capsys)
    # a, A, b, a, a, a are won by: 0.3 against 0.4 wrong, a tie one half, wrong, right, right, right.
    accuracy = record["metrics"]["clip"]["accuracy"]
    assert (accuracy["value"], accuracy["n"]) == (pytest.approx(3.5 / 6), 6)
    assert main(["rank", path, "--metric", "clip", "--resamples", "20"]) == 0
    text = capsys.readouterr().out
    assert "clip  accuracy  0.5833" in text
    assert text.startswith("7 battles, 1 ties, 5 images\n")


def ratings():
    rows = []
    for item in range(12):
        for rater in "abc":
            answer = (item + (rater == "c" and item % 3 == 0)) % 3 + 1
            rows.append((f"i{item}", rater, str(answer), f"g{item // 2}"))
    return [*rows, ("i99", "a", "", "g9")]


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval"])
def test_agree_prints_what_the_functions_return(level, written, capsys):
    path = written("item,rater,value,image", *(",".join(row) for row in ratings()))
    arguments = ["agree", path, "--item", "item", "--rater", "rater", "--value", "value", "--group", "image"]
    record = printed([*arguments, "--level", level, "--json", "--resamples", "40"], capsys)
    items, raters, texts, images = zip(*ratings(), strict=True)
    values = [(text or None) if level == "nominal" else float(text or "nan") for text in texts]
    alpha = krippendorff_alpha(items, raters, values, groups=images, level=level, n_resamples=40)
    assert (record["alpha"]["value"], record["alpha"]["high"]) == (alpha.value, alpha.high)
    assert (record["alpha"]["n_items"], record["alpha"]["n_groups"]) == (12, 6)
    kappa = kappa_matrix(items, raters, values, weights="none" if level == "nominal" else "quadratic")
    assert record["kappa"]["mean"] == kappa.mean
    assert record["kappa"]["weights"] == ("none" if level == "nominal" else "quadratic")
    assert {(pair["first"], pair["second"]): pair["value"] for pair in record["kappa"]["pairs"]} == {
        pair: of.value for pair, of in kappa.pairs.items()
    }
    others = leave_one_out(items, raters, values, groups=images, level=level, n_resamples=40)
    assert record["leave_one_out"]["human_ceiling"]["value"] == others.human_ceiling.value
    assert record["leave_one_out"]["raters"]["c"]["statistic"]["n"] == 12
    assert main([*arguments, "--level", level, "--resamples", "40"]) == 0
    assert f"Krippendorff's alpha, {level}  {alpha.value:.4f}" in capsys.readouterr().out


AGREE = ["--item", "item", "--rater", "rater", "--value", "value", "--resamples", "40", "--level", "nominal"]


@pytest.mark.parametrize(
    ("n_images", "per_image", "sentence"),
    [
        (5, 1, "5 images are few: intervals by bootstrap over images want 30 or more"),
        (29, 2, "29 images are few: intervals by bootstrap over images want 30 or more"),
        (30, 1, None),
        (1, 9, "1 image is few: intervals by bootstrap over images want 30 or more"),
    ],
)
def test_agree_warns_of_intervals_over_few_images(n_images, per_image, sentence, written, capsys):
    rows = [
        f"i{item},{rater},{(item + (rater == 'b') * (item % 4 == 0)) % 3},g{item % n_images}"
        for item in range(n_images * per_image)
        for rater in "ab"
    ]
    # Images that only one rater has seen count for nothing.
    path = written("item,rater,value,image", *rows, *(f"alone{n},a,1,alone{n}" for n in range(40)))
    expected = [sentence] if sentence else []
    assert printed(["agree", path, "--group", "image", *AGREE, "--json"], capsys)["warnings"] == expected
    assert main(["agree", path, "--group", "image", *AGREE]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if "few" in line] == expected


def test_agree_warns_of_few_items_where_there_are_no_images_and_of_raters_with_few(written, capsys):
    rows = [f"i{item},{rater},{item % 3}" for item in range(40) for rater in "ab"]
    rows += [f"i{item},c,{item % 3}" for item in range(12)]
    rows += [f"i{item},d,{item % 3}" for item in range(5)]  # so few that there is no value
    record = printed(["agree", written("item,rater,value", *rows), *AGREE, "--json"], capsys)
    assert record["warnings"] == [
        "fewer than 30 items shared with others: the intervals of c (12) are themselves uncertain"
    ]
    record = printed(["agree", written("item,rater,value", *rows[:20]), *AGREE, "--json"], capsys)
    assert record["warnings"] == ["10 items are few: intervals by bootstrap over items want 30 or more"]
    record = printed(["agree", written("item,rater,value", "x,a,1", "y,b,2"), *AGREE, "--json"], capsys)
    assert record["warnings"] == []


@pytest.mark.parametrize(("columns", "what"), [("a,b,winner,image", "5 images"), ("a,b,winner", "7 battles")])
def test_rank_warns_of_intervals_over_few_images(columns, what, written, capsys):
    path = battles(written, columns)
    record = printed(["rank", path, "--json", "--resamples", "20"], capsys)
    [warning] = record["warnings"]
    assert warning.startswith(f"{what} are few: intervals by bootstrap over ")
    assert main(["rank", path, "--resamples", "20"]) == 0
    assert warning in capsys.readouterr().out.splitlines()
    path = written("a,b,winner,image", *(f"x,y,{'ab'[n % 2]},g{n}" for n in range(30)))
    assert printed(["rank", path, "--json", "--resamples", "20"], capsys)["warnings"] == []


def test_agree_without_images_draws_items(written, capsys):
    path = written("item,rater,value", *(",".join(row[:3]) for row in ratings()))
    options = ["--item", "item", "--rater", "rater", "--value", "value", "--level", "nominal", "--json"]
    assert printed(["agree", path, *options], capsys)["alpha"]["n_groups"] == 12


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (["a,b"], "has no column 'winner'; its columns are a, b"),
        ([""], "has no column 'a'; its columns are none"),
        (["a,b,winner"], "has a heading and no rows"),
        (["a,b,winner,a", "x,y,a,z"], "has more than one column 'a'"),
        (["a,b,winner", "x,y"], "line 2: 2 cells under a heading of 3"),
        (
            ["a,b,winner", "x,y,a", "x,y,draw"],
            "line 3: the column 'winner' holds 'draw'; it must be a, b, tie",
        ),
        (["a,b,winner", "x,,a"], "line 2: the column 'b' holds ''; it must be filled in"),
        (["a,b,winner", "x,x,a"], "line 2: the column 'b' holds 'x'; it must be another system than a"),
        (["a,b,winner", "x,y,"], "none of the 1 battles has an answer"),
        (["a,b,winner", 'x,"y,a'], "is no CSV file in UTF-8"),
    ],
)
def test_rank_of_a_file_that_will_not_do_says_so_in_one_line(lines, sentence, written, capsys):
    assert main(["rank", written(*lines)]) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.startswith("specs-ratings: ")
    assert error.count("\n") == 1


def test_agree_of_text_where_numbers_are_needed_names_the_line(written, capsys):
    path = written("i,r,v", "1,a,2", "1,b,good")
    options = ["--item", "i", "--rater", "r", "--value", "v", "--level", "ordinal"]
    assert main(["agree", path, *options]) == 2
    expected = "line 3: the column 'v' holds 'good'; it must be a finite number or empty"
    assert expected in capsys.readouterr().err


def test_rank_of_no_file_and_of_bytes_says_so(tmp_path, capsys):
    assert main(["rank", str(tmp_path / "none.csv")]) == 2
    assert "there is no file " in capsys.readouterr().err
    (tmp_path / "bytes.csv").write_bytes(b"a,b\n\xff\xfe\n")
    assert main(["rank", str(tmp_path / "bytes.csv")]) == 2
    assert "is no CSV file in UTF-8" in capsys.readouterr().err
