"""The same rows from JSON lines, CSV, Parquet and folders of the datasets library; images by their header."""

import base64
import csv
import json
import zlib
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from sqlalchemy import select

from annotations.engine import reading
from annotations.errors import InvalidRecordError
from annotations.importing import ImportPlan, import_items
from annotations.reading import read_rows
from annotations.schema import images, items, units


def picture(colour: str = "red", size: tuple[int, int] = (40, 30), format: str = "PNG", **options) -> bytes:
    stream = BytesIO()
    Image.new("RGB", size, colour).save(stream, format, **options)
    return stream.getvalue()


@pytest.fixture
def take(engine, tmp_path):
    def run(path: Path, **plan: object):
        options = {"campaign": "study", "create": True, **plan}
        return import_items(engine, path, ImportPlan(**options), images=tmp_path / "images")

    return run


def captions(engine) -> set[tuple]:
    columns = (items.c.caption, items.c.source, items.c.role, items.c.overlap, images.c.filename)
    with reading(engine) as connection:
        query = select(*columns).join(images, images.c.id == items.c.image_id)
        return {tuple(row) for row in connection.execute(query)}


EXPECTED = {
    ("One.", "a", "regular", 2, "x.png"),
    ("Two.", "b", "regular", 2, "x.png"),
    ("Blue.", "", "gold", 1_000_000, "y.png"),
}
GOLD = {"answers": {"overall": [1, 2]}, "verdicts": [{"start": 0, "end": 2, "verdict": "unsure"}]}


def test_csv_holds_structured_cells_as_json_and_missing_ones_empty(engine, take, tmp_path):
    (tmp_path / "x.png").write_bytes(picture())
    (tmp_path / "y.png").write_bytes(picture("blue"))
    pair = [{"caption": "One.", "source": "a"}, {"caption": "Two.", "source": "b"}]
    with (tmp_path / "t.csv").open("w", newline="", encoding="utf-8-sig") as stream:
        writer = csv.writer(stream)
        writer.writerow(["image", "captions", "caption", "overlap", "gold"])
        writer.writerow(["x.png", json.dumps(pair), "", "2", ""])
        writer.writerow(["y.png", "", "Blue.", "", json.dumps(GOLD)])
    assert take(tmp_path / "t.csv").refused == 0
    assert captions(engine) == EXPECTED


@pytest.mark.parametrize("kind", ["parquet", "stream", "file", "shards", "saved", "splits"])
def test_arrow_tables_with_embedded_images_give_the_same_items(engine, take, tmp_path, kind):
    rows = pa.table(
        {
            "image": [
                {"bytes": picture(), "path": "somewhere/x.png"},
                {"bytes": picture("blue"), "path": "y.png"},
            ],
            # As `datasets` stores a list of objects: an object of lists.
            "captions": [{"caption": ["One.", "Two."], "source": ["a", "b"]}, None],
            "caption": [None, "Blue."],
            "overlap": [2.0, float("nan")],
            "gold": [None, json.dumps(GOLD)],
            "unused": [1, 2],
        }
    )
    folder = tmp_path / "set"
    folder.mkdir()
    path = folder
    if kind == "parquet":
        path = folder / "t.parquet"
        pq.write_table(rows, path)
    elif kind in ("stream", "file"):
        path = folder / "t.arrow"
        new = pa.ipc.new_stream if kind == "stream" else pa.ipc.new_file
        with new(path, rows.schema) as writer:
            writer.write_table(rows)
    elif kind == "shards":
        (folder / "data").mkdir()
        for number in (0, 1):
            pq.write_table(rows.slice(number, 1), folder / "data" / f"train-0000{number}-of-00002.parquet")
    else:
        if kind == "splits":
            (folder / "dataset_dict.json").write_text('{"splits": ["train"]}')
            folder = folder / "train"
            folder.mkdir()
        names = [f"data-0000{number}-of-00002.arrow" for number in (0, 1)]
        for number, name in enumerate(names):
            with pa.ipc.new_stream(folder / name, rows.schema) as writer:
                writer.write_table(rows.slice(number, 1))
        state = {"_data_files": [{"filename": name} for name in names], "_split": "train"}
        (folder / "state.json").write_text(json.dumps(state))
        (folder / "dataset_info.json").write_text("{}")
    report = take(path)
    assert [refusal.reason for refusal in report.refusals] == []
    assert captions(engine) == EXPECTED


@pytest.mark.parametrize("name", ["metadata.csv", "metadata.jsonl"])
def test_folder_of_images_with_metadata_is_read_relative_to_each_file(engine, take, tmp_path, name):
    folder = tmp_path / "set" / "train"
    folder.mkdir(parents=True)
    (folder / "a.png").write_bytes(picture())
    text = (
        "file_name,caption\na.png,Red.\n"
        if name.endswith("csv")
        else '{"file_name": "a.png", "caption": "Red."}'
    )
    (folder / name).write_text(text)
    take(tmp_path / "set")
    assert captions(engine) == {("Red.", "", "regular", 3, "a.png")}


def test_images_in_json_lines_are_base64(engine, take, tmp_path):
    row = {"image": {"bytes": base64.b64encode(picture()).decode(), "path": "r.png"}, "caption": "Red."}
    bad = {"image": {"bytes": "no base64!"}, "caption": "Red."}
    (tmp_path / "t.jsonl").write_text("\ufeff" + json.dumps(row) + "\n\n" + json.dumps(bad))
    report = take(tmp_path / "t.jsonl", skip_invalid=True)
    assert captions(engine) == {("Red.", "", "regular", 3, "r.png")}
    assert [(one.number, one.reason) for one in report.refusals] == [
        (3, "the bytes of the image are not base64")
    ]


