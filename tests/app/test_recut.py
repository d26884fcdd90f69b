"""The command that cuts a campaign's captions anew."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine

from annotations.engine import open_database
from annotations.images import add_image
from annotations.items import add_item, get_item
from annotations.segmentations import corrected_version
from app import recut
from specs_core.segmentation import segment, segmenter_version

CAPTION = "A red car stands in front of a house. Above it flies a small blue kite."


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, with_database: Callable[[Path], Path]) -> Engine:
    monkeypatch.setenv("SPECS_DATA", str(tmp_path))
    monkeypatch.delenv("SPECS_DB", raising=False)
    return open_database(f"sqlite:///{with_database(tmp_path) / 'specs.sqlite3'}")


def add(engine: Engine, number: int, version: str) -> str:
    image_id = add_image(engine, sha256=f"{number:064x}", filename="a.png", width=8, height=8)
    return add_item(
        engine,
        image_id=image_id,
        caption=CAPTION,
        units=[(CAPTION, 0, len(CAPTION))] if version else None,
        segmenter_version=version,
    )


def test_recut_cuts_the_campaign_s_captions_and_leaves_what_people_have_cut(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    by_hand = corrected_version([(0, len(CAPTION))])
    items = [add(engine, number, version) for number, version in enumerate(("old-1", "", by_hand))]
    assert recut.main(["--campaign", "From Inspect", "--dry-run"]) == 0
    assert "2 captions would be cut anew" in capsys.readouterr().out
    assert get_item(engine, items[0]).segmenter_version == "old-1"

    assert recut.main(["--campaign", "From Inspect", "--actor", "Ada"]) == 0
    assert "2 captions cut anew, 0 were cut so already, 1 are cut by people" in capsys.readouterr().out
    cut = [get_item(engine, item) for item in items]
    assert [item.segmenter_version for item in cut] == [segmenter_version("dependency")] * 2 + [by_hand]
    assert [unit.text for unit in cut[0].units] == [unit.text for unit in segment(CAPTION)]

    assert recut.main(["--campaign", "From Inspect"]) == 0
    assert "0 captions cut anew, 2 were cut so already" in capsys.readouterr().out


def test_recut_that_finds_the_caption_cut_so_already_says_so_and_goes_on(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    add(engine, 1, "old-1")
    assert recut.main(["--campaign", "From Inspect"]) == 0
    twin, other = add(engine, 1, "old-1"), add(engine, 2, "old-1")
    capsys.readouterr()
    assert recut.main(["--campaign", "From Inspect"]) == 1
    said = capsys.readouterr().out
    assert "left as it is" in said
    assert "1 captions cut anew" in said
    assert get_item(engine, twin).segmenter_version == "old-1"
    assert get_item(engine, other).segmenter_version != "old-1"


def test_recut_of_an_unknown_campaign_is_one_sentence(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert recut.main(["--campaign", "Nowhere"]) == 2
    assert capsys.readouterr().err == "app.recut: there is no campaign 'Nowhere'\n"
