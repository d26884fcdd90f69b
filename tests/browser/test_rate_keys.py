"""The Rate page by keyboard: scales of every range, undo, and keys that the rater changes."""

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

from annotations.questions import Question
from annotations.revisions import ratings

OpenPage = Callable[..., Page]
Rate = Any  # RatePage of conftest.py

SCALES = (
    Question(name="fit", label="Fit", low=0, high=100, labels={0: "none", 100: "perfect"}),
    Question(name="fluency", label="Fluency", low=1, high=7, labels={1: "broken", 4: "fair", 7: "native"}),
    Question(name="detail", label="Detail", low=1, high=10),
    Question(name="change", label="Change", low=-2, high=2),
)


def test_scales_of_any_range_when_answered_by_key_are_stored(open_rate: OpenPage, rate: Rate) -> None:
    page = open_rate()
    rater = rate.begin(page, rate.campaign(questions=SCALES, asks_verdicts=False))
    expect(page.locator("#rate-units")).to_have_count(0)
    scales = page.locator("#rate-scales [data-row]")
    # What the levels mean stands at the ends and in the titles.
    expect(scales.nth(1)).to_contain_text("broken")
    expect(scales.nth(1)).to_contain_text("native")
    expect(scales.nth(1).locator("label").nth(3)).to_have_attribute("title", "4: fair")
    expect(scales.nth(0).locator("input[type=range]")).to_have_attribute("aria-valuetext", "not answered")

    page.keyboard.type("73")
    expect(scales.nth(0).locator("input[type=range]")).to_have_value("73")
    page.keyboard.press("j")
    page.keyboard.press("6")
    page.keyboard.press("0")
    # The first of five answers, which is -2.
    page.keyboard.press("1")
    expect(page.locator("#rate-count")).to_have_text("4 of 4")
    page.keyboard.press("Enter")

    expect(page.locator("#rate-receipt")).to_contain_text("receipt 1")
    [stored] = ratings(rate.engine, rater=rater)
    assert dict(stored.answers) == {"fit": 73, "fluency": 6, "detail": 10, "change": -2}


def test_number_when_outside_its_scale_is_refused_with_a_sentence(open_rate: OpenPage, rate: Rate) -> None:
    page = open_rate()
    rater = rate.begin(page, rate.campaign(questions=SCALES[:1], asks_verdicts=False))

    page.locator("#rate-scales input[type=number]").fill("101")

    expect(page.locator("#rate-status")).to_have_text("Fit is a whole number from 0 to 100.")
    page.keyboard.press("Enter")
    expect(page.locator("#rate-status")).to_have_text("Still open: 1 scale.")
    assert list(ratings(rate.engine, rater=rater)) == []


def test_campaign_with_verdicts_only_when_rated_by_key_asks_nothing_else(
    open_rate: OpenPage, rate: Rate
) -> None:
    page = open_rate()
    rater = rate.begin(page, rate.campaign(questions=(), captions=2))
    expect(page.locator("#rate-scales [data-row]")).to_have_count(0)
    first = page.locator("#rate-caption").inner_text()

    page.keyboard.press("s")
    page.keyboard.press("u")
    page.keyboard.press("Enter")
    expect(page.locator("#rate-receipt")).to_contain_text("receipt 1")
    page.keyboard.press("n")

    expect(page.locator("#rate-caption")).not_to_have_text(first)
    [stored] = ratings(rate.engine, rater=rater)
    assert [one.verdict for one in stored.verdicts] == ["supported", "unsure"]


def test_step_when_undone_takes_back_one_answer_at_a_time(open_rate: OpenPage, rate: Rate) -> None:
    page = open_rate()
    rate.begin(page, rate.campaign())
    page.keyboard.press("s")
    page.keyboard.press("h")
    page.keyboard.press("k")
    page.keyboard.press("u")
    assert rate.verdicts(page) == ["supported", "unsure"]

    page.keyboard.press("z")
    assert rate.verdicts(page) == ["supported", "hallucinated"]
    page.keyboard.press("z")
    assert rate.verdicts(page) == ["supported"]
    page.keyboard.press("z")
    assert rate.verdicts(page) == []
    page.keyboard.press("z")
    expect(page.locator("#rate-status")).to_have_text("Nothing to undo here.")


def test_key_when_changed_holds_after_a_reload_and_stands_on_the_button(
    open_rate: OpenPage, rate: Rate
) -> None:
    page = open_rate()
    rate.begin(page, rate.campaign())
    supported = page.locator("#rate-units label[data-answer=supported]").first
    expect(supported.locator("kbd")).to_have_text("S")
    page.locator("#rate-keys-open").click()
    note = page.locator("#rate-keys-note")

    page.locator("#rate-key-settings button[name=supported]").click()
    page.keyboard.press("h")
    expect(note).to_have_text("H is “unit is hallucinated” already; give that another key first.")
    page.keyboard.press("ArrowDown")
    expect(note).to_contain_text("is needed to move about the page")
    page.keyboard.press("f")
    expect(note).to_have_text("“unit is supported” is F now.")
    # A battle is another page, so its keys may be the same.
    page.locator("#rate-key-settings button[name=left]").click()
    page.keyboard.press("f")
    expect(note).to_have_text("“caption A is better” is F now.")
    page.locator("#rate-keys-done").click()
    expect(supported.locator("kbd")).to_have_text("F")

    page.reload()
    page.get_by_role("tab", name="Rate").click()
    expect(supported.locator("kbd")).to_have_text("F")
    page.keyboard.press("s")
    page.keyboard.press("f")
    assert rate.verdicts(page) == ["supported"]

    page.locator("#rate-keys-open").click()
    page.locator("#rate-keys-reset").click()
    page.locator("#rate-keys-done").click()
    expect(supported.locator("kbd")).to_have_text("S")


def test_instructions_when_asked_for_by_key_stand_over_the_form(open_rate: OpenPage, rate: Rate) -> None:
    campaign = rate.campaign(guideline="# Look twice\n\nThe *corners* too. <b>not bold</b>")
    page = open_rate()
    rate.begin(page, campaign)
    expect(page.locator("#rate-help")).to_have_count(0)

    page.keyboard.press("?")

    expect(page.locator("#rate-help h1")).to_have_text("Look twice")
    expect(page.locator("#rate-help em")).to_have_text("corners")
    expect(page.locator("#rate-help")).to_contain_text("<b>not bold</b>")
    # What is pressed in a dialog is not meant for the form behind it.
    page.keyboard.press("h")
    assert rate.verdicts(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("h")
    assert rate.verdicts(page) == ["hallucinated"]
