import json

import pytest

from specs_core.cli import main
from specs_core.errors import DataError
from specs_core.segmentation import SEGMENTERS, segment, segment_many
from specs_core.segmentation.cli import run


def _write(path, rows):
    path.write_text(
        "".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows), encoding="utf-8"
    )
    return path


def _read(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("segmenter", SEGMENTERS)
def test_segment_command_writes_id_and_units_of_every_line(tmp_path, segmenter):
    caption = "A red car stands on a road. Behind it is a tree, with green leaves."
    source = _write(
        tmp_path / "in.jsonl", [{"id": "a", "caption": caption}, "\n", {"id": 7, "caption": "🚗\ud83d"}]
    )
    out = tmp_path / "out.jsonl"
    assert main(["segment", str(source), "-o", str(out), "--segmenter", segmenter]) == 0
    assert _read(out) == [
        {"id": "a", "units": [unit.text for unit in segment(caption, segmenter=segmenter)]},
        {"id": 7, "units": ["🚗\ud83d"]},
    ]


def test_segment_command_bad_lines_are_reported_and_left_out(tmp_path, capsys):
    source = _write(
        tmp_path / "in.jsonl",
        [
            {"id": "first", "caption": "A car."},
            "not json\n",
            {"id": "blank", "caption": "  "},
            {"caption": "A tree."},
            {"id": "number", "caption": 3},
            {"id": "last", "caption": "A house."},
        ],
    )
    out = tmp_path / "out.jsonl"
    assert main(["segment", str(source), "-o", str(out)]) == 1
    assert [row["id"] for row in _read(out)] == ["first", "last"]
    errors = capsys.readouterr().err
    for part in (
        "line 2: not JSON",
        "id blank: the caption is empty",
        "line 4: no id",
        "id number",
        "4 of 6 lines",
    ):
        assert part in errors


def test_segment_command_missing_input_is_a_user_error(tmp_path, capsys):
    assert main(["segment", str(tmp_path / "none.jsonl"), "-o", str(tmp_path / "out.jsonl")]) == 2
    assert "none.jsonl cannot be read" in capsys.readouterr().err
    assert not (tmp_path / "out.jsonl").exists()


def test_run_output_in_a_missing_folder_raises_data_error(tmp_path):
    import argparse

    source = _write(tmp_path / "in.jsonl", [{"id": 1, "caption": "A car."}])
    args = argparse.Namespace(
        input=source,
        output=tmp_path / "none" / "out.jsonl",
        segmenter="dependency",
        pipeline=None,
        processes=1,
    )
    with pytest.raises(DataError, match=r"out\.jsonl cannot be written"):
        run(args)


@pytest.mark.parametrize("processes", ["1", "2"])
def test_segment_command_any_number_of_processes_writes_the_same_lines_in_order(tmp_path, processes):
    captions = [f"A red car number {i} on a road, with {i} wheels and a small dog." for i in range(150)]
    source = _write(
        tmp_path / "in.jsonl", [{"id": i, "caption": caption} for i, caption in enumerate(captions)]
    )
    out = tmp_path / "out.jsonl"
    assert main(["segment", str(source), "-o", str(out), "--processes", processes]) == 0
    assert _read(out) == [
        {"id": i, "units": [unit.text for unit in units]} for i, units in enumerate(segment_many(captions))
    ]


@pytest.mark.parametrize("processes", ["0", "-3"])
def test_segment_command_less_than_one_process_is_a_user_error(tmp_path, capsys, processes):
    source = _write(tmp_path / "in.jsonl", [{"id": 1, "caption": "A car."}])
    out = tmp_path / "out.jsonl"
    assert main(["segment", str(source), "-o", str(out), f"--processes={processes}"]) == 2
    assert f"{processes} processes cannot cut captions" in capsys.readouterr().err
    assert not out.exists()


def test_segment_command_unknown_pipeline_in_a_process_is_a_user_error(tmp_path, capsys):
    source = _write(tmp_path / "in.jsonl", [{"id": 1, "caption": "A car."}])
    out = tmp_path / "out.jsonl"
    options = ["--processes", "2", "--pipeline", "no_such_pipeline"]
    assert main(["segment", str(source), "-o", str(out), *options]) == 2
    assert "'no_such_pipeline' cannot be loaded" in capsys.readouterr().err
