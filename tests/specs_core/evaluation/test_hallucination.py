import csv
import json
import math
import shutil
import struct
from dataclasses import replace

import numpy as np
import pytest

from specs_core.cli import main
from specs_core.datasets.hallucinations import LabelledCaption, LeftOut
from specs_core.errors import ConfigError, DataError
from specs_core.evaluation.detection import average_precision
from specs_core.evaluation.hallucination import evaluate_hallucination, gather_evidence
from specs_core.evaluation.hallucination_figures import PROTOCOLS, Gathered, Protocol, hit, misaligned
from specs_core.evaluation.hallucination_report import SCORE_NAMES, SIGNAL_NAMES
from specs_core.evaluation.word_evidence import SIGNALS, WordEvidence
from specs_core.scenes.dataset import write_scenes
from specs_core.scenes.drawing import emoji_font_path

NAN = math.nan


# What counts as a hit, and what F-CLIPScore takes of the attributions


def of(*values, label=()):
    return np.array(values, dtype=float), np.array([number in label for number in range(len(values))])


def test_the_worst_word_hits_where_it_is_hallucinated_and_shares_with_its_equals():
    assert hit(*of(0.1, 0.9, NAN, label=[1]), "lowest", 0) == 1
    assert hit(*of(0.1, 0.9, NAN, label=[0, 2]), "lowest", 0) == 0
    assert hit(*of(0.9, 0.9, 0.9, 0.1, label=[1]), "lowest", 0) == pytest.approx(1 / 3)
    # No threshold: the worst word counts even where the image speaks for all of them.
    assert hit(*of(-3, -1, label=[1]), "lowest", 0) == 1
    assert hit(*of(NAN, NAN, label=[0]), "lowest", 0) == 0


def test_any_flagged_word_hits_where_one_is_hallucinated():
    assert hit(*of(0.1, 0.9, -1, label=[0]), "any", 0) == 1
    assert hit(*of(0.1, 0.9, -1, NAN, label=[2, 3]), "any", 0) == 0


def test_the_worst_run_hits_where_all_of_it_is_hallucinated():
    # Runs: words 0 and 1 (mean .5), word 3 (.6).
    assert hit(*of(0.1, 0.9, -1, 0.6, label=[3]), "run", 0) == 1
    assert hit(*of(0.1, 0.9, -1, 0.6, label=[0, 1]), "run", 0) == 0
    assert hit(*of(0.5, 0.9, -1, 0.6, label=[0, 1]), "run", 0) == 1
    assert hit(*of(0.5, 0.9, -1, 0.6, label=[1]), "run", 0) == 0
    assert hit(*of(-0.5, -0.9, NAN, label=[1]), "run", 0) == 0


def test_misaligned_attributions_are_taken_as_each_rule_has_them():
    values = np.array([-0.2, -0.4, 0.3, -0.35, NAN, -0.1])
    assert misaligned(values, "lowest", -0.15) == -0.4
    assert misaligned(values, "any", -0.15) == pytest.approx(-0.95)
    assert misaligned(values, "run", -0.15) == pytest.approx(-0.35)
    assert misaligned(np.array([0.2, 0.1]), "lowest", -0.15) == 0.1
    assert misaligned(np.array([0.2, 0.1]), "any", -0.15) == 0
    assert misaligned(np.array([0.2, 0.1]), "run", -0.15) == 0
    assert math.isnan(misaligned(np.array([NAN]), "any", -0.15))


# Figures


def labelled(tmp_path, name, false, *, image="a", group=""):
    spans = ((2, 5),) if false else ()
    return LabelledCaption(name, tmp_path / f"{image}.png", "A red cat", spans, group)


def evidence_of(red, *, cosine=0.4, lowest=0.1):
    """Three words; `red` is the suspicion of the middle one, the others' is 0."""
    signals = {name: np.array([0.0, red, 0.0]) for name in SIGNALS}
    return WordEvidence(signals, np.array([0, 0, 1]), cosine, lowest, lowest, 3, 3)


def gathered(tmp_path, rows):
    captions, evidence = zip(*rows, strict=True)
    return Gathered(captions, evidence, np.full(len(captions), NAN), ())


@pytest.fixture
def four(tmp_path):
    return gathered(
        tmp_path,
        [
            (labelled(tmp_path, "1", False, group="x"), evidence_of(-1.0, cosine=0.9)),
            (labelled(tmp_path, "1f", True, group="x"), evidence_of(2.0, cosine=0.2, lowest=-0.5)),
            (labelled(tmp_path, "2", False, image="b", group="y"), evidence_of(1.0, cosine=0.25, lowest=NAN)),
            (labelled(tmp_path, "2f", True, image="b", group="y"), evidence_of(-3.0, cosine=0.3)),
        ],
    )


