"""Views that an address names."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from annotations.campaign_tables import LINKS_CAMPAIGN
from annotations.items import delete_item
from app import addresses, unit_editing
from app.addresses import named_examples, open_item, read_settings, recognise
from app.answers import FormError
from app.context import AppContext
from app.examples import load_examples
from app.inspection import Inspection, store_item

InspectIt = Callable[..., Inspection]
CAPTION = "A drawing of a few things. A red disc floats on the left. A blue square stands on the right."


@pytest.fixture
def context(own_context: AppContext) -> AppContext:
    """What a test stores is in no other test's way."""
    return own_context


def test_a_stored_item_is_opened_again_by_its_id(
    context: AppContext, drawn_image: Path, tmp_path: Path, inspect_it: InspectIt
) -> None:
    shown = inspect_it(context, drawn_image)
    item_id = store_item(context, shown, campaign_id=LINKS_CAMPAIGN)
    named, picture = open_item(context, {"item": item_id}, None)
    picture.save(tmp_path / "again.png")
    again = recognise(context, inspect_it(context, tmp_path / "again.png", named.caption), named)
    assert again.item == item_id
    assert again.record["units"] == shown.record["units"]
    # Another caption is not that item, whatever was opened last.
    assert recognise(context, inspect_it(context, drawn_image, "A cat."), named).item == ""


def test_an_item_with_corrected_units_is_opened_with_them(
    context: AppContext, drawn_image: Path, inspect_it: InspectIt
) -> None:
    shown = inspect_it(context, drawn_image)
    corrected = unit_editing.apply_units(context, shown, {"firsts": [3]})
    saved = unit_editing.save_units(context, corrected, "Ada")
    named, _ = open_item(context, {"item": store_item(context, saved, campaign_id=LINKS_CAMPAIGN)}, None)
    again = recognise(context, inspect_it(context, drawn_image), named)
    assert again.cut == saved.cut
    assert len(again.record["units"]) == 2
    # Where the correction is not there, the page says so instead of passing other units off as it.
    lost = recognise(context, replace(inspect_it(context, drawn_image), saved=()), named)
    assert "may differ" in lost.notes[-1]


def test_every_example_goes_by_a_name_with_both_captions(context: AppContext, inspect_it: InspectIt) -> None:
    assert len({named.name for named in named_examples()}) == 2 * len(load_examples())
    for named in named_examples():
        opened, picture = open_item(context, {"item": named.name}, None)
        assert opened == named
        assert picture.width > 0
    example = load_examples()[0]
    shown = recognise(context, inspect_it(context, example.path, example.false_caption), None)
    assert shown.item.endswith("-false")
    assert shown.item.startswith("example-")


def test_an_example_whose_name_begins_like_another_has_its_own_picture(
    context: AppContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = []
    for number, colour in [("1", "red"), ("12", "blue")]:
        Image.new("RGB", (8, 8), colour).save(tmp_path / f"scene-{number}.png")
        row = {
            "image": f"scene-{number}.png",
            "caption": colour,
            "false_caption": "green",
            "false_span": [0, 5],
        }
        rows.append(row)
    (tmp_path / "examples.json").write_text(json.dumps({"examples": rows}))
    monkeypatch.setattr("app.examples.EXAMPLES_DIR", tmp_path)
    monkeypatch.setattr(addresses, "_examples_by_name", addresses._examples_by_name.__wrapped__)
    named, picture = open_item(context, {"item": "example-scene-12-true"}, None)
    assert named.caption == "blue"
    assert picture.getpixel((0, 0)) == (0, 0, 255)


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("example-9-true", "example that is not here"),
        ("0" * 32, "not stored on this server"),
        ("../../etc/passwd", "does not say which caption"),
        ("", "does not say which caption"),
    ],
)
def test_a_name_that_nothing_goes_by_is_told(context: AppContext, item: str, message: str) -> None:
    with pytest.raises(FormError, match=message):
        open_item(context, {"item": item}, None)


def test_a_deleted_item_is_not_opened(context: AppContext, drawn_image: Path, inspect_it: InspectIt) -> None:
    item_id = store_item(context, inspect_it(context, drawn_image), campaign_id=LINKS_CAMPAIGN)
    delete_item(context.engine, item_id)
    with pytest.raises(FormError, match="has been deleted here"):
        open_item(context, {"item": item_id}, None)


def test_settings_of_an_address_are_read_and_what_the_page_has_not_is_refused(context: AppContext) -> None:
    found = read_settings(context, {"model": "scenes", "units": "grammar", "threshold": "0.02"})
    assert (found.model, found.segmenter, found.threshold) == ("scenes", "grammar", 0.02)
    empty = read_settings(context, {})
    assert (empty.model, empty.segmenter, empty.threshold) == (None, None, None)
    for payload, message in [
        ({"model": "/etc/passwd"}, "model cannot be chosen here"),
        ({"units": "none"}, "units are made by 'none'"),
        ({"threshold": "deep"}, "no number from 0 to 0.2"),
        ({"threshold": "nan"}, "no number from 0 to 0.2"),
        ({"threshold": "-1"}, "no number from 0 to 0.2"),
        ({"threshold": ["1"]}, "has to be text"),
    ]:
        with pytest.raises(FormError, match=message):
            read_settings(context, payload)
