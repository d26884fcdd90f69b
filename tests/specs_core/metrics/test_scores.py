"""A table of scores of a data set: the numbers, what is missing, and going on after a stop."""

import csv
import json
import math
from pathlib import Path
from typing import Any

import pytest
from judge_endpoint import Answer, Asked, completion, problem, serving
from PIL import Image

from specs_core.attribution import TEMPLATE, attribute
from specs_core.batch import Message, write_scores
from specs_core.encoder import Encoder
from specs_core.errors import ConfigError, DataError, JudgeError
from specs_core.evaluation.word_evidence import ref_clip_score, word_evidence
from specs_core.images import read_image
from specs_core.judge import Judge
from specs_core.judge_settings import JudgeSettings
from specs_core.metrics import inputs
from specs_core.metrics.scores import COLUMNS, ScoresReport, write_metric_scores
from specs_core.metrics.table import GROUPS, METRICS, chosen
from specs_core.scoring import clip_score, cosine, specs_score
from specs_core.segmentation import segment

CAPTION = "A red disc, beside a blue square, stands on green ground under a pale sky."
REFERENCES = ["A red circle and a blue square on a green field.", "Shapes under a pale sky."]
EVERYTHING = [name for name in METRICS if name not in ("meteor", "judge_fleur", "judge_clair")]


@pytest.fixture
def folder(tmp_path: Path, drawn_image: Path) -> Path:
    """A data set's folder with three images."""
    (tmp_path / "a.png").write_bytes(drawn_image.read_bytes())
    for name, colour in (("b", "red"), ("c", "navy")):
        Image.linear_gradient("L").convert("RGB").save(tmp_path / f"{name}.png")
        image = Image.new("RGB", (70, 70), "white")
        image.paste(colour, (10, 20, 50, 60))
        image.save(tmp_path / f"{name}.png")
    return tmp_path


def row(name: Any, *, image: str = "a.png", caption: str = CAPTION, **more: Any) -> str:
    return json.dumps({"id": name, "image": image, "caption": caption, **more})


