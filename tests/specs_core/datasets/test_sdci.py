import json

import pytest

from specs_core.datasets.pairs import FalseFact
from specs_core.datasets.sdci import read_sdci
from specs_core.errors import DataError

SUMMARY = "A blue water pump stands in a small square, in front of three white buildings."


def write(folder, name, **changes):
    value = {
        "image": f"{name}.jpg",
        "short_caption": "A water pump.",
        "extra_caption": "",
        "mask_data": {},
        "mask_keys": [],
        "summaries": {"base": [SUMMARY, "A pump in a square."], "m-3-sc": ["Three buildings."]},
        "negatives": {
            "base": {
                "swaps": [SUMMARY.replace("blue", "red"), "A white pump in front of three blue buildings."],
                "layout": [SUMMARY.replace("in front of", "behind")],
                "basic": [SUMMARY],
            }
        },
        **changes,
    }
    (folder / "complete").mkdir(exist_ok=True)
    (folder / "complete" / f"{name}.json").write_text(json.dumps(value))


def test_summaries_when_read_are_those_of_the_whole_image(tmp_path):
    write(tmp_path, "sa_2")
    write(tmp_path, "sa_1", summaries={"base": " One text. "}, negatives=None)
    first = list(read_sdci(tmp_path))
    assert [(e.id, e.image, e.caption) for e in first] == [
        ("sa_1-0", "sa_1.jpg", "One text."),
        ("sa_2-0", "sa_2.jpg", SUMMARY),
    ]
    every = list(read_sdci(tmp_path, captions="all"))
    assert [e.id for e in every] == ["sa_1-0", "sa_2-0", "sa_2-1"]


def test_negatives_that_change_one_run_of_words_when_read_become_false_facts_of_the_first_summary(tmp_path):
    write(tmp_path, "sa_1")
    first, second = read_sdci(tmp_path, captions="all")
    blue, front = SUMMARY.index("blue"), SUMMARY.index("in front of")
    assert first.false_facts == (
        FalseFact(blue, blue + 4, "red", "swaps"),
        FalseFact(front, front + len("in front of"), "behind", "layout"),
    )
    assert second.false_facts == ()


@pytest.mark.parametrize(
    ("old", "new"), [("A blue", "a blue"), ("buildings.", "buildings!"), ("a small", "the small")]
)
def test_negative_that_says_the_same_in_other_letters_when_read_is_no_false_fact(tmp_path, old, new):
    write(tmp_path, "sa_1", negatives={"base": {"swaps": [SUMMARY.replace(old, new)]}})
    assert next(iter(read_sdci(tmp_path))).false_facts == ()


def test_files_of_a_split_when_read_come_in_its_order(tmp_path):
    for name in ("sa_1", "sa_2", "sa_3"):
        write(tmp_path, name)
    (tmp_path / "splits.json").write_text(json.dumps({"test": ["sa_3.json", "sa_1.json"]}))
    assert [e.id for e in read_sdci(tmp_path, split="test")] == ["sa_3-0", "sa_1-0"]
    with pytest.raises(DataError, match=r"splits\.json has no list of file names under 'valid'"):
        list(read_sdci(tmp_path, split="valid"))


def test_file_without_summary_when_read_is_kept_without_a_caption(tmp_path):
    write(tmp_path, "sa_1", summaries={})
    assert [(e.id, e.caption) for e in read_sdci(tmp_path)] == [("sa_1", None)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image": None}, r"sa_1\.json: an object with the path of its image"),
        ({"summaries": {"base": [1]}}, r"sa_1\.json: its base summary is neither a text nor a list"),
    ],
)
def test_broken_file_when_read_is_named(tmp_path, changes, message):
    write(tmp_path, "sa_1", **changes)
    with pytest.raises(DataError, match=message):
        list(read_sdci(tmp_path))


def test_folder_without_annotations_when_read_is_refused(tmp_path):
    with pytest.raises(DataError, match="holds no JSON files"):
        list(read_sdci(tmp_path))
    write(tmp_path, "sa_1")
    (tmp_path / "complete" / "sa_1.json").write_text("{")
    with pytest.raises(DataError, match=r"sa_1\.json is not JSON"):
        list(read_sdci(tmp_path))