def test_figures_of_hand_worked_captions(four):
    result = evaluate_hallucination(four, PROTOCOLS["words"], resamples=20)
    whole = result.whole
    assert (whole.captions, whole.false_captions, whole.words, whole.false_words) == (4, 2, 12, 2)
    assert result.images == 2
    figures = whole.by_word["word_delta"]
    # In the first false caption the worst word is the false one, in the second the other two are.
    assert figures.localisation.value == pytest.approx(0.5)
    # Ranked: 2 (false), 1, eight zeros, -1, -3 (false).
    assert figures.average_precision.value == pytest.approx((1 / 1 + 2 / 12) / 2)
    assert figures.flags.flagged == 2
    assert (figures.flags.precision.value, figures.flags.recall.value) == (0.5, 0.5)
    # An attribution is flagged past epsilon, not past 0.
    assert whole.by_word["attribution"].flags.flagged == 2
    # Cosines of true, false, true, false: .9, .2, .25, .3; the lowest and the third lowest are false.
    assert whole.by_caption["clip_score"].value == pytest.approx((1 / 1 + 2 / 3) / 2)
    # Nothing is said against a caption without the score.
    assert whole.by_caption["lowest_delta"].value == pytest.approx((1 / 1 + 2 / 3) / 2)
    assert whole.unscored["lowest_delta"] == 1
    assert math.isnan(whole.by_caption["ref_clip_score"].value)
    assert whole.unscored["ref_clip_score"] == 4


def test_a_test_that_finds_true_captions_ranks_the_highest_scores_first(four):
    result = evaluate_hallucination(four, PROTOCOLS["foil"], resamples=20)
    # .9 (true), .3, .25 (true), .2; the lowest first would give (1 / 2 + 2 / 4) / 2.
    assert result.whole.by_caption["clip_score"].value == pytest.approx((1 / 1 + 2 / 3) / 2)


def test_groups_hold_their_captions_only_and_resample_images(four):
    result = evaluate_hallucination(four, PROTOCOLS["words"], resamples=20)
    assert {name: figures.captions for name, figures in result.groups.items()} == {"x": 2, "y": 2}
    assert result.groups["x"].by_word["word_delta"].localisation.value == 1
    assert result.groups["y"].by_word["word_delta"].localisation.value == 0
    assert math.isnan(result.groups["x"].by_word["word_delta"].localisation.interval.low)
    interval = result.whole.by_word["word_delta"].localisation.interval
    assert (interval.low, interval.high) == (0.0, 1.0)


def test_captions_that_are_all_false_leave_nothing_to_tell_apart(four, tmp_path):
    false = [(caption, each) for caption, each in zip(four.captions, four.evidence, strict=True)][1::2]
    result = evaluate_hallucination(gathered(tmp_path, false), PROTOCOLS["seetrue"], resamples=20)
    assert all(math.isnan(figure.value) for figure in result.whole.by_caption.values())
    assert result.whole.by_word["word_delta"].average_precision.value == pytest.approx((1 / 1 + 2 / 6) / 2)


def test_gain_is_what_the_fusion_adds_to_the_best_single_signal(four):
    rows = list(four.evidence)
    for number, each in enumerate(rows):
        better = {**each.suspicion, "unit_delta": np.array([0.0, 1.0 * (number % 2), 0.0])}
        rows[number] = replace(each, suspicion=better)
    table = replace(four, evidence=tuple(rows))
    result = evaluate_hallucination(table, PROTOCOLS["words"], resamples=50)
    assert result.best_single == "unit_delta"
    odds = np.concatenate([result.fusion.suspicion(each) for each in rows])
    label = np.array([False, False, False, False, True, False] * 2)
    assert result.whole.by_word["unit_delta"].average_precision.value == 1
    assert result.gain.value == pytest.approx(average_precision(odds, label) - 1)


def test_words_beyond_the_context_are_counted_and_never_flagged(four):
    short = evidence_of(5.0)
    signals = {name: np.array([0.0, NAN, NAN]) for name in SIGNALS}
    cut = replace(short, suspicion=signals, read=1, attributed=1)
    table = replace(four, evidence=(*four.evidence[:3], cut))
    result = evaluate_hallucination(table, PROTOCOLS["words"], resamples=20)
    assert (result.cut_captions, result.unread_words, result.unattributed_words) == (1, 2, 2)
    assert result.whole.by_word["fusion"].flags.recall.value <= 0.5


