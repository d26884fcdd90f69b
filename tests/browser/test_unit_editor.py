"""Correcting detail units in a real browser: by mouse, by keyboard, by touch; saving, and failing to."""

import csv
import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

OpenPage = Callable[..., Page]
Rate = Any  # RatePage of conftest.py


@pytest.fixture
def caption() -> str:
    """A caption that no other test has saved units for."""
    name = secrets.token_hex(4)
    return f"A drawing {name}. A red disc floats on the left. A blue \U0001f697 stands on the right."


def score(page: Page, image: Path, caption: str) -> None:
    page.locator("#image input[type=file]").set_input_files(image)
    expect(page.locator("#image img")).to_be_visible()
    page.locator("#caption textarea").fill(caption)
    page.locator("#score-button").click()
    expect(page.locator("#units .lens-u").first).to_be_visible()


def score_again(page: Page) -> None:
    """Score what is there, and wait for the answer."""
    serial = page.evaluate("() => (window.lensSerial = (window.lensSerial || 0) + 1)")
    page.evaluate(
        """(serial) => new MutationObserver((_, seen) => { window.lensScored = serial; seen.disconnect(); })
            .observe(document.querySelector("#units .lens-host"), { childList: true })""",
        serial,
    )
    page.locator("#score-button").click()
    page.wait_for_function("(serial) => window.lensScored === serial", arg=serial)


def units(page: Page) -> list[str]:
    """Return the units below the curve, as they read."""
    return page.locator("#units-table .lens-unit-text").all_inner_texts()


def edited(page: Page) -> list[str]:
    """Return the units as the bars between the words have them."""
    return page.evaluate(
        """() => {
          const units = [[]];
          for (const pair of document.querySelectorAll(".lens-pair")) {
            units.at(-1).push(pair.querySelector(".lens-word").textContent);
            if (pair.querySelector(".lens-edge")) units.push([]);
          }
          return units.map((words) => words.join(" "));
        }"""
    )


def edit(page: Page) -> None:
    page.locator("#edit-units").click()
    expect(page.locator(".lens-surface")).to_be_visible()


def spot(page: Page, word: int) -> Any:
    return page.locator(f".lens-spot[data-spot='{word}']")


def focused(page: Page) -> int:
    return int(page.evaluate("document.activeElement.dataset.spot ?? -1"))


def middle(page: Page, word: int) -> tuple[float, float]:
    box = spot(page, word).bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def boundaries(page: Page) -> list[int]:
    return page.evaluate(
        "[...document.querySelectorAll('.lens-edge')].map((node) => Number(node.dataset.spot))"
    )


def apply(page: Page) -> None:
    page.locator("#unit-apply").click()
    expect(page.locator(".lens-surface")).to_have_count(0)


def test_editing_is_off_before_a_curve_and_shows_the_units_once_there_is_one(
    open_page: OpenPage, drawn_image: Path, caption: str
) -> None:
    page = open_page()
    expect(page.locator("#edit-units")).to_be_disabled()
    expect(page.locator("#unit-version")).to_be_hidden()
    score(page, drawn_image, caption)
    automatic = units(page)
    edit(page)
    assert edited(page) == automatic
    expect(page.locator("#units")).to_be_hidden()
    expect(page.locator("#unit-apply")).to_be_disabled()
    page.locator("#unit-cancel").click()
    expect(page.locator("#units")).to_be_visible()


def test_units_are_joined_split_and_moved_by_mouse_and_the_curve_follows(
    open_page: OpenPage, rate: Rate, drawn_image: Path, caption: str
) -> None:
    page = open_page()
    rate.be(page, "rater")
    score(page, drawn_image, caption)
    automatic, whole = units(page), page.locator("#headline .lens-big").inner_text()
    edit(page)
    first, second = boundaries(page)[:2]

    # A click on a bar joins, a click between two words splits.
    spot(page, first).click()
    expect(page.locator("#unit-status")).to_have_text(
        f"Units 1 and 2 are joined. {len(automatic) - 1} units."
    )
    assert edited(page)[0] == f"{automatic[0]} {automatic[1]}"
    spot(page, 1).click()
    assert edited(page)[0] == "A"
    expect(page.locator("#unit-status")).to_contain_text("Split: unit 2 begins with")

    # A drag moves a bar to another gap, and stops short of the next bar.
    page.mouse.move(*middle(page, second))
    page.mouse.down()
    page.mouse.move(*middle(page, second - 1), steps=4)
    page.mouse.up()
    assert second - 1 in boundaries(page)
    assert second not in boundaries(page)
    page.mouse.move(*middle(page, second - 1))
    page.mouse.down()
    page.mouse.move(*middle(page, 1), steps=4)
    page.mouse.up()
    assert boundaries(page)[:2] == [1, 2]
    # Escape in the middle of a drag puts the bar back and goes on editing.
    page.mouse.move(*middle(page, 2))
    page.mouse.down()
    page.mouse.move(*middle(page, 4), steps=4)
    assert boundaries(page)[1] == 4
    page.keyboard.press("Escape")
    page.mouse.up()
    assert boundaries(page)[:2] == [1, 2]
    expect(page.locator(".lens-surface")).to_be_visible()

    made = edited(page)
    apply(page)
    expect(page.locator("#headline")).to_contain_text(f"units {len(made)}")
    expect(page.locator("#curve .shapelayer path[data-index]")).to_have_count(len(made))
    assert units(page) == made
    # The same words in the same order have the same score in the end.
    assert page.locator("#headline .lens-big").inner_text() == whole
    expect(page.locator("#unit-version")).to_have_value("unsaved")
    page.locator("#rate-button").click()
    expect(page.locator(".toast-body").last).to_contain_text("not saved yet")


