import json
from itertools import islice

import pytest

import specs_core.datasets.sharegpt4v as module
from specs_core.datasets.sharegpt4v import read_sharegpt4v
from specs_core.errors import DataError


def entry(number, caption="A red disc.\n\nBelow it, grass."):
    return {
        "id": f"{number:012d}",
        "image": f"coco/train2017/{number:012d}.jpg",
        "conversations": [
            {"from": "human", "value": "<image>\nWhat do you see?"},
            {"from": "gpt", "value": caption},
        ],
    }


def write(path, value):
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


def test_entries_when_read_carry_id_image_and_first_answer(tmp_path):
    more = entry(2)
    more["conversations"] += [{"from": "human", "value": "And?"}, {"from": "gpt", "value": "No more."}]
    entries = list(read_sharegpt4v(write(tmp_path / "a.json", [entry(1, " A cat. "), more])))
    assert [e.id for e in entries] == ["000000000001", "000000000002"]
    assert entries[0].image == "coco/train2017/000000000001.jpg"
    assert [e.caption for e in entries] == ["A cat.", "A red disc.\n\nBelow it, grass."]


def test_entries_without_image_or_answer_when_read_are_kept_with_what_they_lack(tmp_path):
    text_only = {"id": "t", "conversations": [{"from": "human", "value": "Hello"}]}
    found = list(read_sharegpt4v(write(tmp_path / "a.json", [text_only])))
    assert (found[0].image, found[0].caption) == (None, None)


@pytest.mark.parametrize("chunk", [1, 2, 7, 50, 1000])
def test_list_when_read_in_pieces_of_any_size_gives_the_same_entries(tmp_path, monkeypatch, chunk):
    values = [entry(i, f"Caption {i} with a ] and a \\ and \u2028 and 😀.") for i in range(9)]
    path = write(tmp_path / "a.json", json.dumps(values, indent=2, ensure_ascii=False))
    monkeypatch.setattr(module, "_READ", chunk)
    assert [e.caption for e in read_sharegpt4v(path)] == [v["conversations"][1]["value"] for v in values]


def test_first_entries_when_taken_do_not_read_the_rest(tmp_path, monkeypatch):
    path = write(tmp_path / "a.json", json.dumps([entry(1), entry(2)])[:-1] + ', {"broken": ')
    monkeypatch.setattr(module, "_READ", 64)
    assert len(list(islice(read_sharegpt4v(path), 2))) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"id": 1}', "is no JSON list"),
        ("", "is no JSON list"),
        (json.dumps([entry(1), entry(2)])[:-30], "entry 1: not JSON, or cut short"),
        ('[{"id": 1, "conversations": []}, 7]', "entry 1: a JSON int, not an object"),
        ('[{"image": 7, "conversations": []}]', "entry 0: its image is 7"),
        ('[{"image": "a.jpg", "conversations": "text"}]', "entry 0: its conversations are no list of turns"),
    ],
)
def test_broken_file_when_read_is_named_with_its_entry(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        list(read_sharegpt4v(write(tmp_path / "a.json", text)))


def test_entry_that_never_ends_when_read_is_refused_before_the_whole_file_is_in_memory(tmp_path, monkeypatch):
    path = write(tmp_path / "a.json", '[{"id": "' + "x" * 5000)
    monkeypatch.setattr(module, "_READ", 10)
    monkeypatch.setattr(module, "_LONGEST", 100)
    with pytest.raises(DataError, match="entry 0: not JSON, or cut short"):
        list(read_sharegpt4v(path))


def test_missing_file_when_read_is_a_data_error(tmp_path):
    with pytest.raises(DataError, match=r"none\.json cannot be read: No such file"):
        list(read_sharegpt4v(tmp_path / "none.json"))
