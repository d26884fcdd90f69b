"""The address of a view, in a real browser: it follows the page, and opens the page as it was."""

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, expect

OpenPage = Callable[..., Page]
CAPTION = (
    "A drawing of a few things. A red disc floats on the left, above the green ground. A blue square stands "
    "on the right. To its left there is a large purple dog."
)


def address(page: Page) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def test_an_example_has_an_address_that_opens_it_with_unit_threshold_and_heat_map(
    open_page: OpenPage,
) -> None:
    page = open_page()
    page.locator("#examples [data-example='2']").click()
    expect(page.locator("#f-clip-score")).to_be_visible()
    page.locator("#units .lens-u").nth(2).click()
    page.locator("#heat-toggle").click()
    page.locator("#words-shaded").uncheck()
    page.locator("#threshold input[type=number]").fill("0.01")
    page.locator("#threshold input[type=number]").press("Enter")
    page.wait_for_function("location.search.includes('threshold=0.01')")
    found = address(page)
    assert found["item"].startswith("example-")
    assert found["item"].endswith("-false")
    assert (found["unit"], found["heat"], found["words"]) == ("3", "on", "off")
    caption = page.locator("#caption textarea").input_value()
    cosines = page.locator("#units-table td:nth-child(3)").all_inner_texts()

    page.goto(page.url)
    expect(page.locator("#units .lens-u").first).to_be_visible()
    expect(page.locator("#details")).to_contain_text("3 · ")
    expect(page.locator("#heat-note")).to_contain_text("An estimate for unit 3")
    assert page.locator("#caption textarea").input_value() == caption
    assert page.locator("#units-table td:nth-child(3)").all_inner_texts() == cosines
    assert page.locator("#threshold input[type=number]").input_value() == "0.01"
    expect(page.locator("#words-shaded")).not_to_be_checked()


def test_a_caption_is_stored_only_when_its_link_is_asked_for_and_the_link_opens_it(
    open_scored: OpenPage,
) -> None:
    page = open_scored(CAPTION)
    assert "item" not in address(page)
    page.locator("#units .lens-u").nth(1).click()
    page.locator("#copy-link").click()
    page.wait_for_function("location.search.includes('item=')")
    expect(page.locator("#share-note")).to_contain_text("ink")
    url = page.url
    score = page.locator("#headline .lens-big").inner_text()
    page.goto(url)
    expect(page.locator("#details")).to_contain_text("2 · ")
    assert page.locator("#caption textarea").input_value() == CAPTION
    assert page.locator("#headline .lens-big").inner_text() == score
    assert address(page)["item"] == parse_qs(urlsplit(url).query)["item"][0]
    # Another caption is another view: the address lets go of the item.
    page.locator("#caption textarea").fill("A red disc floats on the left. A blue square stands.")
    page.locator("#score-button").click()
    page.wait_for_function("!location.search.includes('item=')")


def test_an_address_that_names_nothing_here_says_so_and_leaves_the_page_usable(open_page: OpenPage) -> None:
    page = open_page()
    page.goto(f"{page.url}&item={'0' * 32}")
    expect(page.locator(".toast-body").last).to_contain_text("not stored on this server")
    page.locator("#examples [data-example='1']").click()
    expect(page.locator("#units .lens-u").first).to_be_visible()
    page.goto(f"{page.url.split('?')[0]}?units=grammar&threshold=0.05")
    expect(page.locator("#threshold input[type=number]")).to_have_value("0.05")
    expect(page.locator("#segmenter input")).to_have_value("grammar")


def test_corrected_units_of_an_example_are_no_longer_the_example(open_page: OpenPage) -> None:
    page = open_page()
    page.locator("#examples [data-example='1']").click()
    expect(page.locator("#f-clip-score")).to_be_visible()
    page.wait_for_function("location.search.includes('item=example')")
    page.locator("#edit-units").click()
    page.locator(".lens-edge").first.click()
    page.locator("#unit-apply").click()
    page.wait_for_function("!location.search.includes('item=')")
    page.locator("#copy-link").click()
    expect(page.locator("#share-note")).to_contain_text("not saved yet")
