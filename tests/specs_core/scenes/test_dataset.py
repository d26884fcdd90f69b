import json
import os
import re
import subprocess
import sys
from dataclasses import replace

import pytest
from PIL import Image, ImageChops

from specs_core.datasets.pairs import read_pairs
from specs_core.errors import ConfigError, DataError
from specs_core.scenes.captions import named_fact
from specs_core.scenes.dataset import make_scene, read_scenes, write_scenes
from specs_core.scenes.drawing import draw_scene, emoji_font_path, object_boxes
from specs_core.scenes.world import scene_facts


@pytest.fixture
def font():
    try:
        return emoji_font_path()
    except ConfigError as error:
        pytest.skip(str(error))


def test_write_scenes_gives_images_and_lines_whose_span_is_the_changed_text(tmp_path, font):
    path = write_scenes(tmp_path / "out", count=4, seed=2, size=96)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(rows) == 4
    for row in rows:
        start, end = row["false_span"]
        assert row["false_caption"][start:end].lower() not in ("", row["caption"][start:end].lower())
        with Image.open(path.parent / row["image"]) as image:
            assert image.size == (96, 96)
    assert [record.false_caption for record in read_scenes(path)] == [row["false_caption"] for row in rows]


def test_write_scenes_tells_what_is_true_and_every_way_to_make_one_fact_false(tmp_path, font):
    path = write_scenes(tmp_path / "out", count=25, seed=6, size=32)
    for index, pair in enumerate(read_pairs(path)):
        scene, caption, _ = make_scene(6, index)
        assert pair.caption == caption
        assert pair.facts == {named_fact(fact) for fact in scene_facts(scene)}
        assert pair.told
        assert {told.fact for told in pair.told} <= pair.facts
        words = [caption[told.start : told.end].lower() for told in pair.told]
        assert all(
            word == told.fact.value
            for word, told in zip(words, pair.told, strict=True)
            if told.fact.type == "kind"
        )
        # Each told fact can be made false, but for kinds that the caption comes back to.
        spans = [(told.start, told.end) for told in pair.told]
        covered = [
            [span for span in spans if false.start <= span[0] < span[1] <= false.end]
            for false in pair.false_facts
        ]
        assert [len(cover) for cover in covered] == [1] * len(covered)
        made_false = {cover[0] for cover in covered}
        assert {told.fact.type for told in pair.told if (told.start, told.end) not in made_false} <= {"kind"}
        for false in pair.false_facts:
            changed = caption[: false.start] + false.text + caption[false.end :]
            assert not re.search(r"\b[Aa] [aeiou]|\b[Aa]n [^aeiou]", changed)
            assert changed != caption


def test_write_scenes_twice_gives_the_same_bytes_and_the_first_scenes_do_not_depend_on_the_count(
    tmp_path, font
):
    a = write_scenes(tmp_path / "a", count=2, seed=9, size=64)
    b = write_scenes(tmp_path / "b", count=3, seed=9, size=64)
    assert b.read_text().startswith(a.read_text())
    for image in (tmp_path / "a" / "images").iterdir():
        assert image.read_bytes() == (tmp_path / "b" / "images" / image.name).read_bytes()


def test_write_scenes_refuses_a_folder_that_holds_scenes_and_leaves_them(tmp_path):
    (tmp_path / "scenes.jsonl").write_text("kept")
    with pytest.raises(DataError, match=r"scenes\.jsonl exists already"):
        write_scenes(tmp_path, count=1, seed=0)
    assert (tmp_path / "scenes.jsonl").read_text() == "kept"


def test_drawing_without_the_font_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv("SPECS_EMOJI_FONT", str(tmp_path / "missing.ttf"))
    with pytest.raises(ConfigError, match=r"missing\.ttf; correct SPECS_EMOJI_FONT"):
        emoji_font_path()


def test_a_drawing_is_a_function_of_its_scene(font):
    scene, _, _ = make_scene(1, 1)
    assert draw_scene(scene, size=80).tobytes() == draw_scene(scene, size=80).tobytes()
    assert draw_scene(scene, size=80).tobytes() != draw_scene(make_scene(1, 2)[0], size=80).tobytes()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("not json", "line 1: a scene needs"),
        ('{"image": "a.png", "caption": "x", "false_caption": "y"}', "line 1: a scene needs"),
        (
            '{"image": "a.png", "caption": "x", "false_caption": "y", "false_span": [0, 2]}',
            r"\[0, 2\] lies outside a false_caption of 1",
        ),
    ],
)
def test_read_scenes_names_the_line_that_is_not_a_scene(tmp_path, line, message):
    path = tmp_path / "scenes.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(DataError, match=message):
        read_scenes(path)


def test_scenes_of_a_seed_are_the_same_whatever_order_the_process_gives_to_sets():
    program = "from specs_core.scenes.dataset import make_scene\nfor i in range(40): print(make_scene(5, i))"
    answers = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(answers) == 1


def test_boxes_hold_what_each_object_changes_of_the_picture(tmp_path, font):
    rows = [
        json.loads(line)
        for line in write_scenes(tmp_path / "out", count=12, seed=9, size=192).read_text().splitlines()
    ]
    for index, row in enumerate(rows):
        scene = make_scene(9, index)[0]
        assert row["boxes"] == {kind: list(box) for kind, box in object_boxes(scene, size=192).items()}
        assert row["boxes"].keys() == {thing.kind for thing in scene.objects}
        # Without its last object the rest of a scene is drawn as before.
        fewer = draw_scene(replace(scene, objects=scene.objects[:-1]), size=192)
        left, upper, right, lower = ImageChops.difference(draw_scene(scene, size=192), fewer).getbbox()
        box = row["boxes"][scene.objects[-1].kind]
        assert box[0] <= left < right <= box[2]
        assert box[1] <= upper < lower <= box[3]
        assert max(right - left, lower - upper) >= 0.9 * (box[2] - box[0])
