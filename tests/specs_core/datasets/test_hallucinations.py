import csv
import json
import struct
from pathlib import Path

import pytest

from specs_core.datasets.foil import read_foil, read_nocaps_foil
from specs_core.datasets.hallucinations import (
    LabelledCaption,
    find_phrase,
    find_words_in_order,
    spans_of_tokens,
)
from specs_core.datasets.hat import read_hat
from specs_core.datasets.richhf import read_richhf
from specs_core.datasets.seetrue import read_seetrue
from specs_core.datasets.tfrecord import read_examples
from specs_core.errors import DataError

IMAGES = Path("images")


def write(path, value):
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def false_words(caption):
    return [caption.caption[start:end] for start, end, false in caption.words() if false]


# Words


def test_words_of_a_caption_are_hallucinated_where_they_share_a_character_with_a_span():
    caption = LabelledCaption("1", Path("a.png"), "A big red car, parked.", ((2, 9),))
    assert [caption.caption[start:end] for start, end, _ in caption.words()] == "A big red car parked".split()
    assert false_words(caption) == ["big", "red"]
    assert caption.is_false


def test_find_phrase_wants_whole_words_and_no_case():
    assert find_phrase("A man and a MAN in a mantle", "man") == [(2, 5), (12, 15)]
    assert find_phrase("a golf  ball", "Golf ball") == [(2, 12)]
    assert find_phrase("a man", " ") == []


def test_find_words_in_order_takes_the_tightest_place():
    caption = "A MAN near a man WITH A CUPCAKE BLOWING OUT CANDLES"
    found = find_words_in_order(caption, "man blowing out candles")
    assert [caption[start:end] for start, end in found] == ["man", "BLOWING", "OUT", "CANDLES"]
    assert found[0][0] == 13
    assert find_words_in_order(caption, "candles man") is None
    assert find_words_in_order(caption, "man blowing bubbles") is None


def test_spans_of_tokens_follow_each_other():
    assert spans_of_tokens("a cat, a dog.", ["a", "cat,", "a", "dog."]) == [(0, 1), (2, 6), (7, 8), (9, 13)]
    assert spans_of_tokens("b cat", ["cat", "b"]) is None


# FOIL


def foil(tmp_path, annotations):
    images = [{"id": 5, "file_name": "COCO_val2014_000000000005.jpg"}]
    return write(tmp_path / "foil.json", {"images": images, "annotations": annotations})


TRUE = {
    "id": 71,
    "foil_id": 1,
    "image_id": 5,
    "caption": "A cat sits by a cat. ",
    "foil": False,
    "foil_word": "ORIG",
    "target_word": "ORIG",
}


def test_foil_marks_the_exchanged_word_and_not_its_twin(tmp_path):
    false = {
        **TRUE,
        "caption": "A dog sits by a cat.",
        "foil": True,
        "foil_word": "dog",
        "target_word": "cat",
    }
    twin = {
        **TRUE,
        "id": 72,
        "caption": "A dog sits by a dog.",
        "foil": True,
        "foil_word": "dog",
        "target_word": "cat",
    }
    truth = {**TRUE, "id": 72, "caption": "A dog sits by a cat."}
    data = read_foil(foil(tmp_path, [TRUE, false, truth, twin]), IMAGES)
    assert [caption.id for caption in data.captions] == ["71", "71-foil", "72", "72-foil"]
    assert [caption.is_false for caption in data.captions] == [False, True, False, True]
    assert data.captions[1].false_spans == ((2, 5),)
    assert data.captions[3].false_spans == ((16, 19),)
    assert data.captions[0].image == IMAGES / "COCO_val2014_000000000005.jpg"
    assert data.left_out == ()


def test_foil_takes_references_of_the_image_without_the_captions_own(tmp_path):
    coco = {
        "annotations": [
            {"id": 71, "image_id": 5, "caption": "A cat sits by a cat."},
            {"id": 90, "image_id": 5, "caption": " Two cats. "},
            {"id": 91, "image_id": 6, "caption": "A bus."},
        ]
    }
    false = {**TRUE, "caption": "A dog sits by a cat.", "foil": True, "foil_word": "dog"}
    data = read_foil(foil(tmp_path, [TRUE, false]), IMAGES, references=write(tmp_path / "coco.json", coco))
    assert [caption.references for caption in data.captions] == [("Two cats.",)] * 2