def test_units_are_corrected_with_the_keyboard_alone(
    open_page: OpenPage, drawn_image: Path, caption: str
) -> None:
    page = open_page()
    score(page, drawn_image, caption)
    automatic = units(page)
    page.locator("#edit-units").focus()
    page.keyboard.press("Enter")
    before = boundaries(page)
    assert focused(page) == before[0]
    bar = spot(page, before[0])
    assert bar.get_attribute("role") == "slider"
    assert bar.get_attribute("aria-valuenow") == str(before[0])
    # What has the focus can be seen.
    assert bar.evaluate("(node) => getComputedStyle(node).outlineStyle") == "solid"

    page.keyboard.press("ArrowRight")
    assert focused(page) == before[0] + 1
    expect(page.locator("#unit-status")).to_contain_text("Unit 2 now begins with")
    page.keyboard.press("ArrowLeft")
    assert boundaries(page) == before
    page.keyboard.press("Tab")
    assert focused(page) == before[1]
    page.keyboard.press("ArrowUp")
    assert focused(page) == before[0]
    page.keyboard.press("End")
    assert focused(page) == before[-1]
    page.keyboard.press("Home")

    page.keyboard.press("Delete")
    assert boundaries(page) == before[1:]
    assert focused(page) == before[0]
    page.keyboard.press("s")
    assert boundaries(page) == before
    page.keyboard.press("Enter")  # on a bar: to the next gap
    assert focused(page) == before[0] + 1
    page.keyboard.press("ArrowRight")  # on a gap: to the one after it
    page.keyboard.press("Enter")
    assert boundaries(page) == sorted([*before, before[0] + 2])
    page.keyboard.press("Shift+ArrowLeft")
    assert focused(page) == before[0] + 1
    page.keyboard.press("Backspace")
    expect(page.locator("#unit-status")).to_contain_text("no boundary")

    page.keyboard.press("Control+z")
    assert boundaries(page) == before
    page.keyboard.press("Control+Shift+z")
    assert len(boundaries(page)) == len(before) + 1
    page.keyboard.press("Control+Enter")
    expect(page.locator(".lens-surface")).to_have_count(0)
    assert len(units(page)) == len(automatic) + 1
    expect(page.locator("#unit-status")).to_have_text(f"The curve follows your {len(automatic) + 1} units.")
    expect(page.locator("#edit-units")).to_be_focused()


def test_undo_redo_reset_and_cancel_lose_nothing(
    open_page: OpenPage, drawn_image: Path, caption: str
) -> None:
    page = open_page()
    score(page, drawn_image, caption)
    edit(page)
    automatic = boundaries(page)
    expect(page.locator("#unit-undo")).to_be_disabled()
    spot(page, automatic[0]).click()
    spot(page, 1).click()
    changed = boundaries(page)
    page.locator("#unit-reset").click()
    assert boundaries(page) == automatic
    page.locator("#unit-undo").click()
    assert boundaries(page) == changed
    page.locator("#unit-redo").click()
    assert boundaries(page) == automatic
    page.locator("#unit-undo").click()

    page.locator("#unit-cancel").click()
    expect(page.locator("#units")).to_be_visible()
    page.locator("#unit-resume").click()
    assert boundaries(page) == changed
    page.keyboard.press("Escape")
    page.locator("#unit-discard").click()
    expect(page.locator("#unit-resume")).to_have_count(0)


def test_saved_units_are_a_version_that_can_be_chosen_later_and_rated(
    open_page: OpenPage, rate: Rate, drawn_image: Path, caption: str
) -> None:
    page = open_page()
    score(page, drawn_image, caption)
    automatic = units(page)
    edit(page)
    spot(page, boundaries(page)[0]).click()
    made = edited(page)
    apply(page)
    page.locator("#unit-save").click()
    expect(page.locator("#unit-problem")).to_contain_text("You are not signed in")
    rate.be(page, "rater", "Ada <b>L</b>")
    page.locator("#unit-save").click()
    expect(page.locator("#unit-note")).to_contain_text("Saved: corrected by Ada <b>L</b>,")
    assert page.locator("#unit-editor b").count() == 0

    with page.expect_download() as caught:
        page.locator("#download-json").click()
    provenance = json.loads(Path(caught.value.path()).read_text())["provenance"]
    assert provenance["corrected_by"] == "Ada <b>L</b>"
    with page.expect_download() as caught:
        page.locator("#download-csv").click()
    lines = list(csv.DictReader(Path(caught.value.path()).read_text().splitlines()))
    assert {line["segmentation"] for line in lines} == {provenance["segmenter_version"]}

    # Somebody else, later: the automatic units first, the corrected ones to choose.
    other = open_page()
    score(other, drawn_image, caption)
    assert units(other) == automatic
    options = other.locator("#unit-version option")
    expect(options).to_have_count(2)
    expect(options.first).to_contain_text("automatic (dependency-")
    other.locator("#unit-version").select_option(index=1)
    expect(other.locator("#units .lens-u")).to_have_count(len(made))
    assert units(other) == made
    rate.be(other, "rater")
    other.locator("#rate-button").click()
    other.locator("#rate-help-done").click()
    expect(other.locator("#rate-form")).to_contain_text(made[0])
    other.get_by_role("tab", name="Inspect").click()
    other.locator("#unit-version").select_option("automatic")
    expect(other.locator("#units .lens-u")).to_have_count(len(automatic))