def test_protocols_are_those_of_the_published_tests():
    assert PROTOCOLS["foil"] == PROTOCOLS["nocaps-foil"] == Protocol("lowest", "true")
    assert PROTOCOLS["hat"] == Protocol("run", "false")
    assert PROTOCOLS["richhf"] == PROTOCOLS["seetrue"] == Protocol("any", "false")


# Images


def test_captions_whose_image_is_missing_or_unreadable_are_listed(tiny_encoder, drawn_image, tmp_path):
    (tmp_path / "text.png").write_text("no image")
    captions = [
        LabelledCaption("good", drawn_image, "A red disc, a blue square."),
        LabelledCaption("gone", tmp_path / "gone.png", "A red disc."),
        LabelledCaption("gone-foil", tmp_path / "gone.png", "A blue disc.", ((2, 6),)),
        LabelledCaption("bad", tmp_path / "text.png", "A red disc."),
        LabelledCaption("empty", drawn_image, " . , "),
    ]
    done = []
    found = gather_evidence(tiny_encoder, captions, on_item=done.append)
    assert [caption.id for caption in found.captions] == ["good"]
    assert [(row.id, row.reason) for row in found.left_out] == [
        ("gone", "image missing"),
        ("gone-foil", "image missing"),
        ("bad", "image unreadable"),
        ("empty", "no words"),
    ]
    assert str(tmp_path / "gone.png") in found.left_out[0].detail
    assert done == [1, 2, 3, 4, 5]


def test_captions_that_all_lack_their_image_are_an_error_that_names_one(tiny_encoder, tmp_path):
    with pytest.raises(DataError, match=r"None of the 1 captions.*image missing.*gone\.png"):
        gather_evidence(tiny_encoder, [LabelledCaption("1", tmp_path / "gone.png", "A cat.")])
    with pytest.raises(DataError, match="None of the 0 captions can be measured"):
        gather_evidence(tiny_encoder, [])


def test_an_image_is_encoded_once(tiny_encoder, drawn_image, monkeypatch):
    calls = []
    encode = tiny_encoder.image_features
    monkeypatch.setattr(
        tiny_encoder, "image_features", lambda images: calls.append(len(images)) or encode(images)
    )
    captions = [LabelledCaption(str(n), drawn_image, "A red disc.") for n in range(3)]
    gather_evidence(tiny_encoder, captions)
    assert calls == [1]


# The command


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    try:
        emoji_font_path()
    except ConfigError as error:
        pytest.skip(str(error))
    return write_scenes(tmp_path_factory.mktemp("scenes") / "out", count=2, seed=3, size=64)


def options(checkpoint):
    return ["--model", str(checkpoint), "--resamples", "20"]


def test_the_command_on_drawn_scenes_prints_all_signals_and_writes_json(
    scenes, tiny_checkpoint, tmp_path, capsys
):
    target = tmp_path / "figures.json"
    assert main(["evaluate", "words", str(scenes), *options(tiny_checkpoint), "--json", str(target)]) == 0
    out = capsys.readouterr().out
    for name in (*SIGNAL_NAMES.values(), *SCORE_NAMES.values()):
        assert name in out
    assert "4 captions (2 false) of 2 images" in out
    record = json.loads(target.read_text())
    assert record["all"]["captions"] == 4
    assert record["left_out"] == {"rows": 0, "by_reason": {}, "list": []}
    assert sum(group["captions"] for group in record["groups"].values()) == 4
    assert record["provenance"]["resamples"] == 20
    assert record["provenance"]["fusion"]["provenance"]["model"] == "scenes"