def fill(folder: Path, *lines: str) -> Path:
    (folder / "in.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return folder / "in.jsonl"


def table(path: Path) -> dict[tuple[Any, str], dict[str, Any]]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    found = {(each["id"], each["metric"]): each for each in rows}
    assert len(found) == len(rows)
    return found


def scored(folder: Path, names: list[str], **options: Any) -> dict[tuple[Any, str], Any]:
    write_metric_scores(folder / "in.jsonl", folder / "out.jsonl", names, **options)
    return {key: each["score"] for key, each in table(folder / "out.jsonl").items()}


def test_every_metric_gives_each_row_one_line_with_a_score_in_its_range(
    folder: Path, tiny_encoder: Encoder
) -> None:
    images = ["a.png", "b.png", "c.png"]
    words = ["a dog", "a cat", "two trees"]
    source = fill(
        folder,
        *(row(n, image=images[n % 3], references=[*REFERENCES, words[n % 3]]) for n in range(40)),
    )
    report = write_metric_scores(source, folder / "out.jsonl", EVERYTHING, encoder=tiny_encoder)
    found = table(folder / "out.jsonl")
    assert report == ScoresReport(rows=40, kept=0, left_out=0, unscored={})
    assert list(found) == [(n, name) for n in range(40) for name in EVERYTHING]
    for (_, name), each in found.items():
        assert tuple(each) == COLUMNS
        assert METRICS[name].low <= each["score"] <= METRICS[name].high
        assert len(each["model_sha256"]) == 64
        assert each["model"]
        assert each["note"] is None
    assert not list(folder.glob("*.partial"))
    assert not list(folder.glob("*.progress"))


def test_scores_of_the_model_are_those_of_the_functions_they_are_named_after(
    folder: Path, tiny_encoder: Encoder
) -> None:
    source = fill(folder, row("x", references=REFERENCES))
    found = scored(
        folder,
        ["specs", "cosine", "clip_score", "ref_clip_score", "f_clip_score", "sentinels"],
        encoder=tiny_encoder,
    )
    write_scores(source, folder / "plain.jsonl", tiny_encoder)
    plain = json.loads((folder / "plain.jsonl").read_text())
    assert found["x", "specs"] == pytest.approx(plain["score"], abs=1e-6)
    assert found["x", "cosine"] == pytest.approx(plain["similarity"], abs=1e-6)
    image = tiny_encoder.image_features([read_image(folder / "a.png")])[0]
    behind = cosine(image, tiny_encoder.text_features([TEMPLATE + CAPTION])[0])
    assert found["x", "clip_score"] == pytest.approx(float(clip_score(behind)), abs=1e-6)
    assert found["x", "f_clip_score"] == pytest.approx(
        attribute(tiny_encoder, image, CAPTION).f_clip_score, abs=1e-9
    )
    evidence = word_evidence(tiny_encoder, image, CAPTION, segment(CAPTION))
    assert found["x", "ref_clip_score"] == pytest.approx(
        ref_clip_score(tiny_encoder, evidence, CAPTION, REFERENCES), abs=1e-6
    )
    assert found["x", "length_tokens"] == tiny_encoder.count_tokens(CAPTION)
    assert found["x", "unit_count"] == len(segment(CAPTION))
    assert inputs.TEMPLATE == TEMPLATE


def test_text_only_is_specs_with_another_image_whatever_the_order_of_the_rows(
    folder: Path, tiny_encoder: Encoder
) -> None:
    lines = [row(name, image=f"{name}.png") for name in "abc"]
    fill(folder, *lines)
    found = scored(folder, ["text_only", "specs"], encoder=tiny_encoder)
    features = {name: tiny_encoder.image_features([read_image(folder / f"{name}.png")])[0] for name in "abc"}
    text = tiny_encoder.text_features([CAPTION])[0]
    score = {name: float(specs_score(cosine(features[name], text))) for name in "abc"}
    partners = {
        name: [other for other in "abc" if found[name, "text_only"] == pytest.approx(score[other], abs=1e-6)]
        for name in "abc"
    }
    assert sorted(name for each in partners.values() for name in each) == list("abc")
    assert all(name not in partners[name] for name in "abc")
    fill(folder, *lines[::-1])
    again = scored(folder, ["text_only"], encoder=tiny_encoder)
    for name in "abc":
        assert again[name, "text_only"] == pytest.approx(found[name, "text_only"], abs=1e-6)


def test_text_only_passes_over_an_image_that_cannot_be_read_and_says_when_there_is_no_other(
    folder: Path, tiny_encoder: Encoder
) -> None:
    (folder / "b.png").write_text("no image")
    fill(folder, row(1), row(2, image="b.png"), row(3, image="gone.png"), row(4, image="c.png"))
    write_metric_scores(folder / "in.jsonl", folder / "out.jsonl", ["text_only"], encoder=tiny_encoder)
    found = table(folder / "out.jsonl")
    assert [found[n, "text_only"]["score"] is None for n in (1, 2, 3, 4)] == [False, False, True, False]
    (folder / "c.png").unlink()
    write_metric_scores(folder / "in.jsonl", folder / "out.jsonl", ["text_only"], encoder=tiny_encoder)
    assert table(folder / "out.jsonl")[1, "text_only"]["note"] == "no other image of the set can be read"


def test_a_caption_beyond_the_context_is_scored_as_far_as_whole_units_fit_and_says_so(
    folder: Path, tiny_encoder: Encoder
) -> None:
    long = " ".join([CAPTION] * 20)
    source = fill(folder, row("long", caption=long, references=REFERENCES), row("word", caption="dog" * 1000))
    told: list[Message] = []
    names = ["specs", "clip_score", "ref_clip_score", "f_clip_score", "length_tokens", "unit_count"]
    report = write_metric_scores(
        source, folder / "out.jsonl", names, encoder=tiny_encoder, on_message=told.append
    )
    found = table(folder / "out.jsonl")
    write_scores(source, folder / "plain.jsonl", tiny_encoder)
    plain = json.loads((folder / "plain.jsonl").read_text().splitlines()[0])
    assert found["long", "specs"]["score"] == pytest.approx(plain["score"], abs=1e-6)
    for name in ("specs", "clip_score", "ref_clip_score", "f_clip_score"):
        assert found["long", name]["score"] is not None
        assert "the others lie beyond the model's 248 tokens" in found["long", name]["note"]
        assert found["word", name]["score"] is None
    assert found["long", "length_tokens"]["score"] == tiny_encoder.count_tokens(long) > 248
    assert report.unscored == dict.fromkeys(names[:4], 1)
    assert [message.left_out for message in told if message.id == "long"] == [False]


def test_a_caption_that_fits_alone_but_not_behind_the_prompt_is_cut_for_clip_score_only(
    folder: Path, tiny_encoder: Encoder
) -> None:
    caption = "A big red round disc lies here." + " Here a dog." * 59
    assert tiny_encoder.count_tokens(caption) <= 248 < tiny_encoder.count_tokens(TEMPLATE + caption)
    fill(folder, row(1, caption=caption))
    write_metric_scores(
        folder / "in.jsonl", folder / "out.jsonl", ["specs", "clip_score"], encoder=tiny_encoder
    )
    found = table(folder / "out.jsonl")
    assert found[1, "specs"]["note"] is None
    assert "scored up to unit" in found[1, "clip_score"]["note"]


def test_references_that_do_not_fit_the_context_are_passed_over_and_counted(
    folder: Path, tiny_encoder: Encoder
) -> None:
    long = " ".join([CAPTION] * 20)
    fill(folder, row("some", references=[long, *REFERENCES]), row("none", references=[long]))
    write_metric_scores(folder / "in.jsonl", folder / "out.jsonl", ["ref_clip_score"], encoder=tiny_encoder)
    found = table(folder / "out.jsonl")
    assert found["some", "ref_clip_score"]["note"] == "1 of 3 references do not fit the context"
    assert found["none", "ref_clip_score"]["score"] is None
    fill(folder, row("some", references=REFERENCES))
    fewer = scored(folder, ["ref_clip_score"], encoder=tiny_encoder)
    assert found["some", "ref_clip_score"]["score"] == pytest.approx(
        fewer["some", "ref_clip_score"], abs=1e-6
    )


def test_a_row_without_image_or_references_has_null_and_a_reason_where_they_are_needed(
    folder: Path, tiny_encoder: Encoder
) -> None:
    source = fill(folder, row("gone", image="gone.png", references="A red circle."), row("alone"))
    report = write_metric_scores(
        source, folder / "out.jsonl", ["specs", "ref_clip_score", "chrf", "random"], encoder=tiny_encoder
    )
    found = table(folder / "out.jsonl")
    assert report == ScoresReport(2, 0, 0, {"specs": 1, "ref_clip_score": 2, "chrf": 1})
    assert "gone.png cannot be read" in found["gone", "specs"]["note"]
    assert "gone.png cannot be read" in found["gone", "ref_clip_score"]["note"]
    assert found["gone", "chrf"]["score"] > 0
    assert found["alone", "chrf"] | {"score": 0} == found["alone", "chrf"] | {
        "score": 0,
        "note": "no references",
    }
    assert found["alone", "specs"]["score"] is not None
    assert found["alone", "random"]["score"] is not None


def test_bad_lines_and_ids_that_come_again_are_left_out_and_told(folder: Path) -> None:
    source = fill(
        folder,
        row("a", references=["one"]),
        "{",
        row("a", caption="Another.", references=["two"]),
        row(1, references=3),
        row("1", references=["a", 2]),
        "",
        row(1),
        row("1"),
        json.dumps({"id": "half", "image": "a.png", "caption": "A.", "references": ["\ud800"]}),
    )
    told: list[Message] = []
    report = write_metric_scores(source, folder / "out.jsonl", ["random"], on_message=told.append)
    assert list(table(folder / "out.jsonl")) == [("a", "random"), (1, "random"), ("1", "random")]
    assert (report.rows, report.left_out) == (3, 5)
    assert [message.number for message in told] == [2, 3, 4, 5, 9]
    assert str(told[1]) == "line 3, id 'a': line 1 has the same id; ids name one item"
    assert str(told[2]) == "line 4, id 1: its references are neither a string nor a list of strings"
    assert "references" in told[4].text


def test_cider_weighs_n_grams_by_the_references_of_the_whole_data_set(folder: Path) -> None:
    fill(folder, row(1, caption="red car", references=["red car"]), row(2, references=["blue dog"]))
    assert scored(folder, ["cider_d"])[1, "cider_d"] == pytest.approx(5)
    first = table(folder / "out.jsonl")[1, "cider_d"]["model_sha256"]
    fill(folder, row(1, caption="red car", references=["red car"]), row(2, references=["a red dog"]))
    found = scored(folder, ["cider_d"])
    assert found[1, "cider_d"] != pytest.approx(5) or found[2, "cider_d"] is not None
    assert table(folder / "out.jsonl")[1, "cider_d"]["model_sha256"] != first
    fill(folder, row(1, references=["red car"]), row(2, references=["red car"]))
    assert scored(folder, ["cider_d"])[1, "cider_d"] is None
    assert "only one set of references" in table(folder / "out.jsonl")[1, "cider_d"]["note"]


def test_csv_holds_the_same_and_no_cell_that_a_spreadsheet_would_run(folder: Path) -> None:
    source = fill(folder, row("=1+1", references=REFERENCES), row('comma, "quote"\nline'), row("é"))
    write_metric_scores(source, folder / "out.jsonl", ["random", "chrf"])
    write_metric_scores(source, folder / "out.csv", ["random", "chrf"])
    with (folder / "out.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    expected = table(folder / "out.jsonl")
    assert [each["id"] for each in rows[::2]] == ["'=1+1", 'comma, "quote"\nline', "é"]
    for each, (_, json_row) in zip(rows, expected.items(), strict=True):
        assert tuple(each) == COLUMNS
        assert each["score"] == ("" if json_row["score"] is None else str(json_row["score"]))
        assert each["note"] == (json_row["note"] or "")


@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
def test_a_run_that_was_stopped_goes_on_where_it_was_and_ends_with_the_same_table(
    folder: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    source = fill(folder, *(row(n, references=[f"{n} cars"]) for n in range(100)), "{", row(5))
    names = ["random", "chrf", "cider_d"]
    whole = write_metric_scores(source, folder / f"whole{suffix}", names)
    target = folder / f"out{suffix}"
    done: list[int] = []

    def stop() -> None:
        done.append(1)
        if len(done) == 70:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_metric_scores(source, target, names, on_row=stop)
    assert not target.exists()
    with (folder / f"out{suffix}.partial").open("a") as file:
        file.write("half a li")
    steps: list[int] = []
    report = write_metric_scores(source, target, names, on_row=lambda: steps.append(1))
    assert target.read_bytes() == (folder / f"whole{suffix}").read_bytes()
    assert (report.rows, report.left_out, report.unscored) == (whole.rows, whole.left_out, whole.unscored)
    assert report.kept == 96
    assert len(steps) == 102


@pytest.mark.parametrize("change", ["seed", "metrics", "input"])
def test_a_stopped_run_does_not_go_on_with_other_settings(folder: Path, change: str) -> None:
    lines = [row(n) for n in range(70)]
    source = fill(folder, *lines)

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_metric_scores(source, folder / "out.jsonl", ["random"], on_row=stop)
    if change == "input":
        fill(folder, *lines[::-1])
    with pytest.raises(DataError, match=r"out\.jsonl\.progress belongs to a run with other settings; delete"):
        write_metric_scores(
            source,
            folder / "out.jsonl",
            ["random", "unit_count"] if change == "metrics" else ["random"],
            seed=int(change == "seed"),
        )


def test_a_judge_that_stops_answering_leaves_a_run_that_can_go_on(folder: Path) -> None:
    source = fill(folder, *(row(n, caption=f"{n} discs.", references=REFERENCES) for n in range(40)))
    answers = [completion('{"score": 50, "reason": "Half."}')] * 34
    with serving(*answers, problem(503, "down")) as endpoint:
        settings = JudgeSettings(endpoint.url, "m", attempts=1, workers=1, cache=folder / "answers")
        judge = Judge(settings, sleep=lambda seconds: None)
        with pytest.raises(JudgeError, match="3 times in a row"):
            write_metric_scores(source, folder / "out.jsonl", ["judge_clair", "random"], judge=judge)
        assert len(endpoint.asked) == 37
    with serving(completion('{"score": 50, "reason": "Half."}')) as endpoint:
        judge = Judge(JudgeSettings(endpoint.url, "m", cache=folder / "answers"))
        report = write_metric_scores(source, folder / "out.jsonl", ["judge_clair", "random"], judge=judge)
    found = table(folder / "out.jsonl")
    assert report == ScoresReport(rows=40, kept=32, left_out=0, unscored={})
    assert {found[n, "judge_clair"]["score"] for n in range(40)} == {0.5}
    assert found[39, "judge_clair"]["note"] == "Half."
    assert found[39, "judge_clair"]["model"] == "m, prompt clair-1"


def test_a_judge_is_asked_about_rows_with_an_image_or_references_only(folder: Path) -> None:
    fill(folder, row(1, references=REFERENCES), row(2, image="gone.png"))

    def answer(asked: Asked) -> Answer:
        return completion("0.5" if "logprobs" in asked.body else '{"score": 7}')

    with serving(answer) as endpoint:
        judge = Judge(JudgeSettings(endpoint.url, "m"))
        found = scored(folder, ["judge_fleur", "judge_clair"], judge=judge)
        assert len(endpoint.asked) == 2
    assert list(found.values()) == [0.5, 0.07, None, None]
    notes = [each["note"] for each in table(folder / "out.jsonl").values()]
    assert "gone.png cannot be read" in notes[2]
    assert notes[3] == "no references"


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["specs", "blue"], r"there is no metric 'blue'; known are specs, "),
        ([], "name at least one metric"),
        (["specs"], "metric specs needs a model; name it with --model"),
        (["bleu_4"], "metric bleu_4 needs references, and none of the 1 rows"),
        (["judge_fleur"], "metric judge_fleur needs a judge: set SPECS_JUDGE_URL"),
    ],
)
def test_a_metric_that_lacks_something_is_refused_before_anything_is_written(
    folder: Path, names: list[str], message: str
) -> None:
    source = fill(folder, row(1))
    with pytest.raises(ConfigError, match=message):
        write_metric_scores(source, folder / "out.jsonl", names)
    assert sorted(path.name for path in folder.iterdir()) == ["a.png", "b.png", "c.png", "in.jsonl"]


