import json
import shutil

import pytest

import specs_core.datasets.preparation as module
from specs_core.cli import main
from specs_core.datasets.pairs import FalseFact, read_pairs
from specs_core.datasets.preparation import Entry, HeldOut, left_out_path, prepare, report_path
from specs_core.errors import DataError


@pytest.fixture
def images(tmp_path, drawn_image):
    """Folder with two good images and one that is cut short."""
    folder = tmp_path / "images" / "coco"
    folder.mkdir(parents=True)
    shutil.copy(drawn_image, folder / "1.png")
    shutil.copy(drawn_image, folder / "2.png")
    (folder / "cut.png").write_bytes(drawn_image.read_bytes()[:150])
    return tmp_path / "images"


ENTRIES = [
    Entry("a", "coco/1.png", "A red disc."),
    Entry("b", "coco/cut.png", "Cut short."),
    Entry("c", "coco/2.png", "A blue square.", (FalseFact(2, 6, "green", "tint"),)),
    Entry("d", "coco/none.png", "Not there."),
    Entry("e", "coco/1.png", "  "),
    Entry("f", None, "No image."),
    Entry("g", "coco/1.png", "half \ud83d"),
    Entry("h", "coco/1.png", "Grass below."),
]


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_every_entry_when_prepared_is_written_or_listed_with_its_reason(tmp_path, images):
    out = tmp_path / "data" / "train.jsonl"
    report = prepare(ENTRIES, out, source="test", images=images)
    pairs = read_pairs(out)
    assert [pair.id for pair in pairs] == ["a", "c", "h"]
    assert all(pair.image.is_file() for pair in pairs)
    assert pairs[1].false_facts == (FalseFact(2, 6, "green", "tint"),)
    listed = lines(left_out_path(out))
    assert [(row["entry"], row["id"], row["reason"]) for row in listed] == [
        (1, "b", "image unreadable"),
        (3, "d", "image missing"),
        (4, "e", "no caption"),
        (5, "f", "no image"),
        (6, "g", "no caption"),
    ]
    assert report.left_out == {
        "no image": 1,
        "no caption": 2,
        "image missing": 1,
        "image unreadable": 1,
    }
    assert report.entries == 8 == report.written + sum(report.left_out.values())
    assert json.loads(report_path(out).read_text())["false_facts"] == 1


def test_images_when_only_looked_for_are_not_decoded(tmp_path, images):
    report = prepare(ENTRIES, tmp_path / "t.jsonl", source="test", images=images, check="exists")
    assert report.left_out == {"no image": 1, "no caption": 2, "image missing": 1}


def test_images_when_checked_by_two_processes_give_the_same_files(tmp_path, images):
    one, two = tmp_path / "one" / "t.jsonl", tmp_path / "two" / "t.jsonl"
    prepare(ENTRIES, one, source="test", images=images)
    prepare(ENTRIES, two, source="test", images=images, workers=2)
    for path in (lambda out: out, left_out_path, report_path):
        assert path(one).read_bytes() == path(two).read_bytes()


def test_first_entries_when_held_out_are_in_their_own_file_alone(tmp_path, images):
    out, held_out = tmp_path / "t.jsonl", tmp_path / "elsewhere" / "v.jsonl"
    report = prepare(ENTRIES, out, source="test", images=images, held_out=HeldOut(held_out, 2))
    assert [pair.id for pair in read_pairs(out)] == ["c", "h"]
    assert [pair.id for pair in read_pairs(held_out)] == ["a"]  # the second of the two is unreadable
    assert (report.written, report.held_out) == (2, 1)
    assert read_pairs(held_out)[0].image.is_file()