def test_units_from_a_table_of_objects_of_lists_are_stored(engine, take, tmp_path):
    cut = {"start": [0, 4], "end": [4, 9], "text": ["One.", " Two."]}
    table = {"image": [{"bytes": picture(), "path": None}], "caption": ["One. Two."]}
    table |= {"units": [cut], "segmenter_version": ["v"]}
    pq.write_table(pa.table(table), tmp_path / "t.parquet")
    take(tmp_path / "t.parquet")
    with reading(engine) as connection:
        assert connection.execute(select(units.c.start, units.c.end)).all() == [(0, 4), (4, 9)]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "the line is not JSON"),
        ("[1]", "the line is not a JSON object"),
        ("[" * 100_000, "the line is not JSON"),
        ('{"a": "\udcff"}', "the line is not JSON"),
    ],
)
def test_json_line_that_cannot_be_read_is_one_refused_row(take, tmp_path, line, reason):
    (tmp_path / "t.jsonl").write_text('{"x": 1}\n' + line + "\n", errors="surrogateescape")
    report = take(tmp_path / "t.jsonl")
    assert [(one.number, one.reason[: len(reason)]) for one in report.refusals][1] == (2, reason)


def test_csv_row_of_another_length_is_refused_and_counted_as_a_spreadsheet_does(take, tmp_path):
    (tmp_path / "t.csv").write_text('image,caption\na.png,"two\nlines"\nb.png\n')
    report = take(tmp_path / "t.csv")
    assert [(one.number, one.reason) for one in report.refusals] == [
        (2, "there is no image 'a.png'"),
        (3, "the row has 1 cells, and the heading has 2"),
    ]


def test_cell_of_somebody_elses_csv_keeps_its_apostrophe(tmp_path):
    (tmp_path / "t.csv").write_text("image,caption\na.png,'=x\n")
    assert [row.values["caption"] for row in read_rows(tmp_path / "t.csv")] == ["'=x"]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("t.txt", b"", "give a file that ends in .jsonl"),
        ("t.csv", b"a,a\n1,2\n", "two columns 'a'"),
        ("t.csv", b"image,caption\n\xff\xfe,b\n", "is not UTF-8"),
        ("t.jsonl", b"\n", "has no rows"),
        ("t.parquet", b"PAR1 no", "t.parquet cannot be read"),
        ("t.arrow", b"\xff\xff\xff\xff\x10\x00\x00\x00", "t.arrow cannot be read"),
        ("t.csv", b"item_id,image_sha256\n1,2\n", "exported from this program"),
    ],
)
def test_table_that_cannot_be_read_is_refused_in_one_sentence(take, tmp_path, name, content, reason):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidRecordError, match=reason) as caught:
        take(tmp_path / name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({}, "holds neither state.json"),
        ({"state.json": '{"_data_files": [{"filename": "../t.arrow"}]}'}, "a file outside it: '../t.arrow'"),
        ({"state.json": '{"_data_files": []}'}, "does not say which files"),
        ({"state.json": "{"}, "cannot be read as JSON"),
        ({"dataset_dict.json": '{"splits": ["../.."]}'}, "a file outside it"),
    ],
)
def test_folder_that_is_no_table_is_refused(take, tmp_path, files, reason):
    folder = tmp_path / "set"
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    with pytest.raises(InvalidRecordError, match=reason):
        take(folder)


# Images


def take_image(take, tmp_path, content: bytes):
    (tmp_path / "i").write_bytes(content)
    (tmp_path / "t.jsonl").write_text('{"image": "i", "caption": "c"}')
    return take(tmp_path / "t.jsonl")


def flat_png(width: int, height: int) -> bytes:
    """The header of a picture of any size; its pixels are never looked at."""
    small = bytearray(picture(size=(1, 1)))
    small[16:24] = width.to_bytes(4) + height.to_bytes(4)
    small[29:33] = zlib.crc32(small[12:29]).to_bytes(4)
    return bytes(small)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is not a JPEG, PNG or WEBP image"),
        (b"<svg/>", "is not a JPEG, PNG or WEBP image"),
        (picture(format="GIF"), "is not a JPEG, PNG or WEBP image"),
        (picture(format="BMP"), "is not a JPEG, PNG or WEBP image"),
        (flat_png(8000, 5001), "8000 x 5001 pixels; at most 40,000,000"),
        (flat_png(2**31 - 1, 2**31 - 1), "at most 40,000,000|not a JPEG"),
        (flat_png(1, 101), "1 x 101 pixels; one side may be at most 100 times"),
    ],
)
def test_image_that_cannot_be_shown_is_refused_by_its_header(take, tmp_path, content, reason):
    report = take_image(take, tmp_path, content)
    with pytest.raises(InvalidRecordError, match=reason):
        raise InvalidRecordError(report.refusals[0].reason)


@pytest.mark.parametrize("content", [flat_png(8000, 5000), flat_png(1, 100), picture(format="WEBP")])
def test_image_at_the_limits_is_taken(take, tmp_path, content):
    assert take_image(take, tmp_path, content).written.images == 1


def test_animated_image_is_taken(take, tmp_path):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    stream = BytesIO()
    frames[0].save(stream, "WEBP", save_all=True, append_images=frames[1:])
    assert take_image(take, tmp_path, stream.getvalue()).written.images == 1


def test_photograph_on_its_side_is_measured_upright(engine, take, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    take_image(take, tmp_path, picture(size=(40, 30), format="JPEG", exif=exif))
    with reading(engine) as connection:
        assert connection.execute(select(images.c.width, images.c.height)).one() == (30, 40)