def test_meteor_without_wordnet_names_the_other_one(folder: Path) -> None:
    source = fill(folder, row(1, references=REFERENCES))
    with pytest.raises(ConfigError, match=r"SPECS_WORDNET, or take meteor_stem"):
        write_metric_scores(source, folder / "out.jsonl", ["meteor"])


def test_output_of_another_kind_and_the_input_itself_are_refused(folder: Path) -> None:
    source = fill(folder, row(1))
    with pytest.raises(ConfigError, match=r"out\.txt ends in neither \.jsonl nor \.csv"):
        write_metric_scores(source, folder / "out.txt", ["random"])
    with pytest.raises(DataError, match="is the input as well"):
        write_metric_scores(source, source, ["random"])
    with pytest.raises(DataError, match=r"gone\.jsonl cannot be read"):
        write_metric_scores(folder / "gone.jsonl", folder / "out.jsonl", ["random"])
    assert source.read_text() == row(1)


def test_groups_stand_for_their_metrics_once_and_sentinels_mean_nothing_by_themselves() -> None:
    names = [metric.name for metric in chosen(["random", "sentinels", "overlap", "chrf"])]
    assert names == ["random", "length_tokens", "unit_count", "text_only", *GROUPS["overlap"]]
    neither = {name for name, metric in METRICS.items() if metric.better == "neither"}
    assert neither == set(GROUPS["sentinels"])
    assert all(not math.isnan(metric.low) and metric.low < metric.high for metric in METRICS.values())
    assert all(name == metric.name and len(name) <= 60 for name, metric in METRICS.items())
