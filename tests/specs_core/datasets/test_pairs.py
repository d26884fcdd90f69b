import json

import pytest

from specs_core.datasets.facts import Fact, ToldFact
from specs_core.datasets.pairs import CaptionedImage, FalseFact, iterate_pairs, read_pairs
from specs_core.errors import DataError

CAPTION = "A red car stands on a road."


def write(tmp_path, *rows):
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def test_read_pairs_of_a_full_line_gives_every_field_and_leaves_other_keys_alone(tmp_path):
    row = {
        "id": "a7",
        "image": "images/a.png",
        "caption": CAPTION,
        "units": [[0, 10], [10, 27]],
        "false_facts": [{"span": [2, 5], "text": "blue", "type": "tint"}, {"span": [6, 9], "text": "bus"}],
        "facts": [{"type": "kind", "value": "car"}, {"type": "tint", "value": "red", "of": ["car"]}],
        "told": [{"span": [2, 5], "type": "tint", "value": "red", "of": ["car"]}],
        "source": "a camera",
    }
    (pair,) = read_pairs(write(tmp_path, row))
    assert pair == CaptionedImage(
        id="a7",
        image=tmp_path / "images/a.png",
        caption=CAPTION,
        units=((0, 10), (10, 27)),
        false_facts=(FalseFact(2, 5, "blue", "tint"), FalseFact(6, 9, "bus", "unknown")),
        facts=frozenset({Fact("kind", "car"), Fact("tint", "red", ("car",))}),
        told=(ToldFact(2, 5, Fact("tint", "red", ("car",))),),
    )


def test_read_pairs_of_the_shortest_line_counts_lines_and_leaves_the_cutting_to_a_segmenter(tmp_path):
    path = tmp_path / "pairs.jsonl"
    path.write_bytes(
        b'\xef\xbb\xbf{"image": "/a.png", "caption": "A car."}\n\n{"image": "b", "caption": "B"}'
    )
    first, second = read_pairs(path)
    assert (first.id, str(first.image), first.units, first.false_facts) == ("1", "/a.png", None, ())
    assert (first.facts, first.told) == (None, ())
    assert (second.id, second.image) == ("3", tmp_path / "b")


def test_read_pairs_when_a_caption_holds_a_line_separator_keeps_it_in_one_line(tmp_path):
    (pair,) = read_pairs(write(tmp_path, {"image": "a", "caption": "A car.\u2028A\x85dog \U0001f697."}))
    assert pair.caption == "A car.\u2028A\x85dog \U0001f697."


def test_iterate_pairs_when_the_second_line_is_wrong_gives_the_first(tmp_path):
    lines = iterate_pairs(write(tmp_path, {"image": "a", "caption": CAPTION}, {"image": "b"}))
    assert next(lines).caption == CAPTION
    with pytest.raises(DataError, match="line 2: caption is missing"):
        next(lines)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image": None}, "line 2: image is None; it has to be a text"),
        ({"caption": "  "}, "line 2: caption is '  '"),
        ({"caption": "A \ud83d car"}, "line 2: half a character"),
        ({"id": 1.5}, "line 2: id is 1.5"),
        ({"id": True}, "line 2: id is True"),
        ({"units": "all"}, "line 2: units is 'all'"),
        ({"units": []}, "the 0 units do not follow each other from 0 to 27"),
        ({"units": [[0, 10], [11, 27]]}, "the 2 units do not follow each other"),
        ({"units": [[1, 27]]}, "the 1 units do not follow each other"),
        ({"units": [[0, 10], [10, 26]]}, "the 2 units do not follow each other"),
        ({"units": [[0, 10], [10, 28]]}, r"units has the span \[10, 28\].*end <= 27"),
        ({"units": [[0, True], [1, 27]]}, r"units has the span \[0, True\]"),
        ({"units": [[0, 1], [1, 2], [2, 27]]}, r"unit \[1, 2\] is blank"),
        ({"false_facts": "no"}, "false_facts is 'no'"),
        ({"false_facts": ["blue"]}, r"false_facts is \['blue'\]; it has to be a list of objects"),
        ({"false_facts": [{"text": "blue"}]}, "false_facts has the span None"),
        ({"facts": {"type": "tint"}}, "facts is {'type': 'tint'}; it has to be a list of objects"),
        ({"facts": [{"type": "tint", "of": ["car"]}]}, "a fact is {'type': 'tint'"),
        ({"facts": [{"type": "tint", "value": "red", "of": "car"}]}, "a fact is .*a list of names"),
        ({"told": [{"type": "tint", "value": "red"}]}, "told has the span None"),
        ({"false_facts": [{"span": [2, 2], "text": "blue"}]}, r"false_facts has the span \[2, 2\]"),
        ({"false_facts": [{"span": [2, 5], "text": " "}]}, r"at \[2, 5\] has the text ' '"),
        ({"false_facts": [{"span": [2, 5]}]}, r"at \[2, 5\] has the text None"),
        ({"false_facts": [{"span": [2, 5], "text": "red"}]}, r"at \[2, 5\] replaces 'red' by itself"),
        ({"false_facts": [{"span": [2, 5], "text": "tan", "type": 3}]}, r"at \[2, 5\] has the type 3"),
    ],
)
def test_read_pairs_when_a_line_is_wrong_names_the_line_and_what_to_do(tmp_path, change, message):
    good = {"image": "a.png", "caption": CAPTION}
    path = tmp_path / "pairs.jsonl"
    path.write_text(json.dumps(good) + "\n" + json.dumps(good | change) + "\n")
    with pytest.raises(DataError, match=message):
        read_pairs(path)


@pytest.mark.parametrize("line", [b"not json", b"\xff{}", b"[1]"])
def test_read_pairs_when_a_line_is_no_object_names_it(tmp_path, line):
    path = tmp_path / "pairs.jsonl"
    path.write_bytes(line)
    with pytest.raises(DataError, match=r"pairs\.jsonl, line 1: (not a line of JSON|a JSON list)"):
        read_pairs(path)


def test_read_pairs_without_the_file_says_which(tmp_path):
    with pytest.raises(DataError, match=r"missing\.jsonl cannot be read: No such file"):
        read_pairs(tmp_path / "missing.jsonl")