def test_the_command_fits_weights_that_it_then_reads(scenes, tiny_checkpoint, tmp_path, capsys):
    weights = tmp_path / "fusion.json"
    arguments = ["evaluate", "words", str(scenes), *options(tiny_checkpoint)]
    assert main([*arguments, "--fit", str(weights)]) == 0
    assert "fitted on 4 captions" in capsys.readouterr().out
    written = json.loads(weights.read_text())
    assert written["provenance"]["scenes"] == "3-0000 to 3-0001-false"
    assert main([*arguments, "--fusion", str(weights), "--json", "-"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["provenance"]["fusion"]["weights"] == written["weights"]


def test_the_command_tells_of_missing_images_and_ends_with_1(tiny_checkpoint, drawn_image, tmp_path, capsys):
    row = {
        "image_path": drawn_image.name,
        "references": ["A red disc on the left."],
        "baseline": "A red disc above the ground.",
        "foil": "A red cat above the ground.",
        "replacement": ["disc", "cat"],
        "domain": "in-domain",
    }
    data = tmp_path / "nocaps.json"
    data.write_text(json.dumps([row, {**row, "image_path": "gone.png", "domain": "out-domain"}]))
    arguments = ["evaluate", "nocaps-foil", str(data), "--images", str(drawn_image.parent)]
    assert main([*arguments, *options(tiny_checkpoint)]) == 1
    out = capsys.readouterr().out
    assert "Left out, image missing: 2" in out
    assert "1-foil: there is no file" in out
    assert "in-domain: 2 captions, 1 false" in out
    assert main([*arguments, *options(tiny_checkpoint), "--json", "-"]) == 1
    record = json.loads(capsys.readouterr().out)
    assert record["left_out"]["by_reason"] == {"image missing": 2}
    assert [entry["id"] for entry in record["left_out"]["list"]] == ["1", "1-foil"]
    assert record["all"]["by_caption"]["ref_clip_score"]["average_precision"]["value"] is not None


def test_the_command_reads_the_other_published_tests(tiny_checkpoint, drawn_image, tmp_path, capsys):
    images, name = str(drawn_image.parent), drawn_image.name
    foil = {
        "images": [{"id": 1, "file_name": name}],
        "annotations": [
            {"id": 7, "image_id": 1, "caption": "A red disc.", "foil": False, "foil_word": "ORIG"},
            {"id": 7, "image_id": 1, "caption": "A red cat.", "foil": True, "foil_word": "cat"},
        ],
    }
    hat = [
        {
            "image_path": name,
            "caption": "A red cat.",
            "grounding": [["A", False], ["red", False], ["cat.", True]],
        }
    ]
    (tmp_path / "foil.json").write_text(json.dumps(foil))
    (tmp_path / "hat.json").write_text(json.dumps(hat))
    with (tmp_path / "seetrue.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image_caption", "image_name", "caption_misalignment", "dataset_source"])
        writer.writerow(["A red cat.", name, "cat", "drawbench"])
    for test, file in (("foil", "foil.json"), ("hat", "hat.json"), ("seetrue", "seetrue.csv")):
        arguments = ["evaluate", test, str(tmp_path / file), "--images", images]
        assert main([*arguments, *options(tiny_checkpoint)]) == 0, test
        assert f"{test}, dependency units: {2 if test == 'foil' else 1} captions (1 false)" in (
            capsys.readouterr().out
        )


def sized(field, content):
    """A field of a protocol buffer, for contents of fewer than 128 bytes."""
    return bytes([field << 3 | 2, len(content)]) + content


def test_the_command_reads_rich_hf_with_its_prompts(tiny_checkpoint, drawn_image, tmp_path, capsys):
    shutil.copy(drawn_image, tmp_path / "a1.png")
    (tmp_path / "a1.txt").write_text("red cat: bright")
    records = b""
    for name in (b"test/a1.png", b"test/a2.png"):
        entries = b"".join(
            sized(1, sized(1, key) + sized(2, sized(1, sized(1, value))))
            for key, value in ((b"filename", name), (b"prompt_misalignment_label", b"1 0 1"))
        )
        example = sized(1, entries)
        records += struct.pack("<Q", len(example)) + b"0000" + example + b"0000"
    (tmp_path / "test.tfrecord").write_bytes(records)
    arguments = ["evaluate", "richhf", str(tmp_path / "test.tfrecord"), "--images", str(tmp_path)]
    assert main([*arguments, *options(tiny_checkpoint)]) == 1
    out = capsys.readouterr().out
    assert "1 captions (1 false) of 1 images, 3 words (1 hallucinated)" in out
    assert "Left out, prompt missing: 1" in out


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--images", "nowhere"], "there is no folder of images nowhere"),
        (["--images", ".", "--resamples", "0"], "--resamples 1 or more"),
        (["--images", ".", "--json", "no/such/folder.json"], "there is no folder"),
    ],
)
def test_the_command_refuses_what_cannot_work_before_it_begins(more, says, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate", "hat", "hat.json", *more]) == 2
    assert says in capsys.readouterr().err


def test_rows_that_the_reader_left_out_are_told_with_the_others(four):
    row = LeftOut("9", "c.png", "prompt missing", "there is no readable file c.txt")
    table = replace(four, left_out=(replace(row, id="10", reason="image missing"),))
    result = evaluate_hallucination(table, PROTOCOLS["words"], left_out=[row], resamples=5)
    assert [each.id for each in result.left_out] == ["9", "10"]
