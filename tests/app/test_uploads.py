"""No event can name a file of the server that was not uploaded to it."""

from pathlib import Path
from typing import Any

import pytest

from app.uploads import names_foreign_file


def file(path: object) -> dict[str, Any]:
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


def test_names_foreign_file_when_the_file_was_uploaded_lets_it_pass(tmp_path: Path) -> None:
    data = [file(str(tmp_path / "abc" / "x.png")), "caption", {"path": 5}, {"path": None}, 0.1, None]
    assert not names_foreign_file(data, tmp_path)


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "",
        "relative.png",
        "FOLDER/../secret.png",
        "FOLDER",
        "FOLDER-beside/x.png",
        "FOLDER/x\x00.png",
        "https://example.org/x.png",
        "file:///etc/passwd",
        "/proc/self/environ",
    ],
)
@pytest.mark.parametrize("shape", ["bare", "with meta", "nested"])
def test_names_foreign_file_when_it_is_any_other_tells_so(path: str, shape: str, tmp_path: Path) -> None:
    named = file(path.replace("FOLDER", str(tmp_path)))
    data: object = {"bare": {"path": named["path"]}, "with meta": named, "nested": {"a": [{"b": named}]}}[
        shape
    ]
    assert names_foreign_file(["text", data], tmp_path)


def test_names_foreign_file_when_a_link_leads_out_of_the_folder_tells_so(tmp_path: Path) -> None:
    (tmp_path / "uploads").mkdir()
    (tmp_path / "uploads" / "x.png").symlink_to(tmp_path / "secret.png")
    assert names_foreign_file([file(str(tmp_path / "uploads" / "x.png"))], tmp_path / "uploads")