def test_foil_lists_a_foil_whose_word_is_not_in_it(tmp_path):
    false = {**TRUE, "caption": "A dog sits.", "foil": True, "foil_word": "horse"}
    data = read_foil(foil(tmp_path, [TRUE, false]), IMAGES)
    assert len(data.captions) == 1
    assert data.left_out[0].id == "71-foil"
    assert data.left_out[0].reason == "false words not in the caption"
    assert "horse" in data.left_out[0].detail


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ([], "no list images"),
        ({"images": [], "annotations": [TRUE]}, "no image 5"),
        ({"images": [], "annotations": [{"id": 1}]}, "row 0: it has no image_id"),
        ({"images": [{"id": 5, "file_name": "a"}], "annotations": [{**TRUE, "caption": " "}]}, "caption is"),
    ],
)
def test_foil_that_is_something_else_is_an_error_that_names_the_row(tmp_path, value, says):
    with pytest.raises(DataError, match=says):
        read_foil(write(tmp_path / "foil.json", value), IMAGES)


# nocaps-FOIL

ROW = {
    "image_path": "0013ea.jpg",
    "references": ["A child. ", " "],
    "baseline": "A ball by a ball. ",
    "foil": "A ball by a golf ball. ",
    "replacement": ["ball", "golf ball"],
    "domain": "near-domain",
}


def test_nocaps_foil_makes_two_captions_of_a_row(tmp_path):
    data = read_nocaps_foil(write(tmp_path / "n.json", [ROW]), IMAGES)
    assert [(caption.id, caption.group) for caption in data.captions] == [
        ("0", "near-domain"),
        ("0-foil", "near-domain"),
    ]
    assert data.captions[0].caption == "A ball by a ball."
    assert not data.captions[0].is_false
    assert false_words(data.captions[1]) == ["golf", "ball"]
    assert data.captions[1].references == ("A child.",)


def test_nocaps_foil_keeps_the_true_caption_of_a_row_whose_foil_is_none(tmp_path):
    same = {**ROW, "foil": ROW["baseline"], "replacement": ["ball", "ball"]}
    gone = {**ROW, "foil": "A ball by a cat."}
    data = read_nocaps_foil(write(tmp_path / "n.json", [same, gone]), IMAGES)
    assert [caption.id for caption in data.captions] == ["0", "1"]
    assert [row.reason for row in data.left_out] == [
        "the exchange changes nothing",
        "false words not in the caption",
    ]


def test_nocaps_foil_with_another_replacement_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"row 0: replacement is \['ball'\]"):
        read_nocaps_foil(write(tmp_path / "n.json", [{**ROW, "replacement": ["ball"]}]), IMAGES)


# HAT


def test_hat_marks_words_by_place_and_groups_by_author(tmp_path):
    rows = [
        {
            "image_path": "a.jpg",
            "caption": "A man by a man.",
            "grounding": [["A", False], ["man", False], ["by", False], ["a", False], ["man.", True]],
            "references": ["A woman."],
            "task_metadata": {"is_machine_generated": True},
        },
        {
            "image_path": "a.jpg",
            "sample_id": "s9",
            "caption": "A cat.",
            "grounding": [["A", False], ["cat.", False]],
        },
        {"image_path": "a.jpg", "caption": "A cat.", "grounding": [["A", False], ["dog.", True]]},
    ]
    data = read_hat(write(tmp_path / "hat.json", rows), IMAGES)
    first, second = data.captions
    assert first.false_spans == ((11, 15),)
    assert (first.id, first.group, first.references) == ("0", "machine", ("A woman.",))
    assert (second.id, second.group, second.is_false) == ("s9", "", False)
    assert [(row.id, row.reason) for row in data.left_out] == [("2", "grounding does not follow the caption")]


def test_hat_with_another_grounding_is_an_error(tmp_path):
    row = {"image_path": "a.jpg", "caption": "A cat.", "grounding": [["A"]]}
    with pytest.raises(DataError, match=r"row 0: grounding has \['A'\]"):
        read_hat(write(tmp_path / "hat.json", [row]), IMAGES)


# SeeTRUE-Feedback


def seetrue(
    tmp_path, rows, columns=("image_caption", "image_name", "dataset_source", "caption_misalignment")
):
    path = tmp_path / "seetrue.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["", *columns])
        writer.writerows([[number, *row] for number, row in enumerate(rows)])
    return path