def test_unfinished_units_survive_a_threshold_another_scoring_and_a_reload(
    open_page: OpenPage, drawn_image: Path, caption: str
) -> None:
    page = open_page()
    score(page, drawn_image, caption)
    edit(page)
    spot(page, boundaries(page)[0]).click()
    made = boundaries(page)
    page.locator("#threshold input[type=number]").fill("0.2")
    page.locator("#threshold input[type=number]").press("Enter")
    expect(page.locator("#headline")).to_contain_text("no dips")
    assert boundaries(page) == made
    score_again(page)
    expect(page.locator("#unit-status")).to_contain_text("scored again")
    assert boundaries(page) == made

    # Leaving asks first; whoever leaves all the same finds the units again.
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.reload()
    assert asked == ["beforeunload"]
    expect(page.locator("#headline .lens-headline")).to_be_visible()
    score(page, drawn_image, caption)
    page.locator("#unit-resume").click()
    assert boundaries(page) == made

    # Another caption closes the editor and says where the units are.
    page.locator("#caption textarea").fill("A red disc. A blue square.")
    page.locator("#score-button").click()
    expect(page.locator("#unit-note")).to_contain_text("are kept: score it again")
    expect(page.locator("#unit-resume")).to_have_count(0)


def test_refused_and_failed_requests_keep_the_edit(
    open_page: OpenPage, rate: Rate, drawn_image: Path, caption: str, data_folder: Path
) -> None:
    page = open_page()
    score(page, drawn_image, caption)
    edit(page)
    spot(page, boundaries(page)[0]).click()
    made = edited(page)
    apply(page)
    # The folder of the images cannot be written to; once it can, the same button saves.
    images = data_folder / "images"
    hidden = images.with_name("hidden")
    if images.exists():
        images.rename(hidden)
    images.write_text("in the way")
    try:
        rate.be(page, "rater")
        page.locator("#unit-save").click()
        expect(page.locator("#unit-problem")).to_contain_text("image cannot be stored")
        assert units(page) == made
        expect(page.locator("#unit-version")).to_have_value("unsaved")
    finally:
        images.unlink()
        if hidden.exists():
            hidden.rename(images)
    page.locator("#unit-save").click()
    expect(page.locator("#unit-note")).to_contain_text("Saved")


def test_units_are_corrected_by_touch_on_a_phone(
    open_page: OpenPage, drawn_image: Path, caption: str
) -> None:
    page = open_page(width=390, height=844, theme="dark", touch=True)
    score(page, drawn_image, caption + " " + "x" * 200)
    page.locator("#edit-units").tap()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    sizes = page.evaluate(
        """[...document.querySelectorAll("#unit-editor button, #unit-editor .lens-spot")].map((node) => {
          const box = node.getBoundingClientRect();
          return Math.min(box.width, box.height);
        }).filter((size) => size > 0)"""
    )
    assert min(sizes) >= 32
    first = boundaries(page)[0]
    spot(page, first).tap()
    assert first not in boundaries(page)
    spot(page, 1).tap()
    assert boundaries(page)[0] == 1

    # A finger drags a bar; the page does not scroll under it.
    spot(page, 1).scroll_into_view_if_needed()
    scrolled = page.evaluate("scrollY")
    touch = page.context.new_cdp_session(page)
    (x, y), (to_x, to_y) = middle(page, 1), middle(page, 2)

    def send(kind: str, *points: tuple[float, float]) -> None:
        touch.send(
            "Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in points]}
        )

    send("touchStart", (x, y))
    for step in (0.3, 0.6, 1.0):
        send("touchMove", (x + (to_x - x) * step, y + (to_y - y) * step))
    page.wait_for_timeout(200)  # lifted in full swing it would fling, and the next tap would only stop that
    send("touchMove", (to_x, to_y))
    send("touchEnd")
    assert boundaries(page)[0] == 2
    assert page.evaluate("scrollY") == scrolled
    page.locator("#unit-apply").tap()
    expect(page.locator("#unit-save")).to_be_visible()
    # The curve, which lies above the units, comes into sight.
    top = "document.getElementById('curve-card').getBoundingClientRect().top"
    page.wait_for_function(f"{top} > -120 && {top} < 440")
