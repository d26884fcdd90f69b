"""The app as it comes: the bundled model, its examples, and what it says to a photograph.

With `SPECS_SCREENSHOTS=FOLDER` the pages are also written there as pictures, for the documentation.
"""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

OpenPage = Callable[..., Page]
CAPTION = (
    "The tower stands in the middle under a blue sky. In front of it there is a green lawn with tourists, "
    "and on the left a white horse waits beside a small wooden cart."
)


@pytest.fixture(scope="session")
def screenshots() -> Path | None:
    """Where pictures of the pages are wanted, if anywhere; read before tests clear the variables."""
    folder = os.environ.get("SPECS_SCREENSHOTS")
    return Path(folder) if folder else None


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_example_with_a_false_fact_is_scored_offline_by_the_bundled_model(
    open_bundled_page: OpenPage, screenshots: Path | None, theme: str
) -> None:
    page = open_bundled_page(theme=theme)
    expect(page.locator("#chip")).to_have_text("scenes · drawn scenes only · 248 tokens")
    page.locator("#examples [data-example='5']").click()
    expect(page.locator("#example-note")).to_contain_text("a beach of yellow sand")
    expect(page.locator("#units .lens-u").first).to_be_visible()
    expect(page.locator("#headline")).to_contain_text("by scenes")
    expect(page.locator("#switch-button")).to_have_count(0)
    if screenshots is not None:
        expect(page.locator("#curve path.lens-band-chosen")).to_have_count(1)
        screenshots.mkdir(parents=True, exist_ok=True)
        name = "inspect.png" if theme == "light" else "inspect-dark.png"
        page.wait_for_timeout(1500)  # the curve fades in
        page.screenshot(path=screenshots / name, full_page=True)


def test_example_is_changed_looked_into_and_compared_with_its_true_caption(
    open_bundled_page: OpenPage, screenshots: Path | None
) -> None:
    page = open_bundled_page()
    page.locator("#examples [data-example='5']").click()
    expect(page.locator("#f-clip-score")).to_be_visible()
    expect(page.locator("#evidence-step")).to_have_text("")
    false_caption = page.locator("#caption textarea").input_value()
    # The false unit is the one that both views call wrong, and the one that the correction drops.
    expect(page.locator("#details")).to_contain_text("a beach of yellow sand")
    expect(page.locator("#details")).to_contain_text("Both views agree")
    page.locator("#best-correction").click()
    expect(page.locator("#correction li")).to_contain_text(["a beach of yellow sand"])
    page.locator("#take-correction").click()
    expect(page.locator("#score-before")).to_contain_text("(+")
    page.locator("#units .lens-u", has_text="trumpet").first.click()
    page.locator("#heat-toggle").click()
    expect(page.locator("#heat-note")).to_contain_text("An estimate for unit 3")
    if screenshots is not None:
        page.evaluate("scrollTo(0, 0)")
        page.wait_for_timeout(1500)
        page.screenshot(path=screenshots / "what-if.png")

    page.locator("#to-compare").click()
    expect(page.locator("#compare-caption-A textarea")).to_have_value(false_caption)
    expect(page.locator("#compare-image img")).to_be_visible()
    true_caption = false_caption.replace("a beach of yellow sand", "a dark sky full of stars")
    page.locator("#compare-caption-B textarea").fill(true_caption)
    page.locator("#compare-button").click()
    expect(page.locator("#compare-table .cmp-entry")).to_have_count(2)
    if screenshots is not None:
        page.wait_for_timeout(1500)
        page.screenshot(path=screenshots / "compare.png", full_page=True)


def test_photograph_is_told_that_the_bundled_model_knows_drawn_scenes_only(
    open_bundled_page: OpenPage, tmp_path: Path
) -> None:
    grain = np.random.default_rng(5).normal(0, 12, (300, 400, 3))
    light = np.linspace(60, 200, 300)[:, None, None]
    photograph = tmp_path / "photograph.jpg"
    Image.fromarray((light + grain).clip(0, 255).astype(np.uint8)).save(photograph)
    page = open_bundled_page()
    page.locator("#image input[type=file]").set_input_files(photograph)
    expect(page.locator("#image img")).to_be_visible()
    page.locator("#caption textarea").fill(CAPTION)
    page.locator("#score-button").click()
    expect(page.locator("#photo-notice")).to_contain_text("knows drawn scenes only")
    expect(page.locator("#f-clip-score")).to_be_visible()
    headline = page.locator("#headline").inner_text()

    # The button fetches the model for photographs; without a network it says so and nothing is lost.
    page.locator("#switch-button").click()
    expect(page.locator(".toast-body").last).to_contain_text("specs download specs")
    assert page.locator("#headline").inner_text() == headline
    expect(page.locator("#chip")).to_contain_text("scenes")
    expect(page.locator("#curve .js-line").first).to_be_visible()
