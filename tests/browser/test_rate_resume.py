"""What a rater has entered and where the rater looks: kept over reloads, restarts, and on other devices."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from annotations.assignment import next_item
from annotations.drafts import load_draft
from annotations.revisions import ratings

OpenPage = Callable[..., Page]
Rate = Any  # RatePage of conftest.py


def transform(page: Page) -> str:
    """Return how the image is zoomed and moved."""
    shown: str = page.locator(".ra-zoom img").evaluate("image => image.style.transform")
    return shown


def draft_of(rate: Rate, rater: str) -> dict[str, Any]:
    """Return the draft of the item that a rater has in hand."""
    held = next_item(rate.engine, rater)
    assert held is not None
    draft = load_draft(rate.engine, rater, held.item_id)
    assert draft is not None
    return draft


def test_form_when_opened_on_another_device_has_answers_cursor_and_zoom(
    open_rate: OpenPage, rate: Rate
) -> None:
    campaign = rate.campaign()
    page = open_rate()
    rater = rate.begin(page, campaign)
    page.keyboard.press("h")
    page.locator("#rate-comment").fill("half done")
    for _ in range(3):
        page.get_by_role("button", name="Zoom in").click()
    box = page.locator(".ra-zoom").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 200, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 150, box["y"] + 130, steps=3)
    page.mouse.up()
    page.locator("#rate-scales [data-row]").nth(1).locator("input").first.focus()
    rate.wait_for_draft(page)
    page.wait_for_timeout(600)
    rate.wait_for_draft(page)
    zoomed = transform(page)
    assert "scale(2.744)" in zoomed

    other = open_rate(width=390, height=844)
    rate.begin(other, campaign, rater)

    assert rate.verdicts(other) == ["hallucinated"]
    expect(other.locator("#rate-comment")).to_have_value("half done")
    assert transform(other) == zoomed
    expect(other.locator("[data-row].ra-current")).to_contain_text("Thoroughness")
    expect(other.locator("#rate-status")).to_contain_text("resumed")
    other.keyboard.press("Escape")
    other.keyboard.press("0")
    assert "scale(1)" in transform(other)


def test_draft_when_the_server_is_away_is_tried_again_until_it_is_there(
    open_rate: OpenPage, rate: Rate
) -> None:
    page = open_rate()
    rater = rate.begin(page, rate.campaign())
    failures = []

    def lose(route: Route) -> None:
        failures.append(route)
        if len(failures) < 3:
            route.abort()
        else:
            route.continue_()

    page.route("**/rating/draft", lose)
    page.keyboard.press("u")

    expect(page.locator("#rate-status")).to_contain_text("Draft not saved: the server does not answer")
    assert rate.verdicts(page) == ["unsure"]
    rate.wait_for_draft(page)
    assert draft_of(rate, rater)["verdicts"] == ["unsure", None]


def test_drafts_when_answers_follow_fast_are_sent_one_at_a_time_and_in_order(
    open_rate: OpenPage, rate: Rate
) -> None:
    page = open_rate()
    rater = rate.begin(page, rate.campaign())
    under_way: list[int] = []
    sent: list[list[str | None]] = []

    def slow(route: Route) -> None:
        assert not under_way
        under_way.append(1)
        sent.append(json.loads(route.request.post_data)["content"]["verdicts"])
        reply = route.fetch()
        page.wait_for_timeout(500)
        under_way.clear()
        route.fulfill(response=reply)

    page.route("**/rating/draft", slow)
    page.keyboard.press("s")
    page.wait_for_timeout(450)
    page.keyboard.press("h")
    page.wait_for_timeout(450)
    page.keyboard.press("k")
    page.keyboard.press("u")
    page.wait_for_timeout(1500)
    rate.wait_for_draft(page)

    assert sent[0] == ["supported", None]
    assert sent[-1] == ["supported", "unsure"]
    assert draft_of(rate, rater)["verdicts"] == ["supported", "unsure"]


def test_draft_when_the_page_is_closed_at_once_is_sent_all_the_same(open_rate: OpenPage, rate: Rate) -> None:
    page = open_rate()
    rater = rate.begin(page, rate.campaign())
    page.keyboard.press("h")
    page.goto("about:blank")

    for _ in range(50):
        held = next_item(rate.engine, rater)
        assert held is not None
        if held.draft is not None:
            break
        page.wait_for_timeout(100)
    assert draft_of(rate, rater)["verdicts"] == ["hallucinated", None]


@pytest.fixture
def bare_page(browser: Browser) -> Iterator[Page]:
    """A page that belongs to no server yet."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield context.new_page()
    context.close()


def test_form_when_the_server_restarts_goes_on_without_a_reload(
    bare_page: Page,
    rate: Rate,
    start_app: Callable[..., AbstractContextManager[str]],
    tiny_checkpoint: Path,
    tmp_path: Path,
) -> None:
    page = bare_page
    settings = {"SPECS_MODEL": str(tiny_checkpoint)}
    with start_app(tmp_path, settings) as url:
        own = type(rate).of(tmp_path / "data")
        page.goto(url)
        rater = own.begin(page, own.campaign())
        port = url.rpartition(":")[2]
        page.keyboard.press("h")
        own.wait_for_draft(page)
    page.keyboard.press("s")
    expect(page.locator("#rate-status")).to_contain_text("the server does not answer")
    for digit in "245":
        page.keyboard.press(digit)
    page.keyboard.press("Enter")
    expect(page.locator("#rate-status")).to_contain_text("Not saved yet")

    with start_app(tmp_path, {**settings, "SPECS_PORT": port}):
        expect(page.locator("#rate-receipt")).to_contain_text("receipt 1")

    [stored] = ratings(own.engine, rater=rater, all_revisions=True)
    assert [one.verdict for one in stored.verdicts] == ["hallucinated", "supported"]


def test_time_that_is_worked_is_counted_and_stored(open_rate: OpenPage, rate: Rate) -> None:
    page = open_rate()
    rater = rate.begin(page, rate.campaign())
    page.clock.install()
    page.reload()
    page.get_by_role("tab", name="Rate").click()
    rate.fill_in(page)
    # Nobody touches anything for ten minutes: only the first of them counts.
    page.clock.run_for(600_000)
    page.keyboard.press("Enter")
    expect(page.locator("#rate-receipt")).to_contain_text("receipt 1")
    [stored] = ratings(rate.engine, rater=rater)
    assert stored.active_seconds is not None
    assert 55 <= stored.active_seconds <= 150
