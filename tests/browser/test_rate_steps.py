"""From one item to the next: instructions, training, skipping, going back, taking back, what came back."""

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect
from sqlalchemy import select

from annotations.assignment import own_place
from annotations.campaigns import change_campaign
from annotations.engine import writing
from annotations.places import hand_back
from annotations.revisions import ratings
from annotations.schema import assignments, raters

OpenPage = Callable[..., Page]
Rate = Any  # RatePage of conftest.py


def submit(page: Page, rate: Rate, overall: int = 3) -> str:
    """Rate the caption that is shown, and return it."""
    caption: str = page.locator("#rate-caption").inner_text()
    rate.fill_in(page, overall)
    page.keyboard.press("Enter")
    expect(page.locator("#rate-receipt")).to_contain_text("Saved ✓ receipt")
    return caption


def test_training_item_comes_first_and_says_what_was_expected(open_rate: OpenPage, rate: Rate) -> None:
    campaign = rate.campaign()
    caption = "A red disc floats over the ground. A purple dog sleeps in the grass under it."
    half = caption.index(" ", len(caption) // 2) + 1
    rate.training(
        campaign,
        caption,
        {
            "verdicts": [
                {"start": 0, "end": half, "verdict": "hallucinated"},
                {"start": half, "end": len(caption), "verdict": "hallucinated"},
            ],
            "answers": {"overall": [1, 2]},
            "feedback": "There is only <b>noise</b>.",
        },
    )
    page = open_rate()
    rate.begin(page, campaign)
    expect(page.locator("#rate-training")).to_contain_text("This one does not count")
    assert submit(page, rate, overall=5) == caption

    feedback = page.locator("#rate-feedback")
    expect(feedback).to_contain_text("Training: 1 of 3 as expected")
    checks = feedback.locator(".ra-check")
    assert checks.evaluate_all("all => all.map(row => row.dataset.right)") == ["yes", "no", "no"]
    expect(checks.nth(1)).to_contain_text("supported · expected hallucinated")
    expect(checks.nth(2)).to_contain_text("5 · expected 1 to 2")
    expect(feedback).to_contain_text("There is only <b>noise</b>.")

    page.keyboard.press("n")
    expect(page.locator("#rate-training")).to_have_count(0)


def test_instructions_when_they_are_new_are_shown_again_before_the_form(
    open_rate: OpenPage, rate: Rate
) -> None:
    campaign = rate.campaign(guideline="The first text.")
    page = open_rate()
    rate.begin(page, campaign)
    page.reload()
    page.get_by_role("tab", name="Rate").click()
    expect(page.locator("#rate-submit")).to_be_visible()
    expect(page.locator("#rate-help")).to_have_count(0)

    change_campaign(rate.engine, campaign, guideline="The second text.")
    page.reload()
    page.get_by_role("tab", name="Rate").click()

    expect(page.locator("#rate-help")).to_contain_text("The second text.")


def test_submission_when_taken_back_opens_the_form_with_its_answers(open_rate: OpenPage, rate: Rate) -> None:
    page = open_rate()
    rater = rate.begin(page, rate.campaign())
    caption = submit(page, rate, overall=5)
    assert len(list(ratings(rate.engine, rater=rater))) == 1

    page.keyboard.press("z")

    expect(page.locator("#rate-status")).to_contain_text("Taken back")
    expect(page.locator("#rate-caption")).to_have_text(caption)
    assert rate.verdicts(page) == ["hallucinated", "supported"]
    expect(page.locator("#rate-count")).to_have_text("5 of 5")
    assert list(ratings(rate.engine, rater=rater)) == []
    page.keyboard.press("Enter")
    expect(page.locator("#rate-receipt")).to_contain_text("Saved ✓ receipt")
    assert [stored.answers["overall"] for stored in ratings(rate.engine, rater=rater)] == [5]


def test_own_rating_when_gone_back_to_is_revised_and_the_next_one_goes_on(
    open_rate: OpenPage, rate: Rate
) -> None:
    page = open_rate()
    rater = rate.begin(page, rate.campaign(captions=3))
    first = submit(page, rate)
    page.keyboard.press("n")
    expect(page.locator("#rate-submit")).to_be_visible()
    second = submit(page, rate)
    page.keyboard.press("n")
    expect(page.locator("#rate-submit")).to_be_visible()
    page.keyboard.press("s")

    # The newest first; from there back to the one before it.
    page.keyboard.press("Backspace")
    expect(page.locator("#rate-history .ra-past")).to_have_count(2)
    page.keyboard.press("Enter")
    expect(page.locator("#rate-caption")).to_have_text(second)
    page.keyboard.press("[")
    expect(page.locator("#rate-history")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator("#rate-caption")).to_have_text(first)
    expect(page.locator("#rate-again")).to_contain_text("Submitting replaces that rating")
    page.reload()
    page.get_by_role("tab", name="Rate").click()
    expect(page.locator("#rate-caption")).to_have_text(first)
    submit(page, rate, overall=5)
    page.keyboard.press("n")

    expect(page.locator("#rate-status")).to_contain_text("resumed")
    assert rate.verdicts(page) == ["supported"]
    stored = {one.caption: one.answers["overall"] for one in ratings(rate.engine, rater=rater)}
    assert stored == {first: 5, second: 3}


def test_item_when_it_came_back_shows_the_reason_on_top(open_rate: OpenPage, rate: Rate) -> None:
    page = open_rate()
    rater = rate.begin(page, rate.campaign(captions=2))
    caption = submit(page, rate)
    [stored] = ratings(rate.engine, rater=rater)
    with writing(rate.engine) as connection:
        rater_id = connection.scalar(select(raters.c.id).where(raters.c.name == rater))
        hand_back(connection, stored.item_id, rater_id, reason="The <i>second</i> unit is there.")

    page.keyboard.press("n")

    expect(page.locator("#rate-returned")).to_contain_text("The <i>second</i> unit is there.")
    expect(page.locator("#rate-caption")).to_have_text(caption)
    assert rate.verdicts(page) == ["hallucinated", "supported"]


def test_skip_when_a_reason_is_given_keeps_it_and_goes_on(open_rate: OpenPage, rate: Rate) -> None:
    page = open_rate()
    rater = rate.begin(page, rate.campaign(captions=2))
    caption = page.locator("#rate-caption").inner_text()
    page.keyboard.press("x")
    page.keyboard.press("Escape")
    expect(page.locator("#rate-skip")).to_be_focused()
    page.keyboard.press("x")
    page.keyboard.type("too small")
    page.keyboard.press("Enter")

    expect(page.locator("#rate-caption")).not_to_have_text(caption)
    with rate.engine.connect() as connection:
        reasons = connection.execute(
            select(assignments.c.skip_reason)
            .join(raters, raters.c.id == assignments.c.rater_id)
            .where(raters.c.name == rater, assignments.c.skip_reason.is_not(None))
        )
        assert reasons.scalars().all() == ["too small"]


def test_progress_when_something_is_rated_says_how_much_and_how_fast(open_rate: OpenPage, rate: Rate) -> None:
    campaign, other = rate.campaign(captions=2), rate.campaign()
    page = open_rate()
    rater = rate.begin(page, campaign)
    expect(page.locator("#rate-progress")).to_have_text("0 of 2 · 0 today")
    submit(page, rate)
    expect(page.locator("#rate-progress")).to_contain_text("1 of 2 · 1 today")
    [stored] = ratings(rate.engine, rater=rater)
    assert own_place(rate.engine, rater, stored.item_id).state == "done"

    page.locator("#rate-campaign").select_option(other)
    expect(page.locator("#rate-help")).to_be_visible()
    page.locator("#rate-help-done").click()
    expect(page.locator("#rate-progress")).to_have_text("0 of 1 · 0 today")
    page.reload()
    page.get_by_role("tab", name="Rate").click()
    expect(page.locator("#rate-campaign")).to_have_value(other)


def test_page_when_everything_is_rated_says_what_to_do_next(open_rate: OpenPage, rate: Rate) -> None:
    page = open_rate()
    rate.begin(page, rate.campaign())
    submit(page, rate)
    page.keyboard.press("n")

    expect(page.locator(".ra-empty h2")).to_have_text("All done")
    expect(page.get_by_role("button", name="See the analysis")).to_have_count(0)
    page.get_by_role("button", name="Go to Inspect").click()
    expect(page.locator("#score-button")).to_be_visible()
