"""The default dip threshold of a model in a real browser: where the slider starts, and who may move it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from annotations.thresholds import NewThreshold, Promise, set_threshold, withdraw_threshold
from specs_core.checkpoints import file_sha256

OpenPage = Callable[..., Page]
CAPTION = (
    "A drawing of a few things. A red disc floats on the left, above the green ground. A blue square stands "
    "on the right. To its left there is a large purple dog."
)


@pytest.fixture
def default(rate, tiny_checkpoint: Path) -> Iterator[float]:
    """A default of the tiny model, which it has for one test."""
    rate.code("ada", "admin")
    sha256 = file_sha256(tiny_checkpoint)
    new = NewThreshold(
        model_sha256=sha256,
        model="tiny",
        threshold=0.0312345,
        n_images=120,
        n_units=600,
        unsure="left_out",
        choice={},
        promise=Promise(0.2, 0.1, 0, 0.5, 0.1, 0.05, 0.2, 40),
        application_version="1",
    )
    set_threshold(rate.engine, new, actor="ada")
    yield new.threshold
    withdraw_threshold(rate.engine, sha256, actor="ada", application_version="1")


def value(page: Page) -> float:
    return float(page.locator("#threshold input[type=number]").input_value())


def test_slider_starts_at_the_default_and_says_where_it_comes_from(
    default: float, open_page: OpenPage
) -> None:
    page = open_page()
    note = page.locator("#threshold-note .lens-host")
    expect(note).to_contain_text("Default of this model: 0.031, calibrated on 120 images on 20")
    expect(note).to_contain_text("at most 20% of flags wrong is promised on images like those")
    assert value(page) == default
    page.locator("#examples [data-example='2']").click()
    expect(page.locator("#units .lens-u").first).to_be_visible()
    assert value(page) == default
    page.wait_for_function("location.search.includes('threshold=0.0312345')")


def test_own_threshold_is_kept_through_a_scoring_and_in_the_address(
    default: float, open_page: OpenPage
) -> None:
    page = open_page()
    expect(page.locator("#threshold-note .lens-host")).to_contain_text("Default of this model")
    page.locator("#threshold input[type=number]").fill("0")
    page.locator("#threshold input[type=number]").press("Enter")
    page.locator("#examples [data-example='2']").click()
    expect(page.locator("#units .lens-u").first).to_be_visible()
    expect(page.locator("#f-clip-score")).to_be_visible()
    assert value(page) == 0
    page.wait_for_function("location.search.includes('threshold=0')")
    page.goto(page.url)
    expect(page.locator("#units .lens-u").first).to_be_visible()
    assert value(page) == 0


def test_model_without_a_default_starts_at_zero_without_a_sentence(open_scored: OpenPage) -> None:
    page = open_scored(CAPTION)
    assert value(page) == 0
    expect(page.locator("#threshold-note")).to_be_hidden()
    assert "threshold" not in page.url