def test_seetrue_finds_the_misaligned_words_even_with_others_between(tmp_path):
    rows = [
        ('"A woman with a blue shirt,\non a bench."', "a.jpg", "cococon", "blue shirt"),
        ("A MAN WITH A CAKE BLOWING OUT CANDLES", "b.png", "coco_t2i", "man blowing out candles"),
        ("A cat.", "c.png", "drawbench", "horse"),
        ("A cat.", "c.png", "drawbench", ""),
    ]
    data = read_seetrue(seetrue(tmp_path, rows), IMAGES)
    assert [false_words(caption) for caption in data.captions] == [
        ["blue", "shirt"],
        ["MAN", "BLOWING", "OUT", "CANDLES"],
        [],
    ]
    assert [caption.group for caption in data.captions] == ["cococon", "coco_t2i", "drawbench"]
    assert [(row.id, row.image) for row in data.left_out] == [("2", "c.png")]


def test_seetrue_without_its_columns_is_an_error(tmp_path):
    path = seetrue(tmp_path, [("A cat.", "c.png")], columns=("image_caption", "image_name"))
    with pytest.raises(DataError, match="row 0: it has no caption_misalignment"):
        read_seetrue(path, IMAGES)


# Rich-HF


def varint(number):
    found = bytearray()
    while True:
        number, low = number >> 7, number & 0x7F
        found.append(low | (0x80 if number else 0))
        if not number:
            return bytes(found)


def sized(field, content):
    return varint(field << 3 | 2) + varint(len(content)) + content


def record(features):
    """A tf.train.Example in its frame; checksums are zeros."""
    entries = b""
    for name, value in features.items():
        if isinstance(value, bytes):
            feature = sized(1, sized(1, value))
        elif isinstance(value, float):
            feature = sized(2, sized(1, struct.pack("<f", value)))
        else:
            feature = sized(3, sized(1, varint(value % 2**64)))
        entries += sized(1, sized(1, name.encode()) + sized(2, feature))
    example = sized(1, entries)
    return struct.pack("<Q", len(example)) + b"\0" * 4 + example + b"\0" * 4


def test_examples_of_a_tfrecord_come_back_as_they_were_written(tmp_path):
    path = tmp_path / "a.tfrecord"
    long = bytes(300)
    path.write_bytes(
        record({"name": b"one", "score": 0.25, "map": long}) + record({"name": b"two", "count": -3})
    )
    assert list(read_examples(path)) == [
        {"name": [b"one"], "score": [0.25], "map": [long]},
        {"name": [b"two"], "count": [-3]},
    ]


@pytest.mark.parametrize("cut", [1, 6, 30])
def test_a_tfrecord_that_was_cut_short_is_an_error_that_names_the_record(tmp_path, cut):
    path = tmp_path / "a.tfrecord"
    path.write_bytes(record({"name": b"one"}) + record({"name": b"two"})[:-cut])
    with pytest.raises(DataError, match="record 1"):
        list(read_examples(path))


def test_bytes_that_are_no_example_are_an_error(tmp_path):
    path = tmp_path / "a.tfrecord"
    path.write_bytes(struct.pack("<Q", 3) + b"\0" * 4 + b"\x0a\x7fx" + b"\0" * 4)
    with pytest.raises(DataError, match=r"record 0: no tf\.train\.Example"):
        list(read_examples(path))


def richhf(tmp_path, rows):
    """Write records and prompts: (name, labels, prompt or None)."""
    path = tmp_path / "test.tfrecord"
    records = b""
    for name, labels, prompt in rows:
        records += record(
            {"filename": f"test/{name}.png".encode(), "prompt_misalignment_label": labels.encode()}
        )
        if prompt is not None:
            (tmp_path / f"{name}.txt").write_text(prompt, encoding="utf-8")
    path.write_bytes(records)
    return path


def test_richhf_marks_words_that_the_label_calls_misaligned(tmp_path):
    rows = [("a1", "1 0 1 1", "RichHF: a red-hot, cat"), ("a2", "0", "two words"), ("a3", "0", None)]
    rows.append(("a4", "", " "))
    data = read_richhf(richhf(tmp_path, rows), tmp_path)
    only = data.captions[0]
    assert len(data.captions) == 1
    assert only.image == tmp_path / "a1.png"
    assert false_words(only) == ["a"]
    assert [row.reason for row in data.left_out] == [
        "labels do not fit the prompt's words",
        "prompt missing",
        "prompt missing",
    ]


def test_richhf_with_other_labels_is_an_error(tmp_path):
    with pytest.raises(DataError, match="more than 0 and 1"):
        read_richhf(richhf(tmp_path, [("a1", "2", "cat")]), tmp_path)
