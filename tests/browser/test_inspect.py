"""The Inspect page in a real browser."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

CAPTION = (
    "A drawing of a few things. A red disc floats on the left, above the green ground. A blue square stands "
    "on the right. To its left there is a large purple dog. A small yellow moon hangs in the upper right "
    "corner. Behind everything is a pale sky without a single cloud. In the middle nothing is to be seen."
)
OpenPage = Callable[..., Page]


def score(page: Page, image: Path, caption: str) -> None:
    page.locator("#image input[type=file]").set_input_files(image)
    expect(page.locator("#image img")).to_be_visible()
    page.locator("#caption textarea").fill(caption)
    page.locator("#score-button").click()
    expect(page.locator("#units .lens-u").first).to_be_visible()


def chosen(page: Page) -> dict[str, int]:
    """Return which unit is marked in the caption, the table and the curve; -1 where none or several are."""
    return page.evaluate(
        """() => {
          const one = (selector, read) => {
            const found = document.querySelectorAll(selector);
            return found.length === 1 ? Number(read(found[0])) : -1;
          };
          return {
            caption: one("#units .lens-u.lens-chosen", (node) => node.dataset.unit),
            table: one("#units-table tr.lens-chosen", (node) => node.dataset.unit),
            curve: one("#curve .shapelayer path.lens-band-chosen", (node) => node.dataset.index),
          };
        }"""
    )


def expect_chosen(page: Page, index: int) -> None:
    page.wait_for_function(
        """(index) => document.querySelectorAll("#curve path.lens-band-chosen").length === 1 &&
            document.querySelector("#curve path.lens-band-chosen").dataset.index === String(index)""",
        arg=index,
    )
    assert chosen(page) == {"caption": index, "table": index, "curve": index}
    expect(page.locator("#details")).to_contain_text(f"{index + 1} · ")


def click_curve_at(page: Page, index: int) -> None:
    band = page.locator(f"#curve .shapelayer path[data-index='{index}']").bounding_box()
    assert band is not None
    page.locator("#curve").scroll_into_view_if_needed()
    page.wait_for_timeout(400)  # plotly takes two clicks within 300 ms for a double click
    band = page.locator(f"#curve .shapelayer path[data-index='{index}']").bounding_box()
    page.mouse.move(band["x"] + band["width"] / 2 - 2, band["y"] + band["height"] / 2)
    page.mouse.move(band["x"] + band["width"] / 2, band["y"] + band["height"] / 2)
    page.mouse.down()
    page.mouse.up()


def colour(page: Page, selector: str, name: str) -> str:
    return page.evaluate(
        "([selector, name]) => getComputedStyle(document.querySelector(selector))[name]", [selector, name]
    )


@pytest.mark.parametrize(
    ("theme", "blue", "dip"),
    [("light", "rgb(0, 114, 178)", "rgb(213, 94, 0)"), ("dark", "rgb(86, 180, 233)", "rgb(255, 138, 61)")],
)
def test_upload_and_score_draws_a_curve_whose_dips_can_be_chosen(
    open_page: OpenPage, drawn_image: Path, theme: str, blue: str, dip: str
) -> None:
    page = open_page(theme=theme)
    score(page, drawn_image, CAPTION)

    # The caption is cut into units that are the caption again; some may be marked as uncertain by now.
    texts = page.locator("#units .lens-caption").inner_text()
    assert re.sub(r"\s+", " ", re.sub(r"\d+\??", "", texts)).strip() == CAPTION
    dips = page.locator("#units .lens-u-dip")
    assert dips.count() > 0
    expect(page.locator("#headline")).to_contain_text(f"▼ {dips.count()} dip")

    # Dips have the colour of this theme and a second mark, in the curve and in the caption.
    assert page.locator("#curve .scatterlayer .trace:nth-child(2) .point").count() == dips.count()
    assert colour(page, "#curve .trace:nth-child(2) .point", "fill") == dip
    assert colour(page, "#curve .trace:nth-child(1) .js-line", "stroke") == blue
    assert colour(page, "#units .lens-u-dip", "textDecorationStyle") == "wavy"

    # A click on a dip in the caption shows in the curve, and a click in the curve shows in the caption.
    first = int(dips.first.get_attribute("data-unit") or -1)
    dips.first.click()
    expect_chosen(page, first)
    expect(page.locator("#details")).to_contain_text("a dip")
    other = 0 if first != 0 else 1
    click_curve_at(page, other)
    expect_chosen(page, other)
    click_curve_at(page, first)
    expect_chosen(page, first)


def test_hover_over_the_curve_names_the_unit_its_delta_and_its_similarity(
    open_page: OpenPage, drawn_image: Path
) -> None:
    page = open_page()
    score(page, drawn_image, CAPTION)
    click_curve_at(page, 1)
    hover = page.locator("#curve .hoverlayer .hovertext").first
    expect(hover).to_contain_text("2 · ")
    expect(hover).to_contain_text("delta")
    expect(hover).to_contain_text("cosine")
    expect(page.locator("#units .lens-u.lens-hovered")).to_have_count(1)


def test_units_can_be_walked_with_the_keyboard_alone(open_page: OpenPage, drawn_image: Path) -> None:
    page = open_page()
    page.locator("#image input[type=file]").set_input_files(drawn_image)
    expect(page.locator("#image img")).to_be_visible()
    page.locator("#caption textarea").fill(CAPTION)
    page.keyboard.press("Control+Enter")
    units = page.locator("#units .lens-u")
    expect(units.first).to_be_visible()
    last = units.count() - 1
    page.locator("#units .lens-u[tabindex='0']").focus()
    page.keyboard.press("Home")
    expect_chosen(page, 0)
    page.keyboard.press("ArrowRight")
    expect_chosen(page, 1)
    page.keyboard.press("End")
    expect_chosen(page, last)
    page.keyboard.press("ArrowDown")
    expect_chosen(page, last)
    assert page.evaluate("document.activeElement.dataset.unit") == str(last)


def test_threshold_redraws_without_scoring_again_and_keeps_the_chosen_unit(
    open_page: OpenPage, drawn_image: Path
) -> None:
    page = open_page()
    score(page, drawn_image, CAPTION)
    page.locator("#units .lens-u").nth(1).click()
    cosines = page.locator("#units-table td:nth-child(3)").all_inner_texts()
    score_line = page.locator("#headline .lens-big").inner_text()
    page.locator("#threshold input[type=number]").fill("0.2")
    page.locator("#threshold input[type=number]").press("Enter")
    expect(page.locator("#headline")).to_contain_text("no dips")
    expect(page.locator("#curve .trace:nth-child(2) .point")).to_have_count(0)
    assert page.locator("#units .lens-u-dip").count() == 0
    assert page.locator("#units-table td:nth-child(3)").all_inner_texts() == cosines
    assert page.locator("#headline .lens-big").inner_text() == score_line
    expect_chosen(page, 1)


def test_table_downloads_are_the_curve_on_the_page(open_page: OpenPage, drawn_image: Path) -> None:
    page = open_page()
    score(page, drawn_image, CAPTION)
    with page.expect_download() as caught:
        page.locator("#download-json").click()
    record = json.loads(Path(caught.value.path()).read_text())
    assert "".join(unit["text"] for unit in record["units"]) == CAPTION
    with page.expect_download() as caught:
        page.locator("#download-csv").click()
    assert len(Path(caught.value.path()).read_text().splitlines()) == len(record["units"]) + 1


def test_example_with_a_false_fact_is_scored_with_one_click(open_page: OpenPage) -> None:
    page = open_page()
    page.locator("#examples [data-example='2']").click()
    expect(page.locator("#units .lens-u").first).to_be_visible()
    false_caption = page.locator("#caption textarea").input_value()
    page.locator("#examples .lens-seg label").first.click()
    page.locator("#examples [data-example='2']").click()
    page.wait_for_function(
        "before => document.querySelector('#caption textarea').value !== before", arg=false_caption
    )
    expect(page.locator("#headline .lens-big")).not_to_have_text("—")


def test_page_on_a_narrow_screen_is_one_column_without_sideways_scrolling(
    open_page: OpenPage, drawn_image: Path
) -> None:
    page = open_page(width=390, height=844, theme="dark")
    score(page, drawn_image, CAPTION + " " + "x" * 300)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    ids = ["image", "caption", "curve", "units", "details", "units-table"]
    # All at once: the page may still be scrolling to the curve.
    tops = page.evaluate("ids => ids.map(id => document.getElementById(id).getBoundingClientRect().top)", ids)
    assert tops == sorted(tops)


def test_markup_in_a_caption_is_text_everywhere(open_page: OpenPage, drawn_image: Path) -> None:
    page = open_page()
    hostile = (
        "<script>window.pwned=1</script> <img src=x onerror='window.pwned=1'> ${window.pwned=1} "
        "{{#if true}}<b>bold</b>{{/if}} a red car stands in the middle."
    )
    score(page, drawn_image, hostile)
    click_curve_at(page, 0)
    expect(page.locator("#units")).to_contain_text("<script>")
    assert page.evaluate("window.pwned") is None
    assert page.locator("#units img, #units b, #units script, #curve img, #units-table img").count() == 0


def test_bad_input_is_answered_with_one_sentence_and_keeps_the_result(
    open_page: OpenPage, drawn_image: Path, tmp_path: Path
) -> None:
    page = open_page()
    page.locator("#score-button").click()
    expect(page.locator(".toast-body").last).to_contain_text("no image yet")
    score(page, drawn_image, CAPTION)
    expect(page.locator("#f-clip-score")).to_be_visible()
    before = page.locator("#headline").inner_text()

    page.locator("#caption textarea").fill("a " * 5000)
    page.locator("#score-button").click()
    expect(page.locator(".toast-body").last).to_contain_text("5,000 words")
    expect(page.locator("#curve .js-line").first).to_be_visible()
    expect(page.locator("#curve .error")).to_be_hidden()
    page.locator("#caption textarea").fill("   ")
    page.locator("#score-button").click()
    expect(page.locator(".toast-body").last).to_contain_text("no caption yet")

    broken = tmp_path / "broken.jpg"
    whole = tmp_path / "whole.jpg"
    Image.new("RGB", (400, 400), "red").save(whole)
    broken.write_bytes(whole.read_bytes()[:300])
    page.locator("#image button[aria-label='Clear'], #image button[aria-label='Remove Image']").first.click()
    page.locator("#image input[type=file]").set_input_files(broken)
    expect(page.locator(".toast-body").last).to_contain_text("damaged or cut short")
    expect(page.locator("#image img")).to_have_count(0)
    assert page.locator("#headline").inner_text() == before
    assert "Traceback" not in page.content()


def test_picture_chosen_while_the_last_one_is_still_being_taken_away_is_looked_at(
    open_page: OpenPage, drawn_image: Path, tmp_path: Path
) -> None:
    page = open_page()
    page.locator("#image input[type=file]").set_input_files(drawn_image)
    expect(page.locator("#image img")).to_be_visible()
    broken = tmp_path / "broken.png"
    broken.write_bytes(drawn_image.read_bytes()[:300])
    held: list[Route] = []
    page.route("**/queue/join*", lambda route: held.append(route))
    page.locator("#image button[aria-label='Remove Image']").click()
    expect(page.locator("#image img")).to_have_count(0)
    page.locator("#image input[type=file]").set_input_files(broken)
    expect(page.locator("#image img")).to_have_count(1)
    page.unroute("**/queue/join*")
    for route in held:
        route.continue_()
    expect(page.locator(".toast-body").last).to_contain_text("damaged or cut short")
    expect(page.locator("#image img")).to_have_count(0)


def test_model_that_cannot_be_downloaded_is_answered_with_one_sentence(
    open_page: OpenPage, drawn_image: Path
) -> None:
    page = open_page()
    page.locator("#model input").click()
    page.get_by_role("option", name="specs", exact=True).click()
    expect(page.locator("#model-note")).to_contain_text("CC BY-NC 4.0")
    expect(page.locator("#chip")).to_contain_text("specs · photographs · 248 tokens")
    page.locator("#image input[type=file]").set_input_files(drawn_image)
    expect(page.locator("#image img")).to_be_visible()
    page.locator("#caption textarea").fill(CAPTION)
    page.locator("#score-button").click()
    expect(page.locator(".toast-body").last).to_contain_text("specs download specs")


def test_theme_switch_repaints_the_page_and_is_remembered(open_page: OpenPage) -> None:
    page = open_page()
    paper = colour(page, "body", "backgroundColor")
    page.locator(".lens-theme").click()
    assert colour(page, "body", "backgroundColor") != paper
    page.goto(page.url.split("?")[0])
    page.wait_for_function("document.body.classList.contains('dark')")
