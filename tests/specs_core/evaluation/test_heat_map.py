import json

import numpy as np
import pytest
from PIL import Image

from specs_core.cli import main
from specs_core.datasets.facts import Fact
from specs_core.encoder import load_encoder
from specs_core.errors import ConfigError, DataError
from specs_core.evaluation.heat_map import (
    DISC,
    INPUT,
    MAP,
    OBJECT,
    ON_OBJECT,
    OTHER,
    POINT,
    cover,
    evaluate_heat_maps,
    object_of,
    peak,
    read_placed_scenes,
)
from specs_core.scenes.dataset import write_scenes
from specs_core.scenes.drawing import emoji_font_path


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    try:
        emoji_font_path()
    except ConfigError as error:
        pytest.skip(str(error))
    return write_scenes(tmp_path_factory.mktemp("scenes") / "out", count=8, seed=21, size=192)


def test_object_of_names_the_one_object_that_all_facts_are_about():
    car, red = Fact("kind", "car"), Fact("tint", "red", ("car",))
    assert object_of([car, red]) == "car"
    assert object_of([car, red, Fact("kind", "tree")]) is None
    assert object_of([Fact("relation", "above", ("car", "tree"))]) is None
    assert object_of([Fact("background", "beach")]) is None
    assert object_of([car, Fact("background", "beach")]) is None
    assert object_of([]) is None


def test_peak_is_the_middle_of_the_largest_cell_in_pixels_of_the_image():
    values = np.array([[0, 1, 0, 0], [0, 0, 0, 3]], dtype=np.float32)
    assert peak(values, (100, 0, 500, 200)) == (450, 150)
    assert peak(values, (-40, 0, 40, 80)) == (30, 60)


def test_cover_replaces_the_asked_share_where_the_map_is_largest():
    image, behind = Image.new("L", (120, 60), 10), Image.new("L", (120, 60), 90)
    values = np.zeros((6, 6), dtype=np.float32)
    values[1, 4] = 5
    found = np.asarray(cover(image, behind, values, (30, 0, 90, 60), share=0.01))
    assert (found == 90).sum() == 36
    rows, columns = np.nonzero(found == 90)
    assert abs(rows.mean() - 14.5) < 0.5
    assert abs(columns.mean() - (30 + 44.5)) < 0.5


def test_heat_maps_of_the_bundled_model_point_at_the_object_and_at_what_moves_delta(scenes):
    seen = []
    found = evaluate_heat_maps(
        load_encoder("scenes"), read_placed_scenes(scenes), scenes.parent, on_item=seen.append
    )
    assert seen == list(range(1, 9))
    assert found.scenes == 8
    assert found.true.units >= 15
    box = found.true.in_box
    assert box[MAP] >= 0.85
    assert box[OTHER] <= 0.1
    assert box[MAP] > box[INPUT] > box[POINT]
    assert 0.02 < box[POINT] < 0.12
    assert 1 / 6 <= box[OBJECT] <= 1 / 2
    covered = found.true.covered
    assert covered[MAP] < -found.true.delta < 0
    assert covered[MAP] < covered[INPUT] < covered[DISC] + 0.02
    assert covered[ON_OBJECT] < covered[DISC]
    against = found.false
    assert against.covered[MAP] > max(0.0, against.covered[DISC])
    assert sum(n for _, n in against.by_fact.values()) == against.units
    assert OTHER not in against.in_box


def test_heatmap_command_prints_text_and_json(scenes, capsys, tmp_path):
    two = scenes.parent / "two.jsonl"
    two.write_text("\n".join(scenes.read_text().splitlines()[:2]) + "\n")
    assert main(["evaluate", "heatmap", str(two), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["scenes"] == 2
    assert record["true"]["in_box"][MAP] >= 0.5
    assert main(["evaluate", "heatmap", str(two)]) == 0
    printed = capsys.readouterr().out
    assert f"in the box {record['true']['in_box'][MAP]:.3f}" in printed
    assert f"covered, delta moves {record['true']['covered'][MAP]:+.4f}" in printed


def test_scenes_without_boxes_are_refused_with_the_line_and_none_at_all_too(scenes, tmp_path, capsys):
    rows = [json.loads(line) for line in scenes.read_text().splitlines()]
    del rows[1]["boxes"]
    path = tmp_path / "old.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(DataError, match=r"old.jsonl, line 2: no boxes .* draw the scenes anew"):
        read_placed_scenes(path)
    with pytest.raises(DataError, match="no scenes to evaluate"):
        evaluate_heat_maps(None, [], tmp_path)
    assert main(["evaluate", "heatmap", str(path)]) == 2
    assert "draw the scenes anew" in capsys.readouterr().err
