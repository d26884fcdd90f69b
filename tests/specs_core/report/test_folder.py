"""Reports of a data set: order, names, bad rows, runs that go on, folders of somebody else."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from specs_core.batch import Message
from specs_core.cli import main
from specs_core.encoder import Encoder
from specs_core.errors import DataError
from specs_core.report.folder import FolderReport, write_reports
from specs_core.report.index import by_depth

CAPTION = "A red disc, beside a blue square, stands on green ground under a pale sky."
CAPTIONS = (
    CAPTION,
    "A blue square stands alone. It has a hat. The moon is up.",
    "A dog sleeps, far away, on ice.",
)


@pytest.fixture
def folder(tmp_path: Path, drawn_image: Path) -> Path:
    (tmp_path / "drawn.png").write_bytes(drawn_image.read_bytes())
    return tmp_path


def write_rows(folder: Path, *rows: Any) -> Path:
    lines = [
        row if isinstance(row, str) else json.dumps({"image": "drawn.png", "caption": CAPTION, **row})
        for row in rows
    ]
    (folder / "in.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return folder / "in.jsonl"


def index_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "out/index.json").read_text(encoding="utf-8"))


def test_reports_are_listed_with_the_deepest_dip_first(folder: Path, tiny_encoder: Encoder) -> None:
    source = write_rows(folder, *({"id": n, "caption": caption} for n, caption in enumerate(CAPTIONS)))
    assert write_reports(source, folder / "out", tiny_encoder) == FolderReport(written=3, kept=0, left_out=0)
    index = index_of(folder)
    lowest = [row["lowest"]["delta"] for row in index["rows"]]
    assert lowest == sorted(lowest)
    for row in index["rows"]:
        report = json.loads((folder / "out" / row["json"]).read_text(encoding="utf-8"))
        units = report["units"]
        assert report["caption"] == row["caption"] == CAPTIONS[row["id"]]
        assert row["lowest"]["delta"] == min(unit["delta"] for unit in units[1:])
        assert units[row["lowest"]["unit"]]["text"].strip() == row["lowest"]["text"]
        assert (row["dips"], row["uncertain"], row["f_clip_score"]) == (
            sum(unit["dip"] for unit in units),
            sum(unit["uncertain"] for unit in units),
            report["attribution"]["f_clip_score"],
        )
        assert "All captions" in (folder / "out" / row["page"]).read_text(encoding="utf-8")
    page = (folder / "out/index.html").read_text(encoding="utf-8")
    places = [page.index(f'href="{row["page"]}"') for row in index["rows"]]
    assert places == sorted(places)
    assert page.count('src="data:image/jpeg;base64,') == 3


def test_by_depth_puts_rows_without_a_delta_last_and_equal_ones_as_they_came() -> None:
    deltas = [0.1, None, -0.2, 0.1, -0.3, None]
    rows = [{"lowest": None if delta is None else {"delta": delta}} for delta in deltas]
    assert by_depth(rows) == [4, 2, 0, 3, 1, 5]


def test_bad_rows_are_told_listed_with_their_reason_and_left_out(folder: Path, tiny_encoder: Encoder) -> None:
    (folder / "text.png").write_text("no image")
    source = write_rows(
        folder,
        {"id": "good"},
        "{not json",
        {"id": "<b>none</b>", "image": "missing.png"},
        {"id": "text", "image": "text.png"},
        {"id": "last"},
    )
    told: list[Message] = []
    rows: list[int] = []
    done = write_reports(
        source, folder / "out", tiny_encoder, on_message=told.append, on_row=lambda: rows.append(1)
    )
    assert (done, len(rows)) == (FolderReport(written=2, kept=0, left_out=3), 5)
    index = index_of(folder)
    assert {row["id"] for row in index["rows"]} == {"good", "last"}
    assert [(row["line"], row["id"]) for row in index["left_out"]] == [
        (2, None),
        (3, "<b>none</b>"),
        (4, "text"),
    ]
    assert [message.text for message in told] == [row["reason"] for row in index["left_out"]]
    page = (folder / "out/index.html").read_text(encoding="utf-8")
    assert "missing.png cannot be read: No such file" in page
    assert "&lt;b&gt;none&lt;/b&gt;" in page
    assert "<b>none" not in page


def test_a_file_without_a_good_row_still_has_an_index(folder: Path, tiny_encoder: Encoder) -> None:
    write_reports(write_rows(folder, "[]"), folder / "out", tiny_encoder)
    assert "No caption could be scored" in (folder / "out/index.html").read_text(encoding="utf-8")


def test_file_names_are_safe_and_no_two_alike(folder: Path, tiny_encoder: Encoder) -> None:
    names = ["a", "A", 7, "7", "../../up", "a/b", "a?b", "...", "x" * 300, "a", "été"]
    write_reports(write_rows(folder, *({"id": name} for name in names)), folder / "out", tiny_encoder)
    pages = sorted(path.name for path in (folder / "out/pages").glob("*.html"))
    assert len({page.lower() for page in pages}) == len(names)
    assert {"a.html", "A-2.html", "7.html", "7-2.html", "up.html", "a_b.html", "a_b-2.html", "row.html"} <= {
        *pages
    }
    assert {path.name for path in folder.iterdir()} == {"drawn.png", "in.jsonl", "out"}
    assert {row["page"] for row in index_of(folder)["rows"]} == {f"pages/{page}" for page in pages}


def test_a_run_that_was_stopped_goes_on_and_makes_only_what_is_missing(
    folder: Path, tiny_encoder: Encoder
) -> None:
    source = write_rows(folder, *({"id": n, "caption": caption} for n, caption in enumerate(CAPTIONS)))
    seen = []

    def stop() -> None:
        seen.append(1)
        if len(seen) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_reports(source, folder / "out", tiny_encoder, on_row=stop)
    assert not (folder / "out/index.html").exists()
    (folder / "out/pages/1.json").write_text('{"report": {"ki', encoding="utf-8")  # cut short
    first = (folder / "out/pages/0.json").read_text(encoding="utf-8")
    assert write_reports(source, folder / "out", tiny_encoder) == FolderReport(written=2, kept=1, left_out=0)
    assert (folder / "out/pages/0.json").read_text(encoding="utf-8") == first
    assert {row["id"] for row in index_of(folder)["rows"]} == {0, 1, 2}
    assert not list((folder / "out").rglob("*.partial"))


@pytest.mark.parametrize("change", ["caption", "image", "threshold", "page", "force"])
def test_a_report_that_was_made_of_something_else_is_made_anew(
    change: str, folder: Path, tiny_encoder: Encoder
) -> None:
    source = write_rows(folder, {"id": "a"}, {"id": "b", "caption": CAPTIONS[1]})
    write_reports(source, folder / "out", tiny_encoder)
    assert write_reports(source, folder / "out", tiny_encoder) == FolderReport(written=0, kept=2, left_out=0)
    os.utime(folder / "out/pages/a.json", (0, 0))
    options: dict[str, Any] = {}
    written = 2
    if change == "caption":
        write_rows(folder, {"id": "a", "caption": CAPTIONS[2]}, {"id": "b", "caption": CAPTIONS[1]})
        written = 1
    elif change == "image":
        from PIL import Image

        Image.new("RGB", (96, 64), "navy").save(folder / "drawn.png")
    elif change == "threshold":
        options["threshold"] = 0.5
    elif change == "page":
        (folder / "out/pages/a.html").unlink()
        written = 1
    else:
        options["force"] = True
    done = write_reports(source, folder / "out", tiny_encoder, **options)
    assert done == FolderReport(written=written, kept=2 - written, left_out=0)
    assert (folder / "out/pages/a.json").stat().st_mtime > 0
    assert (folder / "out/pages/a.html").exists()


def test_a_folder_with_the_index_of_something_else_is_left_alone(folder: Path, tiny_encoder: Encoder) -> None:
    (folder / "out").mkdir()
    (folder / "out/index.html").write_text("my web site")
    with pytest.raises(DataError, match=r"index\.html of something else"):
        write_reports(write_rows(folder, {"id": 1}), folder / "out", tiny_encoder)
    assert [path.name for path in (folder / "out").iterdir()] == ["index.html"]
    with pytest.raises(DataError, match=r"in\.jsonl is a file"):
        write_reports(folder / "in.jsonl", folder / "in.jsonl", tiny_encoder)
    with pytest.raises(DataError, match=r"none\.jsonl cannot be read"):
        write_reports(folder / "none.jsonl", folder / "new", tiny_encoder)
    assert not (folder / "new").exists()


# The command


@pytest.fixture
def arguments(tiny_checkpoint: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.chdir(folder)
    return ["report", "--model", str(tiny_checkpoint)]


def test_report_command_of_an_image_writes_the_page_and_the_json(
    arguments: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    once = [*arguments, "drawn.png", "--caption", CAPTION, "--threshold", "0.01"]
    assert main([*once, "--json", "found.json"]) == 0
    assert "The report is in drawn.html." in capsys.readouterr().out
    page = (folder / "drawn.html").read_text(encoding="utf-8")
    found = json.loads((folder / "found.json").read_text(encoding="utf-8"))
    assert (found["caption"], found["provenance"]["dip_threshold"]) == (CAPTION, 0.01)
    assert found["image"]["file_name"] == "drawn.png"
    assert found["image"]["pixels_sha256"] in page
    # A file that nobody named is not written over; one that is named is.
    (folder / "drawn.html").write_text("mine")
    assert main(once) == 2
    assert "drawn.html exists already; name a file with -o" in capsys.readouterr().err
    assert (folder / "drawn.html").read_text() == "mine"
    assert main([*once, "-o", "drawn.html"]) == 0
    assert (folder / "drawn.html").read_text(encoding="utf-8") != "mine"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["drawn.png"], "needs its caption: write it after --caption"),
        (["in.jsonl"], "need a folder: name it with -o DIR"),
        (["in.jsonl", "-o", "out", "--json", "x.json"], "--json is for one image"),
        (["drawn.png", "--caption", "x", "--force"], "--force is for a file of lines"),
        (["drawn.png", "--caption", " "], "the caption is empty"),
        (["drawn.png", "--caption", "a \udcff"], "half a character"),
        (["drawn.png", "--caption", "x", "-o", "none/x.html"], "there is no folder none"),
        (["drawn.png", "--caption", "x", "-o", "./drawn.png"], "drawn.png is the image as well"),
        (["drawn.png", "--caption", "x", "--threshold", "-1"], "--threshold has to be 0 or more"),
        (["none.png", "--caption", "x"], "none.png cannot be read"),
        (["none.jsonl", "-o", "out"], "none.jsonl cannot be read"),
    ],
)
def test_report_command_with_wrong_options_says_what_to_do_and_writes_nothing(
    options: list[str],
    message: str,
    arguments: list[str],
    folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_rows(folder, {"id": 1})
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert main([*arguments, *options]) == 2
    assert message in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_report_command_of_lines_tells_what_was_kept_and_left_out(
    arguments: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_rows(folder, {"id": 1}, {"id": 2, "image": "none.png"})
    assert main([*arguments, "in.jsonl", "-o", "out"]) == 1
    assert main([*arguments, "in.jsonl", "-o", "out"]) == 1
    told = capsys.readouterr().err
    assert told.count("line 2, id 2: The image file none.png cannot be read") == 2
    assert "1 of 2 reports were there already and are kept" in told
    assert "1 of 2 rows left out" in told