@pytest.mark.parametrize("killed_after", range(8))
def test_preparation_that_was_killed_anywhere_goes_on_to_the_same_files(
    tmp_path, images, monkeypatch, killed_after
):
    monkeypatch.setattr(module, "CHUNK", 3)
    held_out = HeldOut(tmp_path / "v.jsonl", 1)
    whole = tmp_path / "whole.jsonl"
    prepare(ENTRIES, whole, source="test", images=images, held_out=HeldOut(tmp_path / "w.jsonl", 1))

    def breaking():
        for number, entry in enumerate(ENTRIES):
            if number == killed_after:
                raise KeyboardInterrupt
            yield entry

    out = tmp_path / "killed.jsonl"
    with pytest.raises(KeyboardInterrupt):
        prepare(breaking(), out, source="test", images=images, held_out=held_out)
    # what stands behind the last point of safety, as a kill while writing leaves it
    with (tmp_path / "killed.jsonl.partial").open("ab") as file:
        file.write(b'{"id": "ha')
    assert not out.exists()
    report = prepare(ENTRIES, out, source="test", images=images, held_out=held_out)
    assert out.read_bytes() == whole.read_bytes()
    assert left_out_path(out).read_bytes() == left_out_path(whole).read_bytes()
    assert held_out.path.read_bytes() == (tmp_path / "w.jsonl").read_bytes()
    assert report.entries == 8
    assert not list(tmp_path.glob("*.partial")) + list(tmp_path.glob("*.progress"))


def test_stopped_preparation_with_other_settings_is_refused(tmp_path, images, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 1)
    out = tmp_path / "t.jsonl"

    def stop(done):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(ENTRIES, out, source="test", images=images, on_entries=stop)
    with pytest.raises(DataError, match=r"t\.jsonl\.progress belongs to a run with other settings"):
        prepare(ENTRIES, out, source="another", images=images)


@pytest.mark.parametrize("left", [b"", b'{"id": "cut'])
def test_preparation_whose_partial_file_was_changed_is_not_gone_on_from(tmp_path, images, monkeypatch, left):
    monkeypatch.setattr(module, "CHUNK", 1)
    out = tmp_path / "t.jsonl"

    def stop(done):
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(ENTRIES, out, source="test", images=images, on_entries=stop)
    (tmp_path / "t.jsonl.partial").write_bytes(left)
    with pytest.raises(DataError, match=r"partial is shorter than .*Delete t\.jsonl\.progress"):
        prepare(ENTRIES, out, source="test", images=images)
    assert (tmp_path / "t.jsonl.partial").read_bytes() == left
    (tmp_path / "t.jsonl.progress").unlink()
    report = prepare(ENTRIES, out, source="test", images=images)
    assert len(lines(out)) == report.written


def test_output_that_exists_is_not_overwritten(tmp_path, images):
    out = tmp_path / "t.jsonl"
    out.write_text("mine")
    with pytest.raises(DataError, match=r"t\.jsonl exists already"):
        prepare(ENTRIES, out, source="test", images=images)
    assert out.read_text() == "mine"


def test_data_command_when_run_on_sharegpt4v_prints_what_was_left_out(tmp_path, images, capsys):
    source = images / "captions.json"
    turns = [{"from": "human", "value": "<image>"}, {"from": "gpt", "value": "A red disc."}]
    values = [{"id": n, "image": f"coco/{n}.png", "conversations": turns} for n in ("1", "none", "2")]
    source.write_text(json.dumps(values))
    out = tmp_path / "train.jsonl"
    assert main(["data", "sharegpt4v", str(source), "-o", str(out)]) == 1
    assert "2 of 3 entries are in" in (printed := capsys.readouterr().out)
    assert "Left out: 1 image missing." in printed
    assert [pair.id for pair in read_pairs(out)] == ["1", "2"]


def test_data_command_when_run_on_sdci_reads_photos_and_says_where_they_are_missing(tmp_path, images, capsys):
    folder = tmp_path / "densely_captioned_images"
    (folder / "complete").mkdir(parents=True)
    (folder / "complete" / "sa_1.json").write_text(
        json.dumps({"image": "1.png", "summaries": {"base": ["A red disc.", "A disc."]}})
    )
    out = tmp_path / "sdci.jsonl"
    command = ["data", "sdci", str(folder), "-o", str(out), "--captions", "all"]
    assert main(command) == 2
    assert "there is no folder of images" in capsys.readouterr().err
    (folder / "photos").symlink_to(images / "coco")
    assert main(command) == 0
    assert [pair.caption for pair in read_pairs(out)] == ["A red disc.", "A disc."]
