"""The evidence on the Inspect page in a real browser: both views of a unit, its words, heat map, picture."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

OpenPage = Callable[..., Page]
CAPTION = (
    "A drawing of a few things. A red disc floats on the left, above the green ground. A blue square stands "
    "on the right. To its left there is a large purple dog. A small yellow moon hangs in the upper right."
)


def variable(page: Page, name: str) -> str:
    return page.evaluate("name => document.getElementById('image').style.getPropertyValue(name)", name)


def test_both_views_of_every_unit_and_the_words_are_shown_and_taken_along(open_scored: OpenPage) -> None:
    page = open_scored(CAPTION)
    cells = page.locator("#units-table tbody tr td:nth-child(5)").all_inner_texts()
    assert len(cells) == page.locator("#units .lens-u").count()
    assert all(cell.lstrip("? ")[0] in "+−" for cell in cells)
    with page.expect_download() as caught:
        page.locator("#download-json").click()
    record = json.loads(Path(caught.value.path()).read_text())
    uncertain = [unit["uncertain"] for unit in record["units"]]
    assert [cell.startswith("?") for cell in cells] == uncertain
    assert page.locator("#units .lens-u-unsure").count() == sum(uncertain) > 0
    # Words: shaded by sign, the misaligned ones underlined.
    words = record["attribution"]["words"]
    against = [word for word in words if word["attribution"] < 0]
    assert page.locator("#units .lens-word-against").all_inner_texts() == [word["text"] for word in against]
    misaligned = [word["text"] for word in words if word["misaligned"]]
    assert page.locator("#units .lens-misaligned").all_inner_texts() == misaligned
    assert misaligned
    with page.expect_download() as caught:
        page.locator("#download-csv").click()
    rows = list(csv.DictReader(Path(caught.value.path()).read_text().splitlines()))
    assert [float(row["leave_one_out"]) for row in rows] == [
        pytest.approx(unit["leave_one_out"]) for unit in record["units"]
    ]


def test_an_uncertain_unit_says_in_words_which_view_doubts_it(open_scored: OpenPage) -> None:
    page = open_scored(CAPTION)
    unsure = page.locator("#units .lens-u-unsure").first
    unsure.click()
    expect(page.locator("#details")).to_contain_text("Uncertain: ")
    expect(page.locator("#details .lens-unsure-chip")).to_be_visible()
    expect(page.locator("#details-gain")).to_contain_text("left out")
    # With a threshold that no fall reaches, both views call every unit right.
    page.locator("#threshold input[type=number]").fill("0.2")
    page.locator("#threshold input[type=number]").press("Enter")
    expect(page.locator("#units .lens-u-unsure")).to_have_count(0)
    expect(page.locator("#details")).to_contain_text("Both views agree")


def test_shading_can_be_switched_off_and_the_units_read_the_same(open_scored: OpenPage) -> None:
    page = open_scored(CAPTION)
    texts = page.locator("#units .lens-u").all_inner_texts()
    page.locator("#words-shaded").uncheck()
    expect(page.locator("#units .lens-word-for")).to_have_count(0)
    assert page.locator("#units .lens-u").all_inner_texts() == texts


def test_arrow_keys_walk_the_units_from_anywhere_but_a_field(open_scored: OpenPage) -> None:
    page = open_scored(CAPTION)
    page.locator("#units .lens-u").first.click()
    page.locator("#headline").click()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#details")).to_contain_text("2 · ")
    expect(page.locator("#units-table tr.lens-chosen")).to_have_attribute("data-unit", "1")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#details")).to_contain_text("1 · ")
    page.locator("#caption textarea").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#details")).to_contain_text("1 · ")


def test_heat_map_lies_over_the_picture_and_follows_the_chosen_unit(open_scored: OpenPage) -> None:
    page = open_scored(CAPTION)
    page.locator("#units .lens-u").nth(1).click()
    page.locator("#heat-toggle").click()
    expect(page.locator("#heat-note")).to_contain_text("An estimate for unit 2")
    first = variable(page, "--heat")
    assert first.startswith("url(data:image/png")
    overlay = page.evaluate(
        "getComputedStyle(document.querySelector('#image .image-frame'), '::after').backgroundImage"
    )
    assert overlay.startswith('url("data:image/png')
    page.locator("#units-table tr[data-unit='2']").click()
    expect(page.locator("#heat-note")).to_contain_text("An estimate for unit 3")
    assert variable(page, "--heat") != first
    page.locator("#heat-opacity").fill("0.25")
    assert variable(page, "--heat-opacity") == "0.25"
    page.locator("#heat-toggle").click()
    assert variable(page, "--heat") == "none"
    expect(page.locator("#heat-tools")).to_be_hidden()


def test_wheel_zooms_at_the_pointer_drag_moves_and_moving_between_units_changes_nothing(
    open_scored: OpenPage,
) -> None:
    page = open_scored(CAPTION)
    page.evaluate("scrollTo(0, 0)")
    frame = page.locator("#image .image-frame").bounding_box()
    assert frame is not None
    x, y = frame["x"] + frame["width"] * 0.25, frame["y"] + frame["height"] * 0.25
    page.mouse.move(x, y)
    page.mouse.wheel(0, -400)
    expect(page.locator("#zoom-level")).not_to_have_text("100 %")
    scale = float(variable(page, "--zoom"))
    assert scale > 1.3
    # What was under the pointer still is.
    assert float(variable(page, "--pan-x")[:-2]) == pytest.approx(frame["width"] * 0.25 * (1 - scale), abs=1)
    assert page.evaluate("scrollY") == 0
    page.mouse.down()
    page.mouse.move(x - 30, y - 20, steps=4)
    page.mouse.up()
    moved = variable(page, "--pan-x")
    assert float(moved[:-2]) == pytest.approx(frame["width"] * 0.25 * (1 - scale) - 30, abs=1)
    # Never past the edge.
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 2000, y + 2000, steps=4)
    page.mouse.up()
    assert (variable(page, "--pan-x"), variable(page, "--pan-y")) == ("0px", "0px")
    for index in (0, 3):
        page.locator("#units .lens-u").nth(index).click()
    assert float(variable(page, "--zoom")) == scale
    page.locator("#zoom-level").click()
    assert variable(page, "--zoom") == "1"


def test_another_picture_is_shown_whole(open_scored: OpenPage, tmp_path: Path) -> None:
    from PIL import Image

    page = open_scored(CAPTION)
    page.locator("#zoom-in").click()
    assert variable(page, "--zoom") == "1.5"
    Image.new("RGB", (200, 100), "green").save(tmp_path / "other.png")
    page.locator("#image button[aria-label='Remove Image']").click()
    expect(page.locator("#picture-tools .lens-zoom")).to_be_hidden()
    page.locator("#image input[type=file]").set_input_files(tmp_path / "other.png")
    expect(page.locator("#picture-tools .lens-zoom")).to_be_visible()
    assert variable(page, "--zoom") == "1"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_on_a_narrow_screen_the_evidence_fits_and_no_text_is_cut(open_scored: OpenPage, theme: str) -> None:
    page = open_scored(CAPTION, width=390, height=844, theme=theme)
    page.locator("#heat-toggle").click()
    expect(page.locator("#heat-note")).to_contain_text("An estimate")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator("#legend li").count() == 4
    # The table has room for words: no unit is broken within one.
    widths = page.locator("#units-table .lens-unit-text").evaluate_all(
        "cells => cells.map(c => c.clientWidth)"
    )
    assert min(widths) > 200


def test_the_report_is_one_page_of_what_is_shown_and_the_same_as_json(
    open_scored: OpenPage, tmp_path: Path
) -> None:
    page = open_scored(CAPTION)
    with page.expect_download() as caught:
        page.locator("#download-report").click()
    report = tmp_path / "report.html"
    caught.value.save_as(report)
    assert caught.value.suggested_filename.endswith("-specs.html")
    with page.expect_download() as caught:
        page.locator("#report-json").click()
    record = json.loads(Path(caught.value.path()).read_text())
    assert record["caption"] == CAPTION
    assert len(record["units"]) == page.locator("#units .lens-u").count()
    deltas = page.locator("#units-table td:nth-child(4)").all_inner_texts()
    offline = page.context.new_page()
    offline.route("http*://**", lambda route: route.abort())
    offline.goto(report.as_uri())
    for delta in deltas[1:]:
        expect(offline.locator("body")).to_contain_text(delta.removeprefix("▼ "))
    offline.close()
    # Of a changed caption there is none: the page says what to do.
    page.locator("#unit-toggle").click()
    expect(page.locator("#score-before")).to_be_visible()
    page.locator("#download-report").click()
    expect(page.locator("#share-note")).to_contain_text("Score the changed caption first")
