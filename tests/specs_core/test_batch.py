"""Data sets in and out: order, bad rows, repeated images, captions beyond the context."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specs_core.batch import Message, Report, read_rows, write_curves, write_scores
from specs_core.curve import curve_record, score_curve
from specs_core.encoder import Encoder
from specs_core.errors import DataError
from specs_core.images import read_image

CAPTION = "A red disc, beside a blue square, stands on green ground under a pale sky."


@pytest.fixture
def folder(tmp_path: Path, drawn_image: Path) -> Path:
    """A data set's folder with its image in images/drawn.png."""
    (tmp_path / "images").mkdir()
    (tmp_path / "images/drawn.png").write_bytes(drawn_image.read_bytes())
    return tmp_path


def row(name: Any, *, image: str = "images/drawn.png", caption: str = CAPTION) -> str:
    return json.dumps({"id": name, "image": image, "caption": caption})


def written(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_write_curves_of_good_rows_gives_the_record_of_each_with_its_id(
    folder: Path, tiny_encoder: Encoder
) -> None:
    (folder / "in.jsonl").write_text("\n".join([row("a"), row(7, caption="A blue square \u00e9\U0001f436.")]))
    report = write_curves(folder / "in.jsonl", folder / "out.jsonl", tiny_encoder, threshold=0.01)
    assert report == Report(written=2, left_out=0)
    first, second = written(folder / "out.jsonl")
    curve = score_curve(tiny_encoder, read_image(folder / "images/drawn.png"), CAPTION)
    assert first == {"id": "a", **curve_record(curve, tiny_encoder, threshold=0.01)}
    assert (second["id"], second["units"][-1]["text"][-2:]) == (7, "\U0001f436.")


def test_write_scores_gives_the_numbers_of_the_curves(folder: Path, tiny_encoder: Encoder) -> None:
    long = " ".join([CAPTION] * 20)  # beyond the context
    rows = [row(n, caption=CAPTION[: 30 + n]) for n in range(40)]  # more than one chunk
    (folder / "in.jsonl").write_text("\n".join([*rows, row("long", caption=long), row("last")]))
    told: list[Message] = []
    report = write_scores(folder / "in.jsonl", folder / "scores.jsonl", tiny_encoder, on_message=told.append)
    write_curves(folder / "in.jsonl", folder / "curves.jsonl", tiny_encoder)
    scores, curves = written(folder / "scores.jsonl"), written(folder / "curves.jsonl")
    assert report == Report(written=42, left_out=0)
    assert [list(each) for each in scores] == [["id", "score", "similarity"]] * 42
    assert [each["id"] for each in scores] == [each["id"] for each in curves] == [*range(40), "long", "last"]
    for key in ("score", "similarity"):
        np.testing.assert_allclose([s[key] for s in scores], [c[key] for c in curves], atol=1e-5)
    assert [(message.id, message.left_out) for message in told] == [("long", False)]
    assert "lie beyond the model's 248 tokens" in told[0].text


def test_write_scores_of_a_caption_whose_first_unit_is_too_long_gives_null(
    folder: Path, tiny_encoder: Encoder
) -> None:
    (folder / "in.jsonl").write_text(row("x", caption="dog" * 1000))
    write_scores(folder / "in.jsonl", folder / "out.jsonl", tiny_encoder)
    assert written(folder / "out.jsonl") == [{"id": "x", "score": None, "similarity": None}]


@pytest.mark.parametrize("write", [write_curves, write_scores])
def test_write_with_bad_rows_reports_each_with_its_id_and_carries_on(
    write: Any, folder: Path, tiny_encoder: Encoder
) -> None:
    (folder / "text.png").write_text("no image")
    lines = [
        row("first"),
        "",
        "{not json",
        "[1]",
        json.dumps({"image": "images/drawn.png", "caption": CAPTION}),
        json.dumps({"id": True, "image": "images/drawn.png", "caption": CAPTION}),
        row("blank", caption=" \n"),
        json.dumps({"id": "none", "image": "images/drawn.png"}),
        json.dumps({"id": "number", "image": 5, "caption": CAPTION}),
        row("gone", image="images/gone.png"),
        row("text", image="text.png"),
        '{"id": "half", "image": "images/drawn.png", "caption": "half a pair \\ud800"}',
        row("last"),
    ]
    (folder / "in.jsonl").write_bytes("\n".join(lines).encode() + b'\n{"id": "latin", "caption": "caf\xe9"}')
    told: list[Message] = []
    steps: list[int] = []
    report = write(
        folder / "in.jsonl",
        folder / "out.jsonl",
        tiny_encoder,
        on_message=told.append,
        on_row=lambda: steps.append(1),
    )
    assert [each["id"] for each in written(folder / "out.jsonl")] == ["first", "last"]
    assert report == Report(written=2, left_out=11)
    assert len(steps) == 13
    by_line = {message.number: str(message) for message in told}
    assert by_line[3].startswith("line 3: not a line of JSON")
    assert by_line[4] == "line 4: a JSON list, not an object"
    assert by_line[5] == "line 5: no id"
    assert by_line[6] == "line 6: its id is True, not a string or an integer"
    assert by_line[7] == "line 7, id 'blank': its caption is no text, or empty"
    assert by_line[8] == "line 8, id 'none': no caption"
    assert by_line[9] == "line 9, id 'number': its image is no text, or empty"
    assert by_line[10].startswith("line 10, id 'gone': The image file gone.png cannot be read")
    assert by_line[11] == "line 11, id 'text': The file is not a JPEG, PNG or WEBP image."
    assert by_line[12].startswith("line 12, id 'half': half a character")
    assert by_line[14].startswith("line 14: not a line of JSON")


def test_write_scores_of_many_captions_of_one_image_encodes_it_once(
    folder: Path, tiny_encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[int] = []
    encode = tiny_encoder.image_features
    monkeypatch.setattr(
        tiny_encoder, "image_features", lambda images: (encoded.append(len(images)), encode(images))[1]
    )
    (folder / "in.jsonl").write_text("\n".join(row(n) for n in range(70)))
    write_scores(folder / "in.jsonl", folder / "out.jsonl", tiny_encoder)
    assert encoded == [1]


def test_write_over_the_input_is_refused_and_leaves_it_whole(folder: Path, tiny_encoder: Encoder) -> None:
    (folder / "in.jsonl").write_text(row("a"))
    with pytest.raises(DataError, match="is the input as well"):
        write_scores(folder / "in.jsonl", folder / "images/../in.jsonl", tiny_encoder)
    assert (folder / "in.jsonl").read_text() == row("a")


def test_write_of_a_missing_input_leaves_the_output_as_it_was(folder: Path, tiny_encoder: Encoder) -> None:
    (folder / "out.jsonl").write_text("earlier work")
    with pytest.raises(DataError, match=r"gone\.jsonl cannot be read: No such file"):
        write_scores(folder / "gone.jsonl", folder / "out.jsonl", tiny_encoder)
    assert (folder / "out.jsonl").read_text() == "earlier work"


def test_write_into_a_missing_folder_says_so(folder: Path, tiny_encoder: Encoder) -> None:
    (folder / "in.jsonl").write_text(row("a"))
    with pytest.raises(DataError, match=r"out\.jsonl cannot be written: No such file"):
        write_scores(folder / "in.jsonl", folder / "gone/out.jsonl", tiny_encoder)


def test_read_rows_of_a_file_with_a_byte_order_mark_reads_its_first_row(folder: Path) -> None:
    (folder / "in.jsonl").write_text(row("a"), encoding="utf-8-sig")
    (only,) = read_rows(folder / "in.jsonl")
    assert (only.number, only.id) == (1, "a")
    assert getattr(only, "image") == folder / "images/drawn.png"  # noqa: B009


def test_read_rows_with_an_absolute_image_path_keeps_it(folder: Path) -> None:
    path = folder / "images/drawn.png"
    (folder / "in.jsonl").write_text(row("a", image=str(path)))
    (only,) = read_rows(folder / "in.jsonl")
    assert getattr(only, "image") == path  # noqa: B009
